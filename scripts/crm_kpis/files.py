"""Writes files that are whole or not there, and on the disk for good."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that readers see whole or not at all. A reader of the old file keeps it.

    Args:
        path: The file. Its directory is made if it is not there.
        content: Its new content; text is written as UTF-8.

    Raises:
        OSError: The directory can't be written, or the disk is full. The old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(name).chmod(0o666 & ~read_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_umask() -> int:
    """The bits of a mode that this process takes from the files that it makes."""
    # Only by setting it can it be read.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def private_files() -> Iterator[None]:
    """Let only the user read the files that are made while the block lasts."""
    mask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(mask)


def sync(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk.

    Raises:
        OSError: The disk refuses, for instance because it is full.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
