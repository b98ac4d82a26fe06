"""One run at a time in an output directory."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from crm_kpis.errors import InputError, MachineError

FILE_NAME = ".run.lock"
_PAUSE_S = 0.2


@contextmanager
def lock_output(output: Path, tell_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Keep other runs out of an output directory, as long as this process lives or the block lasts.

    The kernel lets go of the lock when the process ends, however it ends. The file stays: removing it would
    let two processes lock two files of the same name. It holds who has the lock.

    Args:
        output: The directory.
        tell_wait: Where another run has the lock: called once with who it is, then its end is awaited. None:
            it is an error.

    Raises:
        InputError: Another run has the lock.
        MachineError: The directory can't be written.
    """
    path = output / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MachineError(
            f"The output directory {output} can't be written: {error.strerror}. Choose another --output."
        ) from error
    try:
        if not _try_lock(descriptor):
            holder = _describe_holder(path)
            if tell_wait is None:
                raise InputError(
                    f"{holder} in {output}. Let it finish, add --wait, or choose another --output."
                )
            tell_wait(f"{holder} in {output}.")
            while not _try_lock(descriptor):
                time.sleep(_PAUSE_S)
        _write_holder(descriptor)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int) -> None:
    since = datetime.now(timezone.utc).isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": since}).encode(), 0)


def _describe_holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"Another run, PID {holder['pid']} since {holder['since']}, is at work"
    except (OSError, ValueError, KeyError, TypeError):
        return "Another run is at work"  # it has the lock, and has not yet written who it is
