"""The sources of a run: which vendor's tables lie where, and which loader landed them."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import duckdb
import yaml

from crm_kpis.errors import InputError
from crm_kpis.published.connect import OFFLINE
from crm_kpis.raw.contract import RawTable
from crm_kpis.sources.entities import LandedColumns, find_columns
from crm_kpis.sources.layout import Entity, Layout, Vendor, add_own_columns, overlay, read_vendor, vendors
from crm_kpis.sources.place import LandedTable, Place, opened
from crm_kpis.sources.postgres import is_url

_KEYS = ("vendor", "name", "database", "schema", "landed", "time_zone")
_SHOWN_TABLES = 12
# Without a table or column that only one loader writes, so many columns of known tables tell the loader.
_FEWEST_COLUMNS = 4


@dataclass(frozen=True)
class SourceSpec:
    """A source as it was asked for.

    Attributes:
        vendor: The vendor's name.
        place: Where its tables lie.
        name: What the ids of its records begin with where there are several sources.
        time_zone: The time zone of a vendor's own export, which does not say it; None: not given.
    """

    vendor: str
    place: Place
    name: str
    time_zone: str | None = None


@dataclass(frozen=True)
class SourceSettings:
    """All sources of a run.

    Attributes:
        sources: The sources.
        mapping: A YAML file with a company's own columns, laid over the vendors'; None: none.
        mapping_dir: A directory with <vendor>/<table>.sql in place of the vendors'; None: none.
        match: For a source's account column the column of another source whose values it holds.
    """

    sources: tuple[SourceSpec, ...] = ()
    mapping: Path | None = None
    mapping_dir: Path | None = None
    match: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The settings as text, from which `from_json` makes them again."""
        return json.dumps(
            {
                "sources": [
                    {
                        "vendor": spec.vendor,
                        "name": spec.name,
                        "landed" if spec.place.is_directory else "database": spec.place.address,
                        **({"schema": spec.place.schema} if spec.place.schema else {}),
                        **({"time_zone": spec.time_zone} if spec.time_zone else {}),
                    }
                    for spec in self.sources
                ],
                "mapping": str(self.mapping) if self.mapping else None,
                "mapping_dir": str(self.mapping_dir) if self.mapping_dir else None,
                "match": dict(self.match),
            }
        )

    @staticmethod
    def from_json(text: str) -> SourceSettings:
        """Read what `to_json` wrote.

        Raises:
            InputError: It is not that.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise InputError("The environment variable CRM_KPIS_SOURCES is no JSON.") from error
        return read_settings(content, Path.cwd(), "CRM_KPIS_SOURCES")


@dataclass(frozen=True)
class Source:
    """A source whose layout was recognised.

    Attributes:
        spec: As it was asked for.
        vendor: The vendor, with the company's own columns.
        layout: The loader.
        tables: All landed tables.
        columns: What was found of each entity.
        warnings: One sentence each, for the user.
    """

    spec: SourceSpec
    vendor: Vendor
    layout: Layout
    tables: Mapping[str, LandedTable]
    columns: tuple[LandedColumns, ...]
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        """The source and its loader, for people."""
        return f"{self.spec.name} ({self.layout.name})"


def read_settings(content: Mapping[str, Any], directory: Path, origin: str) -> SourceSettings:
    """Read sources as settings.yml and the environment variable CRM_KPIS_SOURCES list them.

    Args:
        content: The keys sources, mapping, mapping_dir and match; all may be missing.
        directory: What relative paths start from.
        origin: The file or variable, for messages.

    Raises:
        InputError: A key is not known, or a value is not what it must be.
    """
    listed = content.get("sources") or []
    if not isinstance(listed, list):
        raise InputError(f"{origin}: sources must be a list, each with vendor and database or landed.")
    specs = [_read_spec(entry, directory, origin) for entry in listed]
    match = content.get("match") or {}
    if isinstance(match, str):
        match = [match]
    if isinstance(match, list):
        match = dict(_split_match(text, origin) for text in match)
    if not isinstance(match, dict):
        raise InputError(f"{origin}: match must be a list, such as [{_EXAMPLE_MATCH}].")
    mapping, mapping_dir = content.get("mapping"), content.get("mapping_dir")
    return check_settings(
        SourceSettings(
            tuple(specs),
            directory / mapping if mapping else None,
            directory / mapping_dir if mapping_dir else None,
            match,
        )
    )


_EXAMPLE_MATCH = "zendesk.organization.external_id = hubspot.company.company_id"


def _split_match(text: Any, origin: str) -> tuple[str, str]:
    left, equals, right = str(text).partition("=")
    if not equals or left.count(".") != 2 or right.count(".") != 2:
        raise InputError(f"{origin}: match {text!r} must read like {_EXAMPLE_MATCH}.")
    return left.strip(), right.strip()


def check_settings(settings: SourceSettings) -> SourceSettings:
    """Check that the sources can be told apart.

    Raises:
        InputError: Two sources have one name.
    """
    names = [spec.name for spec in settings.sources]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(
            f"There are two sources named {twice}. Give each its own name, such as name: {twice}_uk."
        )
    return settings


def _read_spec(entry: Any, directory: Path, origin: str) -> SourceSpec:
    if not isinstance(entry, dict):
        raise InputError(f"{origin}: a source must have the keys vendor and database or landed.")
    unknown = next((key for key in entry if key not in _KEYS), None)
    if unknown:
        raise InputError(f"{origin}: a source has no key {unknown!r}. There are: {', '.join(_KEYS)}.")
    return make_spec(
        entry.get("vendor"),
        database=_database(entry["database"], directory) if entry.get("database") else None,
        schema=entry.get("schema"),
        landed=directory / entry["landed"] if entry.get("landed") else None,
        name=entry.get("name"),
        time_zone=entry.get("time_zone"),
    )


def make_spec(  # noqa: PLR0913 - the keys of a source
    vendor: str | None,
    *,
    database: Path | str | None = None,
    schema: str | None = None,
    landed: Path | None = None,
    name: str | None = None,
    time_zone: str | None = None,
) -> SourceSpec:
    """Make a source of what a user gave; a database that is a text is the address of a PostgreSQL database.

    Raises:
        InputError: There is no such vendor or time zone, or not exactly one of database and landed.
    """
    if vendor not in vendors():
        raise InputError(f"There is no source {vendor!r}. There are: {', '.join(vendors())}.")
    if (database is None) == (landed is None):
        raise InputError(
            f"The source {vendor} needs the place of its tables: --database FILE with --schema NAME,"
            " or --landed DIR."
        )
    if landed is not None and schema:
        raise InputError(f"The source {vendor} has --schema, which belongs to --database, but --landed.")
    if time_zone is not None and time_zone not in available_timezones():
        raise InputError(
            f"The source {vendor} has the time zone {time_zone!r}, which is not known."
            " Name one such as Europe/Berlin."
        )
    if isinstance(database, str):
        return SourceSpec(vendor, Place(Path(), schema, url=database), name or vendor, time_zone)
    path = Path(os.path.abspath(database or landed or "."))
    return SourceSpec(vendor, Place(path, schema, landed is not None), name or vendor, time_zone)


def _database(given: Any, directory: Path) -> Path | str:
    return str(given) if is_url(str(given)) else directory / given


@contextmanager
def opened_sources(
    connection: duckdb.DuckDBPyConnection, settings: SourceSettings, contract: Sequence[RawTable] = ()
) -> Iterator[list[Source]]:
    """Open the places of the sources and recognise what landed them.

    Args:
        connection: A connection without an open transaction.
        settings: The sources.
        contract: The raw tables with the company's own columns, which are looked for, too.

    Yields:
        The sources, those that others are matched with first.

    Raises:
        InputError: A place can't be read, its layout is not known, or a company's own column is not landed.
    """
    mapping = _read_mapping(settings.mapping)
    specs = sorted(settings.sources, key=lambda spec: _depth(spec.name, settings))
    with opened(connection, [spec.place for spec in specs]) as places:
        yield [
            _recognise(spec, tables, mapping, settings.mapping, contract)
            for spec, tables in zip(specs, places, strict=True)
        ]


def configured_sources(values: Mapping[str, Any], directory: Path | None) -> SourceSettings:
    """The sources that settings.yml names.

    Args:
        values: Its keys, with their defaults.
        directory: The settings directory, from which paths start; None where there is none.
    """
    content = {"sources": values["sources"], "match": values["source_match"]}
    own = {key: values[f"source_{key}"] for key in ("mapping", "mapping_dir")}
    return read_settings(content | own, directory or Path.cwd(), "settings.yml")


def raw_directory_beside(directory: Path) -> Path | None:
    """A raw directory that holds what the sources do not have; None where there is none or nothing in it."""
    is_used = directory.is_dir() and any(not path.name.startswith(".") for path in directory.iterdir())
    return directory if is_used else None


def inspect_sources(settings: SourceSettings) -> list[str]:
    """Recognise the layouts, and check what they need, without reading a row.

    Returns:
        Which loader landed each source, and what is odd about it: one sentence each.

    Raises:
        InputError: As of `opened_sources`.
    """
    if not settings.sources:
        return []
    with duckdb.connect(config=OFFLINE) as connection, opened_sources(connection, settings) as sources:
        return [warning for source in sources for warning in source.warnings]


def _depth(name: str, settings: SourceSettings, seen: tuple[str, ...] = ()) -> int:
    """By how many matches a source hangs on others: those that it is matched with come before it."""
    if name in seen:
        raise InputError(f"match leads from {name} back to {name}. Match each source with one that stays.")
    matched = (right for left, right in settings.match.items() if left.split(".")[0] == name)
    return max((1 + _depth(right.split(".")[0], settings, (*seen, name)) for right in matched), default=0)


def _read_mapping(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no YAML: {str(error).splitlines()[0]}.") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} must have vendors as keys, such as hubspot: {{deal: {{amount: my_amount}}}}."
        )
    for vendor, entities in content.items():
        if vendor not in vendors() or not isinstance(entities, dict):
            raise InputError(
                f"{path}: {vendor!r} is no source with entities. There are: {', '.join(vendors())}."
            )
    return content


def _recognise(
    spec: SourceSpec,
    tables: Mapping[str, LandedTable],
    mapping: Mapping[str, Any],
    mapping_file: Path | None,
    contract: Sequence[RawTable],
) -> Source:
    vendor = read_vendor(spec.vendor)
    own = mapping.get(spec.vendor, {})
    if own:
        vendor = overlay(vendor, own, str(mapping_file))
    _refuse_exports(vendor, tables)
    tables = _name_files(vendor, tables)
    layout = _with_time_zone(spec, vendor, _find_layout(spec, vendor, tables))
    vendor = add_own_columns(vendor, contract)
    columns = find_columns(vendor, layout, tables)
    _check_needs(spec, vendor, layout, columns)
    _check_own(spec, columns, own, mapping_file)
    return Source(spec, vendor, layout, tables, columns, tuple(_warnings(spec, layout, columns)))


def _find_layout(spec: SourceSpec, vendor: Vendor, tables: Mapping[str, LandedTable]) -> Layout:
    names = ", ".join(sorted(tables)[:_SHOWN_TABLES]) + (", ..." if len(tables) > _SHOWN_TABLES else "")
    marks = {layout: [table for table in layout.tables if table in tables] for layout in vendor.layouts}
    by_table = [layout for layout, found in marks.items() if found]
    if len(by_table) > 1:
        seen = " and ".join(f"{layout.title} (table {marks[layout][0]})" for layout in by_table)
        raise InputError(
            f"{spec.place} holds {vendor.title} as {seen} land it."
            " Keep the tables of each loader in a place of their own."
        )
    if by_table:
        return by_table[0]
    known = {
        name for entity in vendor.entities for where in entity.landed_as.values() for name in where.tables
    }
    landed = [table for name, table in tables.items() if name.lower() in known or name in known]
    by_column = [
        layout
        for layout in vendor.layouts
        if any(_has_column(table, column) for table in landed for column in (*layout.columns, *layout.labels))
    ]
    if len(by_column) == 1:
        return by_column[0]
    layout, found = max(
        ((layout, _count_found(vendor, layout, tables)) for layout in by_column or vendor.layouts),
        key=lambda pair: pair[1],
    )
    if found >= _FEWEST_COLUMNS:
        return layout
    looked_for = "; ".join(
        f"{layout.title}: "
        + (f"columns {', '.join(layout.labels)}" if layout.is_export else ", ".join(layout.tables[:4]))
        for layout in vendor.layouts
    )
    raise InputError(
        f"{spec.place} holds {vendor.title} in no known layout. Its tables: {names}."
        f" Looked for any of {looked_for}."
    )


def _refuse_exports(vendor: Vendor, tables: Mapping[str, LandedTable]) -> None:
    """Say what is missing in a vendor's own export that can't be read."""
    for export in vendor.facts.get("not_read", ()):
        for table in tables.values():
            if any(set(labels) <= set(table.columns) for labels in export["labels"]):
                lacks = " ".join(export["lacks"].split())
                raise InputError(f"{_where(table)} is {export['what']}. {lacks}")


def _where(table: LandedTable) -> str:
    return str(table.files[0]) if table.files else table.name


def _name_files(vendor: Vendor, tables: Mapping[str, LandedTable]) -> Mapping[str, LandedTable]:
    """The tables, those of a vendor's own export by what they hold instead of the names of their files."""
    named: dict[str, LandedTable] = {}
    for name, table in tables.items():
        holds = name
        for layout in vendor.layouts:
            if table.is_text and any(label in table.columns for label in layout.labels):
                patterns = layout.files.items()
                holds = next((held for held, pattern in patterns if fnmatch(name.lower(), pattern)), name)
        if holds in named:
            files = " and ".join(str(each.files[0]) for each in (named[holds], table))
            raise InputError(
                f"{files} are both exports of {holds}. Keep the latest one, or put both into a directory"
                f" {holds}, where the last change of a record counts."
            )
        named[holds] = table
    return named


