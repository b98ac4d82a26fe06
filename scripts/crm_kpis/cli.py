"""The command `crm-kpis`. It orchestrates; the models define the KPIs."""

# Whatever is slow to import (dbt, duckdb) is imported by the command that needs it: --help must not wait.
# ruff: noqa: PLC0415
# "\b" keeps click from joining the lines of an example, and must not be raw.
# ruff: noqa: D301

from __future__ import annotations

import math
import os
import signal
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from crm_kpis.days import FIRST_DAY, LAST_DAY, parse_day
from crm_kpis.errors import InputError, MachineError
from crm_kpis.printable import say
from crm_kpis.sources.command import CommandWithSources, source_options

if TYPE_CHECKING:
    from crm_kpis.settings.declaration import Settings

# Those of the catalogue.
_UNITS = ("ratio", "currency", "days", "hours", "score", "count", "number")


class _Day(click.ParamType):
    """An ISO date in the years that the models take for valid."""

    name = "date"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        day = parse_day(value)
        if day is None:
            self.fail(f"{value!r} is no date. Write it as YYYY-MM-DD, such as 2026-06-30.", param, ctx)
        if not FIRST_DAY <= day <= LAST_DAY:
            self.fail(f"{value} does not lie between {FIRST_DAY} and {LAST_DAY}.", param, ctx)
        return day


class _Tolerance(click.ParamType):
    """A unit of the catalogue and a number, joined by =."""

    name = "unit=number"

    def convert(
        self, value: str | tuple[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        unit, _, text = value.partition("=")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if unit not in _UNITS or not 0 <= number < math.inf:
            self.fail(f"{value!r} is not one of {', '.join(_UNITS)} with =NUMBER behind it.", param, ctx)
        return unit, number


_OUTPUT = click.option(
    "--output",
    envvar="CRM_KPIS_OUTPUT",
    type=click.Path(path_type=Path),
    default=Path("output"),
    show_default=True,
    help="The output directory of crm-kpis run.",
)
_ROWS_FORMAT = click.option(
    "--format",
    "file_format",
    type=click.Choice(["table", "csv", "json", "markdown"]),
    default="table",
    show_default=True,
    help="table: the first 100 rows, to look at; the others: all rows.",
)
_LANGUAGE = click.option(
    "--language",
    type=click.Choice(["en", "de"]),
    help="The language of the report.  [default: the setting report_language]",
)
_SNAPSHOTS = click.option(
    "--snapshots",
    envvar="CRM_KPIS_SNAPSHOTS",
    type=click.Path(path_type=Path),
    help="The directory of the snapshots.  [default: snapshots in the output directory]",
)


_SOURCES = source_options()
_SETTINGS = click.option(
    "--settings",
    envvar="CRM_KPIS_SETTINGS",
    type=click.Path(path_type=Path),
    help="The directory with the company's settings; docs/settings.md explains its files.  "
    "[default: settings in a company's project, else in the raw directory]",
)


def _read_settings(directory: Path | None) -> Settings:
    """Those that are named, else of the company's project."""
    from crm_kpis.project import find_project
    from crm_kpis.settings.read import find_settings_dir, read_settings

    named = Path(os.path.abspath(directory)) if directory else find_settings_dir(find_project(Path.cwd()))
    return read_settings(named)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="crm-kpis")
def cli() -> None:
    """CRM KPIs, defined once and computed exactly: raw CRM tables in, tested KPI marts out.

    \b
    Try it on the sample that the project ships:
      crm-kpis run
    Then on your own data:
      crm-kpis run --raw-dir exports/2026-06

    Exit status: 0 done; 1 the data or a comparison failed a check; 2 wrong usage or input; 3 published with
    warnings, under --fail-on-warn; 4 the machine: disk, permission, memory.
    """


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--sample", is_flag=True, help="Copy the raw tables of the shipped sample into it.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="VENDOR",
    help="Write what loads hubspot, salesforce, zendesk, pipedrive or stripe by dlt; may be repeated.",
)
def init(directory: Path, sample: bool, sources: tuple[str, ...]) -> int:
    """Write a company's own project.

    \b
    A project, and a first run on the shipped sample:
      crm-kpis init acme --sample
      cd acme
      crm-kpis run
    One for HubSpot, with the script that loads it, and the nightly run of both:
      crm-kpis init acme --source hubspot

    It holds a company's settings, KPIs and measures; the models come from the installed package. In its
    directory crm-kpis run reads raw/ and writes output/, and so does dbt build.
    """
    from crm_kpis.init.write import init_project

    directory = init_project(directory, sample=sample, sources=sources)
    say(f"The project: {directory}\nWhat to do next: {directory / 'README.md'}")
    return 0


