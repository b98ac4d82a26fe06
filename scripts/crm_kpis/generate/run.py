"""A synthetic company: the raw contract's 20 tables at any size, the same bytes for the same seed.

Each table is one SQL statement in the folder tables/, with the macros of tables/_macros.sql for
vocabulary. A table's first column `n` is a number unique in it, from which its ids and its random choices are
made; what the contract does not know (`n` and some helper columns) is not written.

The company sells measuring devices and software from 2021-07-01 to 2026-06-30. Its CRM goes live on
2025-01-01. From then on deals are won more often and closed sooner, more leads convert, tickets are answered
and resolved faster and customers are more satisfied. The CRM changes nothing else: deal size, NPS, the rates
of e-mails, churn and reopened tickets. An unchanged company has a CRM without any effect.

Everything also swings by itself, as in real companies: with the seasons, from week to week, along a slow
drift, with owners and accounts that differ, with records that come in clumps and with the end of a quarter
(tables/_swings.sql and tables/_macros.sql). A constant company does without seasons, weeks and drift.

With flaws, about 1 % of the rows are wrong, in each way that the contract knows.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

import duckdb

from crm_kpis.errors import InputError, first_line
from crm_kpis.generate.flaws import draw_flaws, file_query, flawed_words, plan_versions, table_flaws
from crm_kpis.raw.contract import read_contract

_MANY_ROWS = 20_000

# A random choice in the SQL of a table, up to the number of the row.
_CHOICE = re.compile(r"\bu\('([\w.]+)', ")

_Step = tuple[Callable[[str], None], str]

_SQL_DIR = Path(__file__).parent / "tables"
_FORMATS = ("parquet", "csv", "csv.gz")
# Columns of many values, like ids, need no dictionary: trying to make one takes a sixth of the time.
_FILE_OPTIONS = {
    ".csv": "format csv, header",
    ".parquet": "format parquet, parquet_version v2, dictionary_size_limit 2000",
}

# In the order in which others wait for them.
_READ_BY_OTHERS = (
    *("users", "campaigns", "products", "accounts", "deals", "lead_outcomes", "tickets", "orders"),
)
# What takes longest comes first, so that both cores are busy to the end.
_FILE_ORDER = (
    *("ticket_events", "deal_stages", "leads", "activities", "web_sessions", "email_events", "tickets"),
    *("survey_responses", "deals", "contacts", "order_items", "subscriptions", "accounts", "orders", "costs"),
    *("campaign_days", "users", "campaigns", "exchange_rates", "products"),
)
# Most of the rows: if there are many, they stream to their files and are never all in memory.
_STREAMED = (
    *("deal_stages", "leads", "web_sessions", "email_events", "order_items", "ticket_events", "activities"),
)


@dataclass(frozen=True)
class Proportions:
    """How many rows there are for each deal.

    Attributes:
        accounts: Accounts, customers or not.
        contacts: Contacts, at most twice the accounts.
        leads: Leads, a whole number.
        tickets: Tickets, with 3.4 ticket_events each.
        emails: E-mails, with 2.5 email_events each.
        sessions: Web sessions.
        activities: Activities.
        extra_orders: Orders that no deal or lead led to.
        nps: Answers to the NPS survey.
        csat_share: The share of resolved tickets that are rated; a third as many answer about their effort.
        single_costs: Costs of keeping a single account.
    """

    accounts: float = 0.5
    contacts: float = 0.7
    leads: int = 3
    tickets: float = 2.0
    emails: float = 1.0
    sessions: float = 2.0
    activities: float = 1.5
    extra_orders: float = 0.4
    nps: float = 0.1
    csat_share: float = 0.15
    single_costs: float = 0.05


def generate(  # noqa: PLR0913 - all but two of them are options
    output: Path,
    *,
    deals: int,
    seed: int = 1,
    flaws: bool = True,
    file_format: Literal["parquet", "csv"] = "parquet",
    replace: bool = False,
    proportions: Proportions | None = None,
    unchanged: bool = False,
    constant: bool = False,
) -> dict[str, int]:
    """Write the 20 raw tables of a synthetic company, one file each.

    The files appear together at the end. What does not fit into memory is spilled to a folder in `output`.

    Args:
        output: The directory to write to; it is made if it is not there.
        deals: The number of deals, which everything else follows: 4 million make 110 million rows.
        seed: Another seed makes another company.
        flaws: Whether about 1 % of the rows are wrong, each way of the contract at least once.
        file_format: parquet (native types, so without the flaws that only text can hold) or csv.
        replace: Whether raw tables that `output` holds already are replaced.
        proportions: Rows for each deal; the reference proportions if not given.
        unchanged: Whether the CRM changes nothing.
        constant: Whether nothing swings from week to week either.

    Returns:
        The number of rows written for each table.

    Raises:
        InputError: `output` holds raw tables already, is a file or can't be written (rights, a full disk), or
            `deals` is less than 1.
    """
    if deals < 1:
        raise InputError(f"deals must be 1 or more, not {deals}")
    if file_format not in ("parquet", "csv"):
        raise InputError(f"file_format must be parquet or csv, not {file_format}")
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is not a directory")
    existing = [path for path in _raw_files(output) if path.exists()]
    if existing and not replace:
        raise InputError(f"{output} holds raw tables already ({existing[0].name}): choose another directory")

    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output, prefix=".generate-") as folder:
            work = Path(folder)
            # In a file tables would be compressed, which takes a third of the time. What does not fit is
            # spilled. One thread makes a table, so that its rows always have the same order; several tables
            # are made at once.
            with duckdb.connect(config={"temp_directory": str(work), "threads": 1}) as connection:
                sizes = _sizes(deals, seed, proportions or Proportions())
                _prepare(connection, sizes | {"crm_works": not unchanged, "swing_size": int(not constant)})
                rows = _build_and_write(
                    connection, work, file_format, is_large=deals >= _MANY_ROWS, flaws=flaws
                )
            for path in existing:
                path.unlink()
            for name in rows:
                (work / f"{name}.{file_format}").replace(output / f"{name}.{file_format}")
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise InputError(f"{output} can't be written: {first_line(str(error))}") from error
    return rows


def _prepare(connection: duckdb.DuckDBPyConnection, settings: dict[str, int | float | bool]) -> None:
    """Make what the SQL of all tables refers to."""
    for name, value in settings.items():
        connection.execute(f"create macro {name}() as {value}")
    # A table is read by several threads at once, range() by one.
    most = max(value for name, value in settings.items() if name.startswith("n_"))
    connection.execute(f"create table numbers as select i from range(1, {most} + 1) as numbers(i)")
    connection.execute((_SQL_DIR / "_words.sql").read_text(encoding="utf-8"))
    forms = ", ".join(["w", *flawed_words()])
    connection.execute(f"""
        create type word as enum (
            select distinct form
            from (select unnest([{forms}]) as form from (select unnest(words() || [null]) as w))
            where form is not null
            order by form
        )
    """)
    connection.execute((_SQL_DIR / "_macros.sql").read_text(encoding="utf-8"))
    # As lists of constants: a look into one costs less than a join with the weeks.
    swings = connection.execute((_SQL_DIR / "_swings.sql").read_text(encoding="utf-8")).fetchall()
    for name, factors in swings:
        # One text is planned faster than hundreds of numbers.
        connection.execute(f"create macro {name}() as '{factors}'::double[]")


def _build_and_write(
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    file_format: str,
    *,
    is_large: bool,
    flaws: bool,
) -> dict[str, int]:
    """Make all tables and write each to its file in the folder `work`, as many at once as there are cores.

    Returns:
        The number of rows written for each table, in the order of the contract.
    """
    names = dict.fromkeys([*_READ_BY_OTHERS, *_FILE_ORDER])
    statements = {name: (_SQL_DIR / f"{name}.sql").read_text(encoding="utf-8") for name in names}
    cursors = {name: connection.cursor() for name in names}
    views = _STREAMED if is_large else ()
    rows = {}

    def make(name: str) -> None:
        kind = "view" if name in views else "table"
        cursors[name].execute(f"create {kind} {name} as {_with_salts(cursors[name], statements[name])}")

    def write(name: str) -> None:
        path = work / f"{name}.{file_format}"
        rows[name] = _write(cursors[name], name, path, is_view=name in views, flaws=flaws)

    def drop(name: str) -> None:
        if name not in views:
            cursors[name].execute(f"drop table {name}")

    steps: TopologicalSorter[_Step] = TopologicalSorter()
    for name in names:
        if name in _FILE_ORDER:
            steps.add((write, name), (make, name))
            steps.add((drop, name), (write, name))
        for needed in names.keys() & set(re.findall(r"\b(?:from|join) (\w+)", statements[name])):
            steps.add((make, name), (make, needed))
            # a view reads when it is written
            steps.add((drop, needed), (write if name in views else make, name))
    order: list[_Step] = [
        *((drop, name) for name in names),
        *((make, name) for name in _READ_BY_OTHERS),
        *((step, name) for name in _FILE_ORDER for step in (write, make)),
    ]

    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    try:
        _run(steps, order, pool, workers)
        return {name: rows[name] for name in _table_names()}
    finally:
        # After an error, or a key that was pressed, nobody needs the rest.
        for cursor in cursors.values():
            cursor.interrupt()
        pool.shutdown()


def _run(steps: TopologicalSorter[_Step], order: list[_Step], pool: ThreadPoolExecutor, workers: int) -> None:
    """Call all steps, each when those that it needs are done, and the first of `order` first."""
    steps.prepare()
    ready: list[_Step] = []
    running: dict[Future[None], _Step] = {}
    while steps.is_active():
        ready = sorted([*ready, *steps.get_ready()], key=order.index)
        while ready and len(running) < workers:
            step, name = ready.pop(0)
            running[pool.submit(step, name)] = (step, name)
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            future.result()
            steps.done(running.pop(future))


def _with_salts(connection: duckdb.DuckDBPyConnection, statement: str) -> str:
    """Write u('word', n) with its salts worked out.

    DuckDB would do it six times for each place, which takes half of the time to plan a statement.
    """
    words = sorted(set(_CHOICE.findall(statement)))
    rows = connection.execute(
        "select word, salt(word, 'a'), salt(word, 'b') from (select unnest(?::varchar[]) as word)", [words]
    ).fetchall()
    salts = {word: f"u_salted({salt_a}, {salt_b}, " for word, salt_a, salt_b in rows}
    return _CHOICE.sub(lambda choice: salts[choice[1]], statement)


def _sizes(deals: int, seed: int, proportions: Proportions) -> dict[str, int | float]:
    accounts = max(60, round(proportions.accounts * deals))
    return {
        "seed": seed,
        "n_deals": deals,
        "n_users": 20 * max(1, round(deals**0.4 / 20)),
        "n_accounts": accounts,
        "n_base_accounts": round(0.4 * accounts),
        "n_contacts": min(2 * accounts, max(accounts, round(proportions.contacts * deals))),
        "leads_per_deal": proportions.leads,
        "n_leads": proportions.leads * deals,
        "n_tickets": max(20, round(proportions.tickets * deals)),
        "n_emails": max(20, round(proportions.emails * deals)),
        "n_sessions": max(20, round(proportions.sessions * deals)),
        "n_activities": max(20, round(proportions.activities * deals)),
        "n_extra_orders": max(10, round(proportions.extra_orders * deals)),
        "n_nps": max(10, round(proportions.nps * deals)),
        "n_single_costs": round(proportions.single_costs * deals),
        "csat_share": proportions.csat_share,
        # campaigns in a quarter
        "slots": max(2, deals // 40_000),
    }


def _write(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, *, is_view: bool, flaws: bool
) -> int:
    as_text = path.suffix == ".csv"
    usable = [flaw for flaw in table_flaws(name) if as_text or not flaw.needs_text] if flaws else []
    plan_versions(connection, usable)
    # To count a view would be to plan it once more: it stands for many rows.
    rows = None if is_view else _count(connection, name)
    drawn = draw_flaws(connection, name, usable, rows)
    # Many rows are written in the order in which they are made, as sorting takes a fifth of the time.
    is_sorted = as_text or rows is not None
    # Not by describe, which would plan a view once more: that costs a fifth of a second.
    words = connection.execute(
        f"select column_name from duckdb_columns() where table_name = '{name}' and data_type like 'ENUM%'"
    ).fetchall()
    query = file_query(
        name, drawn, usable, {column for (column,) in words}, as_text=as_text, is_sorted=is_sorted
    )
    quoted = str(path).replace("'", "''")
    return connection.execute(f"copy ({query}) to '{quoted}' ({_FILE_OPTIONS[path.suffix]})").fetchall()[0][0]


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int | None:
    """The number of a table's rows; None for many."""
    rows = connection.execute(f"select count(*) from (select n from {name} limit {_MANY_ROWS})").fetchall()
    return rows[0][0] if rows[0][0] < _MANY_ROWS else None


def _table_names() -> list[str]:
    return [table.name for table in read_contract()]


def _raw_files(directory: Path) -> list[Path]:
    return [directory / f"{name}.{suffix}" for name in _table_names() for suffix in _FORMATS]
