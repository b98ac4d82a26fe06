"""Raw tables of a catalog that Spark knows, as a raw directory.

Spark writes each of them to one Parquet file. These are checked and read as those of any raw directory are: a
company's lakehouse needs no other rules.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crm_kpis.errors import InputError
from crm_kpis.raw.contract import RawTable
from crm_kpis.spark.session import quote_spark_text, run_statement, spark_session

_NAME = re.compile(r"\w+(\.\w+)?")
# All types but those that have no order.
_WITHOUT_ORDER = ("map<", "variant", "void")
_UNFINISHED = ".unfinished"


def read_catalog(schema: str, contract: tuple[RawTable, ...], directory: Path, tables: Path) -> None:
    """Write the raw tables of a schema as a raw directory, by a session of Spark.

    Args:
        schema: The schema, or the catalog and the schema with a dot between them.
        contract: The raw tables.
        directory: The raw directory; it is made anew.
        tables: The directory of Spark's own tables, unless its configuration has another.

    Raises:
        InputError: Spark can't be reached, the schema holds no raw table, or one of them can't be read.
    """
    check_schema(schema)
    with spark_session(tables) as session:
        land_tables(session, schema, contract, directory)


def check_schema(schema: str) -> None:
    """Check that this can be the name of a schema.

    Raises:
        InputError: It can't.
    """
    if not _NAME.fullmatch(schema):
        raise InputError(f"The raw schema is {schema!r}. Write schema or catalog.schema, such as lake.crm.")


def land_tables(session: Any, schema: str, contract: Iterable[RawTable], directory: Path) -> None:
    """Write the raw tables of a schema to one Parquet file each.

    A table has no order: its rows are sorted by all columns, so that the same table makes the same file, with
    the same row numbers.

    Args:
        session: The Spark session, or what stands for it.
        schema: As check_schema() lets it through.
        contract: The raw tables.
        directory: Where the files are put; it is made anew.

    Raises:
        InputError: The schema can't be read or holds no raw table, or one of them can't be read.
    """
    quoted = ".".join(f"`{part}`" for part in schema.split("."))
    rows = run_statement(session, f"show tables in {quoted}", f"The raw schema {schema} can't be read")
    found = {row[1].lower(): row[1] for row in rows}
    names = {table.name: found[table.name] for table in contract if table.name in found}
    if not names:
        others = ", ".join(sorted(found)) or "no table at all"
        raise InputError(
            f"The raw schema {schema} holds no raw table, but {others}."
            f" Name its tables or views {', '.join(table.name for table in contract)}."
        )
    shutil.rmtree(directory, ignore_errors=True)
    # It holds personal data.
    directory.mkdir(parents=True, mode=0o700)
    for table, name in names.items():
        _land(session, f"{schema}.{name}", f"{quoted}.`{name}`", directory / f"{table}.parquet")


def _land(session: Any, shown: str, relation: str, path: Path) -> None:
    unread = f"The raw table {shown} can't be read"
    order = []
    for column, kind, *_ in run_statement(session, f"describe table {relation}", unread):
        # What follows says how the table is partitioned.
        if not column or column.startswith("#"):
            break
        if not any(word in kind for word in _WITHOUT_ORDER):
            order.append(f"`{column.replace('`', '``')}`")
    unfinished = path.with_name(_UNFINISHED)
    target = quote_spark_text(str(unfinished))
    query = f"select /*+ coalesce(1) */ * from {relation}"
    run_statement(
        session,
        f"insert overwrite directory {target} using parquet select * from ({query})"
        + (f" order by {', '.join(order)}" if order else ""),
        unread,
    )
    (written,) = unfinished.glob("part-*.parquet")
    written.replace(path)
    shutil.rmtree(unfinished)
