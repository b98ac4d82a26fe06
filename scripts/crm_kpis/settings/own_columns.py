"""The company's own columns, own_columns.csv: what they add to the raw contract, to facts and to KPIs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.catalogue.docs import read_catalogue
from crm_kpis.catalogue.inputs import Input, derive_inputs
from crm_kpis.catalogue.measures import MeasureModel, find_measures
from crm_kpis.project import PROJECT_DIR, is_company_project
from crm_kpis.raw.contract import RawColumn, RawTable, read_contract
from crm_kpis.settings.declaration import Row, Settings, read_declaration
from crm_kpis.settings.problems import display, suggest
from crm_kpis.yaml_files import parse_yaml

TABLE = "own_columns"
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
# A member of a dimension is a word, of which there are few.
_DIMENSION_TYPES = ("text", "boolean", "integer")
_ROLES = ("numerator", "denominator", "squares", "sample_measure")

Complaint = tuple[int, str, str]


@dataclass(frozen=True)
class OwnColumn:
    """A row of own_columns.csv.

    Attributes:
        raw_table: The raw table.
        name: The column of its raw file.
        data_type: Its type, as in the raw contract.
        published_as: Its name in published tables, and as a dimension.
        is_personal: Whether it holds personal data.
        is_published: Whether it may be published.
        is_in_contract: Whether the raw contract has it, so that the row adds a dimension alone.
        kpis: The KPIs that it splits.
        line: The line of the file.
    """

    raw_table: str
    name: str
    data_type: str
    published_as: str
    is_personal: bool
    is_published: bool
    is_in_contract: bool
    kpis: tuple[str, ...]
    line: int

    @property
    def is_dimension(self) -> bool:
        """Whether it splits a KPI."""
        return bool(self.kpis)


@dataclass(frozen=True)
class Carrier:
    """A model that own columns are added to.

    Attributes:
        name: The model's name.
        columns: The names of its columns that its YAML describes.
        own_columns_of: The raw table whose rows it has; None: none.
        own_dimensions_by: By raw table its column with that table's key.
    """

    name: str
    columns: frozenset[str]
    own_columns_of: str | None
    own_dimensions_by: dict[str, str]

    def shows(self, column: OwnColumn) -> bool:
        """Whether the column is added to the model."""
        if column.is_in_contract and self.name.startswith("dim_"):
            return False
        return column.raw_table == self.own_columns_of or (
            column.is_dimension and column.raw_table in self.own_dimensions_by
        )

    def has(self, raw_table: str) -> bool:
        """Whether it can look up a raw table's columns."""
        return raw_table == self.own_columns_of or raw_table in self.own_dimensions_by


@cache
def _reserved_words() -> frozenset[str]:
    """What no column can be called without quotes."""
    query = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    with duckdb.connect(config={"autoload_known_extensions": False}) as connection:
        return frozenset(word for (word,) in connection.execute(query).fetchall())


@cache
def read_carriers() -> dict[str, Carrier]:
    """The models that own columns are added to, by name: those whose meta says so in their YAML."""
    carriers = {}
    for path in sorted((PROJECT_DIR / "models").rglob("_*.yml")):
        for model in (parse_yaml(path.read_text(encoding="utf-8")) or {}).get("models", ()):
            meta = model.get("config", {}).get("meta", {})
            if "own_columns_of" in meta or "own_dimensions_by" in meta:
                carriers[model["name"]] = Carrier(
                    model["name"],
                    frozenset(column["name"] for column in model["columns"]),
                    meta.get("own_columns_of"),
                    meta.get("own_dimensions_by", {}),
                )
    return carriers


def read_own_columns(settings: Settings) -> tuple[OwnColumn, ...]:
    """The own columns of a company.

    Args:
        settings: What was read; rows that can't be used are left out.
    """
    return tuple(_own_column(row, settings) for row in _sound_rows(settings))


def extend_contract(settings: Settings) -> tuple[RawTable, ...]:
    """The raw contract with the company's own columns.

    Args:
        settings: The settings, checked.
    """
    own = read_own_columns(settings)
    landed_as = {
        (row.values["raw_table"], row.values["column_name"]): row.values["name_in_file"]
        for row in settings.rows.get("raw_columns", ())
        if row.is_sound
    }
    return tuple(
        replace(
            table,
            columns=(
                *table.columns,
                *(
                    RawColumn(
                        column.name,
                        column.data_type,
                        required=False,
                        is_personal=column.is_personal,
                        is_own=True,
                        landed_as=landed_as.get((table.name, column.name)),
                    )
                    for column in own
                    if column.raw_table == table.name and not column.is_in_contract
                ),
            ),
        )
        for table in read_contract()
    )


