"""A synthetic company as a loader lands it from a vendor: the mapping of sources, turned round.

A file landed/<vendor>.sql has two kinds of blocks, each one SELECT. Behind `-- said: deals` stands what the
vendor can say of a raw table, which is what reading it back must give. Behind `-- entity: deal` stand the
records of an entity of the vendor's layout, with `_is_deleted` where some are there to be left out, and
`_parent`, the key of the record that they belong to, where no column of theirs has it. `for dlt, fivetran`
behind a name limits a block to these loaders: of several blocks of one name the first that fits counts.
$loader is the loader.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from crm_kpis.errors import InputError
from crm_kpis.generate.run import generate
from crm_kpis.published.connect import OFFLINE
from crm_kpis.raw.contract import read_contract
from crm_kpis.sources.layout import Entity, EntityColumn, LandedAs, Layout, Vendor, read_vendor
from crm_kpis.sql import quote_identifier, quote_path, quote_text

_HERE = Path(__file__).parent / "landed"
_HEAD = re.compile(r"^-- (?P<kind>said|entity): (?P<name>\w+)(?: for (?P<layouts>[\w, ]+))?$", re.MULTILINE)
# How loaders write what JSON has: moments, numbers and texts.
_TYPES = {
    "dlt": {"time": "timestamptz", "integer": "bigint", "decimal": "double", "boolean": "boolean"},
    "fivetran": {
        "time": "timestamp",
        "day": "date",
        "integer": "bigint",
        "decimal": "double",
        "boolean": "boolean",
    },
    "airbyte": {"integer": "bigint", "decimal": "double", "boolean": "boolean"},
}
_TABLE = "_table"
# What loaders write beside a row.
_MARKS = {
    "dlt": "'1700000000.1' as _dlt_load_id",
    "fivetran": "timestamp '2026-07-01' as _fivetran_synced",
    "airbyte": "timestamptz '2026-07-01 00:00:00+00' as _airbyte_extracted_at",
}


@dataclass(frozen=True)
class _Block:
    kind: str
    name: str
    layouts: tuple[str, ...]
    sql: str


def landable() -> list[str]:
    """What `generate --as` takes: each vendor with each of its loaders that a company can be landed as."""
    return [
        f"{path.stem}/{layout.name}"
        for path in sorted(_HERE.glob("*.sql"))
        for layout in read_vendor(path.stem).layouts
        if not layout.is_export
    ]


def generate_landed(  # noqa: PLR0913 - all but two of them are options
    output: Path,
    *,
    vendor_and_loader: str,
    deals: int,
    seed: int = 1,
    replace: bool = False,
    unchanged: bool = False,
) -> dict[str, int]:
    """Write a synthetic company as landed tables, one Parquet file each.

    Args:
        output: The directory to write to; it is made if it is not there.
        vendor_and_loader: One of `landable()`, such as hubspot/dlt.
        deals: The number of deals.
        seed: Another seed makes another company.
        replace: Whether files that are there already are replaced.
        unchanged: Whether the CRM changes nothing.

    Returns:
        The number of rows of each landed table.

    Raises:
        InputError: There is no such vendor or loader, or `output` holds files already or can't be written.
    """
    if vendor_and_loader not in landable():
        raise InputError(f"--as {vendor_and_loader} is not known. There are: {', '.join(landable())}.")
    vendor, _, loader = vendor_and_loader.partition("/")
    if output.is_dir() and any(output.glob("*.parquet")) and not replace:
        raise InputError(
            f"{output} holds Parquet files already. Choose another directory, or give --replace."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output, prefix=".generate-") as folder:
            raw = Path(folder)
            generate(raw, deals=deals, seed=seed, flaws=False, unchanged=unchanged)
            with duckdb.connect(config=OFFLINE) as connection:
                return land_company(connection, raw, read_vendor(vendor), loader, output)
    except OSError as error:
        raise InputError(f"{output} can't be written: {error.strerror}.") from error


def land_company(
    connection: duckdb.DuckDBPyConnection, raw: Path, vendor: Vendor, loader: str, output: Path
) -> dict[str, int]:
    """Turn raw tables round into a vendor's landed tables.

    Args:
        connection: A connection. Afterwards its schema `said` has what reading the tables back must give.
        raw: The directory of the raw tables, as Parquet and without flaws.
        vendor: The vendor.
        loader: The name of its layout.
        output: Where a Parquet file for each landed table is written.

    Returns:
        The number of rows of each landed table.
    """
    layout = next(layout for layout in vendor.layouts if layout.name == loader)
    blocks = _read_blocks(vendor, layout)
    connection.execute("set TimeZone = 'UTC'; create schema raw; create schema said; create schema entity")
    for table in read_contract():
        file = quote_path(raw / f"{table.name}.parquet")
        connection.execute(f"create view raw.{table.name} as from {file}")
    # A block may read what stands above it.
    for name in dict.fromkeys(block.name for block in blocks if block.kind == "said"):
        block = _find(blocks, "said", name, layout)
        if block:
            connection.execute(f"create table said.{name} as {block.sql}")
    made = []
    for entity in vendor.entities:
        block = _find(blocks, "entity", entity.name, layout)
        if block and layout.name in entity.landed_as:
            connection.execute(f"create table entity.{entity.name} as {block.sql}")
            made.append(entity)
    lander = _Lander(connection, vendor, layout, made)
    counts = {}
    for name, query in lander.tables():
        path = quote_path(output / f"{name}.parquet")
        counts[name] = connection.execute(f"copy ({query}) to {path}").fetchall()[0][0]
    return counts


def _read_blocks(vendor: Vendor, layout: Layout) -> list[_Block]:
    text = (_HERE / f"{vendor.name}.sql").read_text(encoding="utf-8")
    text = text.replace("$loader", quote_text(layout.name))
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        _Block(
            head["kind"],
            head["name"],
            tuple(filter(None, (head["layouts"] or "").replace(" ", "").split(","))),
            text[head.end() : end].strip().removesuffix(";"),
        )
        for head, end in zip(heads, ends, strict=True)
    ]


def _find(blocks: list[_Block], kind: str, name: str, layout: Layout) -> _Block | None:
    return next(
        (
            block
            for block in blocks
            if block.kind == kind
            and block.name == name
            and (not block.layouts or layout.name in block.layouts)
        ),
        None,
    )


@dataclass(frozen=True)
class _Lander:
    """Makes landed tables of entities.

    Attributes:
        connection: A connection whose schema `entity` has the entities.
        vendor: The vendor.
        layout: The loader.
        entities: The entities that are there.
    """

    connection: duckdb.DuckDBPyConnection
    vendor: Vendor
    layout: Layout
    entities: list[Entity]

    def tables(self) -> Iterator[tuple[str, str]]:
        """The landed tables, each with its query."""
        queries: dict[str, list[str]] = {}
        for entity in self.entities:
            if not self._is_list_of_others(entity):
                for table, query in self._land(entity):
                    queries.setdefault(table, []).append(query)
        for entity in filter(self._is_list_of_others, self.entities):
            landed_as = self._landed_as(entity)
            key = next(name for _, name, _ in self._columns(entity) if not _is_of_item(name))
            for table in landed_as.tables:
                rows = " union all by name ".join(queries.get(table, ()))
                if rows:
                    queries[table] = [
                        f"(select landed.*, lists.{landed_as.list_column} from ({rows}) as landed"
                        f" left join ({self._list(entity)}) as lists on landed.{key} = lists.{key})"
                    ]
        for table, selects in queries.items():
            yield table, " union all by name ".join(selects)

    def _landed_as(self, entity: Entity) -> LandedAs:
        return entity.landed_as[self.layout.name]

    def _is_list_of_others(self, entity: Entity) -> bool:
        """Whether the records stand in a list of the rows of another entity."""
        landed_as = self._landed_as(entity)
        others = {
            table
            for other in self.entities
            if other is not entity and not self._landed_as(other).list_column
            for table in self._landed_as(other).tables
        }
        return landed_as.list_column is not None and landed_as.tables[0] in others

    def _columns(self, entity: Entity) -> Iterator[tuple[EntityColumn, str, str]]:
        """The columns that are made, each with its landed name and its value."""
        made = self._made(entity)
        for column in entity.columns:
            names = [
                name for name in column.names.get(self.layout.name, ()) if not name.startswith("parent.")
            ]
            if column.name in made and names and names[0] != _TABLE:
                yield column, _spelled(self.vendor, self.layout, names[0]), _value(column, self.layout)

    def _made(self, entity: Entity) -> set[str]:
        return {row[0] for row in self.connection.execute(f"describe entity.{entity.name}").fetchall()}

    def _list(self, entity: Entity) -> str:
        """The key of the row that holds a list, and the list."""
        column = self._landed_as(entity).list_column
        (key,) = [f"{value} as {name}" for _, name, value in self._columns(entity) if not _is_of_item(name)]
        items = f"to_json(list({self._item(entity)}))"
        return f"select {key}, {items} as {column} from entity.{entity.name} group by all"

    def _item(self, entity: Entity) -> str:
        fields = [(name, value) for _, name, value in self._columns(entity) if _is_of_item(name)]
        if fields[0][0] == "item_text":
            return fields[0][1]
        return _json([(name.removeprefix("item."), value) for name, value in fields])

    def _land(self, entity: Entity) -> Iterator[tuple[str, str]]:
        landed_as, layout = self._landed_as(entity), self.layout
        made = self._made(entity)
        parts: list[str] = []
        nested: dict[str, list[tuple[str, str]]] = {}
        for _, name, value in self._columns(entity):
            base, dot, path = name.partition(".")
            if dot and not landed_as.list_column:
                nested.setdefault(base, []).append((path, value))
            elif not _is_of_item(name):
                parts.append(f"{value} as {quote_identifier(name)}")
        parts += [f"{_json(fields)} as {quote_identifier(base)}" for base, fields in nested.items()]
        if landed_as.list_column:
            parts.append(f"to_json([{self._item(entity)}]) as {landed_as.list_column}")
        if "_is_deleted" in made and layout.deleted:
            mark = _spelled(self.vendor, layout, layout.deleted[0])
            parts.append(f"coalesce(_is_deleted, false) as {quote_identifier(mark)}")
        parts.append(_MARKS[_kind(layout)])
        if _kind(layout) == "dlt":
            parts += self._row_ids(entity, made)
        by_table = next(
            (column.name for column in entity.columns if _TABLE in column.names.get(layout.name, ())), None
        )
        for table in landed_as.tables:
            where = f" where {by_table} = {quote_text(table)}" if by_table else ""
            yield (
                _spelled(self.vendor, layout, table),
                f"(select {', '.join(parts)} from entity.{entity.name}{where})",
            )
            if not by_table:
                break

    def _row_ids(self, entity: Entity, made: set[str]) -> Iterator[str]:
        """The id that dlt gives a row, and that of the row which it belongs to."""
        key = " || '/' || ".join(quote_identifier(column) for column in entity.key)
        row_id = f"{quote_text(entity.name + ':')} || {key}" if key else "uuid()"
        yield f"cast({row_id} as varchar) as _dlt_id"
        parent_name = self._landed_as(entity).parent
        if parent_name:
            parent = self.vendor.entity(parent_name)
            parent_key = "_parent" if "_parent" in made else quote_identifier(parent.key[0])
            yield f"{quote_text(parent_name + ':')} || {parent_key} as _dlt_parent_id"


def _json(fields: list[tuple[str, str]]) -> str:
    """An object, and in it objects, as JSON; paths join their names by dots."""
    names: dict[str, list[tuple[str, str]]] = {}
    for path, value in fields:
        name, _, rest = path.partition(".")
        names.setdefault(name, []).append((rest, value))
    listed = ", ".join(
        f"{quote_text(name)}, {inner[0][1] if not inner[0][0] else _json(inner)}"
        for name, inner in names.items()
    )
    return f"json_object({listed})"


def _is_of_item(name: str) -> bool:
    return name == "item_text" or name.startswith("item.")


def _kind(layout: Layout) -> str:
    """The loader, without the version of its layout."""
    return layout.name.partition("_")[0]


def _value(column: EntityColumn, layout: Layout) -> str:
    name = quote_identifier(column.name)
    data_type = _TYPES[_kind(layout)].get(column.data_type, "varchar")
    if column.data_type == "time" and layout.has_epochs:
        return f"cast(epoch(cast({name} as timestamp)) as bigint)"
    if column.data_type == "time" and _kind(layout) == "airbyte":
        return f"strftime(cast({name} as timestamp), '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"cast({name} as {data_type})"


def _spelled(vendor: Vendor, layout: Layout, name: str) -> str:
    """A name as the loader writes it: Salesforce's own are put into small letters with underscores."""
    if not vendor.has_loose_names or layout.name == "airbyte" or name.islower() or name.startswith("_"):
        return name
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()
