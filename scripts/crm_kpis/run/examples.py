"""Rows as they came behind what the gate found, and what their values look like, without personal data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.printable import printable
from crm_kpis.published.connect import OFFLINE
from crm_kpis.raw.contract import RawColumn, read_contract
from crm_kpis.raw.formats import FORMATS_FILE, MONTHS, OTHER_MARK, WORDS_FILE
from crm_kpis.raw.personal_keys import TABLE as PERSONAL_VALUES
from crm_kpis.raw.personal_keys import without_contact_details
from crm_kpis.raw.raw_directory import SCHEMA as RAW_SCHEMA
from crm_kpis.run.gate import Finding
from crm_kpis.sql import quote_text

_SHOWN_ROWS = 3
_LOOKED_AT = 1000
_LONGEST_TEXT = 160
_EXPECTED_FORMS = {
    "integer": "a whole number, such as 12",
    "decimal": "a number with a dot, such as 1234.50",
    "decimal comma": "a number with a comma, such as 1234,50",
    "boolean": "true or false",
    "date": "a day, such as 2026-06-30",
    "timestamp": "a time, such as 2026-06-30T14:05:00Z",
}
_DAY = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2}|\d{4})(\D.*)?")
_NAMED_DAY = re.compile(r"\d{1,2}\.?[ -]*([^\W\d_]{3,9})\.?[ -]*\d{2,4}\b.*")
_NAMED_MONTH = re.compile(r"([^\W\d_]{3,9})\.? +\d{1,2}(st|nd|rd|th)?,? +\d{4}\b.*")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}([. '\u2019\u00a0\u202f]\d{3})+|\d+)(,\d+)?-?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?-?")
_PLAIN_NUMBER = re.compile(r"[+-]?\d*\.?\d+")
_WITH_UNIT = re.compile(r"(\D{1,4}?) ?[+-]?\d[\d., ]*|[+-]?\d[\d., ]*?( ?[^\d\s.,-]{1,4})")
# Words of other systems that can hardly mean anything else.
_USUAL_WORDS = {
    "won": ("gewonnen", "closed won", "abgeschlossen gewonnen", "erfolgreich", "gagné", "ganado"),
    "lost": ("verloren", "closed lost", "abgeschlossen verloren", "abgelehnt", "perdu", "perdido"),
    "open": ("offen", "in bearbeitung", "in progress", "laufend", "neu", "new", "ouvert", "abierto"),
    "true": ("ja", "wahr", "j", "oui", "si", "sí", "y", "x"),
    "false": ("nein", "falsch", "n", "non"),
}
_MEANINGS = {word: value for value, words in _USUAL_WORDS.items() for word in words}
_MOST_WORDS = 12
_CURRENCY_CODE = re.compile("[A-Z]{3}")
# Signs and words that can mean no other currency.
_CURRENCIES = {
    "€": "EUR",
    "EURO": "EUR",
    "EUROS": "EUR",
    "£": "GBP",
    "US$": "USD",
    "SFR": "CHF",
    "SFR.": "CHF",
}
_YEAR_FIRST = re.compile(r"(19|20)\d{2}([./]\d{1,2}[./]\d{1,2}|\d{4})([ T].*)?")
_SERIAL = re.compile(r"[2-6]\d{4}([.,]\d+)?")
_OWN_COLUMNS = """
select raw_table, column_name, coalesce(data_type, 'text'), coalesce(is_personal, 'no') = 'yes'
from settings.own_columns
"""
# A row without a table is for all tables that have no decimal mark of their own.
_DECIMAL_MARKS = """
select coalesce(raw_table, ''), decimal_mark
from settings.raw_formats
where decimal_mark is not null
"""
_EXPECTED_OF_REASON = {
    "duplicate_key": "each key once: the latest row counts",
    "reserved_value": "another key than (none) and (unknown)",
    "no_exchange_rate": "a currency with a rate on that day in exchange_rates",
}
_CONDITIONS = {
    (table.name, reason): condition
    for table in read_contract()
    for reason, condition in table.conditions.items()
}


@dataclass(frozen=True)
class Form:
    """What invalid values look like.

    Attributes:
        description: The form, with one value and how the contract has it.
        file: The file of the settings by which they are read as they are; None where no setting helps.
        lines: Its header and the lines to add.
    """

    description: str
    file: str | None = None
    lines: tuple[str, ...] = ()


def add_examples(warehouse: Path, findings: list[Finding]) -> list[Finding]:
    """The findings with up to three rows as they came, where a rule is about rows.

    Args:
        warehouse: The DuckDB file that was built.
        findings: What the gate found.
    """
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute(f"attach {quote_text(str(warehouse))} as warehouse (read_only)")
        connection.execute("use warehouse")
        return [
            replace(finding, examples=_EXAMPLES[finding.rule](connection, finding))
            if finding.rule in _EXAMPLES
            else finding
            for finding in findings
        ]


def read_columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], RawColumn]:
    """The columns of the raw contract and the company's own, by table and name."""
    own = connection.execute(_OWN_COLUMNS).fetchall()
    columns = {
        (table, name): RawColumn(name, data_type, required=False, is_personal=is_personal, is_own=True)
        for table, name, data_type, is_personal in own
    } | {(table.name, column.name): column for table in read_contract() for column in table.columns}
    marks: dict[str, str] = dict(connection.execute(_DECIMAL_MARKS).fetchall())
    return {
        (table, name): replace(column, decimal_mark=marks.get(table, marks.get("", "dot")))
        for (table, name), column in columns.items()
    }