def company_projects(settings: Settings) -> set[Path]:
    """Directories that may hold the company's project, whose models may compute measures."""
    return {(settings.directory or Path()).absolute().parent, Path.cwd()}


def describe_settings(settings: Settings) -> dict[str, Any]:
    """All that the macros know of the settings: see settings_plugin() in macros/settings.sql.

    Args:
        settings: The settings, checked.
    """
    declaration = read_declaration()
    return {
        "settings": settings.values,
        "defaults": declaration.defaults,
        "record_fields": declaration.record_fields,
        **describe_for_dbt(settings),
    }


def describe_for_dbt(settings: Settings) -> dict[str, Any]:
    """What the macros of own_columns.sql, own_kpis.sql and measures.sql find in the target.

    Args:
        settings: The settings, checked.

    Returns:
        own_columns: by raw table its own columns; own_dimensions: by model of measures the dimensions that it
        splits them by; own_splits: by dimension the KPIs of which the catalogue does not say so yet;
        own_inputs: the raw columns that own measures need.
    """
    columns, kpis = read_own_columns(settings), _kpis(settings)
    by_table: dict[str, list[dict[str, Any]]] = {}
    dimensions: dict[str, list[str]] = {}
    splits: dict[str, list[str]] = {}
    measures = find_measures(company_projects(settings)) if any(column.kpis for column in columns) else {}
    for column in columns:
        by_table.setdefault(column.raw_table, []).append(
            {
                "name": column.name,
                "data_type": column.data_type,
                "published_as": column.published_as,
                "is_personal": column.is_personal,
                "is_published": column.is_published,
                "is_in_contract": column.is_in_contract,
                "is_dimension": column.is_dimension,
            }
        )
        for kpi_id in column.kpis:
            if column.published_as not in _dimensions(kpis[kpi_id]):
                splits.setdefault(column.published_as, []).append(kpi_id)
            for model in _models_of(kpis[kpi_id], measures):
                for name in (model.name, *model.parts):
                    names = dimensions.setdefault(name, [])
                    if column.published_as not in names:
                        names.append(column.published_as)
    return {
        "own_columns": by_table,
        "own_dimensions": dimensions,
        "own_splits": splits,
        "own_inputs": [asdict(found) for found in _own_inputs(settings, columns)],
    }


def check_own_columns(settings: Settings) -> Iterator[Complaint]:
    """What is wrong with the rows of own_columns.csv: line, column and message.

    Args:
        settings: What was read.
    """
    columns = read_own_columns(settings)
    kpis, measures = _kpis(settings), find_measures(company_projects(settings))
    shipped = {name for kpi in read_catalogue() for name in _dimensions(kpi)}
    first: dict[str, OwnColumn] = {}
    for column in columns:
        yield from ((column.line, *complaint) for complaint in _check_name(column, shipped))
        yield from ((column.line, *complaint) for complaint in _check_contract(column, settings))
        other = first.setdefault(column.published_as, column)
        if other is not column:
            taken = f"{display(column.published_as)} is the name of {other.raw_table}.{other.name}, too"
            way_out = f"Write another into published_as, such as {column.raw_table}_{column.name}."
            yield column.line, "published_as", f"{taken} (line {other.line}). {way_out}"
        if column.is_dimension and column.is_personal:
            yield column.line, "kpis", "a personal column splits no KPI. Leave it empty."
        if column.is_dimension and column.data_type not in _DIMENSION_TYPES:
            message = f"a {column.data_type} has too many values to split a KPI by."
            yield column.line, "kpis", f"{message} Leave it empty, or take another column."
        for kpi_id in column.kpis:
            complaint = _check_split(column, kpi_id, kpis, measures)
            if complaint:
                yield column.line, "kpis", complaint


