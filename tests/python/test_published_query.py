"""`crm-kpis sql`: what it answers, and that a query can do nothing but read the published marts."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from crm_kpis import cli
from crm_kpis.errors import InputError
from crm_kpis.published.query import FORMATS, answer
from publishing import publish_token

HOSTILE = """
select * from (
    values (1, '=1+1'), (2, '+1'), (3, '-1'), (4, '@x'), (5, e'\t='), (6, e'\r='), (7, 'a=1'), (8, e'a\rb')
)
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    publish_token(tmp_path, 1)
    return tmp_path


def ask(output: Path, query: str, file_format: str = "json") -> str:
    stream = io.StringIO()
    answer(output, query, file_format, stream)
    return stream.getvalue()


def test_the_command_knows_the_formats():
    option = next(option for option in cli.sql.params if option.name == "file_format")
    assert list(option.type.choices) == list(FORMATS)


@pytest.mark.parametrize("table", ["fct_deals", "marts.fct_deals"])
def test_tables_have_names_with_and_without_the_schema(output, table):
    assert json.loads(ask(output, f"select count(*) as deals from {table};")) == [{"deals": 1000}]


def test_nothing_but_rows_goes_to_standard_output(output):
    """DuckDB would show there how far a query of some seconds is."""
    query = "select current_setting('enable_progress_bar') as shows_progress"
    assert json.loads(ask(output, query)) == [{"shows_progress": False}]


def test_json_has_plain_values(output):
    query = (
        "select 1.50::decimal(9, 2) as amount, date '2026-06-30' as day, 'nan'::double as nothing,"
        " null as none, true as yes, 'Ä\"' as text, [1, 2] as list"
    )
    assert json.loads(ask(output, query)) == [
        {
            "amount": 1.5,
            "day": "2026-06-30",
            "nothing": None,
            "none": None,
            "yes": True,
            "text": 'Ä"',
            "list": [1, 2],
        }
    ]
    assert json.loads(ask(output, "from fct_deals where false")) == []
    assert len(json.loads(ask(output, "from range(25000)"))) == 25000


def test_no_text_in_csv_is_a_formula_and_numbers_stay_numbers(output):
    rows = list(csv.reader(io.StringIO(ask(output, HOSTILE, "csv"), newline="")))[1:]
    assert [value for _, value in rows] == ["'=1+1", "'+1", "'-1", "'@x", "'\t=", "'\r=", "a=1", "a\rb"]
    numbers = (
        "select -5 as \"=a\", -1.25 as b, -2.5::double as c, date '2026-01-01' as d, false as e, null as f"
    )
    assert ask(output, numbers, "csv") == "'=a,b,c,d,e,f\n-5,-1.25,-2.5,2026-01-01,false,\n"


def test_a_table_shows_values_as_they_are_and_moves_no_cursor(output):
    text = ask(output, "select e'\\x1b[31m' as steer, '[red]' as mark, null as none, 1 / 3 as third", "table")
    assert text.splitlines()[1].split() == ["steer", "mark", "none", "third"]
    assert text.splitlines()[3].split() == ["\\x1b[31m", "[red]", "NULL", "0.333333"]
    assert "\x1b" not in text


def test_json_keeps_a_value_and_moves_no_cursor(output):
    value = "a\x9b31m\u202eb\x1b\nä"
    text = ask(output, f"select '{value}' as steer", "json")
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == [{"steer": value}]