def find_names(connection: duckdb.DuckDBPyConnection, values: Collection[str | None]) -> set[str]:
    """Those of the values that a personal column has, too.

    Args:
        connection: To the warehouse.
        values: Values as they came.
    """
    given = {value.strip().lower(): value for value in values if value}
    if not given:
        return set()
    rows = connection.execute(
        f"select personal_value from {RAW_SCHEMA}.{PERSONAL_VALUES}"
        " where personal_value in (select unnest(cast(? as varchar[])))",
        [list(given)],
    ).fetchall()
    found = {name for (name,) in rows}
    return {value for value in values if value and value.strip().lower() in found}


def describe_expected(column: RawColumn) -> str:
    """The form that a column's values must have, in words.

    >>> describe_expected(RawColumn("amount", "decimal", required=False))
    'a number with a dot, such as 1234.50'
    >>> describe_expected(RawColumn("amount", "decimal", required=False, decimal_mark="comma"))
    'a number with a comma, such as 1234,50'
    """
    if column.accepts:
        return f"one of {', '.join(column.accepts)}"
    has_comma = column.data_type == "decimal" and column.decimal_mark == "comma"
    return _EXPECTED_FORMS.get("decimal comma" if has_comma else column.data_type, "a text")


def describe_rejection(table: str, column: RawColumn | None, reason: str, value: str | None) -> str:
    """What was rejected and what would not have been, without personal data.

    Args:
        table: The raw table.
        column: The column; None where the reason lies in the whole row.
        reason: Why.
        value: The value as it came, or the key of the row.

    >>> amount = RawColumn("amount", "decimal", required=False)
    >>> describe_rejection("deals", amount, "invalid_value", "12,50")
    "'12,50'; expected a number with a dot, such as 1234.50"
    """
    shown = "nothing" if value is None else f"'{_mask(value)}'"
    if column is not None and column.is_personal:
        shown = "(personal)"
    condition = _CONDITIONS.get((table, reason))
    if condition:
        return f"{shown}; expected not: {condition}"
    if reason in _EXPECTED_OF_REASON:
        return f"{shown}; expected {_EXPECTED_OF_REASON[reason]}"
    expected = describe_expected(column) if column else ""
    return f"{shown}; expected {expected}" if expected else shown


def guess_form(values: list[str], column: RawColumn, table: str) -> Form | None:
    """Name the form that most of the invalid values of a column have, and the setting that reads it.

    Args:
        values: Invalid values.
        column: Their column.
        table: Its raw table.

    Returns:
        The form; None where there is none that is known.

    >>> guess_form(["31.01.2026", "05.02.2026"], RawColumn("paid_at", "timestamp", required=False), "orders")
    Form(description='day first dates (31.01.2026): write 2026-01-31', file='raw_formats.csv', \
lines=('raw_table,date_format', 'orders,day_first'))
    """
    stripped = [value.strip() for value in values if value.strip()]
    if column.accepts or column.data_type == "boolean":
        return _guess_words(stripped, column, table)
    guess = _GUESSES.get(column.data_type)
    found = guess(stripped) if guess and stripped else None
    if found is None:
        return None
    description, field, value = found
    if field is None:
        return Form(description)
    return Form(description, FORMATS_FILE, (f"raw_table,{field}", f"{table},{value}"))