def _own_inputs(settings: Settings, columns: tuple[OwnColumn, ...]) -> list[Input]:
    """The raw columns that the measures of the company's own models need."""
    projects = [project for project in company_projects(settings) if is_company_project(project)]
    if not projects:
        return []
    needs: dict[str, dict[str, list[str]]] = {}
    for column in columns:
        for carrier in read_carriers().values():
            if carrier.shows(column):
                need = f"{column.raw_table}.{column.name}"
                needs.setdefault(carrier.name, {})[column.published_as] = [need]
    return [
        found for project in projects for found in derive_inputs(project, extend_contract(settings), needs)
    ]


def _sound_rows(settings: Settings) -> Iterator[Row]:
    return (row for row in settings.rows.get(TABLE, ()) if row.is_sound)


def _own_column(row: Row, settings: Settings) -> OwnColumn:
    cells = row.values
    table, name = cells["raw_table"], cells["column_name"]
    known = _contract_column(table, name)
    is_personal = cells["is_personal"] == "yes" or bool(known and known.is_personal)
    listed = f"{table}.{name}" in (settings.values["publish_personal_columns"] or ())
    return OwnColumn(
        table,
        name,
        cells["data_type"] or (known.data_type if known else "text"),
        cells["published_as"] or name,
        is_personal,
        is_published=listed or not is_personal,
        is_in_contract=known is not None,
        kpis=tuple(kpi_id.strip() for kpi_id in (cells["kpis"] or "").split("|") if kpi_id.strip()),
        line=row.line,
    )


def _contract_column(raw_table: str, name: str) -> RawColumn | None:
    table = next(table for table in read_contract() if table.name == raw_table)
    return next((column for column in table.columns if column.name == name), None)


def _check_name(column: OwnColumn, shipped: set[str]) -> Iterator[tuple[str, str]]:
    for place, name in (("column_name", column.name), ("published_as", column.published_as)):
        if not _NAME.fullmatch(name) or name in _reserved_words():
            way_out = "Write small letters, digits and _, such as sales_region, and no word of SQL."
            yield place, f"{display(name)} can't be the name of a column. {way_out}"
            return
    name = column.published_as
    if column.is_dimension and name in shipped | {"all"}:
        message = f"{display(name)} is a dimension of the package."
        yield "published_as", f"{message} Take another name, such as {column.raw_table}_{name}."
        return
    for carrier in read_carriers().values():
        if carrier.shows(column) and name in carrier.columns:
            message = f"{carrier.name} has a column {name} already."
            yield "published_as", f"{message} Take another name, such as {column.raw_table}_{name}."
            return


def _check_contract(column: OwnColumn, settings: Settings) -> Iterator[tuple[str, str]]:
    known = _contract_column(column.raw_table, column.name)
    if known is None:
        return
    if column.data_type != known.data_type:
        message = f"the raw contract has {column.raw_table}.{column.name} as {known.data_type}."
        yield "data_type", f"{column.data_type}: {message} Leave it empty."
    if not column.is_dimension:
        message = f"{display(column.name)} is a column of the raw contract, so it is read anyway."
        yield "column_name", f"{message} Name the KPIs that it splits in kpis, or remove the row."


def _check_split(
    column: OwnColumn, kpi_id: str, kpis: dict[str, dict[str, Any]], measures: dict[str, MeasureModel]
) -> str | None:
    kpi = kpis.get(kpi_id)
    if kpi is None:
        return f"{display(kpi_id)} is no KPI of the catalogue. {suggest(kpi_id, list(kpis))}"
    for role in _ROLES:
        measure = kpi.get(role)
        model = measures.get(measure) if measure else None
        if model is None:
            continue
        carrier = read_carriers().get(model.reads or "")
        if carrier is None or not carrier.has(column.raw_table):
            rows = f"{model.reads}, which has no key of {column.raw_table}" if model.reads else "totals"
            return (
                f"{kpi_id} can't be split by a column of {column.raw_table}: its measure {measure} is"
                f" computed from {rows}. Remove it here."
            )
    return None


def _models_of(kpi: dict[str, Any], measures: dict[str, MeasureModel]) -> Iterator[MeasureModel]:
    return (measures[kpi[role]] for role in _ROLES if kpi.get(role) in measures)


def _kpis(settings: Settings) -> dict[str, dict[str, Any]]:
    own = [row.values for row in settings.rows.get("own_kpis", ()) if row.is_sound]
    return {kpi["kpi_id"]: kpi for kpi in [*read_catalogue(), *own]}


def _dimensions(kpi: dict[str, Any]) -> list[str]:
    return [name for name in (kpi["segments"] or "").split("|") if name]
