"""The measures that models compute, and what from, read from their SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crm_kpis.project import PACKAGE, PROJECT_DIR, is_company_project, read_project

# The var of dbt_project.yml that lists the models of a company's own measures.
OWN_MEASURES = "own_measures"
# A line `<aggregate> as <name>` that is no comment.
MEASURE_LINE = re.compile(r"^(?!\s*--)\s*(.*) as (\w+),?\s*$", re.MULTILINE)
# What gives a measure its name: such a line, `'<name>' as measure` in a query, and the first argument of
# median_measure.
_NAMES = (
    re.compile(r"^(?!\s*--).* as (\w+),?\s*$", re.MULTILINE),
    re.compile(r"'(\w+)' as measure"),
    re.compile(r"median_measure\(\s*'(\w+)'"),
)
# The macros that split measures by dimensions, up to the relation that they read. A query of its own that
# calls aggregate_by_segment takes own dimensions up by name.
_READS = r"\([^{}]*?ref\(\s*(?:'\w+',\s*)?'(\w+)'\s*\)"
_CALL = re.compile(rf"(?:flow_measures|stock_measures|period_measures|median_measure){_READS}")
_CALLED = re.compile(
    r"(?P<macro>\w+_measures?)(?P<arguments>\((?:[^{}%]*?)ref\(\s*(?:'\w+',\s*)?'(?P<reads>\w+)'\s*\)[^{}%]*)"
    r"[%}]}(?P<block>.*?)(?:\{% endcall|\Z)",
    re.DOTALL,
)
_OWN_CALL = re.compile(rf"own_dimensions\(.*aggregate_by_segment{_READS}", re.DOTALL)
_PART = re.compile(r"ref\('(measures_\w+)'\)")
_SEGMENTS = re.compile(r"segments=\[([^\]]*)\]")
# The model that puts those of all others one below the other, and how it lists them.
_MEASURES_DIR = PROJECT_DIR / "models" / "measures"
_LISTED = re.compile(r"'(measures_\w+)'")


@dataclass(frozen=True)
class MeasureModel:
    """A model that computes measures.

    Attributes:
        name: The model's name.
        reads: The model that its measures are aggregates of; None where it is no call of a macro for
            measures, which alone can split them by another dimension.
        parts: The models of measures that it takes further: they are split as it is.
        segments: The dimensions by which it splits its measures; None where its SQL does not list them.
        is_listed: Whether the model `measures` reads it, without which no KPI has its measures.
    """

    name: str
    reads: str | None
    parts: tuple[str, ...] = ()
    segments: tuple[str, ...] | None = None
    is_listed: bool = True


@dataclass(frozen=True)
class MeasureCall:
    """A call of a macro for measures.

    Attributes:
        macro: Its name: flow_measures, stock_measures, period_measures or median_measure.
        reads: The model that it aggregates.
        arguments: The text of its arguments.
        block: The lines of its measures; empty for median_measure.
    """

    macro: str
    reads: str
    arguments: str
    block: str


def find_call(sql: str) -> MeasureCall | None:
    """The first call of a macro for measures in a model's SQL; None where there is none."""
    found = _CALLED.search(sql)
    return MeasureCall(found["macro"], found["reads"], found["arguments"], found["block"]) if found else None


def find_measures(projects: Iterable[Path] = ()) -> dict[str, MeasureModel]:
    """The measures that models compute, by name; a few other names are among them.

    Args:
        projects: Directories that may hold a company's project, all models of which are searched.
    """
    models = list(_read_models(projects))
    # A query of its own may call a column of a step like a measure of another model.
    models.sort(key=lambda found: (found[0].is_listed, found[0].reads is not None))
    return {name: model for model, names in models for name in names}


def _read_models(projects: Iterable[Path]) -> Iterator[tuple[MeasureModel, set[str]]]:
    listed = set(_LISTED.findall((_MEASURES_DIR / "measures.sql").read_text(encoding="utf-8")))
    paths = list(_MEASURES_DIR.rglob("*.sql"))
    for project in projects:
        if is_company_project(project):
            listed |= set(_read_own_measures(project))
            paths += (project / "models").rglob("*.sql")
    for path in paths:
        sql = path.read_text(encoding="utf-8")
        call = _CALL.search(sql) or _OWN_CALL.search(sql)
        names = {name for pattern in _NAMES for name in pattern.findall(sql)}
        split = _SEGMENTS.search(sql) if call else None
        segments = tuple(re.findall(r"'(\w+)'", split[1])) if split else None
        model = MeasureModel(
            path.stem,
            call[1] if call else None,
            tuple(_PART.findall(sql)),
            segments,
            is_listed=path.stem in listed,
        )
        yield model, names


def _read_own_measures(project: Path) -> list[str]:
    """The models that the var own_measures of a company's project lists."""
    variables = read_project(project).get("vars") or {}
    return (variables.get(PACKAGE) or {}).get(OWN_MEASURES) or variables.get(OWN_MEASURES) or []
