"""Each KPI of the sample agrees with a second computation, written from the words of the catalogue alone."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl
import pytest
from independent import CELL, compute
from pipeline import PROJECT_DIR, SAMPLE_DIR

# Money is rounded to four digits, and a tie may go either way.
RELATIVE = 2e-9
KEY = ["kpi_id", *CELL]
VALUES = ["numerator", "denominator", "kpi_value"]


def normalised(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of kpi_values as they are compared.

    'all' starts nowhere. Where nothing happened the total of a count has a row; a ratio or a segment may have
    one or not.
    """
    nothing = pl.all_horizontal(pl.col(VALUES).fill_null(0) == 0)
    start = pl.when(pl.col("period_grain") == "all").then(date(1970, 1, 1)).otherwise(pl.col("period_start"))
    return (
        frame.filter(((pl.col("segment_by") == "all") & pl.col("denominator").is_null()) | ~nothing)
        .with_columns(start.alias("period_start"))
        .select(KEY + VALUES)
    )


def read_built(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The KPI values of a build, of the catalogue's KPIs."""
    columns = [*KEY, *VALUES]
    grains = "period_grain in ('month', 'quarter', 'year', 'all')"
    rows = connection.execute(f"select {', '.join(columns)} from main.kpi_values where {grains}").fetchall()
    schema = dict.fromkeys(columns, pl.String) | {"period_start": pl.Date} | dict.fromkeys(VALUES, pl.Float64)
    return normalised(pl.DataFrame(rows, schema=schema, orient="row"))


def differences(built: pl.DataFrame, independent: pl.DataFrame) -> pl.DataFrame:
    """Rows that only one of the two has, or that differ in a value."""
    joined = built.with_columns(in_built=True).join(
        independent.with_columns(in_check=True), on=KEY, how="full", coalesce=True, suffix="_check"
    )
    one_sided = pl.col("in_built").is_null() | pl.col("in_check").is_null()
    return joined.filter(
        one_sided | pl.any_horizontal(_differ(pl.col(v), pl.col(f"{v}_check")) for v in VALUES)
    ).sort(KEY)


def _differ(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    far = (a - b).abs() > RELATIVE * pl.max_horizontal(a.abs(), b.abs())
    return (a.is_null() != b.is_null()) | far.fill_null(value=False)


@pytest.fixture(scope="module")
def frames(sample_build) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was built, and what the second computation has for the same KPIs and segment dimensions."""
    with duckdb.connect(sample_build.warehouse, read_only=True) as connection:
        built = read_built(connection)
    return built, normalised(compute(SAMPLE_DIR, PROJECT_DIR))


def in_both(built: pl.DataFrame, check: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of the KPIs and segment dimensions that both have."""
    pair = ["kpi_id", "segment_by"]
    return built.join(check, on=pair, how="semi"), check.join(built, on=pair, how="semi")


def test_every_kpi_has_a_second_computation(frames: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    built, check = frames
    kpis = set(built["kpi_id"])
    assert kpis
    assert not kpis - set(check["kpi_id"]), "add them to independent.py"

    _, compared = in_both(built, check)
    assert not _segmented(built) - _segmented(compared), "compare them by a segment"


def _segmented(frame: pl.DataFrame) -> set[str]:
    return set(frame.filter(pl.col("segment_by") != "all")["kpi_id"])


def test_every_kpi_agrees_with_the_second_computation(frames: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    found = differences(*in_both(*frames))

    with pl.Config(
        tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=30, tbl_formatting="ASCII_MARKDOWN"
    ):
        first = found.group_by("kpi_id", "segment_by", maintain_order=True).first()
        assert not len(found), f"{len(found)} values differ; the first of each:\n{first}"
