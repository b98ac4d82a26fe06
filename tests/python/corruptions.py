"""Breaks raw directories at random, in ways that exports are broken."""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from crm_kpis.generate.run import generate
from crm_kpis.generate.sample import SAMPLE_PROPORTIONS
from pipeline import CONTRACT, SAMPLE_DIR, SAMPLE_SETTINGS, read_csv, write_csv
from sizes import IS_FULL

_CORRUPTIONS = 50
# The directory that is built by `crm-kpis run` and by `dbt build`, too.
BUILT = 3

_JUNK = [
    "?",
    "n/a",
    "NULL",
    "null",
    "-",
    "\\N",
    "true",
    "0",
    "-1",
    "1,5",
    "1.234,56",
    "12.0",
    "0x1F",
    "\uff11\uff12",
    "\u0663",
]
_NUMBERS = [
    "9" * 30,
    "99999999999999.9999",
    "-99999999999999.9999",
    "1e18",
    "-1e400",
    "0.00000000001",
    "1e-400",
]
_NO_NUMBERS = ["NaN", "inf", "-Infinity", "1/0"]
_DATES = [
    *("2025-02-30", "2025-13-01", "0000-00-00", "1969-12-31T23:59:59Z", "2100-01-01", "25/12/2025", "45123"),
    *("2025-06-31T25:61:00Z", "294247-01-10", "infinity", "-infinity", "epoch", "2025-06-30T24:00:00Z"),
    *("2025-03-30T02:30:00+14:59", "2025-W07-1", "20250630", "June 30, 2025", "2087-12-31T23:59:59Z"),
]
_TEXTS = [
    "'; drop table raw.deals; --",
    "{{ 1 / 0 }}{% raw %}{{ var('as_of') }}",
    'said "no"; with, all|the\tdelimiters',
    '"',
    "a line\nbroken in two",
    "a line\r\nbroken as in Windows",
    "\n",
    "\t tab \t",
    "\u202ereversed\u202c \u200fright to left",
    # One at the beginning of a line is where a second file begins, which is refused.
    "a byte\ufeff order mark",
    "\u00a0no-break blanks\u2003",
    "\U0001d4b3 😀 ﬀ İ ß e\u0301",
    "<script>alert(1)</script>&amp;",
    "=cmd|' /C calc'!A0",
    "C:\\temp\\new 100 % $1 %s {0} [a]*?",
    "(none)",
    "(unknown)",
    "all",
    "x" * 10_000,
    "😀" * 10_000,
]


@dataclass
class Row:
    """A record, and which one of the source it is.

    Attributes:
        fields: The values, in the order of the header.
        origin: The position in the source's file.
        is_intact: Whether the values are those of the source.
    """

    fields: list[str]
    origin: int
    is_intact: bool = True


@dataclass
class Table:
    """A raw table that can be corrupted."""

    name: str
    header: list[str]
    rows: list[Row]
    delimiter: str = ","
    line_end: str = "\n"
    has_mark: bool = False
    is_zipped: bool = False

    @classmethod
    def read(cls, source: Path, name: str) -> Table:
        file = read_csv(source / f"{name}.csv")
        return cls(name, file.header, [Row(fields, line) for line, fields in enumerate(file.rows.values())])

    def write(self, directory: Path) -> None:
        path = directory / f"{self.name}.csv"
        rows = [row.fields for row in self.rows]
        write_csv(path, self.header, rows, delimiter=self.delimiter, lineterminator=self.line_end)
        if self.has_mark:
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        if self.is_zipped:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()


_Corruption = Callable[[Table, random.Random], None]


def _in_a_field(change: Callable[[str, random.Random], str]) -> _Corruption:
    def corrupt(table: Table, rng: random.Random) -> None:
        row = rng.choice(table.rows)
        position = rng.randrange(len(table.header))
        row.fields[position] = change(row.fields[position], rng)
        row.is_intact = False

    return corrupt


def _duplicate_a_row(table: Table, rng: random.Random) -> None:
    row = rng.choice(table.rows)
    table.rows.insert(rng.randrange(len(table.rows)), Row(list(row.fields), row.origin, is_intact=False))


