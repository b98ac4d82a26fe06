"""What BI tools read the published marts by: SQLAlchemy with duckdb-engine, and ADBC.

scripts/try_bi_clients.py tries more of them, in environments of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import _duckdb
import adbc_driver_manager.dbapi
import pytest
import sqlalchemy as sa
from crm_kpis.published.connect import open_published
from pipeline import Build

# As a BI tool writes them: all names qualified and quoted, aliases for everything, a limit.
DASHBOARD = {
    "tiles of the last year": """
        SELECT "kpi_id" AS "kpi_id", MAX("kpi_value") AS "MAX(kpi_value)" FROM "marts"."kpi_values"
        WHERE "segment_by" = 'all' AND "period_grain" = 'year' AND "is_complete" = TRUE
        GROUP BY "kpi_id" ORDER BY "MAX(kpi_value)" DESC LIMIT 1000
    """,
    "a line by month": """
        SELECT DATE_TRUNC('MONTH', "period_start") AS "__timestamp", SUM("kpi_value") AS "SUM(kpi_value)"
        FROM "marts"."kpi_values"
        WHERE "kpi_id" = 'close_rate' AND "period_grain" = 'month' AND "segment_by" = 'all'
            AND "period_start" >= TIMESTAMP '2024-01-01 00:00:00.000000'
        GROUP BY DATE_TRUNC('MONTH', "period_start") ORDER BY "__timestamp" LIMIT 1000
    """,
    "a star": """
        SELECT "dim_users"."team" AS "team", COUNT(*) AS "COUNT(*)", SUM("fct_deals"."amount") AS "amount"
        FROM "marts"."fct_deals" JOIN "marts"."dim_users" ON "fct_deals"."owner_id" = "dim_users"."user_id"
        WHERE "fct_deals"."is_won" GROUP BY "dim_users"."team" ORDER BY "team" LIMIT 1000
    """,
    "labels": """
        SELECT "area", "label_de", "unit" FROM "marts"."kpi_catalogue" ORDER BY "area", "label_de" LIMIT 1000
    """,
    "when it was published": 'SELECT MAX("published_at") AS "latest", COUNT(*) AS "runs" FROM "marts"."runs"',
}


@pytest.fixture(scope="module")
def engine(sample_build: Build) -> Iterator[sa.Engine]:
    url, pool = f"duckdb:///{sample_build.published}", sa.pool.NullPool
    engine = sa.create_engine(url, connect_args={"read_only": True}, poolclass=pool)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def described(sample_build: Build) -> dict[str, dict[str, tuple[str, str]]]:
    """Type and comment of each column by table and column, as DuckDB tells them."""
    tables: dict[str, dict[str, tuple[str, str]]] = {}
    with open_published(sample_build.output) as marts:
        columns = (
            "select table_name, column_name, data_type, comment from duckdb_columns() where not internal"
        )
        for table, column, data_type, comment in marts.execute(columns).fetchall():
            tables.setdefault(table, {})[column] = (data_type, comment)
    return tables


@pytest.fixture(scope="module")
def old_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The oldest DuckDB that reads the published file, in a directory of its own."""
    directory = tmp_path_factory.mktemp("old_duckdb")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(directory)]
    done = subprocess.run([*pip, "duckdb==1.1.3"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"duckdb 1.1.3 is not to be had here: {done.stderr.strip().splitlines()[-1]}")
    return directory


def test_an_old_duckdb_reads_all_that_is_published(old_duckdb, sample_build, described):
    code = (
        "import duckdb, json, sys\n"
        "with duckdb.connect(sys.argv[1], read_only=True) as marts:\n"
        # Before 1.2, a view finds its tables only so.
        "    marts.execute('use marts')\n"
        "    tables = marts.execute('select table_name from information_schema.tables').fetchall()\n"
        "    rows = {name: len(marts.table(name).fetchall()) for name, in tables}\n"
        "print(json.dumps([duckdb.__version__, rows]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, sample_build.published],
        env=os.environ | {"PYTHONPATH": str(old_duckdb)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    version, rows = json.loads(done.stdout.splitlines()[-1])
    assert version == "1.1.3"
    with open_published(sample_build.output) as marts:
        counts = {
            table: marts.execute(f"select count(*) from {table}").fetchall()[0][0] for table in described
        }
    assert rows == counts


def test_each_column_of_what_is_published_has_a_comment_and_a_type_of_bi_tools(described):
    columns = {
        f"{table}.{name}": column for table, columns in described.items() for name, column in columns.items()
    }
    assert not [name for name, (_, comment) in columns.items() if not comment]
    known = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
    assert not [
        name for name, (kind, _) in columns.items() if kind not in known and "DECIMAL(18," not in kind
    ]


def test_sqlalchemy_finds_tables_columns_and_comments(engine, described):
    inspector = sa.inspect(engine)
    names = (*inspector.get_table_names(schema="marts"), *inspector.get_view_names(schema="marts"))
    assert set(names) == set(described)
    kinds = {
        "VARCHAR": sa.String,
        "BIGINT": sa.BigInteger,
        "DOUBLE": sa.Float,
        "BOOLEAN": sa.Boolean,
        "DATE": sa.Date,
        "TIMESTAMP": sa.DateTime,
        "DECIMAL": sa.Numeric,
    }
    for table in ("kpi_values", "kpi_catalogue", "fct_deals", "dim_dates", "runs"):
        assert inspector.get_table_comment(table, schema="marts")["text"].startswith("One row per ")
        for column in inspector.get_columns(table, schema="marts"):
            data_type, comment = described[table][column["name"]]
            assert column["comment"] == comment
            assert isinstance(column["type"], kinds[data_type.partition("(")[0]]), (table, column)


@pytest.mark.filterwarnings("ignore:duckdb-engine doesn't yet support reflection on indices")
def test_sqlalchemy_reads_a_table_that_it_reflected(engine):
    values = sa.Table("kpi_values", sa.MetaData(), schema="marts", autoload_with=engine)
    query = sa.select(values.c.period_start, sa.func.max(values.c.kpi_value)).group_by(values.c.period_start)
    with engine.connect() as connection:
        assert connection.execute(query.where(values.c.kpi_id == "close_rate")).fetchall()


@pytest.mark.parametrize("query", DASHBOARD.values(), ids=DASHBOARD)
def test_the_queries_of_a_dashboard_return_the_same_by_each_client(engine, sample_build, query):
    with open_published(sample_build.output) as marts:
        expected = marts.execute(query).fetchall()
    assert expected
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(sa.text(query))] == expected
    options = {"path": str(sample_build.published), "access_mode": "READ_ONLY"}
    with (
        adbc_driver_manager.dbapi.connect(
            driver=_duckdb.__file__, entrypoint="duckdb_adbc_init", db_kwargs=options
        ) as marts,
        marts.cursor() as cursor,
    ):
        cursor.execute(query)
        assert cursor.fetch_polars().rows() == expected
