"""Checks of settings: the keys of settings.yml, the rows of each table, and one table against another."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import duckdb

from crm_kpis.catalogue.docs import CATALOGUE_FILE, read_catalogue
from crm_kpis.catalogue.measures import OWN_MEASURES, MeasureModel, find_measures
from crm_kpis.days import FIRST_DAY, LAST_DAY, parse_day
from crm_kpis.errors import InputError
from crm_kpis.project import PACKAGE, PROJECT_DIR, PROJECT_FILE, read_project
from crm_kpis.raw.contract import RawColumn, read_contract
from crm_kpis.settings.cells import check_limits
from crm_kpis.settings.declaration import KEYS_FILE, Row, Setting, Settings, SettingsTable, read_declaration
from crm_kpis.settings.own_columns import (
    check_own_columns,
    company_projects,
    extend_contract,
    read_own_columns,
)
from crm_kpis.settings.problems import Problems, display, suggest
from crm_kpis.sources.source import read_settings as read_sources

# The vars that dbt_plugin.py reads.
PATH_VARS = ("raw_dir", "settings_dir", "snapshots_dir")
# The names of periods that the calendar has: 2025, 2025-Q1, 2025-03, 2025-W07, all.
_CALENDAR_NAME = re.compile(
    r"(\d{4}(-(Q[1-4]|\d{2}|W\d{2}))?|FY\d{4}(-Q[1-4])?|all)", re.IGNORECASE | re.ASCII
)
# A greater relative change is a percentage that was not divided by 100.
_GREATEST_CHANGE = 2
_QUOTA_PERIOD = re.compile(r"\d{4}(-Q[1-4]|-(0[1-9]|1[0-2]))?|(?P<fiscal>FY\d{4}(-Q[1-4])?)", re.ASCII)
_KPI_ID = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def check_vars(given: Mapping[str, Any], project_dir: Path) -> None:
    """Refuse vars of dbt for what settings.yml says, and wrong values of the others.

    Args:
        given: The vars of the command line.
        project_dir: The directory of the dbt_project.yml of the project that is built.

    Raises:
        InputError: A var is not known, is a setting, or its value can't be used.
    """
    known = read_project(PROJECT_DIR)["vars"]
    of_project = read_project(project_dir).get("vars") or {}
    of_package = of_project.get(PACKAGE) or {}
    for origin, values in (("--vars", given), (PROJECT_FILE, of_project), (PROJECT_FILE, of_package)):
        for name, value in values.items():
            if name in read_declaration().keys:
                raise InputError(
                    f"The var {name} in {origin} is not read. Write it as a key of {KEYS_FILE} in the"
                    " directory that --settings, CRM_KPIS_SETTINGS or the var settings_dir names."
                )
            complaint = _VAR_CHECKS[name](value) if name in _VAR_CHECKS else None
            if complaint:
                raise InputError(f"The var {name} in {origin} is {display(value)}: {complaint}")
    for origin, values in (("--vars", given), (PROJECT_FILE, of_package)):
        for name in values:
            if name not in known | of_project and name not in PATH_VARS:
                raise InputError(
                    f"There is no var {name}, which {origin} sets. {suggest(name, [*known, *PATH_VARS])}"
                )


def check_catalogue() -> None:
    """Refuse a row of the shipped catalogue that names a measure which no model computes.

    Without the check its KPI would have no value, and nobody would know.

    Raises:
        InputError: There is such a row; one line each.
    """
    measures = find_measures()
    messages = [
        f"{CATALOGUE_FILE}, line {line}, {role}: {complaint}"
        for line, kpi in enumerate(read_catalogue(), start=2)
        for role, complaint in _check_measures(kpi, measures, "models/measures/measures.sql")
    ]
    if messages:
        raise InputError("\n".join(messages))


def _check_measures(
    kpi: Mapping[str, Any], measures: Mapping[str, MeasureModel], listed_in: str
) -> Iterator[tuple[str, str]]:
    """What is wrong with the measures that a KPI names: the column, and the message with the way out."""
    for role in ("numerator", "denominator", "squares", "sample_measure"):
        measure = kpi[role]
        if not measure:
            continue
        model = measures.get(measure)
        if model is None:
            message = f"no model computes the measure {display(measure)}."
            yield role, f"{message} {suggest(measure, sorted(measures))}"
        elif not model.is_listed:
            message = f"{listed_in} does not list the model {model.name}, which computes {display(measure)}."
            yield role, f"{message} Add it there."


def _check_directory(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "it must be the path of a directory."


def _check_models(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return None
    return "it must be a list of models, such as [own_measures]."


_VAR_CHECKS: dict[str, Callable[[Any], str | None]] = {
    **dict.fromkeys(PATH_VARS, _check_directory),
    OWN_MEASURES: _check_models,
}


def check_key(key: Setting, value: Any) -> str | None:
    """What is wrong with the value of a key of settings.yml, as the end of a sentence; None for nothing."""
    if value is None and key.optional:
        return None
    complaint = _KEY_TYPES[key.data_type](value)
    if complaint is None:
        complaint = check_limits(key, value)
    if complaint is None and key.check:
        complaint = _KEY_CHECKS[key.check](value)
    return complaint


def check_tables(settings: Settings, problems: Problems) -> None:
    """Check the rows of the tables, each by itself and against the others.

    Args:
        settings: What was read.
        problems: Takes up what is wrong.
    """
    declaration = read_declaration()
    for name, rows in settings.rows.items():
        table = declaration.tables[name]
        for line, column, message in [
            *_check_keys(table, rows),
            *_check_order(table, rows),
            *(_TABLE_CHECKS[name](settings) if name in _TABLE_CHECKS else ()),
        ]:
            problems.add(table.file_name, message, line=line, column=column)
    for key, check in _CROSS_CHECKS.items():
        for message in check(settings):
            problems.add(KEYS_FILE, message, line=settings.given.get(key), column=key)


def check_snapshots(settings: Settings, snapshots_dir: Path, names: list[str]) -> None:
    """Refuse an evaluation whose baseline is a snapshot that is not there, before anything is built.

    Args:
        settings: What was read.
        snapshots_dir: The directory of the snapshots, for the message.
        names: The snapshots in it.

    Raises:
        InputError: A snapshot is not there.
    """
    if settings.directory is None:
        return
    problems = Problems(settings.directory)
    for row in settings.rows.get("evaluations", ()):
        name = row.values["baseline_snapshot"]
        if name is not None and name not in names:
            problems.add(
                read_declaration().tables["evaluations"].file_name,
                f"{display(name)} is no snapshot in {snapshots_dir}. {suggest(name, names)}"
                f" Take it with crm-kpis snapshot {quote(name)}, or leave the cell empty.",
                line=row.line,
                column="baseline_snapshot",
            )
    problems.raise_if_any()


def check_day(value: Any) -> str | None:
    """What is wrong with a day that a user gives; None for nothing."""
    # YAML reads 2026-06-30 as a date, and with a time of day as a datetime, which is a date too.
    day = value if isinstance(value, date) and not isinstance(value, datetime) else parse_day(str(value))
    if day is None:
        return "write a date as YYYY-MM-DD, such as 2026-06-30."
    if not FIRST_DAY <= day <= LAST_DAY:
        return f"it must lie between {FIRST_DAY} and {LAST_DAY}."
    return None


def publishable_columns() -> dict[str, str]:
    """The personal columns of the raw contract that have a place in a published table, by table.column."""
    return {
        f"{table.name}.{column.name}": column.published_as
        for table in read_contract()
        for column in table.columns
        if column.published_as
    }


# The keys of settings.yml


def _check_text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "it must be a text."


def _check_integer(value: Any) -> str | None:
    # True is an int, too.
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return None if is_whole else "it must be a whole number, without quotes."


def _check_number(value: Any) -> str | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return None if is_number else "it must be a number, with a dot before the decimals and without quotes."


def _check_boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "it must be true or false, without quotes."


def _check_list(value: Any) -> str | None:
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return None if is_list else "it must be a list of texts, such as [accounts.name]."


def _check_mappings(value: Any) -> str | None:
    is_list = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return None if is_list else "it must be a list of mappings, such as [{vendor: hubspot, landed: hubspot}]."


def _check_time_zone(value: str) -> str | None:
    with duckdb.connect(config={"autoload_known_extensions": False}) as connection:
        names = [name for (name,) in connection.execute("select name from pg_timezone_names()").fetchall()]
    if value in names:
        return None
    return "no time zone has this name. Take one of the IANA time zones, such as UTC or Europe/Berlin."


def _check_currency(value: str) -> str | None:
    if re.fullmatch(r"[A-Za-z]{3}", value):
        return None
    return "write a currency as the three letters of ISO 4217, such as EUR."


def _check_sources(key: str, value: Any) -> str | None:
    try:
        read_sources({key: value}, Path(), KEYS_FILE)
    except InputError as error:
        return str(error)
    return None


_KEY_TYPES: dict[str, Callable[[Any], str | None]] = {
    "text": _check_text,
    "integer": _check_integer,
    "number": _check_number,
    "boolean": _check_boolean,
    "date": check_day,
    "list": _check_list,
    "mappings": _check_mappings,
}
_KEY_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "time_zone": _check_time_zone,
    "currency": _check_currency,
    "sources": partial(_check_sources, "sources"),
    "source_match": partial(_check_sources, "match"),
}


# Every table

_Complaints = Iterator[tuple[int, "str | None", str]]


def _check_keys(table: SettingsTable, rows: tuple[Row, ...]) -> _Complaints:
    first: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row.values[column] for column in table.key)
        if row.is_sound and key in first:
            shown = ", ".join(display(value) for value in key if value is not None)
            yield (
                row.line,
                "|".join(table.key),
                f"{shown} is there twice, first in line {first[key]}. Remove one.",
            )
        first.setdefault(key, row.line)


def _check_order(table: SettingsTable, rows: tuple[Row, ...]) -> _Complaints:
    pairs = [(pair, False) for pair in table.ascending] + [(pair, True) for pair in table.strictly]
    for row in rows:
        for (low, high), is_strict in pairs:
            first, last = row.values[low], row.values[high]
            if first is None or last is None:
                continue
            if last < first or (is_strict and first == last):
                than = (
                    "not after" if is_strict else "less than" if isinstance(first, (int, float)) else "before"
                )
                message = (
                    f"{display(last)} is {than} {low}, {display(first)}. Exchange the two, or correct one."
                )
                yield row.line, high, message


# Each table


def _sound(settings: Settings, table: str) -> Iterator[Row]:
    return (row for row in settings.rows.get(table, ()) if row.is_sound)


def _period_names(settings: Settings) -> list[str]:
    names = (row.values["period_name"] for row in settings.rows.get("named_periods", ()))
    return [name for name in names if name is not None]


def _unknown_period(settings: Settings, name: str) -> str:
    known = _period_names(settings)
    return f"{display(name)} is not in named_periods.csv. {suggest(name, known)}"


def _check_named_periods(settings: Settings) -> _Complaints:
    for row in _sound(settings, "named_periods"):
        name, starts_on, ends_on, last_days = (
            row.values[column] for column in ("period_name", "starts_on", "ends_on", "last_days")
        )
        if _CALENDAR_NAME.fullmatch(name):
            message = "is the name of a calendar period. Take another, such as"
            yield row.line, "period_name", f"{display(name)} {message} 'year {name}'."
        if last_days is None and starts_on is None:
            yield row.line, "starts_on", "it is empty, and so is last_days. Give starts_on, or last_days."
        if last_days is not None and (starts_on is not None or ends_on is not None):
            yield (
                row.line,
                "last_days",
                f"{last_days} is given beside dates. Give starts_on and ends_on, or last_days.",
            )


def _check_evaluations(settings: Settings) -> _Complaints:
    known = _period_names(settings)
    periods = {row.values["period_name"]: row.values for row in _sound(settings, "named_periods")}
    for row in _sound(settings, "evaluations"):
        baseline, current = row.values["baseline_period"], row.values["current_period"]
        has_snapshot = row.values["baseline_snapshot"] is not None
        if current not in known:
            yield row.line, "current_period", _unknown_period(settings, current)
        if baseline not in known and not has_snapshot:
            yield row.line, "baseline_period", _unknown_period(settings, baseline)
        if row.values["control_segment"] is not None:
            yield from _check_control_segment(row, settings)
        if has_snapshot or baseline not in periods or current not in periods:
            continue
        end, start = periods[baseline]["ends_on"], periods[current]["starts_on"]
        if baseline == current or (end and start and end >= start):
            message = f"{display(current)} must start after {display(baseline)} has ended"
            yield row.line, "current_period", f"{message}: a day in both is neither before nor after."


def _check_control_segment(row: Row, settings: Settings) -> _Complaints:
    text = row.values["control_segment"]
    dimension, _, member = text.partition("=")
    dimensions = sorted({name for kpi in _catalogue(settings) for name in kpi["segments"].split("|") if name})
    if not member:
        yield (
            row.line,
            "control_segment",
            f"{display(text)} is no segment. Write dimension=member: team=North.",
        )
    elif dimension not in dimensions:
        message = f"{display(dimension)} is no dimension of any KPI."
        yield row.line, "control_segment", f"{message} {suggest(dimension, dimensions)}"


def _check_kpi_targets(settings: Settings) -> _Complaints:
    catalogue = {kpi["kpi_id"]: kpi for kpi in _catalogue(settings)}
    for row in _sound(settings, "kpi_targets"):
        target = row.values
        kpi = catalogue.get(target["kpi_id"])
        if kpi is None:
            message = f"{display(target['kpi_id'])} is no KPI of the catalogue."
            yield row.line, "kpi_id", f"{message} {suggest(target['kpi_id'], list(catalogue))}"
            continue
        if kpi["good"] == "none":
            yield (
                row.line,
                "kpi_id",
                f"{kpi['kpi_id']} has no good direction, so no target can be reached. Take another KPI.",
            )
        yield from ((row.line, *complaint) for complaint in _check_segment(target, kpi))
        yield from ((row.line, *complaint) for complaint in _check_target(target, kpi))
        baseline = target["baseline_period"]
        if baseline is not None and baseline not in _period_names(settings):
            yield row.line, "baseline_period", _unknown_period(settings, baseline)


def _check_quotas(settings: Settings) -> _Complaints:
    for row in _sound(settings, "quotas"):
        if row.values["owner_id"] is not None and row.values["team"] is not None:
            message = "a quota is of a user or of a team, not of both. Leave one of owner_id and team empty."
            yield row.line, "team", message
        period = _QUOTA_PERIOD.fullmatch(row.values["period"])
        if period is None:
            message = f"{display(row.values['period'])} is no month, quarter or year. Write 2026-07, 2026-Q3"
            yield row.line, "period", f"{message} or 2026; of a fiscal year FY2027-Q1 or FY2027."
        elif period["fiscal"] and settings.values["fiscal_year_starts_in"] is None:
            message = f"{display(row.values['period'])} is fiscal, and no fiscal year is known."
            yield row.line, "period", f"{message} Set fiscal_year_starts_in in {KEYS_FILE}."


def _check_benchmarks(settings: Settings) -> _Complaints:
    catalogue = {kpi["kpi_id"]: kpi for kpi in _catalogue(settings)}
    for row in _sound(settings, "benchmarks"):
        kpi = catalogue.get(row.values["kpi_id"])
        if kpi is None:
            message = f"{display(row.values['kpi_id'])} is no KPI of the catalogue."
            yield row.line, "kpi_id", f"{message} {suggest(row.values['kpi_id'], list(catalogue))}"
        else:
            yield from ((row.line, *complaint) for complaint in _check_segment(row.values, kpi))


def _check_personal_columns(settings: Settings) -> Iterator[str]:
    own = [f"{column.raw_table}.{column.name}" for column in read_own_columns(settings) if column.is_personal]
    publishable = [*publishable_columns(), *own]
    for column in settings.values["publish_personal_columns"]:
        if column not in publishable:
            yield f"no published table has a place for {column}. {suggest(column, publishable)}"


def _check_headline_kpis(settings: Settings) -> Iterator[str]:
    known = [kpi["kpi_id"] for kpi in _catalogue(settings)]
    for kpi_id in settings.values["headline_kpis"]:
        if kpi_id not in known:
            yield f"{display(kpi_id)} is no KPI of the catalogue. {suggest(kpi_id, known)}"


def _catalogue(settings: Settings) -> list[dict[str, str]]:
    """The rows of the catalogue and of own_kpis.csv, split by own columns, too."""
    own = read_own_columns(settings)
    return [
        kpi
        | {
            "segments": "|".join(
                filter(
                    None,
                    [
                        kpi["segments"],
                        *(column.published_as for column in own if kpi["kpi_id"] in column.kpis),
                    ],
                )
            )
        }
        for kpi in [*read_catalogue(), *_own_kpis(settings)]
    ]


def _own_kpis(settings: Settings) -> Iterator[dict[str, str]]:
    """The rows of own_kpis.csv as those of the catalogue."""
    for row in _sound(settings, "own_kpis"):
        kpi = {name: "" if value is None else str(value) for name, value in row.values.items()}
        default = "proportional" if kpi["aggregation"] == "total" else "none"
        yield kpi | {"length_effect": kpi["length_effect"] or default}


def _check_segment(target: dict[str, Any], kpi: dict[str, str]) -> Iterator[tuple[str, str]]:
    dimension, member = target["segment_by"], target["segment"]
    if (dimension is None) != (member is None):
        empty = "segment" if member is None else "segment_by"
        yield empty, "it is empty. Give segment_by and segment, or leave both empty for the total."
    dimensions = [name for name in kpi["segments"].split("|") if name]
    if dimension is not None and dimension not in dimensions:
        yield (
            "segment_by",
            f"{display(dimension)} is no dimension of {kpi['kpi_id']}. {suggest(dimension, dimensions)}",
        )


def _check_target(target: dict[str, Any], kpi: dict[str, str]) -> Iterator[tuple[str, str]]:
    value, is_relative = target["target"], target["kind"] == "relative"
    is_share = kpi["interval_method"] == "wilson"
    if is_relative and not -1 <= value <= _GREATEST_CHANGE:
        yield (
            "target",
            f"{value:g} is a change of {value:.0%}. Write 10 % as 0.1, or set an absolute target.",
        )
    elif is_relative and kpi["good"] in ("up", "down") and (value > 0) != (kpi["good"] == "up"):
        sign = "positive" if kpi["good"] == "up" else "negative"
        yield (
            "target",
            f"{value:g} makes {kpi['kpi_id']} worse: good is {kpi['good']}. Write a {sign} change.",
        )
    if not is_relative and is_share and not 0 <= value <= 1:
        yield "target", f"{value:g} is no share, and {kpi['kpi_id']} is one. Write 10 % as 0.1."
    if is_relative and target["baseline_period"] is None:
        yield (
            "baseline_period",
            "it is empty, and a relative target changes a baseline. Name a period of named_periods.csv.",
        )
    if is_relative and kpi["length_effect"] == "other":
        message = (
            f"{kpi['kpi_id']} depends on the length of its period, and a month is shorter than a baseline."
        )
        yield "kind", f"relative: {message} Set an absolute target."


def _check_mandatory_fields(settings: Settings) -> _Complaints:
    accepted = read_declaration().record_fields
    for row in _sound(settings, "mandatory_fields"):
        table, column = row.values["raw_table"], row.values["column_name"]
        if column not in accepted[table]:
            message = f"{display(column)} is no optional column of {table}."
            yield row.line, "column_name", f"{message} {suggest(column, accepted[table])}"


def _check_pipeline_stages(settings: Settings) -> _Complaints:
    first: dict[tuple[str, int], Row] = {}
    for row in _sound(settings, "pipeline_stages"):
        place = (row.values["pipeline"], row.values["stage_order"])
        if place in first:
            other = first[place]
            same = f"{place[1]} is the place of {display(other.values['stage'])}, too (line {other.line})"
            yield row.line, "stage_order", f"{same}. Give each stage of a pipeline its own place."
        first.setdefault(place, row)


def _check_own_kpis(settings: Settings) -> _Complaints:
    shipped = {kpi["kpi_id"] for kpi in read_catalogue()}
    measures = find_measures(company_projects(settings))
    own_dimensions = {
        row.values["published_as"] or row.values["column_name"] for row in _sound(settings, "own_columns")
    }
    for row in _sound(settings, "own_kpis"):
        kpi = row.values
        listed_in = f"the var {OWN_MEASURES} in {PROJECT_FILE}"
        yield from ((row.line, *complaint) for complaint in _check_measures(kpi, measures, listed_in))
        if not _KPI_ID.fullmatch(kpi["kpi_id"]):
            way_out = "Write small letters, digits and _, such as large_deals_won."
            yield row.line, "kpi_id", f"{display(kpi['kpi_id'])} can't be the key of a KPI. {way_out}"
        if kpi["kpi_id"] in shipped:
            yield row.line, "kpi_id", f"{kpi['kpi_id']} is a KPI of the package. Take another name."
        yield from ((row.line, *complaint) for complaint in _check_parts(kpi))
        yield from (
            (row.line, "segments", complaint) for complaint in _check_segments(kpi, measures, own_dimensions)
        )
        for name in filter(None, (kpi["compared_across"] or "").split("|")):
            if name not in (kpi["segments"] or "").split("|"):
                yield row.line, "compared_across", f"{display(name)} is not in segments. Add it there."


def _check_segments(
    kpi: dict[str, Any], measures: dict[str, MeasureModel], own_dimensions: set[str]
) -> Iterator[str]:
    for name in filter(None, (kpi["segments"] or "").split("|")):
        for measure in filter(None, (kpi["numerator"], kpi["denominator"])):
            segments = measures[measure].segments if measure in measures else None
            if segments is not None and name not in {*segments, *own_dimensions}:
                message = f"{display(name)} is no dimension by which {measure} is split."
                yield f"{message} {suggest(name, sorted(segments)) if segments else 'Leave it out.'}"


def _check_parts(kpi: dict[str, Any]) -> Iterator[tuple[str, str]]:
    is_ratio = kpi["aggregation"] == "ratio"
    if is_ratio and kpi["denominator"] is None:
        yield "denominator", "it is empty, and a ratio divides by it. Name a measure."
    if not is_ratio and kpi["denominator"] is not None:
        yield "denominator", f"a {kpi['aggregation']} divides by nothing. Leave it empty, or take ratio."
    method = kpi["interval_method"] or "none"
    if method == "wilson" and (not is_ratio or kpi["unit"] != "ratio"):
        yield "interval_method", "wilson is for a ratio whose unit is ratio. Take none."
    if method == "poisson" and (not is_ratio or kpi["unit"] == "ratio"):
        yield "interval_method", "poisson is for a ratio whose unit is not ratio. Take wilson or none."
    if method in ("mean", "nps") and kpi["squares"] is None:
        yield "squares", f"it is empty, and {method} needs the sum of squares. Name a measure, or take none."


# Of keys whose values depend on tables.
_CROSS_CHECKS: dict[str, Callable[[Settings], Iterator[str]]] = {
    "headline_kpis": _check_headline_kpis,
    "publish_personal_columns": _check_personal_columns,
}


def _check_raw_table(row: Row) -> Iterator[tuple[int, str, str]]:
    name = row.values["raw_table"]
    tables = [table.name for table in read_contract()]
    if name is not None and name not in tables:
        message = f"{display(name)} is no table of the raw contract."
        yield row.line, "raw_table", f"{message} {suggest(name, tables)}"


def _check_raw_formats(settings: Settings) -> _Complaints:
    for row in _sound(settings, "raw_formats"):
        yield from _check_raw_table(row)
        time_zone = row.values["time_zone"]
        complaint = time_zone and _check_time_zone(time_zone)
        if complaint:
            yield row.line, "time_zone", f"{display(time_zone)}: {complaint}"
        elif time_zone and "reporting_time_zone" not in settings.given:
            message = f"{display(time_zone)} is given, and {KEYS_FILE} has no reporting_time_zone"
            yield row.line, "time_zone", f"{message}: days would be days in UTC. Write it there, too."


# What values of a column can be taken for: two columns of one kind may be read from one of the file.
_KINDS = {
    "date": "days",
    "timestamp": "days",
    "integer": "numbers",
    "decimal": "numbers",
    "boolean": "booleans",
}


def _check_raw_columns(settings: Settings) -> _Complaints:
    named: dict[tuple[str, str], tuple[str, Row]] = {}
    for row in _sound(settings, "raw_columns"):
        yield from _check_raw_table(row)
        table, column = row.values["raw_table"], row.values["column_name"]
        columns = _columns_of(settings, table)
        if columns and column not in columns:
            message = f"{display(column)} is no column of {table}."
            other = row.values["name_in_file"]
            hint = (
                f"But {other} is: the two have changed places."
                if other in columns
                else suggest(column, list(columns))
            )
            yield row.line, "column_name", f"{message} {hint}"
        kind = _KINDS.get(columns[column].data_type, "text") if column in columns else ""
        place = (table, row.values["name_in_file"].lower())
        other_kind, first = named.setdefault(place, (kind, row))
        # A CRM may have one date for two, or a stage that tells the status, too.
        if first is not row and kind and other_kind and kind != other_kind:
            other = f"{first.values['column_name']}, of {other_kind}, too (line {first.line})"
            message = f"{display(row.values['name_in_file'])} is {other}, and {column} is of {kind}"
            yield row.line, "name_in_file", f"{message}. Correct one."


def _check_value_words(settings: Settings) -> _Complaints:
    for row in _sound(settings, "value_words"):
        yield from _check_raw_table(row)
        table, name, value = (row.values[key] for key in ("raw_table", "column_name", "accepted_value"))
        columns = _columns_of(settings, table)
        column = columns.get(name)
        if column is None:
            if columns:
                place = table or "any raw table"
                message = f"{display(name)} is no column of {place}."
                yield row.line, "column_name", f"{message} {suggest(name, sorted(columns))}"
            continue
        accepted = column.accepts or (("true", "false") if column.data_type == "boolean" else ())
        if not accepted and column.data_type != "text":
            message = f"{name} is no text. Words are for columns of text and for booleans."
            yield row.line, "column_name", message
        elif accepted and value not in accepted:
            message = f"{display(value)} is no accepted value of {name}."
            yield row.line, "accepted_value", f"{message} {suggest(value, list(accepted))}"


def _columns_of(settings: Settings, table_name: str | None) -> dict[str, RawColumn]:
    """The columns of a raw table by name, or of all; empty where there is no such table."""
    return {
        column.name: column
        for table in reversed(extend_contract(settings))
        if table_name in (None, table.name)
        for column in table.columns
    }


def _check_alert_receivers(settings: Settings) -> _Complaints:
    for row in settings.rows["alert_receivers"]:
        if row.values["owner_id"] and row.values["team"]:
            yield row.line, "team", "the row names an owner already. Write a row for each."


_TABLE_CHECKS: dict[str, Callable[[Settings], _Complaints]] = {
    "named_periods": _check_named_periods,
    "own_kpis": _check_own_kpis,
    "own_columns": check_own_columns,
    "evaluations": _check_evaluations,
    "kpi_targets": _check_kpi_targets,
    "quotas": _check_quotas,
    "alert_receivers": _check_alert_receivers,
    "benchmarks": _check_benchmarks,
    "mandatory_fields": _check_mandatory_fields,
    "pipeline_stages": _check_pipeline_stages,
    "raw_formats": _check_raw_formats,
    "raw_columns": _check_raw_columns,
    "value_words": _check_value_words,
}
