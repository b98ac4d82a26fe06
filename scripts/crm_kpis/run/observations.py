"""What a build read and computed, counted, for the gate to judge and the next runs to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from crm_kpis.published.connect import FILE_NAME, OFFLINE, readable
from crm_kpis.published.measure_hashes import hash_measures
from crm_kpis.published.statistics import ColumnCount, KpiTotal, Statistics, TableCount
from crm_kpis.raw.contract import read_contract
from crm_kpis.sql import quote_text

_COLUMN_COUNTS = """
select
    counts.raw_table,
    counts.column_name,
    counts.rows_filled,
    coalesce(rejected.values_rejected, 0) as values_rejected
from warehouse.main.raw_column_counts as counts
left join (
    select raw_table, column_name, count(*) as values_rejected
    from warehouse.main.rejected_values
    group by raw_table, column_name
) as rejected
    on counts.raw_table = rejected.raw_table and counts.column_name = rejected.column_name
where counts.accepted_value is null
order by counts.raw_table, counts.column_name
"""
_KPI_TOTALS = """
select
    catalogue.kpi_id,
    count(kpi_values.kpi_id) as kpi_rows,
    max(kpi_values.kpi_value)
        filter (kpi_values.period_grain = 'all' and kpi_values.segment_by = 'all') as total_value
from warehouse.main.kpi_catalogue as catalogue
left join warehouse.main.kpi_values as kpi_values on catalogue.kpi_id = kpi_values.kpi_id
group by catalogue.kpi_id
order by catalogue.kpi_id
"""
# Months that were over at the last publication, and are at this as_of. One that is gone has moved to 0.
_MOVES = """
with

before_run as (
    select kpi_id, period_name, kpi_value, sample_size
    from kpis.marts.kpi_values
    where
        segment_by = 'all' and period_grain = 'month' and is_complete and kpi_value is not null
        and period_end <= (select as_of from warehouse.main.reporting_window)
),

after_run as (
    select kpi_id, period_name, kpi_value
    from warehouse.main.kpi_values
    where segment_by = 'all' and period_grain = 'month'
),

compared as (
    select
        before_run.kpi_id,
        before_run.period_name,
        before_run.sample_size,
        before_run.kpi_value as value_before,
        coalesce(after_run.kpi_value, 0) as value_after
    from before_run
    left join after_run
        on before_run.kpi_id = after_run.kpi_id and before_run.period_name = after_run.period_name
)

select
    kpi_id,
    sum(abs(value_after - value_before)) / sum(abs(value_before)) as share_moved,
    cast(sum(sample_size) as bigint) as sample_size,
    list(
        struct_pack(
            period_name := period_name, value_before := value_before, value_after := value_after
        )
        order by abs(value_after - value_before) desc, period_name
    )[:3] as largest
from compared
group by kpi_id
having sum(abs(value_before)) > 0
order by kpi_id
"""


@dataclass(frozen=True)
class Move:
    """How far the closed months of a KPI moved since the last publication.

    Attributes:
        share: The sum of the absolute differences by the sum of the absolute values.
        sample_size: How many things the values rested on, all months together.
        largest: The months that moved most: name, value before, value after.
        is_redefined: Whether the KPI is computed in another way than then.
    """

    share: float
    sample_size: int
    largest: tuple[tuple[str, float, float], ...]
    is_redefined: bool


@dataclass(frozen=True)
class Observations:
    """What a run is judged by.

    Attributes:
        statistics: What the run keeps of itself.
        moves: The moves of closed months by KPI; empty where nothing is published.
        as_of: The last day that counts.
        events_left_out: Events after the day of the run.
        latest_left_out: Where the latest of them is, such as deals.closed_at, row 12: 2062-03-01.
    """

    statistics: Statistics
    moves: dict[str, Move] = field(default_factory=dict)
    as_of: date | None = None
    events_left_out: int = 0
    latest_left_out: str | None = None


def observe(warehouse: Path, manifest: Path, output: Path, run_id: str) -> Observations:
    """Count what a build read and computed.

    Args:
        warehouse: The DuckDB file that was built as a whole.
        manifest: The manifest.json of the build.
        output: The directory of the published file, which need not be there.
        run_id: The run that is observed.
    """
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute(f"attach {quote_text(str(warehouse))} as warehouse (read_only)")
        moves = _find_moves(connection, manifest, output / FILE_NAME)
        tables = connection.execute(
            "select raw_table, rows_read, rows_staged, rows_rejected, values_rejected"
            " from warehouse.main.raw_row_counts order by raw_table"
        ).fetchall()
        unmatched = _count_unmatched_keys(connection)
        columns = connection.execute(_COLUMN_COUNTS).fetchall()
        kpis = connection.execute(_KPI_TOTALS).fetchall()
        window = connection.execute(
            "select as_of, events_left_out, latest_left_out from warehouse.main.reporting_window"
        ).fetchone()
    statistics = Statistics(
        tuple(TableCount(run_id, *row) for row in tables),
        tuple(
            ColumnCount(run_id, table, column, filled, rejected, unmatched.get((table, column)))
            for table, column, filled, rejected in columns
        ),
        tuple(
            KpiTotal(run_id, kpi_id, rows, total, moves[kpi_id].share if kpi_id in moves else None)
            for kpi_id, rows, total in kpis
        ),
    )
    return Observations(statistics, moves, *(window or (None, 0, None)))


def _count_unmatched_keys(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    keys = {table.name: table.key[0] for table in read_contract()}
    counts = {}
    for table in read_contract():
        for column in table.columns:
            if column.references:
                # A query for each key: DuckDB plans one of all of them in five times the time.
                rows = connection.execute(
                    f"select count(*) from warehouse.main.stg_{table.name} as rows_of"
                    f" where {column.name} is not null and not exists (select 1 from"
                    f" warehouse.main.stg_{column.references}"
                    f" as held where held.{keys[column.references]} = rows_of.{column.name})"
                ).fetchall()
                counts[table.name, column.name] = rows[0][0]
    return counts


def _find_moves(connection: duckdb.DuckDBPyConnection, manifest: Path, published: Path) -> dict[str, Move]:
    if not published.exists():
        return {}
    with readable(published) as path:
        connection.execute(f"attach {quote_text(str(path))} as kpis (read_only)")
        try:
            rows = connection.execute(_MOVES).fetchall()
            before = dict(connection.execute("from kpis.marts.measure_definitions").fetchall())
        except (duckdb.CatalogException, duckdb.BinderException):
            return {}  # another version published it
        finally:
            connection.execute("detach kpis")
    now = dict(hash_measures(connection, manifest))
    measures = connection.execute(
        "select kpi_id, unnest([numerator, denominator]) as measure from warehouse.main.kpi_catalogue"
    ).fetchall()
    redefined = {
        kpi_id
        for kpi_id, measure in measures
        if measure in before and measure in now and before[measure] != now[measure]
    }
    return {
        kpi_id: Move(
            share,
            sample_size or 0,
            tuple((move["period_name"], move["value_before"], move["value_after"]) for move in largest),
            kpi_id in redefined,
        )
        for kpi_id, share, sample_size, largest in rows
    }
