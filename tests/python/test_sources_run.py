"""A whole run on vendors' tables."""

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from crm_kpis.cli import cli
from crm_kpis.run import steps
from crm_kpis.run.build import WAREHOUSE, BuildError, BuildOptions, BuildResult
from landing import Rows, land, utc


@pytest.mark.slow
def test_a_run_reads_a_vendor_beside_a_raw_directory(
    run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deals: Rows = [
        {
            "id": str(number),
            "createdate": utc("2024-01-10T10:00:00"),
            "closedate": utc("2024-03-05T00:00:00"),
            "dealstage": "closedwon" if number < 3 else "closedlost",
            "pipeline": "default",
            "hubspot_owner_id": "71",
            "amount": 100.0 * number,
            "is_deleted": number == 4,
        }
        for number in (1, 2, 3, 4)
    ]
    pipelines: Rows = [{"id": "default", "label": "Sales", "_dlt_id": "p"}]
    landed = land(tmp_path / "landed", {"deals": deals, "pipelines_deals": pipelines})
    costs = tmp_path / "costs"
    costs.mkdir()
    (costs / "costs.csv").write_text(
        "cost_id,incurred_on,purpose,amount\nc1,2024-03-01,acquisition,50\n", encoding="utf-8"
    )
    output = tmp_path / "output"
    arguments = ["run", "--source", "hubspot", "--landed", str(landed), "--raw-dir", str(costs)]
    result = run_cli(*arguments, "--output", str(output))
    assert result.returncode == 0, result.stderr
    assert "hubspot (dlt) deal         4     3  1 deleted" in result.stdout
    assert "deals of hubspot (dlt)" in result.stdout
    assert "costs.csv" in result.stdout
    with duckdb.connect(output / WAREHOUSE, read_only=True) as connection:
        # Two of three were won: 100 + 200.
        row = connection.execute(
            "select numerator, denominator from kpi_values"
            " where kpi_id = 'win_rate' and period_grain = 'all' and segment_by = 'all'"
        ).fetchone()
        assert row == (2, 3)
        assert connection.execute("select cast(sum(amount) as bigint) from raw.deals").fetchall() == [(600,)]
    # What follows asks only whether there is anything to build.
    monkeypatch.setattr(steps, "build", _refuse)
    again = CliRunner().invoke(cli, [*arguments, "--output", str(output)])
    assert again.exit_code == 0, again.output
    assert "Nothing has changed" in again.output
    land(tmp_path / "landed", {"deals": deals[:1]})
    changed = CliRunner().invoke(cli, [*arguments, "--output", str(output)])
    assert "Nothing has changed" not in changed.output
    assert "a build of hubspot" in changed.output


def _refuse(options: BuildOptions) -> BuildResult:
    raise BuildError(f"a build of {options.raw_name}")
