"""The layouts: which tables and columns of which loader hold the entities of a vendor.

A layout file layouts/<vendor>.yml reads:

    title: HubSpot
    layouts:
      dlt:                          # a loader
        title: dlt
        tables: [pipelines_deals]   # any of these tables ...
        columns: [_dlt_id]          # ... or columns mean that this loader landed it
        property: "{}"              # how the loader writes the vendor's property names
        deleted: [is_deleted]       # the columns that mark a deleted record
        epochs: true                # moments are seconds since 1970 (read either way; for generate --as)
      csv:                          # an export by the vendor itself
        labels: [Record ID]         # these columns, of which one is in each file, mean that it is one
        time_zone: the account's    # whose time zone the moments are in; a user has to name it
        files: {deals: "*deals*"}   # names of files, where they are not those of the tables
        needs: {deal: [is_won]}     # columns without which numbers would be wrong
        entities:                   # where it has an entity, all that the entities below do not say of it
          deal: {table: deals, deal_id: Record ID}
    steps: [deal_states]            # what several meanings share, in order: <vendor>/_deal_states.sql
    fills: {deals: [deal]}          # tables of the contract, each with the entities that it needs
    entities:
      deal:
        tables: {dlt: deals}        # or {table: x, parent: an entity}, or a list of tables, or
                                    # {tables: [x, y], list: a column that holds a list: a row for each item}
        key: [deal_id]
        latest_by: updated_at
        columns:
          deal_id: {id: {dlt: id}}         # type: names as the loader writes them
          amount: {decimal: amount}        # type: property, as `property` of the loader writes it
          source: {text: [a, b], optional: true}   # the first with a value counts
        left_out: {reason: condition}      # over its columns; <entity>__rows has all rows of an entity
        keeps_deleted: true                # what is deleted is needed, too: the stages of old deals
        keeps_versions: true               # what Fivetran marks as no longer active is history
        requires: deal_id                  # a table without this column is another one of the same name
    warns:                                 # what a user must know of the data themselves
      - {when: select 1 from deal having ..., say: A sentence with {} for each value of a row.}

A name `parent.x` is the column x of the parent, `_table` the name of the landed table, `item.x` the field x
of an item of a list, and `item_text` an item that is no object.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from crm_kpis.errors import InputError
from crm_kpis.raw.contract import RawTable
from crm_kpis.yaml_files import parse_yaml

LAYOUTS_DIR = Path(__file__).parent / "layouts"
# What a company's own mapping has beside entities: tables that are off.
_TABLES = "tables"
TYPES = ("id", "text", "integer", "decimal", "boolean", "day", "time")
# The type of a company's own column, as the raw contract calls it.
_OWN_TYPES = {name: name for name in ("text", "integer", "decimal", "boolean")} | {
    "date": "day",
    "timestamp": "time",
}


@dataclass(frozen=True)
class EntityColumn:
    """A column of an entity.

    Attributes:
        name: Its name in the meaning.
        data_type: One of TYPES.
        names: The landed columns that may hold it, best first, for each loader.
        is_optional: Whether loads often lack it, so that a run does not warn.
    """

    name: str
    data_type: str
    names: Mapping[str, tuple[str, ...]]
    is_optional: bool = False


@dataclass(frozen=True)
class LandedAs:
    """Where a loader puts an entity.

    Attributes:
        tables: The tables; those that are landed are put together.
        parent: The entity whose rows the rows belong to, by dlt's row ids; None: they stand alone.
        list_column: The column that holds a list, of which each item is a row; None: each row of the table.
        other_list_column: The column that holds the list where `list_column` is not there.
    """

    tables: tuple[str, ...]
    parent: str | None = None
    list_column: str | None = None
    other_list_column: str | None = None

    def find_list(self, columns: Iterable[str]) -> str | None:
        """The column of a table that holds the list, as it is written there; None where it has none."""
        written = {column.lower(): column for column in columns}
        names = (name.lower() for name in (self.list_column, self.other_list_column) if name)
        return next((written[name] for name in names if name in written), None)


@dataclass(frozen=True)
class Entity:
    """What a vendor keeps one record each of.

    Attributes:
        name: The name in the meaning.
        landed_as: Where it lies, for each loader that lands it.
        key: The columns that identify a record; of several rows with one key the latest counts.
        latest_by: The column that says which is the latest.
        columns: The columns.
        left_out: Condition for each reason for which a record is no part of the contract.
        keeps_deleted: Whether deleted records count, too.
        requires: A column without which a table of the right name is another one.
        keeps_versions: Whether rows that Fivetran marks as no longer active count, too.
    """

    name: str
    landed_as: Mapping[str, LandedAs]
    key: tuple[str, ...]
    latest_by: str | None
    columns: tuple[EntityColumn, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    keeps_deleted: bool = False
    keeps_versions: bool = False
    requires: str | None = None


@dataclass(frozen=True)
class Layout:
    """What a loader makes of a vendor's data.

    Attributes:
        name: The loader: dlt, fivetran, airbyte.
        title: Its name for people.
        tables: Any of these tables means that it is this loader.
        columns: A table with any of these columns means that it is this loader.
        property_name: The loader's name of the vendor's property {}.
        deleted: The columns that mark a deleted record.
        has_epochs: Whether moments are landed as seconds since 1970.
        labels: Columns of which each file of a vendor's own export has one; none: a loader landed it.
        zone_owner: Whose time zone moments without an offset are in, for people; None: they are in UTC.
        files: Patterns of the names of an export's files, by the table that they hold.
        needs: For entities the columns without which numbers would be wrong.
        time_zone: The time zone of moments without an offset, as the user named it; None: UTC.
    """

    name: str
    title: str
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    property_name: str = "{}"
    deleted: tuple[str, ...] = ()
    has_epochs: bool = False
    labels: tuple[str, ...] = ()
    zone_owner: str | None = None
    files: Mapping[str, str] = field(default_factory=dict, hash=False)
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    time_zone: str | None = None

    @property
    def is_export(self) -> bool:
        """Whether it is an export by the vendor itself, with labels instead of names."""
        return bool(self.labels)


@dataclass(frozen=True)
class Vendor:
    """A vendor and the layouts in which its data are read.

    Attributes:
        name: The name on the command line.
        title: The name for people.
        has_loose_names: Whether names are compared without underscores.
        layouts: The layouts.
        entities: The entities; one stands behind those that its conditions name.
        fills: For each table of the contract the entities that it comes from: it needs any of them.
        steps: What several meanings share, in order: the files <vendor>/_<step>.sql.
        off: The tables that are not read unless a company asks for them, each with the reason.
        warns: A query over the entities, and the sentence that each of its rows is worth.
        facts: All else that the file says, for the documentation.
    """

    name: str
    title: str
    has_loose_names: bool
    layouts: tuple[Layout, ...]
    entities: tuple[Entity, ...]
    fills: Mapping[str, tuple[str, ...]]
    steps: tuple[str, ...]
    off: Mapping[str, str] = field(default_factory=dict)
    warns: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def entity(self, name: str) -> Entity:
        """The entity of that name."""
        return next(entity for entity in self.entities if entity.name == name)

    def entities_of(self, table: str) -> tuple[Entity, ...]:
        """The entities whose records become the rows of a raw table, under the same key."""
        entities = (self.entity(name) for name in self.fills.get(table, ()))
        return tuple(entity for entity in entities if len(entity.key) == 1)


def vendors() -> tuple[str, ...]:
    """The names of the vendors that can be read."""
    return tuple(sorted(path.stem for path in LAYOUTS_DIR.glob("*.yml")))


@cache
def read_vendor(name: str) -> Vendor:
    """Read the layouts of a vendor.

    Args:
        name: One of `vendors()`.

    Raises:
        InputError: There is no such vendor.
    """
    if name not in vendors():
        raise InputError(f"There is no source {name!r}. There are: {', '.join(vendors())}.")
    content = parse_yaml((LAYOUTS_DIR / f"{name}.yml").read_text(encoding="utf-8"))
    by_name = content.pop("layouts")
    layouts = tuple(_layout(key, entry) for key, entry in by_name.items())
    loaders = tuple(layout for layout in layouts if not layout.is_export)
    entities = tuple(_entity(key, entry, loaders) for key, entry in content.pop("entities").items())
    for layout in layouts:
        exported = by_name[layout.name].get("entities", {})
        entities = tuple(_with_export(entity, layout.name, exported.get(entity.name)) for entity in entities)
    return Vendor(
        name,
        content.pop("title"),
        has_loose_names=bool(content.pop("loose_names", False)),
        layouts=layouts,
        entities=entities,
        fills={table: tuple(names) for table, names in content.pop("fills").items()},
        steps=tuple(content.pop("steps", ())),
        off=content.pop("on_request", {}),
        warns=tuple((entry["when"], entry["say"]) for entry in content.pop("warns", ())),
        facts=content,
    )


def overlay(vendor: Vendor, mapping: Mapping[str, Any], origin: str) -> Vendor:
    """Lay a company's own columns over those of the vendor.

    Args:
        vendor: The vendor.
        mapping: For entities their columns, each with one landed column or several, best first.
        origin: The file that says so, for messages.

    Raises:
        InputError: There is no such entity or column, or a name is no text.
    """
    entities = {entity.name: entity for entity in vendor.entities}
    asked_for = mapping.get(_TABLES, [])
    unknown = [table for table in asked_for if table not in vendor.off]
    if unknown:
        raise InputError(
            f"{origin}: {vendor.name}.{_TABLES} names {unknown[0]!r}."
            f" What can be asked for is: {', '.join(vendor.off) or 'nothing'}."
        )
    for entity_name, columns in mapping.items():
        where = f"{origin}: {vendor.name}"
        if entity_name == _TABLES:
            continue
        entity = entities.get(entity_name)
        if entity is None:
            raise InputError(f"{where} has no entity {entity_name!r}. {_suggest(entity_name, entities)}")
        if not isinstance(columns, dict):
            raise InputError(f"{where}.{entity_name} must list columns, such as {{amount: my_amount}}.")
        known = {column.name: column for column in entity.columns}
        for column_name, names in columns.items():
            if column_name not in known:
                raise InputError(
                    f"{where}.{entity_name} has no column {column_name!r}. {_suggest(column_name, known)}"
                )
            if not _is_names(names):
                raise InputError(
                    f"{where}.{entity_name}.{column_name} must be the name of a landed column, "
                    "or a list of such names."
                )
            own = {layout.name: _expand(names, layout, literally_too=True) for layout in vendor.layouts}
            known[column_name] = replace(known[column_name], names=own)
        entities[entity_name] = replace(entity, columns=tuple(known.values()))
    off = {table: reason for table, reason in vendor.off.items() if table not in asked_for}
    return replace(vendor, entities=tuple(entities.values()), off=off)


def add_own_columns(vendor: Vendor, contract: Sequence[RawTable]) -> Vendor:
    """Add a company's own columns to the entities whose records are the rows of their raw table.

    Args:
        vendor: The vendor.
        contract: The raw tables with the company's own columns.
    """
    added: dict[str, list[EntityColumn]] = {}
    for table in contract:
        for column in (column for column in table.columns if column.is_own):
            names = {
                layout.name: _expand(column.landed_as or column.name, layout, literally_too=True)
                for layout in vendor.layouts
            }
            name, data_type = own_column_name(table.name, column.name), _OWN_TYPES[column.data_type]
            for entity in vendor.entities_of(table.name):
                added.setdefault(entity.name, []).append(
                    EntityColumn(name, data_type, names, is_optional=True)
                )
    if not added:
        return vendor
    entities = (
        replace(entity, columns=(*entity.columns, *added.get(entity.name, ()))) for entity in vendor.entities
    )
    return replace(vendor, entities=tuple(entities))


def own_column_name(table: str, column: str) -> str:
    """What a company's own column of a raw table is called among the columns of an entity."""
    return f"{table}.{column}"