def _guess_words(values: list[str], column: RawColumn, table: str) -> Form | None:
    words = sorted(set(values))
    if not words or len(words) > _MOST_WORDS:
        return None
    accepted = column.accepts or ("true", "false")
    shown = ", ".join(printable(word)[:30] for word in words)
    lines = ["raw_table,column_name,word,accepted_value"]
    for word in words:
        meaning = _MEANINGS.get(word.lower())
        value = meaning if meaning in accepted else f"<one of {', '.join(accepted)}>"
        lines.append(f"{table},{column.name},{_csv_field(printable(word))},{value}")
    description = f"words of another system ({shown}): map each to one of {', '.join(accepted)}"
    return Form(description, WORDS_FILE, tuple(lines))


def _csv_field(text: str) -> str:
    if not set(text) & set(',;"|\t'):
        return text
    return '"' + text.replace('"', '""') + '"'


_Guess = tuple[str, "str | None", "str | None"]


def _guess_day(values: list[str]) -> _Guess | None:
    matches = [match for match in map(_DAY.fullmatch, values) if match]
    if len(matches) * 2 > len(values):
        days, months = (max(int(match[part]) for match in matches) for part in (1, 2))
        sample = max(matches, key=lambda match: max(int(match[1]), int(match[2])))
        day, month, year = sample[1], sample[2], sample[3]
        if days > 12 >= months:
            form, setting = "day first", "day_first"
        elif months > 12 >= days:
            form, setting, day, month = "month first", "month_first", month, day
        else:
            what = f"dates whose day and month can't be told apart ({sample[0]}): write 2026-01-31"
            return what, "date_format", "<day_first or month_first>"
        century = "20" if len(year) == 2 else ""
        what = f"{form} dates ({sample[0]}): write {century}{year}-{int(month):02}-{int(day):02}"
        return what, "date_format", setting
    for pattern, setting in ((_NAMED_DAY, "day_first"), (_NAMED_MONTH, "month_first")):
        named = [
            value
            for value in values
            if (match := pattern.fullmatch(value)) and match[1].lower()[:3] in MONTHS
        ]
        if len(named) * 2 > len(values):
            return f"dates with the name of the month ({named[0]}): write 2026-01-31", "date_format", setting
    turned = [value for value in values if _YEAR_FIRST.fullmatch(value.strip())]
    if len(turned) * 2 > len(values):
        return f"days with the year first ({turned[0]}): write 2026-01-31", "date_format", "year_first"
    serials = [value for value in values if _SERIAL.fullmatch(value)]
    if len(serials) * 2 > len(values):
        what = f"days as Excel counts them ({serials[0]}): format the column as a date of the form 2026-01-31"
        return what, "date_format", "excel"
    return None


def _guess_number(values: list[str]) -> _Guess | None:
    dots = [value.removesuffix(OTHER_MARK) for value in values if value.endswith(OTHER_MARK)]
    commas = [value for value in values if _DECIMAL_COMMA.fullmatch(value)]
    thousands = [value for value in values if _THOUSANDS.fullmatch(value)]
    units = [value for value in values if _WITH_UNIT.fullmatch(value)]
    if len(dots) * 2 > len(values):
        what = f"numbers with a decimal dot ({dots[0]}), where {FORMATS_FILE} says comma"
        return what, "decimal_mark", "dot"
    if len(thousands) * 2 > len(values) and len(thousands) >= len(commas):
        what = f"commas between thousands ({thousands[0]}): write digits and a dot"
        return what, "decimal_mark", "dot"
    if len(commas) * 2 > len(values):
        what = f"numbers with a decimal comma ({commas[0]}): write a dot, and none between thousands"
        return what, "decimal_mark", "comma"
    if len(units) * 2 > len(values):
        what = f"numbers with a sign or unit beside them ({units[0]}): export the number alone"
        # It is not cut off: an amount in dollars would count as one in the company's own currency.
        return f"{what}, and a currency as its code in the column currency", None, None
    return None


_GUESSES: dict[str, Callable[[list[str]], _Guess | None]] = {
    "date": _guess_day,
    "timestamp": _guess_day,
    "decimal": _guess_number,
    "integer": _guess_number,
}