@cli.command(cls=CommandWithSources)
@click.option(
    "--raw-dir",
    envvar="CRM_KPIS_RAW_DIR",
    type=click.Path(path_type=Path),
    help="The directory with the raw tables, <table>.parquet, .csv or .csv.gz.  "
    "[default: raw in a company's project, else the sample]",
)
@_SOURCES
@_SETTINGS
@click.option(
    "--as-of",
    type=_Day(),
    metavar="YYYY-MM-DD",
    help="The last day that counts; what comes later is not known yet.  "
    "[default: the latest day that a raw event happened on]",
)
@click.option(
    "--output",
    envvar="CRM_KPIS_OUTPUT",
    type=click.Path(path_type=Path),
    default=Path("output"),
    show_default=True,
    help="The directory for all that is written; it is made if it is not there.",
)
@click.option("--snapshot", metavar="NAME", help="Keep what is published as a snapshot of this name.")
@click.option("--replace", is_flag=True, help="Replace the snapshot of that name, if there is one.")
@_SNAPSHOTS
@click.option(
    "--accept",
    multiple=True,
    metavar="RULE[:TABLE]",
    help="Let through once what this rule of the gate finds; may be given more than once.",
)
@click.option("--fail-on-warn", is_flag=True, help="Exit with status 3 if something warned.")
@click.option(
    "--notify",
    envvar="CRM_KPIS_NOTIFY",
    multiple=True,
    metavar="URL",
    help="Tell how the run ended, to a URL of apprise such as mailto://...; may be given more than once.  "
    "[default: the setting notify]",
)
@click.option(
    "--notify-on",
    type=click.Choice(["failure", "warning", "always"]),
    help="From what on to tell.  [default: the setting notify_on, which is warning]",
)
@_LANGUAGE
@click.option("--full-refresh", is_flag=True, help="Build even if nothing has changed since the last run.")
@click.option("--wait", is_flag=True, help="Wait if another run is using the output directory.")
@click.option(
    "--target",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="The engine that computes the marts; docs/spark.md explains Spark.",
)
@click.option(
    "--raw-schema",
    envvar="CRM_KPIS_RAW_SCHEMA",
    metavar="[CATALOG.]SCHEMA",
    help="With --target spark: the schema of Spark's catalog with the raw tables, instead of --raw-dir.",
)
def run(  # noqa: PLR0913, PLR0917 - an argument for each option
    raw_dir: Path | None,
    mapping: Path | None,
    mapping_dir: Path | None,
    match: tuple[str, ...],
    settings: Path | None,
    as_of: date | None,
    output: Path,
    snapshot: str | None,
    replace: bool,
    snapshots: Path | None,
    accept: tuple[str, ...],
    fail_on_warn: bool,
    notify: tuple[str, ...],
    notify_on: str | None,
    language: str | None,
    full_refresh: bool,
    wait: bool,
    target: str,
    raw_schema: str | None,
) -> int:
    """Read a raw directory, build, test and publish the KPI marts, write the report, and say what came of it.

    \b
    The sample that the project ships:
      crm-kpis run
    HubSpot as dlt, Fivetran or Airbyte landed it, and costs that no CRM has:
      crm-kpis run --source hubspot --database crm.duckdb --schema hubspot --raw-dir costs
    Your own tables, as they stood at the end of June:
      crm-kpis run --raw-dir exports/2026-06 --as-of 2026-06-30 --snapshot 2026-06

    A raw directory holds any of the raw contract's tables, one file each; docs and
    models/staging/_sources.yml list their columns. Rows and values that fail a check are kept, with
    file line and reason, in the tables rejected_rows and rejected_values of warehouse.duckdb.

    Where every check of the data passed, and the gate finds nothing that is unlikely beside the last
    publication, kpis.duckdb takes the place of the one before as a whole; otherwise that stays as it was.
    Readers never wait, and never see half of a run. docs/operations.md lists the rules of the gate.

    Where neither the raw files nor the project, its settings or the snapshots have changed since the last
    publication, nothing is built.
    """
    from crm_kpis.project import find_project
    from crm_kpis.run.build import BuildError, BuildOptions
    from crm_kpis.run.record import classify
    from crm_kpis.run.steps import RunOptions
    from crm_kpis.run.steps import run as run_pipeline
    from crm_kpis.sources.options import sources_of

    options = BuildOptions(
        Path(os.path.abspath(raw_dir)) if raw_dir else None,
        Path(os.path.abspath(output)),
        as_of,
        Path(os.path.abspath(snapshots)) if snapshots else None,
        find_project(Path.cwd()),
        sources_of(click.get_current_context(), mapping, mapping_dir, match),
        Path(os.path.abspath(settings)) if settings else None,
        target,
        raw_schema,
    )
    run_options = RunOptions(
        wait, full_refresh, snapshot, replace, language, accept, fail_on_warn, notify, notify_on
    )
    try:
        return run_pipeline(options, run_options).values["exit_status"]
    except BuildError as error:
        say(f"Error: {error}", err=True)
        return classify(error)[0]


