"""A raw directory: any of the contract's tables, each a file <table>.parquet, <table>.csv or <table>.csv.gz.

`inspect` looks at names and headers, which is quick. `register` brings the tables into the warehouse as the
schema `raw`, which reads each CSV file once; Parquet files stay where they are.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.raw import csv_file
from crm_kpis.raw.columns import FileColumn, MendableError, describe_all, match_columns, shorten, shown_names
from crm_kpis.raw.contract import RawColumn, RawTable, read_contract
from crm_kpis.raw.csv_file import CsvHeader, CsvScan, EncodingError
from crm_kpis.raw.formats import COLUMNS_FILE, FORMATS_FILE, RawFormat, RawFormats
from crm_kpis.raw.personal_keys import MASKED, mask_keys, register_personal_values
from crm_kpis.sources.mapping import SourceMapping
from crm_kpis.sources.place import fingerprint
from crm_kpis.sql import quote_identifier, quote_path, quote_text

SCHEMA = "raw"
FORMATS = ("parquet", "csv", "csv.gz")  # of two files of one table the first of these is read
_SPREADSHEETS = ("xlsx", "xls", "xlsm", "ods")
# How alike a file's name is to that of a table: deal or deals_2024 to deals, not costs to products.
_LIKELY_TABLE = 0.7

_MISSING_PARQUET_TYPES = {"text": "varchar", "integer": "bigint", "decimal": "decimal(18, 4)"}
# What staging can cast by itself; everything else becomes text.
_KEPT_PARQUET_TYPES = {
    *("VARCHAR", "BOOLEAN", "FLOAT", "DOUBLE", "DATE", "TIME"),
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
}
_PARQUET_ROW_NUMBER = "cast(file_row_number + 1 as bigint)"
_DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")
# DuckDB's default; a CSV file with longer records is read with larger buffers.
_USUAL_RECORD = 2_000_000


@dataclass(frozen=True)
class RawFile:
    """The file of a raw table.

    Attributes:
        table: The table that the file holds.
        path: The absolute path.
        file_format: One of FORMATS.
        size_bytes: The size on disk.
        columns: All columns of the file, in its order.
        matches: The column of the file for each column of the contract that it has.
        header: The dialect; None for Parquet.
        raw_format: How it is written.
    """

    table: RawTable
    path: Path
    file_format: str
    size_bytes: int
    columns: tuple[FileColumn, ...]
    matches: dict[str, FileColumn]
    header: CsvHeader | None
    raw_format: RawFormat = field(default_factory=RawFormat)

    @property
    def missing_columns(self) -> tuple[str, ...]:
        """The optional columns of the contract that the file does not have."""
        return tuple(column.name for column in self.table.columns if column.name not in self.matches)


@dataclass(frozen=True)
class RawDirectory:
    """The files of a raw directory that are read, in the contract's order, and what is odd about it.

    Attributes:
        path: The absolute path.
        files: The files that are read; at least one.
        warnings: One sentence each, for the user.
        contract: The raw tables, with the company's own columns.
        formats: How the files are written.
    """

    path: Path
    files: tuple[RawFile, ...]
    warnings: tuple[str, ...]
    contract: tuple[RawTable, ...] = field(default_factory=read_contract)
    formats: RawFormats = field(default_factory=RawFormats)


def inspect(
    directory: Path | None,
    contract: tuple[RawTable, ...] | None = None,
    formats: RawFormats | None = None,
) -> RawDirectory:
    """Find the tables of a raw directory and check their columns against the contract.

    CSV files are read up to their header, Parquet files up to their schema.

    Args:
        directory: The directory, absolute or relative to the current directory; None: no file is read.
        contract: The raw tables with the company's own columns; None: without.
        formats: How the files are written; None: as the contract has it.

    Raises:
        InputError: There is no such directory, it holds no raw table, or a file is not what its name says or
            lacks a required or an own column.
    """
    contract, formats = contract or read_contract(), formats or RawFormats()
    if directory is None:
        return RawDirectory(Path(), (), (), contract, formats)
    path = Path(os.path.abspath(directory))  # resolve() would show the user another path than the one given
    entries = _list_entries(path)
    found = {table.name: _find_formats(table, entries) for table in contract}
    files = _inspect_files(path, contract, found, formats)
    unknown_files = _warn_of_unknown_files(path, entries, found)
    if not files:
        names = ", ".join(table.name for table in contract)
        rule = (
            f"{path} holds no raw table. Put there at least one file that is named <table>.parquet, "
            f"<table>.csv or <table>.csv.gz, with one of these tables: {names}."
        )
        raise InputError("\n".join([rule, *unknown_files]))
    warnings = [
        *unknown_files,
        *_warn_of_second_files(path, found),
        *(warning for file in files for warning in _warn_of_columns(file)),
    ]
    return RawDirectory(path, files, tuple(warnings), contract, formats)


def register(
    connection: duckdb.DuckDBPyConnection, raw_directory: RawDirectory, mapping: SourceMapping | None = None
) -> None:
    """Bring the tables of a raw directory into the warehouse as the schema `raw`, in place of what was there.

    Each table has the contract's columns and `_row_number`. A CSV file becomes a table, because it is read
    several times; a Parquet file becomes a view, because reading it is cheap and it may be large. A table
    without a file is empty. `raw._files` lists what was read. It is all one transaction.

    Args:
        connection: A connection that may write, with no transaction open.
        raw_directory: What `inspect` returned.
        mapping: The vendors' tables that fill raw tables without a file; None: there are none.

    Raises:
        InputError: A CSV file is not UTF-8, has ragged rows or an unclosed quote; or a vendor's table
            can't be read.
    """
    files = {file.table.name: file for file in raw_directory.files}
    connection.execute("begin")
    try:
        connection.execute(f"drop schema if exists {SCHEMA} cascade")
        connection.execute(f"create schema {SCHEMA}")
        connection.execute(
            f"create table {SCHEMA}._files"
            " (table_name varchar, file_name varchar, format varchar, size_bytes bigint, row_count bigint,"
            " loaded_at timestamp)"
        )
        mapping = mapping or SourceMapping()
        filled = mapping.fill(connection, files)
        landed_at = _find_landing(mapping) if filled else None
        for table in raw_directory.contract:
            file = files.get(table.name)
            if file is None and table.name in filled:
                connection.execute(
                    f"insert into {SCHEMA}._files"
                    f" select ?, ?, 'source', null, count(*), ? from {_relation(table)}",
                    [table.name, f"{table.name} of {filled[table.name]}", landed_at],
                )
                continue
            if file is None:
                _create_empty_table(connection, table)
                continue
            rows = (
                _load_csv(connection, file, file.header)
                if file.header
                else _create_parquet_view(connection, file)
            )
            connection.execute(
                f"insert into {SCHEMA}._files values (?, ?, ?, ?, ?, ?)",
                [
                    table.name,
                    file.path.name,
                    file.file_format,
                    file.size_bytes,
                    rows,
                    _in_utc(file.path.stat().st_mtime),
                ],
            )
        register_personal_values(connection, SCHEMA, raw_directory.contract, raw_directory.formats.published)
        connection.execute(f"create table {SCHEMA}.{MASKED} (table_name varchar, column_name varchar)")
        if raw_directory.formats.masks_names:
            mask_keys(connection, SCHEMA, raw_directory.contract)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _find_landing(mapping: SourceMapping) -> datetime:
    """When the files of the sources were last written, in UTC; where one is a server, now."""
    places = [spec.place for spec in mapping.settings.sources]
    if any(place.url for place in places):
        return datetime.now(timezone.utc).replace(tzinfo=None)
    return _in_utc(max(written / 1e9 for place in places for *_, written in fingerprint(place)))


def _in_utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)


def check_readable(raw_directory: RawDirectory) -> None:
    """Read each column of the Parquet files, to find out which one can't be read.

    Registered, they are read only by the models, whose errors name neither file nor column.

    Raises:
        InputError: A column is damaged, or holds a value that its type can't.
    """
    parquet = [file for file in raw_directory.files if file.header is None]
    with duckdb.connect(config={"autoload_known_extensions": False}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for file in parquet:
            for column in file.table.columns:
                if column.name not in file.matches:
                    continue
                expression = _parquet_expression(file, column).rpartition(" as ")[0]
                try:
                    connection.execute(f"select bit_xor(hash({expression})) from {_read_parquet(file.path)}")
                except duckdb.Error as error:
                    raise InputError(
                        f"{file.path}: the column {file.matches[column.name].name!r} can't be read:"
                        f" {first_line(str(error))}. Write the file again."
                    ) from error


def plain_parquet_columns(file: RawFile) -> dict[str, FileColumn] | None:
    """The columns of a Parquet file that another engine may read from it as they are, but for addresses.

    Args:
        file: A file that `inspect` found.

    Returns:
        The file's column for each column of the contract that it has; None where `register` reads one of them
        in another way, two names differ only in case, or the file is no Parquet.
    """
    names = [column.name.lower() for column in file.columns]
    if file.file_format != "parquet" or len(set(names)) < len(names):
        return None
    # To mask an address is simple enough to do it there, too.
    file = replace(file, raw_format=replace(file.raw_format, masks_addresses=False))
    for column in file.table.columns:
        match = file.matches.get(column.name)
        plain = match and f"{quote_identifier(match.identifier)} as {quote_identifier(column.name)}"
        if match and _parquet_expression(file, column) != plain:
            return None
    return file.matches


def _list_entries(directory: Path) -> dict[str, Path]:
    """The directory's entries by name, without hidden ones."""
    if not directory.exists():
        raise InputError(f"The raw directory {directory} does not exist. Check the path.")
    if not directory.is_dir():
        raise InputError(
            f"{directory} is a file. Give the directory that holds the raw tables, "
            f"such as {directory.parent}."
        )
    try:
        return {entry.name: entry for entry in sorted(directory.iterdir()) if not entry.name.startswith(".")}
    except OSError as error:
        raise InputError(f"The raw directory {directory} can't be read: {error.strerror}.") from error


