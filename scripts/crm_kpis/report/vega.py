"""The charting library, Vega, as one script: taken from the package vl-convert-python, which carries it."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

# What the page's own script needs of it, under one name.
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def read_bundle() -> str:
    """The script with Vega, Vega-Lite and Vega-Embed.

    To put it together takes seconds, so that it is kept beside the installed packages, where that can be
    written: what is kept belongs to one version of the package.
    """
    path = Path(sys.prefix) / "share" / "crm-kpis" / f"vega-{version('vl-convert-python')}.js"
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        bundle = _make_bundle()
    # Where it can't be kept, the next report takes the seconds again.
    with suppress(OSError):
        _write_whole(path, bundle)
    return bundle


def _make_bundle() -> str:
    import vl_convert  # noqa: PLC0415 - 80 MB, and needed but once

    # Between script tags nothing may look like their end.
    return (
        vl_convert.javascript_bundle(_SNIPPET).replace("</script", r"<\/script").replace("<!--", r"\x3c!--")
    )


def _write_whole(path: Path, text: str) -> None:
    """Write a file that other processes see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)
