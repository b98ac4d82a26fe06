"""What a run on Spark reads and publishes; that Spark computes the same is what `make spark` shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from crm_kpis.errors import InputError
from crm_kpis.init.write import init_project
from crm_kpis.project import PROJECT_DIR
from crm_kpis.published.write import ClusterTable
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.spark.build import find_kept, is_read
from crm_kpis.spark.inputs import register_inputs
from crm_kpis.spark.outputs import describe_outputs, register_outputs
from crm_kpis.spark.project import check_project, find_profiles
from crm_kpis.spark.session import REQUIRED, configured_names, spark_session
from crm_kpis.sql import quote_path, quote_text
from try_spark import Comparison, compare_marts


def write_parquet(directory: Path, table: str, query: str) -> None:
    with duckdb.connect() as connection:
        path = quote_text(f"{directory / table}.parquet")
        connection.execute(f"copy ({query}) to {path} (format parquet)")


def statements_of(raw_dir: Path, tmp_path: Path, table: str) -> tuple[str, str]:
    """The statements by which Spark knows the file of a raw table, and the raw table."""
    raw_directory = inspect(raw_dir)
    source = {"source_name": "raw", "schema": "raw", "name": table, "identifier": table, "columns": {}}
    source["columns"] = {
        column.name: {"data_type": column.data_type}
        for entry in raw_directory.contract
        if entry.name == table
        for column in entry.columns
    }
    with duckdb.connect() as connection:
        register(connection, raw_directory)
        statements = register_inputs(connection, raw_directory, [source], tmp_path / "inputs", "kpis")
    *databases, dropped, file, view = statements
    assert databases == [f"create database if not exists `kpis{suffix}`" for suffix in ("", "_raw")]
    assert dropped == f"drop table if exists `kpis_raw`.`{table}__file`"
    start = f"create table `kpis_raw`.`{table}__file` using parquet options (path "
    assert file.startswith(start)
    return file.removeprefix(start), view


def test_csv_is_landed_with_its_line_numbers(tmp_path, raw_dir, write_csv):
    write_csv("users.csv", "user_id", '"u\n1"', "u2")
    file, view = statements_of(raw_dir, tmp_path, "users")
    landed = tmp_path / "inputs" / "raw" / "users.parquet"
    assert file == f"'{landed}')"
    assert view == "create or replace view `kpis_raw`.`users` as select * from `kpis_raw`.`users__file`"
    rows = duckdb.sql(f"select user_id, email, _row_number from {quote_path(landed)} order by all").fetchall()
    assert rows == [("u\n1", None, 2), ("u2", None, 4)]


def test_parquet_is_read_where_it_is(tmp_path, raw_dir):
    write_parquet(raw_dir, "users", "select 'u1' as \"User_ID\", date '2024-01-05' as hired_on")
    file, view = statements_of(raw_dir, tmp_path, "users")
    assert not list((tmp_path / "inputs").rglob("*.parquet"))
    write_parquet(raw_dir, "order_items", "select 'o1' as order_id")
    _, view_of_items = statements_of(raw_dir, tmp_path, "order_items")
    assert "cast(cast(_metadata.row_index + 1 as bigint) as bigint) as `line_number`" in view_of_items
    # Spark takes brackets and stars of a path for wildcards.
    assert str(raw_dir).endswith("raw 'data' [1] day=3 *")
    assert r"raw \'data\' \\[1\\] day=3 \\*/users.parquet')" in file
    for column in (
        "concat('address-', left(sha2(trim(`User_ID`), 256), 16)) else `User_ID` end as `user_id`",
        "`hired_on` as `hired_on`",
        "cast(null as string) as `email`",
        "cast(null as date) as `left_on`",
        "cast(_metadata.row_index + 1 as bigint) as _row_number",
    ):
        assert column in view


@pytest.mark.parametrize(
    ("expression", "landed"),
    [
        ("true", "true"),
        ("20240105", "20240105"),
        ("time '09:30:00'", "09:30:00"),
        ("'2024-01-05'::blob", "2024-01-05"),
    ],
)
def test_what_spark_can_not_cast_is_landed_as_text(tmp_path, raw_dir, expression, landed):
    write_parquet(raw_dir, "users", f"select 'u1' as user_id, {expression} as hired_on")
    file, _ = statements_of(raw_dir, tmp_path, "users")
    assert file.startswith(f"'{tmp_path / 'inputs'}")
    query = f"select hired_on from '{tmp_path / 'inputs' / 'raw' / 'users.parquet'}'"
    assert duckdb.sql(query).fetchall() == [(landed,)]


def session_of(provider: str, location: str) -> SimpleNamespace:
    rows = [("x", "int"), ("Provider", provider), ("Location", location)]
    return SimpleNamespace(sql=lambda _: SimpleNamespace(collect=lambda: rows))


def test_a_table_of_spark_is_a_view_with_times_in_utc(tmp_path):
    (tmp_path / "a b.db" / "t").mkdir(parents=True)
    write_parquet(
        tmp_path / "a b.db" / "t", "part-0", "select timestamptz '2024-01-05 10:00:00+02' as moment, 1 as n"
    )
    session = session_of("parquet", f"file:{tmp_path}/a%20b.db/t")
    register_outputs(tmp_path / "w.duckdb", session, {"t": "`s`.`t`"}, tmp_path / "c")
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        (row,) = connection.execute(
            "select typeof(moment), cast(moment as varchar), n from main.t"
        ).fetchall()
    assert row == ("TIMESTAMP", "2024-01-05 08:00:00", 1)


def copying_session(provider: str, location: str, said: list[str], *, writes: bool = True) -> SimpleNamespace:
    """A session that also writes a table of two rows where it is to write one, and counts seven."""

    def sql(statement: str) -> SimpleNamespace:
        said.append(statement)
        if statement.startswith("select count(*)"):
            return SimpleNamespace(collect=lambda: [(7,)])
        if writes and statement.startswith("insert overwrite directory"):
            directory = Path(statement.split("'")[1])
            directory.mkdir(parents=True)
            write_parquet(directory, "part-0", "select unnest([1, 2]) as n")
        return session_of(provider, location).sql(statement)

    return SimpleNamespace(sql=sql)


ELSEWHERE = pytest.mark.parametrize(
    "place", [("delta", "file:/x"), ("parquet", "s3://bucket/x"), ("parquet", "file:/no/such/directory")]
)


@ELSEWHERE
def test_a_table_that_is_no_parquet_here_is_copied_by_spark(tmp_path, place):
    said: list[str] = []
    tables = {"t": "`s`.`t`", "step": "`s`.`step`"}
    register_outputs(
        tmp_path / "w.duckdb", copying_session(*place, said), tables, tmp_path / "c", frozenset({"step"})
    )
    assert [statement for statement in said if statement.startswith("insert")] == [
        f"insert overwrite directory '{tmp_path}/c/t' using parquet select * from `s`.`t`"
    ]
    with duckdb.connect(tmp_path / "w.duckdb") as connection:
        assert connection.execute("from main.t order by n").fetchall() == [(1,), (2,)]
        assert connection.execute("select view_name from duckdb_views() where not internal").fetchall() == [
            ("t",)
        ]


def test_a_copy_that_is_on_another_machine_is_told(tmp_path):
    session = copying_session("delta", "file:/x", [], writes=False)
    message = r"`s`\.`t` to .*/c/t, but it is not there on this machine\. Let --output be a directory"
    with pytest.raises(InputError, match=message):
        register_outputs(tmp_path / "w.duckdb", session, {"t": "`s`.`t`"}, tmp_path / "c")


def test_facts_that_stay_on_the_cluster_are_described_there():
    said: list[str] = []
    session = copying_session("delta", "s3://bucket/x", said)
    assert describe_outputs(session, {"fct_deals": "`s`.`fct_deals`"}) == (
        ClusterTable("fct_deals", "s.fct_deals", "delta", "s3://bucket/x", 7),
    )
    assert said == ["describe table extended `s`.`fct_deals`", "select count(*) from `s`.`fct_deals`"]


PUBLISHED = ["fct_deals", "fct_tickets", "dim_users", "kpi_values"]


def test_what_is_read_afterwards_is_copied():
    def read(name: str, folder: str, *tags: str) -> bool:
        node = SimpleNamespace(fqn=["crm_kpis", folder, name], tags=list(tags), unique_id=f"model.{name}")
        return is_read(node, ["model.own"])

    assert read("fct_deals", "facts", "published")
    assert read("stg_deals", "staging")
    # The names of its measures are read, to say how each is defined.
    assert read("own", "measures")
    assert not read("int_stages", "intermediate")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", set()),
        (" fct_deals ", {"fct_deals"}),
        ("fct_t* fct_deals", {"fct_deals", "fct_tickets"}),
        ("*", {"fct_deals", "fct_tickets"}),
    ],
)
def test_facts_that_stay_are_named_or_match(wanted, found):
    assert find_kept(wanted, PUBLISHED) == found


@pytest.mark.parametrize("wanted", ["fct_deal", "fct_deals kpi_values", "fct_deals,fct_tickets"])
def test_what_stays_must_be_a_fact(wanted):
    message = (
        f"CRM_KPIS_SPARK_KEEP has {wanted.split()[-1]!r}, which is no published fact. Name some of fct_deals"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        find_kept(wanted, PUBLISHED)


def test_sparks_own_configuration_is_known_by_name(tmp_path):
    path = tmp_path / "spark-defaults.conf"
    assert configured_names(path) == set()
    path.write_text(
        "# spark.not.set 1\nspark.a.b 1\n  spark.c=2\nspark.d: 3\n\nother.e 4\nspark.f\t5", "utf-8"
    )
    assert configured_names(path) == {"spark.a.b", "spark.c", "spark.d", "spark.f"}


class Cursor:
    """A cursor of PyHive's, of a server that has these settings."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        self.description = None if statement.startswith("create") else [("key",), ("value",)]
        name = statement.removeprefix("set ")
        self._rows = [(name, self._settings.get(name, "<undefined>"))]

    def fetchall(self) -> list[tuple[str, str]]:
        return self._rows


