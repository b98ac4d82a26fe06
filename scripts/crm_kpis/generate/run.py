"""A synthetic company: the raw contract's 20 tables at any size, the same bytes for the same seed.

Each table is one SQL statement in the folder tables/, with the macros of tables/_macros.sql for
vocabulary. A table's first column `n` is a number unique in it, from which its ids and its random choices are
made; what the contract does not know (`n` and some helper columns) is not written.

The company sells measuring devices and software from 2023-07-01 to 2026-06-30. Its CRM goes live on
2025-01-01. From then on deals are won more often and closed sooner, more leads convert, tickets are answered
and resolved faster and customers are more satisfied. Nothing else changes: deal size, NPS, the rates of
e-mails, churn and reopened tickets follow the same distributions before and after.

With flaws, about 1 % of the rows are wrong, in each way that the contract knows. What makes the pipeline
reject a row stands in an extra row, so that no other row loses what it refers to; what costs a row a value
stands in the row itself.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml

from crm_kpis.errors import InputError, first_line
from crm_kpis.raw.contract import CONTRACT_FILE

SAMPLE_DEALS = 600
# A seed by which, in so small a sample, the KPIs that the CRM left alone stay within the noise.
SAMPLE_SEED = 8

FLAWED_SHARE = 0.01
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


# The sample is small in bytes but answers every KPI: fewer events, relatively more answers to surveys.
SAMPLE_PROPORTIONS = Proportions(
    tickets=1.6, emails=1.3, sessions=2.0, activities=2.0, nps=0.6, csat_share=0.45, single_costs=0.1
)


@dataclass(frozen=True)
class Flaw:
    """One way in which a row can be wrong.

    Attributes:
        kind: The way, for example missing_value.
        column: The column that is wrong; empty where it is the row.
        values: SQL over the table's columns for what to write instead.
        is_extra: The flaw is in an additional row; otherwise the row itself is changed.
        keeps_key: The additional row has its original's key.
        needs_text: Only text can be wrong in this way: Parquet files do without.
    """

    kind: str
    column: str = ""
    values: dict[str, str] = field(default_factory=dict)
    is_extra: bool = False
    keeps_key: bool = False
    needs_text: bool = False


# How to fail each check of the contract.
_BROKEN_CHECKS: dict[tuple[str, str], dict[str, str]] = {
    ("users", "left_before_hired"): {"left_on": "hired_on - 30"},
    ("campaigns", "ended_before_started"): {"ended_on": "started_on - 7"},
    ("leads", "converted_before_created"): {"converted_at": "created_at - interval 3 day"},
    ("leads", "qualified_before_created"): {"qualified_at": "created_at - interval 5 day"},
    ("leads", "disqualified_before_created"): {"disqualified_at": "created_at - interval 6 day"},
    ("leads", "touched_after_created"): {"first_touch_at": "created_at + interval 2 day"},
    ("deals", "closed_at_missing"): {"status": "'won'", "closed_at": "null"},
    ("deals", "closed_before_created"): {"status": "'lost'", "closed_at": "created_at - interval 1 day"},
    ("deals", "closed_although_open"): {"status": "'open'", "closed_at": "created_at + interval 20 day"},
    ("deal_stages", "exited_before_entered"): {"exited_at": "entered_at - interval 4 hour"},
    ("subscriptions", "ended_before_started"): {"ended_on": "started_on - 1"},
    ("tickets", "resolved_before_created"): {"resolved_at": "created_at - interval 2 hour"},
    ("tickets", "responded_before_created"): {"first_responded_at": "created_at - interval 1 hour"},
    ("survey_responses", "nps_scale_not_to_10"): {
        "survey_type": "'nps'",
        "score": "4",
        "scale_min": "1",
        "scale_max": "5",
    },
    ("survey_responses", "scale_empty"): {
        "survey_type": "'csat'",
        "score": "5",
        "scale_min": "5",
        "scale_max": "5",
    },
    ("survey_responses", "score_outside_scale"): {
        "survey_type": "'csat'",
        "score": "6",
        "scale_min": "null",
        "scale_max": "null",
    },
    ("exchange_rates", "rate_not_positive"): {"rate": "-rate"},
}

# What an older version of a row says: the later one must win.
_OLDER_VERSIONS = {
    "accounts": {"industry": "'before_the_merger'"},
    "contacts": {"job_title": "'Praktikant'"},
    "leads": {"score": "1"},
    "deals": {"amount": "1"},
    "tickets": {"priority": "'low'"},
}

_HOSTILE_TEXTS = (
    "</script><script>alert(1)</script>",
    '"Quoted", its & <b>bold</b>',
    "=1+1",
    "{{ 1 }}",
)
_HOSTILE_COLUMNS = {
    "accounts": ("name",),
    "contacts": ("last_name", "job_title"),
    "users": ("name", "team"),
    "campaigns": ("name",),
    "products": ("name", "category"),
    "leads": ("company_name", "source"),
    "deals": ("source", "lost_reason"),
    "costs": ("cost_type",),
    "tickets": ("category",),
    "survey_responses": ("comment",),
    "activities": ("channel",),
}

_UNREADABLE = {
    "integer": "'many'",
    "decimal": "'12,50 EUR'",
    "boolean": "'perhaps'",
    "date": "'2025-02-30'",
    "timestamp": "'2025-02-30T10:00:00Z'",
}
_IMPOSSIBLE_DAYS = ("1899-12-30", "2200-01-01")

# A deal that is won or lost without a readable day of closing is rejected too, by a check.
_ALSO_REJECTS = {("deals", "closed_at")}


@dataclass(frozen=True)
class _Column:
    name: str
    data_type: str
    required: bool
    rejects_row: bool
    values: tuple[str, ...]
    references: str | None


@dataclass(frozen=True)
class _Table:
    name: str
    key: tuple[str, ...]
    latest_by: str | None
    row_checks: tuple[str, ...]
    value_checks: tuple[tuple[str, str], ...]
    columns: tuple[_Column, ...]


@cache
def _contract() -> dict[str, _Table]:
    sources = yaml.safe_load(CONTRACT_FILE.read_text(encoding="utf-8"))["sources"]
    return {entry["name"]: _table(entry) for entry in sources[0]["tables"]}


def _table(entry: dict[str, Any]) -> _Table:
    meta = entry["config"]["meta"]
    return _Table(
        name=entry["name"],
        key=tuple(meta["key"]),
        latest_by=meta.get("latest_by"),
        row_checks=tuple(meta.get("row_checks", {})),
        value_checks=tuple(
            (column, reason) for column, reasons in meta.get("value_checks", {}).items() for reason in reasons
        ),
        columns=tuple(_column(entry["name"], column) for column in entry["columns"]),
    )


def _column(table: str, entry: dict[str, Any]) -> _Column:
    meta = entry.get("config", {}).get("meta", {})
    required = bool(meta.get("required"))
    return _Column(
        name=entry["name"],
        data_type=entry["data_type"],
        required=required,
        rejects_row=required or bool(meta.get("rejects_row")) or (table, entry["name"]) in _ALSO_REJECTS,
        values=tuple(meta.get("values", ())),
        references=meta.get("references"),
    )


def generate(  # noqa: PLR0913 - all but two of them are options
    output: Path,
    *,
    deals: int,
    seed: int = 1,
    flaws: bool = True,
    file_format: Literal["parquet", "csv"] = "parquet",
    replace: bool = False,
    proportions: Proportions | None = None,
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
                _prepare(connection, deals, seed, proportions or Proportions())
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


def write_sample(project_dir: Path) -> dict[str, int]:
    """Write the sample that the project ships, seeds/sample/*.csv: flaws included, 1.4 MB at most.

    Args:
        project_dir: The root of the dbt project.

    Returns:
        The number of rows written for each table.
    """
    return generate(
        project_dir / "seeds" / "sample",
        deals=SAMPLE_DEALS,
        seed=SAMPLE_SEED,
        file_format="csv",
        replace=True,
        proportions=SAMPLE_PROPORTIONS,
    )


def table_flaws(name: str) -> list[Flaw]:
    """All ways in which a row of a raw table can be wrong.

    Args:
        name: The raw table.

    Returns:
        The flaws in the order in which they are used: first one of each kind, then the next column of each.
    """
    table = _contract()[name]
    by_kind: dict[str, list[Flaw]] = {}
    for flaw in _all_flaws(table):
        by_kind.setdefault(flaw.kind, []).append(flaw)
    longest = max(len(same_kind) for same_kind in by_kind.values())
    # Each table starts with another column, so that the small sample shows many.
    shift = list(_contract()).index(name)
    return [
        same_kind[(turn + shift) % len(same_kind)]
        for turn in range(longest)
        for same_kind in by_kind.values()
        if turn < len(same_kind)
    ]


def _all_flaws(table: _Table) -> Iterator[Flaw]:
    yield from _column_flaws(table)
    yield from _check_flaws(table)
    yield from _text_flaws(table)
    yield from _money_flaws(table)
    yield from _duplicates(table)


def _column_flaws(table: _Table) -> Iterator[Flaw]:
    for column in table.columns:
        name = column.name
        rejects = column.rejects_row
        if column.required:
            yield Flaw("missing_value", name, {name: "null"}, is_extra=True)
        if column.data_type != "text":
            values = {name: _UNREADABLE[column.data_type]}
            yield Flaw("wrong_type", name, values, is_extra=rejects, needs_text=True)
        if column.data_type in ("date", "timestamp"):
            for day in _IMPOSSIBLE_DAYS:
                yield Flaw("impossible_day", name, {name: f"{column.data_type} '{day}'"}, is_extra=rejects)
        if column.values:
            yield Flaw("not_accepted", name, {name: "'unheard_of'"}, is_extra=rejects)
            value = f"coalesce({name}, '{column.values[0]}')"
            yield Flaw("other_case", name, {name: f"upper({value}[1]) || {value}[2:]"})
        if column.references:
            yield Flaw("unknown_reference", name, {name: "'gone-' || n"})


def _check_flaws(table: _Table) -> Iterator[Flaw]:
    for reason in table.row_checks:
        yield Flaw(reason, values=_BROKEN_CHECKS[table.name, reason], is_extra=True)
    for column, reason in table.value_checks:
        yield Flaw(reason, column, _BROKEN_CHECKS[table.name, reason])


def _text_flaws(table: _Table) -> Iterator[Flaw]:
    for column in table.columns:
        if column.data_type == "text" and column.name not in table.key:
            # where nothing stands, only blanks do
            value = f"'  ' || coalesce({column.name}, '') || ' '"
            yield Flaw("surrounding_blanks", column.name, {column.name: value})
            if not column.required:
                yield Flaw("empty_text", column.name, {column.name: "''"})
    for column_name in _HOSTILE_COLUMNS.get(table.name, ()):
        for text in _HOSTILE_TEXTS:
            quoted = text.replace("'", "''")
            yield Flaw("hostile_text", column_name, {column_name: f"'{quoted}'"})


def _money_flaws(table: _Table) -> Iterator[Flaw]:
    # In exchange_rates itself another currency would be a rate for it.
    if "currency" in {column.name for column in table.columns} and table.name != "exchange_rates":
        yield Flaw("currency_without_rate", "currency", {"currency": "'XAU'"})
        yield Flaw("amount_without_currency", "currency", {"currency": "null"})


def _duplicates(table: _Table) -> Iterator[Flaw]:
    yield Flaw("exact_copy", is_extra=True, keeps_key=True)
    if table.latest_by:
        values = {table.latest_by: f"{table.latest_by} - interval 40 day", **_OLDER_VERSIONS[table.name]}
        yield Flaw("older_version", values=values, is_extra=True, keeps_key=True)
    # Without a time of update the order of lines says which of two versions wins, so one of them is invalid.
    for column in table.columns:
        if column.required and column.name not in table.key:
            yield Flaw("invalid_version", column.name, {column.name: "null"}, is_extra=True, keeps_key=True)


def _prepare(connection: duckdb.DuckDBPyConnection, deals: int, seed: int, proportions: Proportions) -> None:
    """Make what the SQL of all tables refers to."""
    sizes = _sizes(deals, seed, proportions)
    for name, value in sizes.items():
        connection.execute(f"create macro {name}() as {value}")
    # A table is read by several threads at once, range() by one.
    most = max(value for name, value in sizes.items() if name.startswith("n_"))
    connection.execute(f"create table numbers as select i from range(1, {most} + 1) as numbers(i)")
    connection.execute((_SQL_DIR / "_words.sql").read_text(encoding="utf-8"))
    forms = ", ".join(["w", *_flawed_words()])
    connection.execute(f"""
        create type word as enum (
            select distinct form
            from (select unnest([{forms}]) as form from (select unnest(words() || [null]) as w))
            where form is not null
            order by form
        )
    """)
    connection.execute((_SQL_DIR / "_macros.sql").read_text(encoding="utf-8"))


def _flawed_words() -> list[str]:
    """SQL for all that a flaw can make of a word `w`."""
    forms = {
        re.sub(rf"\b{column.name}\b(?!')", "w", flaw.values[column.name])
        for table in _contract().values()
        for flaw in table_flaws(table.name)
        for column in table.columns
        # references are no words: unknown ones are without number
        if column.data_type == "text" and column.name in flaw.values and not column.references
    }
    return sorted(forms)


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
    order = [
        *((drop, name) for name in names),
        *((make, name) for name in _READ_BY_OTHERS),
        *((step, name) for name in _FILE_ORDER for step in (write, make)),
    ]

    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    try:
        _run(steps, order, pool, workers)
        return {name: rows[name] for name in _contract()}
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
        "n_users": 20 * max(2, round(deals**0.4 / 20)),
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
    _plan_versions(connection, usable)
    # To count a view would be to plan it once more: it stands for many rows.
    rows = _MANY_ROWS if is_view else _count(connection, name)
    drawn = _draw_flaws(connection, name, usable, rows)
    # Many rows are written in the order in which they are made, as sorting takes a fifth of the time.
    is_sorted = as_text or rows < _MANY_ROWS
    # Not by describe, which would plan a view once more: that costs a fifth of a second.
    words = connection.execute(
        f"select column_name from duckdb_columns() where table_name = '{name}' and data_type like 'ENUM%'"
    ).fetchall()
    query = _file_query(
        name, drawn, usable, {column for (column,) in words}, as_text=as_text, is_sorted=is_sorted
    )
    quoted = str(path).replace("'", "''")
    return connection.execute(f"copy ({query}) to '{quoted}' ({_FILE_OPTIONS[path.suffix]})").fetchall()[0][0]


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """The number of a table's rows, up to _MANY_ROWS."""
    rows = connection.execute(f"select count(*) from (select n from {name} limit {_MANY_ROWS})").fetchall()
    return rows[0][0]


def _plan_versions(connection: duckdb.DuckDBPyConnection, flaws: list[Flaw]) -> None:
    """Make the table flaw_versions: which rows to write for a row with a flaw.

    A flaw has its number, from 1. A row with a flaw in place is written once, any other without and with it.
    """
    connection.execute("create temp table flaw_versions (drawn_flaw integer, flaw integer)")
    versions = [f"({number}, {number})" for number in range(1, len(flaws) + 1)]
    versions += [f"({number}, null)" for number, flaw in enumerate(flaws, start=1) if flaw.is_extra]
    if versions:
        connection.execute(f"insert into flaw_versions values {', '.join(versions)}")


def _draw_flaws(connection: duckdb.DuckDBPyConnection, name: str, flaws: list[Flaw], rows: int) -> str:
    """Choose the rows that get a flaw.

    Args:
        connection: Where the tables are.
        name: The raw table.
        flaws: The flaws to use.
        rows: The number of the table's rows, counted up to _MANY_ROWS.

    Returns:
        The query of the table with the column drawn_flaw.
    """
    if not flaws:
        return f"select *, null::integer as drawn_flaw from {name}"
    if rows == _MANY_ROWS:
        # Among many rows chance meets every flaw, and nothing must be counted or sorted.
        return f"""
            select
                *,
                case when u('flaws.{name}', n) < {FLAWED_SHARE}
                    then 1 + floor({len(flaws)} * u('flaws.{name}.kind', n))::integer
                end as drawn_flaw
            from {name}
        """
    kinds = len({flaw.kind for flaw in flaws})
    connection.execute(f"""
        create temp table flaw_plan as
        select n, 1 + (row_number() over (order by u('flaws.{name}', n), n) - 1) % {len(flaws)} as drawn_flaw
        from {name}
        order by u('flaws.{name}', n), n
        limit {max(kinds, round(FLAWED_SHARE * rows))}
    """)
    return f"select {name}.*, drawn_flaw from {name} left join flaw_plan on {name}.n = flaw_plan.n"


def _file_query(  # noqa: PLR0913 - all are one statement's parts
    name: str, drawn: str, flaws: list[Flaw], words: set[str], *, as_text: bool, is_sorted: bool
) -> str:
    """The query of what a table's file holds, from the query of its rows and the flaws drawn for them.

    The columns `words` are of the type word.
    """
    table = _contract()[name]
    typed = ",\n".join(
        _with_flaws(
            column.name,
            column.name,
            _replacements(table, column, flaws, as_text=False),
            is_word=column.name in words,
        )
        for column in table.columns
    )
    written = ",\n".join(
        _with_flaws(column.name, _as_text(column), _replacements(table, column, flaws, as_text=True))
        if as_text
        else column.name
        for column in table.columns
    )
    return f"""
        with

        drawn as ({drawn}),

        versions as (
            select drawn.*, flaw_versions.flaw
            from drawn
            left join flaw_versions on drawn.drawn_flaw = flaw_versions.drawn_flaw
        ),

        typed as (
            select n, flaw, {typed}
            from versions
        ),

        written as (
            select n as row_n, flaw as row_flaw, {written}
            from typed
        )

        select {", ".join(column.name for column in table.columns)}
        from written
        {"order by row_n, row_flaw nulls first" if is_sorted else ""}
    """


def _replacements(table: _Table, column: _Column, flaws: list[Flaw], *, as_text: bool) -> dict[int, str]:
    """What to write instead of a column's value: SQL by the number of the flaw."""
    replacements = {}
    for number, flaw in enumerate(flaws, start=1):
        if flaw.needs_text == as_text and column.name in flaw.values:
            replacements[number] = flaw.values[column.name]
        elif not as_text and flaw.is_extra and not flaw.keeps_key and table.key == (column.name,):
            # an id of its own; where the key has several columns, the row is invalid under its original's key
            replacements[number] = f"{column.name} || 'x'"
    return replacements


def _with_flaws(name: str, value: str, replacements: dict[int, str], *, is_word: bool = False) -> str:
    if not replacements:
        return f"{value} as {name}"
    cases = " ".join(f"when {number} then {sql}" for number, sql in replacements.items())
    # 99 of 100 rows have no flaw: one look at them is enough.
    flawed = f"case flaw {cases} else {value} end"
    if is_word:
        flawed = f"cast({flawed} as word)"
    return f"case when flaw is null then {value} else {flawed} end as {name}"


def _as_text(column: _Column) -> str:
    """SQL for a value as different systems write it to CSV."""
    name = column.name
    if column.data_type == "timestamp":
        return f"""
            case
                when {name} is null then null
                when u('format.{name}', n) < 0.02
                    then strftime({name} + interval 2 hour, '%Y-%m-%dT%H:%M:%S+02:00')
                when u('format.{name}', n) < 0.1 then strftime({name}, '%Y-%m-%dT%H:%M:%S')
                else strftime({name}, '%Y-%m-%dT%H:%M:%SZ')
            end"""
    if column.data_type == "boolean":
        return f"""
            case
                when {name} is null then null
                when u('format.{name}', n) < 0.1 then if({name}, 'yes', 'no')
                when u('format.{name}', n) < 0.3 then upper({name}::varchar)
                else {name}::varchar
            end"""
    return f"{name}::varchar"


def _raw_files(directory: Path) -> list[Path]:
    return [directory / f"{name}.{suffix}" for name in _contract() for suffix in _FORMATS]
