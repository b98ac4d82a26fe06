"""The published marts: the DuckDB file that BI tools, the report and snapshots read, and never the warehouse.

`crm-kpis run` puts a new file in its place as a whole, so a connection sees one state from its first query to
its last.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.sql import quote_text

# Not named like the schema: DuckDB finds marts.kpi_values ambiguous in a file marts.duckdb.
FILE_NAME = "kpis.duckdb"
SCHEMA = "marts"
# No network is ever asked.
OFFLINE: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_LOCK_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


def open_published(output: Path, **config: Any) -> duckdb.DuckDBPyConnection:
    """Open the published marts read-only; `kpi_values` means `marts.kpi_values`, and times are in UTC.

    Args:
        output: The output directory of `crm-kpis run`.
        config: Further settings of DuckDB.

    Raises:
        InputError: Nothing is published there, or the file can't be read.
    """
    path = output / FILE_NAME
    if not path.exists():
        raise InputError(
            f"No marts are published in {output} yet: {FILE_NAME} is missing. Run crm-kpis run first."
        )
    try:
        connection = duckdb.connect(path, read_only=True, config=OFFLINE | config)
    except duckdb.Error as error:
        raise InputError(explain_unusable(path, str(error), "read")) from error
    try:
        connection.execute(f"set search_path = '{SCHEMA}'")
        connection.execute("set TimeZone = 'UTC'")
        # It would go to standard output, among the rows.
        connection.execute("set enable_progress_bar = false")
    except duckdb.Error as error:
        connection.close()
        raise InputError(f"{path} does not hold the published marts. Run crm-kpis run again.") from error
    return connection


@contextmanager
def readable(published: Path) -> Iterator[Path]:
    """The published file, or a copy of it where another process has opened it for writing.

    Args:
        published: The file.

    Yields:
        A path that DuckDB can attach. A copy is removed afterwards.

    Raises:
        OSError: The file can't be copied.
    """
    copy = published.parent / f".{FILE_NAME}.{os.getpid()}.history"
    try:
        with duckdb.connect(config=OFFLINE) as connection:
            connection.execute(f"attach {quote_text(str(published))} as kpis (read_only)")
    except duckdb.IOException:
        shutil.copyfile(published, copy)
        try:
            yield copy
        finally:
            copy.unlink(missing_ok=True)
    else:
        yield published


def explain_unusable(path: Path, message: str, verb: str) -> str:
    """Say in one line why DuckDB can't open a file, and what to do.

    Args:
        path: The file.
        message: DuckDB's message.
        verb: What could not be done: read or written.
    """
    holder = _LOCK_HOLDER.search(message)
    if holder or "Could not set lock" in message:
        who = f": {holder['program']}, PID {holder['pid']}" if holder else ""
        return f"{path} is open in another process{who}. Close it there, or choose another --output."
    return f"{path} can't be {verb}: {first_line(message)}. Remove it, or choose another --output."
