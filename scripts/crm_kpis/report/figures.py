"""The pictures of an area: for each the table that it is drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from crm_kpis.report.labels import Labels
from crm_kpis.report.marts import Marts, Row, group
from crm_kpis.report.texts import Texts

# Fewer earlier comparisons do not show what is usual.
FEWEST_EARLIER_COMPARISONS = 3
# Members of a dimension that say nothing of it.
UNKNOWN = ("(none)", "(unknown)")
# As many as assets/charts.js draws.
MOST_DRAWN = 25


@dataclass(frozen=True)
class Column:
    """A column of a figure's table.

    Attributes:
        key: The name by which the chart finds it.
        label: What stands above it.
        unit: The unit of its numbers; None for text.
    """

    key: str
    label: str
    unit: str | None = None


@dataclass(frozen=True)
class Figure:
    """A picture and the table that it is drawn from.

    Attributes:
        anchor: Its id on the page.
        kind: Which chart of assets/charts.js draws it.
        title: What it shows.
        note: What to know when reading it.
        columns: The columns of its table.
        rows: The cells: text, numbers, or None.
        options: What else the chart is told.
        follows: What it is drawn from where the reader chooses a period: the KPI and dimension, or a
            breakdown; empty where it shows one thing only.
    """

    anchor: str
    kind: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    options: dict[str, Any] = field(default_factory=dict)
    follows: dict[str, Any] = field(default_factory=dict)


def read_figures(marts: Marts, labels: Labels) -> dict[str, tuple[Figure, ...]]:
    """The figures of each area that has any.

    Args:
        marts: The published marts.
        labels: The names of the language.
    """
    return _Reader(marts, labels).read()


# A mean square of usual changes is their standard deviation; 19 of 20 lie within two of them.
_BAND = 2


@dataclass(frozen=True)
class ChangePicture:
    """A change that an evaluation claims.

    Attributes:
        line: The KPI by week, its means before and after, and the band where such a period usually ends up.
        earlier: The change beside the earlier ones; None where there are too few of them.
    """

    line: Figure
    earlier: Figure | None


def read_changes(marts: Marts, labels: Labels) -> dict[str, tuple[ChangePicture, ...]]:
    """The pictures of the changes that each evaluation claims, the surest first, by its name.

    Args:
        marts: The published marts.
        labels: The names of the language.
    """
    rows = group(marts.rows("changes", "kpi_evaluation"), "evaluation_name", "kpi_id")
    earlier = group(marts.rows("earlier_changes", "kpi_earlier_changes"), "evaluation_name", "kpi_id")
    found: dict[str, list[ChangePicture]] = {}
    for (name, kpi_id), line in rows.items():
        if kpi_id in labels.kpis:
            pictures = found.setdefault(name, [])
            anchor = f"change-{len(found)}-{len(pictures) + 1}"
            pictures.append(_Change(labels, kpi_id, line, earlier.get((name, kpi_id), []), anchor).draw())
    return {name: tuple(pictures) for name, pictures in found.items()}


class _Change:
    def __init__(self, labels: Labels, kpi_id: str, line: list[Row], earlier: list[Row], anchor: str) -> None:
        self.labels, self.kpi_id, self.anchor = labels, kpi_id, anchor
        self.texts, self.formats = labels.texts, labels.formats
        self.unit, self.words = labels.unit(kpi_id), labels.texts["figures"]["change"]
        self.line, self.row = line, line[0]
        # Fewer do not show what is usual.
        self.earlier = earlier if len(earlier) >= FEWEST_EARLIER_COMPARISONS else []

    def draw(self) -> ChangePicture:
        return ChangePicture(self._draw_line(), self._draw_earlier() if self.earlier else None)

    def _draw_line(self) -> Figure:
        label, columns, row = self.labels.kpi(self.kpi_id), self.texts["columns"], self.row
        titles = {"week": "weekly_total" if row["is_weekly_total"] else "weekly"}
        title = self.words.get(titles.get(row["period_grain"], ""), "{label}").format(label=label)
        low, high = self._band()
        return Figure(
            anchor=self.anchor,
            kind="change",
            title=title,
            note=self._sentence(low, high),
            columns=(
                Column("period", columns["period"]),
                Column("value", columns["value"], self.unit),
            ),
            rows=tuple(
                (
                    {"text": self._period(line), "sort": line["period_start"].isoformat()},
                    line["kpi_value"],
                )
                for line in self.line
            ),
            options={
                "unit": self.unit,
                "before": row["level_before"],
                "after": row["level_after"],
                "low": low,
                "high": high,
                "since": row["current_start"].isoformat(),
                "spans": {side: self._span(side) for side in ("before", "after")},
                "values": {
                    "before": self.formats.value(row["level_before"], self.unit),
                    "after": self.formats.value(row["level_after"], self.unit),
                },
            },
        )

    def _draw_earlier(self) -> Figure:
        row = self.row
        unit = "points" if self.unit == "ratio" else self.unit
        return Figure(
            anchor=f"{self.anchor}-earlier",
            kind="earlier",
            title=self.words["earlier_title"],
            note="",
            columns=(
                Column("period", self.words["until"]),
                Column("name", self.words["comparison"]),
                Column("value", self.words["change"], unit),
            ),
            rows=(
                (self._day(row["current_end"]), self.words["this"], row["difference"]),
                *(
                    (self._day(line["ends_on"]), self.words["earlier"], line["change"])
                    for line in self.earlier
                ),
            ),
            options={"unit": unit, "this": self.words["this"]},
        )

    def _span(self, side: str) -> list[str]:
        """The days on which the first and the last period before (or after) begin; empty where none does."""
        days = [line["period_start"].isoformat() for line in self.line if line["side"] == side]
        return days[:: max(len(days) - 1, 1)]

    def _band(self) -> tuple[float | None, float | None]:
        """Where a period such as 'after' usually ends up; None where nobody knows what is usual."""
        if not self.earlier or self.row["usual_level"] is None:
            return None, None
        lowest, highest = self._possible()
        width = _BAND * self.row["usual_level"]
        low, high = self.row["level_before"] - width, self.row["level_before"] + width
        return max(low, lowest), min(high, highest)

    def _possible(self) -> tuple[float, float]:
        kpi = self.labels.kpis[self.kpi_id]
        is_share = kpi["interval_method"] == "wilson"
        lowest = 0.0 if is_share or self.unit == "count" else kpi["possible_low"]
        highest = 1.0 if is_share else kpi["possible_high"]
        return (
            -math.inf if lowest is None else lowest,
            math.inf if highest is None else highest,
        )

    def _sentence(self, low: float | None, high: float | None) -> str:
        row, formats = self.row, self.formats
        said = {
            "before": formats.value(row["baseline_value"], self.unit),
            "after": formats.value(row["current_value"], self.unit),
            "change": formats.change(row["difference"], row["relative_change"], self.unit),
            "verdict": self.texts["verdicts"][row["verdict"]],
        }
        if low is None or high is None:
            return self.words["note_without_band"].format(**said)
        return self.words["note_per_week" if row["is_weekly_total"] else "note"].format(
            **said,
            count=formats.count(len(self.earlier)),
            usual=formats.interval(low, high, self.unit),
        )

    def _day(self, day: date) -> dict[str, str]:
        return {"text": self.formats.short_day(day), "sort": day.isoformat()}

    def _period(self, row: Row) -> str:
        if row["period_grain"] == "week":
            return self.words["week_of"].format(day=self.formats.short_day(row["period_start"]))
        return self.formats.period(row["period_name"])


# The breakdowns whose picture shows one quarter, with how many columns more than the count.
_BY_QUARTER = {"funnel": 2, "resolution time": 0}


def read_breakdowns(marts: Marts, labels: Labels) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    """The rows of the pictures that show one quarter, for each quarter: by breakdown and name of the quarter.

    Args:
        marts: The published marts.
        labels: The names of the language.
    """
    found: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for (name, quarter), rows in group(
        marts.rows("breakdowns", "breakdowns"), "breakdown", "period_name"
    ).items():
        if name in _BY_QUARTER:
            found.setdefault(name, {})[quarter] = list(_parts(rows, labels.texts, _BY_QUARTER[name]))
    return found


def _parts(rows: list[Row], texts: Texts, more: int) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        part = texts["parts"].get(row["part"], row["part"])
        yield (part, row["item_count"], *(row["share_of_previous"], row["average_days"])[:more])


class _Reader:
    def __init__(self, marts: Marts, labels: Labels) -> None:
        self.marts, self.labels = marts, labels
        self.texts, self.formats = labels.texts, labels.formats
        stages = marts.rows("stages", "dim_pipeline_stages")
        self.stage_places = {row["stage"]: place for place, row in enumerate(stages)}

    def read(self) -> dict[str, tuple[Figure, ...]]:
        latest = group(self.marts.rows("latest_by_segment"), "kpi_id", "segment_by")
        quarters = self.marts.rows("breakdowns", "breakdowns")
        breakdowns = group([row for row in quarters if row["is_shown"]], "breakdown")
        found = {
            "sales": [
                self._funnel(breakdowns),
                self._stage_days(latest),
                self._by_member(latest, "open_pipeline", "stage"),
                self._by_member(latest, "open_pipeline", "owner"),
            ],
            "marketing": [
                self._by_member(latest, "cost_per_lead", "channel"),
                self._by_member(latest, "lead_conversion_rate", "channel"),
            ],
            "customers": [self._cohorts()],
            "service": [self._net_promoter(breakdowns), self._resolution(breakdowns)],
        }
        return {area: tuple(figure for figure in figures if figure) for area, figures in found.items()}

    def _in_order(self, rows: list[Row]) -> list[Row]:
        """Stages in the order in which deals go through them; what is no stage comes last."""
        return sorted(rows, key=lambda row: self.stage_places.get(row["segment"], len(self.stage_places)))

    def _stage_days(self, latest: dict[tuple, list[Row]]) -> Figure | None:
        means = self._in_order(latest.get(("stage_days", "stage"), []))
        medians = {row["segment"]: row["kpi_value"] for row in latest.get(("stage_days_median", "stage"), [])}
        if not means:
            return None
        words = self.texts["columns"]
        return Figure(
            anchor="stage-days",
            kind="dots",
            title=self.texts["figures"]["stage_days"]["title"],
            note=self._note("stage_days", means),
            columns=(
                Column("name", self.labels.dimension("stage")),
                Column("value", words["mean"], "days"),
                Column("low", words["low"], "days"),
                Column("high", words["high"], "days"),
                Column("mark", words["median"], "days"),
                Column("n", words["n"], "count"),
            ),
            rows=tuple(
                (
                    self.labels.segment("stage", row["segment"]),
                    row["kpi_value"],
                    row["interval_low"],
                    row["interval_high"],
                    medians.get(row["segment"]),
                    row["sample_size"],
                )
                for row in means
            ),
            options={"unit": "days"},
            follows={
                "kpi": "stage_days",
                "dimension": "stage",
                "mark": "stage_days_median",
                "order": self._stage_names(),
            },
        )

    def _by_member(self, latest: dict[tuple, list[Row]], kpi_id: str, dimension: str) -> Figure | None:
        rows = latest.get((kpi_id, dimension), [])
        if dimension == "stage":
            rows = self._in_order(rows)
        # Bars of nothing show nothing: the cards say 0. Nor does one bar of those whose member nobody knows.
        if not any(row["kpi_value"] and row["segment"] not in UNKNOWN for row in rows):
            return None
        unit, words = self.labels.unit(kpi_id), self.texts["columns"]
        has_interval = any(row["interval_low"] is not None for row in rows)
        low_high = (Column("low", words["low"], unit), Column("high", words["high"], unit))
        return Figure(
            anchor=f"{kpi_id}-{dimension}".replace("_", "-"),
            kind="dots" if has_interval else "bars",
            title=self.texts["by"].format(
                label=self.labels.kpi(kpi_id), dimension=self.labels.dimension(dimension)
            ),
            note=self._note("by_member", rows) + self._rest(rows),
            columns=(
                Column("name", self.labels.dimension(dimension)),
                Column("value", self.labels.kpi(kpi_id), unit),
                *(low_high if has_interval else ()),
                Column("n", words["n"], "count"),
            ),
            rows=tuple(
                (
                    self.labels.segment(dimension, row["segment"]),
                    row["kpi_value"],
                    *((row["interval_low"], row["interval_high"]) if has_interval else ()),
                    row["sample_size"],
                )
                for row in rows
            ),
            options={"unit": unit},
            follows={"kpi": kpi_id, "dimension": dimension}
            | ({"order": self._stage_names()} if dimension == "stage" else {}),
        )

    def _stage_names(self) -> list[str]:
        return [self.labels.segment("stage", stage) for stage in self.stage_places]

    def _rest(self, rows: list[Row]) -> str:
        """What is left out of a picture and its table; empty where nothing is."""
        shown = [self.texts["drawn_first"].format(count=MOST_DRAWN)] if len(rows) > MOST_DRAWN else []
        if rows[0]["members"] > len(rows):
            rest = self.formats.count(rows[0]["members"] - len(rows))
            shown.append(self.texts["rest_note"].format(count=rest))
        return "".join(f" {text}" for text in shown)

    def _funnel(self, breakdowns: dict[tuple, list[Row]]) -> Figure | None:
        words = self.texts["figures"]["funnel"]
        more = (Column("share", words["share"], "ratio"), Column("days", words["days"], "days"))
        return self._last_quarter(breakdowns.get(("funnel",), []), "funnel", more)

    def _resolution(self, breakdowns: dict[tuple, list[Row]]) -> Figure | None:
        return self._last_quarter(breakdowns.get(("resolution time",), []), "resolution_time")

    def _last_quarter(self, rows: list[Row], name: str, more: tuple[Column, ...] = ()) -> Figure | None:
        """The parts of a breakdown in the last quarter that is over."""
        last = [row for row in rows if row["period_start"] == rows[-1]["period_start"]]
        if not last:
            return None
        words = self.texts["figures"][name]
        return Figure(
            anchor=name.replace("_", "-"),
            kind="bars",
            title=words["title"],
            note=self._note(name, last),
            columns=(Column("name", words["part"]), Column("value", words["item_count"], "count"), *more),
            rows=tuple(_parts(last, self.texts, len(more))),
            options={"unit": "count"},
            follows={"breakdown": last[0]["breakdown"]},
        )

    def _net_promoter(self, breakdowns: dict[tuple, list[Row]]) -> Figure | None:
        rows = breakdowns.get(("net promoter score",), [])
        if not rows:
            return None
        words = self.texts["figures"]["net_promoter"]
        return Figure(
            anchor="net-promoter",
            kind="shares",
            title=words["title"],
            note=words["note"],
            columns=(
                Column("period", self.texts["columns"]["period"]),
                Column("name", words["part"]),
                Column("value", words["item_count"], "count"),
            ),
            rows=tuple(
                (
                    {
                        "text": self.formats.period(row["period_name"]),
                        "sort": row["period_start"].isoformat(),
                    },
                    self.texts["parts"].get(row["part"], row["part"]),
                    row["item_count"],
                )
                for row in rows
            ),
        )

    def _cohorts(self) -> Figure | None:
        rows = self.marts.rows("cohorts", "customer_cohorts")
        # How many stay is not known before a quarter has passed.
        if not any(row["quarters_since"] for row in rows):
            return None
        words = self.texts["figures"]["cohorts"]
        return Figure(
            anchor="cohorts",
            kind="heat",
            title=words["title"],
            note=words["note"],
            columns=(
                Column("period", words["cohort"]),
                Column("since", words["since"], "count"),
                Column("value", words["rate"], "ratio"),
                Column("active", words["active"], "count"),
                Column("n", words["customers"], "count"),
            ),
            rows=tuple(
                (
                    {"text": self.formats.period(row["cohort"]), "sort": row["cohort"]},
                    row["quarters_since"],
                    row["retention_rate"],
                    row["customers_active"],
                    row["customers"],
                )
                for row in rows
            ),
        )

    def _note(self, name: str, rows: list[Row]) -> str:
        return self.texts["figures"][name]["note"].format(period=self.formats.period(rows[0]["period_name"]))
