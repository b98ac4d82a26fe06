"""Snapshots of the published marts: Parquet files and a manifest, whole or not there at all.

A snapshot is written into a hidden directory beside its place, brought to the disk, and renamed. Replacing
one takes two renames, between which the name leads nowhere for a moment; who is killed right there leaves the
old snapshot under a hidden name, and the next one who looks for it puts it back.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unicodedata
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.files import sync
from crm_kpis.printable import is_unshown
from crm_kpis.project import IS_CHECKOUT, PROJECT_DIR
from crm_kpis.published.connect import open_published
from crm_kpis.run.lock import lock_output
from crm_kpis.snapshots.manifest import FILE_NAME as MANIFEST
from crm_kpis.snapshots.manifest import (
    SQL_PART,
    DataFile,
    Definition,
    Manifest,
    RawRows,
    hash_file,
    read_manifest,
    verify,
)
from crm_kpis.sql import quote_identifier, quote_text

DIRECTORY = "snapshots"
# The first two are what there is to compare; the others need not be there.
_NEEDED = ("kpi_values", "kpi_catalogue")
_OPTIONAL = ("kpi_evaluation", "kpi_scorecard", "kpi_target_status")
# What makes the value of a KPI, and what tells a better one from a worse. Its labels do not, nor the segments
# by which it is shown: with more of them each row means the same.
_DEFINING_COLUMNS = (
    *("unit", "good", "aggregation", "numerator", "denominator", "squares", "sample_measure", "per_unit"),
    *("interval_method", "dated_by", "formula_en"),
)
_MEASURE_COLUMNS = ("numerator", "denominator", "squares", "sample_measure")

_LONGEST_NAME = 80
_FORBIDDEN = frozenset('/\\:*?"<>|')
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
# A name does not start with a dot, so these are nobody's.
_UNFINISHED, _REPLACED = ".unfinished", ".replaced"


def check_name(name: str) -> str:
    """Check that a name can be that of a snapshot, on any file system.

    Args:
        name: The name as the user gave it.

    Returns:
        The name in Unicode's composed form: there are two ways to write ü, and one name.

    Raises:
        InputError: It can't; the message says why.
    """
    name = unicodedata.normalize("NFC", name)
    reason = _find_fault(name)
    if reason:
        raise InputError(
            f"{name[:_LONGEST_NAME]!r} can't be the name of a snapshot: {reason}. "
            "Take letters, digits, blanks, - and _, such as before-go-live."
        )
    return name


def _find_fault(name: str) -> str | None:
    faults = {
        "it is empty": not name,
        f"it is longer than {_LONGEST_NAME} characters": len(name) > _LONGEST_NAME
        or len(name.encode(errors="replace")) > 2 * _LONGEST_NAME,
        "it is not the name of one directory": bool(_FORBIDDEN.intersection(name)),
        "it holds a character that is not shown": any(map(is_unshown, name)),
        "it starts with a dot or a hyphen": name.startswith((".", "-")),
        "it starts or ends with a blank, or ends with a dot": name != name.strip() or name.endswith("."),
        "Windows keeps it for itself": _RESERVED.fullmatch(name) is not None,
    }
    return next((reason for reason, is_true in faults.items() if is_true), None)


def check_free(snapshots: Path, name: str) -> None:
    """Check that there is no snapshot of a name yet.

    Raises:
        InputError: There is one.
    """
    if os.path.lexists(snapshots / name):
        raise InputError(
            f"The snapshot {name} is there already, in {snapshots}. Choose another name, or add --replace."
        )


def take_snapshot(
    output: Path,
    name: str,
    *,
    snapshots: Path | None = None,
    replace: bool = False,
) -> Path:
    """Export the published marts as a snapshot.

    Args:
        output: The output directory of `crm-kpis run`, which holds the published file.
        name: The name of the snapshot.
        snapshots: The directory of the snapshots; None: `snapshots` in the output directory.
        replace: Whether a snapshot of that name may be replaced.

    Returns:
        The directory of the snapshot.

    Raises:
        InputError: The name is none or taken, nothing is published, or the snapshot can't be written.
    """
    name = check_name(name)
    snapshots = snapshots or output / DIRECTORY
    target, unfinished = snapshots / name, snapshots / f".{name}{_UNFINISHED}"
    if not replace:
        check_free(snapshots, name)
    with open_published(output, threads=1) as connection:
        try:
            snapshots.mkdir(parents=True, exist_ok=True)
            with _lock(snapshots):
                recover(snapshots)
                if replace:
                    _refuse_other_directories(target)
                else:
                    check_free(snapshots, name)
                unfinished.mkdir()
                try:
                    _export(connection, unfinished)
                    _put_in_place(unfinished, target)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
        except (duckdb.Error, OSError) as error:
            raise InputError(
                f"The snapshot {name} could not be written: {first_line(str(error))}. Nothing is left of it."
            ) from error
    return target


def list_snapshots(snapshots: Path) -> list[str]:
    """The names of the snapshots in a directory, which need not exist; they need not be whole."""
    if any(snapshots.glob(f".*{_REPLACED}")):
        with _lock(snapshots):
            recover(snapshots)
    return sorted(
        entry.parent.name for entry in snapshots.glob(f"*/{MANIFEST}") if entry.parent.name[0] != "."
    )


def open_snapshot(snapshots: Path, name: str) -> tuple[Path, Manifest]:
    """Find a snapshot by its name and check that it is whole.

    Args:
        snapshots: The directory of the snapshots.
        name: The name, as the user gave it.

    Returns:
        The directory of the snapshot, and its manifest.

    Raises:
        InputError: There is no such snapshot, it is damaged, or another version of crm-kpis wrote it.
    """
    name = check_name(name)
    there = list_snapshots(snapshots)
    if name not in there and not os.path.lexists(snapshots / name):
        known = (
            f"There are: {', '.join(there)}."
            if there
            else "There is none yet: take one with crm-kpis snapshot."
        )
        raise InputError(f"There is no snapshot {name} in {snapshots}. {known}")
    manifest = read_manifest(snapshots / name)
    verify(snapshots / name, manifest)
    return snapshots / name, manifest


def recover(snapshots: Path) -> None:
    """Remove what a killed process has left, and put back the snapshot that it was about to replace.

    Args:
        snapshots: The directory of the snapshots, with no other process writing to it.
    """
    for entry in sorted(snapshots.glob(f".*{_REPLACED}")):
        target = snapshots / entry.name[1 : -len(_REPLACED)]
        if os.path.lexists(target):
            _remove(entry)
        else:
            entry.rename(target)
    for entry in sorted(snapshots.glob(f".*{_UNFINISHED}")):
        _remove(entry)


def describe_marts(connection: duckdb.DuckDBPyConnection, files: tuple[DataFile, ...] = ()) -> Manifest:
    """Make the manifest of what is published.

    Args:
        connection: To the published marts, as open_published returns it.
        files: The tables as they were exported.
    """
    tables = _tables(connection)
    return Manifest(
        as_of=_read_as_of(connection),
        project_version=version("crm-kpis"),
        git_commit=_read_git_commit(),
        duckdb_version=duckdb.__version__,
        raw_rows=_read_raw_rows(connection) if "raw_row_counts" in tables else (),
        definitions=_read_definitions(connection, with_sql="measure_definitions" in tables),
        files=files,
    )


def _lock(snapshots: Path) -> AbstractContextManager[None]:
    # Whoever takes a snapshot there is done in a moment, so nothing is said of the wait.
    return lock_output(snapshots, tell_wait=lambda _: None)


def _export(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    there = _tables(connection)
    missing = [table for table in _NEEDED if table not in there]
    if missing:
        raise InputError(
            f"The published marts lack {' and '.join(missing)}: another version of crm-kpis published them. "
            "Run crm-kpis run again."
        )
    exported = sorted(set(_NEEDED + _OPTIONAL) & there)
    files = tuple(_export_table(connection, table, directory) for table in exported)
    manifest = describe_marts(connection, files)
    (directory / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    for entry in sorted(directory.iterdir()):
        sync(entry)
    sync(directory)


def _export_table(connection: duckdb.DuckDBPyConnection, table: str, directory: Path) -> DataFile:
    path = directory / f"{table}.parquet"
    # In one order and by one thread: otherwise the bytes would differ from export to export.
    rows = connection.execute(
        f"copy (from {quote_identifier(table)} order by all) to {quote_text(str(path))}"
        " (format parquet, compression zstd)"
    ).fetchall()[0][0]
    return DataFile(table, rows, path.stat().st_size, hash_file(path))


def _put_in_place(unfinished: Path, target: Path) -> None:
    replaced = target.with_name(f".{target.name}{_REPLACED}")
    if os.path.lexists(target):
        target.rename(replaced)
    unfinished.rename(target)
    sync(target.parent)
    if os.path.lexists(replaced):
        _remove(replaced)


def _refuse_other_directories(target: Path) -> None:
    if os.path.lexists(target) and not (target / MANIFEST).is_file():
        raise InputError(
            f"{target} is no snapshot, so it is not replaced. Remove it, or choose another name."
        )


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute("select table_name from duckdb_tables() where schema_name = current_schema()")
    return {name for (name,) in rows.fetchall()}


def _read_as_of(connection: duckdb.DuckDBPyConnection) -> Any:
    # The period 'all' ends with it.
    query = "select max(period_end) from kpi_values where period_grain = 'all'"
    return connection.execute(query).fetchall()[0][0]


def _read_raw_rows(connection: duckdb.DuckDBPyConnection) -> tuple[RawRows, ...]:
    columns = ", ".join(RawRows.__dataclass_fields__)
    query = f"select {columns} from raw_row_counts order by raw_table"
    return tuple(RawRows(*row) for row in connection.execute(query).fetchall())


def _read_definitions(connection: duckdb.DuckDBPyConnection, *, with_sql: bool) -> dict[str, Definition]:
    cursor = connection.execute("from kpi_catalogue order by kpi_id")
    names = [column[0] for column in cursor.description]
    kpis = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    query = "select measure, sql_sha256 from measure_definitions"
    hashes = dict(connection.execute(query).fetchall()) if with_sql else {}
    return {kpi["kpi_id"]: _define(kpi, hashes) for kpi in kpis}


def _define(kpi: dict[str, Any], hashes: dict[str, str]) -> Definition:
    measures = [kpi.get(column) for column in _MEASURE_COLUMNS]
    return {column: kpi[column] for column in _DEFINING_COLUMNS if column in kpi} | {
        f"{SQL_PART}{measure}": hashes[measure] for measure in measures if measure in hashes
    }


def _read_git_commit() -> str | None:
    """The commit of the project, or None where git or a repository is missing."""
    if not IS_CHECKOUT:
        return None
    command = ["git", "-C", str(PROJECT_DIR), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
