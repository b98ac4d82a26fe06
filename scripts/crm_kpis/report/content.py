"""What the report says, in one language: the published rows, put in order, labelled and formatted."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from crm_kpis.report.drawing import DotPair, Sparkline, draw_dot_pair, draw_sparkline
from crm_kpis.report.formats import NOTHING, Formats, unit_of
from crm_kpis.report.marts import Marts, Row
from crm_kpis.report.texts import Texts

AREAS = ("sales", "marketing", "customers", "service", "team", "roll_out")
GRAINS = ("month", "quarter", "year")
# Enough days to rest on, recent enough to act on.
FIRST_GRAIN = "quarter"
_MOST_HEADLINES = 6
_COMPARISONS = ("period before", "year before", "baseline")
_VERDICT_SIGNS = {"improved": "better", "worsened": "worse"}


@dataclass(frozen=True)
class Change:
    """What changed against another period; `tone` is better, worse or none, as the verdict says."""

    comparison: str
    compared_with: str
    compared_text: str
    text: str
    p_text: str
    verdict: str | None
    tone: str
    row: Row


@dataclass(frozen=True)
class View:
    """A KPI in one grain: its last complete period that has a value."""

    grain: str
    period: str
    is_latest: bool
    value: float | None
    text: str
    interval: str
    sample: str
    changes: tuple[Change, ...]
    sparkline: Sparkline
    row: Row


@dataclass(frozen=True)
class Card:
    """A KPI with its definition, and a view for each grain that has a value."""

    kpi_id: str
    area: str
    label: str
    unit: str
    good: str
    description: str
    formula: str
    dated_by: str
    interval_method: str
    source: str
    views: dict[str, View]
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Target:
    """A target as it stands in the last month that is over."""

    anchor: str
    name: str
    kpi_id: str
    label: str
    status: str
    status_text: str
    tone: str
    value_text: str
    target_text: str
    due: str
    evidence: str
    figure: Figure
    row: Row


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
    """

    anchor: str
    kind: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WeakSpot:
    """A member of a dimension that lags behind the rest."""

    kpi_id: str
    label: str
    dimension: str
    segment: str
    value_text: str
    rest_text: str
    effect: str
    row: Row


@dataclass(frozen=True)
class Comparison:
    """A KPI before and after."""

    kpi_id: str
    label: str
    before_text: str
    after_text: str
    before_interval: str
    after_interval: str
    difference: str
    p_text: str
    verdict: str
    tone: str
    drawing: DotPair
    row: Row


@dataclass(frozen=True)
class Evaluation:
    """A before and an after of all KPIs that have both."""

    anchor: str
    name: str
    before: str
    after: str
    improved: int
    worsened: int
    unchanged: int
    untested: int
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class Missing:
    """A KPI without values, and the raw columns that would fill it."""

    label: str
    area: str
    needs: str
    tables: tuple[str, ...]
    kpi_id: str


@dataclass(frozen=True)
class Headline:
    """A KPI that moved beyond chance."""

    card: Card
    view: View
    change: Change


@dataclass(frozen=True)
class Content:
    """All that the report says."""

    as_of: date | None
    currency: str
    language: str
    improved: dict[str, tuple[Headline, ...]]
    worsened: dict[str, tuple[Headline, ...]]
    has_scorecard: bool
    targets: tuple[Target, ...]
    weak_spots: tuple[WeakSpot, ...]
    evaluations: tuple[Evaluation, ...]
    cards: dict[str, tuple[Card, ...]]
    figures: dict[str, tuple[Figure, ...]]
    missing: tuple[Missing, ...]
    choices: dict[str, Any]

    @property
    def behind(self) -> tuple[Target, ...]:
        """The targets that are not where they should be."""
        return tuple(target for target in self.targets if target.status in ("behind", "missed"))


def read_content(marts: Marts, texts: Texts, formats: Formats) -> Content:
    """Read the published marts and say what is in them.

    Args:
        marts: The published marts.
        texts: The texts of the language.
        formats: The formats of the language.
    """
    return _Reader(marts, texts, formats).read()


