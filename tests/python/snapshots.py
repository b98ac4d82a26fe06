"""Hand-made published marts, from which snapshots are taken.

As a command: `python snapshots.py <output> <name>` replaces a snapshot again and again, until it is killed.
"""

from __future__ import annotations

import calendar
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from crm_kpis.published.connect import FILE_NAME
from crm_kpis.snapshots.take import take_snapshot
from crm_kpis.sql import quote_text

AS_OF = date(2026, 6, 30)
_VALUE_TYPES = {
    **dict.fromkeys(("kpi_id", "period_grain", "period_name"), "varchar"),
    **dict.fromkeys(("period_start", "period_end"), "date"),
    "is_complete": "boolean",
    **dict.fromkeys(("segment_by", "segment"), "varchar"),
    **dict.fromkeys(("numerator", "denominator"), "double"),
    "sample_size": "bigint",
    **dict.fromkeys(("kpi_value", "standard_error", "interval_low", "interval_high"), "double"),
}
_KPI_TYPES = {
    **dict.fromkeys(("kpi_id", "label_en", "unit", "good", "aggregation", "numerator"), "varchar"),
    **dict.fromkeys(("denominator", "squares", "sample_measure"), "varchar"),
    "per_unit": "bigint",
    **dict.fromkeys(("interval_method", "dated_by", "segments", "formula_en"), "varchar"),
}
_RATE = {
    "kpi_id": "close_rate",
    "label_en": "Close rate",
    "unit": "ratio",
    "good": "up",
    "aggregation": "ratio",
    "numerator": "deals_won",
    "denominator": "deals_created",
    "per_unit": 1,
    "interval_method": "wilson",
    "dated_by": "deal created",
    "segments": "owner",
    "formula_en": "deals won / deals created",
}


def kpi(kpi_id: str = "close_rate", **parts: Any) -> dict[str, Any]:
    """A row of the catalogue."""
    return _RATE | {"kpi_id": kpi_id} | parts


def total(kpi_id: str, **parts: Any) -> dict[str, Any]:
    """A row of the catalogue for a KPI that counts."""
    counted = {"unit": "count", "aggregation": "total", "numerator": kpi_id, "denominator": None}
    return kpi(kpi_id, **counted, interval_method="none", formula_en=f"number of {kpi_id}") | parts


def value(
    kpi_value: float | None, kpi_id: str = "close_rate", month: str = "2026-05", **columns: Any
) -> dict[str, Any]:
    """A row of kpi_values: of a month and the total, unless columns say otherwise."""
    year, number = map(int, month.split("-"))
    return {
        "kpi_id": kpi_id,
        "period_grain": "month",
        "period_name": month,
        "period_start": date(year, number, 1),
        "period_end": date(year, number, calendar.monthrange(year, number)[1]),
        "is_complete": True,
        "segment_by": "all",
        "segment": "all",
        "sample_size": 10,
        "kpi_value": kpi_value,
    } | columns


def publish_marts(
    output: Path,
    values: Iterable[dict[str, Any]],
    catalogue: Iterable[dict[str, Any]] | None = None,
    as_of: date = AS_OF,
    measures: dict[str, str] | None = None,
) -> None:
    """Write a published file, in place of the one that is there.

    Args:
        output: The output directory.
        values: The rows of kpi_values; one of the period 'all', which ends with as_of, is added.
        catalogue: The rows of kpi_catalogue; None: close_rate.
        as_of: The last day that counts.
        measures: The hash of the SQL of each measure; None: they are not published.
    """
    output.mkdir(exist_ok=True)
    everything = {"period_grain": "all", "period_name": "all", "period_start": date(2023, 1, 1)}
    rows = [*values, value(0.5) | everything | {"period_end": as_of}]
    path = output / FILE_NAME
    path.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {quote_text(str(path))} as kpis (storage_version 'v1.0.0')")
        connection.execute("create schema kpis.marts")
        _create(connection, "kpi_values", _VALUE_TYPES, rows)
        _create(connection, "kpi_catalogue", _KPI_TYPES, list(catalogue or [kpi()]))
        connection.execute(
            "create table kpis.marts.raw_row_counts as select * from (values ('deals', 607, 600, 7, 4))"
            " as counts (raw_table, rows_read, rows_staged, rows_rejected, values_rejected)"
        )
        if measures is not None:
            types = {"measure": "varchar", "sql_sha256": "varchar"}
            named = [{"measure": name, "sql_sha256": digest} for name, digest in measures.items()]
            _create(connection, "measure_definitions", types, named)


def _create(
    connection: duckdb.DuckDBPyConnection, table: str, types: dict[str, str], rows: list[dict[str, Any]]
) -> None:
    columns = ", ".join(f"{name} {data_type}" for name, data_type in types.items())
    connection.execute(f"create table kpis.marts.{table} ({columns})")
    # Row by row it would take minutes.
    by_column = [[row.get(name) for row in rows] for name in types]
    selected = ", ".join(f"cast(unnest(?) as {data_type})" for data_type in types.values())
    connection.execute(f"insert into kpis.marts.{table} select {selected}", by_column)


def replace_often(output: str, name: str) -> None:
    """Replace a snapshot until the process is killed; a line tells that the first is there."""
    while True:
        take_snapshot(Path(output), name, replace=True)
        print("taken", flush=True)


if __name__ == "__main__":
    replace_often(*sys.argv[1:])
