"""A company that is not the sample, without settings, gets its own numbers and nothing of the sample's."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from crm_kpis.settings.read import read_settings
from pipeline import SAMPLE_SETTINGS, Build, build, build_compiled

# KPIs of what no company has before it says so.
pytestmark = pytest.mark.slow

NEEDS_SETTINGS = {
    "budget_overrun_rate": "settings/crm_projects.csv",
    "ideal_customer_rate": "settings/ideal_customer_profile.csv",
    "record_completeness_rate": "settings/mandatory_fields.csv",
    "resolution_business_hours": "settings/business_hours.csv",
    "schedule_overrun_days": "settings/crm_projects.csv",
}


def write_company(directory: Path) -> Path:
    """A deal, a lead and a ticket every third day; each lead would be an ideal one of the sample's."""
    directory.mkdir()
    days = [date(2023, 1, 2) + timedelta(days=3 * number) for number in range(240)]
    tables = {
        "deals": ["deal_id,created_at,status,closed_at,amount,owner_id,Sales_Region,discount,buyer"],
        "leads": ["lead_id,created_at,industry,country,employee_count"],
        "tickets": ["ticket_id,created_at,first_responded_at,resolved_at,escalated"],
        "users": ["user_id,office", "O0,Berlin", "O1,", "O2, Berlin "],
    }
    for number, day in enumerate(days):
        closed, status = day + timedelta(days=20), "won" if number % 3 else "lost"
        region, buyer = ("Nord", "Süd", "Süd", "", "O'st")[number % 5], f"Frau Muster-{number}"
        discount = "viel" if number == 7 else f"{number % 3}.5"
        deal = f"D{number},{day},{status},{closed},{1000 + number},O{number % 4}"
        tables["deals"].append(f"{deal},{region},{discount},{buyer}")
        tables["leads"].append(f"L{number},{day},manufacturing,DE,{60 + number}")
        escalated = "vielleicht" if number == 5 else "yes" if number % 10 == 0 else "no"
        tables["tickets"].append(f"T{number},{day}T08:00:00,{day}T09:30:00,{day}T16:00:00,{escalated}")
    for name, lines in tables.items():
        (directory / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory, sample_build: Build) -> Build:
    """The company without settings, by the SQL of the sample's build; test_sources_run.py has one by dbt."""
    directory = tmp_path_factory.mktemp("stranger")
    raw_dir = write_company(directory / "exports")
    result = build_compiled(sample_build, directory / "output", "--raw-dir", raw_dir)
    assert result.status == 0, result.all_output
    return result


def ask(built: Build, query: str) -> list[tuple]:
    with duckdb.connect(built.published, read_only=True) as marts:
        return marts.execute(query).fetchall()


def texts_that_are(built: Build, condition: str) -> list[str]:
    """The published text columns with a value that meets a condition."""
    # One connection for all of them: to open the file takes longest.
    with duckdb.connect(built.published, read_only=True) as marts:
        columns = marts.execute(
            "select table_name, column_name from duckdb_columns()"
            " where schema_name = 'marts' and data_type = 'VARCHAR'"
        ).fetchall()
        assert len(columns) > 100
        return [
            f"{table}.{column}"
            for table, column in columns
            if marts.execute(f"from marts.{table} where {column} {condition} limit 1").fetchall()
        ]


def test_there_is_no_goal_no_before_and_after_no_project_and_no_profile(stranger):
    for table in ("kpi_evaluation", "kpi_target_status", "fct_crm_projects"):
        assert ask(stranger, f"select count(*) from marts.{table}") == [(0,)], table
    grains = {grain for (grain,) in ask(stranger, "select distinct period_grain from marts.kpi_values")}
    assert grains == {"week", "month", "quarter", "year", "all"}
    values = dict(ask(stranger, "select kpi_id, count(kpi_value) from marts.kpi_values group by kpi_id"))
    assert {kpi for kpi in NEEDS_SETTINGS if values.get(kpi)} == set()
    # What needs no settings is there.
    assert all(values[kpi] for kpi in ("close_rate", "won_revenue", "resolution_hours", "leads_created"))


def test_the_coverage_names_the_settings_that_are_missing(stranger):
    listed = ", ".join(f"'{kpi_id}'" for kpi_id in NEEDS_SETTINGS)
    lacking = f"select kpi_id, missing_columns from marts.kpi_coverage where kpi_id in ({listed})"
    assert dict(ask(stranger, lacking)) == NEEDS_SETTINGS
    page = (stranger.output / "report.en.html").read_text(encoding="utf-8")
    for needs in NEEDS_SETTINGS.values():
        assert needs in page


def test_the_run_says_what_holds_by_default(stranger):
    assert (
        "No settings directory. By default: days in UTC, money in EUR, no named periods, no before and after,"
        in stranger.stdout
    )


