"""What to do next: the lists for the people of a company, from the marts of models/next_steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from crm_kpis.report.figures import UNKNOWN, Column
from crm_kpis.report.labels import Labels
from crm_kpis.report.marts import Marts, Row

# By whose members the lists can be narrowed, as far as a list has them.
_DIMENSIONS = (
    *("team", "owner", "product", "country", "source", "pipeline", "stage", "industry", "company_size"),
    "score_band",
)


@dataclass(frozen=True)
class StepList:
    """A list of what to look into.

    Attributes:
        anchor: Its id on the page.
        title: What it lists.
        summary: How much there is of it, in a few words.
        notes: What to know when reading it.
        columns: The columns of its table.
        rows: The cells: text, numbers, days (as text), or None.
        members: For each row the ids of its dimensions.
        dimensions: The dimensions that it can be narrowed by.
        needs_attention: Whether anything in it is out of the ordinary.
    """

    anchor: str
    title: str
    summary: str
    notes: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    members: tuple[dict[str, str], ...]
    dimensions: tuple[str, ...]
    needs_attention: bool


# What is said of a user.
_STATES = ("has_left", "is_overloaded")
_ORDINARY = "ordinary"
# Words of a list for what is in it, in place of its usual ones; `ordinary` is nothing to look at.
_OTHER_WORDS: dict[str, Callable[[Row], str | None]] = {
    "user_workload": lambda row: (
        None if row["found_overloaded"] else "left" if row["found_left"] else _ORDINARY
    ),
    "lead_priorities": lambda row: _ORDINARY if row["learnt_won_leads"] == 0 else None,
}
# The columns of a list with their units; those without one are text.
_Units = dict[str, str | None]
_ALERTS: _Units = {
    **dict.fromkeys(("urgency", "subject", "account", "owner", "since_on")),
    "amount": "currency",
    "reasons": None,
}
_FORECAST: _Units = {
    **dict.fromkeys(("month", "whose")),
    **dict.fromkeys(
        (
            *("won_revenue", "forecast_revenue", "expected_revenue", "expected_revenue_low"),
            *("expected_revenue_high", "quota"),
        ),
        "currency",
    ),
    "quota_attainment": "ratio",
    "pipeline_coverage": "multiple",
}
_STALLED_DEALS: _Units = {
    **dict.fromkeys(("deal_id", "account", "owner", "stage")),
    "amount": "currency",
    **dict.fromkeys(("stage_days", "usual_stage_days", "overdue_days"), "count"),
    "reasons": None,
}
_LEADS: _Units = {
    "rank": "count",
    **dict.fromkeys(("lead_id", "owner", "source")),
    "win_chance": "ratio",
    **dict.fromkeys(("age_days", "days_without_move"), "count"),
    "reasons": None,
}
_CUSTOMERS: _Units = {
    **dict.fromkeys(("account", "owner", "value_group", "risk_group")),
    **dict.fromkeys(("yearly_amount", "revenue_at_risk_365_days"), "currency"),
    "next_purchase_due_on": None,
    "purchase_chance_90_days": "ratio",
    "renewal_on": None,
    "open_tickets": "count",
    "last_satisfaction": "score",
    "reasons": None,
}
_WORKLOAD: _Units = {
    **dict.fromkeys(("owner", "team")),
    **dict.fromkeys(
        (
            *("open_deals", "stalled_deals", "open_leads", "open_tickets", "overdue_tickets", "tasks_due"),
            *("overdue_tasks", "work_items", "usual_work_items"),
        ),
        "count",
    ),
    "state": None,
}
_NEXT_PRODUCTS: _Units = {
    **dict.fromkeys(("account", "product")),
    "later_share": "ratio",
    **dict.fromkeys(("customers_later", "customers_who_could"), "count"),
    "reasons": None,
}


def read_next_steps(marts: Marts, labels: Labels) -> tuple[StepList, ...]:
    """The lists that hold anything.

    Args:
        marts: The published marts.
        labels: The names of the language.
    """
    return tuple(_Reader(marts, labels).read())


def _says_something(value: Any, unit: str | None) -> bool:
    return value not in (None, *UNKNOWN) and not (unit == "count" and value == 0)


class _Reader:
    def __init__(self, marts: Marts, labels: Labels) -> None:
        self.marts, self.labels = marts, labels
        self.texts, self.formats = labels.texts["next_steps"], labels.formats
        targets = marts.rows("targets", "kpi_target_status")
        self.targets = {row["target_id"]: row["target_name"] for row in targets}

    def read(self) -> Iterator[StepList]:
        lists: list[tuple[str, _Units, Callable[[list[Row]], Iterator[str]]]] = [
            ("alerts", _ALERTS, lambda _: iter(())),
            ("sales_forecast", _FORECAST, self._forecast_notes),
            ("stalled_deals", _STALLED_DEALS, self._stalled_notes),
            ("lead_priorities", _LEADS, self._lead_notes),
            ("customers_at_risk", _CUSTOMERS, lambda _: iter(())),
            ("user_workload", _WORKLOAD, self._workload_notes),
            ("next_products", _NEXT_PRODUCTS, lambda _: iter(())),
        ]
        for name, units, notes in lists:
            mart = "customer_outlook" if name == "customers_at_risk" else name
            rows = self.marts.rows(name, mart)
            if "account" in units:
                rows = [row | {"account": self.labels.account(row["account_id"])} for row in rows]
            if rows:
                yield self._list(name, units, rows, tuple(notes(rows)))

    def _list(self, name: str, units: _Units, rows: list[Row], notes: tuple[str, ...]) -> StepList:
        words = self.texts["lists"][name]
        other_words = _OTHER_WORDS.get(name, lambda _: None)(rows[0])
        if other_words:
            words = words | words[other_words]
        # A column that nobody has filled, or that counts nothing, is left out.
        units = {
            key: unit
            for key, unit in units.items()
            if any(_says_something(row.get(key, ""), unit) for row in rows)
        }
        dimensions = tuple(key for key in _DIMENSIONS if key in rows[0])
        found, amount = rows[0]["found"], rows[0].get("found_amount")
        summary = words["summary"] if amount is not None else words.get("without_amount", words["summary"])
        more = [self.texts["first"].format(count=self.formats.count(len(rows)))] if found > len(rows) else []
        return StepList(
            anchor=f"list-{name.replace('_', '-')}",
            title=words["title"],
            summary=summary.format(
                count=self.formats.count(found),
                amount=self.formats.value(amount, "currency"),
                urgent=self.formats.count(rows[0].get("found_urgent") or 0),
                new=self.formats.count(rows[0].get("found_new") or 0),
                overloaded=self.formats.count(rows[0].get("found_overloaded") or 0),
                left=self.formats.count(rows[0].get("found_left") or 0),
                month=self.formats.month(rows[0]["month"]) if "month" in rows[0] else "",
            ),
            notes=(words["note"], *notes, *more),
            columns=tuple(Column(key, self._column(key), unit) for key, unit in units.items()),
            rows=tuple(tuple(self._cell(key, units[key], row) for key in units) for row in rows),
            members=tuple({key: row[key] for key in dimensions} for row in rows),
            dimensions=dimensions,
            needs_attention=other_words != _ORDINARY,
        )

    def _column(self, key: str) -> str:
        return self.texts["columns"].get(key) or self.labels.heading(key)

    def _cell(self, key: str, unit: str | None, row: Row) -> Any:
        made: dict[str, Callable[[Row], Any]] = {
            "reasons": self._reasons,
            "state": lambda row: ", ".join(self.texts[word] for word in _STATES if row[word]),
            "subject": lambda row: self._subject(row["subject_type"], row["subject_id"]),
            "whose": self._whose,
            "month": lambda row: {"text": self.formats.period(row["month"]), "sort": row["month"]},
        }
        return made[key](row) if key in made else self._written(key, unit, row[key])

    def _written(self, key: str, unit: str | None, value: Any) -> Any:
        if value is None or isinstance(value, date):
            day = self.formats.short_day(value) if value else ""
            return {"text": day, "sort": value.isoformat() if value else ""}
        if unit:
            return float(value)
        if key in _DIMENSIONS:
            return self.labels.segment(key, value) if value != "(none)" else {"text": "", "sort": ""}
        return self.texts["words"].get(value, value)

    def _reasons(self, row: Row) -> str:
        """Why, in the words of the mart; days, months and the name of a target as the language has them."""
        reasons = self.formats.days_in(row[f"reasons_{self.formats.locale}"] or "")
        name = self.targets.get(row["subject_id"]) if row.get("subject_type") == "target" else None
        return reasons.replace(name, self.formats.name(name)) if name else reasons

    def _subject(self, kind: str, key: str) -> str:
        """What an alert is about: a KPI, a target or a customer by its name, all else by its key."""
        if kind == "target":
            name = self.formats.name(self.targets.get(key) or key)
        elif kind == "customer":
            name = self.labels.account(key)
        else:
            name = self.labels.kpi(key) if kind == "kpi" and key in self.labels.kpis else key
        return f"{self.texts['subjects'].get(kind, kind)} {name}"

    def _whose(self, row: Row) -> str:
        """Whose forecast it is."""
        for dimension in ("team", "owner"):
            if row[dimension] is not None:
                member = self.labels.segment(dimension, row[dimension])
                return f"{self.labels.heading(dimension)} {member}"
        return self.labels.texts["total"]

    def _forecast_notes(self, rows: list[Row]) -> Iterator[str]:
        if any(row["expected_revenue_low"] is not None for row in rows):
            yield self.texts["forecast_range"]

    def _stalled_notes(self, rows: list[Row]) -> Iterator[str]:
        if rows[0]["found_dormant"]:
            yield self.texts["dormant"].format(count=self.formats.count(rows[0]["found_dormant"]))
        traits = self.marts.rows("stalled_traits", "stalled_deal_traits")
        if traits:
            yield self.texts["traits"].format(
                traits="; ".join(
                    self.texts["trait"].format(
                        dimension=self.labels.dimension(row["segment_by"]),
                        segment=self.labels.segment(row["segment_by"], row["segment"]),
                        share=self.formats.value(row["stalled_share"], "ratio"),
                        rest=self.formats.value(row["rest_stalled_share"], "ratio"),
                    )
                    for row in traits
                )
            )

    def _lead_notes(self, rows: list[Row]) -> Iterator[str]:
        rankings = self.marts.rows("lead_backtest", "lead_priority_backtest")
        for row in sorted(rankings, key=lambda row: row["ranked_by"], reverse=True):
            text = {"win_chance": "backtest", "crm_score": "backtest_score"}.get(row["ranked_by"])
            if text and row["share_in_top_fifth"] is not None:
                yield self.texts[text].format(
                    share=self.formats.value(row["share_in_top_fifth"], "ratio"),
                    count=self.formats.count(row["won_leads"]),
                )
        won = rows[0]["learnt_won_leads"]
        if won is not None and 0 < won < _FEWEST_WINS:
            yield self.texts["few_wins"].format(count=self.formats.count(won))

    def _workload_notes(self, rows: list[Row]) -> Iterator[str]:
        if rows[0]["found_overloaded"] and rows[0]["found_left"]:
            yield self.texts["left"].format(count=self.formats.count(rows[0]["found_left"]))
        if rows[0]["found_unassigned"]:
            yield self.texts["unassigned"].format(count=self.formats.count(rows[0]["found_unassigned"]))


# As the description of lead_priorities says.
_FEWEST_WINS = 20
