"""Names and phone numbers in the keys of raw tables, which are published, are replaced by their hashes.

A key is a name where a personal column of a raw table has the same text: the name of a person or a company,
an address, a phone number; no id that stands there. It is a phone number, too, where it begins with + and
looks like one. Each is replaced by the same hash everywhere, so that tables join as before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import duckdb

from crm_kpis.raw.contract import RawTable
from crm_kpis.sql import quote_identifier, quote_text

TABLE = "_personal_values"
MASKED = "_masked_keys"
UNMASKED = "_unmasked_"
# Of national numbers those with a mark behind the area code: no date, amount or padded id is one.
_INTERNATIONAL = r"\+[1-9][\d ()/.-]{6,17}\d"
_NATIONAL = r"\(?00?[1-9]\d{1,4}\)?[ /-]+\d[\d ()/-]{2,14}\d"
_ADDRESS = re.compile(r"[^\s@|]+@[^\s@|]+")
_PHONE = re.compile(rf"(^|[^\d.,-])({_INTERNATIONAL}|{_NATIONAL})")
# Sentences of a customer are no name.
_NO_NAMES = {"survey_responses.comment"}
# A name begins with a letter and has no digit, so that an id in a column of names is none. The others are
# phone numbers and addresses.
_NAMES = r"\p{L}[^\d]+|[+(\d][\d ()/.-]{5,}|.*@.*"


def without_contact_details(text: str) -> str:
    """A text without e-mail addresses and phone numbers, as the macro of this name has it.

    >>> without_contact_details("Ada, ada@example.com, 030 / 123456, 2026-01-31")
    'Ada, (address) (phone), 2026-01-31'
    """
    return _PHONE.sub(r"\1(phone)", _ADDRESS.sub("(address)", text))


def published_keys(key: str) -> tuple[str, ...]:
    """The keys that a key of the raw tables may have in what is published: itself, or masked.

    Args:
        key: A key as the raw tables have it: also a name, a phone number or an e-mail address.
    """
    digest = hashlib.sha256(key.strip().encode()).hexdigest()[:16]
    return (key, *(f"{kind}-{digest}" for kind in ("name", "phone", "address")))


def register_personal_values(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    contract: Iterable[RawTable],
    published: Iterable[str] = (),
) -> None:
    """Make the table of all texts of personal columns, in lower case.

    Args:
        connection: To the warehouse, in which the raw tables are.
        schema: Their schema.
        contract: The raw tables.
        published: The personal columns that are published anyway, as table.column.
    """
    shown = set(published) | _NO_NAMES
    queries = [
        f"select cast({quote_identifier(column.name)} as varchar)"
        f" from {schema}.{quote_identifier(table.name)}"
        for table in contract
        for column in table.columns
        # A first or a last name alone is a word like any other.
        if column.is_personal
        and column.data_type == "text"
        and f"{table.name}.{column.name}" not in shown
        and (table.name, column.name) not in {("contacts", "first_name"), ("contacts", "last_name")}
    ]
    queries += [
        f"select trim(cast({first} as varchar)) || '{mark}' || trim(cast({last} as varchar))"
        f" from {schema}.contacts"
        for first, last, mark in (("first_name", "last_name", " "), ("last_name", "first_name", ", "))
    ]
    connection.execute(
        f"create table {schema}.{TABLE} as select distinct lower(trim(value)) as personal_value"
        f" from ({' union all '.join(queries)}) as texts(value)"
        f" where regexp_full_match(trim(value), {quote_text(_NAMES)})"
    )


def mask_keys(connection: duckdb.DuckDBPyConnection, schema: str, contract: Iterable[RawTable]) -> None:
    """Replace the keys that are names or phone numbers, in the raw tables that have any, and list these.

    Args:
        connection: To the warehouse, in which the raw tables, the personal values and the empty list are.
        schema: Their schema.
        contract: The raw tables.
    """
    columns = connection.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = ? and data_type = 'VARCHAR'"
        " order by table_name, column_index",
        [schema],
    ).fetchall()
    names = {table.name for table in contract}
    places = [(table, column) for table, column in columns if table in names and column.endswith("_id")]
    found = _find_places(connection, schema, places)
    if found:
        connection.executemany(f"insert into {schema}.{MASKED} values (?, ?)", found)
    views = {
        name
        for (name,) in connection.execute(
            "select view_name from duckdb_views() where schema_name = ? and not internal", [schema]
        ).fetchall()
    }
    for table in sorted({table for table, _ in found}):
        keys = [quote_identifier(column) for name, column in found if name == table]
        _replace(connection, schema, table, keys, is_view=table in views)


def _find_places(
    connection: duckdb.DuckDBPyConnection, schema: str, places: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Those of the tables and columns that have such a key, found in one pass over all of them."""
    keys = " union all ".join(
        f"select {number} as place, {quote_identifier(column)} as key from {schema}.{quote_identifier(table)}"
        for number, (table, column) in enumerate(places)
    )
    rows = connection.execute(
        f"select distinct place from ({keys}) as keys where {_is_name('key', schema)} or {_is_phone('key')}"
        " order by place"
    ).fetchall()
    return [places[number] for (number,) in rows]


def _replace(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, keys: list[str], *, is_view: bool
) -> None:
    relation = f"{schema}.{quote_identifier(table)}"
    masks = {
        key: f"case when {_is_phone(key)} then 'phone-' || {_hash(key)}"
        f" when {_is_name(key, schema)} then 'name-' || {_hash(key)} else {key} end"
        for key in keys
    }
    if not is_view:
        connection.execute(
            f"update {relation} set {', '.join(f'{key} = {mask}' for key, mask in masks.items())}"
        )
        return
    unmasked = quote_identifier(UNMASKED + table)
    replaced = ", ".join(f"{mask} as {key}" for key, mask in masks.items())
    connection.execute(f"alter view {relation} rename to {unmasked}")
    connection.execute(f"create view {relation} as select * replace ({replaced}) from {schema}.{unmasked}")


def _is_name(key: str, schema: str) -> str:
    return f"lower(trim({key})) in (select personal_value from {schema}.{TABLE})"


def _is_phone(key: str) -> str:
    # The first letter alone is compared where it is another, which is nearly everywhere.
    return f"(starts_with({key}, '+') and regexp_full_match(trim({key}), {quote_text(_INTERNATIONAL)}))"


def _hash(key: str) -> str:
    return f"left(sha256(trim({key})), 16)"
