"""What a settings directory may hold: the tables and keys that models/settings/_sources.yml declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from crm_kpis.project import PROJECT_DIR
from crm_kpis.yaml_files import parse_yaml

DECLARATION_FILE = PROJECT_DIR / "models" / "settings" / "_sources.yml"
KEYS_FILE = "settings.yml"


@dataclass(frozen=True)
class Setting:
    """A column of a settings table, or a key of settings.yml.

    Attributes:
        name: The name.
        data_type: text, integer, decimal, number, boolean, date, time, list or mappings.
        description: The meaning, for people.
        required: Whether a row must have a value.
        default: Of a key, the value where the file does not have it.
        optional: Of a key, whether null is a value, too.
        values: The accepted values; empty: any.
        values_of: The accepted values by the value of another column; None: any.
        lowest: The smallest accepted number; None: any.
        highest: The greatest accepted number; None: any.
        check: The name of a further check in checks.py; None: none.
    """

    name: str
    data_type: str
    description: str
    required: bool = False
    default: Any = None
    optional: bool = False
    values: tuple[str, ...] = ()
    values_of: dict[str, list[str]] | None = None
    lowest: float | None = None
    highest: float | None = None
    check: str | None = None


@dataclass(frozen=True)
class SettingsTable:
    """A table of settings: a CSV file.

    Attributes:
        name: The table's name.
        file_name: The file in the settings directory.
        description: What a row is, for people.
        columns: The columns in their order.
        default: What holds without rows, in a few words.
        key: The columns that identify a row.
        ascending: Pairs of columns; the first must not be greater than the second.
        strictly: Pairs of columns; the first must be less than the second.
        defines_measures: Whether other rows make another definition of a measure.
    """

    name: str
    file_name: str
    description: str
    columns: tuple[Setting, ...]
    default: str
    key: tuple[str, ...]
    ascending: tuple[tuple[str, str], ...]
    strictly: tuple[tuple[str, str], ...]
    defines_measures: bool


@dataclass(frozen=True)
class Declaration:
    """All settings that there are.

    Attributes:
        keys: The keys of settings.yml by name.
        tables: The tables by name.
    """

    keys: dict[str, Setting]
    tables: dict[str, SettingsTable]

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of each key of settings.yml."""
        return {name: key.default for name, key in self.keys.items()}

    @property
    def record_fields(self) -> dict[str, list[str]]:
        """The columns of the raw contract that mandatory_fields.csv may name, by raw table."""
        columns = {column.name: column for column in self.tables["mandatory_fields"].columns}
        return columns["column_name"].values_of or {}

    @property
    def file_names(self) -> list[str]:
        """The files that a settings directory may hold."""
        return [*(table.file_name for table in self.tables.values()), KEYS_FILE]


@dataclass(frozen=True)
class Row:
    """A row of a settings table.

    Attributes:
        line: The line of the file at which it starts; the first line is 1.
        values: Its values by column, typed; None where a field is empty or can't be read.
        is_sound: Whether each field could be read.
    """

    line: int
    values: dict[str, Any]
    is_sound: bool = True


@dataclass(frozen=True)
class Settings:
    """The settings of a company.

    Attributes:
        directory: The settings directory; None where there is none.
        values: Every key of settings.yml, with its default where the file does not have it.
        given: The keys that the file has, with their lines.
        rows: The rows by table; a table without a file is not there.
        files: The files that were read.
    """

    directory: Path | None
    values: dict[str, Any]
    given: dict[str, int] = field(default_factory=dict)
    rows: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


@cache
def read_declaration() -> Declaration:
    """Read the settings that there are from dbt's sources file."""
    (source,) = parse_yaml(DECLARATION_FILE.read_text(encoding="utf-8"))["sources"]
    keys, tables = {}, {}
    for entry in source["tables"]:
        columns = tuple(_read_setting(column) for column in entry["columns"])
        meta = entry["config"]["meta"]
        if meta["file"] == KEYS_FILE:
            keys = {column.name: column for column in columns}
        else:
            tables[entry["name"]] = SettingsTable(
                name=entry["name"],
                file_name=meta["file"],
                description=_join_lines(entry["description"]),
                columns=columns,
                default=meta["default"],
                key=tuple(meta["key"]),
                ascending=tuple(tuple(pair) for pair in meta.get("ascending", ())),
                strictly=tuple(tuple(pair) for pair in meta.get("strictly", ())),
                defines_measures=meta.get("defines_measures", False),
            )
    return Declaration(keys, tables)


def _read_setting(entry: dict[str, Any]) -> Setting:
    meta = dict(entry.get("config", {}).get("meta", {}))
    meta["values"] = tuple(meta.get("values", ()))
    return Setting(entry["name"], entry["data_type"], _join_lines(entry["description"]), **meta)


def _join_lines(text: str) -> str:
    return " ".join(text.split())
