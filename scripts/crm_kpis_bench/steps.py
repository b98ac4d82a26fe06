"""What is measured, each in a process of its own: `python -m crm_kpis_bench.steps STEP RAW_DIR OUTPUT`."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import duckdb
from crm_kpis.contract import read_contract
from crm_kpis.raw_directory import quote_text

# The last day of the synthetic company.
AS_OF = date(2026, 6, 30)


def read_all(raw_dir: Path, _output: Path) -> None:
    """Read every column of the contract once: what any computation over the files costs at least."""
    with _connect() as connection:
        for table in read_contract():
            # Without a hash of the values DuckDB would answer from the statistics of the file.
            hashes = ", ".join(f"bit_xor(hash({column.name}))" for column in table.columns)
            path = quote_text(str(raw_dir / f"{table.name}.parquet"))
            connection.execute(f"select {hashes} from {path}").fetchall()


def compute_by_sql(raw_dir: Path, output: Path) -> None:
    """Compute the KPIs of kpis.sql by DuckDB."""
    with _connect() as connection:
        connection.execute(f"copy ({kpi_query(raw_dir)}) to {quote_text(str(output))} (format parquet)")


def compute_by_polars(raw_dir: Path, output: Path) -> None:
    """Compute the same KPIs by polars."""
    from crm_kpis_bench.polars_kpis import compute  # noqa: PLC0415 - the other steps do without polars

    compute(raw_dir, AS_OF).write_parquet(output)


def kpi_query(raw_dir: Path) -> str:
    """The query of kpis.sql on a raw directory."""
    sql = Path(__file__).with_name("kpis.sql").read_text(encoding="utf-8")
    return sql.replace("{raw}", str(raw_dir).replace("'", "''")).replace("{as_of}", AS_OF.isoformat())


def differing_values(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    """Count the KPI values that only one of two relations has, or that differ by more than a billionth."""
    key = "kpi_id, period_grain, period_start, segment_by, segment"
    return connection.execute(
        f"""
        select count(*)
        from {one} as one
        full outer join {other} as other using ({key})
        where (one.kpi_value is null) <> (other.kpi_value is null)
            or abs(one.kpi_value - other.kpi_value) > 1e-9 * abs(one.kpi_value)
        """
    ).fetchall()[0][0]


def same_kpis(kpi_values: str, computed: str) -> str:
    """The query of the project's values of the KPIs, grains and segment dimensions that another way computed.

    The project has rows, too, where nothing happened.
    """
    return f"""
        select kpi_id, period_grain, period_start, segment_by, segment, kpi_value
        from {kpi_values}
        where coalesce(denominator, numerator) <> 0
            and (kpi_id, period_grain, segment_by) in (
                select (kpi_id, period_grain, segment_by) from {computed}
            )
    """


def _connect() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 2, "autoload_known_extensions": False})


STEPS = {"read": read_all, "sql": compute_by_sql, "polars": compute_by_polars}

if __name__ == "__main__":
    STEPS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
