"""The outlook on customers: its fit against scipy, its days in the past, and data that allow no outlook."""

from __future__ import annotations

import io
import random
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from crm_kpis.published.query import answer
from pipeline import PROJECT_DIR, SAMPLE_DIR, CompiledProject, write_csv
from scipy.optimize import minimize
from scipy.special import gammaln
from statistics_macros import compute

_AS_OF = date(2024, 6, 30)
_ORDERS = ["order_id", "account_id", "ordered_at", "paid_at", "status", "amount"]


def _write_orders(directory: Path, purchases: list[tuple[str, date, float]]) -> Path:
    directory.mkdir()
    rows = [
        [f"o{number}", account, f"{day}T12:00:00", f"{day}T12:00:00", "paid", f"{amount:.2f}"]
        for number, (account, day, amount) in enumerate(purchases)
    ]
    write_csv(directory / "orders.csv", _ORDERS, rows)
    return directory


def _draw_purchases(customers: int, seed: int) -> list[tuple[str, date, float]]:
    """Purchases of customers with rates and chances to stop of their own, over two years."""
    dice, drawn = random.Random(seed), []  # noqa: S311 - nothing here is a secret
    for number in range(customers):
        rate, stop = dice.gammavariate(0.8, 1 / 60), dice.betavariate(0.7, 1.6)
        day = float(dice.randrange(400))
        while day < 730:
            drawn.append((f"a{number}", _AS_OF - timedelta(days=730 - int(day)), dice.uniform(10, 200)))
            if dice.random() < stop:
                break
            day += dice.expovariate(rate)
    return drawn


def _outlook(compiled: CompiledProject, raw_dir: Path, *models: str, as_of: date | None = None):
    return compiled.run(raw_dir, as_of, only=compiled.with_inputs(*models), settings=None)


def _log_likelihood(logarithms: np.ndarray, x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> float:
    """The MBG/NBD likelihood as Batislam, Denizel and Filiztekin (2007) give it."""
    r, alpha, a, b = np.exp(logarithms)
    bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    kept = gammaln(a + b) + gammaln(b + x + 1) - gammaln(b) - gammaln(a + b + x + 1)
    stopped = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x + 1) + np.log(a)
    return float(
        np.logaddexp(
            bought + kept - (r + x) * np.log(alpha + t), bought + stopped - (r + x) * np.log(alpha + t_x)
        ).sum()
    )


def test_the_fit_is_as_likely_as_that_of_scipy(compiled, tmp_path):
    raw_dir = _write_orders(tmp_path / "raw", _draw_purchases(1500, 1))
    with _outlook(compiled, raw_dir, "int_purchase_model") as warehouse:
        rows = warehouse.execute(
            "select repeat_purchases, repeat_days, known_days from int_purchase_histories"
            " where outlook_on = (select as_of from reporting_window)"
        ).fetchnumpy()
        found = warehouse.execute(
            "select ln(shape), ln(rate_days), ln(stop_a), ln(stop_b) from int_purchase_model"
            " order by outlook_on desc limit 1"
        ).fetchall()[0]
    data = [rows[name].astype(float) for name in ("repeat_purchases", "repeat_days", "known_days")]
    best = minimize(lambda point: -_log_likelihood(point, *data), found, method="Nelder-Mead")
    # A difference of 2 is one that chance alone makes between the truth and the best fit.
    assert -best.fun - _log_likelihood(np.array(found), *data) < 0.5


def test_log_gamma_of_other_engines_is_that_of_scipy():
    numbers = [0.0001, 0.01, 0.3, 1, 1.7, 2, 5.5, 12, 100, 3000.25, 100000]
    computed = compute("default__log_gamma('x')", "x", [(number,) for number in numbers])
    # The fit tells likelihoods apart that differ by 1e-9, and adds up this much for twenty customers or more.
    assert computed == pytest.approx([float(gammaln(number)) for number in numbers], rel=1e-14, abs=2e-12)


