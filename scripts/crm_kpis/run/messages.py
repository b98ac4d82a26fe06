"""What a run prints: the summary to standard output, warnings and failures to standard error."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import groupby
from pathlib import Path

import click

from crm_kpis.days import read_today
from crm_kpis.printable import printable, printable_lines, say
from crm_kpis.published.connect import FILE_NAME
from crm_kpis.published.write import KEEP_VARIABLE, Run
from crm_kpis.run.build import BuildOptions, BuildResult
from crm_kpis.run.gate import Finding
from crm_kpis.run.summary import (
    Summary,
    format_landed,
    format_masked_keys,
    format_raw_counts,
    format_rejections,
)
from crm_kpis.settings.declaration import Settings, read_declaration

RECORD_NAME = "run.json"
# Where much is wrong at once, the first of each rule say what.
_MOST_OF_A_RULE = 5
# The keys of settings.yml that many companies need and do not know of.
_SAID_BY_DEFAULT = {"reporting_time_zone": "days in {}", "reporting_currency": "money in {}"}


def print_wait(holder: str) -> None:
    """Print that the run waits for another one.

    Args:
        holder: The other run, as a sentence.
    """
    click.echo(f"{printable(holder)} Waiting for it to end ...", err=True)


def print_unchanged(options: BuildOptions, last: Run, report: Path) -> None:
    """Print that nothing has changed since the last publication, and where the report is."""
    say(
        f"Nothing has changed since {options.output / FILE_NAME} was published"
        f" at {last.published_at:%Y-%m-%d %H:%M:%S} UTC, so nothing is built; --full-refresh does it anyway."
    )
    say(f"The report: {report}")


def print_findings(findings: list[Finding], options: BuildOptions) -> None:
    """Print what the gate found: rule, expectation, rows as they came, and what to do.

    Args:
        findings: Those of a rule that end alike lie together.
        options: The options of the run.
    """
    labels = {
        "stops": ("Stopped:", "red"),
        "warns": ("Warning:", "yellow"),
        "accepted": ("Accepted:", "green"),
    }
    for (rule, kind), group in groupby(findings, key=lambda finding: (finding.rule, _kind(finding))):
        text, colour = labels[kind]
        of_rule = list(group)
        for finding in of_rule[:_MOST_OF_A_RULE]:
            click.echo(f"{click.style(text, fg=colour)} {printable(finding.title)}.", err=True)
            for line in () if finding.is_accepted else finding.examples:
                say(f"  {printable(line)}", err=True)
        if len(of_rule) > _MOST_OF_A_RULE:
            say(f"  And {len(of_rule) - _MOST_OF_A_RULE} more of {rule}: see {RECORD_NAME}.", err=True)
        if kind != "accepted":
            say(f"  What to do: {of_rule[0].way_out}", err=True)
    acceptances = _shorten_acceptances([finding for finding in findings if finding.stops])
    if acceptances:
        say(
            "If it is right as it is, let it through once: "
            + " ".join(f"--accept {acceptance}" for acceptance in acceptances)
            + f". Data of another company need another --output than {options.output}.",
            err=True,
        )


def _kind(finding: Finding) -> str:
    return "accepted" if finding.is_accepted else "stops" if finding.stops else "warns"


def _shorten_acceptances(stops: list[Finding]) -> list[str]:
    """What --accept is given to let all through: a rule as a whole where it found much."""
    subjects = Counter(rule for rule, _ in {(finding.rule, finding.acceptance) for finding in stops})
    named = [
        finding.acceptance if subjects[finding.rule] <= _MOST_OF_A_RULE else finding.rule for finding in stops
    ]
    return list(dict.fromkeys(named))


def print_unused(accepted: tuple[str, ...], findings: list[Finding]) -> None:
    """Print what --accept was given for nothing."""
    used = {
        name for finding in findings if finding.is_accepted for name in (finding.rule, finding.acceptance)
    }
    for text in accepted:
        if text not in used:
            warn(f"--accept {text} let nothing through: the gate did not find it.")


def print_failures(result: BuildResult) -> None:
    """Print each node of the build that failed or warned."""
    for failure in result.failures:
        if failure.is_warning:
            warn(failure.title)
        else:
            click.echo(f"{click.style('Failed:', fg='red')} {printable(failure.title)}", err=True)
        for line in failure.details.splitlines():
            click.echo(f"  {printable(line)}", err=True)


def print_settings(settings: Settings) -> None:
    """Print where the settings are from, and what holds by default."""
    origin = f"Settings: {settings.directory}." if settings.directory else "No settings directory."
    declaration = read_declaration()
    defaults = [
        *(
            text.format(declaration.keys[key].default)
            for key, text in _SAID_BY_DEFAULT.items()
            if key not in settings.given
        ),
        *(table.default for table in declaration.tables.values() if not settings.rows.get(table.name)),
    ]
    say((f"{origin} By default: {', '.join(defaults)}." if defaults else origin) + "\n")


def print_summary(
    options: BuildOptions, result: BuildResult, summary: Summary, report: Path | None, seconds: float
) -> None:
    """Print what was read, rejected, computed and written.

    Args:
        options: The options of the run.
        result: What came of the build.
        summary: What the warehouse holds.
        report: The report; None where nothing is published.
        seconds: How long the build and the publication took.
    """
    for warning in summary.source_warnings:
        warn(warning)
    for lines in (
        format_landed(summary),
        format_raw_counts(summary),
        format_rejections(summary),
        format_masked_keys(summary),
    ):
        if lines:
            say("\n".join(lines) + "\n")
    if summary.as_of:
        say(f"As of {summary.as_of}, from {summary.as_of_source}.")
        _warn_of_future(summary.as_of)
    elif "reporting_window" in result.built:
        warn("No table holds an event with a valid date, so no KPI has a value.")
    click.echo(_count_results(result))
    if summary.kpi_count:
        click.echo(_count_kpis(summary))
    if report and result.cluster_tables:
        names = ", ".join(f"{table.relation} ({table.table_rows:,} rows)" for table in result.cluster_tables)
        say(
            f"These facts stay on the cluster, as {KEEP_VARIABLE} says: {names}."
            " The published table cluster_tables lists them."
        )
    state = "Done" if report else "Stopped" if result.succeeded else "Failed"
    say(f"{state} after {seconds:.0f} s. {_describe_files(options, report)}")


def _describe_files(options: BuildOptions, report: Path | None) -> str:
    published = options.output / FILE_NAME
    if report:
        return f"Published: {published}. The report: {report}"
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
    # Only a day that is given lies after today: events after it are left out.
    today = read_today()
    if as_of > today:
        warn(f"as_of {as_of} lies after today, {today}. --as-of sets the last day that counts.")


def warn(message: str) -> None:
    """Print a warning."""
    click.echo(f"{click.style('Warning:', fg='yellow')} {printable_lines(message)}", err=True)
