"""What is landed, and what a run would make of it: `crm-kpis sources inspect`."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from crm_kpis.catalogue.docs import read_catalogue
from crm_kpis.project import PROJECT_DIR
from crm_kpis.published.connect import OFFLINE
from crm_kpis.raw.contract import RawTable, read_contract
from crm_kpis.raw.formats import COLUMNS_FILE
from crm_kpis.sources.layout import own_column_name
from crm_kpis.sources.mapping import SourceMapping, read_meaning, read_warnings
from crm_kpis.sources.source import Source, SourceSettings, opened_sources
from crm_kpis.sql import quote_identifier, quote_text

# Words of the contract that have a fixed list of values, or that segments go by.
_WORDS = {
    "deals": ("status", "deal_type", "source"),
    "leads": ("status", "source"),
    "tickets": ("status", "channel", "category"),
    "users": ("team", "department"),
}


def inspect_landed(
    settings: SourceSettings, time_zone: str, contract: Sequence[RawTable] = ()
) -> Iterator[str]:
    """Say what is landed and what a run would make of it, without building anything.

    Args:
        settings: The sources.
        time_zone: The reporting time zone.
        contract: The raw tables with the company's own columns; none: without any.

    Yields:
        One line of text after the other.

    Raises:
        InputError: As of `opened_sources`.
    """
    with (
        tempfile.TemporaryDirectory() as directory,
        duckdb.connect(Path(directory) / "inspected.duckdb", config=OFFLINE) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema raw")
        with opened_sources(connection, settings, contract) as sources:
            lacking = _own_columns_lacking(sources, settings, contract)
            connection.execute("begin")
            landed = tuple(_without(table, lacking) for table in contract or read_contract())
            filled = SourceMapping(sources, settings, time_zone, landed).fill(connection)
            connection.execute("commit")
        for source in sources:
            yield from _describe_source(source, settings)
            found = [where for names in _own_columns_found(source, contract).values() for where in names]
            if found:
                yield f"  Your own columns: {', '.join(found)}."
        if missing := [f"{table}.{column}" for table, column in lacking if table in filled]:
            yield (
                f"Your own columns that are not landed: {', '.join(missing)}. A run stops until"
                f" {COLUMNS_FILE} of the settings names them, or own_columns.csv leaves them out."
            )
        yield from _describe_stages(connection, filled)
        yield from _describe_words(connection, filled)
        yield from _describe_kpis(connection, filled)
        for warning in (
            *(text for source in sources for text in source.warnings),
            *read_warnings(connection),
        ):
            yield f"Warning: {warning}"


def _describe_source(source: Source, settings: SourceSettings) -> Iterator[str]:
    spec = source.spec
    title = f"{source.vendor.title} as {source.layout.title} lands it"
    yield f"{spec.name}: {source.layout.title if source.layout.is_export else title}, in {spec.place}."
    used = {table.name for columns in source.columns for table in columns.tables}
    yield f"  Tables that are read: {', '.join(sorted(used)) or 'none'}."
    landed = {name.lower(): table.name for name, table in source.tables.items()}
    lacking = []
    for columns in source.columns:
        where = columns.entity.landed_as.get(source.layout.name)
        if columns.tables or not where:
            continue
        there = next((landed[table.lower()] for table in where.tables if table.lower() in landed), None)
        if there is None:
            lacking.append(" or ".join(where.tables))
        elif where.list_column:
            yield f"  Lists that are not landed in {there}: {where.list_column}."
    if lacking:
        yield f"  Tables that are not landed: {', '.join(lacking)}."
    unused = sorted(name for name in landed.values() if name not in used and not name.startswith("_dlt"))
    if unused:
        yield f"  Tables that are not read: {', '.join(unused)}."
    for columns in source.columns:
        names = [
            column.names[source.layout.name][0]
            for column in columns.missing
            if columns.tables and source.layout.name in column.names
        ]
        if names:
            yield f"  Columns that are not landed in {columns.tables[0].name}: {', '.join(names)}."
    for table, reason in source.vendor.off.items():
        yield f"  {table} is not read: {reason}."
        yield f"    --mapping with {source.vendor.name}: {{tables: [{table}]}} reads it."
    own = [
        path
        for table in read_contract()
        if (meaning := read_meaning(source, table.name, settings))
        and _is_own_sql(source, table.name, settings)
        for path in [meaning[1]]
    ]
    if own:
        yield f"  Your own SQL: {', '.join(str(path) for path in own)}."


def _own_columns_found(source: Source, contract: Sequence[RawTable]) -> dict[tuple[str, str], list[str]]:
    """The company's own columns that a source has, each with the landed columns that are read."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in contract:
        entities = source.vendor.entities_of(table.name)
        for column in (column for column in table.columns if column.is_own):
            name = own_column_name(table.name, column.name)
            for landed in (columns for columns in source.columns if columns.entity in entities):
                found.setdefault((table.name, column.name), []).extend(
                    f"{table.name}.{column.name} from {landed.tables[0].name}.{read}"
                    for read in landed.found.get(name, ())
                )
    return {column: names for column, names in found.items() if names}


