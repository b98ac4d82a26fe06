"""What the data cannot tell has no value and is not compared: small companies, worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from pipeline import CompiledProject, write_csv

DAY = timedelta(days=1)
Row = tuple[float | None, str, bool]


@pytest.fixture
def company(compiled: CompiledProject, tmp_path: Path):
    """Builds the KPIs of tables, each a header and its rows."""
    only = compiled.with_inputs("kpi_values", "kpi_coverage", "rejected_values")

    @contextmanager
    def build(
        inputs: dict[str, str] | None = None, **tables: tuple[str, Iterable[tuple]]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        for name, (header, rows) in tables.items():
            cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
            write_csv(tmp_path / f"{name}.csv", header.split(), cells)
        with compiled.run(tmp_path, only=only, settings=None, inputs=inputs) as connection:
            yield connection

    return build


def days_from(first: str, last: str, step: int = 1) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + number * DAY for number in range(0, (end - start).days + 1, step)]


def periods_of(connection: duckdb.DuckDBPyConnection, kpi_id: str, grain: str = "month") -> dict[str, Row]:
    """Value, coverage and whether it may be compared, of the total, by period."""
    rows = connection.execute(
        "select period_name, kpi_value, coverage, is_comparable from main.kpi_values"
        " where kpi_id = ? and period_grain = ? and segment_by = 'all' order by period_start",
        [kpi_id, grain],
    )
    return {name: values for name, *values in map(tuple, rows.fetchall()) for values in [tuple(values)]}


def missing(connection: duckdb.DuckDBPyConnection, kpi_id: str) -> str | None:
    query = "select missing_columns from main.kpi_coverage where kpi_id = ?"
    return connection.execute(query, [kpi_id]).fetchone()[0]


def monthly_orders(last: str) -> Iterator[tuple]:
    """Ten accounts order on the first of each month from January 2022 on, two more until June 2022."""
    for number in range(12):
        for day in (d for d in days_from("2022-01-01", last) if d.day == 1):
            if number < 10 or day <= date(2022, 6, 1):
                yield f"o{number}-{day}", f"a{number}", day, 100


def test_nobody_can_churn_before_churn_after_days(company):
    with company(orders=("order_id account_id ordered_at amount", monthly_orders("2024-12-01"))) as built:
        churn = periods_of(built, "churn_rate")
        retention = periods_of(built, "retention_rate")
        years = periods_of(built, "churn_rate", "year")
        value = periods_of(built, "customer_lifetime_value")
        active = periods_of(built, "active_customers")
        new = periods_of(built, "new_customers")

    # The first purchase is on 1 January 2022: who may cease to be one does so 365 days later.
    assert churn["2022-03"] == retention["2022-03"] == (None, "none", False)
    assert active["2022-12"] == (None, "none", False)
    assert active["2023-01"] == (12, "full", True)
    assert years["2022"] == (None, "none", False)
    # Nobody bought before in the records, but a purchase in the first year need not be a first one.
    assert new["2022-01"] == (12, "partly", False)
    assert new["2022-12"] == (0, "partly", False)
    assert new["2023-01"] == (0, "full", True)
    # Who last ordered on 1 June 2022 ceases to be one on 1 June 2023.
    assert churn["2023-06"] == (2 / 12, "full", True)
    assert years["2023"] == (2 / 12, "full", True)
    # The lifetime value divides by the churn of a year: 365 + 365 days.
    assert value["2023-12"] == (None, "none", False)
    # Of 12 customers of a year before, 2 are gone: they stay 6 years, with 12 orders of 100 in each.
    assert value["2024-01"] == (pytest.approx(100 * 12 * 6), "full", True)


def test_old_customers_are_not_taken_for_new_ones(company):
    # Records begin in 2020. Each third day somebody buys for the first time, some of them once more 500 days
    # later, in the second half of the records. So do twenty old customers, whom nobody knows to be old.
    days = days_from("2020-01-01", "2023-12-31", 3)

    def orders(returning: int) -> Iterator[tuple]:
        yield from ((f"b{number}", f"old{number}", date(2021, 5, 15), 100) for number in range(20))
        for number, day in enumerate(days):
            yield f"o{number}", f"a{number}", day, 100
            if 130 <= number < 130 + returning:
                yield f"r{number}", f"a{number}", day + 500 * DAY, 100

    header = "order_id account_id ordered_at amount"
    with company(orders=(header, orders(returning=25))) as built:
        new = periods_of(built, "new_customers")
    # The second half has 244 first purchases: 12 longer pauses may be, and 25 are. The records look back far
    # enough 500 days after they began, on 15 May 2021.
    assert new["2021-04"] == (10, "partly", False)
    assert new["2021-05"][1:] == ("partly", False)
    assert new["2021-06"] == (10, "full", True)

    with company(orders=(header, orders(returning=12))) as built:
        new = periods_of(built, "new_customers")
    # 12 are as good as none: the 365 days of churn_after_days are enough.
    assert new["2021-01"] == (11, "full", True)


def test_the_repeat_rate_waits_until_its_year_is_full(company):
    with company(orders=("order_id account_id ordered_at amount", monthly_orders("2024-12-01"))) as built:
        months = periods_of(built, "repeat_purchase_rate")

    assert months["2022-01"] == months["2022-11"] == (None, "none", False)
    assert months["2023-01"] == (1, "full", True)


def test_young_months_are_maturing_and_not_compared(company):
    # A deal a day, every second one won 60 days later, every other one lost: nothing ever changes.
    def deals() -> Iterator[tuple]:
        for number, day in enumerate(days_from("2023-01-01", "2024-06-30")):
            closed = day + 60 * DAY
            is_closed = closed <= date(2024, 6, 30)
            status = ("won" if number % 2 else "lost") if is_closed else "open"
            yield f"d{number}", day, status, closed if is_closed else None

    with company(deals=("deal_id created_at status closed_at", deals())) as built:
        months = periods_of(built, "close_rate")

    assert months["2023-12"] == (pytest.approx(15 / 31), "full", True)
    # After 2 January 2024 deals may be won still: the value stays, and nothing is made of it.
    assert months["2024-02"][1:] == months["2024-05"][1:] == months["2024-06"][1:] == ("maturing", False)
    assert months["2024-06"][0] == 0


def test_months_mature_as_long_as_wins_take(company):
    # A deal a day; every second one is won 300 days later, every other one lost.
    def deals() -> Iterator[tuple]:
        for number, day in enumerate(days_from("2022-01-01", "2023-12-31")):
            closed = day + 300 * DAY
            is_closed = closed <= date(2023, 12, 31)
            status = ("won" if number % 2 else "lost") if is_closed else "open"
            yield f"d{number}", day, status, closed if is_closed else None

    with company(deals=("deal_id created_at status closed_at", deals())) as built:
        months = periods_of(built, "close_rate")

    # On 31 December 2023 the deals up to 6 March have waited for 300 days, those of June for 213 at most.
    assert months["2023-02"] == (14 / 28, "full", True)
    assert months["2023-04"] == months["2023-06"] == (0, "maturing", False)


def test_what_is_dated_by_its_end_begins_when_long_ones_can_be_there(company):
    # Two tickets a day, one resolved the next day, one late, after 40 days, and reopened: in January only the
    # first kind is.
    def tickets() -> Iterator[tuple]:
        for day in days_from("2024-01-01", "2024-06-30"):
            for kind, stay, reopened in (("short", 1, 0), ("long", 40, 1)):
                resolved = day + stay * DAY
                known = resolved if resolved <= date(2024, 6, 30) else None
                yield f"{kind}{day}", day, "open", known, day + 10 * DAY, reopened, 1

    header = "ticket_id created_at status resolved_at due_at reopen_count contact_count"
    with company(tickets=(header, tickets())) as built:
        rates = {
            kpi: periods_of(built, kpi)
            for kpi in ("service_level_rate", "ticket_reopen_rate", "first_contact_resolution_rate")
        }
        hours = {kpi: periods_of(built, kpi) for kpi in ("resolution_hours", "resolution_hours_median")}
        backlog = periods_of(built, "ticket_backlog")

    # Nine of ten take 40 days or less: from 10 February on.
    for months in (rates | hours).values():
        assert months["2024-01"] == (None, "none", False)
        assert months["2024-02"][1:] == ("partly", False)
    assert hours["resolution_hours"]["2024-03"] == ((1 + 40) / 2 * 24, "full", True)
    assert {kpi: months["2024-03"] for kpi, months in rates.items()} == dict.fromkeys(
        rates, (0.5, "full", True)
    )
    # All 31 long ones and the last short one are open: that is true, but nothing to compare with. Later there
    # are 40 long ones.
    assert backlog["2024-01"] == (31 + 1, "partly", False)
    assert backlog["2024-03"] == (40 + 1, "full", True)


def test_the_pipeline_of_a_new_crm_fills_up(company):
    # A deal of 100 a day; in turn one is lost after 50 days, one won after 10.
    def deals() -> Iterator[tuple]:
        for number, day in enumerate(days_from("2024-01-01", "2024-06-30")):
            closed = day + (10 if number % 2 else 50) * DAY
            is_closed = closed <= date(2024, 6, 30)
            status = ("won" if number % 2 else "lost") if is_closed else "open"
            yield f"d{number}", day, status, closed if is_closed else None, 100

    with company(deals=("deal_id created_at status closed_at amount", deals())) as built:
        win_rate = periods_of(built, "win_rate")
        won = periods_of(built, "deals_won")
        revenue = periods_of(built, "won_revenue")
        size = periods_of(built, "average_deal_size")
        pipeline = periods_of(built, "open_pipeline")
        created = periods_of(built, "deals_created")

    # Until 20 February none could be lost.
    assert win_rate["2024-01"] == size["2024-01"] == (None, "none", False)
    assert win_rate["2024-02"][1:] == ("partly", False)
    # In March 15 of those of 20 February to 21 March are won, 16 of those of 11 January to 10 February lost.
    assert win_rate["2024-03"] == (15 / 31, "full", True)
    # Ten are won in January, of those up to 21 January, and that is shown.
    assert won["2024-01"] == (10, "partly", False)
    assert revenue["2024-01"] == (1000, "partly", False)
    assert won["2024-03"] == (15, "full", True)
    assert created["2024-01"] == (31, "full", True)
    # Open are 16 and 5 deals at the end of January, 25 and 5 later on.
    assert pipeline["2024-01"] == (2100, "partly", False)
    assert pipeline["2024-03"] == (3000, "full", True)


def test_an_export_of_closed_deals_does_not_tell_what_was_created_or_open(company):
    # A deal of 100 a day, closed 10 days later, every twentieth after 60; those closed from March to July.
    def deals() -> Iterator[tuple]:
        for number, day in enumerate(days_from("2024-01-01", "2024-07-31")):
            closed = day + (10 if number % 20 else 60) * DAY
            if date(2024, 3, 1) <= closed <= date(2024, 7, 31):
                yield f"d{number}", day, "lost" if number % 3 else "won", closed, 100

    with company(deals=("deal_id created_at status closed_at amount", deals())) as built:
        created = periods_of(built, "deals_created")
        pipeline = periods_of(built, "open_pipeline")
        closed = periods_of(built, "win_rate")

    # Of January's only those of the 1st and the 21st are there.
    assert created["2024-01"] == (2, "partly", False)
    assert created["2024-03"] == (31, "full", True)
    # Those of the last ten days are not there yet.
    assert created["2024-07"][1:] == pipeline["2024-07"][1:] == ("maturing", False)
    assert pipeline["2024-02"] == (None, "none", False)
    # At the end of March the ten of the last ten days are open, and those of 10 February, 1 and 21 March
    # (numbers 40, 60 and 80) that take 60 days.
    assert pipeline["2024-03"] == (1300, "full", True)
    assert closed["2024-03"][1:] == ("full", True)


@pytest.mark.parametrize(("last", "at_the_end"), [("2024-12-31", 157), ("2022-03-31", 13)])
def test_where_no_subscription_ends_only_the_customers_of_today_are_known(company, last, at_the_end):
    # One a week from 1 January 2022 on. In three months none had to end, but no end was seen either.
    subscriptions = [(f"s{day}", f"a{day}", day) for day in days_from("2022-01-01", last, 7)]
    with company(subscriptions=("subscription_id account_id started_on", subscriptions)) as built:
        churn = periods_of(built, "churn_rate")
        customers = list(periods_of(built, "active_customers").values())

    assert churn
    assert {value for value, *_ in churn.values()} == {None}
    assert set(customers[:-1]) == {(None, "none", False)}
    assert customers[-1][0] == len(subscriptions) == at_the_end


def test_what_a_table_does_not_reach_has_no_value(company):
    activities = [(f"a{day}", day, "call", "u1") for day in days_from("2024-01-01", "2024-05-10")]
    tickets = [(f"t{day}", day, "open") for day in days_from("2024-01-01", "2024-06-30")]
    with company(
        users=("user_id", [("u1",), ("u2",)]),
        activities=("activity_id occurred_at activity_type user_id", activities),
        tickets=("ticket_id created_at status", tickets),
    ) as built:
        adoption = periods_of(built, "crm_adoption_rate")
        created = periods_of(built, "tickets_created")
        known = built.execute(
            "select known_from, known_until from main.kpi_coverage where kpi_id = 'crm_adoption_rate'"
        ).fetchone()

    assert adoption["2024-04"] == (0.5, "full", True)
    assert adoption["2024-05"][1:] == ("partly", False)
    assert adoption["2024-06"] == (None, "none", False)
    assert created["2024-06"] == (30, "full", True)
    assert known == (None, date(2024, 5, 10))


def test_what_closes_after_the_last_new_deal_is_shown_and_not_compared(company):
    created = days_from("2024-01-01", "2024-03-31")
    rows = [
        (f"d{day}", day, "won" if number % 2 else "lost", day + timedelta(days=30), 100)
        for number, day in enumerate(created)
    ]
    with company(deals=("deal_id created_at status closed_at amount", rows)) as built:
        found = {
            kpi: periods_of(built, kpi)
            for kpi in ("sales_cycle_days", "win_rate", "deals_lost", "deals_created")
        }
        limits = built.execute(
            "select known_until, begun_until from main.kpi_coverage where kpi_id = 'sales_cycle_days'"
        ).fetchone()

    # Nothing is created in April, when the deals of March are closed.
    assert found["sales_cycle_days"]["2024-03"][1:] == ("full", True)
    for kpi in ("sales_cycle_days", "win_rate", "deals_lost"):
        value, *coverage = found[kpi]["2024-04"]
        assert value, kpi
        assert coverage == ["partly", False], kpi
    assert found["deals_created"]["2024-04"] == (None, "none", False)
    assert limits == (None, date(2024, 3, 31))


def test_rates_of_an_event_that_never_occurs_are_not_known(company):
    def events() -> Iterator[tuple]:
        for day in days_from("2024-01-01", "2024-03-31"):
            for kind in ("sent", "delivered", "opened"):
                yield f"{kind}{day}", f"e{day}", day, kind

    def ticket_events() -> Iterator[tuple]:
        for day in days_from("2024-01-01", "2024-03-31"):
            yield f"r{day}", f"t{day}", day, "resolved"

    tickets = [(f"t{day}", day, "open") for day in days_from("2024-01-01", "2024-03-31")]
    with company(
        email_events=("event_id email_id occurred_at event_type", events()),
        tickets=("ticket_id created_at status", tickets),
        ticket_events=("event_id ticket_id occurred_at event_type", ticket_events()),
    ) as built:
        clicks = [f"email_{rate}_rate" for rate in ("click", "click_to_open", "unsubscribe")]
        clicks.append("campaign_response_rate")
        told_by_events = ["first_contact_resolution_rate", "first_response_hours", "ticket_reopen_rate"]
        absent = {kpi: periods_of(built, kpi) for kpi in (*clicks, *told_by_events, "service_level_rate")}
        reasons = {kpi: missing(built, kpi) for kpi in absent}
        opened = periods_of(built, "email_open_rate")["2024-01"]

    assert not any(absent.values())
    assert reasons["email_click_rate"] == "email_events.event_type (clicked)"
    assert reasons["first_contact_resolution_rate"] == (
        "ticket_events.event_type (customer_message) or tickets.contact_count"
    )
    assert reasons["first_response_hours"] == (
        "ticket_events.event_type (agent_message) or tickets.first_responded_at"
    )
    assert "tickets.due_at" in reasons["service_level_rate"]
    assert opened[0] == 1


def test_without_a_lost_deal_there_is_no_win_rate(company):
    deals = [(f"d{day}", day, "won", day) for day in days_from("2024-01-01", "2024-03-31")]
    with company(deals=("deal_id created_at status closed_at", deals)) as built:
        assert periods_of(built, "win_rate") == {}
        assert missing(built, "win_rate") == "deals.status (lost)"
        assert periods_of(built, "close_rate") == {}
        assert periods_of(built, "deals_won")["2024-01"] == (31, "full", True)


def test_imported_deals_tell_their_close_and_not_how_long_they_took(company):
    # A deal of 100 a day is closed, won and lost in turn. Those of the first half of the year were imported
    # on 1 July, later ones took 10 days.
    def deals() -> Iterator[tuple]:
        for number, closed in enumerate(days_from("2024-01-01", "2024-12-31")):
            created = max(closed - 10 * DAY, date(2024, 7, 1))
            yield f"d{number}", created, "won" if number % 2 else "lost", closed, 100

    with company(deals=("deal_id created_at status closed_at amount", deals())) as built:
        win_rate = periods_of(built, "win_rate")
        revenue = periods_of(built, "won_revenue")
        cycle = periods_of(built, "sales_cycle_days")
        created = periods_of(built, "deals_created")
        values = built.execute("select column_name, reason, count(*) from main.rejected_values group by all")
        assert values.fetchall() == [("created_at", "created_after_closed", 182)]

    # Of the 29 of February the first and the last are won.
    assert win_rate["2024-02"] == (15 / 29, "full", True)
    assert revenue["2024-02"] == (1500, "full", True)
    assert cycle["2024-02"] == (None, "none", False)
    assert "2024-06" not in created
    assert cycle["2024-08"] == (10, "full", True)
    assert created["2024-08"] == (31, "full", True)


def test_what_happened_at_an_impossible_time_happened(company):
    header = "lead_id created_at qualified_at converted_at"
    leads = [(f"l{day}", day, day, day) for day in days_from("2024-01-01", "2024-01-09")]
    leads.append(("early", "2024-01-10", "2024-01-05", "2024-01-06"))
    tickets = [
        ("backwards", "2024-01-10", "2024-01-06", "2024-01-05", "open"),
        ("forwards", "2024-01-10", "2024-01-10", "2024-01-11", "open"),
        ("waits", "2024-01-10", None, None, "open"),
    ]
    ticket_header = "ticket_id created_at first_responded_at resolved_at status"
    with company(leads=(header, leads), tickets=(ticket_header, tickets)) as built:
        assert periods_of(built, "lead_qualification_rate")["2024-01"][0] == 1
        assert periods_of(built, "lead_conversion_rate")["2024-01"][0] == 1
        # It is not open: one of the three is.
        assert periods_of(built, "ticket_backlog")["2024-01"][0] == 1
        # Two were answered, and of one it is known after how long.
        answered = built.execute(
            "select count(*) filter (where is_responded), count(first_response_seconds) from main.fct_tickets"
        )
        assert answered.fetchone() == (2, 1)
        values = built.execute(
            "select raw_table, column_name, reason from main.rejected_values order by all"
        ).fetchall()

    assert values == [
        ("leads", "converted_at", "converted_before_created"),
        ("leads", "qualified_at", "qualified_before_created"),
        ("tickets", "first_responded_at", "responded_before_created"),
        ("tickets", "resolved_at", "resolved_before_created"),
    ]


def test_a_credit_note_is_no_purchase(company):
    # a1 buys for 100 and 50 and gets 30 back; a2 only gets money back for what it bought before the records.
    orders = [
        ("o1", "a1", "2024-01-05", 100),
        ("o2", "a1", "2024-01-20", 50),
        ("o3", "a1", "2024-01-25", -30),
        ("o4", "a2", "2024-01-26", -40),
    ]
    with company(orders=("order_id account_id ordered_at amount", orders)) as built:
        values = {
            kpi: periods_of(built, kpi)["2024-01"][0]
            for kpi in ("revenue", "average_purchase_value", "purchase_frequency", "new_customers")
        }
        active = built.execute("select count(*) from main.fct_customer_intervals").fetchone()
        repeats = built.execute(
            "select measure, value from main.measures"
            " inner join main.periods using (period_id) where period_name = '2024-01' and segment_by = 'all'"
            " and measure in"
            " ('yearly_ordering_customers', 'yearly_repeat_customers', 'customers_with_revenue')"
            " order by measure"
        ).fetchall()

    # 100 + 50 - 30 - 40 are 80, of two purchases by one customer.
    assert values == {
        "revenue": 80,
        "average_purchase_value": 40,
        "purchase_frequency": 2,
        "new_customers": 1,
    }
    assert active == (1,)
    assert [(name, int(value)) for name, value in repeats] == [
        ("customers_with_revenue", 1),
        ("yearly_ordering_customers", 1),
        ("yearly_repeat_customers", 1),
    ]


def test_a_lead_that_became_a_contact_is_one_record(company):
    leads = [("l1", "2024-01-02", "ann@example.org"), ("l2", "2024-01-03", "bob@example.org")]
    contacts = [
        ("c1", "2024-01-05", "Ann@example.org"),  # what l1 became
        ("c2", "2024-01-06", "ann@example.org"),  # entered twice
        ("c3", "2024-01-07", "cid@example.org"),
    ]
    with company(
        leads=("lead_id created_at email", leads), contacts=("contact_id created_at email", contacts)
    ) as built:
        # Ann, Bob, Cid and Ann again.
        assert periods_of(built, "duplicate_record_rate")["2024-01"][0] == 1 / 4


def test_completeness_leaves_out_what_the_export_lacks(company):
    fields = (
        "select * from (values ('contacts', 'email'), ('contacts', 'phone')) as t (raw_table, column_name)"
    )
    contacts = [("c1", "2024-01-02", "ann@example.org"), ("c2", "2024-01-02", None)]
    with company(
        inputs={"mandatory_fields": fields}, contacts=("contact_id created_at email", contacts)
    ) as built:
        # No contact has a phone: nobody was asked for one.
        assert periods_of(built, "record_completeness_rate")["2024-01"][0] == 1 / 2


def test_too_short_records_are_the_reason_and_not_that_nothing_happened(company):
    orders = [(f"o{day}", "a1", day, 10) for day in days_from("2024-01-01", "2024-06-30")]
    with company(orders=("order_id account_id ordered_at amount", orders)) as built:
        assert missing(built, "repeat_purchase_rate") == "the records are too short"
        assert missing(built, "churn_rate") == "the records are too short"
        assert missing(built, "revenue") is None


def test_costs_are_known_for_the_months_that_are_booked(company):
    leads = [(f"l{day}", day, "c1") for day in days_from("2024-01-01", "2024-05-31")]
    spent = [("c1", f"2024-{month:02}-15", 310) for month in (3, 4)]
    with company(
        leads=("lead_id created_at campaign_id", leads), campaign_days=("campaign_id day cost", spent)
    ) as built:
        months = periods_of(built, "cost_per_lead")
        years = periods_of(built, "cost_per_lead", "year")

    assert months["2024-03"] == (10, "full", True)
    assert months["2024-04"] == (pytest.approx(310 / 30), "full", True)
    assert months["2024-05"] == (None, "none", False)
    # The leads of January, February and May did not come for nothing.
    assert years["2024"][:2] == (pytest.approx(620 / 61), "partly")


def test_what_never_ends_in_the_records_is_not_taken_for_open_or_lost(company):
    days = days_from("2023-01-01", "2023-12-31")
    deals = ((f"d{number}", day, "open", 100) for number, day in enumerate(days))
    tickets = ((f"t{number}", day) for number, day in enumerate(days))
    with company(
        deals=("deal_id created_at status amount", deals), tickets=("ticket_id created_at", tickets)
    ) as built:
        assert periods_of(built, "close_rate") == periods_of(built, "ticket_backlog") == {}
        assert missing(built, "close_rate") == "deals.closed_at"
        assert missing(built, "ticket_backlog") == (
            "ticket_events.event_type (resolved) or tickets.resolved_at or tickets.status"
        )
        # What is open is what they are about.
        assert periods_of(built, "open_pipeline")["2023-12"] == (36_500, "full", True)


def test_a_status_tells_what_is_open(company):
    rows = (
        (f"t{number}", day, "closed" if number % 5 else "open")
        for number, day in enumerate(days_from("2023-01-01", "2023-12-31"))
    )
    with company(tickets=("ticket_id created_at status", rows)) as built:
        # Every fifth of 365.
        assert periods_of(built, "ticket_backlog")["2023-12"][0] == 73
