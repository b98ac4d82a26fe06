"""Answers a query from the published marts, and from nothing else: no other file is written or read."""

from __future__ import annotations

import csv
import json
import math
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import duckdb

from crm_kpis.errors import InputError
from crm_kpis.printable import escape_markdown, neutralize, printable, printable_json
from crm_kpis.published.connect import open_published
from crm_kpis.raw.personal_keys import published_keys
from crm_kpis.sql import quote_text

Row = tuple[Any, ...]
_MOST_ROWS = 100  # of a table on the screen
_FETCHED_AT_ONCE = 10_000
_NOT_TEXT = (int, float, Decimal, date, time)  # bool is an int, datetime a date


def answer(
    output: Path, query: str, file_format: str, stream: TextIO, timeout: float | None = None
) -> int | None:
    """Run a query on the published marts and write its rows.

    Args:
        output: The output directory of `crm-kpis run`.
        query: One statement of DuckDB's SQL. Tables may be named with or without the schema marts.
        file_format: A key of FORMATS.
        stream: Where the rows go.
        timeout: After how many seconds the query is stopped; None: never.

    Returns:
        How many rows there are if not all were shown, at the least; None otherwise.

    Raises:
        InputError: Nothing is published, the query takes too long, or it is wrong or tries to do more than to
            read the marts.
    """
    with (
        # Where DuckDB puts what does not fit into memory; beside the published file it may not be able to.
        tempfile.TemporaryDirectory() as spill,
        open_published(
            output, enable_external_access=False, python_enable_replacements=False, temp_directory=spill
        ) as connection,
    ):
        connection.execute("set lock_configuration = true")
        try:
            with _interrupted_after(timeout, connection):
                names, rows = _execute(connection, query)
                return FORMATS[file_format](names, rows, stream)
        except duckdb.InterruptException as error:
            raise InputError(f"The query took longer than {timeout:g} s, and was stopped.") from error
        except duckdb.Error as error:
            raise InputError(_explain(error)) from error


_ACCOUNT = """
select happened_on, what_happened_{language} as what_happened, detail, amount, score, owner_id, record_id
from account_timeline
where account_id = {key}
order by happened_on, event_order, record_id
"""


# A name is that of an account where the setting publish_personal_columns has accounts.name.
_ACCOUNT_KEYS = """
select account_id from account_timeline where list_contains($keys, account_id)
union
select account_id from dim_accounts where list_contains($keys, account_id) or account_name = $name
order by account_id
"""
_MOST_KEYS = 10


def show_account(
    output: Path, key: str, language: str | None, file_format: str, stream: TextIO
) -> int | None:
    """Write what happened with one account, in time order.

    Args:
        output: The output directory of `crm-kpis run`.
        key: The key of the account as the CRM has it, or its name where names are published.
        language: en or de; None: the setting report_language.
        file_format: A key of FORMATS.
        stream: Where the rows go.

    Returns:
        How many events there are if not all were shown, at the least; None otherwise.

    Raises:
        InputError: Nothing is published, nothing is known of the account, or several have that name.
    """
    with open_published(output) as connection:
        try:
            [(usual_language,)] = connection.execute(
                "select any_value(report_language) from reporting_settings"
            ).fetchall()
            rows = connection.execute(_ACCOUNT_KEYS, {"keys": published_keys(key), "name": key}).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise InputError(
                "The published marts lack account_timeline: another version of crm-kpis published them. "
                "Run crm-kpis run again."
            ) from error
    found = [account_id for (account_id,) in rows]
    if not found:
        raise InputError(
            f"Nothing is known of an account {key!r}. Keys are those of dim_accounts: "
            'crm-kpis sql "select account_id, account_name, industry, country from dim_accounts".'
        )
    if key not in found and len(found) > 1:
        raise InputError(
            f"{len(found)} accounts are called {key!r}. Give the key of one: {', '.join(found[:_MOST_KEYS])}."
        )
    account_id = key if key in found else found[0]
    query = _ACCOUNT.format(language=language or usual_language, key=quote_text(account_id))
    return answer(output, query, file_format, stream)


