"""Ways to build the pipeline in tests: by the command line, and in memory from the SQL that dbt compiled.

A build by the command line takes half a minute, most of it dbt's own work. What dbt compiled once
runs on any raw directory in two seconds, because which rows are read is no part of the SQL.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import re
import shlex
import sys
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import fork_server
from crm_kpis.cli import main
from crm_kpis.files import private_files, write_whole
from crm_kpis.raw.contract import PROJECT_DIR, read_contract
from crm_kpis.raw.formats import read_formats
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.run import build as run_build
from crm_kpis.run import steps as run_steps
from crm_kpis.run.build import BuildOptions, BuildResult, Failure
from crm_kpis.settings.read import read_settings
from crm_kpis.settings.register import register_settings
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.sql import quote_text

SAMPLE_DIR = PROJECT_DIR / "seeds" / "sample"
SAMPLE_SETTINGS = SAMPLE_DIR / "settings"
CONTRACT = {table.name: table for table in read_contract()}
# How the model reporting_window has the setting as_of, where it is not set.
_NO_AS_OF = "cast(null as date)"
_DBT = "dbt.cli.main:cli"
# For build_compiled and write_command: two pages take a quarter of a small run, and what is computed from the
# KPI values (comparisons, evaluations, next steps) half of the rest.
WITHOUT_REPORT = "--without-report"
VALUES_ALONE = "--values-alone"
# A command of the README: test_readme.py knows that it is run here.
README_DBT_BUILD = ".venv/bin/dbt build --vars '{raw_dir: my_crm}'"


@dataclass(frozen=True)
class Build:
    """What a build in a process of its own left behind."""

    output: Path
    status: int
    stdout: str
    stderr: str

    @property
    def warehouse(self) -> Path:
        return self.output / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.output / "kpis.duckdb"

    @property
    def all_output(self) -> str:
        return self.stdout + self.stderr

    def connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(self.warehouse, read_only=True)


def build(output: Path, *arguments: str | Path) -> Build:
    """Run `crm-kpis run`."""
    return _run(output, "crm_kpis.cli:main", "run", "--output", output, *arguments, cwd=output.parent)


def build_compiled(compiled: Build, output: Path, *arguments: str | Path) -> Build:
    """Run `crm-kpis run` with the SQL of another build in place of dbt, at half the cost.

    Args:
        compiled: A build without the setting as_of, of the same settings.yml and own columns.
        output: The directory for all that is written.
        arguments: What else follows `crm-kpis run`; first WITHOUT_REPORT, or VALUES_ALONE, which builds
            nothing from the KPI values and writes no report, where that does not matter.
    """
    options = arguments[:1] if arguments[:1] in ((WITHOUT_REPORT,), (VALUES_ALONE,)) else ()
    arguments = (*options, "run", "--output", output, *arguments[len(options) :])
    return _run(output, "pipeline:_build_compiled", compiled.output, *arguments, cwd=output.parent)


def _build_compiled() -> None:
    project = CompiledProject(Build(Path(sys.argv.pop(1)), 0, "", ""))
    run_steps.build = project.build
    if sys.argv[1] in (WITHOUT_REPORT, VALUES_ALONE):
        run_steps.write_pages = _write_no_page
        if sys.argv.pop(1) == VALUES_ALONE:
            run_steps.build = project.build_values
    main()


def _write_no_page(output: Path, _: str | None) -> Path:
    """Write a page that says nothing, in place of two that take a quarter of a small run."""
    page = output / "report.en.html"
    write_whole(page, "No report.")
    return page


def write_command(compiled: Build, path: Path, *options: str) -> None:
    """Write a console command `crm-kpis` of which `run` builds as build_compiled does.

    Args:
        compiled: See build_compiled.
        path: The file.
        options: WITHOUT_REPORT, VALUES_ALONE, or none.
    """
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from crm_kpis.cli import main\n"
        "if sys.argv[1] == 'run':\n"
        "    from pipeline import _build_compiled as main\n"
        f"    sys.argv[1:1] = {[str(compiled.output), *options]!r}\n"
        "main()\n",
        encoding="utf-8",
    )
    path.chmod(0o755)


def dbt_build_as_in_readme(output: Path, raw_dir: Path) -> Build:
    """Run the `dbt build` of the README from the project's root; it writes elsewhere."""
    path = os.path.relpath(raw_dir, PROJECT_DIR)
    # dbt parses what has changed since the last run; `make setup` parses all.
    return _run(
        output,
        _DBT,
        *("build", "--no-use-colors", *shlex.split(README_DBT_BUILD.replace("my_crm", path))[2:]),
        cwd=PROJECT_DIR,
        DBT_TARGET_PATH=str(output / "dbt_target"),
        **_last_parsed(),
    )


