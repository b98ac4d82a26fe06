"""Maps landed tables into the raw tables of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.raw.contract import RawColumn, RawTable, read_contract
from crm_kpis.raw.formats import COLUMNS_FILE
from crm_kpis.sources.entities import create_views, drop_views, find_columns
from crm_kpis.sources.layout import Entity, Vendor, own_column_name
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
_EXAMPLE_MATCH = "zendesk.organization.external_id=hubspot.company.id"

# Currencies without a smaller unit, and those with a thousandth.
_UNITS = {
    1: "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF",
    1000: "BHD JOD KWD OMR TND",
}
# What the meaning asks of days: landed times are UTC, days are days in the reporting time zone.
_MACROS = {
    "day_of": "(t) as case when t = date_trunc('day', t) then cast(t as date) else cast({local} as date) end",
    "units_in": "(c) as case when upper(c) in ({one}) then 1"
    " when upper(c) in ({thousand}) then 1000 else 100 end",
    "noon_of": "(d) as {noon}",
    "end_of": "(d) as noon_of(d) + interval '11 hours 59 minutes 59 seconds'",
    # A moment at midnight UTC is a day that somebody picked: it must not fall on the day before in America.
    "on_its_day": "(t) as case when t = date_trunc('day', t) and cast({local} as date) <> cast(t as date)"
    " then noon_of(cast(t as date)) else t end",
    # What is dated by a day, or a second too early, lies not before the beginning where both are on one day.
    "not_before": "(t, b) as case when t < b and cast({local} as date) = cast({local_b} as date)"
    " then b else t end",
}


@dataclass(frozen=True)
class SourceMapping:
    """What fills raw tables from vendors' tables.

    Attributes:
        sources: What `opened_sources` yields, while it is open.
        settings: The settings of the sources.
        time_zone: The reporting time zone.
        contract: The raw tables, with the company's own columns, which its own SQL has to make.
    """

    sources: Sequence[Source] = ()
    settings: SourceSettings = field(default_factory=SourceSettings)
    time_zone: str = "UTC"
    contract: tuple[RawTable, ...] = field(default_factory=read_contract)

    def fill(self, connection: duckdb.DuckDBPyConnection, skipped: Container[str] = ()) -> dict[str, str]:
        """Create the raw tables that the sources fill, and what counts their rows.

        The table `raw._sources` has the landed and the kept rows of each entity and raw table,
        `raw._left_out` the rows that were not kept, by reason, `raw._unread_values` the values that could
        not be read, and `raw._source_warnings` what else is odd.

        Args:
            connection: With a transaction open, the schema `raw` and the places of the sources attached.
            skipped: Raw tables that are read from elsewhere.

        Returns:
            The tables that were created, each with the sources it comes from.

        Raises:
            InputError: A landed table can't be read, or a company's own SQL is wrong.
        """
        return _fill(connection, self, skipped)


def read_meaning(source: Source, table: str, settings: SourceSettings) -> tuple[str, Path] | None:
    """The SQL that makes a contract table of a source, and its file; None where the vendor has none."""
    for directory in (settings.mapping_dir, _HERE):
        path = directory / source.spec.vendor / f"{table}.sql" if directory else None
        if path and path.is_file():
            return path.read_text(encoding="utf-8"), path
    return None


def _fill(
    connection: duckdb.DuckDBPyConnection, mapping: SourceMapping, skipped: Container[str]
) -> dict[str, str]:
    _create_counts(connection)
    filled: dict[str, str] = {}
    found: set[tuple[str, str]] = set()
    if not mapping.sources:
        return filled
    _create_macros(connection, mapping.time_zone)
    for number, source in enumerate(mapping.sources):
        prefix = f"{source.spec.name}:" if len(mapping.sources) > 1 else ""
        filler = _Filler(connection, source, mapping.settings, prefix, mapping.contract)
        filler.fill(mapping.sources[:number], filled, skipped)
        found |= filler.found_own
    for name in reversed(_MACROS):
        connection.execute(f"drop macro temp.{name}")
    _check_own_columns(mapping, filled, found)
    return filled


def _check_own_columns(
    mapping: SourceMapping, filled: Mapping[str, str], found: Container[tuple[str, str]]
) -> None:
    """Refuse an own column of a mapped table that no source has."""
    for table in mapping.contract:
        for column in table.columns:
            if not column.is_own or table.name not in filled or (table.name, column.name) in found:
                continue
            landed = {
                f"{source.spec.name}.{landed.name}"
                for source in mapping.sources
                for columns in source.columns
                if columns.entity in source.vendor.entities_of(table.name)
                for landed in columns.tables
            }
            places, name = ", ".join(sorted(landed)) or filled[table.name], column.landed_as or column.name
            raise InputError(
                f"own_columns.csv names {table.name}.{column.name}, and {places} has no column {name}."
                f" Write its landed name into {COLUMNS_FILE} of the settings,"
                f" {table.name},{column.name},NAME, or remove the row."
            )


@dataclass
class _Filler:
    """Fills raw tables from one source.

    Attributes:
        connection: As of `SourceMapping.fill`.
        source: The source.
        settings: The settings of all sources.
        prefix: What its ids begin with.
        contract: The raw tables that may be filled.
        matches: The table of accounts that are accounts of an earlier source; None: there are none.
        found_own: The company's own columns that the source has, each as its table and its name.
    """

    connection: duckdb.DuckDBPyConnection
    source: Source
    settings: SourceSettings
    prefix: str
    contract: tuple[RawTable, ...]
    matches: str | None = None
    found_own: set[tuple[str, str]] = field(default_factory=set)

    def fill(self, earlier: Sequence[Source], filled: dict[str, str], skipped: Container[str]) -> None:
        """Fill the raw tables that the vendor has, and note in `filled` which ones these are."""
        source, vendor = self.source, self.source.vendor
        for count in create_views(self.connection, vendor, source.layout, source.columns):
            if count.tables:
                kept, left_out = count.rows_kept, dict(count.left_out)
                if kept and self._is_on_request(count.name):
                    kept, left_out["not asked for"] = 0, kept
                self._note("entity", count.name, (count.tables, count.rows_landed, kept), left_out)
                self._note_unread(count.name, count.unread_values)
        _create_steps(self.connection, vendor)
        self.matches = self._create_matches(earlier)
        for table in self.contract:
            if table.name in skipped:
                if self._find_meaning(table):
                    self._warn(
                        f"the {table.name} of the raw directory are read in place of those of {source.title}."
                    )
            elif self._fill_table(table, is_first=table.name not in filled):
                filled[table.name] = ", ".join(filter(None, [filled.get(table.name), source.title]))
        for query, warning in vendor.warns:
            for values in self.connection.execute(query).fetchall():
                self._warn(warning.format(*values))
        self._keep_for_matches()
        for view in reversed(vendor.steps):
            self.connection.execute(f"drop view if exists temp.{quote_identifier(view)}")
        drop_views(self.connection, vendor)

    def _is_on_request(self, entity: str) -> bool:
        """Whether the entity's records become rows of no raw table but those that nobody asked for."""
        fills = self.source.vendor.fills
        tables = [table for table in self.contract if entity in fills.get(table.name, ())]
        off = self.source.vendor.off
        return bool(tables) and all(table.name in off and not self._find_meaning(table) for table in tables)

    def _find_meaning(self, table: RawTable) -> tuple[str, Path] | None:
        """The SQL that makes the table of this source; None where nothing of it is landed or wanted."""
        meaning = read_meaning(self.source, table.name, self.settings)
        is_off = table.name in self.source.vendor.off or not _is_landed(self.source, table)
        return None if meaning and meaning[1].is_relative_to(_HERE) and is_off else meaning

    def _fill_table(self, table: RawTable, *, is_first: bool) -> bool:
        meaning = self._find_meaning(table)
        if meaning is None:
            return False
        sql, path = meaning
        relation = f"{_SCHEMA}.{quote_identifier('_mapped_' + table.name)}"
        try:
            described = self.connection.execute(f"describe (from (\n{sql}\n))").fetchall()
            columns = [row[0] for row in described]
            _check_columns(path, table, columns)
            before = Counter[str | None]() if is_first else self._count_by_reason(relation)
            if is_first:
                self.connection.execute(f"create table {relation} ({_columns_of(table)})")
            self.connection.execute(f"insert into {relation} {self._query(table, sql, columns)}")
            added = self._count_by_reason(relation) - before
            # To leave rows out on their way would take making them twice, since they are counted by reason.
            # To number them on their way costs a third of the mapping; the table has numbers anyway.
            self.connection.execute(
                f"create or replace view {_SCHEMA}.{quote_identifier(table.name)} as"
                f" select * exclude (_left_out), rowid + 1 as _row_number from {relation}"
                " where _left_out is null"
            )
        except duckdb.Error as error:
            raise InputError(f"{path}: {first_line(str(error))}.") from error
        left_out = {reason: count for reason, count in added.items() if reason is not None}
        self._note("table", table.name, (table.name, sum(added.values()), added[None]), left_out)
        return True

    def _count_by_reason(self, relation: str) -> Counter[str | None]:
        """The mapped rows by the reason for which they do not count; those that do have None."""
        query = f"select _left_out, count(*) from {relation} group by all order by all"
        return Counter(dict(self.connection.execute(query).fetchall()))

    def _reason(self, table: RawTable, columns: list[str]) -> str | None:
        reasons = ["mapped._left_out"] if "_left_out" in columns else []
        if self.matches and table.name == "accounts":
            found = f"mapped.account_id in (select source_id from {self.matches})"
            reasons.append(f"case when {found} then {quote_text(_MATCHED)} end")
        return f"coalesce({', '.join(reasons)})" if len(reasons) > 1 else next(iter(reasons), None)

    def _query(self, table: RawTable, sql: str, columns: list[str]) -> str:
        join, parts = self._join_own_columns(table, columns), []
        for column in table.columns:
            data_type = _type_of(column)
            value = f"cast(null as {data_type})"
            if column.is_own and column.name not in columns:
                value = f"cast({self._own_value(table, column.name) or 'null'} as {data_type})"
            elif column.name in columns:
                value = f"cast(mapped.{quote_identifier(column.name)} as {data_type})"
                if self.prefix and column.name.endswith("_id"):
                    value = f"{quote_text(self.prefix)} || {value}"
                    if self.matches and column.name == "account_id":
                        value = f"coalesce(matches.account_id, {value})"
                        join += f" left join {self.matches} as matches on mapped.account_id = source_id"
            parts.append(f"{value} as {quote_identifier(column.name)}")
        parts.append(f"cast({self._reason(table, columns) or 'null'} as varchar) as _left_out")
        # Joins give their rows in another order in each run, and the numbers of the rows with it.
        order = ", ".join(map(quote_identifier, (*table.key, *filter(None, [table.latest_by]))))
        return f"select {', '.join(parts)} from (\n{sql}\n) as mapped{join} order by {order}"

    def _own_entities(self, table: RawTable, column: str) -> list[Entity]:
        """The entities that have an own column of a table."""
        name = own_column_name(table.name, column)
        return [
            columns.entity
            for columns in self.source.columns
            if columns.entity in self.source.vendor.entities_of(table.name) and name in columns.found
        ]

    def _own_value(self, table: RawTable, column: str) -> str | None:
        """SQL of an own column, of which `_join_own_columns` joins the entities; None: it is not landed."""
        name = quote_identifier(own_column_name(table.name, column))
        found = [quote_identifier(f"own_{entity.name}") for entity in self._own_entities(table, column)]
        return f"coalesce({', '.join(f'{alias}.{name}' for alias in found)})" if found else None

    def _join_own_columns(self, table: RawTable, columns: list[str]) -> str:
        """The joins of the entities that have own columns which the meaning of the table does not make."""
        joined: dict[str, Entity] = {}
        for column in (column for column in table.columns if column.is_own):
            made = column.name in columns
            entities = [] if made else self._own_entities(table, column.name)
            joined |= {entity.name: entity for entity in entities}
            if made or entities:
                self.found_own.add((table.name, column.name))
        return "".join(
            f" left join {quote_identifier(entity.name)} as {quote_identifier(f'own_{entity.name}')}"
            f" on mapped.{quote_identifier(table.key[0])} ="
            f" {quote_identifier(f'own_{entity.name}')}.{quote_identifier(entity.key[0])}"
            for entity in joined.values()
        )

    def _note(
        self, level: str, name: str, counted: tuple[str, int, int], left_out: Mapping[str, int]
    ) -> None:
        source = self.source.spec.name
        self.connection.execute(
            f"insert into {_SCHEMA}._sources values (?, ?, ?, ?, ?, ?, ?)",
            [source, self.source.layout.name, level, name, *counted],
        )
        for reason, count in left_out.items():
            self.connection.execute(
                f"insert into {_SCHEMA}._left_out values (?, ?, ?, ?, ?)",
                [source, level, name, reason, count],
            )

    def _warn(self, warning: str) -> None:
        self.connection.execute(
            f"insert into {_SCHEMA}._source_warnings values (?, ?)", [self.source.spec.name, warning]
        )

    def _note_unread(self, entity: str, values: Mapping[str, int]) -> None:
        for column, count in values.items():
            # An own column is called after its table.
            table, _, name = column.rpartition(".")
            self.connection.execute(
                f"insert into {_SCHEMA}._unread_values values (?, ?, ?, ?)",
                [self.source.spec.name, table or entity, name, count],
            )

    def _create_matches(self, earlier: Sequence[Source]) -> str | None:
        """Create the table of the accounts that are accounts of an earlier source."""
        declared = self.settings.match.items()
        left, right = next(
            (pair for pair in declared if pair[0].split(".")[0] == self.source.spec.name), ("", "")
        )
        if not left:
            self._warn_of_accounts_apart(earlier)
            return None
        entity, column = _entity_column(self.source, left)
        other = next((source for source in earlier if source.spec.name == right.split(".")[0]), None)
        if other is None:
            raise InputError(f"match names {right}, but there is no other source {right.split('.')[0]}.")
        _entity_column(other, right)
        name = quote_identifier(f"__matches_{self.source.spec.name}")
        key = quote_identifier(self.source.vendor.entity(entity).key[0])
        self.connection.execute(
            f"create or replace temp table {name} as"
            f" select matched.{key} as source_id, min(known.account_id) as account_id"
            f" from {quote_identifier(entity)} as matched"
            f" inner join {quote_identifier(f'__accounts_{right}')} as known"
            f" on {_match_value(f'matched.{quote_identifier(column)}')} = known.match_value group by all"
        )
        accounts, empty, unmatched = self.connection.execute(
            f"select count(*), count(*) filter (where {quote_identifier(column)} is null),"
            f" count(*) filter (where {key} not in (select source_id from {name}))"
            f" from {quote_identifier(entity)}"
        ).fetchall()[0]
        if unmatched:
            self._warn(
                f"{unmatched:,} of {accounts:,} accounts are none of {other.spec.name}: {empty:,} have no"
                f" {left.split('.', 1)[1]}, {unmatched - empty:,} one that is no"
                f" {right.split('.', 1)[1]} there. They stay accounts of their own."
            )
        return name

    def _warn_of_accounts_apart(self, earlier: Sequence[Source]) -> None:
        others = [source.spec.name for source in earlier if _has_accounts(source)]
        if others and _has_accounts(self.source):
            self._warn(
                f"its accounts are others than those of {', '.join(others)}, since no match says which column"
                f" holds the key of the other source, such as --match {_EXAMPLE_MATCH}."
            )

    def _keep_for_matches(self) -> None:
        """Keep the values that accounts of later sources are matched with."""
        for right in set(self.settings.match.values()):
            if right.split(".")[0] != self.source.spec.name:
                continue
            entity, column = _entity_column(self.source, right)
            key = quote_identifier(self.source.vendor.entity(entity).key[0])
            # An account that was matched itself is the one that it was matched with.
            account_id = f"{quote_text(self.prefix)} || known.{key}"
            join = ""
            if self.matches:
                account_id = f"coalesce(matches.account_id, {account_id})"
                join = f" left join {self.matches} as matches on known.{key} = matches.source_id"
            self.connection.execute(
                f"create or replace temp table {quote_identifier(f'__accounts_{right}')} as"
                f" select {_match_value(f'known.{quote_identifier(column)}')} as match_value,"
                f" {account_id} as account_id from {quote_identifier(entity)} as known{join}"
                f" where known.{quote_identifier(column)} is not null"
            )


