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
    rows, before = [], 2000
    for account, joined in enumerate(time.events(0.5, before=before)):
        moment, left = joined, time.after(joined, 400, 1.0)
        pause = 60 * time.rng.lognormvariate(0, 0.7)
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
    months = {(FIRST_DAY + timedelta(days=day)).replace(day=1) for day in range(time.days)}
    costs = [(f"k{month}", month, "acquisition", round(time.rng.lognormvariate(9, 0.1))) for month in months]
    found["costs"] = ("cost_id incurred_on purpose amount", sorted(costs, key=lambda row: row[1]))
    return found


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


COMPANIES: dict[str, Callable[[_Time], dict[str, Table]]] = {
    "deals": deals,
    "closed deals": closed_deals,
    "orders": orders,
    "tickets": tickets,
    "resolved tickets": resolved_tickets,
    "surveys": surveys,
    "leads": leads,
    "subscriptions": subscriptions,
    "running subscriptions": running_subscriptions,
    "sales and costs": sales_and_costs,
    "activities that end": activities_that_end,
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
