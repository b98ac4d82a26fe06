"""Small pictures without axes: where their lines and dots stand. The templates draw them as SVG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, _MARGIN = 240.0, 52.0, 5.0
PAIR_WIDTH, PAIR_HEIGHT = 260.0, 34.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Sparkline:
    """A line over periods, the band of its intervals, and its last point.

    Attributes:
        text: What it shows, in words.
        lines: A list of points for each stretch without a gap.
        bands: For each stretch with intervals, the corners of its band.
        dots: Points that have no neighbour.
        last: The last point that is settled; None where there is none.
        running: The last point of those that still change; None where none does.
        link: The points of the dashed line through those that still change; may be empty.
    """

    text: str
    lines: tuple[tuple[Point, ...], ...]
    bands: tuple[tuple[Point, ...], ...]
    dots: tuple[Point, ...]
    last: Point | None
    running: Point | None
    link: tuple[Point, ...]


@dataclass(frozen=True)
class DotPair:
    """Before and after on a scale of their own: each a dot and the ends of its interval."""

    before: float
    after: float
    before_ends: tuple[float, float] | None
    after_ends: tuple[float, float] | None


def draw_sparkline(rows: list[dict[str, Any]], text: str) -> Sparkline:
    """Place the values of a KPI, oldest first. A period that still runs or matures is apart from the others.

    Args:
        rows: Each with kpi_value, interval_low, interval_high, is_complete and coverage.
        text: What the picture shows, in words.
    """
    scale_y = _scale(_values(rows, "kpi_value", "interval_low", "interval_high"), HEIGHT - _MARGIN, _MARGIN)
    step = (WIDTH - 2 * _MARGIN) / max(len(rows) - 1, 1)

    def x_of(place: int) -> float:
        return round(_MARGIN + place * step, 1)

    settled = [(place, row) for place, row in enumerate(rows) if _is_settled(row)]
    stretches = _stretches(settled, "kpi_value")
    points = [
        tuple((x_of(place), scale_y(row["kpi_value"])) for place, row in stretch) for stretch in stretches
    ]
    bands = [
        (
            *((x_of(place), scale_y(row["interval_high"])) for place, row in stretch),
            *((x_of(place), scale_y(row["interval_low"])) for place, row in reversed(stretch)),
        )
        for stretch in _stretches(settled, "interval_low")
        if len(stretch) > 1
    ]
    last = points[-1][-1] if points else None
    # What still changes comes after what is settled, or nothing is settled yet.
    first = settled[-1][0] + 1 if settled else 0
    unsettled = tuple(
        (x_of(place), scale_y(row["kpi_value"]))
        for place, row in enumerate(rows)
        if place >= first and row["kpi_value"] is not None
    )
    link = (last, *unsettled) if last else unsettled
    return Sparkline(
        text=text,
        lines=tuple(line for line in points if len(line) > 1),
        bands=tuple(bands),
        dots=tuple(line[0] for line in points if len(line) == 1),
        last=last,
        running=unsettled[-1] if unsettled else None,
        link=link if unsettled and len(link) > 1 else (),
    )


def draw_dot_pair(row: dict[str, Any]) -> DotPair:
    """Place a row of kpi_evaluation on a scale that holds both values and their intervals."""
    ends = (
        "baseline_interval_low",
        "baseline_interval_high",
        "current_interval_low",
        "current_interval_high",
    )
    values = _values([row], "baseline_value", "current_value", *ends)
    # Without intervals nothing tells a small difference from a large one but their distance from 0.
    if len(values) == 2:
        values.append(0.0)
    scale = _scale(values, 8.0, PAIR_WIDTH - 8.0)

    def both(low: str, high: str) -> tuple[float, float] | None:
        return None if row[low] is None or row[high] is None else (scale(row[low]), scale(row[high]))

    return DotPair(
        before=scale(row["baseline_value"]),
        after=scale(row["current_value"]),
        before_ends=both(ends[0], ends[1]),
        after_ends=both(ends[2], ends[3]),
    )


def _is_settled(row: dict[str, Any]) -> bool:
    return bool(row["is_complete"]) and row["coverage"] != "maturing"


def _values(rows: list[dict[str, Any]], *columns: str) -> list[float]:
    return [row[column] for row in rows for column in columns if row[column] is not None]


def _scale(values: list[float], start: float, end: float) -> Callable[[float], float]:
    lowest, highest = min(values, default=0.0), max(values, default=0.0)
    if lowest == highest:
        return lambda _: round((start + end) / 2, 1)
    return lambda value: round(start + (value - lowest) / (highest - lowest) * (end - start), 1)


def _stretches(rows: list[tuple[int, dict[str, Any]]], column: str) -> list[list[tuple[int, dict[str, Any]]]]:
    """The runs of neighbours that have a value."""
    stretches: list[list[tuple[int, dict[str, Any]]]] = [[]]
    for place, row in rows:
        if row[column] is None:
            stretches.append([])
        else:
            stretches[-1].append((place, row))
    return [stretch for stretch in stretches if stretch]
