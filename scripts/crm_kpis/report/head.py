"""The first screen: how complete the data are, and the headline numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crm_kpis.report.content import GRAINS, Card, Change, Content, View
from crm_kpis.report.drawing import Sparkline
from crm_kpis.report.formats import Formats
from crm_kpis.report.marts import Marts
from crm_kpis.report.texts import Texts

# Where the settings choose none. Each line is one headline number: the first of its KPIs that has a value.
HEADLINE_KPIS = (
    ("won_revenue", "revenue"),
    ("open_pipeline", "active_customers"),
    ("win_rate", "close_rate"),
    ("new_customers", "leads_created"),
    ("retention_rate", "churn_rate"),
    ("customer_satisfaction_score", "net_promoter_score"),
    ("resolution_hours", "first_response_hours"),
)
# Who exports tickets or orders alone has values for few of these lines: the first of these that have one
# fill up to five.
_MORE_KPIS = (
    *("service_level_rate", "first_contact_resolution_rate", "first_response_hours", "tickets_created"),
    *("average_purchase_value", "repeat_purchase_rate", "leads_created", "lead_conversion_rate"),
    *("cost_per_lead", "marketing_spend", "email_open_rate", "ad_click_rate", "website_conversion_rate"),
    *("net_promoter_score", "average_deal_size", "deals_won", "ticket_backlog", "ticket_reopen_rate"),
)
_FEWEST_TILES = 5
# Managers do not read a list of twenty raw tables.
_MOST_NAMED = 5
_LINE_GRAIN = "month"


@dataclass(frozen=True)
class DataState:
    """How complete the raw data are: one sentence each; a sentence that says nothing is empty.

    Attributes:
        rows: How many rows were read, and how many of them were rejected.
        reason: The most frequent reason.
        missing: Which raw tables had no rows.
        warnings: What the checks warned of.
    """

    rows: str
    reason: str
    missing: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """A headline number: a KPI in each grain, over the line of its last 13 months."""

    card: Card
    line: Sparkline | None

    def year_before(self, view: View) -> Change | None:
        """The change of a view of the card against a year before; None: there is none."""
        return next((change for change in view.changes if change.comparison == "year before"), None)


@dataclass(frozen=True)
class Head:
    """What the first screen shows beside the content.

    Attributes:
        company: The name of the company; None where its settings give none.
        logo: Its logo as a data URI; None where its settings give none.
        state: How complete the data are; None where the published file does not say.
        tiles: The headline numbers.
        summaries: For each grain what changed in its last complete period.
    """

    company: str | None
    logo: str | None
    state: DataState | None
    tiles: tuple[Tile, ...]
    summaries: dict[str, str]


def read_head(marts: Marts, content: Content, texts: Texts, formats: Formats) -> Head:
    """Read what the first screen shows.

    Args:
        marts: The published marts.
        content: What the report says below.
        texts: The texts of the language.
        formats: The formats of the language.
    """
    cards = [card for area in content.cards.values() for card in area]
    latest = {
        grain: max(views, key=lambda view: view.row["period_start"]).period
        for grain in GRAINS
        if (
            views := [
                view
                for card in cards
                if (view := card.views.get(grain)) and view.is_latest and view.row["is_complete"]
            ]
        )
    }
    chosen = [(kpi_id,) for kpi_id in marts.settings["headline_kpis"].split("|") if kpi_id]
    return Head(
        company=marts.settings["company_name"],
        logo=marts.settings["company_logo"],
        state=_read_state(marts, texts, formats),
        tiles=_make_tiles(_choose(cards, chosen) if chosen else _choose_usual(cards)),
        summaries={grain: _summarize(content, grain, latest.get(grain), texts, formats) for grain in GRAINS},
    )


# What a verdict says that rests on data.
_JUDGED = frozenset(
    (
        *("improved", "worsened", "probably improved", "probably worsened", "as it was already doing"),
        *("within usual changes", "no evidence of change"),
    )
)


def _summarize(content: Content, grain: str, period: str | None, texts: Texts, formats: Formats) -> str:
    """How many KPIs changed, against what; or that this is not known."""
    if period is None:
        return str(texts["nothing_complete"])
    views = [view for cards in content.cards.values() for card in cards if (view := card.views.get(grain))]
    judged = {change.comparison for view in views for change in view.changes if change.verdict in _JUDGED}
    against = [
        texts["compared"][comparison][grain]
        for comparison in ("period before", "year before")
        if comparison in judged
    ]
    if not against:
        return str(texts["not_compared"].format(period=period))
    improved, worsened = len(content.improved[grain]), len(content.worsened[grain])
    word = "or" if improved or worsened else "and"
    return str(texts["changed" if improved or worsened else "nothing_changed"]).format(
        period=period,
        against=texts["compared"][word].format(one=against[0], other=against[1])
        if len(against) > 1
        else against[0],
        improved=formats.counted(improved, texts["kpis_counted"]),
        worsened=formats.count(worsened),
    )


def _read_state(marts: Marts, texts: Texts, formats: Formats) -> DataState | None:
    rows = marts.rows("data_state", "runs", "raw_row_counts", "rejected_records")
    if not rows:
        return None
    row, words = rows[0], texts["data_state"]
    tables = words["one_table" if row["tables_read"] == 1 else "tables"]
    share = row["rows_rejected"] / row["rows_read"] if row["rows_read"] else 0.0
    place = ".".join(part for part in (row["worst_table"], row["worst_column"]) if part)
    return DataState(
        rows=words["rows" if row["rows_rejected"] else "no_rejections"].format(
            read=formats.count(row["rows_read"]),
            tables=tables.format(count=formats.count(row["tables_read"])),
            rejected=formats.count(row["rows_rejected"]),
            share=formats.value(share, "ratio"),
        ),
        reason=words["reason"].format(
            rows=formats.counted(row["worst_rejected"], words["rows_counted"]),
            place=place,
            reason=texts["reasons"].get(row["worst_reason"], row["worst_reason"]),
        )
        if row["worst_reason"]
        else "",
        missing=words["many_missing" if row["missing_count"] > _MOST_NAMED else "missing"].format(
            tables=row["tables_missing"], count=formats.count(row["missing_count"])
        )
        if row["missing_count"]
        else "",
        warnings=tuple((row.get(words["warnings_column"]) or row["warnings"] or "").splitlines()),
    )


def _choose(cards: Iterable[Card], lines: Iterable[tuple[str, ...]]) -> list[Card]:
    by_id = {card.kpi_id: card for card in cards}
    chosen = (next((by_id[kpi] for kpi in kpis if kpi in by_id), None) for kpis in lines)
    return [card for card in chosen if card]


def _choose_usual(cards: list[Card]) -> list[Card]:
    chosen = _choose(cards, HEADLINE_KPIS)
    more = [card for card in _choose(cards, ((kpi,) for kpi in _MORE_KPIS)) if card not in chosen]
    return chosen + more[: max(_FEWEST_TILES - len(chosen), 0)]


def _make_tiles(cards: Iterable[Card]) -> tuple[Tile, ...]:
    return tuple(
        Tile(card, card.views[_LINE_GRAIN].sparkline if _LINE_GRAIN in card.views else None) for card in cards
    )
