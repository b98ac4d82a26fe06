"""What the command line says and returns where no build is needed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timezone
from types import SimpleNamespace

import click
import duckdb
import pytest
from crm_kpis import cli
from crm_kpis.errors import InputError
from crm_kpis.project import PROJECT_DIR
from crm_kpis.published.statistics import Statistics
from crm_kpis.published.write import read_history
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.run import messages
from crm_kpis.run.build import BuildOptions, BuildResult, Failure
from crm_kpis.run.build import _describe as describe
from crm_kpis.run.build import _raise_cause as raise_cause
from crm_kpis.run.observations import Observations
from crm_kpis.run.progress import BuildProgress
from crm_kpis.run.summary import (
    RawCount,
    Rejection,
    Summary,
    format_masked_keys,
    format_raw_counts,
    format_rejections,
    format_table,
    read_summary,
)

# Help


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["sql", "--help"], ["generate", "-h"], ["--version"]]
)
def test_help_imports_nothing_slow(arguments):
    code = (
        "import sys\n"
        "from crm_kpis.cli import main\n"
        f"sys.argv = ['crm-kpis', *{arguments}]\n"
        "try: main()\n"
        "finally: print(sorted({'dbt', 'duckdb', 'rich', 'yaml', 'agate'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", cli.cli.commands)
def test_each_command_teaches_by_an_example_that_parses(command):
    context = click.Context(cli.cli.commands[command])
    text = cli.cli.commands[command].get_help(context)
    # An example may go on in the next lines, within quotes, and end in a redirection.
    lines = re.findall(r"^ *(crm-kpis (?:[^\n\"]|\"[^\"]*\")*)", text, flags=re.MULTILINE)
    assert lines
    for _, name, *arguments in (shlex.split(line.partition(" > ")[0]) for line in lines):
        cli.cli.commands[name].make_context(name, arguments)


def test_no_arguments_show_the_help(run_cli):
    result = run_cli()
    assert "Usage: crm-kpis" in result.stdout + result.stderr


# Wrong usage

WRONG_USAGE = {
    "no such command": (["nonsense"], "No such command 'nonsense'"),
    "no such option": (["run", "--nonsense"], "No such option"),
    "no date": (["run", "--as-of", "30.06.2026"], "'30.06.2026' is no date. Write it as YYYY-MM-DD"),
    "no such day": (["run", "--as-of", "2026-02-30"], "'2026-02-30' is no date"),
    "a date in another ISO form": (["run", "--as-of", "20260630"], "'20260630' is no date"),
    "too early": (["run", "--as-of", "1969-12-31"], "does not lie between 1970-01-01 and 2099-12-31"),
    "too late": (["run", "--as-of", "2100-01-01"], "does not lie between 1970-01-01 and 2099-12-31"),
    "no deals": (["generate", "--output", "x"], "Missing option '--deals'"),
    "too few deals": (["generate", "--deals", "0", "--output", "x"], "0 is not in the range"),
    "no such format": (
        ["generate", "--deals", "1", "--output", "x", "--format", "xml"],
        "'xml' is not one of",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_is_one_error_and_status_2(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["crm-kpis", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith("Error: ")
    assert len(captured.err.splitlines()) == 2
    assert message in captured.err


def test_a_raw_directory_that_does_not_exist_is_refused_before_dbt_starts(run_cli, tmp_path):
    result = run_cli("run", "--raw-dir", "nowhere")
    assert (result.returncode, result.stdout) == (2, "")
    assert (
        result.stderr == f"Error: The raw directory {tmp_path / 'nowhere'} does not exist. Check the path.\n"
    )
    # The record of the run is there, and nothing that dbt makes.
    assert {path.name for path in (tmp_path / "output").iterdir()} == {".run.lock", "run.json", "runs.jsonl"}


def test_the_environment_stands_in_for_options(run_cli, tmp_path):
    result = run_cli("run", CRM_KPIS_RAW_DIR="elsewhere")
    assert result.returncode == 2
    assert str(tmp_path / "elsewhere") in result.stderr


def test_a_bad_raw_file_is_refused_without_a_traceback(run_cli, write_csv, raw_dir):
    path = write_csv("users.csv", "name", "Ann")
    result = run_cli("run", "--raw-dir", raw_dir)
    assert result.returncode == 2
    assert result.stderr.startswith(f"Error: {path} has no column user_id")
    # The error, and the lines of the settings that map it.
    assert len(result.stderr.splitlines()) == 4


def test_a_baseline_snapshot_that_is_not_there_is_refused_before_dbt_starts(
    run_cli, write_csv, raw_dir, tmp_path
):
    write_csv("users.csv", "user_id")
    settings = tmp_path / "settings"
    settings.mkdir()
    evaluations = settings / "evaluations.csv"
    evaluations.write_text(
        "evaluation_name,baseline_period,current_period,baseline_snapshot\ne,before,after,before the CRM\n"
    )
    (settings / "named_periods.csv").write_text("period_name,starts_on\nafter,2025-01-01\n")
    result = run_cli("run", "--raw-dir", raw_dir, "--settings", settings)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"Error: {evaluations}, line 2, baseline_snapshot: 'before the CRM' is no snapshot in"
        f" {tmp_path / 'output' / 'snapshots'}. There are: none."
        " Take it with crm-kpis snapshot 'before the CRM', or leave"
        " the cell empty.\n"
    )
    assert not (tmp_path / "output" / "warehouse.duckdb").exists()


def test_an_output_that_is_a_file_is_refused(run_cli, write_csv, raw_dir):
    path = write_csv("users.csv", "user_id")
    result = run_cli("run", "--raw-dir", raw_dir, "--output", path)
    assert result.returncode == 2
    assert (
        result.stderr
        == f"Error: The output directory {path} can't be made: File exists. Choose another --output.\n"
    )


def test_a_warehouse_in_use_is_refused_with_the_process(run_cli, write_csv, raw_dir, tmp_path):
    write_csv("users.csv", "user_id")
    output = tmp_path / "out"
    output.mkdir()
    with duckdb.connect(output / "warehouse.duckdb"):
        result = run_cli("run", "--raw-dir", raw_dir, "--output", output)
    assert result.returncode == 2
    assert "warehouse.duckdb is open in another process" in result.stderr
    assert f"PID {os.getpid()}" in result.stderr


def test_a_warehouse_that_is_no_duckdb_file_is_refused(run_cli, write_csv, raw_dir, tmp_path):
    write_csv("users.csv", "user_id")
    (tmp_path / "warehouse.duckdb").write_text("nonsense")
    result = run_cli("run", "--raw-dir", raw_dir, "--output", tmp_path)
    assert result.returncode == 2
    assert "can't be written" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interrupt_is_one_line_and_status_130(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("crm_kpis.run.steps.run", interrupt)
    monkeypatch.setattr(sys, "argv", ["crm-kpis", "run"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


# generate


def test_generate_passes_its_options_on_and_tells_the_rows(monkeypatch, capsys, tmp_path):
    calls = []

    def generate(output, **options):
        calls.append((output, options))
        return {"deals": 1200, "users": 7}

    monkeypatch.setitem(sys.modules, "crm_kpis.generate.run", SimpleNamespace(generate=generate))
    arguments = ["generate", "--deals", "1200", "--seed", "3", "--format", "csv", "--clean", "--replace"]
    arguments.append("--unchanged")
    monkeypatch.setattr(sys, "argv", ["crm-kpis", *arguments, "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 0
    expected = {"deals": 1200, "seed": 3, "flaws": False, "file_format": "csv", "replace": True}
    expected["unchanged"] = True
    assert calls == [(tmp_path, expected)]
    assert capsys.readouterr().out.splitlines() == [
        "table   rows",
        "deals  1,200",
        "users      7",
        "total  1,207",
        f"Written to {tmp_path}.",
    ]


# run, with dbt's part played


def play_build(monkeypatch, tmp_path, result, setup, *arguments):
    """Let `crm-kpis run` take this for what dbt did."""

    def build(options):
        with duckdb.connect(options.warehouse) as connection:
            connection.execute(setup)
        options.target_dir.mkdir(exist_ok=True)
        options.manifest.write_text('{"nodes": {}, "sources": {}}')
        return result

    monkeypatch.setattr("crm_kpis.run.steps.build", build)
    monkeypatch.setattr("crm_kpis.run.steps.observe", lambda *_: Observations(Statistics()))
    monkeypatch.setattr("crm_kpis.run.steps.write_pages", lambda output, language: output / "report.en.html")
    monkeypatch.setattr(sys, "argv", ["crm-kpis", "run", "--output", str(tmp_path / "out"), *arguments])
    raw = tmp_path / "raw"
    if not raw.exists():
        raw.mkdir()
        (raw / "users.csv").write_text("user_id\nU1\n")
    monkeypatch.setenv("CRM_KPIS_RAW_DIR", str(raw))
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def make_result(*built, failures=(), test_counts=None, skipped=0):
    return BuildResult(frozenset(built), test_counts or {"pass": 3}, skipped, tuple(failures))


WINDOW = (
    "create table reporting_window as select date '{}' as as_of, 'deals.closed_at, row 12' as as_of_source"
)


def test_a_run_without_failures_tells_its_results_plainly(monkeypatch, capsys, tmp_path):
    setup = (
        WINDOW.format("2026-06-30")
        + ";create table kpi_coverage as"
        + " from (values (true, 1200), (true, 34), (false, 0)) t (has_values, kpi_rows)"
    )
    status = play_build(monkeypatch, tmp_path, make_result("reporting_window", "kpi_coverage"), setup)
    captured = capsys.readouterr()
    assert status == 0
    assert captured.err == ""
    assert captured.out.splitlines()[2:5] == [
        "As of 2026-06-30, from deals.closed_at, row 12.",
        "2 models built; tests: 3 passed, 0 warned, 0 failed.",
        "2 of 3 KPIs have values, 1,234 rows in all; kpi_coverage says what the others lack.",
    ]
    last = captured.out.splitlines()[5]
    assert re.fullmatch(
        r"Done after \d+ s\. Published: .*kpis\.duckdb\. The report: .*report\.en\.html", last
    )


def test_a_failure_is_told_with_what_to_do_and_status_1(monkeypatch, capsys, tmp_path):
    result = make_result(
        failures=[
            Failure("test unique_id: 2 rows", "x.sql", "To see them: dbt show", is_warning=False),
            Failure("test not_null_id: 1 row", "y.sql", "", is_warning=True),
        ],
        test_counts={"pass": 1, "fail": 1, "warn": 1, "skipped": 4},
        skipped=2,
    )
    status = play_build(monkeypatch, tmp_path, result, "select 1")
    captured = capsys.readouterr()
    assert status == 1
    assert captured.err.splitlines() == [
        "Failed: test unique_id: 2 rows (x.sql)",
        "  To see them: dbt show",
        "Warning: test not_null_id: 1 row (y.sql)",
    ]
    assert "0 models built, 2 skipped; tests: 1 passed, 1 warned, 1 failed, 4 skipped." in captured.out
    assert re.search(
        r"Failed after \d+ s\. Nothing is published\. The warehouse, to look into: .*warehouse\.duckdb",
        captured.out,
    )


def test_a_failed_run_leaves_what_is_published_as_it_was(monkeypatch, capsys, tmp_path):
    published = tmp_path / "out" / "kpis.duckdb"
    assert play_build(monkeypatch, tmp_path, make_result(), "select 1") == 0
    before = published.read_bytes()
    failure = Failure("test unique_id: 2 rows", "x.sql", "", is_warning=False)
    failed, setup = make_result(failures=[failure]), "create table built as select 1"
    assert play_build(monkeypatch, tmp_path, failed, setup, "--full-refresh") == 1
    assert published.read_bytes() == before
    assert f"Nothing is published. {published} is as it was before." in capsys.readouterr().out
    assert play_build(monkeypatch, tmp_path, make_result(), "select 1") == 0
    assert published.read_bytes() != before


@pytest.mark.slow
def test_a_run_builds_only_where_something_has_changed(monkeypatch, capsys, tmp_path):
    def builds(*arguments):
        before = published.read_bytes() if published.exists() else None
        assert play_build(monkeypatch, tmp_path, result, "select 1", *arguments) == 0
        captured = capsys.readouterr()
        built = published.read_bytes() != before
        assert built != ("so nothing is built; --full-refresh does it anyway." in captured.out)
        assert "The report: " in captured.out
        # Whoever reads the log of a scheduled run must not think that they are gone.
        assert "Warning: test not_null_id: 1 row" in captured.err
        return built

    published = tmp_path / "out" / "kpis.duckdb"
    failure = Failure("test not_null_id: 1 row", "y.sql", "", is_warning=True)
    result = make_result(failures=[failure])
    assert builds()
    assert not builds()
    assert not builds("--language", "de")
    assert builds("--full-refresh")
    assert not builds()
    (tmp_path / "raw" / "users.csv").write_text("user_id\nU1\nU2\n")
    assert builds()
    assert builds("--as-of", "2026-01-31")
    assert not builds("--as-of", "2026-01-31")
    (tmp_path / "out" / "warehouse.duckdb").unlink()
    assert builds("--as-of", "2026-01-31")
    # By dbt, or by a run that failed.
    os.utime(tmp_path / "out" / "warehouse.duckdb")
    assert builds("--as-of", "2026-01-31")


def test_a_publication_tells_what_it_was_made_of(monkeypatch, tmp_path):
    failure = Failure("test not_null_id: 1 row", "y.sql", "", is_warning=True)
    result = make_result("reporting_window", failures=[failure], test_counts={"pass": 9, "warn": 1})
    earliest = datetime.now(timezone.utc).replace(tzinfo=None)
    assert play_build(monkeypatch, tmp_path, result, WINDOW.format("2026-06-30")) == 0
    (run,) = read_history(tmp_path / "out")
    assert earliest <= run.published_at <= datetime.now(timezone.utc).replace(tzinfo=None)
    assert (run.as_of, run.raw_directory) == (date(2026, 6, 30), "raw")
    assert (run.tests_passed, run.tests_warned, run.warnings) == (9, 1, "test not_null_id: 1 row")


def test_warnings_alone_are_no_failure(monkeypatch, tmp_path):
    failure = Failure("test not_null_id: 1 row", "y.sql", "", is_warning=True)
    assert play_build(monkeypatch, tmp_path, make_result(failures=[failure]), "select 1") == 0


@pytest.mark.parametrize(("day", "warns"), [("2099-01-01", True), ("2020-01-01", False)])
def test_an_as_of_in_the_future_is_warned_of(monkeypatch, capsys, tmp_path, day, warns):
    play_build(monkeypatch, tmp_path, make_result("reporting_window"), WINDOW.format(day))
    assert (f"Warning: as_of {day} lies after today" in capsys.readouterr().err) == warns


def test_data_without_an_event_are_warned_of(monkeypatch, capsys, tmp_path):
    setup = WINDOW.format("2026-01-01") + " where false"
    assert play_build(monkeypatch, tmp_path, make_result("reporting_window"), setup) == 0
    assert "No table holds an event with a valid date" in capsys.readouterr().err


# Summary


def test_models_that_were_not_built_are_not_read(tmp_path):
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(warehouse) as connection:
        connection.execute("create table kpi_values as select 'old' as kpi_id")
    assert read_summary(warehouse, frozenset()) == Summary()


def test_rejections_are_counted_by_table_column_and_reason(tmp_path):
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(warehouse) as connection:
        connection.execute(
            """
            create schema raw;
            create table raw._files as select 'deals' as table_name, 'deals.csv' as file_name;
            create table raw._personal_values (personal_value varchar);
            create table raw._masked_keys as select 'deals' as table_name, 'owner_id' as column_name;
            create table raw._sources (source varchar, layout varchar, level varchar, name varchar,
                rows_landed bigint, rows_kept bigint);
            create table raw._left_out
                (source varchar, level varchar, name varchar, reason varchar, row_count bigint);
            create table raw_row_counts as from (values ('deals', 1000, 997, 3, 1), ('users', 0, 0, 0, 0))
                t(raw_table, rows_read, rows_staged, rows_rejected, values_rejected);
            create table raw_column_counts as from (values ('deals', 'owner_id', 900),
                ('deals', 'product_id', 5), ('leads', 'owner_id', 0), ('tickets', 'assignee_id', 1))
                t(raw_table, column_name, rows_filled);
            create table rejected_rows as from (values
                ('deals', 7, null, 'duplicate_key', 'D7', '{}'),
                ('deals', 9, 'status', 'not_accepted', 'D9', '{"status": "Gewonnen"}'),
                ('deals', 5, null, 'duplicate_key', 'ann@example.com', '{}'))
                t(raw_table, row_number, column_name, reason, row_key, raw_row);
            create schema settings;
            create table settings.own_columns
                (raw_table varchar, column_name varchar, data_type varchar, is_personal varchar);
            create table settings.raw_formats as
                from (values ('orders', 'comma'), ('deals', null)) t(raw_table, decimal_mark);
            create table rejected_values as from (values
                ('deals', 3, 'amount', 'invalid_value', '12,50'),
                ('deals', 4, 'closed_at', 'closed_although_open', '2026-01-31'),
                ('orders', 6, 'amount', 'invalid_value', '12.50 EUR'),
                ('users', 2, 'email', 'invalid_value', 'ann'))
                t(raw_table, row_number, column_name, reason, raw_value)
            """
        )
    models = ["raw_column_counts", "raw_row_counts", "rejected_rows", "rejected_values"]
    summary = read_summary(warehouse, frozenset(models))
    assert summary.raw_counts == (RawCount("deals", "deals.csv", 1000, 997, 3, 1),)
    assert format_raw_counts(summary) == [
        "file       rows read  staged  rejected  values rejected",
        "deals.csv      1,000     997         3                1",
        "total          1,000     997         3                1",
        "Without a file: users.",
        "Nothing is split by deals.owner_id, tickets.assignee_id, since there are no users:"
        " a users.csv with the column user_id alone is enough.",
    ]
    assert format_rejections(summary) == [
        "Rejected rows, the first of each reason:",
        "  deals: 2 duplicate_key, row 5: '(address)'; expected each key once: the latest row counts",
        "  deals: 1 not_accepted of status, row 9: 'Gewonnen'; expected one of open, won, lost",
        "Values taken as missing, the first of each reason:",
        "  deals: 1 closed_although_open of closed_at, row 4: '2026-01-31';"
        " expected not: status = 'open' and closed_at is not null"
        " and closed_on is distinct from expected_close_on",
        "  deals: 1 invalid_value of amount, row 3: '12,50'; expected a number with a dot, such as 1234.50",
        "  orders: 1 invalid_value of amount, row 6: '12.50 EUR';"
        " expected a number with a comma, such as 1234,50",
        "  users: 1 invalid_value of email, row 2: (personal); expected a text",
        "Each one is listed in rejected_rows or rejected_values of the warehouse.",
    ]
    assert format_masked_keys(summary) == [
        "Names and phone numbers are masked in keys: deals.owner_id."
        " To show them, write mask_names_in_keys: false into settings.yml."
    ]


def test_no_control_character_of_a_name_reaches_the_terminal(run_cli, write_csv, raw_dir, tmp_path, capsys):
    result = run_cli("run", "--raw-dir", tmp_path / "no\x1b[31m", "--output", tmp_path / "out\x1b[31m")
    assert (result.returncode, "\\x1b[31m" in result.stderr) == (2, True)
    assert "\x1b" not in result.stdout + result.stderr
    unknown = run_cli("run", "--raw\x1b[31m")
    assert (unknown.returncode, "\x1b" in unknown.stderr) == (2, False)
    write_csv("users.csv", "user_id,na\x1b[31mme", "U1,x")
    (raw_dir / "x\x1b[31m.txt").write_text("x", encoding="utf-8")
    for warning in inspect(raw_dir).warnings:
        messages.warn(warning)
    messages.print_wait("PID\x1b[31m")
    shown = capsys.readouterr().err.replace("\x1b[33mWarning:\x1b[0m", "Warning:")
    assert shown.count("\\x1b[31m") == 3
    assert "\x1b" not in shown


def test_no_command_prints_a_name_raw(monkeypatch, capsys, tmp_path):
    odd = tmp_path / "out\x1b[31m\x9b\u202e"
    odd.mkdir()
    monkeypatch.setattr("crm_kpis.report.write_report", lambda output, *_: output / "report.html")
    monkeypatch.setattr("crm_kpis.report.write_pages", lambda output, *_: output / "report.html")
    monkeypatch.setattr("crm_kpis.published.earlier.roll_back", lambda *_: "20260630T043000.123456Z")
    commands = (
        ("report", "--output", str(odd)),
        ("rollback", "--output", str(odd)),
        ("rollback", "--output", str(odd / "none")),
        ("init", str(odd / "acme")),
        ("init", str(odd / "acme")),
        ("generate", "--deals", "1", "--output", str(odd / "acme")),
        ("snapshot", "now", "--output", str(odd)),
        ("compare", "a", "--output", str(odd)),
        ("sql", "from kpi_values", "--output", str(odd)),
        ("account", "A1", "--output", str(odd)),
        ("alerts", "--output", str(odd)),
        ("sources", "inspect", "--source", "hubspot", "--landed", str(odd)),
    )
    for arguments in commands:
        monkeypatch.setattr(sys, "argv", ["crm-kpis", *arguments])
        with pytest.raises(SystemExit):
            cli.main()
        shown = "".join(capsys.readouterr())
        assert "out\\x1b[31m\\x9b\\u202e" in shown, (arguments, shown)
        assert not set("\x1b\x9b\u202e") & set(shown), arguments


def test_what_prints_goes_through_what_makes_it_printable():
    directory = PROJECT_DIR / "scripts" / "crm_kpis"
    printing = {
        str(path.relative_to(directory))
        for path in directory.rglob("*.py")
        if re.search(r"\bclick\.echo\(", path.read_text(encoding="utf-8"))
    }
    # Those of run/ have colours, and make each value printable.
    assert printing == {"printable.py", "run/messages.py", "run/progress.py"}


def test_many_reasons_are_cut_short():
    rejections = tuple(Rejection("deals", None, f"reason_{number}", 10, 1) for number in range(8))
    lines = format_rejections(Summary(rejected_rows=rejections))
    assert lines[5:7] == ["  deals: 10 reason_4, row 1: ", "  deals: 30 for other reasons"]


def test_a_table_aligns_names_left_and_numbers_right():
    assert format_table(("a", "b"), [("long name", 1), ("x", 23456)]) == [
        "a               b",
        "long name       1",
        "x          23,456",
    ]


# Failures


@pytest.fixture
def options(tmp_path):
    return BuildOptions(tmp_path / "raw", tmp_path / "out 1", None)


def make_node_result(resource_type, status, *, message=None, failures=None):
    node = SimpleNamespace(
        resource_type=resource_type,
        name="it",
        compiled_path="/c/it.sql",
        original_file_path="models/it.sql",
        config=SimpleNamespace(meta={}),
    )
    return SimpleNamespace(node=node, status=status, message=message, failures=failures)


def test_a_failed_test_comes_with_a_command_that_shows_its_rows(options):
    failure = describe(options, make_node_result("test", "fail", failures=3))
    assert failure.title == "test it: 3 rows (/c/it.sql)"
    assert f"CRM_KPIS_OUTPUT='{options.output}'" in failure.details
    assert "show --quiet --select it --project-dir" in failure.details
    assert not failure.is_warning
    # A session of Spark has ended by then.
    on_spark = describe(replace(options, target="spark"), make_node_result("test", "fail", failures=3))
    assert on_spark.details == failure.details


@pytest.mark.parametrize(("count", "more"), [(2, False), (5, True)])
def test_a_failed_test_about_settings_says_what_is_wrong(options, count, more):
    options.output.mkdir()
    with duckdb.connect(options.warehouse) as warehouse:
        warehouse.execute(f"create table targets as select 'T' || range as name from range({count})")
    result = make_node_result("test", "warn", failures=count)
    result.node.compiled_code = 'select name from "warehouse"."main"."targets"'
    result.node.config.meta = {
        "label": {"en": "Targets in vain", "de": "Vergebliche Ziele"},
        "shows": "'kpi_targets.csv, ' || name",
    }
    failure = describe(options, result)
    assert (failure.summary, failure.summary_de) == (
        f"Targets in vain: {count}",
        f"Vergebliche Ziele: {count}",
    )
    *shown, last = failure.details.splitlines()
    assert last.startswith("To see them: ") if more else last == "kpi_targets.csv, T1"
    assert shown == [f"kpi_targets.csv, T{number}" for number in range(3 if more else 1)]


def test_a_database_error_keeps_its_first_lines(options):
    message = "Runtime Error in model it (models/it.sql)\n  Binder Error: no column x\n  \n" + "  more\n" * 50
    failure = describe(options, make_node_result("model", "error", message=message))
    assert failure.title == "model it (models/it.sql)"
    assert failure.details.splitlines()[0] == "Binder Error: no column x"
    assert failure.details.splitlines()[-1] == "(39 more lines)"


def test_the_diff_of_a_unit_test_is_shown_without_colours(options):
    message = "\n\n\x1b[32mactual\x1b[0m differs from \x1b[31mexpected\x1b[0m:\n\n@@ ,id\n+++,1\n---,2\n\n"
    failure = describe(options, make_node_result("unit_test", "fail", message=message, failures=1))
    assert failure.title == "unit test it (models/it.sql)"
    assert failure.details.splitlines() == ["actual differs from expected:", "@@ ,id", "+++,1", "---,2"]


def test_the_input_error_at_the_bottom_of_dbts_exception_is_found():
    wrapped = RuntimeError("Runtime Error\n  users.csv is empty")
    wrapped.__cause__ = InputError("users.csv is empty")
    with pytest.raises(InputError, match=r"^users\.csv is empty$"):
        raise_cause(wrapped)


# Progress


def make_event(name, **data):
    return SimpleNamespace(info=SimpleNamespace(name=name), data=SimpleNamespace(**data))


def send_nodes(progress, count):
    for number in range(count):
        node = SimpleNamespace(node_name=f"n{number}", unique_id=f"model.n{number}")
        progress.handle_event(make_event("LogStartLine", total=count, node_info=node))
        progress.handle_event(make_event("NodeFinished", node_info=node))


def test_progress_off_a_terminal_is_a_line_at_each_tenth(capsys):
    with BuildProgress() as progress:
        send_nodes(progress, 40)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["Building the warehouse ...", "  10 % (4 of 40)"]
    assert lines[-1] == "  100 % (40 of 40)"
    assert len(lines) == 11
    assert "\x1b" not in "".join(lines)


def test_progress_on_a_terminal_is_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    with BuildProgress() as progress:
        send_nodes(progress, 40)
    assert "40/40" in capsys.readouterr().err


def test_an_event_that_is_not_understood_never_raises(capsys):
    with BuildProgress() as progress:
        progress.handle_event(None)
        progress.handle_event(make_event("LogStartLine"))
        progress.handle_event(make_event("NodeFinished", node_info=None))
    assert capsys.readouterr().err == "Building the warehouse ...\n"


# The options of a build


def test_as_of_reaches_the_models_only_if_given(options):
    assert "CRM_KPIS_AS_OF" not in options.environment
    given = BuildOptions(options.raw_dir, options.output, cli.date(2026, 6, 30))
    assert given.environment["CRM_KPIS_AS_OF"] == "2026-06-30"
