"""Runs `dbt build` in this process and says what came of it."""

from __future__ import annotations

import gc
import io
import os
import shlex
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import click
import duckdb

from crm_kpis.days import read_today
from crm_kpis.errors import InputError
from crm_kpis.files import private_files
from crm_kpis.project import IS_CHECKOUT, PROJECT_DIR, link_package
from crm_kpis.published.connect import OFFLINE
from crm_kpis.published.write import ClusterTable
from crm_kpis.raw.formats import read_formats
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.run.progress import BuildProgress
from crm_kpis.settings.own_columns import extend_contract
from crm_kpis.settings.read import find_settings_dir, read_settings
from crm_kpis.snapshots.take import DIRECTORY as SNAPSHOTS
from crm_kpis.sources.source import SourceSettings
from crm_kpis.sql import quote_text

WAREHOUSE = "warehouse.duckdb"
SPARK = "spark"
# Set where unit tests are to be run on Spark, too, as `make spark ARGS=--unit-tests` does.
_UNIT_TESTS = "CRM_KPIS_SPARK_UNIT_TESTS"
# What dbt knows of the project's files, from one run to the next.
_PARSED = "partial_parse.msgpack"
_TEST_TYPES = ("test", "unit_test")
_MESSAGE_LINES = 12
_SHOWN_ROWS = 3


@dataclass(frozen=True)
class BuildOptions:
    """What a build is made of.

    Attributes:
        raw_dir: The raw directory, absolute; None where all raw tables come from sources.
        output: The directory for all that is written, absolute.
        as_of: The last day that counts; None for the latest day that a raw event happened on.
        snapshots: The directory of the snapshots, absolute; None for `snapshots` in the output directory.
        project_dir: The directory of the dbt project, absolute: this one's or a company's.
        sources: The vendors' tables that are read.
        settings: The settings directory, absolute; None for `settings` in a company's project or in the
            raw directory, if there is one.
        target: The target of profiles.yml: duckdb, or spark.
        raw_schema: The schema of a catalog of Spark's that holds the raw tables; None: there is none.
    """

    raw_dir: Path | None
    output: Path
    as_of: date | None
    snapshots: Path | None = None
    project_dir: Path = PROJECT_DIR
    sources: SourceSettings = field(default_factory=SourceSettings)
    settings: Path | None = None
    target: str = "duckdb"
    raw_schema: str | None = None

    @property
    def warehouse(self) -> Path:
        """The file that dbt builds."""
        return self.output / WAREHOUSE

    @property
    def raw_name(self) -> str:
        """What the raw tables are read from: the sources, and the raw directory without its path."""
        names = [spec.name for spec in self.sources.sources]
        tables = self.raw_schema or (self.raw_dir.name if self.raw_dir else None)
        return ", ".join([*names, tables] if tables else names)

    @property
    def target_dir(self) -> Path:
        """Where dbt puts the SQL that it ran."""
        return self.output / "dbt_target"

    @property
    def parsed(self) -> Path:
        """What dbt knows of the project's files, from one run to the next.

        In a checkout it is the same for all output directories; an installed project can't be written to.
        """
        return (_shared_target() if _is_checkout(self.project_dir) else self.target_dir) / _PARSED

    @property
    def manifest(self) -> Path:
        """What dbt knows of the project."""
        return self.target_dir / "manifest.json"

    @property
    def snapshots_dir(self) -> Path:
        """The directory of the snapshots, which need not exist."""
        return self.snapshots or self.output / SNAPSHOTS

    @property
    def settings_dir(self) -> Path | None:
        """The settings directory; None where there is none."""
        own = self.project_dir if self.project_dir != PROJECT_DIR else None
        return self.settings or find_settings_dir(own, self.raw_dir)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that dbt_plugin.py reads."""
        variables: dict[str, Path | date | str] = {
            "OUTPUT": self.output,
            "RAW_DIR": self.raw_dir or "",
            "TODAY": read_today(),
        }
        if self.sources.sources:
            variables["SOURCES"] = self.sources.to_json()
        if self.snapshots:
            variables["SNAPSHOTS"] = self.snapshots
        if self.settings:
            variables["SETTINGS"] = self.settings
        if self.as_of:
            variables["AS_OF"] = self.as_of
        return {f"CRM_KPIS_{name}": str(value) for name, value in variables.items()}


@dataclass(frozen=True)
class Failure:
    """A node that failed or warned.

    Attributes:
        summary: What it is and what happened, in one line.
        path: The file where it stands.
        details: Further lines; may be empty.
        is_warning: Whether the build goes on as if it had passed.
        summary_de: The summary in German; empty: it is the same.
    """

    summary: str
    path: str
    details: str
    is_warning: bool
    summary_de: str = ""

    @property
    def title(self) -> str:
        """The summary with the file."""
        return f"{self.summary} ({self.path})"


@dataclass(frozen=True)
class BuildResult:
    """What came of `dbt build`.

    Attributes:
        built: The names of the models that were built.
        test_counts: The number of data tests and unit tests by pass, warn, fail, error and skipped.
        skipped_models: How many models were skipped because of others.
        failures: The nodes that failed or warned, in the order in which they ended.
        cluster_tables: The facts that stay on Spark's cluster, and are not published.
    """

    built: frozenset[str]
    test_counts: dict[str, int]
    skipped_models: int
    failures: tuple[Failure, ...]
    cluster_tables: tuple[ClusterTable, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed; warnings don't count."""
        return all(failure.is_warning for failure in self.failures)


