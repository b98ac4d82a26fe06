"""The entities of a vendor as views: always there with all their columns, whatever was landed.

For an entity `deal` there are two temporary views: `deal`, the records that count, and `deal__all`, every
landed row with `_left_out`, the reason for which it does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.sources.layout import Entity, EntityColumn, LandedAs, Layout, Vendor
from crm_kpis.sources.place import LandedTable
from crm_kpis.sql import quote_identifier, quote_text

DELETED = "deleted"
OLDER = "older version"
PARENT_LEFT_OUT = "of a record left out"

_SQL_TYPES = {
    "id": "varchar",
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18, 4)",
    "boolean": "boolean",
    "day": "date",
    "time": "timestamp",
}
_WHOLE_TYPES = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
}
# What loaders write beside a row: the row's own id, that of its parent, and when it was loaded.
_ROW_ID, _PARENT_ROW_ID = "_dlt_id", "_dlt_parent_id"
_LOAD_COLUMNS = ("_dlt_load_id", "_fivetran_synced", "_airbyte_extracted_at", "_airbyte_emitted_at")
_ACTIVE = "_fivetran_active"
_DIGITS = r"'^\s*(-?[0-9]{9,19})(\.[0-9]*)?\s*$'"
_OFFSET = r"'(Z|[+-]\d{2}(:?\d{2})?)\s*$'"
_TABLE = "_table"
_ITEM_COLUMNS = {"item": "JSON", "item_text": "VARCHAR"}


@dataclass(frozen=True)
class LandedColumns:
    """What was found of an entity.

    Attributes:
        entity: The entity.
        tables: The landed tables that hold it.
        found: For each column of the entity the landed columns that are read.
        missing: The columns of the entity that no landed column holds.
    """

    entity: Entity
    tables: tuple[LandedTable, ...]
    found: Mapping[str, tuple[str, ...]]
    missing: tuple[EntityColumn, ...]


@dataclass(frozen=True)
class EntityCount:
    """The landed rows of an entity.

    Attributes:
        name: The entity.
        tables: The landed tables, with commas.
        rows_landed: The rows of these.
        rows_kept: Those that count.
        left_out: The number of rows for each reason for which they do not count.
        unread_values: The number of values that could not be read, by column.
    """

    name: str
    tables: str
    rows_landed: int
    rows_kept: int
    left_out: Mapping[str, int]
    unread_values: Mapping[str, int]


def find_columns(
    vendor: Vendor, layout: Layout, tables: Mapping[str, LandedTable]
) -> tuple[LandedColumns, ...]:
    """Find the tables and columns of each entity among those that are landed."""
    return tuple(_find_entity(vendor, entity, layout, tables) for entity in vendor.entities)


def _find_entity(
    vendor: Vendor, entity: Entity, layout: Layout, tables: Mapping[str, LandedTable]
) -> LandedColumns:
    landed_as = entity.landed_as.get(layout.name, LandedAs(()))
    by_name = {_fold(vendor, name): table for name, table in tables.items()}
    folded = dict.fromkeys(_fold(vendor, name) for name in landed_as.tables)
    found_tables = tuple(
        _with_items(table, landed_as)
        for name in folded
        if (table := by_name.get(name))
        and _is_it(vendor, entity, layout, table)
        and (landed_as.list_column is None or landed_as.find_list(table.columns))
    )
    found = {}
    for column in entity.columns:
        names = column.names.get(layout.name, ())
        landed = dict.fromkeys(match for table in found_tables for match in _match(vendor, table, names))
        made = [name for name in names if name.startswith("parent.") or name == _TABLE]
        if landed or (made and found_tables):
            found[column.name] = (*landed, *made)
    return LandedColumns(
        entity,
        found_tables,
        found,
        tuple(column for column in entity.columns if column.name not in found),
    )


def _with_items(table: LandedTable, landed_as: LandedAs) -> LandedTable:
    """The table with the columns that each item of its list has, where it has one."""
    return replace(table, columns={**table.columns, **_ITEM_COLUMNS}) if landed_as.list_column else table


def _is_it(vendor: Vendor, entity: Entity, layout: Layout, table: LandedTable) -> bool:
    if entity.requires is None:
        return True
    column = next(column for column in entity.columns if column.name == entity.requires)
    return bool(_match(vendor, table, column.names.get(layout.name, ())))


def create_views(
    connection: duckdb.DuckDBPyConnection, vendor: Vendor, layout: Layout, columns: Iterable[LandedColumns]
) -> list[EntityCount]:
    """Create the views of all entities and count what they leave out.

    Args:
        connection: Where temporary views can be made; the places of the tables are attached.
        vendor: The vendor.
        layout: The loader that landed the tables.
        columns: What `find_columns` found.

    Raises:
        InputError: A landed file can't be read.
    """
    counts = []
    for landed in columns:
        try:
            counts.append(_create_entity(connection, vendor, layout, landed))
        except duckdb.Error as error:
            names = ", ".join(str(path) for table in landed.tables for path in table.files) or ", ".join(
                table.name for table in landed.tables
            )
            raise InputError(f"{names} can't be read: {first_line(str(error))}. Land it again.") from error
    return counts


def drop_views(connection: duckdb.DuckDBPyConnection, vendor: Vendor) -> None:
    """Drop what `create_views` made, the last first."""
    for entity in reversed(vendor.entities):
        for name in (entity.name, f"{entity.name}__all"):
            connection.execute(f"drop view if exists temp.{quote_identifier(name)}")
        connection.execute(f"drop table if exists temp.{quote_identifier(entity.name + '__ranked')}")
        connection.execute(f"drop view if exists temp.{quote_identifier(entity.name + '__rows')}")
        for number in range(max((len(where.tables) for where in entity.landed_as.values()), default=0)):
            connection.execute(
                f"drop table if exists temp.{quote_identifier(f'{entity.name}__loaded_{number}')}"
            )


def _create_entity(
    connection: duckdb.DuckDBPyConnection, vendor: Vendor, layout: Layout, landed: LandedColumns
) -> EntityCount:
    entity = landed.entity
    landed_as = entity.landed_as.get(layout.name, LandedAs(()))
    tables = [
        _loaded(connection, vendor, layout, landed, number) if table.is_text or table.load else table
        for number, table in enumerate(landed.tables)
    ]
    if landed_as.list_column:
        tables = [_unnested(table, landed_as.find_list(table.columns) or "") for table in tables]
    selects = [_select(vendor, entity, layout, landed_as, table) for table in tables]
    rows = " union all ".join(selects) if selects else _select_nothing(entity)
    name = entity.name
    connection.execute(f"create temp view {quote_identifier(name + '__rows')} as {rows}")
    ranked = _rank(connection, entity) if tables else f"{name}__rows"
    reasons = [f"when _is_old then {quote_text(OLDER)}"]
    # A merged record is deleted, too: that it was merged says more.
    reasons += [
        f"when {condition} then {quote_text(reason)}" for reason, condition in entity.left_out.items()
    ]
    reasons.append(f"when _is_deleted then {quote_text(DELETED)}")
    reasons.append(f"when _is_orphan then {quote_text(PARENT_LEFT_OUT)}")
    connection.execute(
        f"create temp view {quote_identifier(name + '__all')} as"
        f" select *, case {' '.join(reasons)} end as _left_out from {quote_identifier(ranked)}"
    )
    kept = ", ".join(quote_identifier(column.name) for column in entity.columns)
    connection.execute(
        f"create temp view {quote_identifier(name)} as select {kept}, _row_id"
        f" from {quote_identifier(name + '__all')} where _left_out is null"
    )
    if not tables:
        return EntityCount(name, "", 0, 0, {}, {})
    checked = [
        column.name
        for column in entity.columns
        for names in [column.names.get(layout.name, ())]
        if any(_value(vendor, column, names, table, layout.time_zone)[1] != "false" for table in tables)
    ]
    return _count(connection, entity, tables, checked)


def _rank(connection: duckdb.DuckDBPyConnection, entity: Entity) -> str:
    """Mark all rows of a record but its latest as old, where any record has several.

    Returns:
        The relation that has the rows.
    """
    rows = f"{entity.name}__rows"
    if not entity.key:
        return rows
    keys = ", ".join(quote_identifier(column) for column in entity.key)
    is_known = " and ".join(f"{quote_identifier(column)} is not null" for column in entity.key)
    # Most loads have one row a record, and a sort of all rows costs more than this count. Two records of one
    # hash cost that sort, no more.
    repeated = connection.execute(
        f"select 1 from {quote_identifier(rows)} where not _is_old and {is_known}"
        f" group by hash({keys}) having count(*) > 1 limit 1"
    ).fetchall()
    if not repeated:
        return rows
    latest_by = f"{quote_identifier(entity.latest_by)} desc nulls last, " if entity.latest_by else ""
    ranked = f"{entity.name}__ranked"
    connection.execute(
        f"create temp table {quote_identifier(ranked)} as"
        f" select * replace (_is_old or ({is_known} and row_number() over"
        f" (partition by _is_old, {keys} order by {latest_by}_load desc nulls last, _is_deleted) > 1)"
        " as _is_old)"
        f" from {quote_identifier(rows)}"
    )
    return ranked


def _count(
    connection: duckdb.DuckDBPyConnection, entity: Entity, tables: list[LandedTable], checked: list[str]
) -> EntityCount:
    """Count the rows, and the values that can't be read in the columns that may have any."""
    unread = "".join(f", count(*) filter (where {quote_identifier('_unread_' + name)})" for name in checked)
    counted = connection.execute(
        f"select _left_out, count(*){unread} from {quote_identifier(entity.name + '__all')}"
        " group by _left_out order by _left_out"
    ).fetchall()
    landed_rows = sum(
        connection.execute(f"select count(*) from {table.relation}").fetchall()[0][0] for table in tables
    )
    # Values of rows that are left out for another reason are no loss.
    nothing = (None, 0, *(0 for _ in checked))
    kept: tuple[Any, ...] = next((row for row in counted if row[0] is None), nothing)
    return EntityCount(
        entity.name,
        ", ".join(table.name for table in tables),
        rows_landed=landed_rows,
        rows_kept=kept[1],
        left_out={row[0]: row[1] for row in counted if row[0] is not None},
        unread_values={name: number for name, number in zip(checked, kept[2:], strict=True) if number},
    )


