"""The company's logo: a picture beside the settings, which the report carries inside itself."""

from __future__ import annotations

import base64
from pathlib import Path

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
# The page of the report holds it, and is mailed.
_LARGEST = 200_000


def read_logo(name: str, entries: dict[str, Path]) -> tuple[str | None, str | None]:
    """The picture as a data URI, and what is wrong with it as the end of a sentence; one of the two is None.

    Args:
        name: The name of the file.
        entries: The files of the settings directory by their names.
    """
    kind = _TYPES.get(Path(name).suffix.lower())
    if kind is None:
        return None, f"it must be the name of a picture that ends with {', '.join(_TYPES)}."
    if name not in entries:
        return None, "the settings directory has no such file. Put the picture beside settings.yml."
    try:
        content = entries[name].read_bytes()
    except OSError as error:
        return None, f"it can't be read: {error.strerror}."
    if len(content) > _LARGEST:
        return None, f"it has {len(content):,} bytes. Make it smaller than {_LARGEST:,}."
    return f"data:{kind};base64,{base64.b64encode(content).decode()}", None