class _Reader:
    def __init__(self, marts: Marts, texts: Texts, formats: Formats) -> None:
        self.marts, self.texts, self.formats = marts, texts, formats
        self.kpis = {row["kpi_id"]: row for row in marts.rows("catalogue")}
        self.units = {kpi_id: unit_of(row) for kpi_id, row in self.kpis.items()}
        stages = marts.rows("stages", "dim_pipeline_stages")
        self.stage_places = {row["stage"]: place for place, row in enumerate(stages)}
        self.totals = _group(marts.rows("totals"), "kpi_id", "period_grain")

    def read(self) -> Content:
        targets = self._targets()
        scorecard = self.marts.rows("scorecard", "kpi_scorecard")
        cards = self._cards(scorecard, targets)
        shown = {card.kpi_id for card in cards}
        return Content(
            as_of=self.marts.as_of,
            currency=self.formats.currency,
            language=self.formats.locale,
            improved={grain: _headlines(cards, grain, "improved") for grain in GRAINS},
            worsened={grain: _headlines(cards, grain, "worsened") for grain in GRAINS},
            has_scorecard=bool(scorecard),
            targets=targets,
            weak_spots=self._weak_spots(),
            evaluations=self._evaluations(),
            cards={area: tuple(card for card in cards if card.area == area) for area in AREAS},
            figures=self._figures(),
            missing=tuple(self._missing(row) for kpi_id, row in self.kpis.items() if kpi_id not in shown),
            choices=self._choices(cards),
        )

    def label(self, kpi_id: str) -> str:
        row = self.kpis.get(kpi_id)
        return row[f"label_{self.formats.locale}"] if row else kpi_id

    def segment(self, name: str) -> str:
        return self.texts["segments"].get(name, name)

    def dimension(self, name: str) -> str:
        return self.texts["dimensions"].get(name, name.replace("_", " "))

    def _cards(self, scorecard: list[Row], targets: tuple[Target, ...]) -> list[Card]:
        compared = _group(scorecard, "kpi_id", "period_grain")
        language, cards = self.formats.locale, []
        for kpi_id, row in self.kpis.items():
            views = {
                grain: view
                for grain in GRAINS
                if (view := self._view(kpi_id, grain, compared.get((kpi_id, grain), [])))
            }
            if not views:
                continue
            cards.append(
                Card(
                    kpi_id=kpi_id,
                    area=row["area"],
                    label=row[f"label_{language}"],
                    unit=self.units[kpi_id],
                    good=row["good"],
                    description=row[f"description_{language}"],
                    formula=row[f"formula_{language}"],
                    dated_by=self.texts["dated_by"].get(row["dated_by"], row["dated_by"]),
                    interval_method=self.texts["interval_methods"][row["interval_method"]],
                    source=self.texts["sources"].get(row["source"], row["source"]),
                    views=views,
                    targets=tuple(
                        target
                        for target in targets
                        if target.kpi_id == kpi_id and target.row["segment_by"] == "all"
                    ),
                )
            )
        return cards

    def _view(self, kpi_id: str, grain: str, compared: list[Row]) -> View | None:
        rows = self.totals.get((kpi_id, grain), [])
        complete = [row for row in rows if row["is_complete"]]
        valued = [row for row in complete if row["kpi_value"] is not None]
        if not valued:
            return None
        row, unit = valued[-1], self.units[kpi_id]
        changes = [
            self._change(comparison, unit)
            for name in _COMPARISONS
            for comparison in compared
            if comparison["comparison"] == name
            and comparison["period_start"] == row["period_start"]
            and comparison["compared_value"] is not None
        ]
        return View(
            grain=grain,
            period=self.formats.period(row["period_name"]),
            is_latest=row is complete[-1],
            value=row["kpi_value"],
            text=self.formats.value(row["kpi_value"], unit),
            interval=self.formats.interval(row["interval_low"], row["interval_high"], unit),
            sample=self.formats.count(row["sample_size"]),
            changes=tuple(changes),
            sparkline=draw_sparkline(rows, self._sparkline_text(rows, unit)),
            row=row,
        )

    def _sparkline_text(self, rows: list[Row], unit: str) -> str:
        valued = [row for row in rows if row["kpi_value"] is not None]
        first, last = valued[0], valued[-1]
        text = self.texts["sparkline"].format(
            first=self.formats.period(first["period_name"]),
            first_value=self.formats.value(first["kpi_value"], unit),
            last=self.formats.period(last["period_name"]),
            last_value=self.formats.value(last["kpi_value"], unit),
            lowest=self.formats.value(min(row["kpi_value"] for row in valued), unit),
            highest=self.formats.value(max(row["kpi_value"] for row in valued), unit),
        )
        return text if last["is_complete"] else f"{text} {self.texts['still_running']}"

    def _change(self, row: Row, unit: str) -> Change:
        formats = self.formats
        return Change(
            comparison=row["comparison"],
            compared_with=formats.period(row["compared_with"] or ""),
            compared_text=formats.value(row["compared_value"], unit),
            text=formats.change(row["absolute_change"], row["relative_change"], unit),
            p_text=formats.p_value(row["p_value"]),
            verdict=row["verdict"],
            tone=_VERDICT_SIGNS.get(row["verdict"] or "", "none"),
            row=row,
        )

    def _targets(self) -> tuple[Target, ...]:
        by_target = _group(self.marts.rows("targets", "kpi_target_status"), "target_id")
        return tuple(
            self._target(number, rows)
            for number, rows in enumerate(by_target.values(), start=1)
            if rows[0]["kpi_id"] in self.kpis
        )

    def _target(self, number: int, rows: list[Row]) -> Target:
        complete = [row for row in rows if row["is_complete"]]
        row = (complete or rows)[-1]
        unit, label = self.units[row["kpi_id"]], self.label(row["kpi_id"])
        if row["segment_by"] != "all":
            label = f"{label}, {self.dimension(row['segment_by'])}: {self.segment(row['segment'])}"
        words = self.texts["columns"]
        columns = [
            Column("period", words["period"]),
            Column("value", words["value"], unit),
            Column("low", words["low"], unit),
            Column("high", words["high"], unit),
            Column("path", words["path"], unit),
        ]
        cells = [
            (
                {"text": self.formats.period(line["period_name"]), "sort": line["period_start"].isoformat()},
                line["kpi_value"],
                line["interval_low"],
                line["interval_high"],
                line["path_value"],
            )
            for line in rows
        ]
        status = row["status"] or "not measurable"
        anchor = f"target-{number}"
        return Target(
            anchor=anchor,
            name=row["target_name"] or label,
            kpi_id=row["kpi_id"],
            label=label,
            status=status,
            status_text=self.texts["target_status"].get(status, status),
            tone={"met": "better", "on track": "better", "behind": "worse", "missed": "worse"}.get(
                status, "none"
            ),
            value_text=self.formats.value(row["kpi_value"], unit),
            target_text=self.formats.value(row["target_value"], unit),
            due=self.formats.day(row["due_on"]) if row["due_on"] else NOTHING,
            evidence=self.texts["target_evidence"].get(row["evidence"] or "", ""),
            figure=Figure(
                f"{anchor}-figure",
                "target",
                label,
                "",
                tuple(columns),
                tuple(cells),
                {"unit": unit, "target": row["target_value"]},
            ),
            row=row,
        )

    def _weak_spots(self) -> tuple[WeakSpot, ...]:
        return tuple(
            WeakSpot(
                kpi_id=row["kpi_id"],
                label=self.label(row["kpi_id"]),
                dimension=self.dimension(row["segment_by"]),
                segment=self.segment(row["segment"]),
                value_text=self.formats.value(row["segment_value"], self.units[row["kpi_id"]]),
                rest_text=self.formats.value(row["rest_value"], self.units[row["kpi_id"]]),
                effect=self._effect(row),
                row=row,
            )
            for row in self.marts.rows("weak_spots", "kpi_weak_spots")
            if row["kpi_id"] in self.kpis
        )

    def _effect(self, row: Row) -> str:
        if row["effect"] is None:
            return ""
        unit = row["effect_unit"] or "count"
        if unit in ("ratio", "currency", "days", "hours", "score", "count"):
            return self.formats.value(row["effect"], unit)
        words = self.texts["effect_units"].get(unit, unit)
        return f"{self.formats.value(round(row['effect'], 1), 'count')} {words}"

    def _evaluations(self) -> tuple[Evaluation, ...]:
        groups = _group(self.marts.rows("evaluation", "kpi_evaluation"), "evaluation_name")
        return tuple(
            self._evaluation(number, name, rows)
            for number, ((name,), rows) in enumerate(groups.items(), start=1)
        )

    def _evaluation(self, number: int, name: str, rows: list[Row]) -> Evaluation:
        order = {kpi_id: place for place, kpi_id in enumerate(self.kpis)}
        known = sorted(
            (
                row
                for row in rows
                if row["kpi_id"] in order
                and row["baseline_value"] is not None
                and row["current_value"] is not None
            ),
            key=lambda row: order[row["kpi_id"]],
        )
        count = {
            verdict: sum(row["verdict"] == verdict for row in known) for verdict in self.texts["verdicts"]
        }
        return Evaluation(
            anchor=f"evaluation-{number}",
            name=name,
            before=self.formats.period(rows[0]["baseline_period"]),
            after=self.formats.period(rows[0]["current_period"]),
            improved=count["improved"],
            worsened=count["worsened"],
            unchanged=count["no evidence of change"],
            untested=count["too few data"] + count["not tested"],
            comparisons=tuple(self._comparison(row) for row in known),
        )

    def _comparison(self, row: Row) -> Comparison:
        unit = self.units[row["kpi_id"]]
        return Comparison(
            kpi_id=row["kpi_id"],
            label=self.label(row["kpi_id"]),
            before_text=self.formats.value(row["baseline_value"], unit),
            after_text=self.formats.value(row["current_value"], unit),
            before_interval=self.formats.interval(
                row["baseline_interval_low"], row["baseline_interval_high"], unit
            ),
            after_interval=self.formats.interval(
                row["current_interval_low"], row["current_interval_high"], unit
            ),
            difference=self.formats.change(row["difference"], row["relative_change"], unit),
            p_text=self.formats.p_value(row["p_value_adjusted"]),
            verdict=row["verdict"],
            tone=_VERDICT_SIGNS.get(row["verdict"] or "", "none"),
            drawing=draw_dot_pair(row),
            row=row,
        )

    def _missing(self, row: Row) -> Missing:
        needs = row["missing"] or ""
        tables = sorted(set(re.findall(r"(\w+)\.\w+", needs)))
        return Missing(
            label=row[f"label_{self.formats.locale}"],
            area=self.texts["areas"][row["area"]],
            needs=needs.replace(" or ", f" {self.texts['or']} ") if tables else "",
            tables=tuple(tables),
            kpi_id=row["kpi_id"],
        )

    def _figures(self) -> dict[str, tuple[Figure, ...]]:
        latest = _group(self.marts.rows("latest_by_segment"), "kpi_id", "segment_by")
        breakdowns = _group(self.marts.rows("breakdowns", "breakdowns"), "breakdown")
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
        return {area: tuple(figure for figure in found.get(area, []) if figure) for area in AREAS}

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
                Column("name", self.dimension("stage")),
                Column("value", words["mean"], "days"),
                Column("low", words["low"], "days"),
                Column("high", words["high"], "days"),
                Column("mark", words["median"], "days"),
                Column("n", words["n"], "count"),
            ),
            rows=tuple(
                (
                    self.segment(row["segment"]),
                    row["kpi_value"],
                    row["interval_low"],
                    row["interval_high"],
                    medians.get(row["segment"]),
                    row["sample_size"],
                )
                for row in means
            ),
            options={"unit": "days"},
        )

    def _by_member(self, latest: dict[tuple, list[Row]], kpi_id: str, dimension: str) -> Figure | None:
        rows = latest.get((kpi_id, dimension), [])
        if dimension == "stage":
            rows = self._in_order(rows)
        if not rows:
            return None
        unit, words = self.units[kpi_id], self.texts["columns"]
        has_interval = any(row["interval_low"] is not None for row in rows)
        low_high = (Column("low", words["low"], unit), Column("high", words["high"], unit))
        return Figure(
            anchor=f"{kpi_id}-{dimension}".replace("_", "-"),
            kind="dots" if has_interval else "bars",
            title=self.texts["by"].format(label=self.label(kpi_id), dimension=self.dimension(dimension)),
            note=self._note("by_member", rows),
            columns=(
                Column("name", self.dimension(dimension)),
                Column("value", self.label(kpi_id), unit),
                *(low_high if has_interval else ()),
                Column("n", words["n"], "count"),
            ),
            rows=tuple(
                (
                    self.segment(row["segment"]),
                    row["kpi_value"],
                    *((row["interval_low"], row["interval_high"]) if has_interval else ()),
                    row["sample_size"],
                )
                for row in rows
            ),
            options={"unit": unit},
        )

    def _funnel(self, breakdowns: dict[tuple, list[Row]]) -> Figure | None:
        return self._last_quarter(breakdowns.get(("funnel",), []), "funnel", "bars")

    def _resolution(self, breakdowns: dict[tuple, list[Row]]) -> Figure | None:
        return self._last_quarter(breakdowns.get(("resolution time",), []), "resolution_time", "bars")

    def _last_quarter(self, rows: list[Row], name: str, kind: str) -> Figure | None:
        """The parts of a breakdown in the last quarter that is over."""
        last = [row for row in rows if row["period_start"] == rows[-1]["period_start"]]
        if not last:
            return None
        words = self.texts["figures"][name]
        return Figure(
            anchor=name.replace("_", "-"),
            kind=kind,
            title=words["title"],
            note=self._note(name, last),
            columns=(Column("name", words["part"]), Column("value", words["things"], "count")),
            rows=tuple((self.texts["parts"].get(row["part"], row["part"]), row["things"]) for row in last),
            options={"unit": "count"},
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
                Column("value", words["things"], "count"),
            ),
            rows=tuple(
                (
                    {
                        "text": self.formats.period(row["period_name"]),
                        "sort": row["period_start"].isoformat(),
                    },
                    self.texts["parts"].get(row["part"], row["part"]),
                    row["things"],
                )
                for row in rows
            ),
        )

    def _cohorts(self) -> Figure | None:
        rows = self.marts.rows("cohorts", "customer_cohorts")
        if not rows:
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

    def _choices(self, cards: list[Card]) -> dict[str, Any]:
        """What the page lets its reader choose from: arrays in place of objects, to be compact."""
        segments = _group(self.marts.rows("segments"), "kpi_id", "segment_by", "period_grain", "place")
        dimensions: dict[str, dict[str, dict[str, list]]] = defaultdict(lambda: defaultdict(dict))
        for (kpi_id, dimension, grain, _), rows in segments.items():
            members = dimensions[kpi_id][dimension].setdefault(grain, [])
            members.append(self._member(rows))
        return {
            card.kpi_id: {
                "label": card.label,
                "unit": card.unit,
                "area": card.area,
                "total": {
                    grain: [
                        [
                            self.formats.period(row["period_name"]),
                            row["period_start"].isoformat(),
                            int(row["is_complete"]),
                            row["sample_size"],
                            *_short(row["kpi_value"], row["interval_low"], row["interval_high"]),
                        ]
                        for row in self.totals.get((card.kpi_id, grain), [])
                    ]
                    for grain in card.views
                },
                "by": dimensions.get(card.kpi_id, {}),
            }
            for card in cards
        }

    def _member(self, rows: list[Row]) -> list[Any]:
        """A member as [name, sample, value, low, high, [age, value, ...]]; age 0 is the last period."""
        name = self.segment(rows[0]["segment"])
        last = rows[-1] if rows[-1]["age"] == 0 else None
        history = [
            part
            for row in rows
            if row["kpi_value"] is not None
            for part in (row["age"], *_short(row["kpi_value"]))
        ]
        if last is None:
            return [name, 0, None, None, None, history]
        values = _short(last["kpi_value"], last["interval_low"], last["interval_high"])
        return [name, last["sample_size"], *values, history]


def _headlines(cards: list[Card], grain: str, verdict: str) -> tuple[Headline, ...]:
    """The KPIs that moved, the surest first; each once, by the surer of its comparisons."""
    found = []
    for card in cards:
        view = card.views.get(grain)
        changes = [change for change in view.changes if change.verdict == verdict] if view else []
        if view and changes:
            found.append(Headline(card, view, min(changes, key=_p_value)))
    return tuple(sorted(found, key=lambda headline: _p_value(headline.change))[:_MOST_HEADLINES])


def _p_value(change: Change) -> float:
    return 1.0 if change.row["p_value"] is None else change.row["p_value"]


def _short(*values: float | None) -> list[float | None]:
    """Nine digits: more than anybody reads, and half the bytes."""
    return [None if value is None else float(f"{value:.9g}") for value in values]


def _group(rows: list[Row], *keys: str) -> dict[tuple, list[Row]]:
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups
