"""Which column of a file holds which column of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crm_kpis.errors import InputError
from crm_kpis.printable import printable
from crm_kpis.raw.contract import RawColumn, RawTable
from crm_kpis.raw.formats import COLUMNS_FILE

# No export of a table has so many columns, and each one costs time.
_MOST_COLUMNS = 10_000


@dataclass(frozen=True)
class FileColumn:
    """A column of a file.

    Attributes:
        name: The name in the file, as it stands.
        position: The first column is 0.
        identifier: The name under which DuckDB reads the column.
        duckdb_type: The type as which DuckDB reads it.
    """

    name: str
    position: int
    identifier: str
    duckdb_type: str


class MendableError(InputError):
    """A file that lines of a settings file would make readable.

    Attributes:
        what: What is wrong with the file, without the lines.
        settings_file: The settings file that would mend it.
        header: The columns of that file, as its first line has them.
        lines: The lines that would mend it, at least one.
    """

    def __init__(self, what: str, settings_file: str, header: str, lines: tuple[str, ...]) -> None:
        """Keep the parts; the message has the lines at its end."""
        self.what, self.settings_file, self.header, self.lines = what, settings_file, header, lines
        super().__init__(describe_all([self]))


def match_columns(
    table: RawTable, path: Path, columns: tuple[FileColumn, ...], names: dict[str, str]
) -> dict[str, FileColumn]:
    """The file's column for each column of the contract that it has.

    By the name that the settings say, else by its exact name, else without regard to case.

    Args:
        table: The raw table that the file holds.
        path: The file, for messages.
        columns: All columns of the file.
        names: The name in the file, by the name of the contract's column, as the settings have it.

    Raises:
        MendableError: The file lacks required columns.
        InputError: It lacks a column that the settings name, has two of one name, or too many.
    """
    if len(columns) > _MOST_COLUMNS:
        raise InputError(
            f"{path} has {len(columns):,} columns, and at most {_MOST_COLUMNS:,} are read. Export the columns"
            f" of the table {table.name} alone."
        )
    _refuse_duplicates(path, columns)
    found = {column.name: _find(table, path, columns, column, names) for column in table.columns}
    matches = {name: match for name, match in found.items() if match}
    missing = tuple(column for column in table.columns if column.must_be_there and column.name not in matches)
    if missing:
        required = ", ".join(column.name for column in table.columns if column.must_be_there)
        optional = shorten([column.name for column in table.columns if not column.must_be_there])
        columns_word, it = ("column", "it") if len(missing) == 1 else ("columns", "them")
        raise MendableError(
            f"{path} has no {columns_word} {', '.join(column.name for column in missing)}, which the table"
            f" {table.name} needs (required: {required}; optional: {optional}). Rename what holds {it}, or"
            f" add {it}. The file has: {shorten(shown_names(columns))}.",
            COLUMNS_FILE,
            "raw_table,column_name,name_in_file",
            tuple(f"{table.name},{column.name},<its name in the file>" for column in missing),
        )
    return matches


def describe_all(errors: Sequence[InputError]) -> str:
    """The errors of all files as one message, with the lines of the settings that would mend them at its end.

    Args:
        errors: At least one.
    """
    message = [error.what if isinstance(error, MendableError) else str(error) for error in errors]
    lines: dict[tuple[str, str], list[str]] = {}
    for error in errors:
        if isinstance(error, MendableError):
            lines.setdefault((error.settings_file, error.header), []).extend(error.lines)
    for (settings_file, header), mending in lines.items():
        message.append(f"Or leave the file as it is, and write into {settings_file} of the settings:")
        message.extend(f"  {line}" for line in (header, *mending))
    return "\n".join(message)


def shown_names(columns: tuple[FileColumn, ...]) -> list[str]:
    """The names of a file's columns, as messages show them."""
    return [
        column.name if column.name.strip() else f"(column {column.position + 1}, unnamed)"
        for column in columns
    ]


def shorten(names: list[str], most: int = 20) -> str:
    """The names as a list; of many only the first, cut where they are long."""
    shown = [name if len(name) <= 80 else name[:77] + "..." for name in map(printable, names[:most])]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more


def _find(
    table: RawTable, path: Path, columns: tuple[FileColumn, ...], column: RawColumn, names: dict[str, str]
) -> FileColumn | None:
    """The file's column that holds a column of the contract; None where there is none."""
    if column.name in names:
        return _find_named(table, path, columns, column, names[column.name])
    exact = [candidate for candidate in columns if candidate.name == column.name]
    similar = [candidate for candidate in columns if _normalize(candidate.name) == column.name]
    if not exact and len(similar) > 1:
        both = " and ".join(repr(candidate.name) for candidate in similar)
        raise InputError(
            f"{path} has the columns {both}, which could both be {column.name}. "
            f"Name the right one {column.name}."
        )
    if not exact and not similar and column.is_own:
        raise InputError(
            f"{path} has no column {column.name}, which own_columns.csv of the settings lists for"
            f" {table.name}. Correct the name there, or add the column. The file has:"
            f" {shorten(shown_names(columns))}."
        )
    return next(iter(exact or similar), None)


def _find_named(
    table: RawTable, path: Path, columns: tuple[FileColumn, ...], column: RawColumn, name: str
) -> FileColumn:
    for candidate in columns:
        if _normalize(candidate.name) == _normalize(name):
            return candidate
    raise InputError(
        f"{path} has no column {name!r}, which {COLUMNS_FILE} of the settings names as"
        f" {table.name}.{column.name}. Correct the line. The file has: {shorten(shown_names(columns))}."
    )


def _refuse_duplicates(path: Path, columns: tuple[FileColumn, ...]) -> None:
    counts = Counter(column.name for column in columns if column.name.strip())
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InputError(
            f"{path} has more than one column named {shorten(twice)}. Rename or remove one of them."
        )


def _normalize(name: str) -> str:
    return name.strip().lower()
