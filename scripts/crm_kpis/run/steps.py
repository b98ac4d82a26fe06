"""`crm-kpis run`, as the list of its steps."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.days import read_today
from crm_kpis.errors import InputError, MachineError
from crm_kpis.printable import say
from crm_kpis.project import PROJECT_DIR
from crm_kpis.published.connect import FILE_NAME, explain_unusable
from crm_kpis.published.statistics import read_kept
from crm_kpis.published.write import Run, publish, read_history
from crm_kpis.raw.formats import read_formats
from crm_kpis.raw.raw_directory import RawDirectory, check_readable, inspect
from crm_kpis.report import write_pages
from crm_kpis.run import messages
from crm_kpis.run.build import SPARK, BuildOptions, BuildResult, build
from crm_kpis.run.examples import add_examples
from crm_kpis.run.gate import RULES, Finding, check_acceptances, find_baseline, judge, judge_age
from crm_kpis.run.input_hash import hash_inputs, hash_read
from crm_kpis.run.lock import lock_output
from crm_kpis.run.notification import Notification
from crm_kpis.run.observations import Observations, observe
from crm_kpis.run.record import RunRecord, is_of_machine, recorded
from crm_kpis.run.summary import Summary, read_summary
from crm_kpis.settings.checks import check_catalogue, check_snapshots, check_vars
from crm_kpis.settings.declaration import Settings
from crm_kpis.settings.own_columns import extend_contract
from crm_kpis.settings.read import read_settings
from crm_kpis.snapshots.take import check_free, check_name, list_snapshots, take_snapshot
from crm_kpis.sources.source import configured_sources, inspect_sources, raw_directory_beside

# The name of the shipped sample's raw directory.
SAMPLE = "sample"
# The raw tables that Spark has read from its catalog, in the output directory.
_LANDED = "raw_of_spark"
_MESSAGE_LINES = 5


@dataclass(frozen=True)
class RunOptions:
    """How a run goes, beside what it builds.

    Attributes:
        wait: Whether to wait for the end of another run in the same output directory; else that is an error.
        full_refresh: Whether to build even where nothing has changed.
        snapshot: The name of the snapshot to take of what is published; None: none.
        replace: Whether the snapshot may replace the one of its name.
        language: The language of the report that is named, `en` or `de`; None: that of the settings.
        accept: What the gate lets through: RULE or RULE:TABLE.
        fail_on_warn: Whether a publication with warnings ends with exit status 3.
        notify: The URLs of apprise that are told how the run ended; none: those of the settings.
        notify_on: From what on they are told: failure, warning or always; None: as the settings say.
    """

    wait: bool = False
    full_refresh: bool = False
    snapshot: str | None = None
    replace: bool = False
    language: str | None = None
    accept: tuple[str, ...] = ()
    fail_on_warn: bool = False
    notify: tuple[str, ...] = ()
    notify_on: str | None = None


def run(options: BuildOptions, run_options: RunOptions) -> RunRecord:
    """Build the warehouse from a raw directory, test and judge it, publish it, and print what came of it.

    Where nothing has changed since the last publication, nothing is built. Standard output gets the summary;
    progress, warnings and failures go to standard error. run.json gets all of it for programs.

    Args:
        options: With absolute paths.
        run_options: How the run goes.

    Returns:
        The record of the run, with its exit status.

    Raises:
        InputError: A setting, the raw directory or the output can't be used, or the snapshot can't be taken.
        MachineError: The disk is full, or a directory may not be written.
        BuildError: dbt stopped before it ran a model.
    """
    today = read_today()
    notification = Notification(run_options.notify, run_options.notify_on)
    lock = _locked(options, wait=run_options.wait)
    with recorded(options.output, options.raw_name, today, lock, notification.tell) as record:
        settings = read_settings(options.settings_dir)
        notification.configure(settings)
        options = _find_inputs(options, settings)
        record.values["raw_directory"] = options.raw_name
        check_acceptances(run_options.accept)
        if run_options.snapshot is not None:
            check_name(run_options.snapshot)
            if not run_options.replace:
                check_free(options.snapshots_dir, run_options.snapshot)
        history = _read_output(options)
        check_vars({}, options.project_dir)
        check_catalogue()
        check_snapshots(settings, options.snapshots_dir, list_snapshots(options.snapshots_dir))
        raw_directory = inspect(options.raw_dir, extend_contract(settings), read_formats(settings))
        source_warnings = inspect_sources(options.sources)
        for warning in (*raw_directory.warnings, *source_warnings):
            record.warn(warning)
        # Hashed before they are read; a file that changes meanwhile is noticed after it.
        stamps = _stamp(raw_directory, settings)
        hashes = hash_read(raw_directory, settings)
        inputs = hash_inputs(options, raw_directory, settings, hashes)
        if not run_options.full_refresh and history and _is_current(options, history[-1], inputs, today):
            _tell_unchanged(options, history[-1], run_options, record, settings)
        else:
            _build_and_publish(
                options,
                run_options,
                record,
                history,
                _Inputs(raw_directory, settings, stamps, hashes, inputs),
            )
        if record.values["exit_status"] in (0, 3) and run_options.snapshot is not None:
            directory = take_snapshot(
                options.output,
                run_options.snapshot,
                snapshots=options.snapshots_dir,
                replace=run_options.replace,
            )
            record.values["files"]["snapshot"] = str(directory)
            say(f"The snapshot: {directory}")
    return record


@dataclass(frozen=True)
class _Inputs:
    raw_directory: RawDirectory
    settings: Settings
    stamps: dict[Path, tuple[int, ...]]
    hashes: dict[Path, str]
    sha256: str


def _tell_unchanged(
    options: BuildOptions, last: Run, run_options: RunOptions, record: RunRecord, settings: Settings
) -> None:
    # How old the data are is asked anew.
    of_age = f"{RULES['max_age'].label['en']}: "
    for warning in (last.warnings or "").splitlines():
        if not warning.startswith(of_age):
            record.warn(warning)
    findings: list[Finding] = []
    if not (_is_sample(options) or options.as_of or settings.values["as_of"]):
        findings = judge_age(last.as_of, read_today(), _read_rules(settings))
    record.add_findings(findings)
    messages.print_findings(findings, options)
    report = write_pages(options.output, run_options.language)
    messages.print_unchanged(options, last, report)
    record.values["as_of"] = last.as_of.isoformat() if last.as_of else None
    record.values["files"] = {"published": str(options.output / FILE_NAME), "report": str(report)}
    _end(record, "unchanged", run_options, findings)


def _build_and_publish(
    options: BuildOptions, run_options: RunOptions, record: RunRecord, history: list[Run], inputs: _Inputs
) -> None:
    started = time.monotonic()
    result = build(options)
    messages.print_failures(result)
    _check_unchanged(inputs)
    if not result.succeeded:
        check_readable(inputs.raw_directory)
    summary = read_summary(options.warehouse, result.built)
    findings: list[Finding] = []
    report = None
    kept = read_kept(options.output)
    last_rows = (
        {row.raw_table: row.rows_read for row in kept.of_run(history[-1].run_id).tables} if history else {}
    )
    if result.succeeded:
        observations = observe(options.warehouse, options.manifest, options.output, record.run_id)
        baseline = find_baseline(history, kept, options.raw_name, SAMPLE)
        findings = judge(
            observations,
            baseline,
            today=read_today(),
            is_as_of_given=summary.as_of_source == "the setting as_of",
            # The sample is as old as it is.
            overrides=[{"rule": "max_age", "severity": "off"}]
            if _is_sample(options)
            else _read_rules(inputs.settings),
            accepted=run_options.accept,
        )
        findings = add_examples(options.warehouse, findings)
        record.add_findings(findings)
        record.add_moves(observations)
        messages.print_findings(findings, options)
        messages.print_unused(run_options.accept, findings)
        if not any(finding.stops for finding in findings):
            latest = _describe_run(
                options, result, summary, inputs.sha256, record.run_id, findings, observations
            )
            statistics = kept.followed_by(observations.statistics)
            publish(
                options.warehouse,
                options.manifest,
                options.output,
                [*history, latest],
                statistics,
                kept=inputs.settings.values["kept_publications"],
                cluster_tables=result.cluster_tables,
            )
            report = write_pages(options.output, run_options.language)
    record.add_summary(summary, last_rows, result.test_counts)
    record.warnings += [failure.title for failure in result.failures if failure.is_warning]
    messages.print_settings(inputs.settings)
    messages.print_summary(options, result, summary, report, seconds=time.monotonic() - started)
    if report:
        record.values["files"] = {"published": str(options.output / FILE_NAME), "report": str(report)}
        _end(record, "published", run_options, findings)
    elif result.succeeded:
        stops = [finding.title for finding in findings if finding.stops]
        record.end("failed", 1, "gate", "\n".join(stops[:_MESSAGE_LINES]))
    else:
        failed = [failure for failure in result.failures if not failure.is_warning]
        is_machine = any(is_of_machine(failure.details) for failure in failed)
        message = "\n".join(f"{failure.title}\n{failure.details}".strip() for failure in failed[:3])
        record.end("failed", 4 if is_machine else 1, "machine" if is_machine else "test", message)


def _read_rules(settings: Settings) -> list[dict[str, Any]]:
    """The rules of the gate as a company has set them."""
    return [
        {
            "rule": row.values["rule"],
            "subject": row.values["subject"],
            "severity": row.values["severity"],
            "limit": row.values["limit_value"],
        }
        for row in settings.rows.get("gate_rules", ())
    ]


def _end(record: RunRecord, status: str, run_options: RunOptions, findings: list[Finding]) -> None:
    has_warnings = bool(record.warnings) or any(not finding.is_accepted for finding in findings)
    record.end(status, 3 if has_warnings and run_options.fail_on_warn else 0)


def _read_catalog(options: BuildOptions, settings: Settings) -> Path:
    """Let Spark write the raw tables of its catalog, and return the raw directory."""
    schema = options.raw_schema
    if options.target != SPARK or options.raw_dir or schema is None:
        raise InputError(
            "--raw-schema reads tables of Spark: give it with --target spark, and without --raw-dir."
        )
    # Only here: what it reads is no part of a run on DuckDB.
    from crm_kpis.spark.build import TABLES  # noqa: PLC0415
    from crm_kpis.spark.catalog import read_catalog  # noqa: PLC0415

    directory = options.output / _LANDED
    read_catalog(schema, extend_contract(settings), directory, options.output / TABLES)
    return directory


def _find_inputs(options: BuildOptions, settings: Settings) -> BuildOptions:
    """The options with the sources that the settings name, and the raw directory, where none are given."""
    is_own = options.project_dir != PROJECT_DIR
    sources, raw_dir = options.sources, options.raw_dir
    if options.raw_schema is not None:
        raw_dir = _read_catalog(options, settings)
    if not sources.sources:
        sources = configured_sources(settings.values, settings.directory)
    if raw_dir is None and sources.sources:
        raw_dir = raw_directory_beside(options.project_dir / "raw") if is_own else None
    elif raw_dir is None:
        raw_dir = options.project_dir / "raw" if is_own else PROJECT_DIR / "seeds" / SAMPLE
    return replace(options, sources=sources, raw_dir=raw_dir)


def _stamp(raw_directory: RawDirectory, settings: Settings) -> dict[Path, tuple[int, ...]]:
    """What changes of a file when it is written. The kernel sets its ctime, which no program can set back."""
    stamps: dict[Path, tuple[int, ...]] = {}
    for path in (*(file.path for file in raw_directory.files), *settings.files):
        found = path.stat()
        stamps[path] = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    return stamps


def _check_unchanged(inputs: _Inputs) -> None:
    """Check that the raw files and the settings are those that were hashed.

    A stamp shows that a file was written while it was read, even if it is as before now. Its hash shows a
    change that left the stamp: network file systems set times coarsely.

    Raises:
        InputError: One has changed since.
    """
    try:
        stamps = _stamp(inputs.raw_directory, inputs.settings)
    except OSError as error:
        raise InputError(
            f"{error.filename} was there when the run began, and is not now. Run again."
        ) from error
    hashes = hash_read(inputs.raw_directory, inputs.settings)
    for path, stamp in inputs.stamps.items():
        if (stamps[path], hashes[path]) != (stamp, inputs.hashes[path]):
            raise InputError(
                f"{path} changed while it was read, so nothing is published."
                " Run again when its export has ended."
            )


def _is_sample(options: BuildOptions) -> bool:
    return options.raw_dir == PROJECT_DIR / "seeds" / SAMPLE


@contextmanager
def _locked(options: BuildOptions, *, wait: bool) -> Iterator[None]:
    """Make and lock the output directory.

    Raises:
        InputError: Another run uses it, or it is a file.
        MachineError: It can't be made or written.
    """
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # A file in its place is the user's mistake.
        kind = InputError if isinstance(error, (FileExistsError, NotADirectoryError)) else MachineError
        raise kind(
            f"The output directory {options.output} can't be made: {error.strerror}. Choose another --output."
        ) from error
    with lock_output(options.output, messages.print_wait if wait else None):
        yield


def _read_output(options: BuildOptions) -> list[Run]:
    """The publications up to now, in their order; checks that the files of the output are usable.

    Raises:
        InputError: The warehouse is open elsewhere or not a DuckDB file; the published file does not hold
            marts.
        MachineError: One of them may not be read or written.
    """
    history = read_history(options.output)
    _check_warehouse(options)
    return history


def _check_warehouse(options: BuildOptions) -> None:
    if not options.warehouse.exists():
        return
    try:
        duckdb.connect(options.warehouse).close()
    except duckdb.Error as error:
        kind = MachineError if is_of_machine(str(error)) else InputError
        raise kind(explain_unusable(options.warehouse, str(error), "written")) from error
    # What did not fit into memory. Nobody else has the file open.
    shutil.rmtree(f"{options.warehouse}.tmp", ignore_errors=True)


def _is_current(options: BuildOptions, last: Run, inputs: str, today: date) -> bool:
    """Whether a build would change neither what is published nor the warehouse."""
    published = options.output / FILE_NAME
    return (
        last.inputs_sha256 == inputs
        # The day of an event that was left out may have come.
        and (not last.events_left_out or last.published_at.date() == today)
        and options.warehouse.exists()
        # Otherwise a run that failed, or dbt by hand, has been at it since.
        and options.warehouse.stat().st_mtime_ns <= published.stat().st_mtime_ns
    )


def _describe_run(  # noqa: PLR0913, PLR0917 - a column of marts.runs for each
    options: BuildOptions,
    result: BuildResult,
    summary: Summary,
    inputs: str,
    run_id: str,
    findings: list[Finding],
    observations: Observations,
) -> Run:
    # What is computed never reads the clock; when it was published is no part of it.
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return Run(
        run_id=run_id,
        published_at=now,
        as_of=summary.as_of,
        raw_directory=options.raw_name,
        crm_kpis_version=version("crm-kpis"),
        rows_read=sum(count.rows_read for count in summary.raw_counts),
        rows_rejected=sum(count.rows_rejected for count in summary.raw_counts),
        values_rejected=sum(count.values_rejected for count in summary.raw_counts),
        tests_passed=result.test_counts.get("pass", 0),
        tests_warned=result.test_counts.get("warn", 0),
        warnings="\n".join(
            [
                *(failure.summary for failure in result.failures),
                *(finding.sentence for finding in findings if not finding.is_accepted),
            ]
        )
        or None,
        warnings_de="\n".join(
            [
                *(failure.summary_de or failure.summary for failure in result.failures),
                *(finding.sentence_de for finding in findings if not finding.is_accepted),
            ]
        )
        or None,
        inputs_sha256=inputs,
        accepted="\n".join(sorted({finding.acceptance for finding in findings if finding.is_accepted}))
        or None,
        events_left_out=observations.events_left_out,
    )