def _show_rejected_rows(connection: duckdb.DuckDBPyConnection, finding: Finding) -> tuple[str, ...]:
    (worst,) = connection.execute(
        "select struct_pack(column_name, reason) from main.rejected_rows where raw_table = ?"
        " group by all order by count(*) desc, 1 limit 1",
        [finding.subject],
    ).fetchall()
    columns = read_columns(connection)
    column_name, reason = worst[0]["column_name"], worst[0]["reason"]
    rows = connection.execute(
        "select row_number, raw_row from main.rejected_rows"
        " where raw_table = ? and column_name is not distinct from ? and reason = ? order by row_number"
        " limit ?",
        [finding.subject, column_name, reason, _LOOKED_AT],
    ).fetchall()
    what = f"{reason} of {column_name}" if column_name else reason
    shown = [(number, json.loads(text)) for number, text in rows[:_SHOWN_ROWS]]
    names = find_names(connection, [str(value) for _, row in shown for value in row.values()])
    lines = [
        f"line {number}, {what}: {_show_row(columns, finding.subject, row, names)}" for number, row in shown
    ]
    if column_name:
        table = finding.subject or ""
        # A row has one reason, but who mends one column wants to know of the others that need it.
        others = [column for (of, name), column in columns.items() if of == table and name != column_name]
        columns_of_rows = []
        for column in (columns[table, column_name], *others):
            values = [str(value) for _, text in rows if (value := json.loads(text).get(column.name))]
            invalid = values if column.name == column_name else _find_invalid(column, values)
            people = find_names(connection, invalid)
            columns_of_rows.append((column, [value for value in invalid if value not in people]))
        lines += _describe_forms(table, columns_of_rows)
    return (*lines, *_explain(columns, finding.subject or "", column_name, reason))


def _explain(
    columns: dict[tuple[str, str], RawColumn], table: str, column_name: str | None, reason: str
) -> Iterator[str]:
    """The condition of a check, and what the columns hold that it names; of a missing value, its column."""
    condition = _CONDITIONS.get((table, reason), "")
    if condition:
        yield f"Expected not: {condition}."
    for (of, name), column in columns.items():
        is_missing = reason == "missing_value" and name == column_name
        # A check reads the day of created_at as created_on.
        is_named = re.search(rf"\b({name}|{name.removesuffix('_at')}_on)\b", condition)
        if of == table and (is_missing or is_named):
            yield f"What {name} holds: {column.description}"


def _find_invalid(column: RawColumn, values: list[str]) -> list[str]:
    """The values that a column can't hold. Days are all kept: guess_form knows the right form from others."""
    if column.accepts:
        return [value for value in values if value.strip().lower() not in column.accepts]
    if column.data_type in ("decimal", "integer"):
        return [value for value in values if not _PLAIN_NUMBER.fullmatch(value.strip())]
    return values if column.data_type in ("date", "timestamp") else []


def _show_lost_values(connection: duckdb.DuckDBPyConnection, finding: Finding) -> tuple[str, ...]:
    rows = connection.execute(
        "select row_number, reason, raw_value from main.rejected_values"
        " where raw_table = ? and column_name = ? order by row_number limit ?",
        [finding.subject, finding.column, _LOOKED_AT],
    ).fetchall()
    columns = read_columns(connection)
    column = columns[finding.subject or "", finding.column or ""]
    names = find_names(connection, [value for *_, value in rows])
    lines = [
        f"line {number}, {reason}: {_show_value(column, value, names)}"
        for number, reason, value in rows[:_SHOWN_ROWS]
    ]
    invalid = [
        value
        for _, reason, value in rows
        if reason in ("invalid_value", "not_accepted") and value not in names
    ]
    if invalid:
        lines += _describe_forms(finding.subject or "", [(column, invalid)])
    for reason in dict.fromkeys(reason for _, reason, _ in rows):
        lines += _explain(columns, finding.subject or "", finding.column, reason)
    lacking = sorted({value.split()[-1] for _, reason, value in rows if reason == "no_exchange_rate"})
    return (*lines, *_tell_currencies(finding.subject or "", lacking))


def _tell_currencies(table: str, lacking: list[str]) -> Iterator[str]:
    """The settings that read words for currencies, and the file with the rates of codes."""
    words = [word for word in lacking if not _CURRENCY_CODE.fullmatch(word)]
    if words:
        yield f"To read them as codes of currencies, write into {WORDS_FILE} of the settings:"
        yield "  raw_table,column_name,word,accepted_value"
        for word in words:
            yield f"  {table},currency,{_csv_field(_mask(word))},{_CURRENCIES.get(word, '<code>')}"
    codes = [code for code in lacking if code not in words]
    if len(codes) == 1:
        yield f"If your money is in {codes[0]}, write reporting_currency: {codes[0]} into settings.yml."
    if codes:
        yield "Write what one is worth in the reporting currency into exchange_rates.csv beside the tables:"
        yield "  currency,valid_from,rate"
        for code in codes:
            yield f"  {_mask(code)},<first day>,<rate>"


