"""Evaluations of a company in which nothing changes, at dates drawn at random."""

from __future__ import annotations

from datetime import date

import pytest
from constant_companies import COMPANIES, HALF_A_YEAR, THREE_YEARS, write_company
from crm_kpis.generate.run import generate
from crm_kpis.generate.sample import SAMPLE_PROPORTIONS
from placebo import WINDOWS, draw, evaluate
from sizes import IS_FULL


def test_placebos_lie_within_the_records():
    placebos = draw(date(2024, 1, 1), date(2024, 12, 31), 30)
    assert len(placebos) == 30
    for number, placebo in enumerate(placebos):
        days = WINDOWS[number % len(WINDOWS)]
        assert (placebo.go_live - placebo.before_start).days == days
        assert (placebo.after_end - placebo.go_live).days == days - 1
        assert placebo.before_start >= date(2024, 1, 1)
        assert placebo.after_end <= date(2024, 12, 31)
    # Less than two months are too short for 30 days before and after.
    assert draw(date(2024, 1, 1), date(2024, 2, 20), 3) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_nothing_is_claimed_of_a_constant_company(compiled, tmp_path, seed):
    generate(tmp_path, deals=300, seed=seed, flaws=False, proportions=SAMPLE_PROPORTIONS, constant=True)
    verdicts = evaluate(compiled, tmp_path, 12)
    assert verdicts.tested > 100
    assert verdicts.claimed_share <= 0.02, verdicts.claims


# In `make test` some of them, chosen so that most tables are in one.
_FEW = [
    ("closed deals", HALF_A_YEAR),
    ("orders", HALF_A_YEAR),
    ("subscriptions", THREE_YEARS),
    ("sales and costs", THREE_YEARS),
    ("activities that end", HALF_A_YEAR),
    ("deals that take long", THREE_YEARS),
    ("slow leads", THREE_YEARS),
    ("tickets and messages", HALF_A_YEAR),
    ("mailings", HALF_A_YEAR),
    ("orders on working days", THREE_YEARS),
    ("deals that stop", THREE_YEARS),
    ("yearly contracts", THREE_YEARS),
]


@pytest.mark.slow
def test_nothing_is_claimed_where_records_begin_fill_up_or_end(compiled, tmp_path):
    found = {}
    all_kinds = [(kind, days) for kind in COMPANIES for days in (HALF_A_YEAR, THREE_YEARS)]
    for number, (kind, days) in enumerate(all_kinds if IS_FULL else _FEW):
        directory = tmp_path / str(number)
        directory.mkdir()
        write_company(directory, kind, days, seed=0)
        found[kind, days] = evaluate(compiled, directory, 12)

    tested = sum(verdicts.tested for verdicts in found.values())
    claims = {key: verdicts.claims for key, verdicts in found.items() if verdicts.claims}
    assert tested > 200
    # Chance alone may look like a change: in a fair number of tests a few.
    assert sum(claimed.total() for claimed in claims.values()) <= tested / 200, claims