def serve(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> dict[str, object]:
    """Put a Thrift server in the place of PyHive; returns with what it was asked for, once it was."""
    asked: dict[str, object] = {}

    def connect(**server: object) -> SimpleNamespace:
        if server["port"] == 1:
            raise OSError("Connection refused")
        asked.update(server)
        return SimpleNamespace(cursor=lambda: Cursor(settings), close=lambda: asked.update(is_closed=True))

    monkeypatch.setitem(sys.modules, "pyhive", SimpleNamespace(hive=SimpleNamespace(connect=connect)))
    monkeypatch.setenv("CRM_KPIS_SPARK_METHOD", "thrift")
    return asked


NEEDED = {name: value.upper() for name, value in REQUIRED.items()}


def test_a_thrift_server_is_a_session(monkeypatch, tmp_path):
    asked = serve(monkeypatch, NEEDED)
    monkeypatch.setenv("CRM_KPIS_SPARK_PORT", "10001")
    with spark_session(tmp_path) as session:
        assert session.sql("create view a as select 1").collect() == []
        assert session.sql("set spark.sql.ansi.enabled").collect() == [("spark.sql.ansi.enabled", "FALSE")]
    assert asked == {
        "host": "localhost",
        "port": 10001,
        "auth": "NONE",
        "username": "crm_kpis",
        "is_closed": True,
    }


def test_a_thrift_server_that_models_can_not_rely_on_is_told(monkeypatch, tmp_path):
    asked = serve(monkeypatch, NEEDED | {"spark.sql.session.timeZone": "Europe/Berlin"})
    message = (
        r"localhost:10000 has spark\.sql\.session\.timeZone=Europe/Berlin\."
        r" Start it with --conf spark\.sql\.session\.timeZone=UTC\."
    )
    with pytest.raises(InputError, match=message), spark_session(tmp_path):
        pass
    assert asked["is_closed"]


def test_a_thrift_server_that_is_not_there_is_told(monkeypatch, tmp_path):
    serve(monkeypatch, NEEDED)
    monkeypatch.setenv("CRM_KPIS_SPARK_PORT", "1")
    message = "server localhost:1 can't be reached: Connection refused. CRM_KPIS_SPARK_HOST"
    with pytest.raises(InputError, match=message), spark_session(tmp_path):
        pass


@pytest.mark.parametrize("port", ["", "ten"])
def test_a_port_that_is_no_number_is_told(monkeypatch, tmp_path, port):
    serve(monkeypatch, NEEDED)
    monkeypatch.setenv("CRM_KPIS_SPARK_PORT", port)
    with pytest.raises(InputError, match=f"CRM_KPIS_SPARK_PORT is '{port}'"), spark_session(tmp_path):
        pass


def test_another_method_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("CRM_KPIS_SPARK_METHOD", "odbc")
    with pytest.raises(InputError, match="is 'odbc'\\. Set it to session or thrift"), spark_session(tmp_path):
        pass


def write_marts(path: Path, *tables: str) -> Path:
    with duckdb.connect(path) as connection:
        connection.execute("create schema marts")
        for table in tables:
            connection.execute(f"create table marts.{table}")
    return path


def test_marts_are_compared_exactly_but_for_doubles(tmp_path):
    rows = "('a', 1.5::double, 1.10), ('b', null, 2.20), ('b', 3e9, 2.20)"
    ours = f"t as select * from (values {rows}) as t (k, x, d)"
    close = ours.replace("3e9", "3000000001.0").replace("1.5::", "1.50000000001::")
    far = ours.replace("1.5::", "1.6::").replace("1.10", "1.11")
    left = write_marts(tmp_path / "1.duckdb", ours, "alone as select 1 as n", "runs as select 1 as n")
    assert compare_marts(left, write_marts(tmp_path / "2.duckdb", close)) == [
        Comparison("t", 3, equal=1, close=3, columns=("x",)),
        Comparison("alone", 0, problem="one engine has it"),
    ]
    (compared, _) = compare_marts(left, write_marts(tmp_path / "3.duckdb", far))
    assert (compared.equal, compared.close, compared.columns) == (2, 2, ("d", "x"))
    assert not compared.is_same


@pytest.mark.parametrize(
    "other", ["t as select 1 as n union all select 2", "t as select 1.5 as n", "t as select 1 as m"]
)
def test_marts_of_another_shape_are_told(tmp_path, other):
    left = write_marts(tmp_path / "1.duckdb", "t as select 1 as n")
    (compared,) = compare_marts(left, write_marts(tmp_path / "2.duckdb", other))
    assert compared.problem
    assert not compared.is_same


def test_a_project_that_init_writes_is_ready_for_spark(tmp_path):
    acme = init_project(tmp_path / "acme")
    check_project(acme)
    assert find_profiles(acme) == (PROJECT_DIR, "crm_kpis")
    check_project(PROJECT_DIR)
    assert find_profiles(PROJECT_DIR) == (PROJECT_DIR, "crm_kpis")


def test_the_target_of_a_company_comes_before_the_shipped_one(tmp_path):
    acme = init_project(tmp_path / "acme")
    project = acme / "dbt_project.yml"
    project.write_text(
        project.read_text(encoding="utf-8").replace("profile: crm_kpis", "profile: ours"), "utf-8"
    )
    for profiles, found in (
        ("ours: {outputs: {spark: {type: spark}}}", (acme, "ours")),
        (
            "ours: {outputs: {duckdb: {type: duckdb}}}\ncrm_kpis: {outputs: {spark: {}}}",
            (PROJECT_DIR, "crm_kpis"),
        ),
        ("", (PROJECT_DIR, "crm_kpis")),
    ):
        (acme / "profiles.yml").write_text(profiles, encoding="utf-8")
        assert find_profiles(acme) == found


@pytest.mark.parametrize(
    ("file", "cut", "added"),
    [
        (
            "macros/materializations.sql",
            "{% materialization table, adapter='spark' %}",
            "{{ return(crm_kpis.replace_spark_table(",
        ),
        ("dbt_project.yml", "dispatch:", "- {macro_namespace: dbt, search_order: [acme, crm_kpis, dbt]}"),
    ],
)
def test_what_a_project_of_before_lacks_is_told(tmp_path, file, cut, added):
    acme = init_project(tmp_path / "acme")
    path = acme / file
    text = path.read_text(encoding="utf-8")
    kept, rest = text.split(cut)
    path.write_text(kept + rest.partition("\n\n")[2], encoding="utf-8")
    with pytest.raises(InputError) as told:
        check_project(acme)
    assert cut in str(told.value)
    assert added in str(told.value)
    # What it says to add is what was missing.
    path.write_text(
        path.read_text(encoding="utf-8") + "\n" + str(told.value).partition("\n")[2], encoding="utf-8"
    )
    check_project(acme)
