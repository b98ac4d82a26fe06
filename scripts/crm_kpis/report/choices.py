"""What the page lets its reader choose from: each KPI by dimension, member, length of period and period."""

from __future__ import annotations

from datetime import date
from typing import Any

from crm_kpis.report.labels import Labels
from crm_kpis.report.marts import Marts, Row, group
from crm_kpis.report.records import counted_records, read_records

Totals = dict[tuple[Any, ...], list[Row]]

# What is said beside a value: assets/cards.js knows them by the same numbers.
RUNNING, COMPARABLE, MATURING, AHEAD, PARTLY = range(5)


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
        `members`: [dimension, id, name] of each member. `records`: of read_records. `periods`: by grain
        [name, label, days, first day, last day] of each period, oldest first. `kpis`: by KPI its label, unit,
        whether it is a total, which records it counts, and
        `total`: by grain [the place of the period that the card shows, places of periods, states, samples,
        values, lows, highs]; `by`: by dimension and grain how many members there are in all, and of those on
        the page [number of the member, places of periods, samples, values, lows, highs], the largest first.
    """
    periods = _Periods(labels, totals)
    numbers: dict[tuple[str, str], int] = {}
    members: dict[str, dict[str, dict[str, dict[str, Any]]]] = {kpi_id: {} for kpi_id in shown}
    segments = group(marts.rows("segments"), "kpi_id", "segment_by", "period_grain", "place")
    for (kpi_id, dimension, grain, _), rows in segments.items():
        known = [row for row in rows if row["period_start"] in periods.places[grain]]
        if grain in shown.get(kpi_id, ()) and known:
            number = numbers.setdefault((dimension, rows[0]["segment"]), len(numbers))
            by_grain = members[kpi_id].setdefault(dimension, {})
            listed = by_grain.setdefault(grain, {"all": rows[0]["members"], "members": []})
            listed["members"].append([number, *periods.columns(grain, known)])
    return {
        "members": [[dimension, member, labels.segment(dimension, member)] for dimension, member in numbers],
        "periods": periods.listed,
        "records": read_records(marts, labels),
        "kpis": {
            kpi_id: {
                "label": labels.kpi(kpi_id),
                "unit": labels.unit(kpi_id),
                "isTotal": int(labels.kpis[kpi_id]["aggregation"] == "total"),
                "records": counted_records(labels.kpis[kpi_id]),
                "total": {grain: _total(periods, grain, totals[kpi_id, grain]) for grain in grains},
                "by": members[kpi_id],
            }
            for kpi_id, grains in shown.items()
        },
    }


class _Periods:
    """The periods of each grain, oldest first, and their places."""

    def __init__(self, labels: Labels, totals: Totals) -> None:
        found: dict[str, dict[date, Row]] = {}
        for (_, grain), rows in totals.items():
            found.setdefault(grain, {}).update({row["period_start"]: row for row in rows})
        self.places = {
            grain: {start: place for place, start in enumerate(sorted(rows))} for grain, rows in found.items()
        }
        self.listed = {
            grain: [
                [
                    rows[start]["period_name"],
                    labels.formats.period(rows[start]["period_name"]),
                    (rows[start]["period_end"] - start).days + 1,
                    start.isoformat(),
                    rows[start]["period_end"].isoformat(),
                ]
                for start in self.places[grain]
            ]
            for grain, rows in found.items()
        }

    def columns(self, grain: str, rows: list[Row]) -> list[list[Any]]:
        """The places of the periods of rows, and their samples, values, lows and highs."""
        return [
            [self.places[grain][row["period_start"]] for row in rows],
            [row["sample_size"] for row in rows],
            # More digits than anybody reads, and half the bytes.
            [_short(row["kpi_value"], 9) for row in rows],
            [_short(row["interval_low"], 5) for row in rows],
            [_short(row["interval_high"], 5) for row in rows],
        ]


def _total(periods: _Periods, grain: str, rows: list[Row]) -> list[Any]:
    shown = next(row["period_start"] for row in rows if row["is_shown"])
    places, *columns = periods.columns(grain, rows)
    return [periods.places[grain][shown], places, [_state(row) for row in rows], *columns]


def _state(row: Row) -> int:
    if row["is_ahead"] or (row["looks_ahead"] and not row["is_complete"]):
        return AHEAD
    if not row["is_complete"]:
        return RUNNING
    if row["coverage"] == "maturing":
        return MATURING
    return COMPARABLE if row["is_comparable"] else PARTLY


def _short(value: float | None, digits: int) -> float | None:
    if value is None:
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short
