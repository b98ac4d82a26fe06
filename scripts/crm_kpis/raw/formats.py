"""How raw files are written where not as the contract has it: encodings, dates, decimal marks, names, words.

A company says it in raw_formats.csv, raw_columns.csv and value_words.csv of its settings. The values are
rewritten as the file is read. A value that is not in the form that is named stays as it is, so staging
rejects it under the form in which it came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crm_kpis.raw.contract import RawColumn, RawTable
from crm_kpis.settings.declaration import Row, Settings
from crm_kpis.sql import quote_text

FORMATS_FILE, COLUMNS_FILE, WORDS_FILE = "raw_formats.csv", "raw_columns.csv", "value_words.csv"
# What a number gets that has a decimal dot although its file has decimal commas: 1.250 might be either.
OTHER_MARK = " (decimal dot)"

_BLANKS = " \u00a0\u202f'\u2019"
# Digits in groups of three start with no zero: 0.125 is no 125.
_WITH_COMMA = rf"[+-]?(\d+|[1-9]\d{{0,2}}([.{_BLANKS}]\d{{3}})+)(,\d*)?-?"
_WITH_DOT = rf"[+-]?[1-9]\d{{0,2}}([,{_BLANKS}]\d{{3}})+(\.\d*)?-?"
# 2026/01/31, 2026.1.31 or 20260131 at the beginning, and a day as ISO 8601 has it.
_YEAR_FIRST = r"^\s*(\d{4})(?:[/.](\d{1,2})[/.](\d{1,2})|(\d{2})(\d{2}))((?:[ T].*)?)$"
_ISO_DAY = r"\1-\2\4-\3\5\6"
# As nearly all exports have it, in one step; what is rarer takes more of them.
_PLAIN_DAY = r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:,?[ T]+(\d{2}:\d{2}.*))?\s*$"
_DAY = r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?:,?[ T]+(\d{1,2}:\d{2}.*))?$"
# With the name of the month it is plain which is the day: 31-Jan-2026, 31. Januar 2026; Jan 31, 2026.
_NAME = "[A-Za-zÄä]{3,9}"
_TIME_BEHIND = r"(?:,?[ T]+(\d{1,2}:\d{2}.*))?$"
_DAY_AND_NAME = rf"^(\d{{1,2}})\.?[ -]*({_NAME})\.?[ -]*(\d{{4}}|\d{{2}}){_TIME_BEHIND}"
_NAME_AND_DAY = rf"^({_NAME})\.? +(\d{{1,2}})(?:st|nd|rd|th)?,? +(\d{{4}}){_TIME_BEHIND}"
# By the first three letters, in English and in German.
MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
    "mär": 3,
    "mae": 3,
    "mrz": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
}
_SERIAL = r"\d{5}([.,]\d+)?"
# The day that Excel counts as 25569 is 1970-01-01.
_EXCEL_EPOCH = 25569
_OFFSET = r":\d{2}(\.\d+)? ?(Z|UTC|[+-]\d{2}(:?\d{2})?)$"
# A day without a time is that day in any time zone.
_NAIVE_TYPES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@dataclass(frozen=True)
class RawFormat:
    """How the file of a raw table is written.

    Attributes:
        encoding: The encoding of a CSV file; None: UTF-8. A byte order mark says it, too.
        date_format: year_first, day_first, month_first or excel; None: year_first.
        decimal_mark: dot or comma; None: a dot, and no mark between thousands.
        time_zone: The time zone of times without an offset; None: UTC.
        names: The names of columns in the file, by the names of the contract.
        words: By column: the accepted value of each word, in lower case.
        masks_addresses: Whether an e-mail address that is a key is replaced by its hash.
    """

    encoding: str | None = None
    date_format: str | None = None
    decimal_mark: str | None = None
    time_zone: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    masks_addresses: bool = True

    def masks(self, column: RawColumn, duckdb_type: str = "VARCHAR") -> bool:
        """Whether an address in a column is replaced by its hash."""
        is_key = column.data_type == "text" and column.name.endswith("_id")
        return self.masks_addresses and is_key and duckdb_type == "VARCHAR"

    def rewrite(self, expression: str, column: RawColumn, duckdb_type: str = "VARCHAR") -> str:
        """SQL of DuckDB that renders a column of a file as the contract has it.

        Args:
            expression: SQL that renders the column as it came.
            column: The column of the contract.
            duckdb_type: The type of what it renders.
        """
        words = self.words.get(column.name)
        if words:
            expression, duckdb_type = _with_words(expression, words), "VARCHAR"
        if column.data_type == "timestamp" and duckdb_type in _NAIVE_TYPES and self.time_zone:
            return f"timezone('UTC', timezone({quote_text(self.time_zone)}, cast({expression} as timestamp)))"
        if duckdb_type != "VARCHAR":
            return expression
        if self.masks(column, duckdb_type):
            return _without_address(expression)
        if column.data_type in ("date", "timestamp"):
            if self.date_format in ("day_first", "month_first"):
                expression = _with_day(expression, is_day_first=self.date_format == "day_first")
            elif self.date_format == "excel":
                expression = _with_serial(expression)
            elif self.date_format == "year_first":
                expression = (
                    f"regexp_replace({expression}, {quote_text(_YEAR_FIRST)}, {quote_text(_ISO_DAY)})"
                )
            if column.data_type == "timestamp" and self.time_zone:
                expression = _in_utc(expression, self.time_zone)
        if column.data_type in ("integer", "decimal") and self.decimal_mark:
            return _with_mark(expression, is_comma=self.decimal_mark == "comma")
        return expression


@dataclass(frozen=True)
class RawFormats:
    """How the files of a raw directory are written, as the settings say.

    Attributes:
        formats: The rows of raw_formats.csv by table; that of None is for all others.
        names: By table: the names of columns in its file, by the names of the contract.
        words: By table and column: the accepted value of each word. Those of the table None are for all.
        masks_addresses: Whether an e-mail address that is a key is replaced by its hash.
        masks_names: Whether a name or phone number that is a key is replaced by its hash.
        published: The personal columns that are published anyway, as table.column.
    """

    formats: dict[str | None, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    words: dict[tuple[str | None, str], dict[str, str]] = field(default_factory=dict)
    masks_addresses: bool = True
    masks_names: bool = True
    published: tuple[str, ...] = ()

    def of(self, table: RawTable) -> RawFormat:
        """How the file of a table is written. A field that its own row leaves empty is that of all."""
        of_all, own = self.formats.get(None, {}), self.formats.get(table.name, {})
        words = {
            column.name: self.words.get((None, column.name), {})
            | self.words.get((table.name, column.name), {})
            for column in table.columns
        }
        chosen = {
            name: own.get(name) or of_all.get(name)
            for name in ("encoding", "date_format", "decimal_mark", "time_zone")
        }
        names = self.names.get(table.name, {})
        return RawFormat(**chosen, names=names, words=words, masks_addresses=self.masks_addresses)


def read_formats(settings: Settings) -> RawFormats:
    """What the settings say of the raw files."""
    names: dict[str, dict[str, str]] = {}
    words: dict[tuple[str | None, str], dict[str, str]] = {}
    for values in _values(settings.rows.get("raw_columns", ())):
        names.setdefault(values["raw_table"], {})[values["column_name"]] = values["name_in_file"]
    for values in _values(settings.rows.get("value_words", ())):
        place = (values["raw_table"], values["column_name"])
        words.setdefault(place, {})[values["word"].lower()] = values["accepted_value"]
    formats = {values["raw_table"]: values for values in _values(settings.rows.get("raw_formats", ()))}
    values = settings.values
    return RawFormats(
        formats,
        names,
        words,
        values["mask_addresses_in_keys"],
        values["mask_names_in_keys"],
        tuple(values["publish_personal_columns"]),
    )


def _values(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    return [row.values for row in rows]


def _with_words(expression: str, words: dict[str, str]) -> str:
    text = f"cast({expression} as varchar)"
    whens = " ".join(f"when {quote_text(word)} then {quote_text(value)}" for word, value in words.items())
    return f"case lower(trim({text})) {whens} else {text} end"


def _without_address(expression: str) -> str:
    """A key as it is, or the hash of the e-mail address that it is: the same in each table."""
    masked = f"'address-' || left(sha256(trim({expression})), 16)"
    return f"case when contains({expression}, '@') then {masked} else {expression} end"


def _with_day(expression: str, *, is_day_first: bool) -> str:
    """A day or time with the day or the month first as ISO 8601."""
    order = r"\3-\2-\1 \4" if is_day_first else r"\3-\1-\2 \4"
    plain = f"regexp_replace({expression}, {quote_text(_PLAIN_DAY)}, {quote_text(order)})"
    rare = _with_rare_day(expression, is_day_first=is_day_first)
    return f"case when try_cast({plain} as timestamptz) is not null then trim({plain}) else {rare} end"


def _with_rare_day(expression: str, *, is_day_first: bool) -> str:
    """The same, for years of two digits, hours of one, halves of days, and names of months."""
    text = f"trim({expression})"
    first, second, year, time = (
        f"regexp_extract({text}, {quote_text(_DAY)}, {group})" for group in (1, 2, 3, 4)
    )
    day, month = (first, second) if is_day_first else (second, first)
    named = f"coalesce({_with_name(text, _DAY_AND_NAME, 'day', 'name')},"
    named += f" {_with_name(text, _NAME_AND_DAY, 'name', 'day')}, {expression})"
    condition = f"regexp_matches({text}, {quote_text(_DAY)})"
    return _where_it_is_a_time(named, condition, _as_iso(day, month, year, time))


def _with_name(text: str, pattern: str, *first_groups: str) -> str:
    """A day with the name of its month as ISO 8601; NULL where it is none."""
    groups = ", ".join(quote_text(group) for group in (*first_groups, "year", "time"))
    whens = " ".join(f"when {quote_text(start)} then '{number}'" for start, number in MONTHS.items())
    month = f"case left(lower(part.name), 3) {whens} end"
    iso = _as_iso("part.day", month, "part.year", "part.time")
    # A list of one stands for a name: what a part is made of is planned and matched once.
    parts = f"regexp_extract({text}, {quote_text(pattern)}, [{groups}])"
    found = f"list_transform([{parts}], lambda part: {iso})[1]"
    checked = "case when try_cast(iso as timestamptz) is not null then iso end"
    return f"list_transform([{found}], lambda iso: {checked})[1]"


def _as_iso(day: str, month: str, year: str, time: str) -> str:
    """A day and a time that may be empty as ISO 8601; NULL where a part is."""
    # As Excel does: 30 to 99 are of the last century.
    whole_year = f"case when length({year}) = 4 then {year} when {year} >= '30' then '19' || {year}"
    whole_year += f" else '20' || {year} end"
    clock = f"upper(trim(replace(replace({time}, 'Uhr', ''), '.m.', 'm')))"
    half_days = f"try_strptime({clock}, ['%I:%M %p', '%I:%M:%S %p', '%I:%M%p', '%I:%M:%S%p'])"
    full_clock = f"coalesce(strftime({half_days}, '%H:%M:%S'),"
    full_clock += f" case when {clock} like '_:%' then '0' || {clock} else {clock} end)"
    iso = f"({whole_year}) || '-' || lpad({month}, 2, '0') || '-' || lpad({day}, 2, '0')"
    return iso + f" || case when {time} = '' then '' else 'T' || {full_clock} end"


def _with_serial(expression: str) -> str:
    """A day as Excel counts them as ISO 8601."""
    text = f"trim({expression})"
    seconds = f"cast(round((cast(replace({text}, ',', '.') as double) - {_EXCEL_EPOCH}) * 86400) as bigint)"
    time = f"make_timestamp({seconds} * 1000000)"
    iso = f"case when {seconds} % 86400 = 0 then strftime({time}, '%Y-%m-%d')"
    iso += f" else strftime({time}, '%Y-%m-%dT%H:%M:%S') end"
    return _where_it_is_a_time(expression, f"regexp_full_match({text}, {quote_text(_SERIAL)})", iso)


def _where_it_is_a_time(expression: str, condition: str, iso: str) -> str:
    iso = f"case when {condition} then {iso} end"
    return f"case when try_cast({iso} as timestamptz) is not null then {iso} else {expression} end"


def _in_utc(expression: str, time_zone: str) -> str:
    """A time without an offset, of a time zone, in UTC; a day without a time stays one."""
    is_local = f"contains({expression}, ':') and not regexp_matches({expression}, {quote_text(_OFFSET)})"
    local = f"case when {is_local} then try_cast(trim({expression}) as timestamp) end"
    in_utc = f"timezone('UTC', timezone({quote_text(time_zone)}, {local}))"
    return f"coalesce(strftime({in_utc}, '%Y-%m-%dT%H:%M:%S.%f'), {expression})"


def _with_mark(expression: str, *, is_comma: bool) -> str:
    """A number with marks between thousands, a decimal comma or a sign behind it as digits and a dot."""
    text = f"trim({expression})"
    pattern, thousands = (_WITH_COMMA, f".{_BLANKS}") if is_comma else (_WITH_DOT, f",{_BLANKS}")
    digits = f"replace(translate({text}, {quote_text(thousands)}, ''), ',', '.')"
    number = f"case when {digits} like '%-' then '-' || rtrim({digits}, '-') else {digits} end"
    rewritten = f"case when regexp_full_match({text}, {quote_text(pattern)}) then {number}"
    if is_comma:
        is_number = f"contains({text}, '.') and try_cast({text} as double) is not null"
        rewritten += f" when {is_number} then {text} || {quote_text(OTHER_MARK)}"
    return f"{rewritten} else {expression} end"
