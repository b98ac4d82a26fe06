"""Companies in which nothing ever changes, each known by the tables that one kind of system exports.

Events come at a constant rate and take as long as ever. Three things are as in real exports: records begin on
the day on which a system was introduced, though the company is older; they last half a year or three years; a
table ends before the others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from pipeline import write_csv

FIRST_DAY = date(2022, 1, 10)
HALF_A_YEAR, THREE_YEARS = 182, 1095
Table = tuple[str, list[tuple]]


class _Time:
    """Draws days and how long things take."""

    def __init__(self, seed: str, days: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.days = days
        self.last = FIRST_DAY + timedelta(days=days - 1)

    def events(self, per_day: float, before: int = 0) -> Iterator[datetime]:
        """Events at a constant rate, from `before` days before the records begin."""
        start = datetime.combine(FIRST_DAY, time()) - timedelta(days=before)
        passed = 0.0
        while (passed := passed + self.rng.expovariate(per_day)) < before + self.days:
            yield (start + timedelta(days=passed)).replace(microsecond=0)

    def after(self, start: datetime, median_days: float, spread: float = 0.8) -> datetime:
        """When something is done that was begun: most soon, some late."""
        days = median_days * self.rng.lognormvariate(0, spread)
        return (start + timedelta(days=days)).replace(microsecond=0)

    def known(self, moment: datetime) -> datetime | None:
        """The moment, unless it lies after the records."""
        return moment if moment.date() <= self.last else None


def deals(time: _Time) -> dict[str, Table]:
    """A new CRM, without the deals before it. Three of ten are won, the lost ones take longer."""
    rows = []
    for number, created in enumerate(time.events(2.0)):
        is_won = time.rng.random() < 0.3
        closed = time.known(time.after(created, 40 if is_won else 70))
        status = "open" if closed is None else "won" if is_won else "lost"
        amount = round(time.rng.lognormvariate(8, 0.8))
        account, owner = f"a{time.rng.randrange(900)}", f"u{time.rng.randrange(5)}"
        rows.append((f"d{number}", created, status, closed, amount, account, owner))
    header = "deal_id created_at status closed_at amount account_id owner_id"
    return {"deals": (header, rows)}


def closed_deals(time: _Time) -> dict[str, Table]:
    """An export by the day of closing: deals of any age, none of them open."""
    rows = []
    for number, created in enumerate(time.events(2.0, before=700)):
        is_won = time.rng.random() < 0.3
        closed = time.known(time.after(created, 40 if is_won else 70))
        if closed is not None and closed.date() >= FIRST_DAY:
            rows.append((f"d{number}", created, "won" if is_won else "lost", closed, 1000))
    return {"deals": ("deal_id created_at status closed_at amount", rows)}


def orders(time: _Time) -> dict[str, Table]:
    """A shop with old customers: some order often, some hardly ever; as many come as go."""
    return _orders(time, before=2000, stays=400, pauses=60)


def orders_far_apart(time: _Time) -> dict[str, Table]:
    """A dealer of machines, whose customers stay for years and order once a year or less."""
    return _orders(time, before=6000, stays=1500, pauses=250)


def _orders(time: _Time, before: int, stays: float, pauses: float) -> dict[str, Table]:
    rows = []
    for account, joined in enumerate(time.events(0.5, before=before)):
        moment, left = joined, time.after(joined, stays, 1.0)
        pause = pauses * time.rng.lognormvariate(0, 0.7)
        while moment < left and moment.date() <= time.last:
            if moment.date() >= FIRST_DAY:
                amount = round(time.rng.lognormvariate(4, 0.6), 2)
                rows.append((f"o{account}-{len(rows)}", f"a{account}", moment, amount))
            moment += timedelta(days=time.rng.expovariate(1 / pause))
    return {"orders": ("order_id account_id ordered_at amount", rows)}


def tickets(time: _Time) -> dict[str, Table]:
    """A new help desk: half of the tickets take longer than two days, one of ten is reopened."""
    rows = []
    for number, created in enumerate(time.events(3.0)):
        resolved = time.known(time.after(created, 2, 1.4))
        responded = time.known(time.after(created, 0.1, 1.0))
        reopened = int(time.rng.random() < 0.1 * (1 + (resolved is None)))
        contacts = 1 + int(time.rng.random() < 0.4)
        due = created + timedelta(days=5)
        rows.append((f"t{number}", created, "open", responded, resolved, reopened, contacts, due))
    header = "ticket_id created_at status first_responded_at resolved_at reopen_count contact_count due_at"
    return {"tickets": (header, rows)}


def resolved_tickets(time: _Time) -> dict[str, Table]:
    """An export of the tickets that were resolved since a day."""
    rows = []
    for number, created in enumerate(time.events(3.0, before=200)):
        resolved = time.known(time.after(created, 2, 1.4))
        if resolved is not None and resolved.date() >= FIRST_DAY:
            rows.append((f"t{number}", created, "solved", resolved))
    return {"tickets": ("ticket_id created_at status resolved_at", rows)}


def surveys(time: _Time) -> dict[str, Table]:
    """Answers to three surveys."""
    rows = []
    for kind, per_day, scores in (
        ("csat", 1.0, range(1, 6)),
        ("nps", 0.7, range(11)),
        ("ces", 0.3, range(1, 8)),
    ):
        for number, moment in enumerate(time.events(per_day)):
            rows.append((f"{kind}{number}", kind, moment, time.rng.choice(scores)))
    return {"survey_responses": ("response_id survey_type responded_at score", rows)}


def leads(time: _Time) -> dict[str, Table]:
    """A new CRM with leads, of which four of ten are qualified and two of ten converted, weeks later."""
    rows, spend = [], []
    for number, created in enumerate(time.events(2.5)):
        luck = time.rng.random()
        qualified = time.known(time.after(created, 10)) if luck < 0.4 else None
        converted = time.known(time.after(created, 30)) if luck < 0.2 else None
        source = time.rng.choice(("web", "fair"))
        rows.append((f"l{number}", created, source, f"c{number % 3}", qualified, converted))
    for day in range(0, time.days, 7):
        for number in range(3):
            cost = round(time.rng.lognormvariate(6, 0.3))
            spend.append((f"c{number}", FIRST_DAY + timedelta(days=day), cost, 9000, 300))
    return {
        "leads": ("lead_id created_at source campaign_id qualified_at converted_at", rows),
        "campaign_days": ("campaign_id day cost impressions clicks", spend),
    }


def subscriptions(time: _Time) -> dict[str, Table]:
    """Subscriptions that run at the beginning or start later; each month as many end."""
    rows = []
    for number, started in enumerate(time.events(0.4, before=1500)):
        ended = time.after(started, 300, 1.0)
        if ended.date() >= FIRST_DAY:
            end = time.known(ended)
            rows.append((f"s{number}", f"a{number}", started.date(), end.date() if end else None, 50))
    return {"subscriptions": ("subscription_id account_id started_on ended_on monthly_amount", rows)}


def running_subscriptions(time: _Time) -> dict[str, Table]:
    """An export of the subscriptions that run today."""
    header, rows = subscriptions(time)["subscriptions"]
    return {"subscriptions": (header, [row for row in rows if row[3] is None])}


def sales_and_costs(time: _Time) -> dict[str, Table]:
    """Deals of a new CRM, with the campaigns that bring them and costs that are booked by the month."""
    found = deals(time)
    header, rows = found["deals"]
    found["deals"] = (f"{header} campaign_id", [(*row, f"c{number % 3}") for number, row in enumerate(rows)])
    found["campaign_days"] = leads(time)["campaign_days"]
    found["costs"] = monthly_costs(time, "acquisition")
    return found


def monthly_costs(time: _Time, purpose: str) -> Table:
    """Costs of a purpose, booked by the month."""
    months = sorted({(FIRST_DAY + timedelta(days=day)).replace(day=1) for day in range(time.days)})
    rows = [(f"k{month}", month, purpose, round(time.rng.lognormvariate(9, 0.1))) for month in months]
    return ("cost_id incurred_on purpose amount", rows)


def activities_that_end(time: _Time) -> dict[str, Table]:
    """Activities that stop two months before the tickets do."""
    ends = time.last - timedelta(days=60)
    rows = [
        (f"x{number}", moment, "call", f"u{time.rng.randrange(8)}", time.rng.random() < 0.3)
        for number, moment in enumerate(time.events(4.0))
        if moment.date() <= ends
    ]
    users = [(f"u{number}", f"User {number}", "North" if number < 4 else "South") for number in range(10)]
    return {
        "activities": ("activity_id occurred_at activity_type user_id is_automated", rows),
        "users": ("user_id name team", users),
        **tickets(time),
    }


def deals_after_fixed_days(time: _Time) -> dict[str, Table]:
    """A new CRM in which each deal closes after 90 days, and a won one is paid 30 days later."""
    rows = []
    for number, created in enumerate(time.events(1.5)):
        is_won = time.rng.random() < 0.4
        closed = time.known(created + timedelta(days=90))
        paid = time.known(created + timedelta(days=120)) if is_won else None
        status = "open" if closed is None else "won" if is_won else "lost"
        rows.append((f"d{number}", created, status, closed, paid, 500, f"u{number % 4}"))
    return {"deals": ("deal_id created_at status closed_at first_paid_at amount owner_id", rows)}


def deals_that_take_long(time: _Time) -> dict[str, Table]:
    """Plant construction: a deal takes a year, so that few are closed within half a year."""
    rows = []
    for number, created in enumerate(time.events(1.5, before=300)):
        is_won = time.rng.random() < 0.5
        closed = time.known(time.after(created, 330 if is_won else 360, 0.4))
        status = "open" if closed is None else "won" if is_won else "lost"
        rows.append((f"d{number}", created, status, closed, round(time.rng.lognormvariate(11, 1.0))))
    return {"deals": ("deal_id created_at status closed_at amount", rows)}


def deals_by_stage(time: _Time) -> dict[str, Table]:
    """Deals that pass four stages, each after exponential times; of each stage three of ten are lost."""
    rows, visits = [], []
    for number, created in enumerate(time.events(2.0)):
        moment, status = created, "open"
        for stage in ("new", "offer", "negotiation", "contract"):
            left = moment + timedelta(days=time.rng.expovariate(1 / 12))
            visits.append((f"d{number}", stage, moment, time.known(left)))
            moment = left
            if time.known(left) is None or time.rng.random() < 0.3:
                break
        else:
            status = "won"
        closed = time.known(moment)
        status = "open" if closed is None else "lost" if status == "open" else "won"
        rows.append((f"d{number}", created, status, closed, visits[-1][1], 900))
    return {
        "deals": ("deal_id created_at status closed_at stage amount", rows),
        "deal_stages": ("deal_id stage entered_at exited_at", visits),
    }


def tickets_on_weekdays(time: _Time) -> dict[str, Table]:
    """Tickets of office days, resolved after exponential times, with answers to a survey a day later."""
    rows, answers = [], []
    for number, created in enumerate(time.events(4.0)):
        if created.weekday() > 4:
            continue
        resolved = time.known(created + timedelta(days=time.rng.expovariate(1 / 6)))
        rows.append((f"t{number}", created, "solved" if resolved else "open", resolved, f"u{number % 3}"))
        if resolved and (answered := time.known(resolved + timedelta(days=1))) and time.rng.random() < 0.2:
            answers.append((f"r{number}", "csat", answered, time.rng.choice((2, 3, 4, 5, 5)), f"t{number}"))
    return {
        "tickets": ("ticket_id created_at status resolved_at assignee_id", rows),
        "survey_responses": ("response_id survey_type responded_at score ticket_id", answers),
    }


def tickets_and_messages(time: _Time) -> dict[str, Table]:
    """Tickets whose times are those of events: messages, solutions and, of one in ten, a second solution."""
    rows, events = [], []
    for number, created in enumerate(time.events(2.5)):
        key, moment = f"t{number}", created
        rows.append((key, created))
        kinds = ["customer_message", "agent_message", "customer_message", "resolved"]
        kinds += ["reopened", "resolved"] if time.rng.random() < 0.1 else []
        for place, kind in enumerate(kinds):
            events.append((f"{key}-{place}", key, moment, kind))
            moment += timedelta(days=time.rng.expovariate(1 / 1.5))
    known = [event for event in events if time.known(event[2])]
    return {
        "tickets": ("ticket_id created_at", rows),
        "ticket_events": ("event_id ticket_id occurred_at event_type", known),
    }


def slow_leads(time: _Time) -> dict[str, Table]:
    """Leads of which three of ten are converted, after three months or so, and bring a deal."""
    rows, deals_found = [], []
    for number, created in enumerate(time.events(3.0)):
        converted = time.known(time.after(created, 90)) if time.rng.random() < 0.3 else None
        rows.append(
            (
                f"l{number}",
                created,
                "fair",
                converted,
                time.rng.randrange(100),
                f"d{number}" if converted else None,
            )
        )
        if converted:
            is_won = time.rng.random() < 0.5
            closed = time.known(time.after(converted, 40))
            status = "open" if closed is None else "won" if is_won else "lost"
            deals_found.append((f"d{number}", converted, status, closed, f"l{number}", 700))
    return {
        "leads": ("lead_id created_at source converted_at score deal_id", rows),
        "deals": ("deal_id created_at status closed_at lead_id amount", deals_found),
    }


def subscriptions_from_one_day(time: _Time) -> dict[str, Table]:
    """A thousand subscriptions that all begin on the first day; each day one in four hundred ends."""
    rows = []
    for number in range(1000):
        days = 1 + time.rng.expovariate(1 / 400)
        end = time.known(datetime.combine(FIRST_DAY, datetime.min.time()) + timedelta(days=days))
        rows.append((f"s{number}", f"a{number}", FIRST_DAY, end.date() if end else None, 20))
    return {
        "subscriptions": ("subscription_id account_id started_on ended_on monthly_amount", rows),
        "costs": monthly_costs(time, "retention"),
    }


def subscriptions_without_end(time: _Time) -> dict[str, Table]:
    """Subscriptions of a young business, of which none has an end."""
    rows = [(f"s{n}", f"a{n}", started.date(), 30) for n, started in enumerate(time.events(1.0))]
    return {"subscriptions": ("subscription_id account_id started_on monthly_amount", rows)}


def yearly_contracts(time: _Time) -> dict[str, Table]:
    """Contracts of a year, of which eight of ten are followed by the next one on the day after."""
    rows = []
    for number, joined in enumerate(time.events(0.6, before=1800)):
        start = joined
        while start.date() <= time.last:
            end = start + timedelta(days=364)
            if end.date() >= FIRST_DAY:
                rows.append((f"s{number}-{start.year}", f"a{number}", start.date(), end.date(), 100))
            if time.rng.random() < 0.2:
                break
            start = end + timedelta(days=1)
    return {"subscriptions": ("subscription_id account_id started_on ended_on monthly_amount", rows)}


def seasonal_orders(time: _Time) -> dict[str, Table]:
    """A shop with twice as many orders in November and December."""
    rows = []
    for number, moment in enumerate(time.events(8.0)):
        if moment.month > 10 or time.rng.random() < 0.5:
            amount = round(time.rng.lognormvariate(4, 1.0), 2)
            rows.append((f"o{number}", f"a{time.rng.randrange(2000)}", moment, amount))
    return {"orders": ("order_id account_id ordered_at amount", rows)}


def orders_on_working_days(time: _Time) -> dict[str, Table]:
    """A wholesaler with as many orders on each working day: more in months with more of them."""
    rows = []
    for number in range(time.days):
        day = FIRST_DAY + timedelta(days=number)
        if day.weekday() < 5:
            for place in range(20):
                amount = round(time.rng.lognormvariate(4, 0.1), 2)
                rows.append((f"o{number}-{place}", f"a{time.rng.randrange(400)}", day, amount))
    return {"orders": ("order_id account_id ordered_at amount", rows)}


def mailings(time: _Time) -> dict[str, Table]:
    """E-mails of three campaigns, opened and clicked after days, and visitors who become leads later."""
    events, sessions, leads_found = [], [], []
    for number, sent in enumerate(time.events(12.0)):
        found = [("sent", sent), ("delivered", sent + timedelta(minutes=1))]
        if time.rng.random() < 0.4:
            found.append(("opened", time.after(sent, 1)))
            if time.rng.random() < 0.3:
                found.append(("clicked", time.after(found[-1][1], 0.1)))
        if time.rng.random() < 0.02:
            found.append(("unsubscribed", time.after(sent, 2)))
        events += [
            (f"{kind}{number}", f"e{number}", f"c{number % 3}", moment, kind)
            for kind, moment in found
            if time.known(moment)
        ]
    for number, moment in enumerate(time.events(8.0)):
        lead = f"l{number}" if time.rng.random() < 0.1 and time.known(time.after(moment, 5)) else None
        sessions.append((f"w{number}", f"v{number}", moment, "search", lead))
        if lead:
            leads_found.append((lead, moment, "search"))
    return {
        "email_events": ("event_id email_id campaign_id occurred_at event_type", events),
        "web_sessions": ("session_id visitor_id started_at channel lead_id", sessions),
        "leads": ("lead_id created_at source", leads_found),
    }


def tasks(time: _Time) -> dict[str, Table]:
    """Tasks of ten people that are due a week later and done after exponential times."""
    rows = []
    for number, created in enumerate(time.events(6.0)):
        due, done = (
            created + timedelta(days=7),
            time.known(created + timedelta(days=time.rng.expovariate(1 / 5))),
        )
        channel = time.rng.choice(("phone", "e-mail", "chat"))
        rows.append((f"x{number}", created, "task", f"u{time.rng.randrange(10)}", due, done, channel))
    header = "activity_id occurred_at activity_type user_id due_at completed_at channel"
    people = [(f"u{number}", f"User {number}", "North") for number in range(10)]
    return {"activities": (header, rows), "users": ("user_id name team", people)}


def renamed_system(time: _Time) -> dict[str, Table]:
    """Deals of the old system until a day, tickets of the new one from then on, and orders all the time."""
    middle = FIRST_DAY + timedelta(days=time.days // 2)
    header, rows = deals(time)["deals"]
    ticket_header, ticket_rows = tickets(time)["tickets"]
    # What was closed later was still open when the old system was switched off.
    rows = [
        row if row[3] is None or row[3].date() < middle else (*row[:2], "open", None, *row[4:])
        for row in rows
        if row[1].date() < middle
    ]
    return {
        "deals": (header, rows),
        "tickets": (ticket_header, [row for row in ticket_rows if row[1].date() >= middle]),
        **orders(time),
    }


def deals_that_stop(time: _Time) -> dict[str, Table]:
    """A system that gets no new deals in its last third, while its open ones are still closed."""
    stops = FIRST_DAY + timedelta(days=2 * time.days // 3)
    header, rows = deals(time)["deals"]
    return {"deals": (header, [row for row in rows if row[1].date() < stops]), **orders(time)}


def tickets_that_stop(time: _Time) -> dict[str, Table]:
    """A help desk that takes no new tickets in its last months, while its open ones are still resolved."""
    stops = time.last - timedelta(days=90)
    header, rows = tickets(time)["tickets"]
    return {"tickets": (header, [row for row in rows if row[1].date() < stops]), **surveys(time)}


COMPANIES: dict[str, Callable[[_Time], dict[str, Table]]] = {
    "deals": deals,
    "closed deals": closed_deals,
    "orders": orders,
    "orders far apart": orders_far_apart,
    "tickets": tickets,
    "resolved tickets": resolved_tickets,
    "surveys": surveys,
    "leads": leads,
    "subscriptions": subscriptions,
    "running subscriptions": running_subscriptions,
    "sales and costs": sales_and_costs,
    "activities that end": activities_that_end,
    "deals after fixed days": deals_after_fixed_days,
    "deals that take long": deals_that_take_long,
    "deals by stage": deals_by_stage,
    "tickets on weekdays": tickets_on_weekdays,
    "tickets and messages": tickets_and_messages,
    "slow leads": slow_leads,
    "subscriptions from one day": subscriptions_from_one_day,
    "subscriptions without end": subscriptions_without_end,
    "yearly contracts": yearly_contracts,
    "seasonal orders": seasonal_orders,
    "orders on working days": orders_on_working_days,
    "mailings": mailings,
    "tasks": tasks,
    "renamed system": renamed_system,
    "deals that stop": deals_that_stop,
    "tickets that stop": tickets_that_stop,
}


def write_company(directory: Path, kind: str, days: int, seed: int) -> None:
    """Write the tables of a company that stays as it is.

    Args:
        directory: The raw directory to write.
        kind: A key of COMPANIES.
        days: How long its records are.
        seed: Another seed draws another company.
    """
    for name, (header, rows) in COMPANIES[kind](_Time(f"{kind} {days} {seed}", days)).items():
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        write_csv(directory / f"{name}.csv", header.split(), cells)