@cli.group()
def sources() -> None:
    """Look at vendors' tables before a run.

    \b
    What is landed, and what a run would make of it:
      crm-kpis sources inspect --source hubspot --database crm.duckdb --schema hubspot
    """


@sources.command("inspect", cls=CommandWithSources)
@_SOURCES
@_SETTINGS
def inspect_sources(
    mapping: Path | None, mapping_dir: Path | None, match: tuple[str, ...], settings: Path | None
) -> int:
    """Say what is landed, without building.

    Which loader landed it, tables and columns that are found or missing, what stages and words mean, and the
    KPIs that what is missing costs.

    \b
    In a directory of Parquet files:
      crm-kpis sources inspect --source zendesk --landed landed/zendesk
    """
    from crm_kpis.settings.own_columns import extend_contract
    from crm_kpis.sources.inspection import inspect_landed
    from crm_kpis.sources.options import sources_and_settings

    sources, company = sources_and_settings(
        click.get_current_context(), mapping, mapping_dir, match, settings
    )
    for line in inspect_landed(sources, company.values["reporting_time_zone"], extend_contract(company)):
        say(line)
    return 0


@sources.command("reconcile", cls=CommandWithSources)
@_SOURCES
@_SETTINGS
def reconcile_sources(
    mapping: Path | None, mapping_dir: Path | None, match: tuple[str, ...], settings: Path | None
) -> int:
    """Count what must match the vendor's screens.

    Each number is free of the definitions of KPIs, and comes with where the vendor shows it. What differs on
    purpose is listed in docs/sources.

    \b
    Of a HubSpot that dlt has landed:
      crm-kpis sources reconcile --source hubspot --database crm.duckdb --schema hubspot
    """
    from itertools import groupby

    from crm_kpis.sources.options import sources_and_settings
    from crm_kpis.sources.reconciliation import reconcile

    sources, company = sources_and_settings(
        click.get_current_context(), mapping, mapping_dir, match, settings
    )
    for (source, what, where), figures in groupby(
        reconcile(sources, company.values["reporting_time_zone"]),
        key=lambda figure: (figure.source, figure.what, figure.where),
    ):
        say(f"{source}: {what}\n  {where}")
        for figure in figures:
            say(f"    {figure.item}: {figure.number:,.2f}".removesuffix(".00"))
    return 0


@cli.command()
@click.argument("query")
@_OUTPUT
@_ROWS_FORMAT
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop a query that takes longer.  [default: none is stopped]",
)
def sql(query: str, output: Path, file_format: str, timeout: float | None) -> None:
    """Answer a query of DuckDB's SQL from the published marts. A - reads the query from standard input.

    \b
    The close rate by quarter:
      crm-kpis sql "select period_name, kpi_value from kpi_values where kpi_id = 'close_rate'
        and period_grain = 'quarter' and segment_by = 'all' order by period_start"
    What can be asked for:
      crm-kpis sql "show tables"
      crm-kpis sql "describe kpi_values"
    For a spreadsheet, in which no text is taken for a formula:
      crm-kpis sql "from kpi_values" --format csv > kpi_values.csv

    Nothing is written, and no other file is read: tables are those of the schema marts.
    """
    from crm_kpis.published.query import answer

    query = sys.stdin.read() if query == "-" else query
    more = answer(Path(os.path.abspath(output)), query, file_format, sys.stdout, timeout)
    if more:
        say(f"The first {more - 1} rows. --format csv, json or markdown prints all.", err=True)


