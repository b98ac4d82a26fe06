"""Evaluations of a company in which nothing changes, at dates drawn at random."""

from __future__ import annotations

from datetime import date

import pytest
from crm_kpis.generate.run import generate
from crm_kpis.generate.sample import SAMPLE_PROPORTIONS
from placebo import WINDOWS, draw, evaluate


def test_placebos_lie_within_the_records():
    placebos = draw(date(2024, 1, 1), date(2024, 12, 31), 30)
    assert len(placebos) == 30
    for number, placebo in enumerate(placebos):
        days = WINDOWS[number % len(WINDOWS)]
        assert (placebo.go_live - placebo.before_start).days == days
        assert (placebo.after_end - placebo.go_live).days == days - 1
        assert placebo.before_start >= date(2024, 1, 1)
        assert placebo.after_end <= date(2024, 12, 31)
    # Two months are too short for 28 days before and after.
    assert draw(date(2024, 1, 1), date(2024, 2, 20), 3) == []


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_claimed_of_a_constant_company(compiled, tmp_path, seed):
    generate(tmp_path, deals=300, seed=seed, flaws=False, proportions=SAMPLE_PROPORTIONS, constant=True)
    verdicts = evaluate(compiled, tmp_path, 12)
    assert verdicts.tested > 100
    assert verdicts.claimed_share <= 0.02, verdicts.claims
