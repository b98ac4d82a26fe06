"""What the page lets its reader choose from: each KPI by dimension and length of period."""

from __future__ import annotations

from typing import Any

from crm_kpis.report.labels import Labels
from crm_kpis.report.marts import Marts, Row, group

Totals = dict[tuple[Any, ...], list[Row]]


def read_choices(
    marts: Marts, labels: Labels, totals: Totals, shown: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """The values to choose from, as compact as JSON can be: arrays in place of objects, and each name once.

    Args:
        marts: The published marts.
        labels: The names of the language.
        totals: The rows of the totals by KPI and grain, oldest first.
        shown: The KPIs that have a card, with the grains in which they have a value.

    Returns:
        `names`: the members of the dimensions. `kpis`: by KPI its label and unit, and
        `total`: by grain, [period, first day, complete, sample, value, low, high] for each period;
        `by`: by dimension and grain how many members there are in all, and of those on the page
        [number of the name, sample, value, low, high, [age, value, ...]], the largest first; an age of 0 is
        the last period that is over.
    """
    numbers: dict[tuple[str, str], int] = {}
    members: dict[str, dict[str, dict[str, dict[str, Any]]]] = {kpi_id: {} for kpi_id in shown}
    segments = group(marts.rows("segments"), "kpi_id", "segment_by", "period_grain", "place")
    for (kpi_id, dimension, grain, _), rows in segments.items():
        number = numbers.setdefault((dimension, rows[0]["segment"]), len(numbers))
        if grain in shown.get(kpi_id, ()):
            by_grain = members[kpi_id].setdefault(dimension, {})
            listed = by_grain.setdefault(grain, {"all": rows[0]["members"], "members": []})
            listed["members"].append([number, *_member(rows)])
    return {
        "names": [labels.segment(dimension, member) for dimension, member in numbers],
        "kpis": {
            kpi_id: {
                "label": labels.kpi(kpi_id),
                "unit": labels.unit(kpi_id),
                "total": {grain: [_period(labels, row) for row in totals[kpi_id, grain]] for grain in grains},
                "by": members[kpi_id],
            }
            for kpi_id, grains in shown.items()
        },
    }


def _period(labels: Labels, row: Row) -> list[Any]:
    return [
        labels.formats.period(row["period_name"]),
        row["period_start"].isoformat(),
        int(row["is_complete"]),
        row["sample_size"],
        *_short(row["kpi_value"], row["interval_low"], row["interval_high"]),
    ]


def _member(rows: list[Row]) -> list[Any]:
    history = [
        part
        for row in rows
        if row["kpi_value"] is not None
        for part in (row["age"], *_short(row["kpi_value"]))
    ]
    last = rows[-1]
    if last["age"] > 0:
        return [0, None, None, None, history]
    return [
        last["sample_size"],
        *_short(last["kpi_value"], last["interval_low"], last["interval_high"]),
        history,
    ]


def _short(*values: float | None) -> list[float | None]:
    """Nine digits: more than anybody reads, and half the bytes."""
    return [None if value is None else float(f"{value:.9g}") for value in values]
