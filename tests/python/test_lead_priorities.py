"""What leads are ranked by: learnt from what was known alone, and computed as it says."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta

import numpy as np
import pytest
from pipeline import SAMPLE_DIR
from scipy.optimize import minimize

LEAD_CHANCE_DAYS = timedelta(days=180)
CHANCES = "select lead_id, win_chance, trait_log_odds from main.int_lead_chances where day_number = ?"


def test_a_back_test_knows_no_more_than_a_run_of_its_day(compiled, sample_warehouse):
    """The sample as of each day of the back-test, in which nothing later is there: the same chances."""
    days = sample_warehouse.execute(
        "select distinct day_number, day from main.int_lead_chances order by all"
    ).fetchall()
    assert [number for number, _ in days] == [0, 1, 3, 5]
    (day_number, day) = days[2]
    only = compiled.with_inputs("int_lead_chances")
    with compiled.run(SAMPLE_DIR, day, only=only) as then:
        known_then = {key: values for key, *values in then.execute(CHANCES, [0]).fetchall()}
    back_test = {key: values for key, *values in sample_warehouse.execute(CHANCES, [day_number]).fetchall()}
    assert len(back_test) > 100
    assert known_then == back_test


def test_shares_are_smoothed_towards_the_total(sample_warehouse):
    rows = sample_warehouse.execute(
        "select leads, won_leads, all_leads, all_won_leads, win_share, log_odds"
        " from main.int_lead_trait_rates where trait_by <> 'all'"
    ).fetchall()
    assert len(rows) > 100
    for leads, won, all_leads, all_won, win_share, log_odds in rows:
        total = (all_won + 0.5) / (all_leads + 1)
        expected = (won + 2) / (leads + 2 / total)
        assert win_share == pytest.approx(expected)
        assert log_odds == pytest.approx(_logit(expected) - _logit(total))


def test_chances_are_those_of_a_logistic_regression(sample_warehouse):
    """By scipy's minimizer, of what the two years before as_of came to."""
    traits = [
        "source",
        "score_band",
        "industry",
        "country",
        "company_size",
        "ideal_customer",
        "qualified",
        "engagement",
        "age",
    ]
    cases = " ".join(f"when '{trait}' then days.{trait}" for trait in traits)
    rows = sample_warehouse.execute(
        f"""
        select days.day_number, day, coalesce(sum(rates.log_odds), 0), any_value(totals.log_odds),
            any_value(is_won_in_time)
        from main.int_lead_days as days
        inner join main.int_lead_trait_rates as totals
            on days.day_number = totals.day_number and totals.trait_by = 'all'
        left join main.int_lead_trait_rates as rates
            on days.day_number = rates.day_number
            and case rates.trait_by {cases} end = rates.trait
        group by days.day_number, day, lead_id
        """
    ).fetchall()
    as_of = max(row[1] for row in rows)
    cells: dict[tuple[float, float], list[int]] = defaultdict(lambda: [0, 0])
    for number, day, trait_odds, total, is_won in rows:
        if number > 0 and as_of - timedelta(days=730) - LEAD_CHANCE_DAYS < day <= as_of - LEAD_CHANCE_DAYS:
            cell = cells[total, math.floor(trait_odds * 10 + 0.5) / 10]
            cell[0] += 1
            cell[1] += is_won
    total, x = np.array(list(cells)).T
    n, k = np.array(list(cells.values())).T

    def loss(parameters):
        a, b = parameters
        log_odds = total + a + b * x
        likelihood = k * log_odds - n * np.logaddexp(0, log_odds)
        return -likelihood.sum() + 2 * a * a + 2 * (b - 1) ** 2

    a, b = minimize(loss, [0, 1], tol=1e-12).x
    now = sample_warehouse.execute(
        "select trait_log_odds, log_odds, win_chance, is_won_in_time"
        " from main.int_lead_chances as chances inner join main.int_lead_trait_rates as rates"
        " on chances.day_number = rates.day_number and rates.trait_by = 'all'"
        " where chances.day_number = 0"
    ).fetchall()
    assert len(now) > 100
    for trait_odds, total_log_odds, chance, is_won in now:
        assert is_won is None
        assert chance == pytest.approx(1 / (1 + math.exp(-(total_log_odds + a + b * trait_odds))), rel=1e-4)


def test_the_top_fifth_holds_most_of_the_wins_of_the_sample(sample_warehouse):
    rows = dict(
        sample_warehouse.execute(
            "select ranked_by, avg(share_of_wins_so_far) from main.lead_priority_backtest"
            " where tenth = 2 group by all"
        ).fetchall()
    )
    assert rows["nothing"] == pytest.approx(0.2)
    assert rows["win_chance"] >= rows["crm_score"] > rows["nothing"]


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