def _find_formats(table: RawTable, entries: dict[str, Path]) -> list[str]:
    return [file_format for file_format in FORMATS if f"{table.name}.{file_format}" in entries]


def _inspect_files(
    directory: Path, contract: tuple[RawTable, ...], found: dict[str, list[str]], formats: RawFormats
) -> tuple[RawFile, ...]:
    """All files that are read. Who maps an export sees all that is wrong at once."""
    files, errors = [], []
    for table in contract:
        if found[table.name]:
            try:
                files.append(_inspect_file(table, directory, found[table.name][0], formats.of(table)))
            except InputError as error:
                errors.append(error)
    if errors:
        raise InputError(describe_all(errors)) from errors[0]
    return tuple(files)


def _inspect_file(table: RawTable, directory: Path, file_format: str, raw_format: RawFormat) -> RawFile:
    path = directory / f"{table.name}.{file_format}"
    size = _measure(path)
    header = None
    if file_format == "parquet":
        columns = _read_parquet_columns(path)
    else:
        with _told_of_encoding(table):
            known = [*(column.name for column in table.columns), *raw_format.names.values()]
            header = csv_file.read_header(path, known, raw_format.encoding)
        columns = tuple(
            FileColumn(name, position, f"c{position}", "VARCHAR")
            for position, name in enumerate(header.columns)
        )
    matches = match_columns(table, path, columns, raw_format.names)
    return RawFile(table, path, file_format, size, columns, matches, header, raw_format)


