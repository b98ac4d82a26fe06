"""Raw tables of Spark's catalog become a raw directory. The last test is skipped without pyspark or Java."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from crm_kpis.cli import cli
from crm_kpis.errors import InputError
from crm_kpis.published.write import ClusterTable
from crm_kpis.raw.contract import read_contract
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.spark.catalog import check_schema, land_tables
from crm_kpis.spark.outputs import describe_outputs, register_outputs
from crm_kpis.spark.session import spark_session
from crm_kpis.sql import quote_path

CONTRACT = read_contract()


def session_of(answers: dict[str, list[tuple[str, ...]] | Exception], said: list[str]) -> SimpleNamespace:
    """What stands for a session: it answers, and writes a Parquet file where it is to write one."""

    def sql(statement: str) -> SimpleNamespace:
        said.append(statement)
        answer = next((rows for start, rows in answers.items() if statement.startswith(start)), [])
        if isinstance(answer, Exception):
            raise answer
        if statement.startswith("insert"):
            directory = Path(statement.split("'")[1])
            directory.mkdir()
            (directory / "_SUCCESS").touch()
            with duckdb.connect() as connection:
                connection.execute(f"copy (select 1 as n) to {quote_path(directory / 'part-0.parquet')}")
        return SimpleNamespace(collect=lambda: answer)

    return SimpleNamespace(sql=sql)


def test_each_raw_table_becomes_a_file_in_the_order_of_its_columns(tmp_path):
    said: list[str] = []
    tables = [("crm", "Users", "false"), ("crm", "deals", "false"), ("crm", "other", "false")]
    columns = [("id", "string", ""), ("tags", "map<string,string>", ""), ("a`b", "int", ""), ("", "", "")]
    answers = {"show tables in `lake`.`crm`": tables, "describe": [*columns, ("# Partition", "", "")]}
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "leads.parquet").touch()
    land_tables(session_of(answers, said), "lake.crm", CONTRACT, tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["deals.parquet", "users.parquet"]
    assert (tmp_path / "raw").stat().st_mode & 0o777 == 0o700
    assert (
        f"insert overwrite directory '{tmp_path}/raw/.unfinished' using parquet"
        " select * from (select /*+ coalesce(1) */ * from `lake`.`crm`.`Users`) order by `id`, `a``b`"
    ) in said


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        (
            {"show": Exception("SCHEMA_NOT_FOUND `crm`.\nmore")},
            "The raw schema crm can't be read: SCHEMA_NOT_FOUND `crm`",
        ),
        ({"show": []}, "The raw schema crm holds no raw table, but no table at all"),
        (
            {"show": [("crm", "orders_2024", "")]},
            "holds no raw table, but orders_2024. Name its tables or views .*deals",
        ),
        (
            {"show": [("crm", "users", "")], "insert": Exception("Denied")},
            r"The raw table crm\.users can't be read: Denied",
        ),
    ],
)
def test_a_schema_that_can_not_be_read_is_told(tmp_path, answers, complaint):
    with pytest.raises(InputError, match=complaint):
        land_tables(session_of(answers, []), "crm", CONTRACT, tmp_path / "raw")


@pytest.mark.parametrize("schema", ["", "a.b.c", "crm; drop", "`crm`", "crm."])
def test_what_can_be_no_schema_is_told(schema):
    with pytest.raises(InputError, match=r"Write schema or catalog\.schema"):
        check_schema(schema)


@pytest.mark.parametrize("arguments", [[], ["--target", "spark", "--raw-dir", "raw"]])
def test_a_raw_schema_goes_with_spark_and_without_a_raw_directory(tmp_path, arguments):
    output = ["--output", str(tmp_path / "output")]
    with pytest.raises(InputError, match="give it with --target spark, and without --raw-dir"):
        cli.main(["run", "--raw-schema", "crm", *output, *arguments], standalone_mode=False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_tables_and_views_of_spark_are_read_as_files_are(tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.sql.shuffle.partitions 7\n", "utf-8")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "conf"))
    rows = "('u2', date '2024-01-05', map('a', 1)), ('u1', null, null), ('u1', date '2023-01-05', null)"
    with spark_session(tmp_path / "tables") as session:
        # Its own configuration comes before the defaults.
        assert session.conf.get("spark.sql.shuffle.partitions") == "7"
        for statement in (
            "create database crm",
            f"create table crm.users using orc as select * from (values {rows}) as t (user_id, hired_on, x)",
            "create table crm.deals (created_at timestamp, amount decimal(9, 2), status string, deal_id int)"
            " using parquet partitioned by (status, deal_id)",
            "create view crm.leads as select 'l1' as lead_id, timestamp '2024-01-05 10:00:00' as created_at",
        ):
            session.sql(statement)
        land_tables(session, "crm", CONTRACT, tmp_path / "it's raw")
        # In another format than Parquet they are copied to be published. A table may be empty.
        tables = {"users": "`crm`.`users`", "none": "`crm`.`none`"}
        session.sql("create table crm.none using orc as select timestamp '2024-01-05' as at where false")
        register_outputs(tmp_path / "w.duckdb", session, tables, tmp_path / "it's copied")
        assert describe_outputs(session, tables)[0] == ClusterTable(
            "users", "crm.users", "orc", f"file:{tmp_path}/tables/crm.db/users", 3
        )
    with duckdb.connect(tmp_path / "w.duckdb", read_only=True) as connection:
        kept = connection.execute(
            "select user_id, cast(hired_on as varchar) from users order by all"
        ).fetchall()
        assert kept == [("u1", "2023-01-05"), ("u1", None), ("u2", "2024-01-05")]
        assert connection.execute("from none").fetchall() == []
    raw_directory = inspect(tmp_path / "it's raw")
    read: dict[str, list[tuple[Any, ...]]] = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        register(connection, raw_directory)
        for table, columns in {
            "users": "user_id, cast(hired_on as varchar)",
            "deals": "deal_id, amount",
            "leads": "lead_id, cast(created_at as timestamp)::varchar",
        }.items():
            read[table] = connection.execute(
                f"select {columns}, _row_number from raw.{table} order by _row_number"
            ).fetchall()
    assert read == {
        "users": [("u1", None, 1), ("u1", "2023-01-05", 2), ("u2", "2024-01-05", 3)],
        "deals": [],
        "leads": [("l1", "2024-01-05 10:00:00", 1)],
    }
    assert any("no column of the contract, not read: x" in warning for warning in raw_directory.warnings)
