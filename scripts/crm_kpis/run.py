"""The steps of `crm-kpis run`."""

from __future__ import annotations

import re
import time
from datetime import date, datetime, timezone
from pathlib import Path

import click
import duckdb

from crm_kpis.build import BuildOptions, BuildResult, build
from crm_kpis.errors import InputError
from crm_kpis.raw_directory import RawDirectory, inspect
from crm_kpis.summary import Summary, format_raw_counts, format_rejections, read_summary

_LOCK_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


def run(options: BuildOptions) -> bool:
    """Build the warehouse from a raw directory and say what came of it.

    Standard output gets the summary; progress, warnings and failures go to standard error.

    Args:
        options: With absolute paths.

    Returns:
        Whether the data passed all checks.

    Raises:
        InputError: The raw directory or the output can't be used.
        BuildError: dbt stopped before it ran a model.
    """
    started = time.monotonic()
    _warn_of_raw_directory(inspect(options.raw_dir))
    prepare_output(options)
    result = build(options)
    _report_failures(result)
    summary = read_summary(options.warehouse, result.built)
    # The next steps come here, each a function of the options, and only where result.succeeded: publish the
    # marts, export the snapshot, write the report.
    _print_summary(options, result, summary, elapsed=time.monotonic() - started)
    return result.succeeded


def prepare_output(options: BuildOptions) -> None:
    """Make the output directory, and see to it that its warehouse file can be written.

    Raises:
        InputError: The directory can't be made, or the file is in use or not a DuckDB file.
    """
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The output directory {options.output} can't be made: {error.strerror}. Choose another --output."
        ) from error
    if not options.warehouse.exists():
        return
    try:
        duckdb.connect(options.warehouse).close()
    except duckdb.Error as error:
        raise InputError(_explain_unusable(options.warehouse, str(error))) from error


def _explain_unusable(warehouse: Path, message: str) -> str:
    holder = _LOCK_HOLDER.search(message)
    if holder:
        return (
            f"{warehouse} is open in another process: {holder['program']}, PID {holder['pid']}. "
            "Close it there, or choose another --output."
        )
    if "lock" in message:
        return f"{warehouse} is open in another process. Close it there, or choose another --output."
    reason = message.split("\n", maxsplit=1)[0].rstrip(".!")
    return f"{warehouse} can't be written: {reason}. Remove it, or choose another --output."


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
    click.echo(f"{state} after {elapsed:.0f} s. The warehouse: {options.warehouse}")


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