@contextmanager
def _told_of_encoding(table: RawTable) -> Iterator[None]:
    """Let an error of encoding say how the settings name the encoding."""
    try:
        yield
    except EncodingError as error:
        raise MendableError(
            str(error), FORMATS_FILE, "raw_table,encoding", (f"{table.name},{error.likely}",)
        ) from error


def _measure(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error
    if not path.is_file():
        raise InputError(f"{path} is not a file. Put all rows of a table into one file.")
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes). Remove it, or write at least its header.")
    return size


def _read_parquet_columns(path: Path) -> tuple[FileColumn, ...]:
    with _opened(path) as file:
        start = file.read(4)
        file.seek(-min(4, os.fstat(file.fileno()).st_size), os.SEEK_END)
        end = file.read(4)
    if end == b"PARE":
        raise InputError(f"{path} is encrypted. Write it without encryption.")
    if (start, end) != (b"PAR1", b"PAR1"):
        raise InputError(
            f"{path} is no Parquet file, or was not written to its end. "
            "Write it again, or give it a name that ends in .csv if it is CSV."
        )
    try:
        with duckdb.connect(config={"autoload_known_extensions": False}) as connection:
            described = connection.execute(f"describe from {_read_parquet(path)}").fetchall()
            schema = connection.execute(
                f"select name, num_children from parquet_schema({quote_path(path)})"
            ).fetchall()
    except duckdb.Error as error:
        raise InputError(
            f"{path} can't be read as Parquet: {first_line(str(error))}. Write it again."
        ) from error
    # DuckDB tells apart names that differ only in case by changing them: the schema has them as they stand.
    names = _top_level_names(schema)
    return tuple(
        FileColumn(name, position, identifier, duckdb_type)
        for position, (name, (identifier, duckdb_type, *_)) in enumerate(zip(names, described, strict=True))
    )


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error


