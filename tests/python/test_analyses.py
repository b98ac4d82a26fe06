"""Each analysis runs on the sample and says what the marts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from crm_kpis.raw.contract import PROJECT_DIR
from pipeline import Build, dbt_compile

Row = dict[str, Any]


@pytest.fixture(scope="module")
def show(sample_build: Build, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Row]]:
    """The rows of an analysis; dbt compiles all of them once."""
    target = dbt_compile(tmp_path_factory.mktemp("analyses"), "path:analyses")

    def rows(analysis: str) -> list[Row]:
        query = (target / "compiled" / "crm_kpis" / "analyses" / f"{analysis}.sql").read_text("utf-8")
        with sample_build.connect() as connection:
            found = connection.execute(query)
            names = [column[0] for column in found.description]
            return [dict(zip(names, values, strict=True)) for values in found.fetchall()]

    return rows


def test_every_analysis_is_tested() -> None:
    assert {path.stem for path in (PROJECT_DIR / "analyses").glob("*.sql")} == {"lead_sources", "rejections"}


def test_lead_sources_add_up_to_the_total_of_the_last_complete_year(show, sample_warehouse) -> None:
    sources = show("lead_sources")
    total = sample_warehouse.execute(
        "select denominator, numerator from kpi_values where kpi_id = 'lead_conversion_rate'"
        " and period_name = '2025' and segment_by = 'all'"
    ).fetchone()
    assert (sum(row["leads"] for row in sources), sum(row["customers"] for row in sources)) == total
    rates = [row["conversion_rate"] for row in sources]
    assert len(rates) > 3
    assert rates == sorted(rates, reverse=True)


def test_rejections_are_those_that_were_counted(show, sample_warehouse) -> None:
    rejections = show("rejections")
    counted = sample_warehouse.execute(
        "select sum(rows_rejected) + sum(values_rejected) from raw_row_counts"
    ).fetchone()
    assert (sum(row["rejections"] for row in rejections),) == counted
    shares = [row["share_of_rows"] for row in rejections]
    assert shares == sorted(shares, reverse=True)
