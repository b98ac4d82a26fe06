"""Which raw columns each measure cannot do without, from what its model reads.

A column of a fact or of a step says in its YAML what fills it (config.meta.needs). A measure needs what its
date, its condition and the columns of its line need. Where it needs something else, its model says so, by
measure.

A need is a raw column, `deals.amount`; one with an accepted value, `deals.status=lost`; several of which one
is enough, joined by ` or `; or a file of settings, `settings.business_hours`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from crm_kpis.catalogue.measures import MEASURE_LINE, find_call
from crm_kpis.project import PROJECT_DIR
from crm_kpis.raw.contract import RawTable, read_contract
from crm_kpis.yaml_files import parse_yaml

INPUTS_FILE = PROJECT_DIR / "seeds" / "measure_inputs.csv"
_HEADER = ("measure", "input_number", "raw_table", "raw_column", "accepted_value")
_WORD = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_EQUALS = re.compile(r"([a-z_][a-z0-9_]*) = '(\w+)'", re.ASCII)
# By what a measure is split it does not need.
_SEGMENTS = re.compile(r"segments=\[[^\]]*\]")
_NEED = re.compile(r"(?P<table>\w+)\.(?P<column>\w+)(=(?P<value>\w+))?")


@dataclass(frozen=True)
class Input:
    """A raw column that a measure needs, or one of several of which one is enough.

    Attributes:
        measure: The measure.
        number: The same for those of which one is enough.
        raw_table: The raw table; `settings` for a file of settings.
        raw_column: Its column; the name of the file.
        accepted_value: The value of it that must be there; None: any.
    """

    measure: str
    number: int
    raw_table: str
    raw_column: str
    accepted_value: str | None


def derive_inputs(
    project: Path = PROJECT_DIR,
    contract: tuple[RawTable, ...] | None = None,
    own_needs: Mapping[str, dict[str, list[str]]] | None = None,
) -> list[Input]:
    """The inputs of the measures that a project's models compute.

    Args:
        project: This project, or a company's.
        contract: The raw tables with the company's own columns; None: without.
        own_needs: By model what its own columns need, by column; None: it has none.
    """
    accepted = {
        (table.name, column.name): column.accepts
        for table in contract or read_contract()
        for column in table.columns
    }
    return [
        Input(measure, number, match["table"], match["column"], match["value"])
        for measure, needs in _find_needs(project, accepted, own_needs or {}).items()
        for number, need in enumerate(dict.fromkeys(needs), start=1)
        for match in map(_NEED.fullmatch, sorted(need.split(" or ")))
        if match
    ]


def render_inputs() -> str:
    """The text of seeds/measure_inputs.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for found in derive_inputs():
        writer.writerow(
            (found.measure, found.number, found.raw_table, found.raw_column, found.accepted_value or "")
        )
    return text.getvalue()


def write_inputs(path: Path = INPUTS_FILE) -> None:
    """Write seeds/measure_inputs.csv."""
    path.write_text(render_inputs(), encoding="utf-8")


def _find_needs(
    project: Path,
    accepted: dict[tuple[str, str], tuple[str, ...]],
    own_needs: Mapping[str, dict[str, list[str]]],
) -> dict[str, list[str]]:
    columns = _column_needs(PROJECT_DIR) | (_column_needs(project) if project != PROJECT_DIR else {})
    columns |= {model: columns.get(model, {}) | needs for model, needs in own_needs.items()}
    declared: dict[str, list[str]] = {}
    for _, meta, _ in _read_models(project):
        if isinstance(meta.get("needs"), dict):
            declared |= meta["needs"]
    folder = "models/measures" if project == PROJECT_DIR else "models"
    found: dict[str, list[str]] = {}
    for path in sorted((project / folder).rglob("*.sql")):
        sql = path.read_text(encoding="utf-8")
        for measure, needs in _needs_of_lines(sql, columns, accepted):
            found.setdefault(measure, needs)
    return {measure: needs for measure, needs in (found | declared).items() if needs}


def _needs_of_lines(
    sql: str, columns: dict[str, dict[str, list[str]]], accepted: dict[tuple[str, str], tuple[str, ...]]
) -> Iterator[tuple[str, list[str]]]:
    call = find_call(sql)
    if call is None:
        return
    needs = columns.get(call.reads, {})
    arguments = _SEGMENTS.sub("", call.arguments)
    if call.macro == "median_measure":
        yield _WORD.findall(arguments)[0], list(_needs_of(arguments, needs, accepted))
        return
    for expression, measure in MEASURE_LINE.findall(call.block):
        yield (
            measure,
            [
                *_needs_of(arguments, needs, accepted),
                *_needs_of(expression, needs, accepted),
            ],
        )


def _needs_of(
    sql: str, needs: dict[str, list[str]], accepted: dict[tuple[str, str], tuple[str, ...]]
) -> Iterator[str]:
    literals = dict(_EQUALS.findall(sql))
    for word in _WORD.findall(sql):
        for need in needs.get(word, ()):
            value, (table, _, column) = literals.get(word), need.partition(".")
            yield f"{need}={value}" if value in accepted.get((table, column), ()) else need


@cache
def _column_needs(project: Path) -> dict[str, dict[str, list[str]]]:
    return {
        name: {
            column["name"]: column["config"]["meta"]["needs"]
            for column in columns
            if "needs" in column.get("config", {}).get("meta", {})
        }
        for name, _, columns in _read_models(project)
    }


def _read_models(project: Path) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Each model that the YAML of a project describes: its name, config.meta and columns."""
    for path in sorted((project / "models").rglob("_*.yml")):
        text = path.read_text(encoding="utf-8")
        # Most files say nothing of it, and YAML takes its time.
        described = parse_yaml(text) if "needs:" in text else None
        for model in (described or {}).get("models") or ():
            yield model["name"], model.get("config", {}).get("meta", {}), model.get("columns", [])
