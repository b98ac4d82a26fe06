"""The settings: dbt's vars, from dbt_project.yml and from the command line.

dbt takes any value for a var and puts it into SQL as it stands. Here each is checked before a model is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.days import FIRST_DAY, LAST_DAY, parse_day
from crm_kpis.errors import InputError
from crm_kpis.project import PACKAGE, PROJECT_DIR, PROJECT_FILE, read_project
from crm_kpis.raw.contract import read_contract

_LONGEST_DAYS = 36_500
# Vars that dbt_plugin.py reads, and that therefore need not stand in dbt_project.yml.
_VARS_OF_THE_PLUGIN = ("raw_dir", "snapshots_dir")


def check_vars(given: Mapping[str, Any], project_dir: Path = PROJECT_DIR) -> None:
    """Check the vars of dbt_project.yml, those of a company's project, and those of the command line.

    Args:
        given: What the command line sets.
        project_dir: The directory of the dbt_project.yml of the project that is built.

    Raises:
        InputError: A var is not known, or its value is none that the models can use.
    """
    defaults = read_project(PROJECT_DIR)["vars"]
    of_project, of_package = _read_vars(project_dir)
    for name in of_package:
        if name not in defaults:
            raise InputError(
                f"{project_dir / PROJECT_FILE} sets the var {name} of {PACKAGE}, which has no such var."
                f" There are: {', '.join(sorted(defaults))}."
            )
    for name in given:
        if name not in defaults | of_project and name not in _VARS_OF_THE_PLUGIN:
            raise InputError(f"There is no var {name}. There are: {', '.join(sorted(defaults))}.")
    for name, value in (defaults | of_project | of_package | dict(given)).items():
        complaint = CHECKS[name](value) if name in CHECKS else None
        if complaint:
            origin = "--vars" if name in given else PROJECT_FILE
            raise InputError(f"The var {name} in {origin} is {_shown(value)}: {complaint}")


def _read_vars(project_dir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The vars that a project sets for all packages, and those that it sets for this one alone."""
    project = read_project(project_dir)
    set_vars = project.get("vars") or {}
    of_package = set_vars.get(PACKAGE) or {}
    return {name: value for name, value in set_vars.items() if name != PACKAGE}, of_package


def read_vars(given: Mapping[str, Any], project_dir: Path = PROJECT_DIR) -> dict[str, Any]:
    """The value of each var: what the command line sets, else the project, else this package."""
    of_project, of_package = _read_vars(project_dir)
    return dict(read_project(PROJECT_DIR)["vars"]) | of_project | of_package | dict(given)


def _check_day(value: Any) -> str | None:
    if value is None:
        return None
    # YAML reads 2026-06-30 as a date, and with a time of day as a datetime, which is a date too.
    day = value if isinstance(value, date) and not isinstance(value, datetime) else parse_day(str(value))
    if day is None:
        return "write a date as YYYY-MM-DD, such as 2026-06-30, or null for the latest day in the data."
    if not FIRST_DAY <= day <= LAST_DAY:
        return f"it must lie between {FIRST_DAY} and {LAST_DAY}."
    return None


def _check_time_zone(value: Any, optional: bool = False) -> str | None:
    if value is None and optional:
        return None
    if isinstance(value, str):
        with duckdb.connect(config={"autoload_known_extensions": False}) as connection:
            query = "select 1 from pg_timezone_names() where name = ?"
            if connection.execute(query, [value]).fetchall():
                return None
    return "no time zone has this name. Take one of the IANA time zones, such as UTC or Europe/Berlin."


def _check_currency(value: Any) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z]{3}", value):
        return None
    return "write a currency as the three letters of ISO 4217, such as EUR."


def _check_number(value: Any, *, lowest: float, highest: float, whole: bool = False) -> str | None:
    kinds = int if whole else (int, float)
    # True is an int, too; and nothing is between two numbers that is none (.nan).
    if isinstance(value, kinds) and not isinstance(value, bool) and lowest <= value <= highest:
        return None
    return f"it must be a {'whole ' if whole else ''}number from {lowest} to {highest}."


def _check_directory(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "it must be the path of a directory."


def _check_personal_columns(value: Any) -> str | None:
    publishable = publishable_columns()
    choice = f"The personal columns that can be published are {', '.join(publishable)}."
    if value is None:
        return None
    if not isinstance(value, list):
        return f"it must be a list, such as [accounts.name]. {choice}"
    unknown = [str(column) for column in value if column not in list(publishable)]
    return f"no published table has a place for {unknown[0]}. {choice}" if unknown else None


def _check_models(value: Any) -> str | None:
    if value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return None
    return "it must be a list of models, such as [own_measures]."


def publishable_columns() -> dict[str, str]:
    """The personal columns of the raw contract that have a place in a published table, by table.column."""
    return {
        f"{table.name}.{column.name}": column.published_as
        for table in read_contract()
        for column in table.columns
        if column.published_as
    }


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# What is wrong with a value, as the end of a sentence; None if nothing is.
CHECKS: dict[str, Callable[[Any], str | None]] = {
    "as_of": _check_day,
    "reporting_time_zone": _check_time_zone,
    "business_time_zone": partial(_check_time_zone, optional=True),
    "reporting_currency": _check_currency,
    "churn_after_days": partial(_check_number, lowest=1, highest=_LONGEST_DAYS, whole=True),
    "stalled_after_days": partial(_check_number, lowest=0, highest=_LONGEST_DAYS, whole=True),
    "gross_margin": partial(_check_number, lowest=0, highest=1),
    "max_lifespan_years": partial(_check_number, lowest=1, highest=100),
    "publish_personal_columns": _check_personal_columns,
    "own_measures": _check_models,
    "raw_dir": _check_directory,
    "snapshots_dir": _check_directory,
}