def _read_parquet(path: Path, options: str = "") -> str:
    # Otherwise a directory named day=3 would add a column.
    return f"read_parquet({quote_path(path)}, hive_partitioning = false{options})"


def _top_level_names(schema: list[tuple[str, int | None]]) -> list[str]:
    """The names of the columns in a Parquet schema: a tree, written depth first, below one root."""
    names, depth_first = [], iter(schema[1:])

    def skip_children(count: int | None) -> None:
        for _ in range(count or 0):
            skip_children(next(depth_first)[1])

    for name, child_count in depth_first:
        names.append(name)
        skip_children(child_count)
    return names


def _warn_of_unknown_files(path: Path, entries: dict[str, Path], found: dict[str, list[str]]) -> list[str]:
    known = {f"{table}.{file_format}" for table in found for file_format in FORMATS}
    # The settings may be beside the tables, and so may what `crm-kpis init` says of them.
    unknown = [
        name
        for name, entry in entries.items()
        if name not in known | {"README.md"} and not (name == "settings" and entry.is_dir())
    ]
    missing = [table for table, formats in found.items() if not formats]
    ways = {name: _way_to_read(name, known, missing) for name in unknown}
    warnings = [f"{path / name} is not read: {way}." for name, way in ways.items() if way]
    others = [name for name, way in ways.items() if not way]
    if others:
        warnings.append(f"{path}: no raw table, not read: {shorten(others)}.")
    return warnings


def _way_to_read(name: str, known: set[str], missing: list[str]) -> str | None:
    """What to do so that a file is read; None: it does not look like a raw table."""
    if name.lower() in known:
        return f"rename it {name.lower()}"
    stem, _, ending = name.lower().partition(".")
    likely = get_close_matches(stem, missing, n=1, cutoff=_LIKELY_TABLE)
    if likely and ending in FORMATS:
        return f"rename it {likely[0]}.{ending} if it holds that table"
    if likely and ending in _SPREADSHEETS:
        return f"save its sheet as CSV in UTF-8, {likely[0]}.csv"
    return None


def _warn_of_second_files(path: Path, found: dict[str, list[str]]) -> list[str]:
    warnings = []
    for table, (first, *others) in ((table, formats) for table, formats in found.items() if formats):
        if others:
            unread = " or ".join(f"{table}.{other}" for other in others)
            warnings.append(f"{path}: {table}.{first} is read, not {unread}.")
    return warnings


def _warn_of_columns(file: RawFile) -> list[str]:
    warnings = []
    renamed = [
        f"{match.name!r} as {name}"
        for name, match in file.matches.items()
        if match.name != name and name not in file.raw_format.names
    ]
    if renamed:
        warnings.append(f"{file.path}: reads the column {shorten(renamed)}.")
    read = {match.position for match in file.matches.values()}
    unread = tuple(column for column in file.columns if column.position not in read)
    if unread:
        hint = (
            f" If one of them is {shorten(list(file.missing_columns))},"
            f" map it in {COLUMNS_FILE} of the settings."
            if file.missing_columns
            else ""
        )
        warnings.append(
            f"{file.path}: no column of the contract, not read: {shorten(shown_names(unread))}.{hint}"
        )
    return warnings


