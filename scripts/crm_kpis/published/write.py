"""Puts the tested marts where BI tools read them: a new file that takes the place of the old one as a whole.

Readers that hold the old file open go on reading it; who opens the file afterwards gets the new one. Whatever
goes wrong before the rename leaves the old file as it was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.errors import InputError, MachineError, first_line
from crm_kpis.files import sync
from crm_kpis.published.connect import FILE_NAME, OFFLINE, SCHEMA, readable
from crm_kpis.published.earlier import keep, list_kept
from crm_kpis.published.measure_hashes import hash_measures
from crm_kpis.published.statistics import Statistics, write_statistics
from crm_kpis.sql import quote_identifier, quote_text

TAG = "published"
# Read by DuckDB 1.1 and later, which BI tools bring along; what 2.0 writes by default is not.
_STORAGE_VERSION = "v1.0.0"
# `published_as: view` in the meta of a model.
_PUBLISHED_AS = "published_as"
_UNFINISHED = f".{FILE_NAME}."
_REFERENCE = re.compile(r"ref\(\s*['\"](\w+)['\"]\s*\)")

_RUNS = """
create table kpis.marts.runs (
    run_id varchar primary key,
    published_at timestamp not null,
    as_of date,
    raw_directory varchar,
    crm_kpis_version varchar,
    rows_read bigint,
    rows_rejected bigint,
    values_rejected bigint,
    tests_passed bigint,
    tests_warned bigint,
    warnings varchar,
    inputs_sha256 varchar,
    accepted varchar,
    events_left_out bigint,
    warnings_de varchar
)
"""
_RUNS_COMMENT = (
    "One row per publication of these marts, the last of which they hold: what was published when, and from"
    " what. Primary key: run_id."
)
_RUNS_COLUMNS = {
    "run_id": "The publication: its time in UTC, such as 20260630T043000.123456Z.",
    "published_at": "When the marts were put in place, in UTC.",
    "as_of": "The last day that counts; NULL: no event had a valid date.",
    "raw_directory": "The name of the directory that the raw tables were read from, without its path.",
    "crm_kpis_version": "The version of crm-kpis that computed them.",
    "rows_read": "Rows of the raw tables.",
    "rows_rejected": "Rows of the raw tables that failed a check, and are in no mart.",
    "values_rejected": "Values that failed a check, and were taken as missing.",
    "tests_passed": "Data tests that passed.",
    "tests_warned": "Data tests that found something which does not keep the marts from being published.",
    "warnings": (
        "Those tests, one a line, with how many rows they found, and what the gate warned of; NULL where"
        " there are none."
    ),
    "inputs_sha256": (
        "Hash of all that they were computed from: raw files, snapshots, models, settings, versions."
    ),
    "accepted": (
        "What the gate found and --accept let through, one rule a line, such as rows_fewer:deals; NULL:"
        " nothing."
    ),
    "events_left_out": "Events dated after the day of the run, which are in no KPI until their day has come.",
    "warnings_de": "The column warnings in German; NULL where there are none.",
}


_KNOWN_ALERTS = f"select rule, subject_id, known_since_on from before_run.{SCHEMA}.alerts"
_MARK_KNOWN_ALERTS = f"""
update kpis.{SCHEMA}.alerts as alerts
set is_new = false, known_since_on = known.known_since_on
from (
    select
        unnest(?::varchar[]) as rule,
        unnest(?::varchar[]) as subject_id,
        unnest(?::date[]) as known_since_on
) as known
where alerts.rule = known.rule and alerts.subject_id = known.subject_id
"""

# What a model's YAML can't say: the columns of the company's own.
_OWN_COMMENTS = """
select published_as, any_value(format('{}. Own column {}.{}.', label_en, raw_table, column_name))
from warehouse.main.dim_own_columns
group by published_as
"""
_MEASURES_COMMENT = (
    "One row per measure that a KPI is made of, with what shows whether it is computed in another way."
    " Primary key: measure."
)
_MEASURES_COLUMNS = {
    "measure": "The measure, which kpi_catalogue names as numerator, denominator, squares or sample_measure.",
    "sql_sha256": "Hash of the SQL that computes it, from the facts on: the same hash, the same definition.",
}


# The facts that stay on Spark's cluster, by name or by a pattern such as fct_*, with blanks between them.
KEEP_VARIABLE = "CRM_KPIS_SPARK_KEEP"
_CLUSTER_TABLES_COMMENT = (
    f"One row per fact that stays on the cluster that computed it, as {KEEP_VARIABLE} names it, and is not"
    " in this file. Primary key: table_name."
)
_CLUSTER_TABLES_COLUMNS = {
    "table_name": "The fact, such as fct_activities.",
    "relation": "Its name for SQL on the cluster.",
    "file_format": "The format of its files, such as parquet or delta.",
    "location": "Where its files are, as the cluster says it.",
    "table_rows": "Its rows.",
}


@dataclass(frozen=True)
class ClusterTable:
    """A row of marts.cluster_tables; the columns' comments say what the attributes are."""

    table_name: str
    relation: str
    file_format: str
    location: str
    table_rows: int


