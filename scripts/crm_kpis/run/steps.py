"""The steps of `crm-kpis run`."""

from __future__ import annotations

import shutil
import time
from datetime import date, datetime, timezone
from importlib.metadata import version

import click
import duckdb

from crm_kpis.errors import InputError
from crm_kpis.published.connect import FILE_NAME, explain_unusable
from crm_kpis.published.write import Run, publish, read_history, sweep
from crm_kpis.raw.raw_directory import RawDirectory, inspect
from crm_kpis.report import REPORT_FILES, write_report
from crm_kpis.run.build import BuildOptions, BuildResult, build
from crm_kpis.run.input_hash import hash_inputs
from crm_kpis.run.lock import lock_output
from crm_kpis.run.summary import Summary, format_raw_counts, format_rejections, read_summary
from crm_kpis.settings.checks import check_vars
from crm_kpis.snapshots.take import check_free, check_name, take_snapshot


def run(
    options: BuildOptions,
    *,
    wait: bool = False,
    full_refresh: bool = False,
    snapshot: str | None = None,
    language: str = "en",
) -> bool:
    """Build the warehouse from a raw directory, publish it, and say what came of it.

    Where nothing has changed since the last publication, nothing is built. Standard output gets the summary;
    progress, warnings and failures go to standard error.

    Args:
        options: With absolute paths.
        wait: Whether to await the end of another run in the same output directory; else that is an error.
        full_refresh: Whether to build even where nothing has changed.
        snapshot: The name of the snapshot to take of what is published; None: none.
        language: The language of the report, `en` or `de`.

    Returns:
        Whether the data passed all checks.

    Raises:
        InputError: A var, the raw directory or the output can't be used, or the snapshot can't be taken.
        BuildError: dbt stopped before it ran a model.
    """
    if snapshot is not None:
        snapshot = check_name(snapshot)
        check_free(options.snapshots_dir, snapshot)
    check_vars({})
    raw_directory = inspect(options.raw_dir)
    _make_output(options)
    with lock_output(options.output, _tell_wait if wait else None):
        _warn_of_raw_directory(raw_directory)
        history = prepare_output(options)
        # Of the files as they are before they are read: one that changes meanwhile is read again next time.
        inputs = hash_inputs(options, raw_directory)
        if not full_refresh and history and _is_current(options, history[-1], inputs):
            succeeded = True
            write_report(options.output, language)
            _tell_unchanged(options, history[-1])
        else:
            succeeded = _build_and_publish(options, inputs, language)
        if succeeded and snapshot is not None:
            directory = take_snapshot(options.output, snapshot, snapshots=options.snapshots_dir)
            click.echo(f"The snapshot: {directory}")
    return succeeded


def prepare_output(options: BuildOptions) -> list[Run]:
    """See to it that the files of the output directory can be written, and clear away what a killed run left.

    Returns:
        The publications up to now, in their order.

    Raises:
        InputError: The warehouse is in use or not a DuckDB file, or the published file is not one.
    """
    sweep(options.output)
    history = read_history(options.output)
    if not options.warehouse.exists():
        return history
    try:
        duckdb.connect(options.warehouse).close()
    except duckdb.Error as error:
        raise InputError(explain_unusable(options.warehouse, str(error), "written")) from error
    # What did not fit into memory. Nobody else has the file open.
    shutil.rmtree(f"{options.warehouse}.tmp", ignore_errors=True)
    return history


def _build_and_publish(options: BuildOptions, inputs: str, language: str) -> bool:
    started = time.monotonic()
    result = build(options)
    _report_failures(result)
    summary = read_summary(options.warehouse, result.built)
    if result.succeeded:
        record = _record_run(options, result, summary, inputs)
        publish(options.warehouse, options.manifest, options.output, record)
        write_report(options.output, language)
    _print_summary(options, result, summary, elapsed=time.monotonic() - started)
    return result.succeeded


def _is_current(options: BuildOptions, last: Run, inputs: str) -> bool:
    """Whether a build would change neither what is published nor the warehouse."""
    published = options.output / FILE_NAME
    return (
        last.inputs_sha256 == inputs
        and options.warehouse.exists()
        # Otherwise a run that failed, or dbt by hand, has been at it since.
        and options.warehouse.stat().st_mtime_ns <= published.stat().st_mtime_ns
    )