def _with_time_zone(spec: SourceSpec, vendor: Vendor, layout: Layout) -> Layout:
    if layout.zone_owner is None:
        if spec.time_zone:
            raise InputError(
                f"{spec.place} is {vendor.title} as {layout.title} lands it, in UTC."
                " Leave out the time zone of the source."
            )
        return layout
    if spec.time_zone is None:
        raise InputError(
            f"{spec.place} is {layout.title}, whose times are in {layout.zone_owner} time zone and do not say"
            " which. Name it: --time-zone Europe/Berlin, or time_zone of the source in settings.yml."
        )
    return replace(layout, time_zone=spec.time_zone)


def _check_needs(
    spec: SourceSpec, vendor: Vendor, layout: Layout, columns: tuple[LandedColumns, ...]
) -> None:
    for landed in columns:
        for name in layout.needs.get(landed.entity.name, ()):
            if landed.tables and name not in landed.found:
                column = next(column for column in landed.entity.columns if column.name == name)
                label = " or ".join(column.names[layout.name])
                raise InputError(
                    f"{_where(landed.tables[0])} has no column {label}, without which numbers would be wrong."
                    f" Export it, too. Where it has another name, {_hint(spec, landed.entity, name)}"
                )


def _has_column(table: LandedTable, mark: str) -> bool:
    # Snowflake unloads names in capitals. Salesforce's own names are told from others by theirs.
    return mark in table.columns or (mark.startswith("_") and mark.upper() in table.columns)


