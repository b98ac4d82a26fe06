"""How a comparison is shown: as tables in a terminal, as JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crm_kpis.printable import escape_markdown, neutralize, printable, printable_json
from crm_kpis.snapshots.compare import Comparison, Side
from crm_kpis.snapshots.manifest import SQL_PART

_CAUSES = {
    "late data": "late data: the period was over",
    "period went on": "the period went on, or has other days",
    "other data": "other data as of the same day",
    "definition": "the KPI is defined in another way",
    "KPI": "the KPI has no values on the other side",
    "period": "the period is not there on the other side",
    "dimension": "the KPI is not split like this on the other side",
}
# Nobody reads tables of this width in a file, but they stay whole.
_WIDTH_WITHOUT_TERMINAL = 140
_HASH_LENGTH = 12


@dataclass(frozen=True)
class _Table:
    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def render_json(comparison: Comparison, top: int) -> Iterator[str]:
    """One object with both sides, the numbers and all changes; a change a line."""
    head = {
        "baseline": _describe(comparison.baseline),
        "current": _describe(comparison.current),
        "counts": comparison.count(),
        "definitions": comparison.changed_parts(),
        "raw_rows": comparison.changed_raw_rows(),
    }
    written = printable_json(json.dumps(head, ensure_ascii=False, indent=2))
    yield written.removesuffix("\n}") + ',\n  "changes": ['
    separator = "\n    "
    for change in comparison.changes():
        yield separator + printable_json(json.dumps(change, ensure_ascii=False))
        separator = ",\n    "
    yield "\n  ]\n}\n"


def render_csv(comparison: Comparison, top: int) -> Iterator[str]:
    """A row for each changed part of a definition, then one for each change."""
    header = (
        *(
            "kpi_id",
            "unit",
            "period_grain",
            "period_name",
            "period_start",
            "period_end",
            "segment_by",
            "segment",
        ),
        *("status", "cause", "direction", "baseline_value", "current_value", "difference", "relative_change"),
        *("baseline_sample_size", "current_sample_size", "part", "baseline_part", "current_part"),
    )
    yield _csv_line(header)
    for part in comparison.changed_parts():
        row = {
            "status": "definition",
            "baseline_part": part["baseline_value"],
            "current_part": part["current_value"],
        }
        row |= {"kpi_id": part["kpi_id"], "part": part["part"]}
        yield _csv_line([row.get(column) for column in header])
    for change in comparison.changes():
        yield _csv_line([change.get(column) for column in header])


def render_markdown(comparison: Comparison, top: int) -> Iterator[str]:
    """What the terminal shows, for a pull request or a wiki."""
    for line in _head(comparison):
        yield f"{escape_markdown(line)}  \n"
    for table in _tables(comparison, top):
        yield f"\n### {table.title}\n\n"
        for cells in (table.header, ("---",) * len(table.header), *table.rows):
            yield "| " + " | ".join(map(escape_markdown, cells)) + " |\n"


def render_terminal(comparison: Comparison, top: int) -> Iterator[str]:
    """The numbers, what changed of the definitions and of the raw tables, and the first changes."""
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)
    with console.capture() as capture:
        for line in _head(comparison):
            console.print(Text(printable(line)))
        for table in _tables(comparison, top):
            shown = Table(box=box.SIMPLE_HEAD)
            for name in table.header:
                shown.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
            for row in table.rows:
                shown.add_row(*(Text(cell) for cell in row))
            console.print()
            console.print(Text(table.title, style="bold"))
            console.print(shown)
    yield capture.get()


RENDERERS: dict[str, Callable[[Comparison, int], Iterator[str]]] = {
    "table": render_terminal,
    "json": render_json,
    "csv": render_csv,
    "markdown": render_markdown,
}
_NUMBERS = {
    "values",
    "KPIs",
    "improved",
    "worsened",
    "before",
    "now",
    "change",
    "read before",
    "read now",
} | {
    *("rejected before", "rejected now"),
}


def _head(comparison: Comparison) -> list[str]:
    return [
        f"Baseline: {_introduce(comparison.baseline)}",
        f"Current:  {_introduce(comparison.current)}",
    ]


def _introduce(side: Side) -> str:
    manifest = side.manifest
    commit = f", commit {manifest.git_commit[:_HASH_LENGTH]}" if manifest.git_commit else ""
    return f"{side.name}, as of {manifest.as_of or 'no day'} (crm-kpis {manifest.project_version}{commit})"


def _describe(side: Side) -> dict[str, Any]:
    manifest = side.manifest
    return {
        "name": side.name,
        "as_of": manifest.as_of.isoformat() if manifest.as_of else None,
        "project_version": manifest.project_version,
        "git_commit": manifest.git_commit,
    }


def _tables(comparison: Comparison, top: int) -> Iterator[_Table]:
    counts = comparison.count()
    yield _Table(
        "Values",
        ("status", "why", "values", "KPIs", "improved", "worsened"),
        [_count_row(row) for row in counts],
    )
    parts = comparison.changed_parts()
    if parts:
        yield _Table(
            "KPIs that are defined in another way: their values are neither improved nor worsened",
            ("KPI", "part", "baseline", "current"),
            [_part_row(part) for part in parts],
        )
    raw_rows = comparison.changed_raw_rows()
    if raw_rows:
        yield _Table(
            "Raw tables that hold other rows",
            ("table", "read before", "read now", "rejected before", "rejected now"),
            [tuple(_show_number(value) for value in row.values()) for row in raw_rows],
        )
    changes = list(comparison.changes(limit=top))
    if changes:
        total = sum(row["kpi_values"] for row in counts if row["status"] in ("changed", "removed"))
        which = f"The first {len(changes)} of {total:,} changes" if total > len(changes) else "Changes"
        yield _Table(
            f"{which}: late data, long periods and totals first",
            ("KPI", "period", "segment", "before", "now", "change", "verdict", "why"),
            [_change_row(change) for change in changes],
        )


def _count_row(row: dict[str, Any]) -> tuple[str, ...]:
    why = _CAUSES.get(row["cause"], "")
    if row["rests_on_others"]:
        why = f"{row['rests_on_others']:,} of them rest on other things"
    numbers = (row["kpi_values"], row["kpis"])
    judged = (row["improved"], row["worsened"]) if row["status"] == "changed" else ("", "")
    return (row["status"], why, *map(_show_number, (*numbers, *judged)))


def _change_row(change: dict[str, Any]) -> tuple[str, ...]:
    segment = "" if change["segment_by"] == "all" else f"{change['segment_by']} {change['segment']}"
    relative = change["relative_change"]
    return (
        change["kpi_id"],
        change["period_name"],
        printable(segment),
        _show_number(change["baseline_value"]),
        _show_number(change["current_value"]),
        f"{relative:+.1%}" if relative is not None else "",
        change["direction"] or change["status"],
        change["cause"],
    )


def _part_row(part: dict[str, Any]) -> tuple[str, ...]:
    values = [part["baseline_value"] or "(none)", part["current_value"] or "(none)"]
    if part["part"].startswith(SQL_PART):
        values = [value[:_HASH_LENGTH] for value in values]
    return (part["kpi_id"], part["part"], *map(printable, values))


def _show_number(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 100_000 else f"{value:,.6g}"


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        [neutralize(cell) if isinstance(cell, str) else cell for cell in cells]
    )
    return line.getvalue()
