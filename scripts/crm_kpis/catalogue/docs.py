"""Write what the catalogue says of each KPI already: its documentation, and tables with a column for each.

Nothing is said twice, and no model asks the catalogue for its columns while it is compiled.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.yaml_files import parse_yaml

CATALOGUE_FILE = PROJECT_DIR / "seeds" / "kpi_catalogue.csv"
UNIT_TESTS_FILE = PROJECT_DIR / "models" / "kpis" / "_unit_tests.yml"
DOCS_FILE = PROJECT_DIR / "models" / "kpis" / "kpis.md"
MONTHLY_DIR = PROJECT_DIR / "models" / "kpis" / "monthly"

_INTERVALS = {
    "wilson": "Wilson score interval of a proportion",
    "poisson": "Poisson interval of a rate of events, after Byar",
    "mean": "mean -/+ t * s / sqrt(n)",
    "nps": "as of a mean of -100, 0 and 100, within -100 and 100",
    "none": "none: not a sample statistic",
}
_AREAS = {"roll_out": "Roll-out"}


def read_catalogue() -> list[dict[str, str]]:
    """The rows of the seed kpi_catalogue, each a column's name to its text."""
    with CATALOGUE_FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_examples() -> dict[str, dict[str, Any]]:
    """For each KPI the first expected total with a value, of the unit tests of kpi_values."""
    examples: dict[str, dict[str, Any]] = {}
    for test in parse_yaml(UNIT_TESTS_FILE.read_text(encoding="utf-8"))["unit_tests"]:
        if test["model"] != "kpi_values":
            continue
        for row in test["expect"]["rows"]:
            if row.get("segment", "all") == "all" and row.get("kpi_value") is not None:
                examples.setdefault(row["kpi_id"], row)
    return examples


def render_docs() -> str:
    """The Markdown of dbt's doc block `kpis`: a section an area, a paragraph and a list a KPI."""
    return "\n".join(_render_lines()) + "\n"


def write_docs(path: Path = DOCS_FILE) -> None:
    """Write the doc block to its file."""
    path.write_text(render_docs(), encoding="utf-8")


def render_monthly() -> dict[str, str]:
    """The files of the tables with a column for each KPI of an area, by their names: SQL, and one YAML."""
    areas = {area: list(kpis) for area, kpis in groupby(read_catalogue(), key=lambda kpi: kpi["area"])}
    files = {f"kpis_{area}_monthly.sql": _render_monthly_sql(kpis) for area, kpis in areas.items()}
    models = [_describe_monthly(area, kpis) for area, kpis in areas.items()]
    text = yaml.safe_dump({"version": 2, "models": models}, sort_keys=False, allow_unicode=True, width=120)
    return files | {"_monthly.yml": f"# Made by `make kpi-docs` from seeds/kpi_catalogue.csv.\n{text}"}


def write_monthly(directory: Path = MONTHLY_DIR) -> None:
    """Write these files, and remove those of areas that are not there any more."""
    directory.mkdir(exist_ok=True)
    files = render_monthly()
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    for path in set(directory.glob("kpis_*.sql")) - {directory / name for name in files}:
        path.unlink()


def _render_monthly_sql(kpis: list[dict[str, str]]) -> str:
    names = "".join(f"    '{kpi['kpi_id']}',\n" for kpi in kpis)
    note = "{# Made by `make kpi-docs` from seeds/kpi_catalogue.csv. #}"
    return f"{note}\n{{{{ monthly_kpis([\n{names}]) }}}}\n"


def _describe_monthly(area: str, kpis: list[dict[str, str]]) -> dict[str, Any]:
    title = _AREAS.get(area, area.capitalize())
    columns = [
        ("period_name", "string", "The month: 2025-02."),
        ("period_start", "date", "First day of the month."),
        ("period_end", "date", "Last day of the month, also where it has not come yet."),
        (
            "is_complete",
            "boolean",
            "Whether the month is over at as_of; a running one holds the days up to then.",
        ),
    ]
    columns += [
        (kpi["kpi_id"], "double", f"{kpi['label_en']}: {kpi['formula_en']}. Unit: {kpi['unit']}.")
        for kpi in kpis
    ]
    return {
        "name": f"kpis_{area}_monthly",
        "description": (
            f"One row per month in which any KPI of the area {title} has a row in kpi_values, with a column"
            " for each: its total, for charts straight from a table. Intervals and segments are in"
            " kpi_values."
        ),
        "columns": [
            {"name": name, "description": description, "data_type": data_type}
            for name, data_type, description in columns
        ],
        "data_tests": [
            {"integrity": {"name": f"integrity_kpis_{area}_monthly", "arguments": {"key": ["period_name"]}}}
        ],
    }


def _render_lines() -> Iterator[str]:
    examples = read_examples()
    yield "{#- Made by `make kpi-docs` from seeds/kpi_catalogue.csv and the unit tests of kpi_values. -#}"
    yield "{% docs kpis %}"
    yield "One row per KPI: what it is called, which measures make it, how its interval is computed. No SQL:"
    yield "measures do, and kpi_values is the only place where one is divided by another."
    for area, kpis in groupby(read_catalogue(), key=lambda kpi: kpi["area"]):
        yield f"\n## {_AREAS.get(area, area.capitalize())}"
        for kpi in kpis:
            yield from _render_kpi(kpi, examples.get(kpi["kpi_id"]))
    yield "\n{% enddocs %}"


def _render_kpi(kpi: dict[str, str], example: dict[str, Any] | None) -> Iterator[str]:
    yield f"\n### {kpi['kpi_id']}: {kpi['label_en']}\n"
    yield f"{kpi['description_en']}\n"
    yield f"- Formula: {kpi['formula_en']}"
    yield f"- Date: {kpi['dated_by']}. Unit: {kpi['unit']}. Good: {kpi['good']}."
    yield f"- Interval: {_INTERVALS[kpi['interval_method']]}"
    yield f"- Segments: {kpi['segments'].replace('|', ', ') or 'the total only'}"
    if example:
        yield f"- Example, which a unit test holds: {_render_example(example)}"
    yield f"- Source: {kpi['source']}"


def _render_example(row: dict[str, Any]) -> str:
    if row.get("numerator") is None:
        return f"{row['kpi_value']}"
    if row.get("denominator") is None:
        return f"{row['numerator']}"
    return f"{row['numerator']} / {row['denominator']} = {row['kpi_value']}"