class BuildError(Exception):
    """dbt could not start to build: the project itself is wrong."""


def build(options: BuildOptions) -> BuildResult:
    """Build and test all models.

    Args:
        options: With absolute paths, since dbt may change the current directory.

    Raises:
        InputError: The raw directory can't be read.
        BuildError: dbt stopped before it ran a model.
    """
    link_package(options.project_dir)
    if options.target == SPARK:
        return _build_on_spark(options)
    # The warehouse, what does not fit into memory and the log of what is not yet in it hold personal data.
    with private_files(), BuildProgress() as progress, _environment(options.environment):
        outcome = _invoke_dbt(_build_arguments(options), progress.handle_event)
    if _is_checkout(options.project_dir):
        _share_parsed(options.target_dir / _PARSED, options.parsed)
    return _summarize(options, outcome.result.results)


def _build_on_spark(options: BuildOptions) -> BuildResult:
    """Build by dbt-spark what dbt-duckdb has registered, and would compute.

    The manifest of dbt-duckdb is the one that counts afterwards: so what a measure is defined by has the same
    hash on all engines.
    """
    # Only here: what it reads is no part of a run on DuckDB.
    from crm_kpis.spark.build import build_tables, settings_variable  # noqa: PLC0415
    from crm_kpis.spark.project import check_project, find_profiles  # noqa: PLC0415

    check_project(options.project_dir)

    options.warehouse.unlink(missing_ok=True)
    parsed = ["--partial-parse-file-path", str(options.parsed)] if options.parsed.exists() else []
    with private_files(), BuildProgress() as progress:
        with _environment(options.environment | {"CRM_KPIS_REGISTER": "1"}):
            _invoke_dbt(["compile", *_common_arguments(options.project_dir, options.target_dir), *parsed])
        target_dir = options.target_dir / SPARK
        arguments = [
            "build",
            *_common_arguments(options.project_dir, target_dir, find_profiles(options.project_dir)),
            *("--target", SPARK, "--exclude", "tag:examples"),
            *(() if os.environ.get(_UNIT_TESTS) else ("--exclude-resource-type", "unit_test")),
        ]
        settings = read_settings(options.settings_dir)
        as_of = {"as_of": options.as_of.isoformat()} if options.as_of else {}
        variables = options.environment | settings_variable(replace(settings, values=settings.values | as_of))

        def run_dbt(found: dict[str, str]) -> Any:
            with _environment(found):
                return _invoke_dbt(arguments, progress.handle_event)

        with _environment(variables):
            outcome, cluster_tables = build_tables(
                options.warehouse,
                options.manifest,
                inspect(options.raw_dir, extend_contract(settings), read_formats(settings)),
                run_dbt,
            )
    return replace(_summarize(options, outcome.result.results), cluster_tables=cluster_tables)


def parse_project() -> None:
    """Let dbt parse the project, so that the first run finds it parsed.

    Raises:
        BuildError: The project can't be parsed.
    """
    _invoke_dbt(["parse", *_common_arguments(PROJECT_DIR, _shared_target())])


def _invoke_dbt(arguments: list[str], *callbacks: Callable[[Any], None]) -> Any:
    # dbt is told to print nothing, but an error before it read its own options goes to standard output.
    with redirect_stdout(io.StringIO()):
        # Until dbt has read the project nothing is garbage; then dbt_plugin.py enables the collector.
        gc.disable()
        # dbt takes seconds to import: nothing but a build should wait for it.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415
        from dbt.cli.main import dbtRunner  # noqa: PLC0415

        try:
            outcome = dbtRunner(callbacks=list(callbacks)).invoke(arguments)
        finally:
            gc.enable()
            # Otherwise this process keeps the lock of the file.
            DuckDBConnectionManager.close_all_connections()
    if outcome.exception is not None:
        _raise_cause(outcome.exception)
    return outcome


def _build_arguments(options: BuildOptions) -> list[str]:
    arguments: dict[str, Any] = {
        # Unit tests and examples hold the SQL, not the data: `make test` and `dbt build` by hand run them.
        "--exclude-resource-type": "unit_test",
        "--exclude": "tag:examples",
    }
    # dbt parses only the files that have changed since.
    if options.parsed.exists():
        arguments["--partial-parse-file-path"] = options.parsed
    return ["build", *_common_arguments(options.project_dir, options.target_dir), *_flatten(arguments)]


def _common_arguments(
    project_dir: Path, target_dir: Path, profiles: tuple[Path, str] | None = None
) -> list[str]:
    arguments: dict[str, Any] = {
        "--project-dir": project_dir,
        "--profiles-dir": project_dir,
        "--target-path": target_dir,
        "--log-path": target_dir / "logs",
        "--log-level": "none",
        "--log-level-file": "none",
    }
    if profiles:
        arguments["--profiles-dir"], arguments["--profile"] = profiles
    flags = ["--partial-parse"]
    flags += ["--quiet", "--no-use-colors", "--no-send-anonymous-usage-stats", "--no-version-check"]
    return [*_flatten(arguments), *flags]