def _count_found(vendor: Vendor, layout: Layout, tables: Mapping[str, LandedTable]) -> int:
    """How many columns of entities whose keys are there a layout finds."""
    return sum(
        len(columns.found)
        for columns in find_columns(vendor, layout, tables)
        if columns.tables and all(key in columns.found for key in columns.entity.key)
    )


def _check_own(
    spec: SourceSpec, columns: tuple[LandedColumns, ...], own: Mapping[str, Any], mapping_file: Path | None
) -> None:
    for landed in columns:
        for name in own.get(landed.entity.name, {}):
            if landed.tables and name not in landed.found:
                table = landed.tables[0]
                raise InputError(
                    f"{mapping_file}: {spec.vendor}.{landed.entity.name}.{name} names"
                    f" {own[landed.entity.name][name]!r}, which the table {table.name} does not have."
                    f" It has: {', '.join(sorted(table.columns)[:40])}."
                )


def _hint(spec: SourceSpec, entity: Entity, column: str, name: str = "NAME") -> str:
    return f"--mapping names it: {spec.vendor}: {{{entity.name}: {{{column}: {name}}}}}."


def _similar(name: str, landed: LandedColumns) -> str:
    """The landed column, read for nothing else, that the name may have become; NAME where there is none."""
    read = {found.partition(".")[0] for names in landed.found.values() for found in names}
    unread = [column for table in landed.tables for column in table.columns if column not in read]
    return next(iter(difflib.get_close_matches(name, unread, n=1)), "NAME")


def _warnings(spec: SourceSpec, layout: Layout, columns: tuple[LandedColumns, ...]) -> Iterator[str]:
    for landed in columns:
        entity, tables = landed.entity, ", ".join(table.name for table in landed.tables)
        if not landed.tables:
            continue
        expected = [column for column in landed.missing if layout.name in column.names]
        keys = [column.name for column in expected if column.name in entity.key]
        if keys:
            wanted = next(column for column in expected if column.name == keys[0]).names[layout.name][0]
            raise InputError(
                f"{spec.name}: the table {tables} has no column {wanted}, which tells records apart."
                f" Where it has another name, {_hint(spec, entity, keys[0])}"
            )
        lacking = [column for column in expected if not column.is_optional]
        if lacking:
            names = [column.names[layout.name][0] for column in lacking]
            hint = _hint(spec, entity, lacking[0].name, _similar(names[0], landed))
            yield (
                f"{spec.name}: the table {tables} has no column {', '.join(names)}."
                f" Where it has another name, {hint}"
            )