@dataclass(frozen=True)
class Run:
    """A row of marts.runs; the columns' comments say what the attributes are."""

    run_id: str
    published_at: datetime
    as_of: date | None
    raw_directory: str
    crm_kpis_version: str
    rows_read: int
    rows_rejected: int
    values_rejected: int
    tests_passed: int
    tests_warned: int
    warnings: str | None
    inputs_sha256: str | None
    accepted: str | None = None
    events_left_out: int | None = None
    warnings_de: str | None = None


@dataclass(frozen=True)
class PublishedTable:
    """A relation of the warehouse that is published.

    Attributes:
        name: Its name, in the warehouse and in the published file.
        schema: Its schema in the warehouse.
        comment: What a row is, and the columns that identify one; may be empty.
        column_comments: The meaning of each documented column by its name.
        key: The columns that identify a row; empty: not known.
        view: Its query where it is published as a view, of relations by their names alone; None: as a table.
        reads: The names of the relations that this query reads.
    """

    name: str
    schema: str
    comment: str
    column_comments: dict[str, str]
    key: tuple[str, ...] = ()
    view: str | None = None
    reads: frozenset[str] = frozenset()

    @property
    def source(self) -> str:
        """Its name for SQL in the warehouse."""
        return f"warehouse.{quote_identifier(self.schema)}.{quote_identifier(self.name)}"

    @property
    def target(self) -> str:
        """Its name for SQL in the published file."""
        return f"kpis.{SCHEMA}.{quote_identifier(self.name)}"


def read_published_tables(manifest: Path) -> tuple[PublishedTable, ...]:
    """Read which models and seeds are published, and their comments, from what dbt knows of the project.

    Args:
        manifest: The manifest.json of the build.
    """
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    keys: dict[str, list[str]] = {}
    references: dict[str, dict[str, str]] = {}
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "integrity":
            promises, model = test["kwargs"], node["attached_node"]
            if "key" in promises:
                keys.setdefault(model, promises["key"])
            if "foreign_keys" in promises:
                references[model] = _describe_references(promises["foreign_keys"])
    return tuple(
        _published_table(
            node, keys.get(unique_id, []), references.get(unique_id, {}), *_read_view(node, nodes)
        )
        for unique_id, node in sorted(nodes.items())
        if node["resource_type"] in ("model", "seed") and TAG in node["tags"]
    )