def _flatten(arguments: dict[str, Any]) -> list[str]:
    return [str(part) for item in arguments.items() for part in item]


def _is_checkout(project_dir: Path) -> bool:
    return IS_CHECKOUT and project_dir == PROJECT_DIR


def _shared_target() -> Path:
    return PROJECT_DIR / "target" / "crm_kpis"


def _share_parsed(written: Path, shared: Path) -> None:
    """Keep what dbt parsed, which it writes where a file has changed, for the runs to come."""
    # Where it can't be kept, the next run parses again.
    with suppress(OSError):
        if not shared.exists() or written.stat().st_mtime > shared.stat().st_mtime:
            shared.parent.mkdir(parents=True, exist_ok=True)
            unfinished = shared.with_name(f"{shared.name}.{os.getpid()}")
            shutil.copyfile(written, unfinished)
            unfinished.replace(shared)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _raise_cause(exception: BaseException) -> None:
    """Raise what lies at the bottom of dbt's exception: an interruption, our own error, or dbt's message."""
    link: BaseException | None = exception
    while link is not None:
        # dbt may have taken the end of a run, by Ctrl-C or a scheduler, for an error of its own.
        if isinstance(link, (KeyboardInterrupt, click.Abort)):
            raise KeyboardInterrupt from exception
        if isinstance(link, InputError):
            raise InputError(str(link)) from exception
        link = link.__cause__ or link.__context__
    raise BuildError(f"dbt could not build the project: {_shorten(str(exception))}") from exception


def _summarize(options: BuildOptions, results: list[Any]) -> BuildResult:
    models = [result for result in results if result.node.resource_type == "model"]
    tests = [result for result in results if result.node.resource_type in _TEST_TYPES]
    return BuildResult(
        built=frozenset(result.node.name for result in models if result.status == "success"),
        test_counts=dict(Counter(str(result.status) for result in tests)),
        skipped_models=sum(result.status == "skipped" for result in models),
        failures=tuple(
            _describe(options, result)
            for result in results
            if result.status in ("error", "fail", "warn", "runtime error")
        ),
    )


def _describe(options: BuildOptions, result: Any) -> Failure:
    node, is_warning = result.node, result.status == "warn"
    if node.resource_type == "test" and result.status in ("fail", "warn"):
        found = result.failures
        rows, rows_de = ("row", "Zeile") if found == 1 else ("rows", "Zeilen")
        label = node.config.meta.get("label")
        details = _read_rows(options, node)
        if len(details) < found:
            details.append(f"To see them: {_show_command(options, node.name)}")
        return Failure(
            f"{label['en']}: {found}" if label else f"test {node.name}: {found} {rows}",
            _shown_path(node.compiled_path),
            "\n".join(details),
            is_warning,
            summary_de=f"{label['de']}: {found}" if label else f"Prüfung {node.name}: {found} {rows_de}",
        )
    name = f"{str(node.resource_type).replace('_', ' ')} {node.name}"
    return Failure(name, node.original_file_path, _shorten(result.message or ""), is_warning)


def _read_rows(options: BuildOptions, node: Any) -> list[str]:
    """The first rows of a data test, where its config.meta.shows says how: no personal data."""
    line = node.config.meta.get("shows")
    if not line or options.target == SPARK:
        return []
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute(f"attach {quote_text(str(options.warehouse))} as warehouse (read_only)")
        query = f"select {line} from ({node.compiled_code}) order by all limit {_SHOWN_ROWS}"
        return [text for (text,) in connection.execute(query).fetchall()]


def _show_command(options: BuildOptions, node: str) -> str:
    """The shell command that shows the rows of a data test: by DuckDB, which reads Spark's tables, too."""
    dbt = Path(sys.executable).with_name("dbt")
    settings = [f"{name}={shlex.quote(value)}" for name, value in options.environment.items()]
    command = [
        str(dbt if dbt.exists() else "dbt"),
        *("show", "--quiet", "--select", node),
        *("--project-dir", str(options.project_dir), "--profiles-dir", str(options.project_dir)),
    ]
    return " ".join([*settings, shlex.join(command)])


def _shown_path(path: str | None) -> str:
    """The path as seen from the current directory if it lies below it."""
    if not path:
        return "no SQL"
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _shorten(message: str) -> str:
    """The first lines of a message of dbt's, without colours, blank lines and its own heading."""
    lines = [line.rstrip() for line in click.unstyle(message).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].split(" in ")[0] in (
        "Runtime Error",
        "Database Error",
        "Compilation Error",
    ):
        del lines[0]
    shown = textwrap.dedent("\n".join(lines[:_MESSAGE_LINES]))
    return shown + (f"\n({len(lines) - _MESSAGE_LINES} more lines)" if len(lines) > _MESSAGE_LINES else "")
