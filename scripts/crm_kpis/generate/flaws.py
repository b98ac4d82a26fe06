"""The ways in which a row of a raw table can be wrong, and the SQL that writes such rows.

What makes the pipeline reject a row is in an extra row, so that no other row loses what it refers to; what
costs a row a value is in the row itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb

from crm_kpis.raw.contract import RawColumn, RawTable, read_contract

FLAWED_SHARE = 0.01


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
    ("deals", "created_after_closed"): {"status": "'lost'", "closed_at": "created_at - interval 1 day"},
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
    "products": ("category",),
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


def _table(name: str) -> RawTable:
    return next(table for table in read_contract() if table.name == name)


def table_flaws(name: str) -> list[Flaw]:
    """All ways in which a row of a raw table can be wrong.

    Args:
        name: The raw table.

    Returns:
        The flaws in the order in which they are used: first one of each kind, then the next column of each.
    """
    table = _table(name)
    by_kind: dict[str, list[Flaw]] = {}
    for flaw in _all_flaws(table):
        by_kind.setdefault(flaw.kind, []).append(flaw)
    longest = max(len(same_kind) for same_kind in by_kind.values())
    # Each table starts with another column, so that the small sample shows many.
    shift = [other.name for other in read_contract()].index(name)
    return [
        same_kind[(turn + shift) % len(same_kind)]
        for turn in range(longest)
        for same_kind in by_kind.values()
        if turn < len(same_kind)
    ]


def _all_flaws(table: RawTable) -> Iterator[Flaw]:
    yield from _column_flaws(table)
    yield from _check_flaws(table)
    yield from _text_flaws(table)
    yield from _money_flaws(table)
    yield from _duplicates(table)


def _column_flaws(table: RawTable) -> Iterator[Flaw]:
    for column in table.columns:
        name = column.name
        rejects = column.required or column.rejects_row or (table.name, name) in _ALSO_REJECTS
        if column.required:
            yield Flaw("missing_value", name, {name: "null"}, is_extra=True)
        if column.data_type != "text":
            values = {name: _UNREADABLE[column.data_type]}
            yield Flaw("wrong_type", name, values, is_extra=rejects, needs_text=True)
        if column.data_type in ("date", "timestamp"):
            for day in _IMPOSSIBLE_DAYS:
                yield Flaw("impossible_day", name, {name: f"{column.data_type} '{day}'"}, is_extra=rejects)
        if column.accepts:
            yield Flaw("not_accepted", name, {name: "'unheard_of'"}, is_extra=rejects)
            value = f"coalesce({name}, '{column.accepts[0]}')"
            yield Flaw("other_case", name, {name: f"upper({value}[1]) || {value}[2:]"})
        if column.references:
            yield Flaw("unknown_reference", name, {name: "'gone-' || n"})


def _check_flaws(table: RawTable) -> Iterator[Flaw]:
    for reason in table.row_checks:
        yield Flaw(reason, values=_BROKEN_CHECKS[table.name, reason], is_extra=True)
    for column, reason in table.value_checks:
        yield Flaw(reason, column, _BROKEN_CHECKS[table.name, reason])


def _text_flaws(table: RawTable) -> Iterator[Flaw]:
    for column in table.columns:
        if column.data_type == "text" and column.name not in table.key:
            # an empty value becomes blanks only
            value = f"'  ' || coalesce({column.name}, '') || ' '"
            yield Flaw("surrounding_blanks", column.name, {column.name: value})
            if not column.required:
                yield Flaw("empty_text", column.name, {column.name: "''"})
    for column_name in _HOSTILE_COLUMNS.get(table.name, ()):
        for text in _HOSTILE_TEXTS:
            quoted = text.replace("'", "''")
            yield Flaw("hostile_text", column_name, {column_name: f"'{quoted}'"})


def _money_flaws(table: RawTable) -> Iterator[Flaw]:
    # In exchange_rates itself another currency would be a rate for it.
    if "currency" in {column.name for column in table.columns} and table.name != "exchange_rates":
        yield Flaw("currency_without_rate", "currency", {"currency": "'XAU'"})
        yield Flaw("amount_without_currency", "currency", {"currency": "null"})


def _duplicates(table: RawTable) -> Iterator[Flaw]:
    yield Flaw("exact_copy", is_extra=True, keeps_key=True)
    if table.latest_by:
        values = {table.latest_by: f"{table.latest_by} - interval 40 day", **_OLDER_VERSIONS[table.name]}
        yield Flaw("older_version", values=values, is_extra=True, keeps_key=True)
    # Without a time of update the order of lines says which of two versions wins, so one of them is invalid.
    for column in table.columns:
        if column.required and column.name not in table.key:
            yield Flaw("invalid_version", column.name, {column.name: "null"}, is_extra=True, keeps_key=True)


def flawed_words() -> list[str]:
    """SQL for all that a flaw can make of a word `w`."""
    forms = {
        re.sub(rf"\b{column.name}\b(?!')", "w", flaw.values[column.name])
        for table in read_contract()
        for flaw in table_flaws(table.name)
        for column in table.columns
        # references are no words: unknown ones are without number
        if column.data_type == "text" and column.name in flaw.values and not column.references
    }
    return sorted(forms)


def plan_versions(connection: duckdb.DuckDBPyConnection, flaws: list[Flaw]) -> None:
    """Make the table flaw_versions: which rows to write for a row with a flaw.

    A flaw has its number, from 1. A row with a flaw in place is written once, any other without and with it.
    """
    connection.execute("create temp table flaw_versions (drawn_flaw integer, flaw integer)")
    versions = [f"({number}, {number})" for number in range(1, len(flaws) + 1)]
    versions += [f"({number}, null)" for number, flaw in enumerate(flaws, start=1) if flaw.is_extra]
    if versions:
        connection.execute(f"insert into flaw_versions values {', '.join(versions)}")


def draw_flaws(connection: duckdb.DuckDBPyConnection, name: str, flaws: list[Flaw], rows: int | None) -> str:
    """Choose the rows that get a flaw.

    Args:
        connection: Where the tables are.
        name: The raw table.
        flaws: The flaws to use.
        rows: The number of the table's rows; None for many.

    Returns:
        The query of the table with the column drawn_flaw.
    """
    if not flaws:
        return f"select *, null::integer as drawn_flaw from {name}"
    if rows is None:
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


def file_query(  # noqa: PLR0913 - all are one statement's parts
    name: str, drawn: str, flaws: list[Flaw], words: set[str], *, as_text: bool, is_sorted: bool
) -> str:
    """The query of what a table's file holds, from the query of its rows and the flaws drawn for them.

    The columns `words` are of the type word.
    """
    table = _table(name)
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


def _replacements(table: RawTable, column: RawColumn, flaws: list[Flaw], *, as_text: bool) -> dict[int, str]:
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


def _as_text(column: RawColumn) -> str:
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
