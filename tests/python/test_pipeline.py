"""The pipeline from end to end: raw files in, KPI values out."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import duckdb
import pytest
from crm_kpis.raw.contract import PROJECT_DIR, RawColumn
from crm_kpis.sql import quote_identifier, quote_text
from pipeline import (
    CONTRACT,
    SAMPLE_DIR,
    WITHOUT_REPORT,
    CompiledProject,
    build_compiled,
    csv_path,
    dbt_in,
    kpi_rows,
    kpis_of,
    raw_counts,
    read_csv,
    rows_of,
    small_project,
    staging_contradictions,
    write_csv,
)

PAST = date(2025, 7, 31)

# KPIs and sets of tables of which one is enough for each of them.
_NEEDED_TABLES = [
    ("deals_created deals_won won_revenue close_rate win_rate average_deal_size open_pipeline", [{"deals"}]),
    ("sales_cycle_days sales_cycle_days_median", [{"deals"}]),
    ("lead_conversion_rate", [{"leads"}]),
    ("cost_per_lead", [{"leads", "campaign_days"}]),
    (
        "active_customers new_customers churn_rate retention_rate",
        [{"deals"}, {"orders"}, {"subscriptions"}],
    ),
    ("tickets_created ticket_backlog resolution_hours resolution_hours_median", [{"tickets"}]),
    ("customer_satisfaction_score net_promoter_score", [{"survey_responses"}]),
]
NEEDED_TABLES = {kpi: sets for kpis, sets in _NEEDED_TABLES for kpi in kpis.split()}
# Without events there is no day that data could be as of.
_WITHOUT_EVENTS = ("users", "campaigns", "products", "order_items", "exchange_rates")


def read_seed(name: str) -> list[dict[str, str]]:
    with (PROJECT_DIR / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_kpis_are_those_of(tables: tuple[str, ...], computed: set[str]) -> None:
    by_hand = {kpi for kpi, sets in NEEDED_TABLES.items() if any(needed <= set(tables) for needed in sets)}
    assert computed & set(NEEDED_TABLES) == by_hand
    # What the project says of the measures must come to the same.
    inputs: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in read_seed("measure_inputs"):
        if row["raw_table"] == "settings":
            continue
        inputs[row["measure"]][row["input_number"]].add(row["raw_table"])
    for kpi in read_seed("kpi_catalogue"):
        choices = [
            choice
            for measure in filter(None, (kpi["numerator"], kpi["denominator"]))
            for choice in inputs[measure].values()
        ]
        if any(not choice & set(tables) for choice in choices):
            assert kpi["kpi_id"] not in computed


def copy_tables(directory: Path, tables: tuple[str, ...]) -> Path:
    directory.mkdir()
    for table in tables:
        shutil.copy(SAMPLE_DIR / f"{table}.csv", directory)
    return directory


@contextmanager
def built(
    compiled: CompiledProject, raw_dir: Path, as_of: date | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """What comes of a raw directory, with all data tests passed."""
    with compiled.run(raw_dir, as_of) as warehouse:
        assert not compiled.failed_data_tests(warehouse)
        yield warehouse


# The sample, by the command line


def test_the_sample_builds_without_a_failure_or_a_warning(sample_build, compiled):
    assert sample_build.status == 0
    tests = len(compiled.data_tests)
    assert tests > 50
    assert (
        f"{len(compiled.models)} models built; tests: {tests} passed, 0 warned, 0 failed."
        in sample_build.stdout
    )
    assert not re.search("warning|error|failed:|traceback", sample_build.stderr, re.IGNORECASE)


def test_every_row_of_the_sample_is_staged_or_rejected(sample_warehouse):
    counts = raw_counts(sample_warehouse)
    assert set(counts) == set(CONTRACT)
    for table, (read, staged, rejected) in counts.items():
        assert read == len(read_csv(SAMPLE_DIR / f"{table}.csv").rows), table
        assert read == staged + rejected, table
        assert 0 < rejected < 0.5 * staged, table


def test_the_summary_tells_what_the_warehouse_holds(sample_build, sample_warehouse):
    cells = [line.split()[:4] for line in sample_build.stdout.splitlines() if re.match(r"\w+\.csv ", line)]
    told = {file: tuple(int(number.replace(",", "")) for number in numbers) for file, *numbers in cells}
    assert told == {f"{table}.csv": counts for table, counts in raw_counts(sample_warehouse).items()}


def test_every_value_of_the_sample_is_staged_as_it_stands_or_rejected(sample_warehouse):
    assert not staging_contradictions(SAMPLE_DIR, sample_warehouse)


def test_a_rejected_row_is_kept_as_it_came(sample_warehouse):
    rows = sample_warehouse.execute(
        "select raw_table, row_number, reason, column_name, raw_row from main.rejected_rows"
    ).fetchall()
    files = {table: read_csv(SAMPLE_DIR / f"{table}.csv") for table in CONTRACT}
    assert len({row[:2] for row in rows}) == len(rows)
    for table, line, reason, column, raw_row in rows:
        fields = dict(zip(files[table].header, files[table].rows[line], strict=True))
        assert json.loads(raw_row) == {name: value or None for name, value in fields.items()}
        assert reason
        assert column is None or column in fields


def test_every_kpi_of_the_catalogue_has_values(sample_warehouse):
    counts = dict(
        sample_warehouse.execute(
            "select kpi_id, count(kpi_value) from main.kpi_values where segment_by = 'all' group by kpi_id"
        ).fetchall()
    )
    assert set(counts) == {row["kpi_id"] for row in read_seed("kpi_catalogue")}
    assert min(counts.values()) > 0


def test_no_model_above_staging_is_empty(sample_warehouse, compiled):
    models = {name: model for name, model in compiled.models.items() if model.layer != "staging"}
    assert {model.layer for model in models.values()} >= {
        "dimensions",
        "facts",
        "intermediate",
        "calendar",
        "measures",
        "kpis",
    }
    empty = [name for name in models if not sample_warehouse.execute(f"from main.{name} limit 1").fetchall()]
    # No part of the sample lags behind the rest by more than is usual, and it has no columns of its own.
    assert set(empty) == {"kpi_weak_spots", "dim_own_columns"}


# The same rows, the same values


@pytest.mark.slow
def test_dbt_build_from_the_root_gives_the_same_values_to_the_last_bit(root_build, corrupted_build, compiled):
    # dbt builds on two threads, in which DuckDB may add up doubles in any order, the compiled SQL on one.
    assert root_build.status == 0, root_build.all_output
    # All of them, and so the unit tests, which the command line leaves out.
    assert f"{compiled.unit_test_count} unit tests" in root_build.stdout
    assert " WARN=0 ERROR=0 SKIP=0 " in root_build.stdout
    with root_build.connect() as by_dbt, corrupted_build.connect() as by_command:
        assert kpi_rows(by_dbt) == kpi_rows(by_command)
        assert raw_counts(by_dbt) == raw_counts(by_command)


def _shuffled(rows: list[list[str]], group_of: int, rng: random.Random) -> list[list[str]]:
    """The rows in another order, but those that share the value of a column in their order."""
    order = list(range(len(rows)))
    rng.shuffle(order)
    places = defaultdict(list)
    for place, row in enumerate(order):
        places[rows[row][group_of].strip()].append(place)
    shuffled: list[list[str]] = [[]] * len(rows)
    taken = {group: iter(group_places) for group, group_places in places.items()}
    for row in rows:
        shuffled[next(taken[row[group_of].strip()])] = row
    return shuffled


@pytest.mark.slow
def test_the_compiled_sql_gives_the_same_values_whatever_the_order_of_rows(
    tmp_path, compiled, sample_warehouse
):
    # The tests that run it stand for builds by the command line.
    rng = random.Random("order")  # noqa: S311
    for table in CONTRACT.values():
        file = read_csv(SAMPLE_DIR / f"{table.name}.csv")
        rows = list(file.rows.values())
        # The first column is the key or a part of it. Of two rows with one key the later one wins.
        key = file.header.index(table.columns[0].name)
        shuffled = _shuffled(rows, key, rng)
        assert sorted(shuffled) == sorted(rows)
        assert shuffled != rows
        write_csv(tmp_path / f"{table.name}.csv", file.header, shuffled)
    with compiled.run(tmp_path, only=compiled.up_to_values) as warehouse:
        assert kpi_rows(warehouse) == kpi_rows(sample_warehouse)
        assert raw_counts(warehouse) == raw_counts(sample_warehouse)
        assert not compiled.failed_data_tests(warehouse, compiled.up_to_values)


# Parquet with native types

_NATIVE_TYPES = {
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18, 8)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
}


def _native(column: RawColumn) -> str:
    """The column in its native type."""
    name = quote_identifier(column.name)
    return f"try_cast({name} as {_NATIVE_TYPES[column.data_type]}) as {name}"


def write_native_parquet(raw_dir: Path, table: str, target: Path) -> set[str]:
    """Write a CSV file as Parquet with native types; a column of which a cast would lose a value stays text.

    Returns:
        The types that the file has.
    """
    columns = CONTRACT[table].columns
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        source = quote_text(str(csv_path(raw_dir, table)))
        connection.execute(
            f"create table source as from read_csv({source}, all_varchar = true, quote = '\"')"
        )
        connection.execute(f"create table native as select {', '.join(map(_native, columns))} from source")
        names = [quote_identifier(column.name) for column in columns]
        query = ", ".join(f"count(native.{name}) < count(source.{name})" for name in names)
        (loses,) = connection.execute(f"select {query} from source positional join native").fetchall()
        selected = ", ".join(
            f"{'source' if is_lost else 'native'}.{name}" for name, is_lost in zip(names, loses, strict=True)
        )
        query = f"select {selected} from source positional join native"
        path = quote_text(str(target / f"{table}.parquet"))
        connection.execute(f"copy ({query}) to {path} (format parquet)")
        return {row[1] for row in connection.execute(f"describe {query}").fetchall()}


@pytest.mark.slow
def test_parquet_with_native_types_gives_the_rows_of_csv(tmp_path, compiled, sample_warehouse):
    # Rows with a flaw are left out: one unreadable date makes a whole column text.
    flawed = {
        tuple(row)
        for row in sample_warehouse.execute(
            "select raw_table, row_number from main.rejected_rows"
            " union select raw_table, row_number from main.rejected_values where reason <> 'no_exchange_rate'"
        ).fetchall()
    }
    as_csv, as_parquet = tmp_path / "csv", tmp_path / "parquet"
    as_csv.mkdir()
    as_parquet.mkdir()
    types = set()
    for table in CONTRACT:
        file = read_csv(SAMPLE_DIR / f"{table}.csv")
        rows = [fields for line, fields in file.rows.items() if (table, line) not in flawed]
        write_csv(as_csv / f"{table}.csv", file.header, rows)
        types |= write_native_parquet(as_csv, table, as_parquet)
    assert types == {"VARCHAR", "BIGINT", "DECIMAL(18,8)", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE"}
    only, compared = compiled.with_inputs(*compiled.reading_raw), compiled.reading_raw
    assert {f"stg_{table}" for table in CONTRACT} | {"raw_row_counts"} < set(compared)
    with (
        compiled.run(as_csv, only=only) as from_csv,
        compiled.run(as_parquet, only=only) as from_parquet,
    ):
        assert rows_of(from_parquet, compared) == rows_of(from_csv, compared)


# Some of the tables


@pytest.mark.slow
@pytest.mark.parametrize(
    "tables",
    [
        *((table,) for table in CONTRACT if table not in _WITHOUT_EVENTS),
        ("campaign_days", "leads"),
        ("leads", "deals"),
        (
            "deal_stages",
            "order_items",
            "ticket_events",
            "activities",
            "email_events",
            "web_sessions",
            "costs",
        ),
    ],
    ids="+".join,
)
def test_some_tables_give_the_kpis_that_they_support_and_no_others(tmp_path, compiled, tables):
    with built(compiled, copy_tables(tmp_path / "raw", tables)) as warehouse:
        assert_kpis_are_those_of(tables, kpis_of(warehouse))


def test_tables_without_events_give_no_kpi(tmp_path, compiled):
    with compiled.run(copy_tables(tmp_path / "raw", _WITHOUT_EVENTS)) as warehouse:
        assert not kpis_of(warehouse)


@pytest.fixture(scope="module")
def service(sample_build, build_once, tmp_path_factory):
    """Two tables as Parquet, as of a day that has yet to come."""
    raw_dir = tmp_path_factory.mktemp("service")
    for table in ("tickets", "survey_responses"):
        write_native_parquet(SAMPLE_DIR, table, raw_dir)
    as_of = datetime.now(timezone.utc).date() + timedelta(days=400)
    arguments = (WITHOUT_REPORT, "--raw-dir", raw_dir, "--as-of", str(as_of))
    return build_once("service", *arguments, builder=partial(build_compiled, sample_build))


@pytest.mark.slow
def test_a_build_of_two_parquet_tables_passes_and_has_their_kpis(service):
    assert service.status == 0, service.all_output
    assert " 0 warned, 0 failed." in service.stdout
    with service.connect() as warehouse:
        assert_kpis_are_those_of(("tickets", "survey_responses"), kpis_of(warehouse))


@pytest.mark.slow
def test_an_as_of_in_the_future_is_warned_of_once(service):
    assert service.status == 0, service.all_output
    assert service.stderr.count("Warning:") == 1
    assert re.search(r"Warning: as_of \d{4}-\d\d-\d\d lies after today", service.stderr)


# As of a day in the past

# Dates that may lie ahead, beside the bounds of spans (a purchase counts for a year), and forecasts.
_PLANNED = {
    *("expected_close_on", "due_on", "due_at", "ended_on", "changed_on", "next_purchase_due_on"),
    "renewal_on",
}
_PERIODS_AHEAD = {
    "int_month_forecasts",
    "int_month_quotas",
    "int_planned_period_days",
    "int_reported_periods",
    "sales_forecast",
}
# What puts a row into the past, and what of it may have happened later, with what the CRM showed until then;
# in which stage a deal was is not known.
_HAPPENS = {
    "email_events": ("occurred_at", {}),
    "web_sessions": ("started_at", {}),
    "campaign_days": ("day", {}),
    "leads": ("created_at", {"qualified_at": {}, "converted_at": {}, "disqualified_at": {}}),
    "deals": ("created_at", {"closed_at": {"status": "open", "stage": "(none)"}, "first_paid_at": {}}),
    "deal_stages": ("entered_at", {"exited_at": {}}),
    "orders": ("ordered_at", {"paid_at": {"status": "open"}}),
    "subscriptions": ("started_on", {}),
    "costs": ("incurred_on", {}),
    "tickets": ("created_at", {"first_responded_at": {}, "resolved_at": {"status": "open"}}),
    "ticket_events": ("occurred_at", {}),
    "survey_responses": ("responded_at", {}),
    "activities": ("occurred_at", {"completed_at": {}}),
}


@pytest.fixture(scope="module")
def past(compiled):
    with built(compiled, SAMPLE_DIR, PAST) as warehouse:
        yield warehouse


@pytest.mark.slow
def test_nothing_after_as_of_is_known(past, compiled):
    layers = ("facts", "intermediate", "next_steps")
    facts = {name for name, model in compiled.models.items() if model.layer in layers}
    facts -= _PERIODS_AHEAD
    columns = past.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'main' and (data_type = 'DATE' or data_type like 'TIMESTAMP%')"
    ).fetchall()
    dated = [
        (table, column)
        for table, column in columns
        if table in facts and column not in _PLANNED and not column.endswith(("_from", "_until"))
    ]
    assert len(dated) > 30
    for table, column in dated:
        (latest,) = past.execute(f"select max({column})::date from main.{table}").fetchall()[0]
        assert latest is None or latest <= PAST, (table, column)
    # But for what it is all about, the forecast.
    (last_period,) = past.execute(
        "select max(period_start) from main.kpi_values where kpi_id <> 'forecast_revenue'"
    ).fetchall()[0]
    assert last_period <= PAST


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fact", "key", "is_open", "ended"),
    [
        ("deals", "deal_id", "is_open", "case when status in ('won', 'lost') then closed_at end"),
        ("tickets", "ticket_id", "not is_resolved", "resolved_at"),
    ],
)
def test_what_was_closed_or_resolved_after_as_of_is_open(past, fact, key, is_open, ended):
    def keys(query: str) -> set[str]:
        return {row[0] for row in past.execute(query).fetchall()}

    staged = f"select {key} from main.stg_{fact} where created_at::date <= '{PAST}' and ({ended})::date"
    ended_later, ended_before = keys(f"{staged} > '{PAST}'"), keys(f"{staged} <= '{PAST}'")
    still_open = keys(f"select {key} from main.fct_{fact} where {is_open}")
    assert ended_later
    assert ended_before
    assert ended_later <= still_open
    assert not ended_before & still_open


def _write_as_it_stood(warehouse: duckdb.DuckDBPyConnection, day: date, target: Path) -> None:
    """The sample as it would have been exported at the end of a day in the past."""
    for table in CONTRACT:
        file = read_csv(SAMPLE_DIR / f"{table}.csv")
        happens, later = _HAPPENS.get(table, (None, {}))
        columns = [happens, *later] if happens else []
        selected = ", ".join(["_row_number", *(f"{column}::date" for column in columns)])
        staged = {
            line: dict(zip(columns, (value and value > day for value in days), strict=True))
            for line, *days in warehouse.execute(f"select {selected} from main.stg_{table}").fetchall()
        }
        rows = []
        for line, fields in file.rows.items():
            is_later = staged.get(line, {})
            if is_later.get(happens):
                continue
            row = dict(zip(file.header, fields, strict=True))
            for column, shown in later.items():
                if is_later.get(column):
                    # A cancellation has no date: it holds from the start.
                    is_off = row.get("status", "").strip().lower() in ("cancelled", "refunded")
                    row |= {column: ""} | ({} if is_off else shown)
            rows.append(list(row.values()))
        write_csv(target / f"{table}.csv", file.header, rows)


@pytest.mark.slow
def test_the_past_is_what_an_export_of_that_day_would_have_shown(tmp_path, compiled, sample_warehouse, past):
    _write_as_it_stood(sample_warehouse, PAST, tmp_path)
    with compiled.run(tmp_path, PAST, only=compiled.up_to_values) as then:
        assert kpi_rows(then) == kpi_rows(past)


# dbt without the command line


@pytest.mark.slow
def test_dbt_build_refuses_a_missing_directory_with_one_message(tmp_path):
    project = small_project(tmp_path / "project", {"one.sql": "select 1 as number"})
    result = dbt_in(project, "build", raw_dir=tmp_path / "missing")
    assert result.status != 0
    assert (
        result.all_output.count(f"The raw directory {tmp_path / 'missing'} does not exist. Check the path.")
        == 1
    )
    assert "Traceback" not in result.all_output


# What is odd but no fault


@pytest.mark.slow
def test_a_huge_amount_and_leads_without_dates_fail_no_test(tmp_path, compiled):
    deals = "deal_id,created_at,status,closed_at,amount\n1,2024-01-01,won,2024-02-01,10000000000000\n"
    (tmp_path / "deals.csv").write_text(deals, encoding="utf-8")
    (tmp_path / "leads.csv").write_text("lead_id,created_at\nl1,2024-01-01\n", encoding="utf-8")
    # The greatest amount there is, which no DOUBLE holds, and twice.
    orders = "order_id,account_id,ordered_at,status,amount\no1,a1,2024-01-01,paid,99999999999999.9999\n"
    orders += "o2,a1,2024-01-01,paid,99999999999999.9999\n"
    (tmp_path / "orders.csv").write_text(orders, encoding="utf-8")
    (tmp_path / "order_items.csv").write_text("order_id,line_number,product_id\no1,1,p1\n", encoding="utf-8")
    with built(compiled, tmp_path) as warehouse:
        won = warehouse.execute(
            "select distinct kpi_value from kpi_values where kpi_id = 'won_revenue'"
        ).fetchall()
    assert (1e13,) in won


@pytest.mark.slow
def test_tables_without_events_fail_no_test(tmp_path, compiled):
    (tmp_path / "users.csv").write_text("user_id\nu1\n", encoding="utf-8")
    with built(compiled, tmp_path) as warehouse:
        assert warehouse.execute("select count(*) from kpi_values").fetchall() == [(0,)]


@pytest.mark.slow
def test_costs_and_deliveries_that_are_not_told_are_not_taken_for_none(tmp_path, compiled):
    for path in SAMPLE_DIR.glob("*.csv"):
        shutil.copy(path, tmp_path)

    def keep(table: str, column: str, is_kept: Callable[[str], bool]) -> None:
        file = read_csv(csv_path(SAMPLE_DIR, table))
        place = file.header.index(column)
        kept = [row for row in file.rows.values() if len(row) == len(file.header) and is_kept(row[place])]
        write_csv(tmp_path / f"{table}.csv", file.header, kept)

    keep("costs", "incurred_on", lambda day: day >= "2025-02-10")
    keep("campaign_days", "day", lambda day: day >= "2025-03-01")
    keep("email_events", "event_type", lambda kind: kind.strip().lower() not in ("delivered", "bounced"))

    with built(compiled, tmp_path) as warehouse:
        coverage = {
            kpi_id: (missing, known_from)
            for kpi_id, missing, known_from in warehouse.execute(
                "select kpi_id, missing_columns, known_from from kpi_coverage"
            ).fetchall()
        }
        costs = warehouse.execute(
            "select period_name, kpi_value from kpi_values where kpi_id = 'customer_acquisition_cost'"
            " and period_grain in ('year', 'named') and kpi_value is not null"
        ).fetchall()
        before_and_after = warehouse.execute(
            "select baseline_value, current_value > 0, difference, verdict from kpi_evaluation"
            " where kpi_id = 'customer_acquisition_cost'"
        ).fetchall()

    # No cost of 0 in the years before, and nothing that the evaluation could compare with.
    assert coverage["customer_acquisition_cost"] == (None, date(2025, 2, 1))
    assert coverage["cost_per_lead"] == (None, date(2025, 3, 1))
    assert {name for name, _ in costs} == {"2025", "2026", "after the CRM", "last 90 days"}
    assert all(value > 0 for _, value in costs)
    assert before_and_after == [(None, True, None, "too few data")]
    # What was opened has arrived, but of what it is a part nobody knows.
    lacks = "email_events.event_type (bounced) or email_events.event_type (delivered)"
    assert coverage["email_open_rate"][0] == coverage["email_delivery_rate"][0] == lacks
    assert coverage["email_click_to_open_rate"][0] is None
