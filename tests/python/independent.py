"""A second computation of every KPI, from the words of the KPI catalogue and of the raw contract.

It reads the raw CSV files with polars and shares no line with the project's SQL, so that a mistake would
have to be made twice to pass. Of the project it reads data: the types, keys and accepted values of the
raw contract, and the settings.

Each family of KPIs is a function that yields one frame a KPI, with a row for each period and segment.
Periods are months, years and 'all'. A row counts in a period because its day lies in it (`during`),
because it stands at the end of it (`at_end`), or because its day is one of the 365 that end with it
(`year_before_end`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property, reduce
from itertools import pairwise
from pathlib import Path

import polars as pl
import yaml

NONE, UNKNOWN = "(none)", "(unknown)"
CELL = ["period_grain", "period_start", "segment_by", "segment"]
PERIOD = ["period_grain", "period_start", "first_day", "last_day"]
CHURN_AFTER_DAYS = 365
STALLED_AFTER_DAYS = 30
MAX_LIFESPAN_YEARS = 10
GROSS_MARGIN = 1
FAR = date(2200, 1, 1)

# Rows that contradict themselves are rejected: the reasons of the contract, over the typed columns.
_c = pl.col
_NPS = _c("survey_type") == "nps"
_SCALE_MIN = pl.coalesce("scale_min", pl.when(_NPS).then(0.0).otherwise(1.0))
_SCALE_MAX = pl.coalesce(
    "scale_max", pl.when(_NPS).then(10.0).when(_c("survey_type") == "ces").then(7.0).otherwise(5.0)
)
_CLOSED = _c("status").is_in(["won", "lost"])
_IS_CREDIT_NOTE = (_c("amount") < 0).fill_null(value=False)
ROW_CHECKS: dict[str, list[pl.Expr]] = {
    "deals": [_CLOSED & _c("closed_at").is_null()],
    "subscriptions": [_c("ended_on") < _c("started_on")],
    "survey_responses": [
        _NPS & (_c("scale_max") != 10),
        _SCALE_MAX <= _SCALE_MIN,
        (_c("score") < _SCALE_MIN) | (_c("score") > _SCALE_MAX),
    ],
    "exchange_rates": [_c("rate") <= 0],
}
# Values that contradict others become NULL.
VALUE_CHECKS: dict[str, dict[str, pl.Expr]] = {
    "users": {"left_on": _c("left_on") < _c("hired_on")},
    "leads": {
        "qualified_at": _c("qualified_at").dt.date() < _c("created_at").dt.date(),
        "converted_at": _c("converted_at").dt.date() < _c("created_at").dt.date(),
        "disqualified_at": _c("disqualified_at").dt.date() < _c("created_at").dt.date(),
        "first_touch_at": _c("first_touch_at").dt.date() > _c("created_at").dt.date(),
    },
    "deals": {
        "closed_at": (_c("status") == "open") & _c("closed_at").dt.date().ne_missing(_c("expected_close_on")),
        "created_at": _CLOSED & (_c("created_at").dt.date() > _c("closed_at").dt.date()),
    },
    "deal_stages": {"exited_at": _c("exited_at") < _c("entered_at")},
    "tickets": {
        "first_responded_at": _c("first_responded_at") < _c("created_at"),
        "resolved_at": _c("resolved_at") < _c("created_at"),
    },
}
# What happened at an impossible time happened, on a day that nobody knows.
HAPPENED = {"leads": ("qualified_at", "converted_at"), "tickets": ("resolved_at",)}
# Days on which nothing need have happened: what is planned, and what only describes the record.
PLANNED = {
    "expected_close_on",
    "due_at",
    "ended_on",
    "hired_on",
    "left_on",
    "valid_from",
    "updated_at",
    "campaigns.started_on",
}


# ---- raw tables --------------------------------------------------------------------------------------------


def read_contract(path: Path) -> dict[str, dict]:
    """The tables of the raw contract by name."""
    source = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"][0]
    return {table["name"]: table for table in source["tables"]}


def _meta(node: dict) -> dict:
    return node.get("config", {}).get("meta", {})


def _typed(column: dict) -> pl.Expr:
    """A column of text as what the contract says it is; NULL where it is not."""
    name, kind, accepted = column["name"], column["data_type"], _meta(column).get("values")
    text = _c(name).str.strip_chars(" ")
    text = pl.when(text != "").then(text)
    if kind == "text":
        lower = text.str.to_lowercase()
        return (pl.when(lower.is_in(accepted)).then(lower) if accepted else text).alias(name)
    if kind in ("decimal", "integer"):
        number = (
            pl.when(text.str.contains(r"^[+-]?(\d+\.?\d*|\.\d+)$")).then(text).cast(pl.Float64, strict=False)
        )
        return (number if kind == "decimal" else pl.when(number == number.round()).then(number)).alias(name)
    if kind == "boolean":
        lower = text.str.to_lowercase()
        true, false = lower.is_in(["true", "t", "yes", "1"]), lower.is_in(["false", "f", "no", "0"])
        return pl.when(true).then(True).when(false).then(False).alias(name)
    if kind == "date":
        day = text.str.to_date("%Y-%m-%d", strict=False)
    else:
        offset = text.str.replace(r"Z$", "+00:00")
        offset = pl.when(offset.str.contains(r"[+-]\d\d:?\d\d$")).then(offset).otherwise(offset + "+00:00")
        utc = offset.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", time_zone="UTC", strict=False)
        day = utc.dt.replace_time_zone(None)
    return pl.when(day.dt.year().is_between(1970, 2099)).then(day).alias(name)


def read_table(directory: Path, table: dict) -> pl.DataFrame:
    """The valid rows of a raw table, typed; of two rows with one key the later one."""
    name, meta = table["name"], _meta(table)
    raw = pl.read_csv(directory / f"{name}.csv", infer_schema=False)
    typed = raw.select(_typed(column) for column in table["columns"])
    typed = typed.with_columns(
        _c(column).is_not_null().alias(f"has_{column}") for column in HAPPENED.get(name, ())
    )
    readable = typed
    typed = typed.with_columns(
        pl.when(~contradicts.fill_null(value=False)).then(column).alias(column)
        for column, contradicts in VALUE_CHECKS.get(name, {}).items()
    )
    rejected = [
        pl.lit(readable[column["name"]].is_null())
        for column in table["columns"]
        if _meta(column).get("required")
    ]
    rejected += ROW_CHECKS.get(name, [])
    for column in table["columns"]:
        if _meta(column).get("rejects_row"):
            given = raw[column["name"]].str.strip_chars(" ").fill_null("") != ""
            rejected.append(pl.lit(given & readable[column["name"]].is_null()))
    typed = typed.filter(~pl.any_horizontal(check.fill_null(value=False) for check in rejected))
    order = [meta["latest_by"], "line"] if meta.get("latest_by") else ["line"]
    return (
        typed.with_row_index("line")
        .sort(order, nulls_last=False)
        .unique(meta["key"], keep="last", maintain_order=True)
        .sort("line")
        .drop("line")
    )


def in_reporting_currency(frame: pl.DataFrame, rates: pl.DataFrame, amount: str, day: str) -> pl.DataFrame:
    """The frame with its amount in euro to four digits, at the rate valid on the day; NULL without one."""
    foreign = rates.with_columns(_c("currency").str.to_uppercase()).filter(_c("currency") != "EUR")
    frame = (
        frame.with_columns(
            _c("currency").str.to_uppercase().fill_null("EUR").alias("_currency"), _c(day).alias("_day")
        )
        .with_row_index("_row")
        .sort("_day")
        .join_asof(
            foreign.select("rate", valid_from="valid_from", _currency="currency").sort("valid_from"),
            left_on="_day",
            right_on="valid_from",
            by="_currency",
            check_sortedness=False,
        )
        .sort("_row")
    )
    rate = pl.when(_c("_currency") == "EUR").then(1.0).otherwise(_c("rate"))
    # Whole numbers: a product of two doubles may fall on the other side of a half.
    units = (_c(amount) * 1e4).round().cast(pl.Int128) * (rate * 1e8).round().cast(pl.Int128)
    half_up = (units.abs() + 50_000_000) // 100_000_000 * units.sign()
    return frame.with_columns((half_up.cast(pl.Float64) / 1e4).alias(amount)).drop(
        "_currency", "_day", "_row", "rate", "valid_from"
    )


def days(start: str | pl.Expr, end: str | pl.Expr) -> pl.Expr:
    """Whole calendar days between two days."""
    start, end = (_c(day) if isinstance(day, str) else day for day in (start, end))
    return (end.cast(pl.Date) - start.cast(pl.Date)).dt.total_days()


def look_up(
    frame: pl.DataFrame, key: str, other: pl.DataFrame, other_key: str, **columns: str
) -> pl.DataFrame:
    """Add columns of the row that a key names: (none) without a key or value, (unknown) if it names none."""
    wanted = other.select(
        _c(other_key).alias(key), *(_c(old).alias(new) for new, old in columns.items()), _found=True
    )
    joined = frame.drop(columns, strict=False).join(wanted, on=key, how="left")
    missing = (
        pl.when(_c(key).is_not_null() & _c("_found").is_null()).then(pl.lit(UNKNOWN)).otherwise(pl.lit(NONE))
    )
    return joined.with_columns(_c(new).fill_null(missing) for new in columns).drop("_found")


def named(frame: pl.DataFrame, key: str, other: pl.DataFrame, other_key: str, name: str) -> pl.DataFrame:
    """Add the key itself as a segment."""
    return look_up(
        frame, key, other.with_columns(_c(other_key).alias("_itself")), other_key, **{name: "_itself"}
    )


def plain(*columns: str) -> list[pl.Expr]:
    """Columns as segments."""
    return [_c(column).fill_null(NONE) for column in columns]


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


class Sample:
    """The raw tables, and things made of them that several KPIs read."""

    def __init__(self, directory: Path, project: Path) -> None:
        self._contract = read_contract(project / "models" / "staging" / "_sources.yml")
        self._tables = {name: read_table(directory, table) for name, table in self._contract.items()}
        self._settings = directory / "settings"
        self._seeds = project / "seeds"

    def seed(self, name: str) -> pl.DataFrame:
        """A seed of the project, as text."""
        return pl.read_csv(self._seeds / f"{name}.csv", infer_schema=False)

    def settings(self, name: str) -> pl.DataFrame:
        """A table of the settings beside the raw tables, as text."""
        return pl.read_csv(self._settings / f"{name}.csv", infer_schema=False)

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self._tables[table]

    @cached_property
    def event_days(self) -> tuple[date, date]:
        """The first and the latest day on which anything happened."""
        days_of_columns = [
            self[table][column["name"]].cast(pl.Date)
            for table, entry in self._contract.items()
            for column in entry["columns"]
            if column["data_type"] in ("date", "timestamp")
            and column["name"] not in PLANNED
            and f"{table}.{column['name']}" not in PLANNED
        ]
        return min(d.min() for d in days_of_columns if len(d)), max(
            d.max() for d in days_of_columns if len(d)
        )

    @property
    def as_of(self) -> date:
        return self.event_days[1]

    # ---- from when to when the records tell a KPI ----

    @cached_property
    def catalogue(self) -> dict[str, dict[str, str]]:
        """The rows of the catalogue by KPI."""
        return {row["kpi_id"]: row for row in self.seed("kpi_catalogue").iter_rows(named=True)}

    def _input_days(self, table: str, column: str, value: str | None) -> tuple[int, list[date]]:
        """How many rows have a value of the contract, and the days on which they do, up to as_of."""
        entry = self._contract[table]
        (described,) = (c for c in entry["columns"] if c["name"] == column)
        dated_by = _meta(described).get("dated_by") or _meta(entry).get("dated_by")
        rows = self[table].filter(_c(column) == value if value else _c(column).is_not_null())
        if not dated_by:
            return len(rows), []
        moments = re.findall(r"[a-z_]+", dated_by.removeprefix("coalesce"))
        found = rows.select(pl.coalesce(_c(moment).cast(pl.Date) for moment in moments).alias("day"))["day"]
        found = sorted(set(found.filter(found <= self.as_of)))
        if found and _meta(entry).get("booked_by") == "month":
            following = (found[-1].replace(day=1) + timedelta(days=31)).replace(day=1)
            found = [found[0].replace(day=1), *found, min(following - timedelta(days=1), self.as_of)]
        return len(rows), found

    @cached_property
    def spans(self) -> dict[str, tuple[date, date]]:
        """The first and the last day of which the records tell a KPI, by its id."""
        wanted: dict[str, dict[str, list[dict]]] = {}
        # Files of settings have no days.
        for row in self.seed("measure_inputs").filter(_c("raw_table") != "settings").iter_rows(named=True):
            wanted.setdefault(row["measure"], {}).setdefault(row["input_number"], []).append(row)
        spans = {}
        for kpi_id, entry in self.catalogue.items():
            inputs = []
            for measure in (entry["numerator"], entry["denominator"]):
                for choices in wanted.get(measure, {}).values():
                    found = [
                        self._input_days(c["raw_table"], c["raw_column"], c["accepted_value"])[1]
                        for c in choices
                    ]
                    booked = all(_meta(self._contract[c["raw_table"]]).get("booked_by") for c in choices)
                    if any(found):
                        inputs.append((booked, [days_found for days_found in found if days_found]))
            if inputs:
                spans[kpi_id] = self._span(entry, inputs)
        return spans

    def _span(self, entry: dict[str, str], inputs: list[tuple[bool, list[list[date]]]]) -> tuple[date, date]:
        """A silence at an end that is longer than usual is where the records begin or end."""
        begin = min(found[0] for _, choices in inputs for found in choices)
        matures = int(entry["matures_in_days"] or 0)
        starts, ends = [], []
        for booked, choices in inputs:
            first, last = min(found[0] for found in choices), max(found[-1] for found in choices)
            silences = [
                max(((b - a).days for a, b in pairwise(found)), default=0)
                for found in choices
                if len(found) > 1
            ]
            mean = ((self.as_of - begin).days + 1) / max(len(found) for found in choices)
            usual = 0 if booked else matures + max(7, min(silences, default=0), int(5 * mean))
            starts.append(first if (first - begin).days > usual else begin)
            ends.append(last if (self.as_of - last).days > usual else self.as_of)
        start = max(starts)
        # How much was closed, or is open, is as true of the records as it can be.
        if entry["aggregation"] == "total" and entry["look_back"] in (
            "creation",
            "closing",
            "open deals",
            "open tickets",
            "first purchase",
        ):
            return start, min(ends)
        return max([start, *self._looked_back(entry["look_back"], start)]), min(ends)

    def _looked_back(self, look_back: str, start: date) -> Iterator[date]:
        """From when on there are records enough to look back."""
        year, churn = timedelta(days=365), timedelta(days=CHURN_AFTER_DAYS)
        if "year" in look_back:
            yield start + year
        if look_back == "stalled":
            yield start + timedelta(days=STALLED_AFTER_DAYS)
        # The sample's customers subscribe, so no old one comes back as a new one: test_coverage has a shop.
        if "churn" in look_back or "first purchase" in look_back:
            subscribers = self["subscriptions"]["account_id"].implode()
            spells = self.active_spells
            others = spells.filter(~_c("account_id").is_in(subscribers))
            if len(others) > 0.05 * len(spells):
                yield others["first"].min() + churn + (year if "year" in look_back else timedelta())
        since, spent = {
            "sales cycle": lambda: self._spent(self.deals.filter("is_won"), "created", "touched", "closed"),
            "payment": lambda: self._spent(self.paid_deals, "created", "touched", "paid"),
            "closing": lambda: self._spent(self.deals, "begun", "created", "closed"),
            "open deals": lambda: self._spent(self.deals, "created", "created", "closed"),
            "stalled": lambda: self._spent(self.deals, "created", "created", "closed"),
            "stage": lambda: self._spent(self.visits, "entered_at", "entered_at", "left_at"),
            "resolution": lambda: self._ticket_days,
            "open tickets": lambda: self._ticket_days,
        }.get(look_back, lambda: (None, None))()
        if since is not None:
            value, frame = spent
            ninth = frame.select(value.drop_nulls().quantile(0.9, "linear")).item()
            yield _day(since) + timedelta(days=math.ceil(ninth))

    @cached_property
    def _ticket_days(self) -> tuple[date, tuple[pl.Expr, pl.DataFrame]]:
        return self.tickets["created_at"].min(), (_c("hours") / 24, self.tickets)

    def _spent(
        self, frame: pl.DataFrame, created: str, start: str, end: str
    ) -> tuple[date, tuple[pl.Expr, pl.DataFrame]]:
        everything = self.deals if created in ("created", "begun") else frame
        return everything[created].min(), (days(start, end), frame)

    @cached_property
    def active_spells(self) -> pl.DataFrame:
        """The spans in which accounts are active, those that touch put together."""
        spans = self.active_spans.filter(_c("end") > _c("first")).sort("account_id", "first", "end")
        reach = _c("end").cum_max().shift(1).over("account_id", order_by=["first", "end"])
        return spans.with_columns(reach=reach).filter(_c("reach").is_null() | (_c("reach") < _c("first")))

    @cached_property
    def paid_deals(self) -> pl.DataFrame:
        """Won deals that were paid, with the day of their first payment."""
        first_order = self.paid_orders.group_by("deal_id").agg(
            order_paid_at=pl.coalesce("paid_at", "ordered_at").min()
        )
        won = self.deals.filter("is_won").join(first_order, on="deal_id", how="left")
        return won.with_columns(paid=pl.coalesce("first_paid_at", "order_paid_at")).drop_nulls("paid")

    def periods_until(self, last: date) -> pl.DataFrame:
        """All, and months, quarters and years from the first event on."""
        first = self.event_days[0]
        rows = [("all", date(1970, 1, 1), last)]
        for grain, months in {"month": 1, "quarter": 3, "year": 12}.items():
            for number in range(first.year * 12 // months, (last.year + 1) * 12 // months):
                start, following = (divmod(n * months, 12) for n in (number, number + 1))
                end = date(following[0], following[1] + 1, 1) - timedelta(days=1)
                rows.append((grain, date(start[0], start[1] + 1, 1), end))
        frame = pl.DataFrame(rows, schema=["period_grain", "first_day", "last_day"], orient="row")
        frame = frame.filter((_c("first_day") <= last) & (_c("last_day") >= first))
        return frame.with_columns(period_start="first_day").select(PERIOD)

    @cached_property
    def periods(self) -> pl.DataFrame:
        """The periods up to as_of, which is the last day of the running ones."""
        return self.periods_until(self.as_of).with_columns(pl.min_horizontal("last_day", pl.lit(self.as_of)))

    # ---- which rows belong to a period ----

    def during(self, frame: pl.DataFrame, day: str, periods: pl.DataFrame | None = None) -> pl.DataFrame:
        """A row for each period that holds the day."""
        periods = self.periods if periods is None else periods
        crossed = frame.filter(_c(day).is_not_null()).join(periods, how="cross")
        return crossed.filter(_c(day).cast(pl.Date).is_between("first_day", "last_day"))

    def at_end(
        self, frame: pl.DataFrame, first: str, end: str, periods: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """A row for each period at whose end the thing stands: begun by then, and not ended by then."""
        crossed = frame.join(self.periods if periods is None else periods, how="cross")
        begun = _c(first).cast(pl.Date) <= _c("last_day")
        ended = (_c(end).cast(pl.Date) <= _c("last_day")).fill_null(value=False)
        return crossed.filter(begun & ~ended)

    def year_before_end(self, frame: pl.DataFrame, day: str) -> pl.DataFrame:
        """A row for each period that ends on the day or within 364 days after it."""
        crossed = frame.filter(_c(day).is_not_null()).join(self.periods, how="cross")
        return crossed.filter(days(day, "last_day").is_between(0, 364))

    # ---- things ----

    def _money(self, frame: pl.DataFrame, amount: str, day: str) -> pl.DataFrame:
        return in_reporting_currency(frame, self["exchange_rates"], amount, day)

    @cached_property
    def accounts(self) -> pl.DataFrame:
        """Accounts with their segments."""
        staff = _c("employee_count")
        size = (
            pl.when(staff < 10)
            .then(pl.lit("1-9"))
            .when(staff < 50)
            .then(pl.lit("10-49"))
            .when(staff < 250)
            .then(pl.lit("50-249"))
            .when(staff >= 250)
            .then(pl.lit("250+"))
        )
        return self["accounts"].with_columns(size.alias("company_size"))

    def with_account(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add industry, country and company_size of the account."""
        columns = {name: name for name in ("industry", "country", "company_size")}
        return look_up(frame, "account_id", self.accounts, "account_id", **columns)

    def with_user(self, frame: pl.DataFrame, key: str = "owner_id") -> pl.DataFrame:
        """Add owner and team of the user."""
        frame = named(frame, key, self["users"], "user_id", "owner")
        return look_up(frame, key, self["users"], "user_id", team="team")

    def with_campaign(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add campaign, and its channel as campaign_channel."""
        frame = named(frame, "campaign_id", self["campaigns"], "campaign_id", "campaign")
        return look_up(frame, "campaign_id", self["campaigns"], "campaign_id", campaign_channel="channel")

    @cached_property
    def leads(self) -> pl.DataFrame:
        """Leads with their segments."""
        score = _c("score")
        band = reduce(
            lambda chain, low: chain.when(score >= low).then(
                pl.lit(f"{low}-{low + 19 if low < 80 else 100}")
            ),
            (60, 40, 20, 0),
            pl.when(score >= 80).then(pl.lit("80-100")),
        )
        leads = self.with_user(self.with_campaign(self["leads"]))
        return leads.with_columns(
            band.fill_null(NONE).alias("score_band"), *plain("source", "industry", "country")
        ).rename({"campaign_channel": "channel"})

    @cached_property
    def deals(self) -> pl.DataFrame:
        """Deals with the day of the first touch, the amount in euro, and their segments."""
        naming = (
            self["leads"]
            .group_by("deal_id")
            .agg(_c("lead_id").min().alias("naming_lead"))
            .drop_nulls("deal_id")
        )
        sessions = self["web_sessions"].group_by("lead_id").agg(first_session=_c("started_at").min())
        leads = self["leads"].select(
            "lead_id",
            lead_created_at="created_at",
            lead_touched_at="first_touch_at",
            lead_campaign_id="campaign_id",
            lead_source="source",
        )
        touch = pl.coalesce("lead_touched_at", "lead_created_at", "first_session", "created_at")
        deals = (
            self["deals"]
            .join(naming, on="deal_id", how="left")
            .with_columns(pl.coalesce("lead_id", "naming_lead").alias("lead_id"))
            .join(leads, on="lead_id", how="left")
            .join(sessions, on="lead_id", how="left")
            .with_columns(
                created=_c("created_at").dt.date(),
                closed=_c("closed_at").dt.date(),
                begun=pl.min_horizontal("created_at", "closed_at").dt.date(),
                touched=pl.when(
                    _c("created_at").is_not_null() | (touch.dt.date() <= _c("closed_at").dt.date())
                ).then(pl.min_horizontal(touch, "created_at").dt.date()),
                is_won=_c("status") == "won",
                amount_day=pl.coalesce("closed_at", "created_at").dt.date(),
                campaign_id=pl.coalesce("campaign_id", "lead_campaign_id"),
            )
        )
        deals = self.with_user(self.with_account(self._money(deals, "amount", "amount_day")))
        deals = named(deals, "product_id", self["products"], "product_id", "product")
        return self.with_campaign(deals).with_columns(plain("pipeline", "deal_type", "source", "lost_reason"))

    @cached_property
    def visits(self) -> pl.DataFrame:
        """Visits of deals to stages; `left_at` is NULL while the deal is still there."""
        entries = self["deal_stages"].join(
            self.deals.select("deal_id", "closed_at", "is_won"), on="deal_id", how="left"
        )
        entries = entries.filter(~(_c("entered_at") >= _c("closed_at")).fill_null(value=False))
        entries = entries.sort("deal_id", "entered_at").with_columns(
            next_entered_at=_c("entered_at").shift(-1).over("deal_id"),
        )
        visits = entries.with_columns(left_at=pl.coalesce("exited_at", "next_entered_at", "closed_at"))
        columns = {name: name for name in ("pipeline", "owner", "source")}
        return look_up(visits, "deal_id", self.deals, "deal_id", **columns)

    @cached_property
    def tickets(self) -> pl.DataFrame:
        """Tickets with their resolution and segments."""
        events = self["ticket_events"].sort("occurred_at")
        reopened = events.filter(_c("event_type") == "reopened").group_by("ticket_id")
        resolved = events.filter(_c("event_type") == "resolved").group_by("ticket_id")
        tickets = (
            self["tickets"]
            .join(reopened.agg(last_reopened=_c("occurred_at").max()), on="ticket_id", how="left")
            .join(resolved.agg(last_resolved=_c("occurred_at").max()), on="ticket_id", how="left")
        )
        again = (_c("last_reopened") >= _c("last_resolved")).fill_null(value=False)
        by_event = pl.when(~again).then(_c("last_resolved"))
        tickets = tickets.with_columns(
            resolved=pl.coalesce("resolved_at", by_event),
            is_done=_c("status").str.to_lowercase().is_in(["resolved", "closed"]).fill_null(value=False)
            | _c("has_resolved_at"),
        )
        told = (
            self["ticket_events"]
            .join(tickets.select("ticket_id", "resolved", "created_at"), on="ticket_id")
            .group_by("ticket_id")
            .agg(
                messages=(
                    (_c("event_type") == "customer_message") & (_c("occurred_at") <= _c("resolved"))
                ).sum(),
                reopenings=(_c("event_type") == "reopened").sum(),
                answered_at=_c("occurred_at")
                .filter((_c("event_type") == "agent_message") & (_c("occurred_at") >= _c("created_at")))
                .min(),
            )
        )
        has_events = _c("messages").is_not_null()
        tickets = (
            tickets.join(told, on="ticket_id", how="left")
            .with_columns(
                hours=(_c("resolved") - _c("created_at")).dt.total_seconds() / 3600,
                answered=pl.coalesce("first_responded_at", "answered_at"),
                contacts=pl.when(has_events)
                .then(pl.max_horizontal("messages", 1))
                .otherwise(_c("contact_count")),
                reopened=pl.when(has_events).then(_c("reopenings")).otherwise(_c("reopen_count")) > 0,
            )
            .with_columns(plain("channel", "category", "priority"))
        )
        tickets = named(tickets, "product_id", self["products"], "product_id", "product")
        return self.with_user(tickets, "assignee_id")

    @cached_property
    def paid_orders(self) -> pl.DataFrame:
        """Orders that are paid; a credit note is none."""
        is_paid = _c("status").str.to_lowercase().fill_null("paid") == "paid"
        return self["orders"].filter(is_paid & ~_IS_CREDIT_NOTE)

    @cached_property
    def orders(self) -> pl.DataFrame:
        """Orders not cancelled or refunded, in euro, with the account's segments."""
        gone = _c("status").str.to_lowercase().is_in(["cancelled", "refunded"]).fill_null(value=False)
        orders = self["orders"].filter(~gone).with_columns(day=_c("ordered_at").dt.date())
        return self.with_account(self._money(orders, "amount", "day"))

    @cached_property
    def lines(self) -> pl.DataFrame:
        """Lines of these orders with what is theirs of the order's amount, as a share of it."""
        lines = named(self["order_items"], "product_id", self["products"], "product_id", "product")
        whole = _c("amount").sum().over("order_id")
        is_split = (whole != 0) & (2 * whole.abs() >= _c("amount").abs().sum().over("order_id"))
        share = pl.when(is_split).then(_c("amount").fill_null(0) / whole).otherwise(1.0)
        lines = lines.with_columns(share=share)
        return lines.join(self.orders.select("order_id", "day", order="amount"), on="order_id")

    @cached_property
    def purchases(self) -> pl.DataFrame:
        """Each purchase (paid order or won deal) of an account."""
        deals = self.deals.filter(_c("is_won") & _c("account_id").is_not_null())
        return pl.concat(
            [
                self.paid_orders.select("account_id", day=_c("ordered_at").dt.date()),
                deals.select("account_id", day="closed"),
            ]
        )

    @cached_property
    def first_purchases(self) -> pl.DataFrame:
        """Each customer with the day of its first purchase or subscription."""
        days_bought = [self.purchases, self.active_spans.select("account_id", day="first")]
        return self.with_account(pl.concat(days_bought).group_by("account_id").agg(_c("day").min()))

    @cached_property
    def active_spans(self) -> pl.DataFrame:
        """Spans of days, without the last, in which an account is an active customer; they may overlap."""
        subscriptions = self["subscriptions"].filter(_c("started_on") <= self.as_of)
        bought = self.purchases.join(subscriptions, on="account_id", how="anti")
        return pl.concat(
            [
                subscriptions.select("account_id", first="started_on", end=_c("ended_on").fill_null(FAR)),
                bought.select("account_id", first="day", end=_c("day") + timedelta(days=CHURN_AFTER_DAYS)),
            ]
        )

    @cached_property
    def customer_periods(self) -> pl.DataFrame:
        """The customers known by the end of each period, and when they were active."""
        spans = self.active_spans.join(self.periods, how="cross").filter(_c("first") <= _c("last_day"))

        def active(on: pl.Expr) -> pl.Expr:
            return ((_c("first") <= on) & (_c("end") > on)).any()

        periods = spans.group_by("account_id", *PERIOD).agg(
            at_start=active(_c("first_day") - timedelta(days=1)),
            at_end=active(_c("last_day")),
            year_before=active(_c("last_day") - timedelta(days=365)),
        )
        return self.with_account(periods)

    @cached_property
    def spend(self) -> pl.DataFrame:
        """Campaign days in euro."""
        spent = self._money(self["campaign_days"], "cost", "day")
        return self.with_campaign(spent).rename({"campaign_channel": "channel"})

    @cached_property
    def costs(self) -> pl.DataFrame:
        """Costs in euro."""
        return self._money(self["costs"], "amount", "incurred_on").with_columns(plain("cost_type"))

    @cached_property
    def acquiring(self) -> pl.DataFrame:
        """What it cost to win customers, and the day."""
        costs = self.costs.filter(_c("purpose") == "acquisition").select(day="incurred_on", cost="amount")
        return pl.concat([self.spend.select("day", "cost"), costs])

    @cached_property
    def keeping(self) -> pl.DataFrame:
        """What it cost to keep customers."""
        return self.costs.filter(_c("purpose") == "retention")

    @cached_property
    def visitors(self) -> pl.DataFrame:
        """Visitors with their first session, and whether the account or lead of any session is a customer."""
        customers = self.first_purchases["account_id"].implode()
        leads = self["leads"].select(
            "lead_id",
            lead_is_customer=_c("has_converted_at")
            | _c("account_id").is_in(customers).fill_null(value=False),
        )
        sessions = self["web_sessions"].join(leads, on="lead_id", how="left").sort("started_at", "session_id")
        is_customer = _c("account_id").is_in(customers).fill_null(value=False) | _c(
            "lead_is_customer"
        ).fill_null(value=False)
        visitors = sessions.group_by("visitor_id", maintain_order=True).agg(
            _c("started_at", "channel", "campaign_id").first(), is_customer=is_customer.any()
        )
        return self.with_campaign(visitors).with_columns(plain("channel"))

    @cached_property
    def mails(self) -> pl.DataFrame:
        """E-mails: when each was sent, and what happened to it."""
        has = {
            kind: (_c("event_type") == kind) for kind in ("sent", "delivered", "opened", "clicked", "replied")
        }
        has |= {kind: (_c("event_type") == kind) for kind in ("bounced", "unsubscribed")}
        # Where the events of an e-mail name several campaigns, one that is listed is the more credible.
        is_listed = _c("campaign_id").is_in(self["campaigns"]["campaign_id"].implode())
        mails = (
            self["email_events"]
            .sort(is_listed.fill_null(value=False), "occurred_at", descending=[True, False])
            .group_by("email_id", maintain_order=True)
            .agg(
                _c("campaign_id").drop_nulls().first(),
                sent_at=_c("occurred_at").filter(has["sent"]).min(),
                first_at=_c("occurred_at").min(),
                **{kind: event.any() for kind, event in has.items() if kind != "sent"},
            )
        )
        mails = mails.with_columns(pl.coalesce("sent_at", "first_at"))
        # Where no e-mail of a campaign and month is said to be delivered, only bounces can tell.
        told = _c("delivered").any().over("campaign_id", _c("sent_at").dt.truncate("1mo"))
        unless_bounced = pl.when(_c("bounced").any()).then(~_c("bounced"))
        return self.with_campaign(
            mails.with_columns(
                opened=_c("opened") | _c("clicked"),
                delivered=_c("opened")
                | _c("clicked")
                | pl.when(told).then(_c("delivered")).otherwise(unless_bounced),
                delivery_is_known=told | _c("bounced").any(),
            )
        ).with_columns(delivered=pl.when("delivery_is_known").then("delivered"))

    @cached_property
    def activities(self) -> pl.DataFrame:
        """Activities with owner and team."""
        by_hand = ~_c("is_automated").fill_null(value=False)
        return self.with_user(self["activities"].with_columns(by_hand=by_hand), "user_id")

    @cached_property
    def responses(self) -> pl.DataFrame:
        """Survey responses with their scale, and their segments."""
        tickets = self.tickets.select(
            *("ticket_id", "channel", "category", "product"),
            ticket_account="account_id",
            ticket_agent="assignee_id",
        )
        responses = self["survey_responses"].with_columns(
            *plain("touchpoint"), low=_SCALE_MIN, high=_SCALE_MAX
        )
        responses = look_up(
            *(responses, "ticket_id", tickets, "ticket_id"),
            **{name: name for name in ("channel", "category", "product")},
        )
        responses = responses.join(
            tickets.select("ticket_id", "ticket_account", "ticket_agent"), on="ticket_id", how="left"
        ).with_columns(
            account_id=pl.coalesce("account_id", "ticket_account"),
            user_id=pl.when(_c("survey_type") == "employee")
            .then(_c("user_id"))
            .otherwise(pl.coalesce("user_id", "ticket_agent")),
            satisfied=(_c("score") - _c("low")) * 4 >= (_c("high") - _c("low")) * 3,
            share=(_c("score") - _c("low")) / (_c("high") - _c("low")),
        )
        return self.with_user(self.with_account(responses), "user_id")

    def survey(self, kind: str) -> pl.DataFrame:
        return self.responses.filter(_c("survey_type") == kind)


# ---- from rows to KPIs -------------------------------------------------------------------------------------


def cells(rows: pl.DataFrame, by: str, **values: pl.Expr) -> pl.DataFrame:
    """Aggregates by period, in total and by each of the segments."""
    frames = []
    for segment_by in ["all", *by.split()]:
        segment = pl.lit("all") if segment_by == "all" else _c(segment_by)
        keyed = rows.with_columns(pl.lit(segment_by).alias("segment_by"), segment.alias("segment"))
        frames.append(keyed.group_by(CELL).agg(v.cast(pl.Float64).alias(name) for name, v in values.items()))
    return pl.concat(frames)


def both(*frames: pl.DataFrame) -> pl.DataFrame:
    """Cells of several facts side by side; 0 where a fact has none."""
    joined = reduce(lambda a, b: a.join(b, on=CELL, how="full", coalesce=True), frames)
    return joined.with_columns(pl.selectors.float().fill_null(0.0))


def kpi(
    sample: Sample, kpi_id: str, frame: pl.DataFrame, periods: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Rows of a KPI from cells with a numerator, and a denominator or none; or with the value alone.

    The total has a row in each period from its first one on.
    """
    total = frame.filter(_c("segment_by") == "all")
    first = total.group_by("period_grain").agg(first=_c("period_start").min())
    every = (
        (sample.periods if periods is None else periods)
        .join(first, on="period_grain")
        .filter(_c("period_start") >= _c("first"))
        .select("period_grain", "period_start", segment_by=pl.lit("all"), segment=pl.lit("all"))
        .join(total, on=CELL, how="left")
        .with_columns(_c("^(numerator|denominator)$").fill_null(0.0))
    )
    rows = pl.concat([every, frame.filter(_c("segment_by") != "all")])
    if "denominator" in rows.columns:
        value = pl.when(_c("denominator") != 0).then(_c("numerator") / _c("denominator"))
    else:
        value = _c("numerator" if "numerator" in rows.columns else "kpi_value")
    unknown = [name for name in ("numerator", "denominator") if name not in rows.columns]
    rows = rows.with_columns(kpi_value=value, kpi_id=pl.lit(kpi_id)).with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in unknown
    )
    rows = rows.select("kpi_id", *CELL, "numerator", "denominator", "kpi_value")
    return within_records(sample, kpi_id, rows, periods) if kpi_id else rows


def within_records(
    sample: Sample, kpi_id: str, rows: pl.DataFrame, periods: pl.DataFrame | None
) -> pl.DataFrame:
    """No values in the periods of which the records say nothing."""
    if kpi_id not in sample.spans:
        return rows
    first, last = sample.spans[kpi_id]
    known = sample.periods if periods is None else periods
    # What has not come yet is a forecast.
    at_end = sample.catalogue[kpi_id]["dated_by"] == "end of period"
    overlaps = (_c("last_day") >= first) & ((_c("last_day") if at_end else _c("first_day")) <= last)
    # Of a churn rate the customers at the beginning must be known; of 'all' they are not.
    if sample.catalogue[kpi_id]["dated_by"] == "period":
        overlaps &= _c("period_grain") != "all"
    outside = known.filter(~overlaps & (_c("first_day") <= sample.as_of))
    outside = outside.select("period_grain", "period_start", is_outside=True)
    hidden = rows.join(outside, on=["period_grain", "period_start"], how="left", maintain_order="left")
    return hidden.with_columns(
        pl.when(_c("is_outside").is_null()).then(_c(name)).alias(name)
        for name in ("numerator", "denominator", "kpi_value")
    ).drop("is_outside")


def ratio(
    sample: Sample, kpi_id: str, rows: pl.DataFrame, by: str, numerator: pl.Expr, *, per: pl.Expr
) -> pl.DataFrame:
    return kpi(sample, kpi_id, cells(rows, by, numerator=numerator, denominator=per))


def total(sample: Sample, kpi_id: str, rows: pl.DataFrame, by: str, numerator: pl.Expr) -> pl.DataFrame:
    return kpi(sample, kpi_id, cells(rows, by, numerator=numerator))


def since_first(rows: pl.DataFrame, day: str, costs: pl.DataFrame, incurred: str, cost: str) -> pl.DataFrame:
    """The rows of the time whose costs are known: from the month of the first known one on."""
    first = costs.filter(_c(cost).is_not_null())[incurred].min()
    return rows.filter(_c(day).cast(pl.Date) >= first.replace(day=1))


def median(sample: Sample, kpi_id: str, rows: pl.DataFrame, by: str, value: pl.Expr) -> pl.DataFrame:
    return kpi(sample, kpi_id, cells(rows, by, kpi_value=value.median()))


Kpis = Iterator[pl.DataFrame]
OF_DEALS = "owner team pipeline deal_type source industry country product"
OF_TICKETS = "channel category priority owner team"


# ---- sales -------------------------------------------------------------------------------------------------


def deals(s: Sample) -> Kpis:
    """Deals by the day they were created or closed."""
    created, closed = s.during(s.deals, "created"), s.during(s.deals.filter(_CLOSED), "closed")
    won = closed.filter("is_won")
    cycle = days("touched", "closed")
    yield total(s, "deals_created", created, OF_DEALS, pl.len())
    yield total(s, "deals_won", won, OF_DEALS, pl.len())
    yield total(s, "won_revenue", won, OF_DEALS, _c("amount").sum())
    lost = closed.filter(~_c("is_won"))
    yield total(s, "deals_lost", lost, f"lost_reason {OF_DEALS}", pl.len())
    yield total(s, "lost_amount", lost, f"lost_reason {OF_DEALS}", _c("amount").sum())
    yield ratio(s, "close_rate", created, OF_DEALS, _c("is_won").sum(), per=pl.len())
    yield ratio(s, "win_rate", closed, OF_DEALS, _c("is_won").sum(), per=pl.len())
    yield ratio(s, "average_deal_size", won, OF_DEALS, _c("amount").sum(), per=_c("amount").count())
    yield ratio(s, "sales_cycle_days", won, OF_DEALS, cycle.sum(), per=cycle.count())
    yield median(s, "sales_cycle_days_median", won, OF_DEALS, cycle)


def paid_deals(s: Sample) -> Kpis:
    """Won deals by the day of their first payment."""
    paid = s.during(s.paid_deals, "paid")
    yield ratio(s, "lead_to_cash_days", paid, "", days("touched", "paid").sum(), per=pl.len())


def stages(s: Sample) -> Kpis:
    """Visits to stages by the day they began or ended."""
    left = s.during(s.visits, "left_at")
    stay = days("entered_at", "left_at")
    yield ratio(s, "stage_days", left, "stage pipeline owner source", stay.sum(), per=pl.len())
    yield median(s, "stage_days_median", left, "stage pipeline owner source", stay)
    order = s.settings("pipeline_stages").with_columns(_c("stage_order").cast(pl.Int64))
    ended = s.visits.filter(_c("left_at").is_not_null()).join(order, on=["pipeline", "stage"], how="left")
    ahead = s.visits.join(order, on=["pipeline", "stage"]).select(
        "deal_id", then="entered_at", order_then="stage_order"
    )
    later = ended.join(ahead, on="deal_id").filter(
        (_c("then") > _c("entered_at")) & (_c("order_then") > _c("stage_order"))
    )
    ended = ended.join(
        later.select("deal_id", "entered_at", goes_on=True).unique(), on=["deal_id", "entered_at"], how="left"
    )
    went_on = _c("is_won").fill_null(value=False) | _c("goes_on").fill_null(value=False)
    rows = s.during(ended, "entered_at")
    yield ratio(s, "stage_conversion_rate", rows, "stage pipeline source", went_on.sum(), per=pl.len())


def open_deals_at_end(s: Sample, periods: pl.DataFrame | None = None) -> pl.DataFrame:
    """Open deals at the end of each period, each in the stage it was in then."""
    rows = s.at_end(s.deals, "created", "closed", periods).with_columns(deal_stage=_c("stage"))
    known = rows.select("deal_id", *PERIOD).join(
        s.visits.select("deal_id", "stage", "entered_at", "left_at"), on="deal_id"
    )
    latest = (
        known.filter(_c("entered_at").dt.date() <= _c("last_day"))
        .group_by("deal_id", *PERIOD)
        .agg(_c("stage", "left_at").sort_by("entered_at").last())
    )
    # A stage that a deal has left for none is not the one it is in.
    is_left = (_c("left_at").dt.date() <= _c("last_day")).fill_null(value=False)
    latest = latest.with_columns(stage=pl.when(~is_left).then("stage")).drop("left_at")
    rows = rows.drop("stage").join(latest, on=["deal_id", *PERIOD], how="left")
    # deals.stage is where the deal is now. One without a history that is still open has known no other stage;
    # of a closed one it is not known where it stood before.
    has_history = _c("deal_id").is_in(s.visits["deal_id"].implode())
    stage = pl.coalesce("stage", pl.when(~has_history & _c("closed").is_null()).then(_c("deal_stage")))
    return rows.with_columns(stage.fill_null(NONE).alias("stage"))


def open_deals(s: Sample) -> Kpis:
    """Deals that are open at the end of a period."""
    rows = open_deals_at_end(s)
    by = "stage owner source pipeline"
    yield total(s, "open_pipeline", rows, by, _c("amount").sum())
    entries = pl.concat(
        s.visits.select("deal_id", changed=_c(moment).dt.date()) for moment in ("entered_at", "left_at")
    )
    changes = (
        rows.select("deal_id", *PERIOD).join(entries, on="deal_id").filter(_c("changed") <= _c("last_day"))
    )
    rows = rows.join(
        changes.group_by("deal_id", *PERIOD).agg(_c("changed").max()), on=["deal_id", *PERIOD], how="left"
    )
    stalled = days(pl.coalesce("changed", "created"), _c("last_day")) > STALLED_AFTER_DAYS
    yield total(s, "stalled_deals", rows, by, stalled.sum())
    yield ratio(s, "stalled_deal_rate", rows, by, stalled.sum(), per=pl.len())

    closed = s.year_before_end(s.deals.filter(_CLOSED), "closed")
    won = _c("is_won")
    year = closed.group_by(PERIOD).agg(
        win_rate=won.sum() / pl.len(),
        size=_c("amount").filter(won).mean(),
        cycle=days("touched", "closed").filter(won).mean(),
    )
    # Before the first win no cycle is known to compare with.
    rows = rows.join(year.filter(_c("cycle").is_not_null()), on=PERIOD)
    slow = days("touched", "last_day") > _c("cycle")
    yield total(s, "slow_deals", rows, "stage owner source", slow.sum())
    speed = pl.len() * _c("win_rate").first() * _c("size").first()
    yield ratio(s, "pipeline_velocity", rows, "", speed, per=_c("cycle").first())


def deals_to_forecast(s: Sample, forecast_days: pl.DataFrame) -> pl.DataFrame:
    """Open deals at the end of the days, and what they are expected to bring.

    A stage tells by the earlier visits to it: those of deals that were closed by then.
    """
    periods = forecast_days.select(
        period_grain=pl.lit("forecast"), period_start="day", first_day="day", last_day="day"
    ).unique()
    rows = open_deals_at_end(s, periods).with_columns(day="last_day")
    closed = s.visits.filter(_c("closed_at").is_not_null()).join(periods.select(day="last_day"), how="cross")
    share = (
        closed.filter(_c("closed_at").dt.date() <= _c("day"))
        .group_by("day", "pipeline", "stage")
        .agg(won_visits=_c("is_won").sum(), visits=pl.len())
    )
    rows = rows.join(share, on=["day", "pipeline", "stage"], how="left")
    # Money has four digits.
    expected = _c("amount") * _c("won_visits") / _c("visits")
    return rows.with_columns(expected=expected.round(4)).drop(PERIOD)


def forecast(s: Sample) -> Kpis:
    """What the deals that are open now will bring, by the day on which their close is expected."""
    rows = deals_to_forecast(s, pl.DataFrame({"day": [s.as_of]}))
    last = max(s.as_of, rows["expected_close_on"].max())
    periods = s.periods_until(last).with_columns(
        last_day=pl.when(_c("period_grain") == "all").then(s.as_of).otherwise(_c("last_day"))
    )
    expected = s.during(rows.filter(_c("expected").is_not_null()), "expected_close_on", periods)
    sums = cells(expected, "owner pipeline stage", numerator=_c("expected").sum())
    yield kpi(s, "forecast_revenue", sums, periods)


def forecast_error(s: Sample) -> Kpis:
    """How far the forecasts of the day before a quarter were off; a longer period adds up its quarters."""
    quarters = s.periods.filter(_c("period_grain") == "quarter")
    quarters = quarters.filter(_c("first_day").dt.offset_by("3mo") <= s.as_of + timedelta(days=1))
    quarters = quarters.select(
        begins="first_day", is_over_on="last_day", day=_c("first_day") - timedelta(days=1)
    )
    rows = deals_to_forecast(s, quarters).filter(_c("expected").is_not_null()).join(quarters, on="day")
    rows = rows.filter(_c("expected_close_on").is_between("begins", "is_over_on"))
    won = s.deals.filter("is_won").join(quarters, how="cross")
    won = won.filter(_c("closed").is_between("begins", "is_over_on"))
    sums = (
        rows.group_by("begins", "is_over_on")
        .agg(_c("expected").sum())
        .join(won.group_by("begins").agg(won=_c("amount").sum()), on="begins", how="left")
        .with_columns(_c("won").fill_null(0.0))
    )
    within = s.during(sums, "is_over_on")
    whole = _c("begins") >= _c("first_day")  # a month holds no quarter
    error = (_c("expected") - _c("won")).abs().filter(whole).sum()
    yield ratio(s, "forecast_error", within, "", error, per=_c("won").filter(whole).sum())


# ---- marketing ---------------------------------------------------------------------------------------------


def leads(s: Sample) -> Kpis:
    """Leads by the day they were created."""
    by, all_by = "source campaign channel", "source campaign channel industry country owner score_band"
    won = s["deals"].filter(_c("status") == "won")
    is_won = _c("deal_id").is_in(won["deal_id"].implode()).fill_null(value=False) | _c("lead_id").is_in(
        won["lead_id"].drop_nulls().implode()
    )
    created = s.during(s.leads.with_columns(is_won=is_won), "created_at")
    yield total(s, "leads_created", created, all_by, pl.len())
    yield ratio(s, "lead_conversion_rate", created, all_by, _c("has_converted_at").sum(), per=pl.len())
    yield ratio(
        s, "lead_close_rate", created, f"{by} industry country owner", _c("is_won").sum(), per=pl.len()
    )
    yield ratio(s, "lead_qualification_rate", created, by, _c("has_qualified_at").sum(), per=pl.len())
    yield ratio(s, "lead_score", created, by, _c("score").sum(), per=_c("score").count())


def ideal_leads(s: Sample) -> Kpis:
    """Leads that meet a row of the profile; what the row leaves empty does not matter."""
    fits = [pl.lit(value=False)]
    for row in s.settings("ideal_customer_profile").iter_rows(named=True):
        tests = [_c(field) == row[field] for field in ("industry", "country") if row[field]]
        if row["employee_count_from"]:
            tests.append(_c("employee_count") >= int(row["employee_count_from"]))
        if row["employee_count_to"]:
            tests.append(_c("employee_count") <= int(row["employee_count_to"]))
        fits.append(pl.all_horizontal(tests).fill_null(value=False))
    rows = s.during(s.leads.with_columns(is_ideal=pl.any_horizontal(fits)), "created_at")
    yield ratio(s, "ideal_customer_rate", rows, "source campaign channel", _c("is_ideal").sum(), per=pl.len())


def lead_growth(s: Sample) -> Kpis:
    """Qualified leads against those of the period before."""
    counts = kpi(s, "", cells(s.during(s.leads, "qualified_at"), "", numerator=pl.len()))
    before = _c("numerator").shift(1).over("period_grain", order_by="period_start").fill_null(0.0)
    has_before = _c("period_grain") != "all"
    growth = pl.when(has_before).then(_c("numerator") - before).otherwise(0.0)
    growth = counts.select(*CELL, numerator=growth, denominator=before)
    yield kpi(s, "lead_growth_rate", growth)


def campaign_days(s: Sample) -> Kpis:
    """What campaigns cost and brought."""
    by, spent = "campaign channel", s.during(s.spend, "day")
    spend = cells(spent, by, numerator=_c("cost").sum())
    through = s.leads.filter(_c("campaign_id").is_not_null())
    through = s.during(since_first(through, "created_at", s.spend, "day", "cost"), "created_at")
    won = s.deals.filter(_c("is_won") & _c("campaign_id").is_not_null()).rename(
        {"campaign_channel": "channel"}
    )
    won = s.during(since_first(won, "closed", s.spend, "day", "cost"), "closed")
    revenue = cells(won, by, numerator=_c("amount").sum())
    yield kpi(s, "marketing_spend", spend)
    yield kpi(s, "cost_per_lead", both(spend, cells(through, by, denominator=pl.len())))
    yield kpi(s, "return_on_ad_spend", both(revenue, spend.rename({"numerator": "denominator"})))
    yield ratio(s, "ad_click_rate", spent, by, _c("clicks").sum(), per=_c("impressions").sum())
    yield ratio(s, "engagement_rate", spent, by, _c("engagements").sum(), per=_c("impressions").sum())


def visitors(s: Sample) -> Kpis:
    """Visitors by the day of their first session."""
    rows = s.during(s.visitors, "started_at")
    yield ratio(s, "website_conversion_rate", rows, "channel campaign", _c("is_customer").sum(), per=pl.len())


def mails(s: Sample) -> Kpis:
    """E-mails by the day they were sent."""
    rows = s.during(s.mails, "sent_at")

    def rate(kpi_id: str, numerator: pl.Expr, denominator: pl.Expr) -> pl.DataFrame:
        return ratio(s, kpi_id, rows, "campaign", numerator.sum(), per=denominator)

    delivered = _c("delivered")
    yield rate("email_delivery_rate", delivered, delivered.count())
    yield rate("email_open_rate", delivered & _c("opened"), delivered.sum())
    yield rate("email_click_rate", delivered & _c("clicked"), delivered.sum())
    yield rate("email_click_to_open_rate", _c("clicked"), _c("opened").sum())
    yield rate("email_bounce_rate", _c("bounced"), pl.len())
    yield rate("email_unsubscribe_rate", delivered & _c("unsubscribed"), delivered.sum())
    yield rate("campaign_response_rate", delivered & (_c("clicked") | _c("replied")), delivered.sum())


# ---- customers ---------------------------------------------------------------------------------------------


OF_CUSTOMERS = "industry country company_size"


def customers(s: Sample) -> Kpis:
    """Customers that come, stay and go."""
    known, new = s.customer_periods, s.during(s.first_purchases, "day")
    start, end = _c("at_start"), _c("at_end")
    yield total(s, "active_customers", known, OF_CUSTOMERS, end.sum())
    yield total(s, "new_customers", new, OF_CUSTOMERS, pl.len())
    yield ratio(s, "churn_rate", known, OF_CUSTOMERS, (start & ~end).sum(), per=start.sum())
    yield ratio(s, "retention_rate", known, OF_CUSTOMERS, (start & end).sum(), per=start.sum())


def days_active(s: Sample) -> Kpis:
    """How long customers have been active so far."""
    spans = s.active_spans.join(s.periods, how="cross").filter(_c("first") <= _c("last_day"))
    end = pl.min_horizontal(_c("end"), _c("last_day") + timedelta(days=1))
    # What an earlier span of the account covers does not count again.
    spans = (
        spans.with_columns(end=end)
        .sort("first")
        .with_columns(covered=_c("end").cum_max().shift(1).over("account_id", *PERIOD, order_by="first"))
    )
    spans = spans.with_columns(
        fresh=pl.max_horizontal(days(pl.max_horizontal("first", "covered"), _c("end")), 0)
    )
    lives = s.with_account(spans.group_by("account_id", *PERIOD).agg(_c("fresh").sum()))
    yield ratio(s, "customer_lifespan_days", lives, OF_CUSTOMERS, _c("fresh").sum(), per=pl.len())


def orders(s: Sample) -> Kpis:
    """Orders by the day they were placed."""
    rows, year = s.during(s.orders, "day"), s.year_before_end(s.orders, "day")
    # An amount that is not known is not 0: averages are over those that are.
    known = rows.filter(_c("amount").is_not_null())
    revenue, bought = _c("amount").sum(), ~_IS_CREDIT_NOTE
    buyers = _c("account_id").filter(bought).n_unique()
    year = year.filter(bought)
    yield total(s, "revenue", known, OF_CUSTOMERS, revenue)
    yield ratio(s, "revenue_per_customer", known, OF_CUSTOMERS, revenue, per=buyers)
    yield ratio(s, "average_purchase_value", known, OF_CUSTOMERS, revenue, per=bought.sum())
    yield ratio(s, "purchase_frequency", rows, OF_CUSTOMERS, bought.sum(), per=buyers)
    yearly = year.group_by("account_id", *PERIOD, *OF_CUSTOMERS.split()).agg(orders=pl.len())
    yield ratio(s, "repeat_purchase_rate", yearly, OF_CUSTOMERS, (_c("orders") >= 2).sum(), per=pl.len())


def lifetime_value(s: Sample) -> Kpis:
    """What a customer is worth, and what it costs to win and keep one."""
    year = s.year_before_end(s.orders, "day")
    buying = cells(
        year,
        OF_CUSTOMERS,
        revenue=_c("amount").sum(),
        known=_c("amount").filter(~_IS_CREDIT_NOTE).count(),
        orders=(~_IS_CREDIT_NOTE).sum(),
        buyers=_c("account_id").filter(~_IS_CREDIT_NOTE).n_unique(),
    )
    before = _c("year_before")
    going = cells(
        s.customer_periods, OF_CUSTOMERS, at_start=before.sum(), lost=(before & ~_c("at_end")).sum()
    )
    # Nobody lost: longer than the longest lifespan that is believed.
    years = pl.min_horizontal(_c("at_start") / _c("lost"), float(MAX_LIFESPAN_YEARS))
    of_all_buyers = _c("revenue") / _c("known") * _c("orders") * years * GROSS_MARGIN
    is_known = (_c("known") > 0) & (_c("at_start") > 0)
    worth = both(buying, going).filter(is_known)
    worth = worth.select(*CELL, numerator=of_all_buyers, denominator="buyers")
    yield kpi(s, "customer_lifetime_value", worth)

    def acquisition(belongs: Callable[[pl.DataFrame, str], pl.DataFrame]) -> pl.DataFrame:
        costs = cells(belongs(s.acquiring, "day"), "", numerator=_c("cost").sum())
        new = since_first(s.first_purchases, "day", s.acquiring, "day", "cost")
        return both(costs, cells(belongs(new, "day"), "", denominator=pl.len()))

    yield kpi(s, "customer_acquisition_cost", acquisition(s.during))
    yearly = acquisition(s.year_before_end).filter(_c("denominator") > 0)
    yearly = yearly.with_columns(denominator=_c("numerator") / _c("denominator"))
    value = _c("numerator") / _c("denominator")
    against = worth.select(*CELL, numerator=value).join(yearly.select(*CELL, "denominator"), on=CELL)
    yield kpi(s, "lifetime_value_to_acquisition_cost", against)

    kept = cells(s.during(s.keeping, "incurred_on"), "cost_type", numerator=_c("amount").sum())
    active = cells(s.customer_periods, "", denominator=_c("at_end").sum())
    # Of a period that begins before the first known cost, a part of the costs is all that is known.
    active = since_first(active, "period_start", s.keeping, "incurred_on", "amount")
    in_total = both(kept.filter(_c("segment_by") == "all"), active)
    by_type = kept.filter(_c("segment_by") != "all").join(
        active.select("period_grain", "period_start", "denominator"),
        on=["period_grain", "period_start"],
        how="left",
    )
    by_type = by_type.with_columns(_c("denominator").fill_null(0.0))
    yield kpi(s, "customer_retention_cost", pl.concat([in_total, by_type]))


# ---- service -----------------------------------------------------------------------------------------------


def tickets(s: Sample) -> Kpis:
    """Tickets by the day they were created or resolved."""
    created, resolved = s.during(s.tickets, "created_at"), s.during(s.tickets, "resolved")
    waiting = s.at_end(
        s.tickets.filter(_c("resolved").is_not_null() | ~_c("is_done")), "created_at", "resolved"
    )
    yield total(s, "tickets_created", created, f"{OF_TICKETS} product", pl.len())
    yield total(s, "ticket_backlog", waiting, OF_TICKETS, pl.len())
    yield ratio(s, "resolution_hours", resolved, OF_TICKETS, _c("hours").sum(), per=pl.len())
    yield median(s, "resolution_hours_median", resolved, OF_TICKETS, _c("hours"))
    answer = (_c("answered") - _c("created_at")).dt.total_seconds() / 3600
    yield ratio(s, "first_response_hours", created, OF_TICKETS, answer.sum(), per=answer.count())
    yield median(
        s, "first_response_hours_median", created.filter(_c("answered").is_not_null()), OF_TICKETS, answer
    )
    at_once = (_c("contacts") <= 1) & ~_c("reopened")
    yield ratio(s, "first_contact_resolution_rate", resolved, OF_TICKETS, at_once.sum(), per=at_once.count())
    yield ratio(s, "ticket_reopen_rate", resolved, OF_TICKETS, _c("reopened").sum(), per=pl.len())
    in_time = _c("resolved") <= _c("due_at")
    yield ratio(s, "service_level_rate", resolved, OF_TICKETS, in_time.sum(), per=in_time.count())


def business_time(s: Sample) -> Kpis:
    """Tickets by the day they were resolved, and the hours of business in which they were open."""
    resolved = s.tickets.filter(_c("resolved").is_not_null())
    rows = s.during(resolved.join(business_hours(s, resolved), on="ticket_id"), "resolved")
    hours = _c("business_hours").sum()
    yield ratio(s, "resolution_business_hours", rows, OF_TICKETS, hours, per=pl.len())


def business_hours(s: Sample, tickets: pl.DataFrame) -> pl.DataFrame:
    """Hours from creation to resolution in which the service is open."""
    hours = {
        int(row["weekday"]): (time.fromisoformat(row["opens_at"]), time.fromisoformat(row["closes_at"]))
        for row in s.settings("business_hours").iter_rows(named=True)
    }
    holidays = {date.fromisoformat(day) for day in s.settings("holidays")["day"]}

    def seconds(start: datetime, end: datetime) -> float:
        total, day = 0.0, start.date()
        while day <= end.date():
            if day not in holidays and day.isoweekday() in hours:
                opens, closes = (datetime.combine(day, at) for at in hours[day.isoweekday()])
                total += max((min(closes, end) - max(opens, start)).total_seconds(), 0.0)
            day += timedelta(days=1)
        return total

    spans = tickets.select("ticket_id", "created_at", "resolved").iter_rows()
    rows = [(ticket_id, seconds(start, end) / 3600) for ticket_id, start, end in spans]
    return pl.DataFrame(rows, schema={"ticket_id": pl.String, "business_hours": pl.Float64}, orient="row")


def surveys(s: Sample) -> Kpis:
    """Answers to surveys."""
    csat, nps, ces, staff = (
        s.during(s.survey(kind), "responded_at") for kind in ("csat", "nps", "ces", "employee")
    )
    satisfied, share = _c("satisfied").sum(), _c("share")
    by = "touchpoint channel category owner team"
    points = 100 * ((_c("score") >= 9).cast(pl.Int32) - (_c("score") <= 6).cast(pl.Int32))
    yield ratio(
        s, "customer_satisfaction_score", csat, f"{by} industry country product", satisfied, per=pl.len()
    )
    yield ratio(s, "customer_satisfaction_average", csat, by, (1 + 4 * share).sum(), per=pl.len())
    yield ratio(s, "net_promoter_score", nps, f"touchpoint {OF_CUSTOMERS}", points.sum(), per=pl.len())
    yield ratio(
        s, "customer_effort_score", ces, "touchpoint channel category", (1 + 6 * share).sum(), per=pl.len()
    )
    yield ratio(s, "employee_satisfaction_score", staff, "team", satisfied, per=pl.len())


def complaints(s: Sample) -> Kpis:
    """Tickets and low scores of products, by the units that were sold of them."""
    tickets, csat = s.during(s.tickets, "created_at"), s.during(s.survey("csat"), "responded_at")
    units = _c("quantity").fill_null(1)
    is_sold = (_c("product") != NONE) & (units > 0) & ~(_c("order") * _c("share") < 0).fill_null(value=False)
    sold = cells(
        s.during(s.lines.filter(is_sold), "day"), "product", denominator=units.cast(pl.Float64).sum() / 1000
    )
    # Each category of tickets is divided by all that was sold.
    categories = pl.concat(cells(rows, "category", n=pl.len()) for rows in (tickets, csat))
    categories = categories.filter(_c("segment_by") == "category").select(CELL).unique()
    everything = sold.filter(_c("segment_by") == "all").drop("segment_by", "segment")
    of_categories = categories.join(everything, on=["period_grain", "period_start"])
    sold = pl.concat([sold, of_categories.select(sold.columns)])
    has_product = _c("product") != NONE
    for kpi_id, rows, numerator in (
        ("tickets_per_1000_sold", tickets, has_product.sum()),
        ("low_scores_per_1000_sold", csat, (has_product & ~_c("satisfied")).sum()),
    ):
        yield kpi(s, kpi_id, both(cells(rows, "product category", numerator=numerator), sold))


# ---- team --------------------------------------------------------------------------------------------------


def activities(s: Sample) -> Kpis:
    """Activities by the day of the activity or of the deadline."""
    done = s.during(s.activities, "occurred_at")
    by_users, internal = done.filter(_c("user_id").is_not_null()), _c("direction") == "internal"
    channels = pl.struct("user_id", "channel").filter(internal & _c("channel").is_not_null()).n_unique()
    talkers = _c("user_id").filter(internal).n_unique()
    yield ratio(s, "channels_per_employee", by_users, "team", channels, per=talkers)
    yield ratio(
        s,
        "automated_task_rate",
        done.with_columns(plain("activity_type")),
        "team activity_type",
        (~_c("by_hand")).sum(),
        per=pl.len(),
    )
    due = s.during(s.activities, "due_at")
    in_time = (_c("completed_at") <= _c("due_at")).fill_null(value=False)
    yield ratio(s, "on_time_task_rate", due, "team owner", in_time.sum(), per=pl.len())

    users = s.with_user(s["users"].rename({"user_id": "who"}).with_columns(user_id="who"), "user_id")
    hired = (_c("hired_on") <= _c("last_day")).fill_null(value=True)
    not_left = (_c("left_on") >= _c("first_day")).fill_null(value=True)
    employed = users.join(s.periods, how="cross").filter(hired & not_left)
    active = done.select("user_id", *PERIOD, is_active=True).unique()
    employed = employed.join(active, on=["user_id", *PERIOD], how="left").filter(
        _c("last_day") >= s["activities"]["occurred_at"].min().date()
    )
    yield ratio(s, "crm_adoption_rate", employed, "team", _c("is_active").sum(), per=pl.len())
    tasks = done.filter("by_hand").join(
        employed.select("user_id", *PERIOD), on=["user_id", *PERIOD], how="semi"
    )
    yield ratio(s, "tasks_per_employee", tasks, "team", pl.len(), per=_c("user_id").n_unique())


def records(s: Sample) -> Kpis:
    """Contacts and leads by the day they were entered."""
    email = _c("email").str.to_lowercase()
    both_tables = pl.concat(
        s[table].select("created_at", email=email, table=pl.lit(table)) for table in ("contacts", "leads")
    )
    with_email = both_tables.filter(_c("email").is_not_null() & _c("created_at").is_not_null())
    # Of one time a lead is the earlier.
    with_email = with_email.sort("created_at", "table", descending=[False, True])
    with_email = with_email.with_columns(
        again=~_c("email").is_first_distinct(),
        first_of_its_table=pl.struct("email", "table").is_first_distinct(),
        first_lead=_c("created_at").filter(_c("table") == "leads").min().over("email"),
    )
    # What a lead became is no record beside it.
    is_same = (_c("table") == "contacts") & _c("first_of_its_table") & (_c("first_lead") <= _c("created_at"))
    with_email = with_email.filter(~is_same.fill_null(value=False))
    rows = s.during(with_email, "created_at")
    yield ratio(s, "duplicate_record_rate", rows, "table", _c("again").sum(), per=pl.len())


def completeness(s: Sample) -> Kpis:
    """Mandatory fields of records by the day these were entered."""
    frames = []
    for (table,), fields in s.settings("mandatory_fields").group_by("raw_table"):
        # What no row of the table has, the export lacks.
        names = [name for name in fields["column_name"] if s[table][name].count()]
        filled = pl.sum_horizontal(_c(name).is_not_null() for name in names)
        frames.append(
            s[table].select("created_at", table=pl.lit(table), filled=filled, mandatory=pl.lit(len(names)))
        )
    rows = s.during(pl.concat(frames), "created_at")
    filled, mandatory = _c("filled").sum(), _c("mandatory").sum()
    yield ratio(s, "record_completeness_rate", rows, "table", filled, per=mandatory)


def projects(s: Sample) -> Kpis:
    """Projects of the roll-out by the day they ended."""
    ended = s.settings("crm_projects").with_columns(pl.col("^.*_on$").str.to_date("%Y-%m-%d"))
    rows = s.during(ended.with_columns(_c("planned_budget", "actual_cost").cast(pl.Float64)), "actual_end_on")
    late, budget = days("planned_end_on", "actual_end_on"), _c("planned_budget")
    over = (_c("actual_cost") - budget).sum()
    yield ratio(s, "schedule_overrun_days", rows, "project", late.sum(), per=pl.len())
    yield ratio(s, "budget_overrun_rate", rows, "project", over, per=budget.sum())


FAMILIES: list[Callable[[Sample], Kpis]] = [
    deals,
    paid_deals,
    stages,
    open_deals,
    forecast,
    forecast_error,
    leads,
    ideal_leads,
    lead_growth,
    campaign_days,
    visitors,
    mails,
    customers,
    days_active,
    orders,
    lifetime_value,
    tickets,
    business_time,
    surveys,
    complaints,
    activities,
    records,
    completeness,
    projects,
]


def compute(directory: Path, project: Path) -> pl.DataFrame:
    """All KPIs of a raw directory of CSV files, with the settings in it."""
    sample = Sample(directory, project)
    return pl.concat(frame for family in FAMILIES for frame in family(sample))
