"""Read the published marts by DuckDB's older versions and other clients, each in an environment of its own.

    .venv/bin/python scripts/try_bi_clients.py [--output output] [--environments DIRECTORY]

Each must tell the same tables, rows and comments as DuckDB does in this environment. It downloads some 200 MB
of packages from PyPI, so it is no part of the tests. Exit status: 0 all told the same; 1 one did not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from crm_kpis.published.connect import FILE_NAME

_FACTS = """
select
    count(*) as tables,
    count(comment) as comments,
    (
        select count(comment) from duckdb_columns()
        where schema_name = 'marts' and table_name in (select table_name from duckdb_tables())
    ) as column_comments,
    (select count(*) from marts.kpi_values) as kpi_values,
    (select cast(sum(amount) as varchar) from marts.fct_deals) as amount,
    (select cast(max(published_at) as varchar) from marts.runs) as published_at
from duckdb_tables()
where schema_name = 'marts'
"""
_BY_DUCKDB = """
import duckdb, json
with duckdb.connect(path, read_only=True) as marts:
    cursor = marts.execute(facts)
    names = [column[0] for column in cursor.description]
    print(json.dumps(dict(zip(names, cursor.fetchone()))))
"""
_BY_SQLALCHEMY = """
import json, sqlalchemy
engine = sqlalchemy.create_engine(
    f"duckdb:///{path}", connect_args={"read_only": True}, poolclass=sqlalchemy.pool.NullPool
)
inspector = sqlalchemy.inspect(engine)
tables = inspector.get_table_names(schema="marts")
columns = [column for table in tables for column in inspector.get_columns(table, schema="marts")]
with engine.connect() as connection:
    row = connection.execute(sqlalchemy.text(facts)).one()._asdict()
row["tables"] = len(tables)
row["comments"] = sum(bool(inspector.get_table_comment(table, schema="marts")["text"]) for table in tables)
row["column_comments"] = sum(bool(column["comment"]) for column in columns)
print(json.dumps(row))
"""
_BY_ADBC = """
import _duckdb, adbc_driver_manager.dbapi, json
options = {"path": path, "access_mode": "READ_ONLY"}
with adbc_driver_manager.dbapi.connect(
    driver=_duckdb.__file__, entrypoint="duckdb_adbc_init", db_kwargs=options
) as marts, marts.cursor() as cursor:
    cursor.execute(facts)
    print(json.dumps(cursor.fetch_arrow_table().to_pylist()[0]))
"""
# What is installed, and the Python that reads the marts; None: the command duckdb does.
CLIENTS = {
    **{
        f"duckdb {version}": ([f"duckdb=={version}"], _BY_DUCKDB)
        for version in ("1.1.3", "1.2.2", "1.4.5", "1.5.6")
    },
    "duckdb, the newest": (["duckdb"], _BY_DUCKDB),
    "the command line duckdb-cli": (["duckdb-cli"], None),
    "SQLAlchemy 2.0 on duckdb 1.5": (
        ["duckdb-engine", "sqlalchemy>=2.0,<2.1", "duckdb==1.5.6"],
        _BY_SQLALCHEMY,
    ),
    "SQLAlchemy 2.0 on duckdb, the newest": (
        ["duckdb-engine", "sqlalchemy>=2.0,<2.1", "duckdb"],
        _BY_SQLALCHEMY,
    ),
    "ADBC on duckdb 1.5": (["adbc-driver-manager", "pyarrow", "duckdb==1.5.6"], _BY_ADBC),
}


def main() -> int:
    """Try each client and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=Path("output"), help="the output directory of crm-kpis run"
    )
    parser.add_argument("--environments", type=Path, help="where to keep the environments for the next time")
    arguments = parser.parse_args()
    path = (arguments.output / FILE_NAME).resolve()
    if not path.exists():
        print(f"Error: {path} is missing. Run crm-kpis run first.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        environments = arguments.environments or Path(directory)
        expected = _read(Path(sys.executable), _BY_DUCKDB, path)
        print(f"Expected: {expected}")
        results = {name: _try(environments / name, *client, path) for name, client in CLIENTS.items()}
    for name, result in results.items():
        print(f"same   {name}" if result == expected else f"OTHER  {name}: {result}")
    return 0 if all(result == expected for result in results.values()) else 1


def _try(environment: Path, packages: list[str], code: str | None, path: Path) -> str:
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
    try:
        _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
        if code is not None:
            return _read(python, code, path)
        told = _run(environment / "bin" / "duckdb", "-readonly", "-json", path, "-c", _FACTS)
        return json.dumps(json.loads(told)[0])
    except subprocess.CalledProcessError as error:
        return f"failed: {error.stderr.strip().splitlines()[-1]}"


def _read(python: Path, code: str, path: Path) -> str:
    told = _run(python, "-c", f"path, facts = {str(path)!r}, {_FACTS!r}\n{code}")
    return told.splitlines()[-1]  # DuckDB may have shown how far a query was in the lines before


def _run(*command: str | Path) -> str:
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)  # noqa: S603
    return result.stdout


if __name__ == "__main__":
    sys.exit(main())
