"""The models of usual changes against a second computation by numpy and scipy, on series made up by week."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from crm_kpis.snapshots.register import register_snapshots
from pipeline import CompiledProject
from scipy import stats
from usual_change import Series, Span, judge

WEEKS = 160
_MONDAY = date(2021, 1, 4)
_MODELS = (
    "period_pairs",
    "comparison_windows",
    "earlier_changes",
    "usual_changes",
    "week_differences",
    "period_comparisons",
    "kpi_evaluation",
)
_METHODS = {
    "win_rate": "proportion",
    "sales_cycle_days": "mean",
    "net_promoter_score": "mean",
    "ad_click_rate": "plain",
    "deals_won": "plain",
}
# The two periods of each evaluation, in weeks.
EVALUATIONS: dict[str, tuple[Span, Span]] = {
    "a quarter and the next": ((134, 147), (147, 160)),
    "a quarter and a year later": ((95, 108), (147, 160)),
    "a month": ((151, 155), (155, 159)),
    "unlike lengths with a gap": ((110, 120), (124, 150)),
    "all there is": ((2, 80), (82, 160)),
    "a year of little history": ((40, 92), (92, 144)),
    "too short": ((3, 12), (12, 21)),
}


def _swings(rng: np.random.Generator, autocorrelation: float) -> np.ndarray:
    """Week effects of an autoregressive process with variance 1."""
    effects = [rng.normal()]
    for _ in range(WEEKS - 1):
        effects.append(autocorrelation * effects[-1] + np.sqrt(1 - autocorrelation**2) * rng.normal())
    return np.array(effects)


def _make_series(seed: int) -> dict[str, Series]:
    """A KPI of each kind. Odd seeds swing; seeds from 4 on drift as well; even ones do neither."""
    rng = np.random.default_rng(seed)
    spread = 0.25 * (seed % 2)
    drift = np.linspace(0, 1.5, WEEKS) if seed >= 4 else np.zeros(WEEKS)
    effects = {kpi: spread * _swings(rng, 0.7) + drift for kpi in _METHODS}
    trials = rng.poisson(40, WEEKS) + 2
    shares = 1 / (1 + np.exp(0.8 - effects["win_rate"]))
    wins = rng.binomial(trials, shares)
    cycles = [
        np.round(rng.gamma(2, 20 * np.exp(effects["sales_cycle_days"][week]), wins[week] + 2))
        for week in range(WEEKS)
    ]
    answers = [
        rng.choice([-100, 0, 100], 30, p=[0.2, 0.3, 0.5]) + round(10 * effects["net_promoter_score"][week])
        for week in range(WEEKS)
    ]
    shown = rng.poisson(5000, WEEKS)

    def sums(samples: list[np.ndarray]) -> Series:
        return Series(
            "mean",
            *(
                np.array([float(part(sample)) for sample in samples])
                for part in (np.sum, len, lambda x: np.sum(x**2))
            ),
        )

    nothing = np.zeros(WEEKS)
    return {
        "win_rate": Series("proportion", wins.astype(float), trials.astype(float), nothing),
        "sales_cycle_days": sums(cycles),
        "net_promoter_score": sums(answers),
        "ad_click_rate": Series(
            "plain", np.round(shown * 0.02 * np.exp(effects["ad_click_rate"])), shown.astype(float), nothing
        ),
        "deals_won": Series(
            "plain",
            np.round(30 * np.exp(effects["deals_won"]) + rng.normal(size=WEEKS)),
            np.full(WEEKS, 7.0),
            nothing,
        ),
    }


def _day(week: int) -> date:
    return _MONDAY + timedelta(weeks=week)


def _value_row(
    kpi: str, series: Series, grain: str, name: str, span: Span, *, segment: str
) -> dict[str, Any]:
    y, n, q = series.sums(span)
    is_total = kpi == "deals_won"
    low = high = error = None
    if series.method == "proportion":
        interval = stats.binomtest(round(y), round(n)).proportion_ci(method="wilson")
        low, high = interval.low, interval.high
    if series.method == "mean":
        error = float(np.sqrt((q - y * y / n) / (n - 1) / n))
    return _period(grain, name, span) | {
        "kpi_id": kpi,
        "is_comparable": True,
        "coverage": "full",
        "segment_by": "all" if segment == "all" else "team",
        "segment": segment,
        "numerator": y,
        "denominator": None if is_total else n,
        "sample_size": round(y if is_total else n),
        "kpi_value": y if is_total else y / n,
        "interval_low": low,
        "interval_high": high,
        "standard_error": error,
    }


def _create(
    connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: list[dict[str, Any]]
) -> None:
    names = [column.split()[0] for column in columns.split(", ")]
    connection.execute(f"create or replace table {table} ({columns})")
    connection.executemany(
        f"insert into {table} values ({', '.join('?' * len(names))})",
        [[row.get(name) for name in names] for row in rows],
    )


_VALUES = (
    "kpi_id varchar, period_grain varchar, period_name varchar, period_start date, period_end date,"
    " is_complete boolean, is_comparable boolean, coverage varchar, segment_by varchar, segment varchar,"
    " numerator double, denominator double, sample_size bigint, kpi_value double, interval_low double,"
    " interval_high double, standard_error double"
)
_EVALUATIONS = (
    "evaluation_name varchar, baseline_period varchar, current_period varchar, baseline_snapshot varchar,"
    " control_segment varchar"
)
_PERIODS = (
    "period_grain varchar, period_name varchar, period_start date, period_end date, is_complete boolean"
)
_SIDES = ("before", "after")


def _period(grain: str, name: str, span: Span) -> dict[str, Any]:
    return {
        "period_grain": grain,
        "period_name": name,
        "period_start": _day(span[0]),
        "period_end": _day(span[1]) - timedelta(days=1),
        "is_complete": True,
    }


def _named() -> list[tuple[str, Span]]:
    return [
        (f"{name}: {side}", span)
        for name, spans in EVALUATIONS.items()
        for side, span in zip(_SIDES, spans, strict=True)
    ]


def evaluate(
    project: CompiledProject, rows: list[dict[str, Any]], control: str | None = None
) -> duckdb.DuckDBPyConnection:
    """Compute kpi_evaluation by the compiled models from rows of kpi_values."""
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as warehouse")
    connection.execute("use warehouse")
    connection.execute("create schema settings")
    register_snapshots(connection, Path("no snapshots"))
    _create(connection, "kpi_values", _VALUES, rows)
    evaluations = [
        {
            "evaluation_name": name,
            "baseline_period": f"{name}: before",
            "current_period": f"{name}: after",
            "control_segment": control,
        }
        for name in EVALUATIONS
    ]
    _create(connection, "settings.evaluations", _EVALUATIONS, evaluations)
    periods = [_period("named", name, span) for name, span in _named()]
    periods += [_period("week", f"w{week}", (week, week + 1)) for week in range(WEEKS)]
    _create(connection, "periods", _PERIODS, periods)
    window = {"first_day": _day(0), "as_of": _day(WEEKS) - timedelta(days=1)}
    _create(connection, "reporting_window", "first_day date, as_of date", [window])
    path = str(project._compiled.warehouse)
    connection.execute(f"attach '{path}' as built (read_only)")
    connection.execute("create table main.kpi_catalogue as from built.main.kpi_catalogue")
    for name in _MODELS:
        model = project.models[name]
        connection.execute(f"create table {model.relation} as {model.sql}")
    return connection


def _rows(series: dict[str, Series], segment: str = "all") -> list[dict[str, Any]]:
    spans = [("week", f"w{week}", (week, week + 1)) for week in range(WEEKS)]
    spans += [("named", name, span) for name, span in _named()]
    return [_value_row(kpi, sums, *span, segment=segment) for kpi, sums in series.items() for span in spans]


def _found(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str], dict[str, Any]]:
    cursor = connection.execute("from main.kpi_evaluation")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {(row["evaluation_name"], row["kpi_id"], row["segment"]): row for row in rows}


@pytest.fixture(scope="module", params=range(6))
def judged(request, compiled):
    series = _make_series(request.param)
    with evaluate(compiled, _rows(series)) as connection:
        return series, _found(connection)


def _assert_near(found: float | None, expected: float | None, context: str) -> None:
    if expected is None:
        assert found is None, context
    else:
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), context


@pytest.mark.parametrize("name", EVALUATIONS)
def test_every_number_is_that_of_the_formulas(judged, name):
    series, found = judged
    spans = EVALUATIONS[name]
    for kpi, sums in series.items():
        row, expected = found[name, kpi, "all"], judge(sums, *spans)
        assert row["evidence_basis"] == expected.basis, kpi
        assert row["earlier_comparisons"] == expected.earlier, kpi
        _assert_near(row["p_value_records"], expected.p_records, kpi)
        _assert_near(row["p_value"], expected.p_value, kpi)
        _assert_near(row["degrees_of_freedom"], expected.degrees, kpi)
        # Totals are compared per day, and shown for a period as long as the current one.
        scale = 7.0 * (spans[1][1] - spans[1][0]) if kpi == "deals_won" else 1.0
        _assert_near(row["difference"] / scale, expected.difference, kpi)
        for column, number in (
            ("difference_low", expected.low),
            ("difference_high", expected.high),
            ("usual_change", expected.usual_change),
        ):
            _assert_near(None if row[column] is None else row[column] / scale, number, f"{kpi} {column}")


def test_a_claim_without_history_is_probable_unless_it_was_moving_already(judged):
    series, found = judged
    for (name, kpi, _), row in found.items():
        expected = judge(series[kpi], *EVALUATIONS[name])
        if row["verdict"] in ("improved", "worsened"):
            assert expected.basis == "usual changes"
        if row["verdict"] in ("probably improved", "probably worsened"):
            assert (expected.basis, expected.moving) == ("swings within the periods", False)
        if row["verdict"] == "as it was already doing":
            assert (expected.basis, expected.moving) == ("swings within the periods", True)
        if expected.basis == "too few weeks":
            assert row["verdict"] == "too few weeks"


def _join(one: dict[str, Series], other: dict[str, Series], sign: int) -> dict[str, Series]:
    return {
        kpi: Series(
            sums.method,
            sums.numerator + sign * other[kpi].numerator,
            # A total's days are those of both.
            sums.denominator + (0 if kpi == "deals_won" else sign * other[kpi].denominator),
            sums.squares + sign * other[kpi].squares,
        )
        for kpi, sums in one.items()
    }


def test_a_control_takes_off_what_changed_without_a_cause(compiled):
    """The difference of differences, at each date: of the total without the control, and of another team."""
    treated, control = _make_series(1), _make_series(3)
    rows = _rows(_join(treated, control, 1)) + _rows(treated, "south") + _rows(control, "north")
    with evaluate(compiled, rows, control="team=north") as connection:
        found = _found(connection)
    name, (before, after) = "a month", EVALUATIONS["a month"]
    step = 4
    for kpi, sums in treated.items():
        scale = 7.0 * 4 if kpi == "deals_won" else 1.0
        for segment in ("all", "south"):
            row = found[name, kpi, segment]
            changes = []
            for back in range(0, before[0] + 1, step):
                values = [
                    y / n
                    for part in (sums, control[kpi])
                    for span in (before, after)
                    for y, n, _ in [part.sums((span[0] - back, span[1] - back))]
                ]
                changes.append(values[1] - values[0] - values[3] + values[2])
            _assert_near(row["difference"] / scale, changes[0], f"{kpi} {segment}")
            usual = float(np.sqrt(np.mean(np.square(changes[1:]))))
            _assert_near(row["usual_change"] / scale, usual, f"{kpi} {segment}")
            assert row["earlier_comparisons"] == len(changes) - 1
            assert row["control_segment"] == "team=north"
        assert found[name, kpi, "north"]["control_segment"] is None
    # With a control only earlier comparisons judge, and three of them are the least.
    for kpi in treated:
        row = found["a year of little history", kpi, "all"]
        assert (row["earlier_comparisons"], row["verdict"]) == (0, "too few weeks"), kpi
