"""The KPIs of kpis.sql in polars, from the same files."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl

FIRST, END = datetime(1970, 1, 1), datetime(2100, 1, 1)
EVENTS = ("sent", "delivered", "opened", "clicked", "replied", "bounced", "unsubscribed", "complained")
DELIVERED = ("delivered", "opened", "clicked", "replied", "unsubscribed", "complained")
OPENED = ("opened", "clicked", "replied")
GRAINS = {"month": "1mo", "quarter": "1q", "year": "1y"}
CELL = ["kpi_id", "day", "segment_by", "segment"]


def compute(raw_dir: Path, as_of: date) -> pl.DataFrame:
    """Compute eight KPIs by month, quarter and year, for the total and by one segment dimension.

    Args:
        raw_dir: Raw tables as Parquet files with native types.
        as_of: The last day that counts.

    Returns:
        kpi_id, period_grain, period_start, segment_by, segment and kpi_value (a share, or a count).
    """
    by_day = pl.concat(
        [
            *_deals(raw_dir, as_of),
            _leads(raw_dir, as_of),
            *_emails(raw_dir, as_of),
            _tickets(raw_dir),
            _satisfaction(raw_dir),
        ]
    )
    known = by_day.filter(pl.col("day") <= as_of)
    cells = pl.concat(
        [
            known.filter(pl.col("segment_by") != "none"),
            known.with_columns(pl.lit("all").alias("segment_by"), pl.lit("all").alias("segment")),
        ]
    )
    return pl.concat(_periods(cells, grain) for grain in GRAINS).collect(engine="streaming")


def _periods(cells: pl.LazyFrame, grain: str) -> pl.LazyFrame:
    key = ["kpi_id", "period_grain", "period_start", "segment_by", "segment"]
    return (
        cells.with_columns(
            pl.lit(grain).alias("period_grain"),
            pl.col("day").dt.truncate(GRAINS[grain]).alias("period_start"),
        )
        .group_by(key)
        .agg(pl.col("numerator").sum().cast(pl.Float64), pl.col("denominator").sum().cast(pl.Float64))
        .select(
            *key,
            pl.when(pl.col("kpi_id") == "tickets_created")
            .then(pl.col("numerator"))
            .when(pl.col("denominator") != 0)
            .then(pl.col("numerator") / pl.col("denominator"))
            .alias("kpi_value"),
        )
    )


def _read(raw_dir: Path, table: str) -> pl.LazyFrame:
    frame = pl.scan_parquet(raw_dir / f"{table}.parquet", row_index_name="line")
    return frame.with_columns(pl.col(pl.String).str.strip_chars(" "))


def _is_given(column: str) -> pl.Expr:
    return pl.col(column).fill_null("") != ""


def _is_possible(column: str) -> pl.Expr:
    return (pl.col(column) >= FIRST) & (pl.col(column) < END)


def _latest(frame: pl.LazyFrame, key: str, *, by_update: bool) -> pl.LazyFrame:
    """Of the rows of one key the latest: by updated_at, then by its place in the file."""
    order = []
    if by_update:
        frame = frame.with_columns(pl.when(_is_possible("updated_at")).then(pl.col("updated_at")))
        order = ["updated_at"]
    return frame.sort([*order, "line"], nulls_last=False).unique(key, keep="last", maintain_order=False)


def _segment(column: str) -> pl.Expr:
    return pl.when(_is_given(column)).then(pl.col(column)).otherwise(pl.lit("(none)"))


def _count(
    frame: pl.LazyFrame, kpi_id: str, segment_by: str, numerator: pl.Expr, denominator: pl.Expr
) -> pl.LazyFrame:
    """Numerator and denominator by day and segment; the frame has the columns day and segment."""
    return (
        frame.group_by("day", "segment")
        .agg(
            numerator.sum().cast(pl.Int64).alias("numerator"),
            denominator.sum().cast(pl.Int64).alias("denominator"),
        )
        .select(
            pl.lit(kpi_id).alias("kpi_id"),
            "day",
            pl.lit(segment_by).alias("segment_by"),
            "segment",
            "numerator",
            "denominator",
        )
    )


def _deals(raw_dir: Path, as_of: date) -> list[pl.LazyFrame]:
    status = pl.col("status").str.to_lowercase()
    valid = (
        _is_given("deal_id")
        & _is_possible("created_at")
        & status.is_in(["open", "won", "lost"])
        & ((status == "open") | _is_possible("closed_at"))
    )
    frame = _latest(_read(raw_dir, "deals").filter(valid), "deal_id", by_update=True).select(
        status.alias("status"),
        _segment("pipeline").alias("segment"),
        pl.when((status == "open") | (pl.col("created_at") <= pl.col("closed_at")))
        .then(pl.col("created_at").dt.date())
        .alias("created_on"),
        pl.col("closed_at").dt.date().alias("closed_on"),
    )
    is_won = pl.col("status") == "won"
    every = pl.col("status").is_not_null()
    created = frame.drop_nulls("created_on").rename({"created_on": "day"})
    closed = frame.filter(pl.col("status") != "open").rename({"closed_on": "day"})
    return [
        _count(created, "close_rate", "pipeline", is_won & (pl.col("closed_on") <= as_of), every),
        _count(closed, "win_rate", "pipeline", is_won, every),
    ]


def _leads(raw_dir: Path, as_of: date) -> pl.LazyFrame:
    converted = pl.col("converted_at")
    valid = (
        _is_given("lead_id")
        & _is_possible("created_at")
        & (converted.is_null() | _is_possible("converted_at"))
    )
    frame = _latest(_read(raw_dir, "leads").filter(valid), "lead_id", by_update=True).select(
        _segment("source").alias("segment"),
        pl.col("created_at").dt.date().alias("day"),
        (converted.dt.date() <= as_of).fill_null(value=False).alias("is_converted"),
    )
    return _count(
        frame, "lead_conversion_rate", "source", pl.col("is_converted"), pl.col("is_converted").is_not_null()
    )


def _emails(raw_dir: Path, as_of: date) -> list[pl.LazyFrame]:
    event = pl.col("event_type").str.to_lowercase()
    valid = _is_given("event_id") & _is_given("email_id") & _is_possible("occurred_at") & event.is_in(EVENTS)
    known = pl.col("occurred_at").dt.date() <= as_of
    emails = (
        _latest(_read(raw_dir, "email_events").filter(valid), "event_id", by_update=False)
        .filter(known)
        .with_columns(event)
        .group_by("email_id")
        .agg(
            pl.coalesce(
                pl.col("occurred_at").filter(pl.col("event_type") == "sent").min(),
                pl.col("occurred_at").min(),
            )
            .dt.date()
            .alias("day"),
            pl.col("event_type").is_in(DELIVERED).any().alias("is_delivered"),
            pl.col("event_type").is_in(OPENED).any().alias("is_opened"),
            (pl.col("event_type") == "clicked").any().alias("is_clicked"),
        )
        .with_columns(pl.lit("").alias("segment"))
    )
    delivered = pl.col("is_delivered")
    return [
        _count(emails, "email_delivery_rate", "none", delivered, delivered.is_not_null()),
        _count(emails, "email_open_rate", "none", pl.col("is_opened"), delivered),
        _count(emails, "email_click_rate", "none", pl.col("is_clicked"), delivered),
    ]


def _tickets(raw_dir: Path) -> pl.LazyFrame:
    resolved = pl.col("resolved_at")
    valid = (
        _is_given("ticket_id")
        & _is_possible("created_at")
        & (resolved.is_null() | _is_possible("resolved_at"))
    )
    frame = _latest(_read(raw_dir, "tickets").filter(valid), "ticket_id", by_update=True).select(
        _segment("priority").alias("segment"), pl.col("created_at").dt.date().alias("day")
    )
    every = pl.col("segment").is_not_null()
    return _count(
        frame.with_columns(every.alias("counts")),
        "tickets_created",
        "priority",
        pl.col("counts"),
        pl.col("counts"),
    )


def _satisfaction(raw_dir: Path) -> pl.LazyFrame:
    survey, nps = pl.col("survey_type").str.to_lowercase(), pl.col("survey_type").str.to_lowercase() == "nps"
    lowest = pl.coalesce("scale_min", pl.when(nps).then(0).otherwise(1)).cast(pl.Float64)
    highest = pl.coalesce("scale_max", pl.when(nps).then(10).when(survey == "ces").then(7).otherwise(5)).cast(
        pl.Float64
    )
    score = pl.col("score").cast(pl.Float64)
    valid = (
        _is_given("response_id")
        & survey.is_in(["nps", "csat", "ces", "employee"])
        & _is_possible("responded_at")
        & score.is_between(lowest, highest)
        & (lowest < highest)
        & (~nps | pl.col("scale_max").is_null() | (pl.col("scale_max") == 10))
    )
    frame = (
        _latest(_read(raw_dir, "survey_responses").filter(valid), "response_id", by_update=False)
        .filter(survey == "csat")
        .select(
            _segment("touchpoint").alias("segment"),
            pl.col("responded_at").dt.date().alias("day"),
            (4 * (score - lowest) >= 3 * (highest - lowest)).alias("is_satisfied"),
        )
    )
    satisfied = pl.col("is_satisfied")
    return _count(frame, "customer_satisfaction_score", "touchpoint", satisfied, satisfied.is_not_null())