def test_a_day_of_the_past_says_what_a_run_on_that_day_says(compiled, tmp_path):
    raw_dir = _write_orders(tmp_path / "raw", _draw_purchases(300, 2))
    query = (
        "select account_id, active_chance, purchase_chance_90_days, next_purchase_due_on"
        " from int_purchase_chances where outlook_on = ? order by account_id"
    )
    with _outlook(compiled, raw_dir, "int_purchase_chances") as warehouse:
        as_of = warehouse.execute("select as_of from reporting_window").fetchall()[0][0]
        earlier = as_of - timedelta(days=90)
        afterwards = warehouse.execute(query, [earlier]).fetchall()
    with _outlook(compiled, raw_dir, "int_purchase_chances", as_of=earlier) as warehouse:
        at_the_time = warehouse.execute(query, [earlier]).fetchall()
    assert len(at_the_time) > 100
    assert afterwards == at_the_time


def test_chances_are_calibrated_and_better_than_the_base_rate(compiled, tmp_path):
    raw_dir = _write_orders(tmp_path / "raw", _draw_purchases(3000, 3))
    with _outlook(compiled, raw_dir, "outlook_backtest") as warehouse:
        rows = warehouse.execute(
            "select expected_to_actual, brier_score / base_brier_score, area_under_curve"
            " from outlook_backtest where event = 'purchase' and chance_group = 0 and horizon_days = 90"
        ).fetchall()
    assert len(rows) == 3
    for expected_to_actual, brier, area in rows:
        assert 0.85 < expected_to_actual < 1.15
        assert brier < 0.9
        assert area > 0.7


@pytest.mark.parametrize(
    "purchases",
    [
        pytest.param([("a1", _AS_OF, 10.0)], id="one customer"),
        pytest.param([(f"a{n}", _AS_OF - timedelta(days=400), 10.0) for n in range(50)], id="nobody twice"),
        pytest.param([(f"a{n}", _AS_OF, 10.0) for n in range(50)], id="all today"),
    ],
)
def test_where_nobody_came_back_there_is_no_chance_but_a_reason(compiled, tmp_path, purchases):
    raw_dir = _write_orders(tmp_path / "raw", purchases)
    with _outlook(compiled, raw_dir, "customer_outlook", "outlook_backtest") as warehouse:
        rows = warehouse.execute(
            "select distinct active_chance, purchase_chance_90_days, next_purchase_due_on, reasons_en"
            " from customer_outlook"
        ).fetchall()
        assert not warehouse.execute("from outlook_backtest").fetchall()
    assert [row[:3] for row in rows] == [(None, None, None)]
    assert "too few customers have bought twice" in rows[0][3]


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(range(0, 600, 30), id="every 30 days"),
        pytest.param(range(600), id="every day"),
        pytest.param([0, 600], id="twice"),
    ],
)
def test_customers_that_are_all_alike_have_chances_in_their_bounds(compiled, tmp_path, days):
    purchases = [(f"a{n}", _AS_OF - timedelta(days=600 - day), 10.0) for n in range(30) for day in days]
    with _outlook(compiled, _write_orders(tmp_path / "raw", purchases), "customer_outlook") as warehouse:
        [row] = warehouse.execute(
            "select distinct active_chance, purchase_chance_30_days, purchase_chance_90_days,"
            " purchase_chance_365_days, expected_revenue_365_days from customer_outlook"
        ).fetchall()
    active, *chances, revenue = map(float, row)
    assert 0.5 < active <= 1
    assert 0 < chances[0] <= chances[1] <= chances[2] <= active
    assert revenue > 0