def _tell_unchanged(options: BuildOptions, last: Run) -> None:
    for warning in (last.warnings or "").splitlines():
        _warn(warning)
    if last.as_of:
        _warn_of_future(last.as_of)
    click.echo(
        f"Nothing has changed since {options.output / FILE_NAME} was published"
        f" at {last.published_at:%Y-%m-%d %H:%M:%S} UTC, so nothing is built; --full-refresh does it anyway."
    )
    click.echo(f"The report: {options.output / REPORT_FILES['html']}")


def _make_output(options: BuildOptions) -> None:
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The output directory {options.output} can't be made: {error.strerror}. Choose another --output."
        ) from error


def _tell_wait(holder: str) -> None:
    click.echo(f"{holder} Waiting for its end ...", err=True)


def _record_run(options: BuildOptions, result: BuildResult, summary: Summary, inputs: str) -> Run:
    # What is computed never reads the clock; when it was published is no part of it.
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return Run(
        run_id=now.strftime("%Y%m%dT%H%M%S.%fZ"),
        published_at=now,
        as_of=summary.as_of,
        raw_directory=options.raw_dir.name,
        crm_kpis_version=version("crm-kpis"),
        rows_read=sum(count.rows_read for count in summary.raw_counts),
        rows_rejected=sum(count.rows_rejected for count in summary.raw_counts),
        values_rejected=sum(count.values_rejected for count in summary.raw_counts),
        tests_passed=result.test_counts.get("pass", 0),
        tests_warned=result.test_counts.get("warn", 0),
        warnings="\n".join(failure.summary for failure in result.failures) or None,
        inputs_sha256=inputs,
    )


def _warn_of_raw_directory(raw_directory: RawDirectory) -> None:
    for warning in raw_directory.warnings:
        _warn(warning)


def _report_failures(result: BuildResult) -> None:
    for failure in result.failures:
        if failure.is_warning:
            _warn(failure.title)
        else:
            click.echo(f"{click.style('Failed:', fg='red')} {failure.title}", err=True)
        for line in failure.details.splitlines():
            click.echo(f"  {line}", err=True)


def _print_summary(options: BuildOptions, result: BuildResult, summary: Summary, elapsed: float) -> None:
    for lines in (format_raw_counts(summary), format_rejections(summary)):
        if lines:
            click.echo("\n".join(lines) + "\n")
    if summary.as_of:
        click.echo(f"As of {summary.as_of}, from {summary.as_of_source}.")
        _warn_of_future(summary.as_of)
    elif "reporting_window" in result.built:
        _warn("No table holds an event with a valid date, so no KPI has a value.")
    click.echo(_count_results(result))
    if summary.kpi_count:
        click.echo(_count_kpis(summary))
    state = "Done" if result.succeeded else "Failed"
    click.echo(f"{state} after {elapsed:.0f} s. {_tell_files(options, result)}")


def _tell_files(options: BuildOptions, result: BuildResult) -> str:
    published = options.output / FILE_NAME
    if result.succeeded:
        return f"Published: {published}. The report: {options.output / REPORT_FILES['html']}"
    kept = f" {published} is as it was before." if published.exists() else ""
    return f"Nothing is published.{kept} The warehouse, to look into: {options.warehouse}"


def _count_kpis(summary: Summary) -> str:
    counts = f"{summary.kpis_with_values:,} of {summary.kpi_count:,} KPIs have values"
    hint = "" if summary.kpis_with_values == summary.kpi_count else "; kpi_coverage says what the others lack"
    return f"{counts}, {summary.kpi_value_count:,} rows in all{hint}."


def _count_results(result: BuildResult) -> str:
    skipped = f", {result.skipped_models} skipped" if result.skipped_models else ""
    counts = result.test_counts
    failed = sum(count for status, count in counts.items() if status not in ("pass", "warn", "skipped"))
    tests = f"{counts.get('pass', 0)} passed, {counts.get('warn', 0)} warned, {failed} failed"
    if counts.get("skipped"):
        tests += f", {counts['skipped']} skipped"
    return f"{len(result.built)} models built{skipped}; tests: {tests}."


def _warn_of_future(as_of: date) -> None:
    # Nothing that is computed reads the clock; only this warning does.
    today = datetime.now(timezone.utc).date()
    if as_of > today:
        _warn(
            f"as_of {as_of} lies after today, {today}: is a date in the raw data wrong? "
            "--as-of sets the day at whose end the data stand."
        )


def _warn(message: str) -> None:
    click.echo(f"{click.style('Warning:', fg='yellow')} {message}", err=True)