def _loaded(
    connection: duckdb.DuckDBPyConnection,
    vendor: Vendor,
    layout: Layout,
    landed: LandedColumns,
    number: int,
) -> LandedTable:
    """A temporary table with what is needed of a landed table that it would be slow to read several times."""
    table = landed.tables[number]
    name = f"{landed.entity.name}__loaded_{number}"
    needed = _needed_columns(vendor, layout, landed, table)
    if table.load:
        table.load(connection, name, needed)
    else:
        listed = ", ".join(map(quote_identifier, needed)) or "1 as nothing"
        connection.execute(
            f"create temp table {quote_identifier(name)} as select {listed} from {table.relation}"
        )
    columns = {
        column: table.columns[column] for column in (*needed, *_ITEM_COLUMNS) if column in table.columns
    }
    return LandedTable(table.name, quote_identifier(name), columns, table.files)


def _unnested(table: LandedTable, column: str) -> LandedTable:
    """A row for each item of the list that a column holds: JSON, a list of DuckDB or split by semicolons."""
    name = quote_identifier(column)
    if table.columns[column] in {"VARCHAR", "JSON"}:
        is_json = f"left(ltrim({name}), 1) = '['"
        split = f"list_transform(string_split({name}, ';'), lambda item: to_json(trim(item)))"
        items = f"case when {is_json} then json_extract(try_cast({name} as json), '$[*]') else {split} end"
    else:
        # A Parquet column in which nothing has a value may have no type.
        items = f"cast(json_extract(to_json({name}), '$[*]') as json[])"
    relation = (
        "(select *, json_extract_string(item, '$') as item_text"
        f" from (select *, unnest({items}) as item from {table.relation}))"
    )
    return replace(table, relation=relation)