def _last_parsed() -> dict[str, str]:
    """The environment variable that names what the last run has parsed, if it is there."""
    path = PROJECT_DIR / "target" / "crm_kpis" / "partial_parse.msgpack"
    return {"DBT_PARTIAL_PARSE_FILE_PATH": str(path)} if path.exists() else {}


def dbt_compile(output: Path, selected: str, *arguments: str, **environment: str) -> Path:
    """Compile a part of the project by dbt, and return the target directory."""
    arguments = ("compile", "--quiet", "--select", selected, *arguments)
    target = output / "dbt_target"
    options = {"DBT_TARGET_PATH": str(target)} | _last_parsed()
    result = _run(output, _DBT, *arguments, cwd=PROJECT_DIR, **options, **environment)
    assert result.status == 0, result.all_output
    return target


def dbt_source_freshness(output: Path) -> tuple[Build, dict[str, str]]:
    """Run `dbt source freshness` on what was built, and return how each source came off."""
    target = output / "dbt_target"
    options = {"DBT_TARGET_PATH": str(target), "TZ": "UTC"} | _last_parsed()
    done = _run(output, _DBT, "source", "freshness", "--no-use-colors", cwd=PROJECT_DIR, **options)
    results = json.loads((target / "sources.json").read_text(encoding="utf-8"))["results"]
    return done, {result["unique_id"].split(".", 2)[2]: result["status"] for result in results}


def small_project(directory: Path, models: Mapping[str, str]) -> Path:
    """Make a project of few models, which dbt parses in a second: the project's options and macros.

    Args:
        directory: Where; it is made.
        models: The models' files by their path below models/.

    Returns:
        The directory.
    """
    directory.mkdir()
    for name in ("dbt_project.yml", "profiles.yml", "macros"):
        (directory / name).symlink_to(PROJECT_DIR / name)
    for name, text in models.items():
        path = directory / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


def build_project(project: Path, raw_dir: Path, output: Path, *as_of: str, **environment: str) -> Build:
    """Build another project than the installed one, as `crm-kpis run` builds that."""
    output.mkdir(exist_ok=True)
    return _run(
        output, "pipeline:_build_project", project, raw_dir, output, *as_of, cwd=output, **environment
    )


def _build_project() -> int:
    project, raw_dir, output = map(Path, sys.argv[1:4])
    run_build.PROJECT_DIR = project
    as_of = date.fromisoformat(sys.argv[4]) if sys.argv[4:] else None
    options = BuildOptions(raw_dir, output, as_of, project_dir=project)
    return 0 if run_build.build(options).succeeded else 1


def dbt_in(project: Path, *arguments: str | Path, raw_dir: Path = SAMPLE_DIR) -> Build:
    """Run dbt in a project of its own, which writes below its own directory."""
    arguments = (*arguments, "--no-use-colors", "--profiles-dir", project)
    return _run(project / "output", _DBT, *arguments, cwd=project, CRM_KPIS_RAW_DIR=str(raw_dir))


def _run(output: Path, entry_point: str, *arguments: str | Path, cwd: Path, **environment: str) -> Build:
    result = fork_server.run(
        entry_point,
        *arguments,
        cwd=cwd,
        environment=os.environ | {"CRM_KPIS_OUTPUT": str(output)} | environment,
        timeout_s=900,
    )
    return Build(output, result.returncode, result.stdout, result.stderr)


@dataclass(frozen=True)
class _Model:
    relation: str
    layer: str
    is_view: bool
    sql: str
    reads_raw: bool
    # The relations of the models or the one raw table that it reads, without the calendar; none where it
    # reads anything else, too.
    reads_only: tuple[str, ...]


