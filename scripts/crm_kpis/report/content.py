"""What the report says, in one language: the published rows, put in order, labelled and formatted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_kpis.report.choices import read_choices
from crm_kpis.report.drawing import DotPair, Sparkline, draw_dot_pair, draw_sparkline
from crm_kpis.report.figures import (
    FEWEST_EARLIER_COMPARISONS,
    ChangePicture,
    Column,
    Figure,
    read_breakdowns,
    read_changes,
    read_figures,
)
from crm_kpis.report.formats import NOTHING, Formats
from crm_kpis.report.labels import Labels
from crm_kpis.report.marts import Marts, Row, group
from crm_kpis.report.next_steps import StepList, read_next_steps
from crm_kpis.report.records import counted_records
from crm_kpis.report.texts import Texts

AREAS = ("sales", "marketing", "customers", "service", "team", "roll_out")
GRAINS = ("month", "quarter", "year", "fiscal_quarter", "fiscal_year")
# Enough days to rest on, recent enough to act on.
_USUAL_GRAIN = "quarter"
# Two months are: 28 and 31 days.
_ABOUT_AS_LONG = 1.15
# The share of a change that a shift between segments must have made to be named.
_NOTABLE_MIX = 0.25
# The share of calendar months that two periods must have in common not to be told apart by their seasons.
MATCHING_SEASONS = 0.9
_OPPOSITES = {"improved": "worsened", "worsened": "improved"}
_COMPARISONS = ("period before", "year before", "baseline")
_VERDICT_SIGNS = {"improved": "better", "worsened": "worse"}


@dataclass(frozen=True)
class Change:
    """What changed against another period.

    `tone` is better, worse or none, as the verdict says. `per_day` is the change per day of a total whose
    periods are not of the same length; empty otherwise.
    """

    comparison: str
    compared_with: str
    compared_text: str
    text: str
    per_day: str
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
    state: str
    value: float | None
    text: str
    interval: str
    is_rough: bool
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
    has_records: bool
    benchmarks: tuple[str, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Target:
    """A target as it stands in the last month that is over, or that it was due in."""

    anchor: str
    name: str
    kpi_id: str
    label: str
    status: str
    status_text: str
    tone: str
    period: str
    value_text: str
    target_text: str
    due: str
    evidence: str
    figure: Figure
    row: Row


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
    mix: str
    usual_change: str
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
    probable: int
    unchanged: int
    untested: int
    notes: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    pictures: tuple[ChangePicture, ...]
    pictures_note: str


@dataclass(frozen=True)
class Missing:
    """A KPI without values, and the raw columns that would fill it, or in words why nothing is there."""

    label: str
    area: str
    needs: str
    reason: str
    tables: tuple[str, ...]
    kpi_id: str


@dataclass(frozen=True)
class Late:
    """A day, and the KPIs that have no value before it or after it, or are not compared after it.

    Attributes:
        day: The day.
        limit: known_from, known_until or begun_until, as in kpi_coverage.
        text: The sentence of the page.
        labels: The names of the KPIs.
        kpi_ids: Their keys.
    """

    day: date
    limit: str
    text: str
    labels: tuple[str, ...]
    kpi_ids: tuple[str, ...]


@dataclass(frozen=True)
class Headline:
    """A KPI that moved beyond chance; `opposite` is how it moved the other way, against another period."""

    card: Card
    view: View
    change: Change
    opposite: Change | None


@dataclass(frozen=True)
class Content:
    """All that the report says."""

    as_of: date | None
    currency: str
    language: str
    improved: dict[str, tuple[Headline, ...]]
    worsened: dict[str, tuple[Headline, ...]]
    targets: tuple[Target, ...]
    weak_spots: tuple[WeakSpot, ...]
    evaluations: tuple[Evaluation, ...]
    cards: dict[str, tuple[Card, ...]]
    figures: dict[str, tuple[Figure, ...]]
    missing: tuple[Missing, ...]
    late: tuple[Late, ...]
    choices: dict[str, Any]
    own_dimensions: dict[str, str]
    next_steps: tuple[StepList, ...]

    @property
    def has_values(self) -> bool:
        """Whether any KPI has a value."""
        return any(self.cards.values())

    @property
    def has_money(self) -> bool:
        """Whether any KPI with a value is an amount of money."""
        return any(card.unit == "currency" for cards in self.cards.values() for card in cards)

    @property
    def grains(self) -> tuple[str, ...]:
        """The grains that the reader may choose: fiscal ones only where a KPI has them."""
        shown = self._grains_with_values
        return tuple(grain for grain in GRAINS if grain in shown or not grain.startswith("fiscal"))

    @property
    def first_grain(self) -> str:
        """The grain that is shown until the reader chooses: the shortest where no quarter has a value yet."""
        shown = self._grains_with_values
        return _USUAL_GRAIN if _USUAL_GRAIN in shown or not shown else min(shown, key=GRAINS.index)

    @property
    def _grains_with_values(self) -> set[str]:
        return {grain for cards in self.cards.values() for card in cards for grain in card.views}

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
        self.labels = Labels(
            self.kpis,
            texts,
            formats,
            {
                (row["segment_by"], row["segment"]): row["segment_name"]
                for row in marts.rows("segment_names", "dim_segment_names")
            },
            {
                row["dimension"]: row[f"label_{formats.locale}"]
                for row in marts.rows("own_dimensions", "dim_own_columns")
            },
            {row["account_id"]: row["account_name"] for row in marts.rows("account_names", "dim_accounts")},
        )
        self.totals = group(marts.rows("totals"), "kpi_id", "period_grain")
        self.benchmarks = group(marts.rows("benchmarks", "kpi_benchmarks"), "kpi_id")

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
            targets=targets,
            weak_spots=self._weak_spots(),
            evaluations=self._evaluations(),
            cards={area: tuple(card for card in cards if card.area == area) for area in AREAS},
            figures=read_figures(self.marts, self.labels),
            missing=tuple(self._missing(row) for kpi_id, row in self.kpis.items() if kpi_id not in shown),
            late=self._late(shown),
            choices=read_choices(
                self.marts, self.labels, self.totals, {card.kpi_id: tuple(card.views) for card in cards}
            )
            | {"breakdowns": read_breakdowns(self.marts, self.labels)},
            own_dimensions=self.labels.own_dimensions,
            next_steps=read_next_steps(self.marts, self.labels),
        )

    def _cards(self, scorecard: list[Row], targets: tuple[Target, ...]) -> list[Card]:
        compared = group(scorecard, "kpi_id", "period_grain")
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
                    unit=self.labels.unit(kpi_id),
                    good=row["good"],
                    description=row[f"description_{language}"],
                    formula=row[f"formula_{language}"],
                    dated_by=self.texts["dated_by"].get(row["dated_by"], row["dated_by"]),
                    interval_method=self.texts["interval_methods"][row["interval_method"]],
                    source=self.texts["sources"].get(row["source"], row["source"]),
                    views=views,
                    has_records=self._has_records(row),
                    benchmarks=tuple(self._benchmarks(kpi_id)),
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
        row = next((row for row in rows if row["is_shown"]), None)
        if row is None:
            return None
        unit = self.labels.unit(kpi_id)
        over = [row["period_start"] for row in rows if row["is_complete"]]
        comparable = [
            comparison
            for comparison in compared
            if comparison["period_start"] == row["period_start"]
            # Without a change the two can't be compared: they are of unlike length, or one has no value.
            and comparison["absolute_change"] is not None
            # What still changes is compared with nothing.
            and row["is_comparable"]
        ]
        year_before = [row["compared_with"] for row in comparable if row["comparison"] == "year before"]
        changes = [
            self._change(comparison, unit)
            for name in _COMPARISONS
            for comparison in comparable
            if comparison["comparison"] == name
            # Before a year comes the year before: once is enough.
            and not (name == "period before" and comparison["compared_with"] in year_before)
        ]
        return View(
            grain=grain,
            period=self.formats.period(row["period_name"]),
            is_latest=not over or row["period_start"] >= over[-1],
            state=self._state(row),
            value=row["kpi_value"],
            text=self.formats.value(row["kpi_value"], unit),
            interval=self.formats.interval(row["interval_low"], row["interval_high"], unit),
            is_rough=bool(row["interval_is_rough"]),
            sample=self.formats.count(row["sample_size"]),
            changes=tuple(changes),
            sparkline=draw_sparkline(rows, self._sparkline_text(rows, unit)),
            row=row,
        )

    def _benchmarks(self, kpi_id: str) -> Iterator[str]:
        """What the value stands beside: figures from elsewhere, each with its source."""
        for row in self.benchmarks.get((kpi_id,), []):
            low, high = row["benchmark_low"], row["benchmark_high"]
            unit = self.labels.unit(kpi_id)
            year = f", {row['benchmark_year']}" if row["benchmark_year"] else ""
            yield self.texts["benchmark"].format(
                value=self.formats.value(low, unit)
                if low == high
                else self.formats.interval(low, high, unit),
                source=f"{row['source']}{year}",
            )

    def _has_records(self, kpi: Row) -> bool:
        table, *_ = counted_records(kpi) or (None,)
        return f"fct_{table}" in self.marts.relations

    def _state(self, row: Row) -> str:
        """What to know of a value: that it will still change, say; empty where there is nothing."""
        if not row["is_complete"]:
            return self.texts["ahead"]
        if row["coverage"] == "maturing":
            return self.texts["still_maturing"]
        return "" if row["is_comparable"] else self.texts["covered_partly"]

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
        text, per_day = self._change_texts(row, unit)
        return Change(
            comparison=row["comparison"],
            compared_with=formats.period(row["compared_with"] or ""),
            compared_text=formats.value(row["compared_value"], unit),
            text=text,
            per_day=per_day,
            p_text=formats.p_value(row["p_value"]),
            verdict=row["verdict"],
            tone=_VERDICT_SIGNS.get(row["verdict"] or "", "none"),
            row=row,
        )

    def _change_texts(self, row: Row, unit: str) -> tuple[str, str]:
        """The change of the two numbers shown, and that per day where a total's periods are of unlike length.

        The scorecard compares totals per day. Where one period is several times as long as the other, only
        that says anything.
        """
        before, relative = row["compared_value"], row["relative_change"]
        difference = row["kpi_value"] - before
        shown = difference / abs(before) if before else None
        text = self.formats.change(difference, shown, unit)
        if shown is None or relative is None or math.isclose(relative, shown, abs_tol=5e-4):
            return text, ""
        per_day = self.texts["per_day"].format(change=self.formats.change(relative, relative, "count"))
        about_as_long = (
            1 / _ABOUT_AS_LONG <= (1 + relative) / (1 + shown) <= _ABOUT_AS_LONG if shown != -1 else True
        )
        return (text, per_day) if about_as_long else (per_day, "")

    def _targets(self) -> tuple[Target, ...]:
        by_target = group(self.marts.rows("targets", "kpi_target_status"), "target_id")
        return tuple(
            self._target(number, rows)
            for number, rows in enumerate(by_target.values(), start=1)
            if rows[0]["kpi_id"] in self.kpis
        )

    def _target(self, number: int, rows: list[Row]) -> Target:
        # On the due day it was met or missed; what came after stands in the picture.
        judged = [row for row in rows if row["is_complete"] and row["period_start"] <= row["due_on"]]
        row = (judged or rows)[-1]
        unit, label = self.labels.unit(row["kpi_id"]), self.labels.kpi(row["kpi_id"])
        if row["segment_by"] != "all":
            member = self.labels.segment(row["segment_by"], row["segment"])
            label = f"{label}, {self.labels.dimension(row['segment_by'])}: {member}"
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
                self._month(line),
                line["kpi_value"],
                line["interval_low"],
                line["interval_high"],
                line["path_value"],
            )
            for line in rows
        ]
        status = row["status"] or "not measurable"
        anchor = f"target-{number}"
        name = self.formats.name(row["target_name"]) if row["target_name"] else label
        return Target(
            anchor=anchor,
            name=name,
            kpi_id=row["kpi_id"],
            label=label,
            status=status,
            status_text=self.texts["target_on_track_when_due"]
            if status == "on track" and row["due_on"] and row["period_end"] >= row["due_on"]
            else self.texts["target_status"].get(status, status),
            tone={"met": "better", "on track": "better", "behind": "worse", "missed": "worse"}.get(
                status, "none"
            ),
            period=self.formats.period(row["period_name"]),
            value_text=self.formats.value(row["kpi_value"], unit),
            target_text=self.formats.count(row["target_value"])
            if unit == "count" and row["target_value"] is not None
            else self.formats.value(row["target_value"], unit),
            due=self.formats.day(row["due_on"]) if row["due_on"] else NOTHING,
            evidence=self.texts["target_evidence"].get(row["evidence"] or "", ""),
            figure=Figure(
                f"{anchor}-figure",
                "target",
                name,
                "" if name == label else label,
                tuple(columns),
                tuple(cells),
                {"unit": unit, "target": row["target_value"]},
            ),
            row=row,
        )

    def _month(self, row: Row) -> dict[str, Any]:
        """The cell of a month, with what is said of its value."""
        state = ""
        if not row["is_complete"]:
            state = self.texts["running"]
        elif row["coverage"] == "maturing":
            state = self.texts["still_maturing"]
        month = self.formats.period(row["period_name"])
        return {
            "text": f"{month} ({state})" if state else month,
            "sort": row["period_start"].isoformat(),
            "unsettled": bool(state),
        }

    def _weak_spots(self) -> tuple[WeakSpot, ...]:
        return tuple(
            WeakSpot(
                kpi_id=row["kpi_id"],
                label=self.labels.kpi(row["kpi_id"]),
                dimension=self.labels.dimension(row["segment_by"]),
                segment=self.labels.segment(row["segment_by"], row["segment"]),
                value_text=self.formats.value(row["segment_value"], self.labels.unit(row["kpi_id"])),
                rest_text=self.formats.value(row["rest_value"], self.labels.unit(row["kpi_id"])),
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
        if unit == self.formats.currency:
            unit = "currency"
        effect = _two_digits(row["effect"])
        if unit in ("currency", "days", "hours"):
            return self.formats.value(effect, unit)
        words = self.texts["effect_units"].get(unit, unit)
        return f"{self.formats.value(effect, 'count')} {words}"

    def _evaluations(self) -> tuple[Evaluation, ...]:
        groups = group(self.marts.rows("evaluation", "kpi_evaluation"), "evaluation_name")
        pictures = read_changes(self.marts, self.labels)
        return tuple(
            self._evaluation(number, name, rows, pictures.get(name, ()))
            for number, ((name,), rows) in enumerate(groups.items(), start=1)
        )

    def _evaluation(
        self, number: int, name: str, rows: list[Row], pictures: tuple[ChangePicture, ...]
    ) -> Evaluation:
        # First what moved, then what was tested in vain; within, as in the catalogue.
        verdicts = {verdict: place for place, verdict in enumerate(self.texts["verdicts"])}
        order = {kpi_id: place for place, kpi_id in enumerate(self.kpis)}
        known = sorted(
            (
                row
                for row in rows
                if row["kpi_id"] in order
                and row["baseline_value"] is not None
                and row["current_value"] is not None
            ),
            key=lambda row: (verdicts.get(row["verdict"], len(verdicts)), order[row["kpi_id"]]),
        )
        count = {
            verdict: sum(row["verdict"] == verdict for row in known) for verdict in self.texts["verdicts"]
        }
        return Evaluation(
            anchor=f"evaluation-{number}",
            name=self.formats.name(name),
            before=self.formats.period(rows[0]["baseline_period"]),
            after=self.formats.period(rows[0]["current_period"]),
            improved=count["improved"],
            worsened=count["worsened"],
            probable=count["probably improved"] + count["probably worsened"],
            unchanged=count["no evidence of change"]
            + count["within usual changes"]
            + count["as it was already doing"],
            untested=count["too few weeks"] + count["too few data"] + count["not tested"],
            notes=tuple(self._evaluation_notes(rows)),
            comparisons=tuple(self._comparison(row) for row in known),
            pictures=pictures,
            pictures_note=self._pictures_note(
                pictures,
                count["improved"]
                + count["worsened"]
                + count["probably improved"]
                + count["probably worsened"],
            ),
        )

    def _pictures_note(self, pictures: tuple[ChangePicture, ...], changes: int) -> str:
        words, sentences = self.texts["figures"]["change"], []
        if len(pictures) < changes:
            count = self.formats.count
            sentences.append(words["surest"].format(shown=count(len(pictures)), count=count(changes)))
        sentences.append(words["line_note"])
        if any(picture.earlier for picture in pictures):
            sentences.append(words["earlier_note"])
        return " ".join(sentences)

    def _evaluation_notes(self, rows: list[Row]) -> Iterator[str]:
        overlap = rows[0]["calendar_overlap"]
        if overlap is not None and overlap < MATCHING_SEASONS:
            yield self.texts["seasons_differ"].format(share=self.formats.value(overlap, "ratio"))
        control = next((row["control_segment"] for row in rows if row["control_segment"]), None)
        if control:
            dimension, _, member = control.partition("=")
            yield self.texts["controlled"].format(control=f"{self.labels.dimension(dimension)} {member}")

    def _usual_change(self, row: Row) -> str:
        if row["usual_change"] is None or row["earlier_comparisons"] < FEWEST_EARLIER_COMPARISONS:
            return ""
        relative = row["relative_change"] and row["difference"] and row["relative_change"] / row["difference"]
        change = self.formats.change(
            row["usual_change"],
            abs(relative) * row["usual_change"] if relative else None,
            self.labels.unit(row["kpi_id"]),
        )
        return self.texts["usual_change_of"].format(
            change=change.removeprefix("+"), count=row["earlier_comparisons"]
        )

    def _mix(self, row: Row) -> str:
        """What a shift between segments did to a claimed change, where that is a good part; else empty."""
        effect = row["mix_effect"]
        is_claimed = (row["verdict"] or "").removeprefix("probably ") in _VERDICT_SIGNS
        if not is_claimed or effect is None or abs(effect) < _NOTABLE_MIX * abs(row["difference"]):
            return ""
        change = self.formats.change(effect, None, self.labels.unit(row["kpi_id"]))
        return self.texts["mix"].format(dimension=self.labels.dimension(row["mix_by"]), change=change)

    def _comparison(self, row: Row) -> Comparison:
        unit = self.labels.unit(row["kpi_id"])
        return Comparison(
            kpi_id=row["kpi_id"],
            label=self.labels.kpi(row["kpi_id"]),
            before_text=self.formats.value(row["baseline_value"], unit),
            after_text=self.formats.value(row["current_value"], unit),
            before_interval=self.formats.interval(
                row["baseline_interval_low"], row["baseline_interval_high"], unit
            ),
            after_interval=self.formats.interval(
                row["current_interval_low"], row["current_interval_high"], unit
            ),
            difference=self.formats.change(row["difference"], row["relative_change"], unit),
            mix=self._mix(row),
            usual_change=self._usual_change(row),
            p_text=self.formats.p_value(row["p_value_adjusted"]),
            verdict=row["verdict"],
            tone=_VERDICT_SIGNS.get(row["verdict"] or "", "none"),
            drawing=draw_dot_pair(row),
            row=row,
        )

    def _missing(self, row: Row) -> Missing:
        needs = row["missing_columns"] or ""
        tables = sorted(set(re.findall(r"(\w+)\.\w+", needs)))
        return Missing(
            label=row[f"label_{self.formats.locale}"],
            area=self.texts["areas"][row["area"]],
            needs=needs.replace(" or ", f" {self.texts['or']} ") if tables else "",
            reason=self.texts["missing_too_short" if "too short" in needs else "missing_nothing_happened"],
            tables=tuple(tables),
            kpi_id=row["kpi_id"],
        )

    def _late(self, shown: set[str]) -> tuple[Late, ...]:
        def limits(column: str) -> Iterator[Late]:
            known = [row for kpi_id, row in self.kpis.items() if kpi_id in shown and row[column]]
            for (day,), rows in sorted(group(known, column).items()):
                yield Late(
                    day=day,
                    limit=column,
                    text=self.texts[column].format(
                        day=self.formats.day(day),
                        kpis=", ".join(self.labels.kpi(row["kpi_id"]) for row in rows),
                    ),
                    labels=tuple(self.labels.kpi(row["kpi_id"]) for row in rows),
                    kpi_ids=tuple(row["kpi_id"] for row in rows),
                )

        return (*limits("known_from"), *limits("known_until"), *limits("begun_until"))


def _headlines(cards: list[Card], grain: str, verdict: str) -> tuple[Headline, ...]:
    """The KPIs that moved, the surest first; each once, by the surer of its comparisons."""
    found = []
    for card in cards:
        view = card.views.get(grain)
        change = _surest(view, verdict) if view else None
        if view and change:
            found.append(Headline(card, view, change, _surest(view, _OPPOSITES[verdict])))
    return tuple(sorted(found, key=lambda headline: _p_value(headline.change)))


def _surest(view: View, verdict: str) -> Change | None:
    """Of the changes with a verdict the one that chance explains least."""
    # How it stands against the baseline is the evaluation's to tell.
    changes = [
        change for change in view.changes if change.verdict == verdict and change.comparison != "baseline"
    ]
    return min(changes, key=_p_value, default=None)


def _p_value(change: Change) -> float:
    return 1.0 if change.row["p_value"] is None else change.row["p_value"]


def _two_digits(value: float) -> float:
    """The value as people say it: 608.6 is 610, and 2.04 is 2."""
    return float(f"{value:.2g}")
