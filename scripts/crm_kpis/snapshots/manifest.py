"""The manifest of a snapshot: what its files hold, where they come from, and the hashes that show damage."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from crm_kpis.errors import InputError

FILE_NAME = "manifest.json"
# Raised when what stands in a manifest, or how it is hashed, changes its meaning.
FORMAT_VERSION = 1
# Before the name of a measure: the part of a definition that is the hash of the measure's SQL.
SQL_PART = "sql of "
_CHUNK = 1 << 20

Definition = dict[str, "str | int | float | None"]


@dataclass(frozen=True)
class DataFile:
    """A table of a snapshot, in the file <table>.parquet.

    Attributes:
        table: The name that the table has where it is published.
        rows: How many rows it has.
        size_bytes: The size of the file.
        sha256: The hash of its bytes.
    """

    table: str
    rows: int
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The name of the file in the snapshot's directory."""
        return f"{self.table}.parquet"


@dataclass(frozen=True)
class RawRows:
    """What became of the rows of a raw table."""

    raw_table: str
    rows_read: int
    rows_staged: int
    rows_rejected: int
    values_rejected: int


@dataclass(frozen=True)
class Manifest:
    """What a snapshot holds. It has no time of day and no name: the same marts make the same manifest.

    Attributes:
        as_of: The last day that counts; None where no KPI has a value.
        project_version: The version of crm-kpis that wrote the snapshot.
        git_commit: The commit of the project, with -dirty behind it where files differ; None without git.
        duckdb_version: DuckDB's version, on which the bytes of the files depend, too.
        raw_rows: The rows of each raw table; empty where that is not published.
        definitions: For each KPI the parts that make its value: those of its row in the catalogue, and
            `sql of <measure>`, the hash of the SQL that computes a measure of it, where that is known.
        files: The tables.
    """

    as_of: date | None
    project_version: str
    git_commit: str | None
    duckdb_version: str
    raw_rows: tuple[RawRows, ...]
    definitions: dict[str, Definition]
    files: tuple[DataFile, ...]

    def to_json(self) -> str:
        """The manifest as it stands in its file, with hashes of each definition and of itself."""
        content = asdict(self) | {
            "format_version": FORMAT_VERSION,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "definitions": {
                kpi_id: {"sha256": hash_json(parts), "parts": parts}
                for kpi_id, parts in self.definitions.items()
            },
        }
        return json.dumps(content | {"sha256": hash_json(content)}, ensure_ascii=False, indent=2) + "\n"


def hash_json(content: Any) -> str:
    """The SHA-256 of a value that JSON can hold, in one canonical form.

    >>> hash_json({"b": 1, "a": None}) == hash_json({"a": None, "b": 1})
    True
    """
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of a snapshot, and check that it is whole and of a version that is known.

    Args:
        directory: The directory of the snapshot.

    Raises:
        InputError: There is no snapshot, it is damaged, or another version of crm-kpis wrote it.
    """
    path = directory / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{directory} holds no snapshot: {FILE_NAME} is missing.") from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise damaged(directory, f"{FILE_NAME} is no JSON") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version != FORMAT_VERSION:
        raise InputError(_explain_version(directory, version))
    if not isinstance(content, dict) or content.pop("sha256", None) != hash_json(content):
        raise damaged(directory, f"{FILE_NAME} is not as it was written")
    return Manifest(
        as_of=date.fromisoformat(content["as_of"]) if content["as_of"] else None,
        project_version=content["project_version"],
        git_commit=content["git_commit"],
        duckdb_version=content["duckdb_version"],
        raw_rows=tuple(RawRows(**rows) for rows in content["raw_rows"]),
        definitions={kpi_id: entry["parts"] for kpi_id, entry in content["definitions"].items()},
        files=tuple(DataFile(**file) for file in content["files"]),
    )


def verify(directory: Path, manifest: Manifest, tables: set[str] | None = None) -> None:
    """Check that the files of a snapshot are as they were written.

    Args:
        directory: The directory of the snapshot.
        manifest: Its manifest.
        tables: The tables to check; None: all of them.

    Raises:
        InputError: A file is missing, or its bytes are others.
    """
    for file in manifest.files:
        if tables is not None and file.table not in tables:
            continue
        path = directory / file.file_name
        try:
            is_whole = path.stat().st_size == file.size_bytes and hash_file(path) == file.sha256
        except FileNotFoundError as error:
            raise damaged(directory, f"{file.file_name} is missing") from error
        except OSError as error:
            raise InputError(f"{path} can't be read: {error.strerror}.") from error
        if not is_whole:
            raise damaged(directory, f"{file.file_name} is not as it was written")


def damaged(directory: Path, reason: str) -> InputError:
    """The error for a snapshot that is not as it was written."""
    return InputError(
        f"The snapshot {directory} is damaged: {reason}. Restore it from a copy, or remove the directory."
    )


def _explain_version(directory: Path, version: int) -> str:
    start = f"The snapshot {directory} has a manifest of version {version}, which this crm-kpis can't read:"
    if version > FORMAT_VERSION:
        return f"{start} it knows version {FORMAT_VERSION}. Update crm-kpis."
    return f"{start} the oldest that it knows is {FORMAT_VERSION}. Take the snapshot again, with --replace."