class CompiledProject:
    """The SQL of a build of dbt's, to be run without dbt.

    Args:
        compiled: A build without the setting as_of.
    """

    def __init__(self, compiled: Build) -> None:
        self._compiled = compiled
        path = compiled.output / "dbt_target" / "manifest.json"
        self.manifest = json.loads(path.read_text(encoding="utf-8"))
        self._nodes = self.manifest["nodes"]
        self.unit_test_count = len(self.manifest["unit_tests"])
        # The columns of models that came out empty where nothing that they read had a row, but the calendar.
        self._columns_of_empty: dict[str, str] = {}

    @cached_property
    def models(self) -> dict[str, _Model]:
        """The models by name, each behind those that it reads."""
        models = {key: node for key, node in self._nodes.items() if node["resource_type"] == "model"}
        order = TopologicalSorter({key: node["depends_on"]["nodes"] for key, node in models.items()})
        return {
            models[key]["name"]: _Model(
                models[key]["relation_name"],
                layer=models[key]["fqn"][1],
                is_view=models[key]["config"]["materialized"] == "view",
                sql=models[key]["compiled_code"],
                reads_raw=any(".raw." in name for name in models[key]["depends_on"]["nodes"]),
                reads_only=self._read_only(key),
            )
            for key in order.static_order()
            if key in models
        }

    def _read_only(self, key: str) -> tuple[str, ...]:
        read = self._nodes[key]["depends_on"]["nodes"]
        sources = self.manifest["sources"]
        if self._nodes[key]["fqn"][1] == "staging":
            return tuple(sources[name]["relation_name"] for name in read if name in sources)
        if not all(name.startswith("model.") for name in read):
            return ()
        return tuple(
            self._nodes[name]["relation_name"] for name in read if self._nodes[name]["fqn"][1] != "calendar"
        )

    @cached_property
    def data_tests(self) -> dict[str, str]:
        """The query of each data test by name: its rows are what is wrong."""
        return {
            node["name"]: node["compiled_code"]
            for node in self._nodes.values()
            if node["resource_type"] == "test" and node.get("compiled_code")
        }

    def can_be_tested(self, models: Container[str]) -> set[str]:
        """The data tests that read none but the given models."""
        names = {key: node["name"] for key, node in self._nodes.items() if node["resource_type"] == "model"}
        return {
            node["name"]
            for node in self._nodes.values()
            if node["resource_type"] == "test"
            and all(names[key] in models for key in node["depends_on"]["nodes"] if key in names)
        }

    @cached_property
    def severities(self) -> dict[str, str]:
        """Whether a data test that fails is an error or a warn(ing), by name."""
        nodes = (node for node in self._nodes.values() if node["resource_type"] == "test")
        return {node["name"]: node["config"]["severity"].lower() for node in nodes}

    @cached_property
    def seeds(self) -> dict[str, str]:
        """The relation of each seed by name."""
        return {
            node["name"]: node["relation_name"]
            for node in self._nodes.values()
            if node["resource_type"] == "seed"
        }

    def with_inputs(self, *names: str) -> set[str]:
        """Models and all that they read, from one to the next."""
        nodes = {node["name"]: node for node in self._nodes.values() if node["resource_type"] == "model"}
        found, waiting = set(), set(names)
        while waiting:
            found |= waiting
            read = {key for name in waiting for key in nodes[name]["depends_on"]["nodes"]}
            waiting = {self._nodes[key]["name"] for key in read if key.startswith("model.")} - found
        return found

    @cached_property
    def reading_raw(self) -> tuple[str, ...]:
        """The models that read a raw table; the others compute the same from the same rows of these."""
        return tuple(name for name, model in self.models.items() if model.reads_raw)

    @cached_property
    def up_to_values(self) -> set[str]:
        """The models for kpi_values and raw_row_counts: all that most tests compare, at half the cost."""
        return self.with_inputs("kpi_values", "raw_row_counts")

    @contextmanager
    def run(
        self,
        raw_dir: Path,
        as_of: date | None = None,
        snapshots: Path | None = None,
        *,
        only: Container[str] | None = None,
        conditions: Mapping[str, str] | None = None,
        settings: Path | None = SAMPLE_SETTINGS,
        inputs: Mapping[str, str] | None = None,
        file: str = ":memory:",
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Build models from a raw directory in memory, under their names in the warehouse.

        Args:
            raw_dir: The raw directory.
            as_of: The last day that counts; None for the latest.
            snapshots: The directory of snapshots; None for no snapshot.
            only: The models to build; None for all.
            conditions: What the rows of a model must meet, by its name, so that what follows has less to do.
            settings: The settings directory for the tables; None for no rows. The keys of settings.yml are
                those of the compiled build.
            inputs: Queries of other rows for a seed or a settings table, by its name; the database `compiled`
                has those of the compiled build.
            file: Where the warehouse is.
        """
        with connect_warehouse(file) as connection:
            company = read_settings(settings)
            register(connection, inspect(raw_dir, formats=read_formats(company)))
            assert not register_snapshots(connection, snapshots or raw_dir / "no snapshots")
            register_settings(connection, company)
            self._copy_inputs(connection, inputs or {})
            names = self.models if only is None else [name for name in self.models if name in only]
            self._create_models(connection, names, conditions or {}, as_of)
            yield connection

    def go_on(
        self,
        connection: duckdb.DuckDBPyConnection,
        only: Container[str],
        inputs: Mapping[str, str],
        conditions: Mapping[str, str],
    ) -> None:
        """Build the models that are not there yet in what `run` has built of some; see there.

        Args:
            connection: What `run` returned.
            only: The models to build.
            inputs: Queries of the rows of settings tables that nothing built has read.
            conditions: What the rows of a model must meet, by its name.
        """
        for name, query in inputs.items():
            connection.execute(f"create or replace table settings.{name} as {query}")
        built = {
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'main'"
            ).fetchall()
        }
        names = [name for name in self.models if name in only and name not in built]
        self._create_models(connection, names, conditions, None)

    def _create_models(
        self,
        connection: duckdb.DuckDBPyConnection,
        names: Iterable[str],
        conditions: Mapping[str, str],
        as_of: date | None,
    ) -> None:
        is_empty: dict[str, bool] = {}

        def has_no_row(relation: str) -> bool:
            if relation not in is_empty:
                is_empty[relation] = not connection.execute(f"from {relation} limit 1").fetchall()
            return is_empty[relation]

        for name in names:
            model = self.models[name]
            # Half of a build of one table plans models of which nothing comes: one build in a process does.
            reads_nothing = (
                name not in conditions
                and bool(model.reads_only)
                and all(has_no_row(read) for read in model.reads_only)
            )
            if reads_nothing and name in self._columns_of_empty:
                connection.execute(f"create table {model.relation} ({self._columns_of_empty[name]})")
                continue
            if name in conditions:
                model = replace(model, sql=f"select * from ({model.sql}) where {conditions[name]}")
            _create(connection, name, model, as_of)
            if (
                reads_nothing
                and has_no_row(model.relation)
                # Without a day in the calendar everything behind it is empty.
                and (model.layer == "staging" or not has_no_row(self.models["reporting_window"].relation))
            ):
                described = connection.execute(f"describe {model.relation}").fetchall()
                self._columns_of_empty[name] = ", ".join(
                    f'"{column}" {kind}' for column, kind, *_ in described
                )

    def build_values(self, options: BuildOptions) -> BuildResult:
        """Build the KPI values and what the gate looks at."""
        return self.build(options, self.up_to_values | self.with_inputs("raw_column_counts", "kpi_coverage"))

    def build(self, options: BuildOptions, only: Container[str] | None = None) -> BuildResult:
        """Build what dbt would, for `crm-kpis run` to go on with: all models, or some, and their tests."""
        options.target_dir.mkdir(parents=True, exist_ok=True)
        names = [name for name in self.models if only is None or name in only]
        left_out = self.models.keys() - set(names)
        nodes = {key: node for key, node in self._nodes.items() if node["name"] not in left_out}
        # It says what is published.
        options.manifest.write_text(json.dumps(self.manifest | {"nodes": nodes}), encoding="utf-8")
        options.warehouse.unlink(missing_ok=True)
        company = read_settings(options.settings_dir)
        as_of = options.as_of or company.values["as_of"]
        with private_files(), connect_warehouse(str(options.warehouse)) as connection:
            register(connection, inspect(options.raw_dir, formats=read_formats(company)))
            for warning in register_snapshots(connection, options.snapshots_dir):
                print(warning, file=sys.stderr)
            register_settings(connection, company)
            self._copy_inputs(connection, {})
            for name in names:
                _create(connection, name, self.models[name], as_of)
            tested = self.data_tests.keys() & self.can_be_tested(names)
            found = self.failed_data_tests(connection, names)
        failures = [
            Failure(f"test {name}: {len(rows)} rows", name, "", self.severities[name] == "warn")
            for name, rows in found.items()
        ]
        counts = Counter("warn" if failure.is_warning else "fail" for failure in failures)
        passed = {"pass": len(tested) - len(failures)}
        return BuildResult(frozenset(names), passed | counts, 0, tuple(failures))

    def failed_data_tests(
        self, connection: duckdb.DuckDBPyConnection, built: Container[str] | None = None
    ) -> dict[str, list[tuple]]:
        """The first rows of each data test that fails on what was built: all, or the given models."""
        names = self.data_tests if built is None else self.can_be_tested(built)
        rows = {
            name: connection.execute(f"from ({query}) limit 3").fetchall()
            for name, query in self.data_tests.items()
            if name in names
        }
        return {name: failures for name, failures in rows.items() if failures}

    def _copy_inputs(self, connection: duckdb.DuckDBPyConnection, queries: Mapping[str, str]) -> None:
        path = quote_text(str(self._compiled.warehouse))
        connection.execute(f"attach {path} as compiled (read_only)")
        for name, relation in self.seeds.items():
            query = queries.get(name, f"from compiled.main.{name}")
            connection.execute(f"create table {relation} as {query}")
        for name in queries.keys() - self.seeds.keys():
            connection.execute(f"create or replace table settings.{name} as {queries[name]}")
        connection.execute("detach compiled")


@contextmanager
def connect_warehouse(file: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a warehouse with the options of profiles.yml, but by one thread, since tests run side by side."""
    options = {"autoinstall_known_extensions": False, "autoload_known_extensions": False, "threads": 1}
    with duckdb.connect(config=options) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach {quote_text(file)} as warehouse (storage_version 'v1.2.0')")
        connection.execute("use warehouse")
        yield connection


def _create(connection: duckdb.DuckDBPyConnection, name: str, model: _Model, as_of: date | None) -> None:
    sql = model.sql
    if as_of and name == "reporting_window":
        assert _NO_AS_OF in sql
        sql = sql.replace(_NO_AS_OF, f"cast('{as_of}' as date)")
    # Tables instead of views, too: what reads a view of staging plans its checks once more.
    connection.execute(f"create table {model.relation} as {sql}")


def kpi_rows(
    connection: duckdb.DuckDBPyConnection, values: str = "from main.kpi_values"
) -> dict[str, list[int]]:
    """The number of values of each KPI, and one number of all of their columns, to the last bit."""
    query = f"select kpi_id, count(*), sum(cast(hash(held) as hugeint)) from ({values}) as held group by all"
    return {kpi_id: numbers for kpi_id, *numbers in connection.execute(query).fetchall()}


def kpis_of(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The KPIs that have rows."""
    return {row[0] for row in connection.execute("select distinct kpi_id from main.kpi_values").fetchall()}


def rows_of(connection: duckdb.DuckDBPyConnection, models: Iterable[str]) -> dict[str, tuple]:
    """The number of rows of each model, and one number of all that is in them, but for the rows' numbers."""
    found = {}
    for name in models:
        described = connection.execute(f"describe main.{name}").fetchall()
        columns = [f'"{column}"' for column, *_ in described if not column.endswith("row_number")]
        query = f"select count(*), sum(cast(hash({', '.join(columns)}) as hugeint)) from main.{name}"
        found[name] = (*columns, *connection.execute(query).fetchall()[0])
    return found


def raw_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int, int]]:
    """Rows read, staged and rejected by table."""
    rows = connection.execute(
        "select raw_table, rows_read, rows_staged, rows_rejected from main.raw_row_counts"
    )
    return {table: tuple(counts) for table, *counts in rows.fetchall()}