def _needed_columns(vendor: Vendor, layout: Layout, landed: LandedColumns, table: LandedTable) -> list[str]:
    marks = {
        _fold(vendor, name) for name in (_ROW_ID, _PARENT_ROW_ID, _ACTIVE, *_LOAD_COLUMNS, *layout.deleted)
    }
    found = {name for names in landed.found.values() for name in names}
    list_column = landed.entity.landed_as[layout.name].find_list(table.columns)
    bases = {name.partition(".")[0] for name in found} | found | ({list_column} if list_column else set())
    return [
        column
        for column in table.columns
        if column not in _ITEM_COLUMNS and (column in bases or _fold(vendor, column) in marks)
    ]


def _select_nothing(entity: Entity) -> str:
    columns = "".join(
        f"cast(null as {_SQL_TYPES[column.data_type]}) as {quote_identifier(column.name)},"
        f" false as {quote_identifier('_unread_' + column.name)}, "
        for column in entity.columns
    )
    return (
        f"select {columns}cast(null as varchar) as _row_id, cast(null as varchar) as _load,"
        " false as _is_old, false as _is_deleted, false as _is_orphan where false"
    )


def _select(vendor: Vendor, entity: Entity, layout: Layout, landed_as: LandedAs, table: LandedTable) -> str:
    folded = {_fold(vendor, name): name for name in table.columns}

    def landed(name: str) -> str | None:
        found = folded.get(_fold(vendor, name))
        return f"landed.{quote_identifier(found)}" if found else None

    def flag(name: str) -> str | None:
        found = folded.get(_fold(vendor, name))
        return found and _convert(*_read(table, found), "boolean", None)

    parent = landed_as.parent if landed(_PARENT_ROW_ID) else None
    parts = []
    for column in entity.columns:
        names = tuple(
            name for name in column.names.get(layout.name, ()) if parent or not name.startswith("parent.")
        )
        value, unread = _value(vendor, column, names, table, layout.time_zone)
        parts += [
            f"{value} as {quote_identifier(column.name)}",
            f"{unread} as {quote_identifier('_unread_' + column.name)}",
        ]
    loads = [expression for name in _LOAD_COLUMNS if (expression := landed(name))]
    deleted = [f"coalesce({mark}, false)" for name in layout.deleted if (mark := flag(name))]
    if entity.keeps_deleted:
        deleted = []
    active = None if entity.keeps_versions else flag(_ACTIVE)
    row_id = landed(_ROW_ID)
    parts += [
        f"{f'cast({row_id} as varchar)' if row_id else 'cast(null as varchar)'} as _row_id",
        f"{f'cast({loads[0]} as varchar)' if loads else 'cast(null as varchar)'} as _load",
        f"{f'not coalesce({active}, true)' if active else 'false'} as _is_old",
        f"{' or '.join(deleted) if deleted else 'false'} as _is_deleted",
        f"{'parent._row_id is null' if parent else 'false'} as _is_orphan",
    ]
    join = (
        f" left join {quote_identifier(parent)} as parent"
        f" on cast(landed.{_PARENT_ROW_ID} as varchar) = parent._row_id"
        if parent
        else ""
    )
    return f"select {', '.join(parts)} from {table.relation} as landed{join}"


