"""Each analysis runs on the sample and says what the marts say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from crm_kpis.raw.contract import PROJECT_DIR

DBT = Path(sys.executable).with_name("dbt")


def show(analysis: str, output: Path) -> list[dict[str, object]]:
    """The rows of an analysis, by `dbt show`."""
    options = ["--limit", "1000", "--output", "json", "--target-path", str(output / "target")]
    done = subprocess.run(
        [DBT, "--quiet", "show", "--select", analysis, *options],
        cwd=PROJECT_DIR,
        env=os.environ | {"CRM_KPIS_OUTPUT": str(output)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["show"]


@pytest.fixture
def output(tmp_path: Path, sample_build) -> Path:
    shutil.copy(sample_build.warehouse, tmp_path / "warehouse.duckdb")
    return tmp_path


def test_every_analysis_is_tested() -> None:
    assert {path.stem for path in (PROJECT_DIR / "analyses").glob("*.sql")} == {"lead_sources", "rejections"}


def test_lead_sources_add_up_to_the_total_of_the_last_complete_year(output: Path) -> None:
    sources = show("lead_sources", output)
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        total = connection.execute(
            "select denominator, numerator from kpi_values where kpi_id = 'lead_conversion_rate'"
            " and period_name = '2025' and segment_by = 'all'"
        ).fetchone()
    assert (sum(row["leads"] for row in sources), sum(row["customers"] for row in sources)) == total
    rates = [row["conversion_rate"] for row in sources]
    assert len(rates) > 3
    assert rates == sorted(rates, reverse=True)


def test_rejections_are_those_that_were_counted(output: Path) -> None:
    rejections = show("rejections", output)
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        counted = connection.execute(
            "select sum(rows_rejected) + sum(values_rejected) from raw_row_counts"
        ).fetchone()
    assert (sum(row["rejections"] for row in rejections),) == counted
    shares = [row["share_of_rows"] for row in rejections]
    assert shares == sorted(shares, reverse=True)