@dataclass(frozen=True)
class CsvFile:
    """A CSV file as Python's csv module reads it.

    Attributes:
        header: The names of the columns.
        rows: The fields of each record by the line at which it starts; the header is line 1.
    """

    header: list[str]
    rows: dict[int, list[str]]

    def column(self, name: str) -> dict[int, str]:
        """The values of a column by line; empty where the file does not have it."""
        if name not in self.header:
            return dict.fromkeys(self.rows, "")
        position = self.header.index(name)
        return {line: fields[position] for line, fields in self.rows.items()}


def csv_path(directory: Path, table: str) -> Path:
    """The CSV file of a table, compressed or not."""
    path = directory / f"{table}.csv"
    return path if path.exists() else path.with_name(f"{table}.csv.gz")


def read_csv(path: Path) -> CsvFile:
    """Read a CSV file without any of the project's code."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    # str.splitlines would end lines at other characters, too.
    lines = [
        line.decode("utf-8-sig" if not number else "utf-8") for number, line in enumerate(io.BytesIO(data))
    ]
    delimiter = next(letter for letter in lines[0] if letter in ",;")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header, rows, start = next(reader), {}, 2
    for fields in reader:
        rows[start] = fields
        start = reader.line_num + 1
    return CsvFile(header, rows)


def write_csv(path: Path, header: list[str], rows: Iterable[list[str]], **dialect: str) -> None:
    """Write a CSV file without any of the project's code."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **({"lineterminator": "\n"} | dialect))
        writer.writerow(header)
        writer.writerows(rows)