def test_a_long_table_is_cut_and_says_so(output, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["crm-kpis", "sql", "from fct_deals", "--output", str(output)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    captured = capsys.readouterr()
    assert caught.value.code == 0
    assert len([line for line in captured.out.splitlines() if line.startswith("      1")]) == 100
    assert captured.err == "The first 100 rows. --format csv, json or markdown prints all.\n"
    stream = io.StringIO()
    assert answer(output, "from range(100)", "table", stream) is None


def test_markdown_keeps_its_columns(output):
    query = "select 'a|b' as \"x|y\", '<b>' as html, '[a](b)' as link, e'two\\nlines' as lines, null as none"
    header, rule, row = ask(output, query, "markdown").splitlines()
    assert header == "| x&#124;y | html | link | lines | none |"
    assert rule == "| --- | --- | --- | --- | --- |"
    assert row == "| a&#124;b | &#60;b&#62; | &#91;a&#93;(b) | two&#92;nlines |  |"


# Nothing else can be read or written


FORBIDDEN = [
    "copy fct_deals to '{directory}/stolen.csv'",
    "export database '{directory}/stolen'",
    "attach '{directory}/stolen.duckdb'",
    "attach '{directory}/warehouse.duckdb' as warehouse (read_only)",
    "from read_text('{directory}/manifest.json')",
    "from read_csv('{directory}/manifest.json')",
    "from '{directory}/manifest.json'",
    "from glob('{directory}/*')",
    "create table marts.stolen as from fct_deals",
    "drop table fct_deals",
    "update fct_deals set token = 9",
    "set enable_external_access = true",
    "set temp_directory = '{directory}/stolen'",
    "pragma profiling_output = '{directory}/stolen'",
    "install httpfs",
    "load httpfs",
    "from names",
]
# DuckDB 1.5 refuses only what follows.
if not duckdb.__version__.startswith("1."):
    FORBIDDEN.append("call enable_logging(storage = 'file', storage_path = '{directory}/stolen')")


@pytest.mark.parametrize("query", FORBIDDEN)
def test_a_query_reads_the_marts_and_nothing_else(output, query):
    before = {path.name for path in output.iterdir()}
    with pytest.raises(InputError) as caught:
        ask(output, query.format(directory=output))
    assert len(str(caught.value).splitlines()) <= 2
    assert {path.name for path in output.iterdir()} == before
    assert json.loads(ask(output, "select distinct token from fct_deals")) == [{"token": 1}]


def test_a_query_too_large_for_memory_spills_elsewhere(output):
    before = {path.name for path in output.iterdir()}
    query = (
        "select count(*) as n from (select range, md5(cast(range as varchar)) from range(400000) order by 2)"
    )
    assert json.loads(ask(output, query)) == [{"n": 400000}]
    assert {path.name for path in output.iterdir()} == before


# Errors


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("selec 1", 'Error: Parser Error: syntax error at or near "selec"\nLINE 1: selec 1\n'),
        (
            "from fct_deal",
            'Error: Catalog Error: Table with name fct_deal does not exist!\nDid you mean "fct_deals"?\n',
        ),
        ("select cast('x' as int)", "Error: Conversion Error: Could not convert string 'x' to INT32"),
        ("", "Error: One query is expected, but there are 0: ''.\n"),
        ("select 1; select 2", "Error: One query is expected, but there are 2: 'select 1; select 2'.\n"),
    ],
)
def test_a_wrong_query_is_told_in_two_lines(output, monkeypatch, capsys, query, message):
    monkeypatch.setattr(sys, "argv", ["crm-kpis", "sql", query, "--output", str(output)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert len(captured.err.splitlines()) <= 2


def test_where_nothing_is_published_a_run_is_asked_for(run_cli, tmp_path):
    result = run_cli("sql", "select 1")
    assert (result.returncode, result.stdout) == (2, "")
    missing = f"No marts are published in {tmp_path / 'output'} yet: kpis.duckdb is missing."
    assert result.stderr == f"Error: {missing} Run crm-kpis run first.\n"


@pytest.mark.parametrize("content", ["nonsense" * 1000, ""])
def test_what_is_no_published_file_is_refused(run_cli, tmp_path, content):
    (tmp_path / "kpis.duckdb").write_text(content)
    result = run_cli("sql", "select 1", "--output", tmp_path)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "kpis.duckdb" in result.stderr


def test_a_duckdb_file_without_marts_is_refused(tmp_path):
    duckdb.connect(tmp_path / "kpis.duckdb").close()
    with pytest.raises(InputError, match="does not hold the published marts"):
        ask(tmp_path, "select 1")


@pytest.mark.slow
def test_a_query_that_takes_too_long_is_stopped(output, run_cli):
    endless = "select count(*) from range(100000000) a, range(100000000) b"
    done = run_cli("sql", endless, "--output", output, "--timeout", "0.5")
    assert (done.returncode, done.stderr) == (
        2,
        "Error: The query took longer than 0.5 s, and was stopped.\n",
    )
    assert run_cli("sql", "select 7 as n", "--output", output, "--timeout", "60").returncode == 0


def test_the_query_may_come_from_standard_input(output):
    command = [sys.executable, "-m", "crm_kpis.cli", "sql", "-", "--output", output, "--format", "csv"]
    done = subprocess.run(command, input="select 7 as n", capture_output=True, text=True, check=True)
    assert done.stdout == "n\n7\n"


def test_a_reader_that_stops_early_causes_no_traceback(output):
    program = f"'{sys.executable}' -m crm_kpis.cli sql --output '{output}'"
    command = f"{program} --format csv 'from range(1000000)' | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602
    assert done.stdout == "range\n"
    assert done.stderr == ""


def test_the_marts_are_read_without_permission_to_write(ordinary_user, open_directory):
    publish_token(open_directory, 1)
    open_directory.chmod(0o555)
    python = [*ordinary_user, sys.executable]
    command = [*python, "-m", "crm_kpis.cli", "sql", "select max(token) as n from fct_deals"]
    done = subprocess.run(
        [*command, "--format", "csv", "--output", open_directory], capture_output=True, text=True, check=False
    )
    assert done.stdout == "n\n1\n", done.stderr
    # Who forgets to open it read-only is told, and locks no one out.
    write = f"import duckdb; duckdb.connect('{open_directory}/kpis.duckdb')"
    written = subprocess.run([*python, "-c", write], capture_output=True, text=True, check=False)
    assert "Permission denied" in written.stderr