@contextmanager
def views_of(connection: duckdb.DuckDBPyConnection, source: Source, time_zone: str) -> Iterator[None]:
    """Create the views of a source's entities and of its steps, for as long as the context lasts.

    Args:
        connection: A connection to which the place of the source is attached.
        source: The source.
        time_zone: The reporting time zone.

    Raises:
        InputError: A landed file can't be read.
    """
    _create_macros(connection, time_zone)
    create_views(connection, source.vendor, source.layout, source.columns)
    _create_steps(connection, source.vendor)
    yield
    for step in reversed(source.vendor.steps):
        connection.execute(f"drop view temp.{quote_identifier(step)}")
    drop_views(connection, source.vendor)


def describe_meanings(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[str, list[str]]:
    """The columns that the meaning of each contract table has, over entities without rows.

    Args:
        connection: Any connection.
        source: A source of which nothing is landed.
    """
    vendor = source.vendor
    empty = replace(source, columns=find_columns(vendor, source.layout, {}))
    columns = {}
    with views_of(connection, empty, "UTC"):
        for table in read_contract():
            meaning = read_meaning(empty, table.name, SourceSettings())
            if meaning:
                described = connection.execute(f"describe (from (\n{meaning[0]}\n))").fetchall()
                columns[table.name] = [row[0] for row in described if row[0] != "_left_out"]
    return columns


def read_warnings(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What is odd about the mapped tables, one sentence each.

    Args:
        connection: A connection with the raw tables.
    """
    warnings = []
    if connection.execute(f"from {_SCHEMA}._sources where level = 'table' and name = 'deals'").fetchall():
        closed, early = connection.execute(
            "select count(*), count(*) filter (where closed_at < created_at)"
            f" from {_SCHEMA}.deals where status in ('won', 'lost') and closed_at is not null"
        ).fetchall()[0]
        if early > _MIGRATED_SHARE * closed:
            warnings.append(
                f"{early:,} of {closed:,} closed deals were closed before they were created. They were"
                " probably imported: when they began is not known. If a field holds the real day of creation,"
                " name it in a --mapping file, such as"
                " salesforce: {opportunity: {created_at: Original_Created_Date__c}}."
            )
    for source, entity, column, count in connection.execute(f"from {_SCHEMA}._unread_values").fetchall():
        warnings.append(
            f"{source}: {count:,} values of {entity}.{column} can't be read, and are taken as missing."
        )
    for source, warning in connection.execute(f"from {_SCHEMA}._source_warnings").fetchall():
        warnings.append(f"{source}: {warning}")
    for source, tables in connection.execute(
        f"select source, string_agg(landed_tables, ', ' order by landed_tables) from {_SCHEMA}._sources"
        " where level = 'entity' and rows_landed = 0 group by source order by source"
    ).fetchall():
        warnings.append(f"{source}: no rows are landed in {tables}.")
    return warnings


def _type_of(column: RawColumn) -> str:
    return _TYPES_OF_COLUMNS.get(column.name, _TYPES[column.data_type])


def _columns_of(table: RawTable) -> str:
    """The columns of a mapped table, with their types."""
    columns = []
    for column in table.columns:
        # To look for what repeats in texts that hardly do costs a sixth of a mapping.
        is_unlike = column.data_type == "text" and (column.name.endswith("_id") or column.name == "email")
        compression = " using compression 'uncompressed'" if is_unlike else ""
        columns.append(f"{quote_identifier(column.name)} {_type_of(column)}{compression}")
    return ", ".join((*columns, "_left_out varchar"))


def _match_value(column: str) -> str:
    """SQL of what accounts meet by."""
    value = f"trim(cast({column} as varchar))"
    # Salesforce's id of an account has 18 letters, of which reports and older links leave out the last three.
    return (
        f"case when regexp_matches({value}, '^001[0-9A-Za-z]{{15}}$') then left({value}, 15) else {value} end"
    )


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
    connection.execute(f"create table {_SCHEMA}._source_warnings (source varchar, warning varchar)")


def _create_macros(connection: duckdb.DuckDBPyConnection, time_zone: str) -> None:
    zone = quote_text(time_zone)
    is_utc = time_zone.upper() == "UTC"

    def local(moment: str) -> str:
        return moment if is_utc else f"timezone({zone}, timezone('UTC', {moment}))"

    noon = "cast(d as timestamp) + interval 12 hours"
    noon = noon if is_utc else f"timezone('UTC', timezone({zone}, {noon}))"
    for name, body in _MACROS.items():
        rendered = body.format(
            one=_listed(_UNITS[1]),
            thousand=_listed(_UNITS[1000]),
            local=local("t"),
            local_b=local("b"),
            noon=noon,
        )
        connection.execute(f"create or replace temp macro {name}{rendered}")


def _listed(words: str) -> str:
    return ", ".join(quote_text(word) for word in words.split())


def _create_steps(connection: duckdb.DuckDBPyConnection, vendor: Vendor) -> None:
    for step in vendor.steps:
        sql = (_HERE / vendor.name / f"_{step}.sql").read_text(encoding="utf-8")
        connection.execute(f"create temp view {quote_identifier(step)} as\n{sql}")


def _is_landed(source: Source, table: RawTable) -> bool:
    landed = {columns.entity.name for columns in source.columns if columns.tables}
    return any(entity in landed for entity in source.vendor.fills.get(table.name, ()))


def _has_accounts(source: Source) -> bool:
    return any(table.name == "accounts" and _is_landed(source, table) for table in read_contract())


def _check_columns(path: Path, table: RawTable, columns: list[str]) -> None:
    known = {column.name for column in table.columns} | {"_left_out"}
    unknown = next((column for column in columns if column not in known), None)
    if unknown:
        raise InputError(
            f"{path} makes a column {unknown}, which the table {table.name} of the contract does not have. "
            "Rename or remove it."
        )
    missing = next(
        (column.name for column in table.columns if column.required and column.name not in columns), None
    )
    if missing:
        raise InputError(f"{path} makes no column {missing}, which the table {table.name} needs. Add it.")


def _entity_column(source: Source, reference: str) -> tuple[str, str]:
    _, entity_name, column = reference.split(".")
    entity = next((entity for entity in source.vendor.entities if entity.name == entity_name), None)
    if entity and column == "id":
        column = entity.key[0]
    names = [known.name for known in entity.columns] if entity else []
    if column not in names:
        listed = names or [entity.name for entity in source.vendor.entities]
        raise InputError(
            f"match names {reference}, which {source.spec.name} does not have."
            f" There are: {', '.join(listed)}."
        )
    return entity_name, column