def strip_blanks(text: str) -> str:
    """The text without blanks around it: what does not count by the contract."""
    blank = {letter for letter in text if unicodedata.category(letter) == "Zs"}
    return text.strip("".join(blank)) if blank else text


def staging_contradictions(raw_dir: Path, warehouse: duckdb.DuckDBPyConnection) -> list[str]:
    """Compare what was staged and rejected with the CSV files, value by value.

    A value that is there is staged or rejected, and not both. A plain one (digits, an ISO date) is
    staged as what Python takes it for, text as it stands.
    """
    rejected_rows = {
        (table, line)
        for table, line in warehouse.execute(
            "select raw_table, row_number from main.rejected_rows"
        ).fetchall()
    }
    rejected_values = {
        tuple(row)
        for row in warehouse.execute(
            "select raw_table, row_number, column_name from main.rejected_values"
            " where reason <> 'no_exchange_rate'"
        ).fetchall()
    }
    found = []
    for table in CONTRACT.values():
        path = csv_path(raw_dir, table.name)
        file = read_csv(path) if path.exists() else CsvFile([], {})
        kept = [line for line in file.rows if (table.name, line) not in rejected_rows]
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        staged = {
            line: values
            for line, *values in warehouse.execute(
                f"select _row_number, {names} from main.stg_{table.name}"
            ).fetchall()
        }
        if set(staged) != set(kept):
            found.append(
                f"{table.name}: other rows than those that were not rejected: {set(staged) ^ set(kept)}"
            )
            continue
        for position, column in enumerate(table.columns):
            raw = file.column(column.name)
            for line in kept:
                value, text = staged[line][position], strip_blanks(raw[line])
                is_rejected = (table.name, line, column.name) in rejected_values
                if (value is not None) + is_rejected != (text != ""):
                    problem = "lost" if text else "made up"
                elif value is None or _is_staged_right(column.name, column.data_type, text, value):
                    continue
                else:
                    problem = f"staged as {value!r}"
                found.append(f"{table.name}.{column.name}, line {line}: {text[:80]!r} is {problem}")
    return found


