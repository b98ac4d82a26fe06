"""Values are data: what SQL, Jinja and HTML would take for code changes no number and is shown as it came."""

from __future__ import annotations

from pathlib import Path

import pytest
from crm_kpis.sql import quote_text
from pipeline import CONTRACT, SAMPLE_DIR, csv_path, kpi_rows, read_csv, staging_contradictions, write_csv

pytestmark = pytest.mark.slow

# Begins with a letter's lower neighbour, so that keys sort as before.
HOSTILE = (
    """'; drop table main.kpi_values; -- "{{ 1 / 0 }}{% raw %}{# </script><script>alert(1)</script>\\' | %s"""
)
# Words that mean something to the models, or that the seeds pipeline_stages and ideal_customer_profile name.
WORDS = {
    *(("orders", "status"), ("tickets", "status"), ("deals", "pipeline"), ("deals", "stage")),
    *(("deal_stages", "stage"), ("leads", "industry"), ("leads", "country")),
}
TEXTS = {
    (table.name, column.name)
    for table in CONTRACT.values()
    for column in table.columns
    if column.data_type == "text" and not column.accepts and column.name != "currency"
} - WORDS


@pytest.fixture(scope="module")
def hostile_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, in which each text that means nothing to the models ends in code; keys still match."""
    directory = tmp_path_factory.mktemp("hostile")
    for table in CONTRACT:
        file = read_csv(csv_path(SAMPLE_DIR, table))
        rows = [
            [
                value.strip() + HOSTILE if value.strip() and (table, column) in TEXTS else value
                for column, value in zip(file.header, fields, strict=True)
            ]
            for fields in file.rows.values()
        ]
        write_csv(directory / f"{table}.csv", file.header, rows)
    return directory


def test_code_in_every_text_changes_no_number(compiled, hostile_dir, sample_warehouse):
    with compiled.run(hostile_dir) as warehouse:
        assert staging_contradictions(hostile_dir, warehouse) == []
        assert compiled.failed_data_tests(warehouse) == {}
        (names,) = warehouse.execute(
            "select count(*) from main.stg_users where name not like '%' || ?", [HOSTILE]
        ).fetchall()[0]
        assert names == 0
        plain = f"replace(segment, {quote_text(HOSTILE)}, '')"
        values = f"select * replace ({plain} as segment) from main.kpi_values"
        hostile = kpi_rows(warehouse, values)
        segments = warehouse.execute(
            "select distinct segment_by from main.kpi_values where segment like '%' || ?", [HOSTILE]
        ).fetchall()
    assert len(segments) >= 10  # owners, teams, sources and so on
    assert hostile == kpi_rows(sample_warehouse)