def _suggest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}There are: {', '.join(known)}."


def _layout(name: str, entry: Mapping[str, Any]) -> Layout:
    return Layout(
        name,
        entry["title"],
        tables=tuple(entry.get("tables", ())),
        columns=tuple(entry.get("columns", ())),
        property_name=entry.get("property", "{}"),
        deleted=tuple(entry.get("deleted", ())),
        has_epochs=bool(entry.get("epochs", False)),
        labels=tuple(entry.get("labels", ())),
        zone_owner=entry.get("time_zone"),
        files=entry.get("files", {}),
        needs={entity: tuple(columns) for entity, columns in entry.get("needs", {}).items()},
    )


def _with_export(entity: Entity, layout: str, exported: Mapping[str, Any] | None) -> Entity:
    """The entity with its table and columns in a vendor's own export; as it is where the export has none."""
    if exported is None:
        return entity
    names = {key: _as_tuple(given) for key, given in exported.items() if key not in ("table", "list")}
    columns = tuple(
        replace(column, names={**column.names, layout: names[column.name]})
        if column.name in names
        else column
        for column in entity.columns
    )
    landed_as = _landed_as({key: exported[key] for key in ("table", "list") if key in exported})
    return replace(entity, landed_as={**entity.landed_as, layout: landed_as}, columns=columns)


