"""Hand-made warehouses to publish, and the processes that publish and read them at the same time.

Each table of a warehouse holds the warehouse's token in every row: readers that find two tokens have seen a
mixed state. As a command: `python publishing.py publish|read <directory> ...`, see the functions at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
from crm_kpis.published.connect import FILE_NAME, open_published
from crm_kpis.published.write import Run, publish, read_history

FIRST_RUN = Run(
    run_id="1",
    published_at=datetime(2026, 7, 1),
    as_of=date(2026, 6, 30),
    raw_directory="exports",
    crm_kpis_version="0.1.0",
    rows_read=1200,
    rows_rejected=7,
    values_rejected=3,
    tests_passed=90,
    tests_warned=1,
    warnings="test not_null_id: 1 row",
    inputs_sha256="0" * 64,
)
TABLES = ("fct_deals", "dim_users", "kpis_wide")


def make_run(token: int) -> Run:
    return replace(FIRST_RUN, run_id=str(token), published_at=FIRST_RUN.published_at + timedelta(hours=token))


def write_warehouse(directory: Path, token: int, rows: int = 1000) -> None:
    """A warehouse of a large and a small table, a view and a table that is not published."""
    path = directory / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(path) as connection:
        connection.execute(
            f"""
            create table dim_users as select {token} as token, range as user_id, 'U' || range as "User ""name"
            from range(7);
            create table fct_deals as select {token} as token, range as deal_id, range % 7 as owner_id,
                cast(range * 1.25 as decimal(18, 4)) as amount, md5(cast(range + {token} as varchar)) as noise
            from range({rows});
            create view kpis_wide as select token, count(*) as deals from fct_deals group by token;
            create table stg_contacts as select 'ann@example.com' as email
            """
        )


def make_node(name: str, *tags: str, resource_type: str = "model", **columns: str) -> dict:
    described = {column: {"description": description} for column, description in columns.items()}
    return {
        "resource_type": resource_type,
        "alias": name,
        "schema": "main",
        "tags": list(tags),
        "description": f"One row per {name}.\n\nAnd a lot more\nabout it.",
        "columns": described,
    }


def write_manifest(directory: Path) -> None:
    def make_test(name: str, node: str, **kwargs: object) -> dict:
        metadata = {"name": name, "kwargs": kwargs}
        return {"resource_type": "test", "attached_node": node, "test_metadata": metadata, "tags": []}

    references = {"owner_id": {"to": "ref('dim_users')", "key": "user_id"}}
    nodes = {
        "model.fct_deals": make_node(
            "fct_deals", "published", deal_id="The deal's id; it's unique.", lost="-"
        ),
        "seed.dim_users": make_node(
            "dim_users", "published", "x", resource_type="seed", **{'User "name': "N"}
        ),
        "model.kpis_wide": make_node("kpis_wide", "published"),
        "model.stg_contacts": make_node("stg_contacts", "x"),
        "test.a": make_test(
            "integrity", "model.fct_deals", key=["token", "deal_id"], foreign_keys=references
        ),
        # Another one, of a second key.
        "test.b": make_test("integrity", "model.fct_deals", key=["deal_id"]),
        "test.c": {"resource_type": "test", "attached_node": None, "tags": ["published"]},
    }
    (directory / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": {}}), encoding="utf-8")


def publish_token(directory: Path, token: int, rows: int = 1000, kept: int = 2) -> Path:
    """Build a warehouse by hand and publish it."""
    write_warehouse(directory, token, rows)
    if not (directory / "manifest.json").exists():
        write_manifest(directory)
    runs = [*read_history(directory), make_run(token)]
    return publish(directory / "warehouse.duckdb", directory / "manifest.json", directory, runs, kept=kept)


def read_tokens(connection: duckdb.DuckDBPyConnection) -> set[int]:
    """The tokens of all that is published; one, if all is of one state."""
    tokens = {
        row[0]
        for table in TABLES
        for row in connection.execute(f"select distinct token from marts.{table}").fetchall()
    }
    newest = "select cast(run_id as bigint) from marts.runs order by published_at desc limit 1"
    return tokens | {connection.execute(newest).fetchall()[0][0]}


def read_state(directory: Path) -> int:
    """The token of what is published, all of which is of one state; no WAL is beside it."""
    assert not (directory / f"{FILE_NAME}.wal").exists()
    with open_published(directory) as connection:
        tokens = read_tokens(connection)
        newest = max(tokens)
        assert tokens == {newest}
        # No publication is lost, and none that was not finished is there.
        assert connection.execute("select count(distinct run_id) = count(*) from marts.runs").fetchall()[0][0]
    return newest


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """Run a function of this file in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def publish_often(directory: str, first: str, times: str, rows: str) -> None:
    """Publish one token after the other, and say so."""
    for token in range(int(first), int(first) + int(times)):
        publish_token(Path(directory), token, int(rows))
        print(token, flush=True)


def read_often(directory: str, stop: str) -> None:
    """Read until a file stops it; print the sessions: when they began, how long they took, and their token.

    The tenth is told by a line of its own.

    Every other session is held open for a while between its queries, so that publications happen meanwhile.
    """
    sessions = []
    while not Path(stop).exists():
        started = time.time()
        with open_published(Path(directory)) as connection:
            tokens = read_tokens(connection)
            taken = time.time() - started
            if len(sessions) % 2:
                time.sleep(0.05)
                tokens |= read_tokens(connection)
        assert len(tokens) == 1, f"a mixed state: {tokens}"
        sessions.append((started, taken, tokens.pop()))
        time.sleep(0.05)
        if len(sessions) == 10:
            print("ready", flush=True)
    print(json.dumps(sessions))


if __name__ == "__main__":
    {"publish": publish_often, "read": read_often}[sys.argv[1]](*sys.argv[2:])
