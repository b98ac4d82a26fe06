"""Maps landed tables into the raw tables of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.raw.contract import RawTable, read_contract
from crm_kpis.sources.entities import create_views, drop_views
from crm_kpis.sources.layout import Vendor
from crm_kpis.sources.source import Source, SourceSettings
from crm_kpis.sql import quote_identifier, quote_text

_HERE = Path(__file__).parent
_SCHEMA = "raw"
_TYPES = {
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18, 4)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
_TYPES_OF_COLUMNS = {"rate": "decimal(18, 8)"}
_MIGRATED_SHARE = 0.05
_MATCHED = "matched with an account of another source"

# What the meaning asks of days: landed times are UTC, days are days in the reporting time zone.
_MACROS = {
    "day_of": "(t) as case when t = date_trunc('day', t) then cast(t as date) else cast({local} as date) end",
    "noon_of": "(d) as {noon}",
    "end_of": "(d) as noon_of(d) + interval '11 hours 59 minutes 59 seconds'",
    # A moment at midnight UTC is a day that somebody picked: it must not fall on the day before in America.
    "on_its_day": "(t) as case when t = date_trunc('day', t) and cast({local} as date) <> cast(t as date)"
    " then noon_of(cast(t as date)) else t end",
    # What is dated by a day, or a second too early, lies not before the beginning where that is on the same day.
    "not_before": "(t, b) as case when t < b and cast({local} as date) = cast({local_b} as date) then b else t end",
}


@dataclass(frozen=True)
class SourceTable:
    """A raw table that sources fill.

    Attributes:
        table: The table.
        titles: The sources that fill it.
    """

    table: RawTable
    titles: tuple[str, ...]


def read_meaning(source: Source, table: str, settings: SourceSettings) -> tuple[str, Path] | None:
    """The SQL that makes a contract table of a source, and its file; None where the vendor has no such table."""
    for directory in (settings.mapping_dir, _HERE):
        path = directory / source.spec.vendor / f"{table}.sql" if directory else None
        if path and path.is_file():
            return path.read_text(encoding="utf-8"), path
    return None


def map_sources(
    connection: duckdb.DuckDBPyConnection,
    sources: list[Source],
    settings: SourceSettings,
    time_zone: str,
    skipped: Iterable[str] = (),
) -> dict[str, SourceTable]:
    """Create the raw tables that the sources fill, and the tables `raw._sources` and `raw._left_out`.

    Args:
        connection: With a transaction open, the schema `raw` and the places of the sources attached.
        sources: What `opened_sources` yields.
        settings: The settings of the sources.
        time_zone: The reporting time zone.
        skipped: Raw tables that are read from elsewhere.

    Returns:
        The tables that were created, by name.

    Raises:
        InputError: A landed table can't be read, or a company's own SQL is wrong.
    """
    _create_counts(connection)
    filled: dict[str, SourceTable] = {}
    if not sources:
        return filled
    _create_macros(connection, time_zone)
    for number, source in enumerate(sources):
        prefix = f"{source.spec.name}:" if len(sources) > 1 else ""
        counts = create_views(connection, source.vendor, source.layout, source.columns)
        for count in counts:
            if count.tables:
                kept = count.rows_landed - sum(count.left_out.values())
                _note(connection, source, "entity", count.name, count.tables, count.rows_landed, kept, count.left_out)
                for column, values in count.unread_values.items():
                    connection.execute(
                        f"insert into {_SCHEMA}._unread_values values (?, ?, ?, ?)",
                        [source.spec.name, count.name, column, values],
                    )
        steps = _create_steps(connection, source.vendor)
        matches = _create_matches(connection, source, sources[:number], settings)
        for table in read_contract():
            if table.name in skipped:
                continue
            titles = filled[table.name].titles if table.name in filled else ()
            if _map_table(connection, source, table, settings, prefix, matches, is_first=not titles):
                filled[table.name] = SourceTable(table, (*titles, source.title))
        _keep_for_matches(connection, source, settings, prefix)
        for step in reversed(steps):
            connection.execute(f"drop view temp.{quote_identifier(step)}")
        drop_views(connection, source.vendor)
    for name in reversed(_MACROS):
        connection.execute(f"drop macro temp.{name}")
    return filled


def read_warnings(connection: duckdb.DuckDBPyConnection, filled: dict[str, SourceTable]) -> list[str]:
    """What is odd about the mapped tables, one sentence each.

    Args:
        connection: A connection with the raw tables.
        filled: What `map_sources` returned.
    """
    warnings = []
    if "deals" in filled:
        closed, early = connection.execute(
            "select count(*), count(*) filter (where closed_at < created_at)"
            f" from {_SCHEMA}.deals where status in ('won', 'lost') and closed_at is not null"
        ).fetchall()[0]
        if early > _MIGRATED_SHARE * closed:
            warnings.append(
                f"{early:,} of {closed:,} closed deals were closed before they were created: they were probably imported."
                " They are rejected. If a field holds the real day of creation, name it in a --mapping file, such as"
                " salesforce: {opportunity: {created_at: Original_Created_Date__c}}."
            )
    for source, entity, column, count in connection.execute(f"from {_SCHEMA}._unread_values").fetchall():
        warnings.append(f"{source}: {count:,} values of {entity}.{column} can't be read, and are taken as missing.")
    for source, tables in connection.execute(
        f"select source, string_agg(landed_tables, ', ' order by landed_tables) from {_SCHEMA}._sources"
        " where level = 'entity' and rows_landed = 0 group by source order by source"
    ).fetchall():
        warnings.append(f"{source}: no rows are landed in {tables}.")
    return warnings


def _create_counts(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"create table {_SCHEMA}._sources (source varchar, layout varchar, level varchar, name varchar,"
        " landed_tables varchar, rows_landed bigint, rows_kept bigint)"
    )
    connection.execute(
        f"create table {_SCHEMA}._left_out"
        " (source varchar, level varchar, name varchar, reason varchar, row_count bigint)"
    )
    connection.execute(
        f"create table {_SCHEMA}._unread_values"
        " (source varchar, entity varchar, column_name varchar, value_count bigint)"
    )


def _note(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    level: str,
    name: str,
    tables: str,
    rows_landed: int,
    rows_kept: int,
    left_out: dict[str, int],
) -> None:
    spec = source.spec
    connection.execute(
        f"insert into {_SCHEMA}._sources values (?, ?, ?, ?, ?, ?, ?)",
        [spec.name, source.layout.name, level, name, tables, rows_landed, rows_kept],
    )
    for reason, count in left_out.items():
        connection.execute(
            f"insert into {_SCHEMA}._left_out values (?, ?, ?, ?, ?)", [spec.name, level, name, reason, count]
        )


def _create_macros(connection: duckdb.DuckDBPyConnection, time_zone: str) -> None:
    zone = quote_text(time_zone)
    is_utc = time_zone.upper() == "UTC"

    def local(moment: str) -> str:
        return moment if is_utc else f"timezone({zone}, timezone('UTC', {moment}))"

    noon = "cast(d as timestamp) + interval 12 hours"
    noon = noon if is_utc else f"timezone('UTC', timezone({zone}, {noon}))"
    for name, body in _MACROS.items():
        rendered = body.format(local=local("t"), local_b=local("b"), noon=noon)
        connection.execute(f"create or replace temp macro {name}{rendered}")


def _create_steps(connection: duckdb.DuckDBPyConnection, vendor: Vendor) -> list[str]:
    """Create the views that several meanings share: the files <vendor>/_<name>.sql."""
    steps = []
    for path in sorted((_HERE / vendor.name).glob("_*.sql")):
        name = path.stem.lstrip("_")
        connection.execute(f"create temp view {quote_identifier(name)} as\n{path.read_text(encoding='utf-8')}")
        steps.append(name)
    return steps


def _map_table(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: RawTable,
    settings: SourceSettings,
    prefix: str,
    matches: str | None,
    *,
    is_first: bool,
) -> bool:
    meaning = read_meaning(source, table.name, settings)
    if meaning is None:
        return False
    sql, path = meaning
    if path.is_relative_to(_HERE) and not _is_landed(source, table):
        return False
    try:
        connection.execute(f"create or replace temp view __mapped as\n{sql}")
        columns = [row[0] for row in connection.execute("describe __mapped").fetchall()]
        _check_columns(path, table, columns)
        left_out = _count_left_out(connection, table, columns, matches)
        rows = sum(left_out.values())
        kept = rows - sum(count for reason, count in left_out.items() if reason is not None)
        query = _mapped_query(table, columns, prefix, matches)
        relation = f"{_SCHEMA}.{quote_identifier(table.name)}"
        if is_first:
            connection.execute(f"create table {relation} as {query.format(offset='')}")
        else:
            offset = f" + (select count(*) from {relation})"
            connection.execute(f"insert into {relation} {query.format(offset=offset)}")
    except duckdb.Error as error:
        raise InputError(f"{path}: {first_line(str(error))}.") from error
    finally:
        connection.execute("drop view if exists temp.__mapped")
    reasons = {reason: count for reason, count in left_out.items() if reason is not None}
    _note(connection, source, "table", table.name, table.name, rows, kept, reasons)
    return True


def _is_landed(source: Source, table: RawTable) -> bool:
    landed = {columns.entity.name for columns in source.columns if columns.tables}
    return any(entity in landed for entity in source.vendor.fills.get(table.name, ()))


def _check_columns(path: Path, table: RawTable, columns: list[str]) -> None:
    known = {column.name for column in table.columns} | {"_left_out"}
    unknown = next((column for column in columns if column not in known), None)
    if unknown:
        raise InputError(
            f"{path} makes a column {unknown}, which the table {table.name} of the contract does not have. "
            "Rename or remove it."
        )
    missing = next((column.name for column in table.columns if column.required and column.name not in columns), None)
    if missing:
        raise InputError(f"{path} makes no column {missing}, which the table {table.name} needs. Add it.")


def _count_left_out(
    connection: duckdb.DuckDBPyConnection, table: RawTable, columns: list[str], matches: str | None
) -> dict[str | None, int]:
    reason = _reason(table, columns, matches)
    if reason is None:
        return {None: connection.execute("select count(*) from __mapped").fetchall()[0][0]}
    return dict(
        connection.execute(f"select {reason}, count(*) from __mapped as mapped group by all order by all").fetchall()
    )


def _reason(table: RawTable, columns: list[str], matches: str | None) -> str | None:
    reasons = ["mapped._left_out"] if "_left_out" in columns else []
    if matches and table.name == "accounts":
        found = f"mapped.account_id in (select source_id from {matches})"
        reasons.append(f"case when {found} then {quote_text(_MATCHED)} end")
    return f"coalesce({', '.join(reasons)})" if len(reasons) > 1 else next(iter(reasons), None)


def _mapped_query(table: RawTable, columns: list[str], prefix: str, matches: str | None) -> str:
    join = ""
    parts = []
    for column in table.columns:
        data_type = _TYPES_OF_COLUMNS.get(column.name, _TYPES[column.data_type])
        value = f"cast(null as {data_type})"
        if column.name in columns:
            value = f"cast(mapped.{quote_identifier(column.name)} as {data_type})"
            if prefix and column.name.endswith("_id"):
                value = f"{quote_text(prefix)} || {value}"
                if matches and column.name == "account_id":
                    value = f"coalesce(matches.account_id, {value})"
                    join = f" left join {matches} as matches on mapped.account_id = matches.source_id"
        parts.append(f"{value} as {quote_identifier(column.name)}")
    reason = _reason(table, columns, matches)
    where = f" where {reason} is null" if reason else ""
    listed = ", ".join(parts).replace("{", "{{").replace("}", "}}")
    return f"select {listed}, row_number() over (){{offset}} as _row_number from __mapped as mapped{join}{where}"


def _create_matches(
    connection: duckdb.DuckDBPyConnection, source: Source, earlier: list[Source], settings: SourceSettings
) -> str | None:
    """Create the table of the accounts of a source that are accounts of an earlier one; None where none are declared."""
    declared = [(left, right) for left, right in settings.match.items() if left.split(".")[0] == source.spec.name]
    if not declared:
        return None
    left, right = declared[0]
    entity_name, column = _entity_column(source, left)
    other = next((candidate for candidate in earlier if candidate.spec.name == right.split(".")[0]), None)
    if other is None:
        raise InputError(f"match names {right}, but there is no other source {right.split('.')[0]}.")
    _entity_column(other, right)
    key = source.vendor.entity(entity_name).key[0]
    name = f"__matches_{source.spec.name}"
    connection.execute(
        f"create or replace temp table {quote_identifier(name)} as"
        f" select matched.{quote_identifier(key)} as source_id, min(known.account_id) as account_id"
        f" from {quote_identifier(entity_name)} as matched"
        f" inner join {quote_identifier(f'__accounts_{right}')} as known"
        f" on cast(matched.{quote_identifier(column)} as varchar) = known.match_value group by all"
    )
    return quote_identifier(name)


def _keep_for_matches(
    connection: duckdb.DuckDBPyConnection, source: Source, settings: SourceSettings, prefix: str
) -> None:
    """Keep the values that accounts of later sources are matched with."""
    for right in {right for right in settings.match.values() if right.split(".")[0] == source.spec.name}:
        entity_name, column = _entity_column(source, right)
        key = source.vendor.entity(entity_name).key[0]
        connection.execute(
            f"create or replace temp table {quote_identifier(f'__accounts_{right}')} as"
            f" select cast({quote_identifier(column)} as varchar) as match_value,"
            f" {quote_text(prefix)} || {quote_identifier(key)} as account_id"
            f" from {quote_identifier(entity_name)} where {quote_identifier(column)} is not null"
        )


def _entity_column(source: Source, reference: str) -> tuple[str, str]:
    _, entity_name, column = reference.split(".")
    entity = next((entity for entity in source.vendor.entities if entity.name == entity_name), None)
    names = [known.name for known in entity.columns] if entity else []
    if entity and column == "id":
        column = entity.key[0]
    if column not in names:
        raise InputError(
            f"match names {reference}, which {source.spec.name} does not have. "
            f"{'Its columns: ' + ', '.join(names) if entity else 'Its entities: ' + ', '.join(e.name for e in source.vendor.entities)}."
        )
    return entity_name, column