def publish(  # noqa: PLR0913 - each has a name
    warehouse: Path,
    manifest: Path,
    output: Path,
    runs: list[Run],
    statistics: Statistics | None = None,
    *,
    kept: int = 2,
    cluster_tables: tuple[ClusterTable, ...] = (),
) -> Path:
    """Write the published marts again and put them in place.

    Args:
        warehouse: The DuckDB file that was built, in which all tests of severity error have passed.
        manifest: The manifest.json of that build, which says what is published.
        output: The directory of the published file. Nothing else publishes there meanwhile.
        runs: The rows of marts.runs: the earlier publications, then this one.
        statistics: What this run and earlier ones keep of themselves; None: nothing.
        kept: How many of the published files before this one are kept.
        cluster_tables: The facts that stay on the cluster: they are listed instead of published.

    Returns:
        The published file.

    Raises:
        MachineError: The file could not be written, for instance because the disk is full. The one before is
            as it was.
    """
    published = output / FILE_NAME
    unfinished = output / f"{_UNFINISHED}{os.getpid()}.unfinished"
    sweep(output)
    try:
        _write(warehouse, manifest, unfinished, runs, statistics or Statistics(), published, cluster_tables)
        if published.exists() and len(runs) > 1:
            keep(published, runs[-2].run_id, kept)
        _put_in_place(unfinished, published)
    except (duckdb.Error, OSError) as error:
        raise MachineError(
            f"The marts could not be published: {first_line(str(error))}."
            f" {published} is as it was before this run."
        ) from error
    finally:
        sweep(output)
    return published


def read_history(output: Path) -> list[Run]:
    """The publications up to now, in their order; none where nothing is published.

    Raises:
        InputError: The published file is not one, so it must not be replaced.
        MachineError: It may not be read.
    """
    published = output / FILE_NAME
    if not published.exists():
        return []
    try:
        with readable(published) as path:
            return _read_runs(path)
    except (duckdb.Error, OSError) as error:
        if "permission denied" in str(error).lower():
            raise MachineError(
                f"{published} can't be read: permission denied. Give this user the right, or choose another"
                " --output."
            ) from error
        way_back = "Put an earlier one back by crm-kpis rollback, move" if list_kept(output) else "Move"
        raise InputError(
            f"{published} does not hold published marts, so it is not replaced. {way_back} it away, or choose"
            " another --output."
        ) from error


