"""The raw contract: which tables and columns the pipeline reads.

It stands only in models/staging/_sources.yml, where dbt reads it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from crm_kpis.project import PROJECT_DIR
from crm_kpis.yaml_files import parse_yaml

CONTRACT_FILE = PROJECT_DIR / "models" / "staging" / "_sources.yml"
TABLES_FILE = PROJECT_DIR / "macros" / "raw_tables.sql"
_TABLES_MACROS = """\
{{#
    What the contract must say while dbt parses, when it knows no sources. `make kpi-docs` writes this file
    from models/staging/_sources.yml.
#}}

{{# The names of the raw tables. #}}
{{% macro raw_tables() %}}
    {{{{ return([
        {names}
    ]) }}}}
{{% endmacro %}}


{{# By table and column: SQL of what an empty value stands for. #}}
{{% macro raw_defaults() %}}
    {{{{ return({{
        {defaults}
    }}) }}}}
{{% endmacro %}}
"""


@dataclass(frozen=True)
class RawColumn:
    """A column of a raw table.

    Attributes:
        name: The column's name in the file.
        data_type: text, integer, decimal, boolean, date or timestamp.
        required: Whether a row without a value is rejected.
        accepts: The values that it may hold, in any case; empty: any.
        is_personal: Whether it holds personal data.
        rejects_row: Whether an invalid value rejects its row although the column is optional.
        references: The table whose key it holds; None where it holds no key.
        published_as: The column of a published table, as table.column, that shows a personal column where the
            var publish_personal_columns lists it; None where there is none.
        is_own: Whether it is one of the company's own, which the contract does not have.
        landed_as: What a vendor's table calls an own column; None: by its name.
        or_row_number: Whether the number of the row stands for it in a file without the column.
        default: SQL over the other columns of what an empty value stands for; None: for nothing.
        decimal_mark: How the settings say that its file writes numbers: dot or comma.
        description: What it holds; empty for one of the company's own.
    """

    name: str
    data_type: str
    required: bool
    accepts: tuple[str, ...] = ()
    is_personal: bool = False
    rejects_row: bool = False
    references: str | None = None
    published_as: str | None = None
    is_own: bool = False
    landed_as: str | None = None
    or_row_number: bool = False
    default: str | None = None
    decimal_mark: str = "dot"
    description: str = ""

    @property
    def must_be_there(self) -> bool:
        """Whether a file without the column is an error."""
        return self.required and not self.or_row_number


@dataclass(frozen=True)
class RawTable:
    """A raw table.

    Attributes:
        name: The table's name.
        columns: Its columns in their order.
        key: The columns that identify a row.
        latest_by: The column by which the later of two rows with one key is found; None for the file's order.
        row_checks: The reasons for which a check rejects a row.
        value_checks: The columns, each with a reason, for which a check makes a value NULL.
        conditions: The SQL of each of these checks, by reason.
    """

    name: str
    columns: tuple[RawColumn, ...]
    key: tuple[str, ...] = ()
    latest_by: str | None = None
    row_checks: tuple[str, ...] = ()
    value_checks: tuple[tuple[str, str], ...] = ()
    conditions: dict[str, str] = field(default_factory=dict)


@cache
def read_contract(path: Path = CONTRACT_FILE) -> tuple[RawTable, ...]:
    """Read the raw tables from dbt's sources file, in its order.

    Args:
        path: The YAML file that holds the source `raw`.

    Returns:
        The tables of the source `raw`.

    Raises:
        FileNotFoundError: There is no such file: the package is not installed as a whole.
    """
    sources = parse_yaml(path.read_text(encoding="utf-8"))["sources"]
    return tuple(_table(table) for source in sources if source["name"] == "raw" for table in source["tables"])


def render_tables() -> str:
    """The text of macros/raw_tables.sql."""
    contract = read_contract()
    defaults = {
        table.name: {column.name: column.default for column in table.columns if column.default}
        for table in contract
    }
    lines = [
        line
        for table, columns in defaults.items()
        if columns
        for line in (
            f"{table!r}: {{",
            *(f"    {name!r}: {default!r}," for name, default in columns.items()),
            "},",
        )
    ]
    return _TABLES_MACROS.format(
        names="\n        ".join(f"{table.name!r}," for table in contract), defaults="\n        ".join(lines)
    )


def write_tables(path: Path = TABLES_FILE) -> None:
    """Write macros/raw_tables.sql."""
    path.write_text(render_tables(), encoding="utf-8")


def _table(entry: dict[str, Any]) -> RawTable:
    meta = entry["config"]["meta"]
    row_checks, value_checks = meta.get("row_checks", {}), meta.get("value_checks", {})
    of_values = {
        reason: condition for checks in value_checks.values() for reason, condition in checks.items()
    }
    return RawTable(
        entry["name"],
        tuple(_column(column) for column in entry["columns"]),
        key=tuple(meta["key"]),
        latest_by=meta.get("latest_by"),
        row_checks=tuple(row_checks),
        value_checks=tuple((column, reason) for column, checks in value_checks.items() for reason in checks),
        conditions=row_checks | of_values,
    )


def _column(entry: dict[str, Any]) -> RawColumn:
    meta = entry.get("config", {}).get("meta", {})
    return RawColumn(
        entry["name"],
        entry["data_type"],
        required=bool(meta.get("required", False)),
        or_row_number=bool(meta.get("or_row_number", False)),
        accepts=tuple(meta.get("values", ())),
        is_personal=bool(meta.get("pii", False)),
        rejects_row=bool(meta.get("rejects_row", False)),
        references=meta.get("references"),
        published_as=meta.get("published_as"),
        default=meta.get("default"),
        description=entry.get("description", "").strip(),
    )