def _delete_a_row(table: Table, rng: random.Random) -> None:
    table.rows.pop(rng.randrange(len(table.rows)))


def _swap_two_fields(table: Table, rng: random.Random) -> None:
    row = rng.choice(table.rows)
    first, second = rng.sample(range(len(table.header)), 2)
    row.fields[first], row.fields[second] = row.fields[second], row.fields[first]
    row.is_intact = False


def _drop_an_optional_column(table: Table, rng: random.Random) -> None:
    optional = {column.name for column in CONTRACT[table.name].columns if not column.required}
    droppable = [position for position, name in enumerate(table.header) if name in optional]
    if not droppable:
        return
    position = rng.choice(droppable)
    table.header.pop(position)
    for row in table.rows:
        row.fields.pop(position)
        row.is_intact = False


def _reorder_columns(table: Table, rng: random.Random) -> None:
    order = rng.sample(range(len(table.header)), len(table.header))
    table.header = [table.header[position] for position in order]
    for row in table.rows:
        row.fields = [row.fields[position] for position in order]


def _in_the_file(**options: object) -> _Corruption:
    def corrupt(table: Table, _: random.Random) -> None:
        for name, value in options.items():
            setattr(table, name, value)

    return corrupt


CORRUPTIONS: dict[str, _Corruption] = {
    "blank": _in_a_field(lambda _, rng: rng.choice(["", "   "])),
    "junk": _in_a_field(lambda _, rng: rng.choice(_JUNK)),
    "huge number": _in_a_field(lambda _, rng: rng.choice(_NUMBERS)),
    "no number": _in_a_field(lambda _, rng: rng.choice(_NO_NUMBERS)),
    "odd date": _in_a_field(lambda _, rng: rng.choice(_DATES)),
    "hostile text": _in_a_field(lambda _, rng: rng.choice(_TEXTS)),
    "upper case": _in_a_field(lambda value, _: value.upper()),
    "blanks before": _in_a_field(lambda value, rng: " " * rng.randint(1, 9) + value),
    "duplicate": _duplicate_a_row,
    "delete": _delete_a_row,
    "swap": _swap_two_fields,
    "drop column": _drop_an_optional_column,
    "reorder columns": _reorder_columns,
    "semicolons": _in_the_file(delimiter=";"),
    "byte order mark": _in_the_file(has_mark=True),
    "CR LF": _in_the_file(line_end="\r\n"),
    "gzip": _in_the_file(is_zipped=True),
}


@dataclass
class Corrupted:
    """A raw directory made from another.

    Attributes:
        path: The directory.
        tables: The tables that were corrupted, by name.
        kinds: The kind and the table of each corruption.
    """

    path: Path
    tables: dict[str, Table] = field(default_factory=dict)
    kinds: list[tuple[str, str]] = field(default_factory=list)


def choose(number: int) -> tuple[random.Random, list[tuple[str, str]]]:
    """The kind and the table of each corruption of a directory, the same for the same number."""
    rng = random.Random(f"corruptions {number}")  # noqa: S311
    return rng, [(rng.choice(list(CORRUPTIONS)), rng.choice(list(CONTRACT))) for _ in range(_CORRUPTIONS)]


def write_source(directory: Path) -> Path:
    """What is corrupted: a small company with flaws of its own; in `make test-all` the sample."""
    if IS_FULL:
        return SAMPLE_DIR
    generate(directory, deals=300, flaws=True, file_format="csv", proportions=SAMPLE_PROPORTIONS)
    shutil.copytree(SAMPLE_SETTINGS, directory / "settings")
    return directory


def corrupt(source: Path, number: int, directory: Path) -> Corrupted:
    """Write the tables with random corruptions, the same for the same number."""
    rng, kinds = choose(number)
    corrupted = Corrupted(directory, kinds=kinds)
    shutil.copytree(source, directory)
    for kind, name in kinds:
        table = corrupted.tables.setdefault(name, Table.read(source, name))
        CORRUPTIONS[kind](table, rng)
    for table in corrupted.tables.values():
        (directory / f"{table.name}.csv").unlink()
        table.write(directory)
    return corrupted