def _entity(name: str, entry: Mapping[str, Any], layouts: tuple[Layout, ...]) -> Entity:
    landed_as = entry["tables"]
    if not isinstance(landed_as, dict):
        landed_as = {layout.name: landed_as for layout in layouts}
    return Entity(
        name,
        {layout: _landed_as(where) for layout, where in landed_as.items()},
        key=tuple(entry.get("key", ())),
        latest_by=entry.get("latest_by"),
        columns=tuple(_column(key, column, layouts) for key, column in entry["columns"].items()),
        left_out=entry.get("left_out", {}),
        keeps_deleted=bool(entry.get("keeps_deleted", False)),
        keeps_versions=bool(entry.get("keeps_versions", False)),
        requires=entry.get("requires"),
    )


def _landed_as(where: str | list[str] | dict[str, Any]) -> LandedAs:
    if isinstance(where, dict):
        tables = _as_tuple(where.get("tables") or where["table"])
        return LandedAs(tables, where.get("parent"), *_as_tuple(where.get("list", ())))
    return LandedAs((where,) if isinstance(where, str) else tuple(where))


def _column(name: str, entry: Mapping[str, Any], layouts: tuple[Layout, ...]) -> EntityColumn:
    data_type = next(key for key in entry if key in TYPES)
    names = entry[data_type]
    if isinstance(names, dict):
        by_layout = {layout: _as_tuple(given) for layout, given in names.items()}
    else:
        by_layout = {layout.name: _expand(names, layout) for layout in layouts}
    return EntityColumn(name, data_type, by_layout, bool(entry.get("optional", False)))


def _expand(names: str | list[str], layout: Layout, *, literally_too: bool = False) -> tuple[str, ...]:
    expanded = []
    for name in _as_tuple(names):
        expanded.append(layout.property_name.format(name))
        if literally_too and name not in expanded:
            expanded.append(name)
    return tuple(expanded)


def _as_tuple(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _is_names(names: Any) -> bool:
    listed = names if isinstance(names, list) else [names]
    return bool(listed) and all(isinstance(name, str) and name for name in listed)