def _own_columns_lacking(
    sources: Sequence[Source], settings: SourceSettings, contract: Sequence[RawTable]
) -> list[tuple[str, str]]:
    """The company's own columns that no source has; what its own SQL makes is not known before it runs."""
    found = {column for source in sources for column in _own_columns_found(source, contract)}
    return [
        (table.name, column.name)
        for table in contract
        if not any(_is_own_sql(source, table.name, settings) for source in sources)
        for column in table.columns
        if column.is_own and (table.name, column.name) not in found
    ]


def _is_own_sql(source: Source, table: str, settings: SourceSettings) -> bool:
    meaning = read_meaning(source, table, settings)
    return bool(settings.mapping_dir and meaning and meaning[1].is_relative_to(settings.mapping_dir))


def _without(table: RawTable, columns: Sequence[tuple[str, str]]) -> RawTable:
    kept = tuple(column for column in table.columns if (table.name, column.name) not in columns)
    return replace(table, columns=kept)


def _describe_stages(connection: duckdb.DuckDBPyConnection, filled: dict[str, str]) -> Iterator[str]:
    if "deals" not in filled:
        return
    rows = connection.execute(
        "select coalesce(pipeline, '(none)'), coalesce(stage, '(none)'), count(*),"
        " count(*) filter (where status = 'won'), count(*) filter (where status = 'lost')"
        " from raw.deals group by all order by all"
    ).fetchall()
    yield "Stages in which deals are now:"
    for pipeline, stage, deals, won, lost in rows:
        outcomes = {"won": won, "lost": lost, "open": deals - won - lost}
        meaning = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items() if count)
        yield f"  {pipeline}, {stage}: {meaning}"


def _describe_words(connection: duckdb.DuckDBPyConnection, filled: dict[str, str]) -> Iterator[str]:
    for table, columns in _WORDS.items():
        for column in columns if table in filled else ():
            query = (
                f"select {column}, count(*) from raw.{table} group by all order by count(*) desc, 1 limit 12"
            )
            words = [f"{word or '(none)'} {count:,}" for word, count in connection.execute(query).fetchall()]
            if words:
                yield f"Words in {table}.{column}: {', '.join(words)}."


def _describe_kpis(connection: duckdb.DuckDBPyConnection, filled: dict[str, str]) -> Iterator[str]:
    inputs = _read_measure_inputs()
    has_values = {
        (table, column, word): _has_values(connection, table, column, word)
        for table, column, word in {
            (row["raw_table"], row["raw_column"], row["accepted_value"]) for row in inputs
        }
        if table in filled
    }
    needed: dict[str, dict[str, set[tuple[str, str, str]]]] = {}
    for row in inputs:
        alternatives = needed.setdefault(row["measure"], {}).setdefault(row["input_number"], set())
        alternatives.add((row["raw_table"], row["raw_column"], row["accepted_value"]))
    lacking: dict[str, list[str]] = {}
    for kpi in read_catalogue():
        measures = [kpi[name] for name in ("numerator", "denominator") if kpi[name]]
        for alternatives in (choice for measure in measures for choice in needed.get(measure, {}).values()):
            if not any(has_values.get(alternative) for alternative in alternatives):
                names = sorted(
                    f"{table}.{column}" + (f" ({word})" if word else "")
                    for table, column, word in alternatives
                )
                lacking.setdefault(" or ".join(names), []).append(kpi["kpi_id"])
    for columns, kpis in sorted(lacking.items()):
        yield f"Without {columns} there is no value of: {', '.join(dict.fromkeys(kpis))}."


def _display(table: str, column: str, word: str) -> str:
    return f"{table}.{column} ({word})" if word else f"{table}.{column}"


def _has_values(connection: duckdb.DuckDBPyConnection, table: str, column: str, word: str) -> bool:
    name = quote_identifier(column)
    condition = f"lower({name}) = {quote_text(word)}" if word else f"{name} is not null"
    return bool(connection.execute(f"select 1 from raw.{table} where {condition} limit 1").fetchall())


def _read_measure_inputs() -> list[dict[str, str]]:
    with (PROJECT_DIR / "seeds" / "measure_inputs.csv").open(encoding="utf-8", newline="") as file:
        # Files of settings come from no source.
        return [row for row in csv.DictReader(file) if row["raw_table"] != "settings"]