def _value(
    vendor: Vendor, column: EntityColumn, names: tuple[str, ...], table: LandedTable, time_zone: str | None
) -> tuple[str, str]:
    """SQL of a column's value, and of whether a value is there that can't be read."""
    values, texts = [], []
    for name in _match(vendor, table, names):
        source, landed_type = _read(table, name)
        values.append(_convert(source, landed_type, column.data_type, time_zone))
        if landed_type == "VARCHAR" and column.data_type not in {"id", "text"}:
            texts.append(f"trim({source}) <> ''")
    values += [
        f"parent.{quote_identifier(name.removeprefix('parent.'))}"
        for name in names
        if name.startswith("parent.")
    ]
    if _TABLE in names:
        # Snowflake unloads names in capitals.
        values.append(quote_text(table.name.lower()))
    if not values:
        return f"cast(null as {_SQL_TYPES[column.data_type]})", "false"
    value = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
    unread = f"({' or '.join(texts)}) and {value} is null" if texts else "false"
    return value, f"coalesce({unread}, false)" if texts else "false"


def _match(vendor: Vendor, table: LandedTable, names: Iterable[str]) -> list[str]:
    """The landed columns of the names, each followed by the variants that dlt makes where types differ."""
    folded: dict[str, list[str]] = {}
    for landed in table.columns:
        base, _, variant = landed.lower().partition("__v_")
        folded.setdefault(_fold(vendor, base if variant else landed), []).append(landed)
    matches = []
    for name in names:
        base, dot, path = name.partition(".")
        found = sorted(folded.get(_fold(vendor, base), ()), key=len)
        matches += [f"{match}.{path}" for match in found] if dot and base != "parent" else found
    return matches


def _read(table: LandedTable, name: str) -> tuple[str, str]:
    """SQL of a landed column and its type; of `via.channel` the value in a column of objects."""
    if name in table.columns:
        return f"landed.{quote_identifier(name)}", table.columns[name]
    base, _, path = name.partition(".")
    steps = "".join(
        f"[{step}]" if step.isdigit() else f".{quote_identifier(step)}" for step in path.split(".")
    )
    column = f"landed.{quote_identifier(base)}"
    is_text = table.columns[base] in {"VARCHAR", "JSON"}
    return (
        f"json_extract_string({column if is_text else f'to_json({column})'}, {quote_text('$' + steps)})",
        "VARCHAR",
    )