def test_no_name_of_the_samples_reaches_other_data(stranger):
    names = {
        value
        for table, rows in read_settings(SAMPLE_SETTINGS).rows.items()
        if table in ("named_periods", "evaluations", "kpi_targets", "crm_projects", "holidays")
        for row in rows
        for column, value in row.values.items()
        if isinstance(value, str) and column not in ("kpi_id", "kind", "segment_by", "segment")
    }
    assert {"CRM introduction", "before the CRM", "after the CRM", "close_rate_2025"} <= names
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    assert texts_that_are(stranger, f"in ({listed})") == []
    for page in stranger.output.glob("report.*.html"):
        text = page.read_text(encoding="utf-8")
        assert [name for name in names | {"Schedule overrun: 47"} if name in text] == [], page.name


OWN_COLUMNS = """raw_table,column_name,data_type,published_as,label_en,label_de,is_personal,kpis
deals,sales_region,,,Sales region,Vertriebsgebiet,no,deals_won|win_rate|sales_cycle_days_median
deals,discount,decimal,,Discount,Rabatt,,
deals,buyer,text,,Buyer,Einkäufer,yes,
tickets,escalated,boolean,,Escalated,Eskaliert,,tickets_created|ticket_backlog
users,office,,sales_office,Office,Büro,,deals_created
"""
AS_OF = "2025-01-09"
OWN_NAMES = "('sales_region', 'discount', 'buyer', 'escalated', 'sales_office')"


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory, stranger: Build) -> Build:
    """The same company with settings of its own, as of the day after its last one, by dbt."""
    directory = tmp_path_factory.mktemp("configured")
    settings = directory / "settings"
    settings.mkdir()
    periods = "period_name,starts_on,ends_on\nalt,2023-01-01,2023-12-31\nneu,2024-01-01,2024-12-31\n"
    (settings / "named_periods.csv").write_text(periods, encoding="utf-8")
    evaluations = "evaluation_name,baseline_period,current_period\nVertrieb 2024,alt,neu\n"
    (settings / "evaluations.csv").write_text(evaluations, encoding="utf-8")
    keys = (
        "reporting_currency: CHF\nfiscal_year_starts_in: 4\nreport_language: de\n"
        'company_name: "Müller\'s <Söhne>"\nheadline_kpis: [deals_won, close_rate]\n'
        # As the sample, whose SQL that of the other one is.
        "publish_personal_columns: [users.name]\n"
    )
    (settings / "settings.yml").write_text(keys, encoding="utf-8")
    (settings / "own_columns.csv").write_text(OWN_COLUMNS, encoding="utf-8")
    raw_dir = stranger.output.parent / "exports"
    arguments = ("--raw-dir", raw_dir, "--settings", settings, "--as-of", AS_OF)
    built = build(directory / "output", *arguments)
    assert built.status == 0, built.all_output
    return built


def test_pictures_of_a_quarter_show_a_fiscal_one(configured):
    page = (configured.output / "report.de.html").read_text(encoding="utf-8")
    for figure in ("funnel", "resolution-time"):
        note = re.search(rf'id="{figure}".*?<p class="note">(.*?)</p>', page, re.DOTALL)
        # The company ends in January 2025: the last fiscal quarter that is over began in October 2024.
        assert note
        assert "Q3\xa0GJ\xa02025" in note[1], note[1]


def test_with_settings_the_evaluations_are_theirs_and_no_others(configured, stranger):
    built = configured
    assert ask(built, "select cast(as_of as varchar) from marts.runs") == [(AS_OF,)]
    found = "select distinct evaluation_name, baseline_period, current_period from marts.kpi_evaluation"
    assert ask(built, found) == [("Vertrieb 2024", "alt", "neu")]
    assert ask(built, "select reporting_currency from marts.reporting_settings") == [("CHF",)]
    assert str(built.output / "report.de.html") in built.stdout
    page = (built.output / "report.de.html").read_text(encoding="utf-8")
    assert '<bdi class="company">Müller&#39;s &lt;Söhne&gt;</bdi>' in page
    tiles = re.findall(r'<article class="tile"[^>]*>\s*<h3><a href="#kpi-(\w+)"', page)
    assert tiles == ["deals_won", "close_rate"]
    # Of the 240 deals, 122 are of 2023: every third day from 2 January on.
    created = (
        "select kpi_value from marts.kpi_values"
        " where kpi_id = 'deals_created' and period_name = 'alt' and segment_by = 'all'"
    )
    assert ask(built, created) == [(122,)]
    # Fiscal years beside calendar years: FY2024 is April 2023 to March 2024.
    fiscal = (
        "select period_name, cast(period_start as varchar), cast(period_end as varchar)"
        " from marts.kpi_values where kpi_id = 'deals_created' and segment_by = 'all'"
        " and period_grain = 'fiscal_year' order by period_start"
    )
    assert ask(built, fiscal) == [
        ("FY2023", "2022-04-01", "2023-03-31"),
        ("FY2024", "2023-04-01", "2024-03-31"),
        ("FY2025", "2024-04-01", "2025-03-31"),
    ]
    # Its quarters start in calendar quarters, so both have the same values.
    quarters = (
        "select kpi_id, segment_by, segment, period_start, kpi_value, interval_low from marts.kpi_values"
        " where period_grain = '{}'"
    )
    one, other = quarters.format("quarter"), quarters.format("fiscal_quarter")
    assert ask(built, f"{other} limit 1")
    assert not ask(built, f"({one} except {other}) union all ({other} except {one})")
    compared = "select distinct period_grain from marts.kpi_scorecard where comparison = 'year before'"
    assert {grain for (grain,) in ask(built, compared)} >= {"quarter", "fiscal_quarter"}
    choice = 'name="grain" value="fiscal_quarter"'
    assert choice in (built.output / "report.en.html").read_text(encoding="utf-8")
    assert choice not in (stranger.output / "report.en.html").read_text(encoding="utf-8")