def sweep(output: Path) -> None:
    """Remove what a killed publication has left in the output directory."""
    for leftover in output.glob(f"{_UNFINISHED}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _describe_references(references: dict[str, dict[str, str]]) -> dict[str, str]:
    """What each foreign key of a test of dbt's refers to, such as dim_users.user_id."""
    targets = {column: _REFERENCE.search(reference["to"]) for column, reference in references.items()}
    return {
        column: f"{target[1]}.{references[column]['key']}" for column, target in targets.items() if target
    }


def _read_view(node: dict[str, Any], nodes: dict[str, Any]) -> tuple[str | None, frozenset[str]]:
    """The query of a model that is published as a view, and the names of what it reads.

    A name alone is looked for beside the view, by DuckDB 1.2 and later: whatever the file is called.
    """
    if node.get("config", {}).get("meta", {}).get(_PUBLISHED_AS) != "view":
        return None, frozenset()
    query, reads = node["compiled_code"], set()
    for unique_id in node["depends_on"]["nodes"]:
        read = nodes[unique_id]
        query = query.replace(read["relation_name"], quote_identifier(read["alias"]))
        reads.add(read["alias"])
    return query, frozenset(reads)


def _published_table(
    node: dict[str, Any],
    key: list[str],
    references: dict[str, str],
    view: str | None,
    reads: frozenset[str],
) -> PublishedTable:
    # A description may go on for pages; what a row is stands in its first paragraph.
    summary = " ".join(node["description"].strip().split("\n\n", maxsplit=1)[0].split())
    comments = {name: " ".join(column["description"].split()) for name, column in node["columns"].items()}
    for name, target in references.items():
        comments[name] = f"{comments.get(name, '')} References {target}.".strip()
    return PublishedTable(
        name=node["alias"],
        schema=node["schema"],
        # Not declared, which would cost a second per million rows. A test of dbt's holds it.
        comment=f"{summary} Primary key: {', '.join(key)}.".strip() if key else summary,
        column_comments={name: comment for name, comment in comments.items() if comment},
        key=tuple(key),
        view=view,
        reads=reads,
    )


def _read_runs(path: Path) -> list[Run]:
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute(f"attach {quote_text(str(path))} as kpis (read_only)")
        rows = connection.execute(f"from kpis.{SCHEMA}.runs order by published_at")
        names = [column[0] for column in rows.description]
        # Another version of this file may have fewer columns, or more.
        missing: dict[str, Any] = dict.fromkeys(_RUNS_COLUMNS)
        return [
            Run(**missing | {name: row[name] for name in _RUNS_COLUMNS if name in row})
            for row in (dict(zip(names, values, strict=True)) for values in rows.fetchall())
        ]


def _write(  # noqa: PLR0913, PLR0917 - each has a name
    warehouse: Path,
    manifest: Path,
    target: Path,
    runs: list[Run],
    statistics: Statistics,
    before: Path,
    cluster_tables: tuple[ClusterTable, ...],
) -> None:
    elsewhere = {table.table_name for table in cluster_tables}
    tables = [table for table in read_published_tables(manifest) if table.name not in elsewhere]
    with duckdb.connect(config=OFFLINE | {"temp_directory": f"{target}.tmp"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach {quote_text(str(warehouse))} as warehouse (read_only)")
        connection.execute(f"attach {quote_text(str(target))} as kpis (storage_version '{_STORAGE_VERSION}')")
        connection.begin()
        connection.execute(f"create schema kpis.{SCHEMA}")
        has_own = any(table.name == "dim_own_columns" for table in tables)
        own = dict(connection.execute(_OWN_COMMENTS).fetchall()) if has_own else {}
        record_keys = _find_record_keys(tables)
        rows: dict[str, int] = {}
        views = _find_views(connection, tables)
        # Views come last, when what they read is there.
        for table in sorted(tables, key=lambda table: table.name in views):
            is_view = table.name in views
            if is_view:
                connection.execute(f"create view {table.target} as {table.view}")
            else:
                rows[table.name] = _write_table(connection, table, record_keys)
            with_own = replace(table, column_comments=own | table.column_comments)
            _comment(connection, with_own, "view" if is_view else "table")
        if len(runs) > 1 and any(table.name == "alerts" for table in tables):
            _take_known_alerts(connection, before)
        _write_runs(connection, runs)
        write_statistics(connection, statistics)
        _write_measure_definitions(connection, manifest)
        _write_cluster_tables(connection, cluster_tables)
        connection.commit()
        connection.execute("checkpoint kpis")
        connection.execute("detach kpis")
        connection.execute(f"attach {quote_text(str(target))} as kpis (read_only)")
        for table in tables:
            if table.name in rows:
                _audit(connection, table, rows[table.name])


def _find_record_keys(tables: Iterable[PublishedTable]) -> frozenset[str]:
    """The names of columns that hold keys of records, where hardly a value repeats another one."""
    of_records = (table for table in tables if table.name.startswith("fct_") or table.name == "dim_accounts")
    # That of account_timeline is a key of one of several tables.
    return frozenset({table.key[0] for table in of_records if len(table.key) == 1} | {"record_id"})


def _find_views(connection: duckdb.DuckDBPyConnection, tables: Iterable[PublishedTable]) -> set[str]:
    """The names of those that are published as views.

    Spark has written a table, which is taken; and what a view reads may stay on the cluster.
    """
    query = "select view_name from duckdb_views() where database_name = 'warehouse'"
    in_warehouse = {name for (name,) in connection.execute(query).fetchall()}
    written = {table.name for table in tables if table.view is None}
    return {
        table.name for table in tables if table.view and table.name in in_warehouse and table.reads <= written
    }


def _write_table(
    connection: duckdb.DuckDBPyConnection, table: PublishedTable, record_keys: frozenset[str]
) -> int:
    """Write a table of the published file, and return how many rows it has.

    A view of the warehouse becomes a table, too, which is quicker to read.
    """
    # To look for values that repeat takes longer than all else that is done to a key, and finds none.
    columns = ", ".join(
        f"{quote_identifier(name)} {kind}"
        + (" using compression fsst" if kind == "VARCHAR" and name in record_keys else "")
        for name, kind, *_ in connection.execute(f"describe {table.source}").fetchall()
    )
    connection.execute(f"create table {table.target} ({columns})")
    written = connection.execute(f"insert into {table.target} from {table.source}").fetchall()
    return written[0][0]


def _take_known_alerts(connection: duckdb.DuckDBPyConnection, before: Path) -> None:
    """Say of each alert that the publication before had since when it is known."""
    with readable(before) as path, duckdb.connect(config=OFFLINE) as reading:
        reading.execute(f"attach {quote_text(str(path))} as before_run (read_only)")
        try:
            known = reading.execute(_KNOWN_ALERTS).fetchall()
        except (duckdb.CatalogException, duckdb.BinderException):
            return  # another version published it
    if known:
        rules, subjects, days = zip(*known, strict=True)
        connection.execute(_MARK_KNOWN_ALERTS, [list(rules), list(subjects), list(days)])


def _comment(connection: duckdb.DuckDBPyConnection, table: PublishedTable, kind: str = "table") -> None:
    if table.comment:
        connection.execute(f"comment on {kind} {table.target} is {quote_text(table.comment)}")
    there = {name for name, *_ in connection.execute(f"describe {table.target}").fetchall()}
    for name, comment in table.column_comments.items():
        if name in there:
            column = f"{table.target}.{quote_identifier(name)}"
            connection.execute(f"comment on column {column} is {quote_text(comment)}")


def _write_runs(connection: duckdb.DuckDBPyConnection, runs: list[Run]) -> None:
    connection.execute(_RUNS)
    places = ", ".join("?" * len(_RUNS_COLUMNS))
    connection.executemany(
        f"insert into kpis.{SCHEMA}.runs values ({places})", [astuple(run) for run in runs]
    )
    _comment(connection, PublishedTable("runs", SCHEMA, _RUNS_COMMENT, _RUNS_COLUMNS))


def _write_measure_definitions(connection: duckdb.DuckDBPyConnection, manifest: Path) -> None:
    connection.execute(
        f"create table kpis.{SCHEMA}.measure_definitions"
        " (measure varchar primary key, sql_sha256 varchar not null)"
    )
    # executemany takes no empty list.
    for row in hash_measures(connection, manifest):
        connection.execute(f"insert into kpis.{SCHEMA}.measure_definitions values (?, ?)", row)
    _comment(connection, PublishedTable("measure_definitions", SCHEMA, _MEASURES_COMMENT, _MEASURES_COLUMNS))


def _write_cluster_tables(
    connection: duckdb.DuckDBPyConnection, cluster_tables: tuple[ClusterTable, ...]
) -> None:
    if not cluster_tables:
        return
    connection.execute(
        f"create table kpis.{SCHEMA}.cluster_tables (table_name varchar primary key,"
        " relation varchar not null, file_format varchar, location varchar, table_rows bigint not null)"
    )
    connection.executemany(
        f"insert into kpis.{SCHEMA}.cluster_tables values (?, ?, ?, ?, ?)",
        [astuple(table) for table in cluster_tables],
    )
    _comment(
        connection,
        PublishedTable("cluster_tables", SCHEMA, _CLUSTER_TABLES_COMMENT, _CLUSTER_TABLES_COLUMNS),
    )


def _audit(connection: duckdb.DuckDBPyConnection, table: PublishedTable, expected: int) -> None:
    """Compare what can be read back with what was written. To count a view once more would compute it again.

    Raises:
        OSError: They differ: the file system has lost something.
    """
    written = connection.execute(f"select count(*) from {table.target}").fetchall()[0][0]
    if written != expected:
        raise OSError(f"{table.name} has {written} rows instead of {expected}")


def _put_in_place(unfinished: Path, published: Path) -> None:
    sync(unfinished)
    # Who opens a file for writing locks all others out, so nobody may. The rename needs no such permission.
    unfinished.chmod(unfinished.stat().st_mode & ~0o222)
    # Left by somebody who wrote to the old file, it would be replayed into the new one.
    published.with_name(f"{FILE_NAME}.wal").unlink(missing_ok=True)
    os.replace(unfinished, published)
    sync(published.parent)