@cli.command()
@click.argument("key")
@_OUTPUT
@_LANGUAGE
@_ROWS_FORMAT
def account(key: str, output: Path, language: str | None, file_format: str) -> None:
    """Show what happened with one account, in time order.

    \b
    The first visit, leads, activities, e-mails, deals, orders, tickets, answers and costs of an account:
      crm-kpis account A1
    For a spreadsheet:
      crm-kpis account A1 --format csv > A1.csv

    The key is that of dim_accounts, or that of the CRM where keys are masked, or the name where
    names of accounts are published. account_timeline has the same for all accounts.
    """
    from crm_kpis.published.query import show_account

    more = show_account(Path(os.path.abspath(output)), key, language, file_format, sys.stdout)
    if more:
        say(f"The first {more - 1} events. --format csv, json or markdown prints all.", err=True)


@cli.command()
@_OUTPUT
@_LANGUAGE
@click.option("--owner", metavar="USER_ID", help="Only those of this user.")
@click.option("--team", help="Only those of this team.")
@click.option("--rule", help="Only those of this rule, such as deal_overdue.")
@click.option("--new", "only_new", is_flag=True, help="Only what the publication before did not have.")
@click.option(
    "--notify", "urls", multiple=True, metavar="URL", help="Send them there instead, as apprise writes it."
)
@click.option("--each", is_flag=True, help="Send to each of alert_receivers.csv its own.")
@_SETTINGS
@_ROWS_FORMAT
def alerts(  # noqa: PLR0913, PLR0917 - an argument for each option
    output: Path,
    language: str | None,
    owner: str | None,
    team: str | None,
    rule: str | None,
    only_new: bool,
    urls: tuple[str, ...],
    each: bool,
    settings: Path | None,
    file_format: str,
) -> int:
    """Show what somebody should look at, or send it.

    \b
    Stalled and overdue deals, leads without an answer, tickets that are due, customers at risk, worse KPIs:
      crm-kpis alerts
      crm-kpis alerts --team North --new
    For a program:
      crm-kpis alerts --format json > alerts.json
    To a person, after each run:
      crm-kpis alerts --owner U7 --notify mailto://user:password@mail.example.com?to=u7@example.com
    To each owner and team of alert_receivers.csv what is new of its own:
      crm-kpis alerts --each --new --notify mailto://user:password@mail.example.com?to={address}

    The rules and their limits are in alert_rules.csv of the settings. The table alerts has the same.
    """
    from crm_kpis.published.alerts import Choice, read_receivers, send_alerts, show_alerts

    choice = Choice(owner, team, rule, only_new)
    output = Path(os.path.abspath(output))
    if each:
        if owner or team:
            raise click.UsageError("--each takes the owners and teams of alert_receivers.csv.")
        status = 0
        for receiver in read_receivers(_read_settings(settings), choice, urls):
            spoken = receiver.language or language
            for complaint in send_alerts(output, receiver.choice, spoken, [receiver.url]):
                say(f"{receiver.name}: {complaint}", err=True)
                status = 1
        return status
    if urls:
        complaints = send_alerts(output, choice, language, urls)
        for complaint in complaints:
            say(complaint, err=True)
        return 1 if complaints else 0
    more = show_alerts(output, choice, language, file_format, sys.stdout)
    if more:
        say(f"The first {more - 1} alerts. --format csv, json or markdown prints all.", err=True)
    return 0