_PLAIN = {
    "integer": (re.compile(r"-?\d+"), int),
    "decimal": (re.compile(r"-?\d+(\.\d+)?"), Decimal),
    "date": (re.compile(r"\d{4}-\d\d-\d\d"), date.fromisoformat),
    "timestamp": (
        re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?"),
        # Before 3.11 Python did not know Z.
        lambda text: _in_utc(datetime.fromisoformat(text.replace("Z", "+00:00"))),
    ),
    "boolean": (
        re.compile("true|t|yes|1|false|f|no|0", re.IGNORECASE),
        lambda text: text.lower() in ("true", "t", "yes", "1"),
    ),
}
# Compared in any case, so staged in one.
_IN_ONE_CASE = {"status", "event_type", "survey_type", "purpose", "direction", "currency"}


def _masks_of(text: str) -> set[str]:
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {f"{kind}-{digest}" for kind in ("address", "name", "phone")}


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


def _is_staged_right(column: str, data_type: str, text: str, value: Any) -> bool:
    if data_type == "text":
        if column in _IN_ONE_CASE:
            return value in (text.lower(), text.upper()) or not text.isascii()
        return value == text or (column.endswith("_id") and value in _masks_of(text))
    pattern, parse = _PLAIN[data_type]
    if not pattern.fullmatch(text):
        return True
    expected = parse(text)
    if data_type == "decimal":
        expected = expected.quantize(value, ROUND_HALF_UP)
    return value == expected
