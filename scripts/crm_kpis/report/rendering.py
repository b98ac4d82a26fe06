"""Writes the content of the report as HTML, Markdown or JSON."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from crm_kpis.report import LANGUAGES
from crm_kpis.report.content import Content
from crm_kpis.report.formats import Formats
from crm_kpis.report.head import Head
from crm_kpis.report.texts import Texts
from crm_kpis.report.vega import read_bundle

_HERE = Path(__file__).parent
# In the order in which they build on one another.
_SCRIPTS = ("charts", "tables", "values", "cards", "explorer", "filters", "records", "report")
# As many rows of a list are there before the reader asks for more, and without JavaScript: a page of
# thousands of rows opens slowly.
FIRST_ROWS = 20
# What JSON may not hold between script tags, or in JavaScript of old.
_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def render_html(content: Content, head: Head, texts: Texts, formats: Formats) -> str:
    """One page that needs nothing but itself."""
    style = _asset("report.css")
    scripts = [read_bundle(), *(_asset(f"{name}.js") for name in _SCRIPTS)]
    environment = _environment()
    said = {
        "content": content,
        "head": head,
        "texts": texts,
        "formats": formats,
        "first_grain": content.first_grain,
        "languages": LANGUAGES,
        "first_rows": FIRST_ROWS,
    }
    macros: Any = environment.get_template("_macros.html").make_module(said)
    more_rows = {
        step.anchor: str(macros.step_rows(step, step.rows[FIRST_ROWS:], FIRST_ROWS))
        for step in content.next_steps
        if len(step.rows) > FIRST_ROWS
    }
    return environment.get_template("report.html").render(
        **said,
        policy=_policy(style, scripts),
        style=style,
        scripts=scripts,
        data=_script_json(_page_data(content, texts)),
        values=_pack(content.choices | {"rows": more_rows}),
    )


def render_markdown(content: Content, head: Head, texts: Texts, formats: Formats) -> str:
    """A page for a chat or a pull request."""
    page = (
        _environment()
        .overlay(autoescape=False)
        .get_template("report.md")
        .render(content=content, head=head, texts=texts, formats=formats, first_grain=content.first_grain)
    )
    return page.strip() + "\n"


def render_json(content: Content) -> str:
    """The rows that the report shows, for programs."""
    cards = [card for cards in content.cards.values() for card in cards]
    document = {
        "as_of": content.as_of,
        "currency": content.currency,
        "language": content.language,
        "kpis": [
            {
                "kpi_id": card.kpi_id,
                "area": card.area,
                "label": card.label,
                "unit": card.unit,
                "good": card.good,
                "latest": {
                    grain: view.row | {"changes": [change.row for change in view.changes]}
                    for grain, view in card.views.items()
                },
            }
            for card in cards
        ],
        "next_steps": {
            step.anchor.removeprefix("list-").replace("-", "_"): [
                dict(zip([column.key for column in step.columns], row, strict=True)) for row in step.rows
            ]
            for step in content.next_steps
        },
        "targets": [target.row for target in content.targets],
        "weak_spots": [spot.row for spot in content.weak_spots],
        "evaluation": [row.row for evaluation in content.evaluations for row in evaluation.comparisons],
        "missing": [asdict(item) for item in content.missing],
        **{
            limit: [
                {"day": late.day, "kpi_ids": late.kpi_ids} for late in content.late if late.limit == limit
            ]
            for limit in ("known_from", "known_until", "begun_until")
        },
    }
    return json.dumps(document, default=_to_json, ensure_ascii=False, indent=2) + "\n"


@cache
def _environment() -> Environment:
    """The environment of the templates, which are compiled once for all pages."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = _escape_markdown
    return environment


def _asset(name: str) -> str:
    return (_HERE / "assets" / name).read_text(encoding="utf-8")


def _policy(style: str, scripts: list[str]) -> str:
    """Nothing but what stands in the page may run, and nothing may be fetched.

    Charts set styles of their elements through the object model, which style-src does not forbid.
    """
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _page_data(content: Content, texts: Texts) -> dict[str, Any]:
    spoken = ("columns", "grains", "dimensions", "units", "comparisons", "filter", "records")
    alone = (
        *("total", "explore_over_time", "explore_by", "explore_history", "show_table", "download"),
        *("show_all", "drawn_first", "sort_hint", "running", "interval", "rest_note", "still_maturing"),
        *("ahead", "covered_partly", "per_day", "sample", "sample_long", "interval_95", "sparkline"),
        *("year_before_line", "no_year_before", "unchanged"),
    )
    return {
        "language": content.language,
        "currency": content.currency,
        "texts": {key: texts[key] for key in (*spoken, *alone)}
        | {"dimensions": texts["dimensions"] | content.own_dimensions},
    }


def _pack(choices: dict[str, Any]) -> str:
    """The values to choose from as text: a third of their JSON."""
    packed = gzip.compress(json.dumps(choices, ensure_ascii=False, separators=(",", ":")).encode(), mtime=0)
    return base64.b64encode(packed).decode()


def _script_json(value: Any) -> str:
    """JSON that can stand between script tags."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


def _to_json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return float(value)


def _escape_markdown(text: str) -> str:
    """Text that a Markdown table shows as it is, on one line."""
    for letter in "\\`*_[]<>|#":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.split())