def _create_empty_table(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    columns = "".join(f"{quote_identifier(column.name)} varchar, " for column in table.columns)
    connection.execute(f"create table {_relation(table)} ({columns}_row_number bigint)")


def _create_parquet_view(connection: duckdb.DuckDBPyConnection, file: RawFile) -> int:
    columns = "".join(f"{_parquet_expression(file, column)}, " for column in file.table.columns)
    source = _read_parquet(file.path, ", file_row_number = true")
    try:
        connection.execute(
            f"create view {_relation(file.table)} as"
            f" select {columns}{_PARQUET_ROW_NUMBER} as _row_number from {source}"
        )
        return connection.execute(
            f"select sum(num_rows)::bigint from parquet_file_metadata({quote_path(file.path)})"
        ).fetchall()[0][0]
    except duckdb.BinderException as error:
        raise InputError(f"{file.path} can't be read as Parquet: {first_line(str(error))}.") from error


def _parquet_expression(file: RawFile, column: RawColumn) -> str:
    alias = quote_identifier(column.name)
    match = file.matches.get(column.name)
    if match is None:
        missing = _PARQUET_ROW_NUMBER if column.or_row_number else "null"
        return (
            f"cast({missing} as {_MISSING_PARQUET_TYPES.get(column.data_type, column.data_type)}) as {alias}"
        )
    source = file.raw_format.rewrite(quote_identifier(match.identifier), column, match.duckdb_type)
    if source != quote_identifier(match.identifier):
        return f"{source} as {alias}"
    if match.duckdb_type in _KEPT_PARQUET_TYPES or _DECIMAL.fullmatch(match.duckdb_type):
        return f"{source} as {alias}"
    if match.duckdb_type == "BLOB":
        # Some writers mark text as mere bytes; what is no UTF-8 shows as \xAB, so that it can be found.
        return f"coalesce(try(decode({source})), cast({source} as varchar)) as {alias}"
    return f"cast({source} as varchar) as {alias}"


def _load_csv(connection: duckdb.DuckDBPyConnection, file: RawFile, header: CsvHeader) -> int:
    with _told_of_encoding(file.table), _in_utf8(file, header) as path:
        return _load_utf8(connection, file, header, path)


@contextmanager
def _in_utf8(file: RawFile, header: CsvHeader) -> Iterator[Path]:
    """The file, or a copy of it in UTF-8 while the block lasts."""
    if header.encoding == csv_file.UTF8:
        yield file.path
        return
    # Only its owner may read such a directory.
    with tempfile.TemporaryDirectory(prefix="crm-kpis-") as directory:
        copy = Path(directory) / f"{file.table.name}.csv"
        with csv_file.open_csv(file.path, header.encoding) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield copy


def _load_utf8(connection: duckdb.DuckDBPyConnection, file: RawFile, header: CsvHeader, path: Path) -> int:
    scan = csv_file.scan(file.path, header)
    source = f"(select *, row_number() over () as record from {_read_csv(path, file, header, scan)})"
    parameters: list[list[int]] = []
    if len(scan.line_offsets) <= 1:
        line = f"record + {scan.line_offsets[0][1] if scan.line_offsets else 0}"
    else:
        line = "record + line_offset"
        source += (
            " asof join (select unnest(?::bigint[]) as first_record, unnest(?::bigint[]) as line_offset)"
            " on record >= first_record"
        )
        parameters = [list(numbers) for numbers in zip(*scan.line_offsets, strict=True)]
    row_number = f"cast({line} as bigint)"
    columns = "".join(f"{_csv_expression(file, column, row_number)}, " for column in file.table.columns)
    try:
        connection.execute(
            f"create table {_relation(file.table)} as"
            f" select {columns}{row_number} as _row_number from {source}",
            parameters,
        )
    except duckdb.InvalidInputException as error:
        what = csv_file.find_bad_record(file.path, header) or first_line(str(error))
        raise InputError(f"{file.path}: {what}. Correct the line, or export the file again.") from error
    rows = connection.execute(f"select count(*) from {_relation(file.table)}").fetchall()[0][0]
    if rows != scan.record_count:
        what = csv_file.find_bad_record(file.path, header) or (
            f"{scan.record_count} records are in the file, but DuckDB reads {rows}"
        )
        raise InputError(f"{file.path}: {what}. Correct the file, or write it as Parquet.")
    return rows


def _csv_expression(file: RawFile, column: RawColumn, row_number: str) -> str:
    match = file.matches.get(column.name)
    missing = f"cast({row_number if column.or_row_number else 'null'} as varchar)"
    source = file.raw_format.rewrite(match.identifier, column) if match else missing
    return f"{source} as {quote_identifier(column.name)}"


def _read_csv(path: Path, file: RawFile, header: CsvHeader, scan: CsvScan) -> str:
    columns = ", ".join(f"{column.identifier}: 'VARCHAR'" for column in file.columns)
    options = {
        "auto_detect": "false",
        "columns": f"{{{columns}}}",
        "header": "true",
        "skip": str(header.line - 1),
        "delim": quote_text(header.delimiter),
        "quote": "'\"'",
        "escape": "'\"'",
        "nullstr": "''",
        "strict_mode": "true",
        "null_padding": "false",
        "hive_partitioning": "false",
        "compression": "'gzip'" if path.suffix == ".gz" else "'none'",
    }
    if scan.longest_record > _USUAL_RECORD:
        options |= {
            "max_line_size": str(scan.longest_record + 1),
            "buffer_size": str(4 * scan.longest_record),
        }
    arguments = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({quote_path(path)}, {arguments})"


def _relation(table: RawTable) -> str:
    return f"{SCHEMA}.{quote_identifier(table.name)}"
