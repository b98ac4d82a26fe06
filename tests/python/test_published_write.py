"""What is in the published file, and that readers, kills and full disks never see or make half of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import duckdb
import pytest
from crm_kpis.errors import InputError
from crm_kpis.published.connect import FILE_NAME, open_published
from crm_kpis.published.write import ClusterTable, publish, read_history, read_published_tables, sweep
from pipeline import VALUES_ALONE, write_command
from publishing import (
    FIRST_RUN,
    make_node,
    make_run,
    publish_token,
    read_state,
    read_tokens,
    start,
    write_manifest,
    write_warehouse,
)
from sizes import size

PUBLISHES = size("PUBLISHES", 10, 50)
KILLS = size("KILLS", 5, 100)
KILLED_RUNS = size("KILLED_RUNS", 1, 20)
READERS = 4


def rows(directory: Path, query: str) -> list[tuple]:
    with open_published(directory) as connection:
        return connection.execute(query).fetchall()


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {"warehouse.duckdb", "manifest.json", "earlier"}


# What is published


def test_what_is_tagged_is_published_as_tables_of_the_schema_marts(tmp_path):
    publish_token(tmp_path, 3)
    assert rows(tmp_path, "select schema_name, table_name from duckdb_tables() order by all") == [
        ("marts", "dim_users"),
        ("marts", "fct_deals"),
        ("marts", "kpis_wide"),
        ("marts", "measure_definitions"),
        ("marts", "run_columns"),
        ("marts", "run_kpis"),
        ("marts", "run_tables"),
        ("marts", "runs"),
    ]
    assert rows(tmp_path, "select count(*) from duckdb_views() where not internal") == [(0,)]
    assert rows(tmp_path, "from kpis_wide") == [(3, 1000)]
    with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as warehouse:
        expected = warehouse.execute("from main.fct_deals").fetchall()
    assert rows(tmp_path, "from marts.fct_deals") == expected


def write_manifest_of_a_view(directory: Path) -> None:
    """The manifest of kpis_wide as a view, which reads the table fct_deals."""
    write_manifest(directory)
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["nodes"]["model.fct_deals"]["relation_name"] = '"warehouse"."main"."fct_deals"'
    manifest["nodes"]["model.kpis_wide"] |= {
        "config": {"meta": {"published_as": "view"}},
        "compiled_code": 'select token, count(*) as deals from "warehouse"."main"."fct_deals" group by token',
        "depends_on": {"nodes": ["model.fct_deals"]},
    }
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_view_of_published_tables_stays_one_and_is_read_under_any_name(tmp_path):
    write_manifest_of_a_view(tmp_path)
    publish_token(tmp_path, 3)
    assert rows(tmp_path, "select view_name, comment from duckdb_views() where not internal") == [
        ("kpis_wide", "One row per kpis_wide.")
    ]
    assert rows(tmp_path, "from marts.kpis_wide") == [(3, 1000)]
    # Even under that of the schema.
    shutil.copy(tmp_path / FILE_NAME, tmp_path / "marts.duckdb")
    for name in ("marts", "other"):
        with duckdb.connect() as connection:
            connection.execute(f"attach '{tmp_path / 'marts.duckdb'}' as {name} (read_only)")
            assert connection.execute(f"from {name}.marts.kpis_wide").fetchall() == [(3, 1000)]


def test_what_spark_has_written_as_a_table_is_published_as_one(tmp_path):
    write_warehouse(tmp_path, 3)
    write_manifest_of_a_view(tmp_path)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("drop view kpis_wide; create table kpis_wide as select 1 as token")
    publish(tmp_path / "warehouse.duckdb", tmp_path / "manifest.json", tmp_path, [FIRST_RUN])
    assert rows(tmp_path, "select count(*) from duckdb_views() where not internal") == [(0,)]
    assert rows(tmp_path, "from kpis_wide") == [(1,)]


def test_a_view_becomes_a_table_where_what_it_reads_stays_on_a_cluster(tmp_path):
    write_warehouse(tmp_path, 3)
    write_manifest_of_a_view(tmp_path)
    stays = ClusterTable("fct_deals", "crm_kpis.fct_deals", "delta", "s3://bucket/fct_deals", 1000)
    arguments = (tmp_path / "warehouse.duckdb", tmp_path / "manifest.json", tmp_path, [FIRST_RUN])
    publish(*arguments, cluster_tables=(stays,))
    assert rows(tmp_path, "select count(*) from duckdb_views() where not internal") == [(0,)]
    assert rows(tmp_path, "from kpis_wide") == [(3, 1000)]


def test_comments_say_what_a_row_is_and_its_keys(tmp_path):
    publish_token(tmp_path, 1)
    comments = dict(rows(tmp_path, "select table_name, comment from duckdb_tables()"))
    assert comments["fct_deals"] == "One row per fct_deals. Primary key: token, deal_id."
    assert comments["kpis_wide"] == "One row per kpis_wide."
    assert comments["runs"].endswith("Primary key: run_id.")
    columns = {
        (table, column): comment
        for table, column, comment in rows(
            tmp_path, "select table_name, column_name, comment from duckdb_columns()"
        )
        if comment
    }
    assert columns["fct_deals", "deal_id"] == "The deal's id; it's unique."
    assert columns["fct_deals", "owner_id"] == "References dim_users.user_id."
    assert columns["dim_users", 'User "name'] == "N"
    assert ("fct_deals", "lost") not in columns


def test_facts_that_stay_on_a_cluster_are_listed_instead(tmp_path):
    write_warehouse(tmp_path, 1)
    write_manifest(tmp_path)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("drop view kpis_wide; drop table fct_deals")
        connection.execute("create table kpis_wide as select 1 as token")
    stays = ClusterTable("fct_deals", "crm_kpis.fct_deals", "delta", "s3://bucket/fct_deals", 5)
    arguments = (tmp_path / "warehouse.duckdb", tmp_path / "manifest.json", tmp_path, [FIRST_RUN])
    publish(*arguments, cluster_tables=(stays,))
    assert rows(tmp_path, "from cluster_tables") == [astuple(stays)]
    tables = {name for (name,) in rows(tmp_path, "select table_name from duckdb_tables()")}
    assert tables >= {"dim_users", "kpis_wide"}
    assert "fct_deals" not in tables
    assert rows(
        tmp_path,
        "select count(*) from duckdb_columns() where table_name = 'cluster_tables' and comment is null",
    ) == [(0,)]


@pytest.mark.slow
def test_keys_of_records_are_not_searched_for_values_that_repeat(tmp_path):
    """Not even where they do repeat, as in few_visits; what can't be compressed is kept as it is."""
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            """
            create table fct_visits as
            select 'V' || range as visit_id, 'A' || range % 7 as owner_id, range as visit_number
            from range(130000)
            union all
            select null, null, null
            union all
            select repeat('ü', 300000), '', 1;
            create view few_visits as select owner_id, 'V' || visit_number % 5 as visit_id from fct_visits
            """
        )
    test = {
        "resource_type": "test",
        "attached_node": "model.fct_visits",
        "test_metadata": {"name": "integrity", "kwargs": {"key": ["visit_id"]}},
        "tags": [],
    }
    nodes = {f"model.{name}": make_node(name, "published") for name in ("fct_visits", "few_visits")}
    manifest = {"nodes": nodes | {"test.key": test}, "sources": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    publish(tmp_path / "warehouse.duckdb", tmp_path / "manifest.json", tmp_path, [make_run(1)])
    with duckdb.connect(tmp_path / "warehouse.duckdb", read_only=True) as warehouse:
        for table in ("fct_visits", "few_visits"):
            expected = warehouse.execute(f"from {table} order by all").fetchall()
            assert rows(tmp_path, f"from marts.{table} order by all") == expected
            found = rows(
                tmp_path,
                f"select column_name, mode(compression) from pragma_storage_info('marts.{table}')"
                " where segment_type = 'VARCHAR' group by column_name",
            )
            assert dict(found) == {"visit_id": "FSST", "owner_id": "Dictionary"}


def test_each_publication_is_a_row_of_runs(tmp_path):
    for token in (1, 2, 3):
        publish_token(tmp_path, token)
    assert read_history(tmp_path) == [make_run(1), make_run(2), make_run(3)]
    assert rows(
        tmp_path, "select count(*) from duckdb_columns() where table_name = 'runs' and comment is null"
    ) == [(0,)]


def test_runs_of_another_version_are_carried_over(tmp_path):
    path = publish_token(tmp_path, 1)
    path.chmod(0o644)
    with duckdb.connect(path) as connection:
        connection.execute("alter table marts.runs drop column warnings")
        connection.execute("alter table marts.runs add column another_column bigint")
    publish_token(tmp_path, 2)
    assert [run.run_id for run in read_history(tmp_path)] == ["1", "2"]
    assert [run.warnings for run in read_history(tmp_path)] == [None, FIRST_RUN.warnings]


def test_the_file_is_of_the_storage_version_that_old_versions_read(tmp_path):
    publish_token(tmp_path, 1)
    tags = rows(tmp_path, "select tags from duckdb_databases() where path is not null")
    assert "v1.0.0" in str(tags)


def test_the_project_publishes_marts_facts_and_dimensions_each_with_a_key(sample_build):
    tables = {
        table.name: table for table in read_published_tables(sample_build.output / "dbt_target/manifest.json")
    }
    assert {"kpi_values", "kpi_catalogue", "kpi_coverage", "fct_deals", "dim_users"} <= set(tables)
    assert not [name for name in tables if name.startswith(("stg_", "measures"))]
    star = {name: table for name, table in tables.items() if name.startswith(("fct_", "dim_", "kpi_values"))}
    assert not [name for name, table in star.items() if "Primary key: " not in table.comment]
    assert "References dim_users.user_id" in tables["fct_deals"].column_comments["owner_id"]
    # DuckDB before 1.4 takes a CTE that is named like the table it reads for itself.
    views = {name: table for name, table in tables.items() if table.view}
    assert set(views) == {"account_timeline"}
    for table in views.values():
        ctes = set(re.findall(r"(?m)^(\w+)(?: \(.*\))? as \(", table.view))
        assert "event_words" in ctes
        assert not ctes & table.reads


# Nothing is in the way


def test_a_reader_goes_on_reading_what_it_opened(tmp_path):
    publish_token(tmp_path, 1)
    with open_published(tmp_path) as connection:
        # By another process, as it is in life: in this one, both would be the same database to DuckDB.
        assert start("publish", tmp_path, 2, 1, 1000).wait() == 0
        assert read_tokens(connection) == {1}
    assert read_state(tmp_path) == 2


def test_who_has_the_published_file_open_for_writing_stops_no_run(tmp_path):
    publish_token(tmp_path, 1).chmod(0o644)
    hold = (
        f"import duckdb; c = duckdb.connect({str(tmp_path / 'kpis.duckdb')!r}); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        publish_token(tmp_path, 2)
        assert read_state(tmp_path) == 2
        process.communicate("\n")
    assert [run.run_id for run in read_history(tmp_path)] == ["1", "2"]


def test_a_wal_that_somebody_left_is_not_taken_for_the_new_files(tmp_path):
    path = publish_token(tmp_path, 1)
    path.chmod(0o644)
    leave_wal = (
        f"import duckdb, os; c = duckdb.connect({str(path)!r})\n"
        "c.execute('update marts.dim_users set token = 9'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", leave_wal], check=True)
    assert path.with_name("kpis.duckdb.wal").exists()
    publish_token(tmp_path, 2)
    assert read_state(tmp_path) == 2


def test_nobody_may_write_to_the_published_file(tmp_path):
    assert publish_token(tmp_path, 1).stat().st_mode & 0o222 == 0
    assert publish_token(tmp_path, 2).stat().st_mode & 0o222 == 0


def test_what_a_killed_process_of_the_same_number_left_is_not_in_the_way(tmp_path):
    """In a container, each run may have the same process id."""
    (tmp_path / f".kpis.duckdb.{os.getpid()}.unfinished").write_text("half")
    publish_token(tmp_path, 1)
    assert read_state(tmp_path) == 1


def test_leftovers_are_swept(tmp_path):
    for name in (".kpis.duckdb.77.unfinished", ".kpis.duckdb.77.unfinished.wal", ".kpis.duckdb.77.history"):
        (tmp_path / name).write_text("half")
    spilled = tmp_path / ".kpis.duckdb.77.unfinished.tmp"
    spilled.mkdir()
    (spilled / "duckdb_temp_storage").write_text("x")
    (tmp_path / "kpis.csv").write_text("not ours")
    sweep(tmp_path)
    assert names_in(tmp_path) == {"kpis.csv"}
    publish_token(tmp_path, 1)
    assert names_in(tmp_path) == {"kpis.csv", "kpis.duckdb"}


# What goes wrong leaves the published file as it was


def test_a_file_that_is_not_ours_is_not_replaced(tmp_path):
    path = tmp_path / "kpis.duckdb"
    path.write_text("somebody's notes")
    with pytest.raises(InputError, match="does not hold published marts, so it is not replaced"):
        publish_token(tmp_path, 1)
    assert path.read_text() == "somebody's notes"
    assert names_in(tmp_path) == {"kpis.duckdb"}


def test_a_table_that_was_not_built_is_an_error(tmp_path):
    publish_token(tmp_path, 1)
    write_warehouse(tmp_path, 2)
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("drop table dim_users")
    with pytest.raises(InputError, match=r"could not be published: .*dim_users.*as it was before"):
        publish(tmp_path / "warehouse.duckdb", tmp_path / "manifest.json", tmp_path, [make_run(2)])
    assert read_state(tmp_path) == 1
    assert names_in(tmp_path) == {"kpis.duckdb"}


def test_rows_that_get_lost_on_the_way_are_noticed(tmp_path, monkeypatch):
    publish_token(tmp_path, 1)
    write_warehouse(tmp_path, 2)

    def lose_a_row(connection, table, *_):
        connection.execute(
            f"delete from {table.target} where rowid = (select min(rowid) from {table.target})"
        )

    monkeypatch.setattr("crm_kpis.published.write._comment", lose_a_row)
    with pytest.raises(InputError, match="fct_deals has 999 rows instead of 1000"):
        publish(tmp_path / "warehouse.duckdb", tmp_path / "manifest.json", tmp_path, [make_run(2)])
    assert read_state(tmp_path) == 1


@pytest.mark.parametrize("step", ["os.fsync", "os.replace"])
def test_an_error_of_the_file_system_leaves_the_old_file(tmp_path, monkeypatch, step):
    publish_token(tmp_path, 1)

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(step, fail)
    with pytest.raises(InputError, match="Input/output error"):
        publish_token(tmp_path, 2)
    assert read_state(tmp_path) == 1
    assert names_in(tmp_path) == {"kpis.duckdb"}


def publish_in_process(directory: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Publish what the warehouse holds, and print the error."""
    code = (
        "from pathlib import Path; from publishing import make_run\n"
        "from crm_kpis.published.write import publish\n"
        f"d = Path({str(directory)!r})\n"
        "try: publish(d / 'warehouse.duckdb', d / 'manifest.json', d, [make_run(2)])\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    return subprocess.run(
        [*options.pop("prefix", []), sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.slow
def test_a_file_that_may_not_grow_leaves_the_old_one(tmp_path):
    publish_token(tmp_path, 1)
    write_warehouse(tmp_path, 2, rows=300_000)
    limit = 2_000_000
    done = publish_in_process(
        tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert done.stdout.startswith("MachineError The marts could not be published: "), done
    assert "as it was before this run" in done.stdout
    assert read_state(tmp_path) == 1
    assert names_in(tmp_path) == {"kpis.duckdb"}


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_file(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    write_warehouse(tmp_path, 2, rows=300_000)
    write_manifest(tmp_path)
    mount = f"mount -t tmpfs -o size=6m tmpfs '{small}'"
    unshare = [shutil.which("unshare") or "false", "--mount", "sh", "-c"]
    if subprocess.run([*unshare, mount], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    code = (
        "import shutil, sys; from pathlib import Path\n"
        "from publishing import make_run, publish_token, read_state\n"
        "from crm_kpis.published.write import publish\n"
        f"big, small = Path({str(tmp_path)!r}), Path({str(small)!r})\n"
        "publish_token(small, 1); (small / 'warehouse.duckdb').unlink()\n"
        "try: publish(big / 'warehouse.duckdb', big / 'manifest.json', small, [make_run(2)])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "print(read_state(small), sorted(path.name for path in small.iterdir()))"
    )
    done = subprocess.run(
        [*unshare, f'{mount} && "$0" -c "$1"', sys.executable, code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    error, state = done.stdout.splitlines()
    assert error.startswith("MachineError The marts could not be published: "), done
    assert "No space left on device" in error
    assert state == "1 ['kpis.duckdb', 'manifest.json']"


# Readers


@pytest.fixture
def readers(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that read what is published, until the file `stop` is there."""
    publish_token(tmp_path, 0)
    processes = [start("read", tmp_path, tmp_path / "stop") for _ in range(READERS)]
    yield processes
    (tmp_path / "stop").touch()
    for process in processes:
        process.kill()
        process.wait()


def quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100)[round(share * 100) - 1]


@pytest.mark.slow
def test_readers_see_whole_states_and_never_wait(tmp_path, readers):
    """While token after token is published, no read fails, mixes two states or goes back to an older one."""
    for process in readers:  # without publications, to measure against
        assert process.stdout.readline()
    quiet_until = time.time()
    publisher = start("publish", tmp_path, 1, PUBLISHES, 1000)
    assert publisher.wait() == 0
    (tmp_path / "stop").touch()
    sessions = [json.loads(process.communicate(timeout=60)[0]) for process in readers]
    assert [process.returncode for process in readers] == [0] * READERS
    for tokens in ([token for _, _, token in session] for session in sessions):
        assert tokens == sorted(tokens)
    seen = {token for session in sessions for _, _, token in session}
    assert len(seen) > PUBLISHES / 2
    quiet = [taken for session in sessions for began, taken, _ in session if began < quiet_until]
    busy = [taken for session in sessions for began, taken, _ in session if began >= quiet_until]
    for share in (0.5, 0.95):
        assert quantile(busy, share) < 10 * quantile(quiet, share)


# Kills


@pytest.mark.slow
def test_a_killed_publication_leaves_one_whole_state(tmp_path):
    moment, state = random.Random(1), 0  # noqa: S311 - nothing is to be kept secret
    publish_token(tmp_path, 0, rows=20_000)
    for _ in range(KILLS):
        with start("publish", tmp_path, state + 1, 1000, 20_000) as process:
            process.stdout.readline()
            time.sleep(moment.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            told = [int(line) for line in process.stdout.read().split()]
        # At the least, what was told to be published is.
        assert read_state(tmp_path) >= max(told, default=state + 1)
        state = read_state(tmp_path)
    publish_token(tmp_path, state + 1)
    assert read_state(tmp_path) == state + 1
    assert names_in(tmp_path) == {"kpis.duckdb"}


@pytest.mark.slow
def test_a_killed_run_leaves_what_is_published_and_the_next_one_works(
    tmp_path, sample_build, small_build, small_dir, monkeypatch
):
    monkeypatch.setenv("CRM_KPIS_TODAY", "2026-07-01")
    output = tmp_path / "output"
    shutil.copytree(small_build.output, output)
    moment = random.Random(2)  # noqa: S311 - nothing is to be kept secret
    write_command(sample_build, tmp_path / "crm-kpis", VALUES_ALONE)
    options = ["--full-refresh", "--output", output, "--raw-dir", small_dir]
    command = [tmp_path / "crm-kpis", "run", *options]
    for _ in range(KILLED_RUNS):
        before = read_history(output)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment.uniform(2, 9))
            process.kill()
        after = read_history(output)
        assert after[: len(before)] == before
        assert len(after) - len(before) <= 1
        with open_published(output) as connection:
            assert connection.execute("select count(*) > 0 from kpi_values").fetchall() == [(True,)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(read_history(output)) == len(after) + 1
    assert not list(output.glob(".kpis*"))
    assert not (output / "kpis.duckdb.wal").exists()