# Own columns


def totals_by(built: Build, kpi_id: str, dimension: str) -> dict[str, float]:
    return dict(
        ask(
            built,
            f"select segment, kpi_value from marts.kpi_values where kpi_id = '{kpi_id}'"
            f" and segment_by = '{dimension}' and period_grain = 'all'",
        )
    )


def test_kpis_are_split_by_own_columns_and_no_others_are(configured):
    # Deal n is of Nord for n % 5 = 0, of Süd for 1 and 2, of none for 3. A third of each is lost.
    won = totals_by(configured, "deals_won", "sales_region")
    assert won == {"Nord": 32, "Süd": 64, "(none)": 32, "O'st": 32}
    assert totals_by(configured, "win_rate", "sales_region")["Süd"] == pytest.approx(64 / 96)
    assert set(totals_by(configured, "sales_cycle_days_median", "sales_region").values()) == {20}
    # Every tenth of 240 tickets, and one of which nobody knows.
    escalated = totals_by(configured, "tickets_created", "escalated")
    assert escalated == {"true": 24, "false": 215, "(none)": 1}
    # Each owner has 60 of the deals. Two sit in Berlin, one nowhere, and one is no user.
    offices = totals_by(configured, "deals_created", "sales_office")
    assert offices == {"Berlin": 120, "(none)": 60, "(unknown)": 60}
    split = f"select distinct kpi_id, segment_by from marts.kpi_values where segment_by in {OWN_NAMES}"
    assert set(ask(configured, split)) == {
        ("deals_won", "sales_region"),
        ("win_rate", "sales_region"),
        ("sales_cycle_days_median", "sales_region"),
        ("tickets_created", "escalated"),
        ("ticket_backlog", "escalated"),
        ("deals_created", "sales_office"),
    }


def test_own_columns_are_published_typed_and_with_a_comment(configured):
    columns = ask(
        configured,
        "select table_name, column_name, data_type from duckdb_columns()"
        f" where column_name in {OWN_NAMES} and table_name in ('fct_deals', 'fct_tickets', 'dim_users')"
        " order by column_name, table_name",
    )
    assert columns == [
        ("fct_deals", "discount", "DECIMAL(18,4)"),
        ("fct_tickets", "escalated", "VARCHAR"),
        ("dim_users", "sales_office", "VARCHAR"),
        ("fct_deals", "sales_office", "VARCHAR"),
        ("fct_tickets", "sales_office", "VARCHAR"),
        ("fct_deals", "sales_region", "VARCHAR"),
    ]
    comment = "select comment from duckdb_columns() where column_name = 'discount'"
    assert ask(configured, comment) == [("Discount. Own column deals.discount.",)]
    # 80 deals each with 0.5, 1.5 and 2.5, but D7, whose 1.5 is no number.
    assert ask(configured, "select sum(discount), count(discount) from marts.fct_deals") == [
        (80 * 0.5 + 79 * 1.5 + 80 * 2.5, 239)
    ]


def test_bad_values_of_own_columns_are_counted(configured):
    rejected = (
        "select raw_table, row_number, column_name, reason, raw_value from marts.rejected_records"
        f" where column_name in {OWN_NAMES} order by raw_table"
    )
    assert ask(configured, rejected) == [
        ("deals", 9, "discount", "invalid_value", "viel"),
        ("tickets", 7, "escalated", "invalid_value", "vielleicht"),
    ]


def test_a_personal_own_column_stays_in_staging(configured):
    with configured.connect() as warehouse:
        buyer = "select buyer from stg_deals where deal_id = 'D3'"
        assert warehouse.execute(buyer).fetchall() == [("Frau Muster-3",)]
    assert texts_that_are(configured, "like 'Frau Muster%'") == []
    assert texts_that_are(configured, "= 'Nord'") != []
    for page in configured.output.glob("report.*.html"):
        assert "Frau Muster" not in page.read_text(encoding="utf-8")


def test_the_report_calls_own_dimensions_by_their_labels(configured):
    page = (configured.output / "report.de.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="report-data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["texts"]["dimensions"]["sales_region"] == "Vertriebsgebiet"


def test_another_dimension_makes_no_other_definition_of_a_measure(configured, stranger):
    definition = "select sql_sha256 from marts.measure_definitions where measure = 'tickets_created'"
    assert ask(configured, definition) == ask(stranger, definition) != []


def test_without_a_row_the_run_names_the_columns_that_it_does_not_read(stranger):
    assert "deals.csv: no column of the contract, not read: Sales_Region, discount, buyer." in stranger.stderr