def _fold(vendor: Vendor, name: str) -> str:
    return name.lower().replace("_", "") if vendor.has_loose_names else name.lower()


def _convert(source: str, landed_type: str, data_type: str, time_zone: str | None) -> str:
    is_text = landed_type == "VARCHAR"
    # To look at both ends costs a third of trimming. What is empty or begins with a blank sorts before '!'.
    has_blanks = f"{source} < '!' or suffix({source}, ' ')"
    trimmed = f"nullif(trim({source}), '')"
    if is_text:
        text = f"case when {has_blanks} then {trimmed} else {source} end"
    elif landed_type.endswith("]") or landed_type.startswith(("STRUCT", "MAP")):
        # As JSON, which is how other loads have lists.
        text = f"cast(to_json({source}) as varchar)"
    else:
        text = f"cast({source} as varchar)"
    value = text if is_text else source
    moment = _moment(source, landed_type, time_zone)
    # Where a CSV file or a text column holds what once was a number.
    number = f"regexp_replace({trimmed}, '\\.0$', '')"
    text_id = f"case when {has_blanks} or suffix({source}, '.0') then {number} else {source} end"
    text_id = text_id if is_text else text
    return {
        "text": text,
        "id": f"cast(try_cast({source} as bigint) as varchar)" if _is_fraction(landed_type) else text_id,
        "time": moment,
        "day": f"try_cast(left(trim({source}), 10) as date)" if is_text else f"cast({moment} as date)",
        # By way of a number with decimals: '120.0' is a whole number.
        "integer": f"try_cast(try_cast({value} as double) as bigint)",
        "decimal": f"try_cast({value} as {_SQL_TYPES['decimal']})",
        "boolean": f"try_cast({text_id if is_text else value} as boolean)",
    }[data_type]


def _moment(source: str, landed_type: str, time_zone: str | None) -> str:
    """SQL of a timestamp in UTC. Numbers are seconds since 1970, or thousandths to billionths of them."""
    if landed_type == "TIMESTAMP WITH TIME ZONE":
        return f"cast(timezone('UTC', {source}) as timestamp)"
    if landed_type in _WHOLE_TYPES or _is_fraction(landed_type):
        return _since_1970(f"try_cast({source} as bigint)")
    moment = f"try_cast({source} as timestamp)"
    # The cast to a timestamp overlooks an offset, and the one that does not asks a calendar of zones, which
    # takes seventy times as long.
    in_utc = f"timezone('UTC', try_cast({source} as timestamptz))"
    if time_zone:
        # Midnight is a day that somebody picked, which is that day everywhere.
        text = f"cast({source} as varchar)"
        local = f"timezone('UTC', timezone({quote_text(time_zone)}, {moment}))"
        has_offset = f"length({text}) > 10 and regexp_matches({text}, {_OFFSET})"
        is_day = f"{moment} = date_trunc('day', {moment})"
        return f"case when {has_offset} then {in_utc} when {is_day} then {moment} else {local} end"
    if landed_type == "VARCHAR":
        is_to_the_second = f"length({source}) = 19 and substring({source}, 17, 1) = ':'"
        is_utc = f"suffix({source}, 'Z') or suffix({source}, '+00:00') or {is_to_the_second}"
        moment = f"case when {is_utc} or length({source}) <= 16 then {moment} else {in_utc} end"
        # A year alone has four digits.
        since_1970 = _since_1970(f"try_cast(regexp_extract({source}, {_DIGITS}, 1) as bigint)")
        return f"coalesce({moment}, {since_1970})"
    return moment


def _since_1970(number: str) -> str:
    return (
        f"case when abs({number}) < 100000000000 then make_timestamp({number} * 1000000)"
        f" when abs({number}) < 100000000000000 then make_timestamp({number} * 1000)"
        f" when abs({number}) < 100000000000000000 then make_timestamp({number})"
        f" else make_timestamp({number} // 1000) end"
    )


def _is_fraction(landed_type: str) -> bool:
    return landed_type in {"FLOAT", "DOUBLE"} or landed_type.startswith("DECIMAL")