@cli.command()
@click.argument("name")
@click.option("--replace", is_flag=True, help="Replace the snapshot of that name, if there is one.")
@_OUTPUT
@_SNAPSHOTS
def snapshot(name: str, replace: bool, output: Path, snapshots: Path | None) -> int:
    """Keep what is published now: the KPI values, and how each KPI was defined, as Parquet files.

    \b
    Before the CRM goes live, and again when it has been in use for a year:
      crm-kpis snapshot before-go-live
      crm-kpis snapshot 2026-06 --output output
    What has changed between the two, or since:
      crm-kpis compare before-go-live 2026-06
      crm-kpis compare before-go-live

    A snapshot is a directory with a manifest, from which every later change to its files is seen. It is
    whole or not there at all, whatever happens while it is written.
    """
    from crm_kpis.snapshots.take import take_snapshot

    directory = take_snapshot(output, name, snapshots=snapshots, replace=replace)
    say(f"The snapshot: {directory}")
    return 0


@cli.command()
@click.argument("run_id", required=False)
@_OUTPUT
def rollback(run_id: str | None, output: Path) -> int:
    """Put an earlier published file back.

    \b
    The one before the one that is published:
      crm-kpis rollback
    That of a run, whose name the table runs has:
      crm-kpis rollback 20260630T043000.123456Z

    The last two are kept, or as many as the setting kept_publications says. The file that is replaced is
    kept in turn, so a rollback can be undone.
    """
    from crm_kpis.days import read_today
    from crm_kpis.published.earlier import roll_back
    from crm_kpis.report import write_pages
    from crm_kpis.run.lock import lock_output
    from crm_kpis.run.record import record_rollback

    output = Path(os.path.abspath(output))
    if not output.is_dir():
        raise InputError(f"The output directory {output} does not exist. Check the path.")
    with lock_output(output):
        put_back = roll_back(output, run_id)
        record_rollback(output, put_back, read_today())
        report_page = write_pages(output, None)
    say(f"Put back: {output / 'kpis.duckdb'} of the run {put_back}. The report: {report_page}")
    return 0


@cli.command()
@_OUTPUT
@_LANGUAGE
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["html", "markdown", "json", "xlsx", "pdf"]),
    default="html",
    show_default=True,
    help="html: a page; markdown: for a chat; json: for programs; xlsx: for Excel; pdf: A4.",
)
def report(output: Path, language: str | None, file_format: str) -> int:
    """Write the report for people from the published marts, such as report.en.html.

    \b
    In English and in German every run writes it; again, in English:
      crm-kpis report
    In German, and short, for a chat or a pull request:
      crm-kpis report --language de --format markdown
    The numbers as an Excel workbook:
      crm-kpis report --format xlsx
    """
    from crm_kpis.report import write_report

    say(f"The report: {write_report(Path(os.path.abspath(output)), language, file_format)}")
    return 0


@cli.command()
@click.option("--deals", type=click.IntRange(min=1), required=True, help="Number of deals; the rest follows.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The directory to write to; it is made if it is not there.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed makes another company.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="The format of the files.",
)
@click.option("--clean", is_flag=True, help="Leave out the flaws: about 1 % of the rows are wrong otherwise.")
@click.option("--unchanged", is_flag=True, help="A CRM without any effect: nothing changes at the go-live.")
@click.option("--replace", is_flag=True, help="Replace the tables in the directory.")
@click.option(
    "--as",
    "landed_as",
    metavar="VENDOR/LOADER",
    help="Write the company as a loader lands it from a vendor, such as hubspot/dlt, without flaws.",
)
def generate(  # noqa: PLR0913, PLR0917 - an argument for each option
    deals: int,
    output: Path,
    seed: int,
    file_format: Literal["parquet", "csv"],
    clean: bool,
    unchanged: bool,
    replace: bool,
    landed_as: str | None,
) -> int:
    """Write a synthetic CRM of any size: all raw tables, the same for the same seed.

    \b
    A hundred thousand deals, which make about three million rows, and a run on them:
      crm-kpis generate --deals 100000 --output raw/large
      crm-kpis run --raw-dir raw/large --output output/large
    The same as dlt lands it from HubSpot, with deleted, merged and reopened records:
      crm-kpis generate --as hubspot/dlt --deals 1000 --output landed/hubspot
      crm-kpis run --source hubspot --landed landed/hubspot --output output/hubspot
    """
    from crm_kpis.run.summary import format_table

    if landed_as:
        from crm_kpis.generate.landing import generate_landed

        if file_format != "parquet":
            raise InputError("--as writes Parquet files. Leave out --format.")
        rows = generate_landed(
            output, vendor_and_loader=landed_as, deals=deals, seed=seed, replace=replace, unchanged=unchanged
        )
    else:
        from crm_kpis.generate.run import generate as write_tables

        rows = write_tables(
            output,
            deals=deals,
            seed=seed,
            flaws=not clean,
            file_format=file_format,
            unchanged=unchanged,
            replace=replace,
        )
    lines = format_table(("table", "rows"), [*rows.items(), ("total", sum(rows.values()))])
    say("\n".join([*lines, f"Written to {output}."]))
    return 0