def test_daily_buyers_who_have_been_silent_for_years_are_lost(compiled, tmp_path):
    start = _AS_OF - timedelta(days=3650)
    purchases = [
        (f"a{n}", start + timedelta(days=day), 10.0) for n in range(25) for day in range(0, 400, 1 + n % 2)
    ]
    raw_dir = _write_orders(tmp_path / "raw", [*purchases, ("new", _AS_OF, 10.0)])
    with _outlook(compiled, raw_dir, "customer_outlook") as warehouse:
        rows = warehouse.execute(
            "select distinct risk_group, active_chance < 0.001 from customer_outlook"
            " where account_id <> 'new'"
        ).fetchall()
    assert rows == [("lost", True)]


def test_a_day_of_the_past_knows_no_subscriber_better_than_a_run_on_that_day(compiled):
    query = (
        "select account_id, has_subscription, is_subscribed, active_chance, churn_chance_90_days,"
        " churn_chance_365_days, risk_group from int_customer_risks where outlook_on = ? order by account_id"
    )
    with _outlook(compiled, SAMPLE_DIR, "int_customer_risks") as warehouse:
        as_of = warehouse.execute("select as_of from reporting_window").fetchall()[0][0]
        earlier = as_of - timedelta(days=180)
        afterwards = warehouse.execute(query, [earlier]).fetchall()
    with _outlook(compiled, SAMPLE_DIR, "int_customer_risks", as_of=earlier) as warehouse:
        at_the_time = warehouse.execute(query, [earlier]).fetchall()
    assert sum(row[5] is not None for row in at_the_time) > 50
    assert afterwards == at_the_time


def test_a_forecast_of_the_past_is_that_of_a_run_on_that_day(compiled, sample_warehouse):
    # At the end of a quarter, for the months of the next one, with the range that was known by then.
    day = date(2025, 9, 30)
    queries = (
        "select month_start, segment_by, segment, open_deals, open_amount, forecast_revenue"
        " from main.int_month_forecasts where forecast_on = ? and months_ahead < 3 order by all",
        "select * from main.int_forecast_ranges where forecast_on = ? order by all",
    )
    only = compiled.with_inputs("int_month_forecasts", "int_forecast_ranges")
    with compiled.run(SAMPLE_DIR, day, only=only) as warehouse:
        at_the_time = [warehouse.execute(query, [day]).fetchall() for query in queries]
    assert [len(rows) > 3 for rows in at_the_time] == [True, True]
    assert at_the_time == [sample_warehouse.execute(query, [day]).fetchall() for query in queries]


def test_the_tables_of_the_docs_are_those_of_the_sample(sample_build):
    text = (PROJECT_DIR / "docs" / "outlook.md").read_text(encoding="utf-8")
    tables = re.findall(r"```sql\n([^`]+)```\n\n((?:\|.*\n)+)", text)
    assert len(tables) == 4
    for query, table in tables:
        stream = io.StringIO()
        answer(sample_build.output, query, "markdown", stream)
        # Within words an underscore is no markup.
        assert stream.getvalue().replace("&#95;", "_") == table


def test_no_customer_has_no_outlook(compiled, tmp_path):
    (tmp_path / "raw").mkdir()
    write_csv(tmp_path / "raw" / "accounts.csv", ["account_id", "created_at"], [["a1", "2024-01-01"]])
    with _outlook(compiled, tmp_path / "raw", "customer_outlook", "outlook_backtest") as warehouse:
        assert not warehouse.execute("from customer_outlook").fetchall()
        assert not warehouse.execute("from outlook_backtest").fetchall()


def test_amounts_at_the_limits_do_not_break_the_outlook(compiled, tmp_path):
    purchases = [
        (f"a{n}", _AS_OF - timedelta(days=day), 99_999_999_999_999.0 if n % 2 else 0.0)
        for n in range(40)
        for day in (300, 10)
    ]
    with _outlook(compiled, _write_orders(tmp_path / "raw", purchases), "customer_outlook") as warehouse:
        amounts = warehouse.execute("select purchased_amount from customer_outlook order by 1").fetchall()
    assert [amount for (amount,) in amounts] == [0.0] * 20 + [199_999_999_999_998.0] * 20