def _show_unmatched(connection: duckdb.DuckDBPyConnection, finding: Finding) -> tuple[str, ...]:
    column = read_columns(connection)[finding.subject or "", finding.column or ""]
    table = next(table for table in read_contract() if table.name == column.references)
    rows = connection.execute(
        f"select _row_number, {column.name} from main.stg_{finding.subject} as rows_of"
        f" where {column.name} is not null and not exists (select 1 from main.stg_{table.name} as held"
        f" where held.{table.key[0]} = rows_of.{column.name}) order by _row_number limit {_SHOWN_ROWS}"
    ).fetchall()
    held = connection.execute(
        f"select {table.key[0]} from main.stg_{table.name} order by _row_number limit {_SHOWN_ROWS}"
    ).fetchall()
    keys = ", ".join(_mask(str(key)) for (key,) in held)
    return (
        *(f"line {number}: {_mask(str(value))}" for number, value in rows),
        f"{table.name} has {keys}",
    )


def _describe_forms(table: str, invalid: list[tuple[RawColumn, list[str]]]) -> list[str]:
    """What invalid values look like, and the settings that read them as they are.

    Args:
        table: The raw table.
        invalid: Columns with invalid values, first the one that the finding is about.
    """
    forms = [
        (column, form)
        for column, values in invalid
        if not column.is_personal and (form := guess_form(values, column, table))
    ]
    found = {
        column.name: f"The values of {column.name} look like {form.description}." for column, form in forms
    }
    first = invalid[0][0]
    lines = [found.pop(first.name)] if first.name in found else []
    if not first.is_personal:
        lines.append(f"Expected: {describe_expected(first)}.")
    lines += found.values()
    for file in dict.fromkeys(form.file for _, form in forms if form.file):
        lines.append(f"To read them as they are, write into {file} of the settings:")
        lines += [
            f"  {line}" for line in _merge_lines([form.lines for _, form in forms if form.file == file])
        ]
    return lines


def _merge_lines(settings: list[tuple[str, ...]]) -> list[str]:
    """The lines of a settings file for a table, each a header and rows, as one file.

    >>> _merge_lines([("raw_table,date_format", "deals,excel"), ("raw_table,decimal_mark", "deals,comma")])
    ['raw_table,date_format,decimal_mark', 'deals,excel,comma']
    """
    header = settings[0][0]
    if header.count(",") > 1:  # value_words.csv has a row for each word
        return [header, *(line for _, *lines in settings for line in lines)]
    fields: dict[str, str] = {}
    for columns, row in settings:
        (table, value), field = row.split(","), columns.split(",")[1]
        if fields.get(field, "<").startswith("<"):  # of two columns, one may tell what the other can't
            fields[field] = value
    return [",".join(("raw_table", *fields)), ",".join((table, *fields.values()))]


def _show_row(
    columns: dict[tuple[str, str], RawColumn], table: str | None, row: dict[str, Any], names: set[str]
) -> str:
    """A raw row as JSON, without what is personal or missing, cut where it is long."""
    values = {
        name: _show_value(columns[table or "", name], str(value), names)
        for name, value in row.items()
        if value is not None
    }
    shown = json.dumps(values, ensure_ascii=False)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[: _LONGEST_TEXT - 3]}..."


def _show_value(column: RawColumn, value: str | None, names: set[str]) -> str:
    if value is None:
        return "nothing"
    if column.is_personal:
        return "(personal)"
    return "(name)" if value in names else _mask(value)


def _mask(text: str) -> str:
    """A text without addresses, phone numbers, control characters and length."""
    return printable(without_contact_details(text))[:60]


_EXAMPLES: dict[str, Callable[[duckdb.DuckDBPyConnection, Finding], tuple[str, ...]]] = {
    "rejected_rows": _show_rejected_rows,
    "lost_values": _show_lost_values,
    "unmatched_keys": _show_unmatched,
    "unmatched_keys_more": _show_unmatched,
}