@cli.command()
@click.argument("baseline")
@click.argument("current", required=False)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
    help="table and markdown show the numbers and the first changes, json and csv all changes.",
)
@click.option(
    "--top", type=click.IntRange(min=0), default=20, show_default=True, help="How many changes to show."
)
@click.option(
    "--tolerance",
    "tolerances",
    type=_Tolerance(),
    multiple=True,
    metavar="UNIT=NUMBER",
    help="Values of the unit that differ by no more are the same; may be given for several units.  "
    "[default: count=0, for others a billionth of the value]",
)
@click.option(
    "--fail-on",
    type=click.Choice(["changed", "worsened", "removed", "definition"]),
    multiple=True,
    help="Exit with status 1 if there is any; may be given more than once.",
)
@_OUTPUT
@_SNAPSHOTS
def compare(  # noqa: PLR0913, PLR0917 - an argument for each option
    baseline: str,
    current: str | None,
    output_format: str,
    top: int,
    tolerances: tuple[tuple[str, float], ...],
    fail_on: tuple[str, ...],
    output: Path,
    snapshots: Path | None,
) -> int:
    """Say what has changed between two snapshots, or between a snapshot and what is published.

    \b
    Since the snapshot was taken:
      crm-kpis compare before-go-live
    Between two, as a table for a spreadsheet, where a cent is nothing:
      crm-kpis compare 2026-05 2026-06 --format csv --tolerance currency=0.01
    As a check: did a change of the code move any value of the same data?
      crm-kpis compare before-the-change --fail-on changed --fail-on removed

    Each value, that is each KPI, period and segment, is the same, changed, added or removed, with the cause:
    the period went on, late data came in for one that was over, the KPI is defined in another way. Values of
    a KPI with another definition are neither improved nor worsened, nor is a total of a period that went on.
    """
    from crm_kpis.snapshots.compare import compare as compare_states
    from crm_kpis.snapshots.render import RENDERERS

    # Unlike click.echo, it leaves what stands in the data as it is.
    stream = sys.stdout
    with compare_states(
        output, baseline, current, snapshots=snapshots, tolerances=dict(tolerances)
    ) as comparison:
        for text in RENDERERS[output_format](comparison, top):
            stream.write(text)
        failures = comparison.failures(fail_on)
    if failures:
        say(f"Failed: {', '.join(failures)}.", err=True)
    return 1 if failures else 0


def main() -> None:
    """Run the command line; its exit status tells what kind of error there was."""
    # A scheduler that ends a job sends it: so it is recorded and told like Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    sys.unraisablehook = _interrupt_again
    sys.exit(_run())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Python drops what is raised while it destroys an object: so an interruption is raised again soon."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 0.1)
    else:
        sys.__unraisablehook__(unraisable)


def _run() -> int:
    try:
        return cli.main(prog_name="crm-kpis", standalone_mode=False) or 0
    except click.UsageError as error:
        _show_usage_error(error)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except InputError as error:
        say(f"Error: {error}", err=True)
        return 4 if isinstance(error, MachineError) else 2
    except (OSError, MemoryError) as error:
        say(f"Error: the machine refused: {error}", err=True)
        return 4
    except (click.Abort, KeyboardInterrupt):
        say("Interrupted.", err=True)
        return 130


def _show_usage_error(error: click.UsageError) -> None:
    if len(sys.argv) < 2:
        error.show()  # without any arguments: the help
        return
    command = error.ctx.command_path if error.ctx else "crm-kpis"
    say(f"Error: {error.format_message()}\nSee {command} --help.", err=True)


if __name__ == "__main__":
    main()
