"""`crm-kpis run`, as the list of its steps."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import version

import click
import duckdb

from crm_kpis.errors import InputError
from crm_kpis.published.connect import FILE_NAME, explain_unusable
from crm_kpis.published.write import Run, publish, read_history
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.report import write_pages
from crm_kpis.run import messages
from crm_kpis.run.build import BuildOptions, BuildResult, build
from crm_kpis.run.input_hash import hash_inputs
from crm_kpis.run.lock import lock_output
from crm_kpis.run.summary import Summary, read_summary
from crm_kpis.settings.checks import check_vars
from crm_kpis.settings.read import read_settings
from crm_kpis.snapshots.take import check_free, check_name, take_snapshot
from crm_kpis.sources.source import inspect_sources


def run(
    options: BuildOptions,
    *,
    wait: bool = False,
    full_refresh: bool = False,
    snapshot: str | None = None,
    language: str | None = None,
) -> bool:
    """Build the warehouse from a raw directory, test it, publish it, and print what came of it.

    Where nothing has changed since the last publication, nothing is built. Standard output gets the summary;
    progress, warnings and failures go to standard error.

    Args:
        options: With absolute paths.
        wait: Whether to wait for the end of another run in the same output directory; else that is an error.
        full_refresh: Whether to build even where nothing has changed.
        snapshot: The name of the snapshot to take of what is published; None: none.
        language: The language of the report that is named, `en` or `de`; None: that of the settings.

    Returns:
        Whether the data passed all checks.

    Raises:
        InputError: A setting, the raw directory or the output can't be used, or the snapshot can't be taken.
        BuildError: dbt stopped before it ran a model.
    """
    if snapshot is not None:
        snapshot = check_name(snapshot)
        check_free(options.snapshots_dir, snapshot)
    check_vars({}, options.project_dir)
    raw_directory = inspect(options.raw_dir)
    source_warnings = inspect_sources(options.sources)
    settings = read_settings(options.settings_dir)
    with open_output(options, wait=wait) as history:
        for warning in (*raw_directory.warnings, *source_warnings):
            messages.warn(warning)
        # Hashed before they are read: a file that changes meanwhile is read again next time.
        inputs = hash_inputs(options, raw_directory, settings)
        if not full_refresh and history and _is_current(options, history[-1], inputs):
            succeeded = True
            messages.print_unchanged(options, history[-1], write_pages(options.output, language))
        else:
            started = time.monotonic()
            result = build(options)
            messages.print_failures(result)
            summary = read_summary(options.warehouse, result.built)
            succeeded, report = result.succeeded, None
            if succeeded:
                publish(
                    options.warehouse,
                    options.manifest,
                    options.output,
                    [*history, _describe_run(options, result, summary, inputs)],
                )
                report = write_pages(options.output, language)
            messages.print_settings(settings)
            messages.print_summary(options, result, summary, report, seconds=time.monotonic() - started)
        if succeeded and snapshot is not None:
            directory = take_snapshot(options.output, snapshot, snapshots=options.snapshots_dir)
            click.echo(f"The snapshot: {directory}")
    return succeeded


@contextmanager
def open_output(options: BuildOptions, *, wait: bool) -> Iterator[list[Run]]:
    """Make and lock the output directory, and check that its files are usable.

    Args:
        options: With absolute paths.
        wait: Whether to wait for the end of another run in the directory.

    Yields:
        The publications up to now, in their order.

    Raises:
        InputError: The directory can't be made or another run uses it; the warehouse is open elsewhere or
            not a DuckDB file; the published file does not hold marts.
    """
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The output directory {options.output} can't be made: {error.strerror}. Choose another --output."
        ) from error
    with lock_output(options.output, messages.print_wait if wait else None):
        history = read_history(options.output)
        _check_warehouse(options)
        yield history


def _check_warehouse(options: BuildOptions) -> None:
    if not options.warehouse.exists():
        return
    try:
        duckdb.connect(options.warehouse).close()
    except duckdb.Error as error:
        raise InputError(explain_unusable(options.warehouse, str(error), "written")) from error
    # What did not fit into memory. Nobody else has the file open.
    shutil.rmtree(f"{options.warehouse}.tmp", ignore_errors=True)


def _is_current(options: BuildOptions, last: Run, inputs: str) -> bool:
    """Whether a build would change neither what is published nor the warehouse."""
    published = options.output / FILE_NAME
    return (
        last.inputs_sha256 == inputs
        and options.warehouse.exists()
        # Otherwise a run that failed, or dbt by hand, has been at it since.
        and options.warehouse.stat().st_mtime_ns <= published.stat().st_mtime_ns
    )


def _describe_run(options: BuildOptions, result: BuildResult, summary: Summary, inputs: str) -> Run:
    # What is computed never reads the clock; when it was published is no part of it.
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return Run(
        run_id=now.strftime("%Y%m%dT%H%M%S.%fZ"),
        published_at=now,
        as_of=summary.as_of,
        raw_directory=options.raw_name,
        crm_kpis_version=version("crm-kpis"),
        rows_read=sum(count.rows_read for count in summary.raw_counts),
        rows_rejected=sum(count.rows_rejected for count in summary.raw_counts),
        values_rejected=sum(count.values_rejected for count in summary.raw_counts),
        tests_passed=result.test_counts.get("pass", 0),
        tests_warned=result.test_counts.get("warn", 0),
        warnings="\n".join(failure.summary for failure in result.failures) or None,
        inputs_sha256=inputs,
    )