@contextmanager
def _interrupted_after(timeout: float | None, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    if timeout is None:
        yield
        return
    timer = threading.Timer(timeout, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _execute(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[list[str], Iterator[Row]]:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise InputError(f"One query is expected, but there are {len(statements)}: {query.strip()[:80]!r}.")
    connection.execute(statements[0])
    if not connection.description:
        raise InputError(f"That returns no rows: {query.strip()[:80]!r}. Start it with select.")
    # A closed connection returns no more rows, so this is used up before.
    pages = iter(lambda: connection.fetchmany(_FETCHED_AT_ONCE), [])
    return [column[0] for column in connection.description], chain.from_iterable(pages)


def _explain(error: duckdb.Error) -> str:
    """DuckDB's message in one or two lines: what is wrong, and what may have been meant or where it is."""
    first, *others = [line for line in str(error).splitlines() if line.strip()]
    hint = next((line for line in others if line.startswith(("Did you mean", "Candidate", "LINE "))), "")
    return "\n".join(line[:300] for line in (first, hint) if line)


def _write_table(names: list[str], rows: Iterator[Row], stream: TextIO) -> int | None:
    # It is slow to import, and no other format needs it.
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = list(islice(rows, _MOST_ROWS))
    table = Table(box=box.SIMPLE_HEAD)
    for position, name in enumerate(names):
        is_numeric = any(_is_number(row[position]) for row in shown)
        table.add_column(Text(printable(name)), justify="right" if is_numeric else "left", overflow="fold")
    for row in shown:
        # A Text, since rich would take square brackets in a plain string for its own marks.
        table.add_row(*(Text("NULL", style="dim") if value is None else Text(_show(value)) for value in row))
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        console.width = 100_000  # no line is broken for another program
    console.print(table)
    return None if next(rows, None) is None else len(shown) + 1


def _write_markdown(names: list[str], rows: Iterator[Row], stream: TextIO) -> None:
    def write(cells: list[str]) -> None:
        print(f"| {' | '.join(cells)} |", file=stream)

    write([escape_markdown(name) for name in names])
    write(["---"] * len(names))
    for row in rows:
        write(["" if value is None else escape_markdown(_show(value)) for value in row])


def _write_csv(names: list[str], rows: Iterator[Row], stream: TextIO) -> None:
    writer = csv.writer(_LineFeeds(stream), lineterminator="\r\n")
    writer.writerow([neutralize(name) for name in names])
    writer.writerows(
        [_plain(value) if isinstance(value, _NOT_TEXT) else neutralize(_plain(value)) for value in row]
        for row in rows
    )


class _LineFeeds:
    """Ends lines by a line feed alone; csv quotes a carriage return only where it ends lines by one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """Write a line that csv has made."""
        self._stream.write(f"{line[:-2]}\n")


def _write_json(names: list[str], rows: Iterator[Row], stream: TextIO) -> None:
    separator = "["
    for row in rows:
        values = {name: _json_value(value) for name, value in zip(names, row, strict=True)}
        written = printable_json(json.dumps(values, default=_plain, ensure_ascii=False))
        print(separator + written, end="", file=stream)
        separator = ",\n "
    print("[]" if separator == "[" else "]", file=stream)


FORMATS: dict[str, Callable[[list[str], Iterator[Row], TextIO], int | None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "markdown": _write_markdown,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _plain(value: Any) -> str:
    """A value as text that other programs read; nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    # JSON has no word for infinity, and none for what is not a number.
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(value: Any) -> str:
    """A value as text for people: rounded to six digits, and nothing that is not seen."""
    if isinstance(value, float):
        return f"{value:.3g}" if 0 < abs(value) < 1e-4 else str(round(value, 6))
    return printable(_plain(value))
