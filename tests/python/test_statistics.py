"""The statistics of the KPIs against scipy and the standard library."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import defaultdict
from datetime import date
from typing import NamedTuple

import duckdb
import pytest
from scipy import stats
from statistics_macros import compute, compute_column, render

# Student's t


def test_the_t_quantile_is_right_to_ten_digits():
    whole = [*range(1, 201), 250, 365, 500, 1_000, 5_000, 100_000, 10**7, 10**9]
    degrees = [*whole, *(1 + step / 50 for step in range(1, 600)), 1.0000001, 33.3, 1234.5]
    computed = compute("t_quantile('degrees')", "degrees", [(df,) for df in degrees])
    exact = [float(stats.t.ppf(0.975, df)) for df in degrees]
    assert computed == pytest.approx(exact, rel=1e-10)


def test_there_is_no_t_quantile_below_one_degree():
    assert compute("t_quantile('degrees')", "degrees", [(0,), (0.99,), (-1,), (None,)]) == [None] * 4


def test_the_t_quantile_of_any_degrees_is_that_of_scipy():
    degrees = [0.05, 0.0501, *(step / 100 for step in range(6, 200)), 2.25, 7.3, 1e6]
    computed = compute("t_quantile_of_any('degrees')", "degrees", [(df,) for df in degrees])
    assert computed == pytest.approx([float(stats.t.ppf(0.975, df)) for df in degrees], rel=1e-9)


def test_far_below_one_degree_the_t_quantile_stays_a_number():
    nearly_none, none = compute("t_quantile_of_any('degrees')", "degrees", [(1e-9,), (0,)])
    assert nearly_none == pytest.approx(float(stats.t.ppf(0.975, 0.05)), rel=1e-6)
    assert none is None


def test_the_t_quantile_falls_to_the_normal_one():
    computed = compute("t_quantile('degrees')", "degrees", [(df,) for df in range(1, 1_000)])
    assert all(higher > lower for higher, lower in itertools.pairwise(computed))
    assert computed[-1] > float(stats.norm.ppf(0.975))


# Wilson


def test_the_wilson_interval_is_that_of_scipy():
    small = [(k, n) for n in range(1, 31) for k in range(n + 1)]
    large = [(k, n) for n in (31, 100, 999, 10_000, 1_000_000) for k in (0, 1, n // 3, n // 2, n - 1, n)]
    rows = small + large
    exact = [stats.binomtest(k, n).proportion_ci(method="wilson") for k, n in rows]
    low, high = (compute(f"wilson_{bound}('k', 'n')", "k, n", rows) for bound in ("low", "high"))
    assert low == pytest.approx([interval.low for interval in exact], rel=1e-9, abs=1e-12)
    assert high == pytest.approx([interval.high for interval in exact], rel=1e-9, abs=1e-12)
    for (successes, trials), lower, upper in zip(rows, low, high, strict=True):
        assert 0 <= lower <= upper <= 1
        assert lower - 1e-12 <= successes / trials <= upper + 1e-12


@pytest.mark.parametrize("bound", ["low", "high"])
def test_what_is_no_proportion_has_no_wilson_interval(bound):
    rows = [(0, 0), (1, 0), (3, 2), (-1, 2), (1, -2), (None, 2), (1, None)]
    assert compute(f"wilson_{bound}('k', 'n')", "k, n", rows) == [None] * len(rows)


# Poisson


def test_the_poisson_interval_is_nearly_the_exact_one():
    rows = [(k, n) for k in [*range(60), 1_000, 10**6] for n in (0.25, 1, 300)]
    low, high = (compute(f"poisson_{bound}('k', 'n')", "k, n", rows) for bound in ("low", "high"))
    for (events, exposure), lower, upper in zip(rows, low, high, strict=True):
        exact_low = float(stats.chi2.ppf(0.025, 2 * events)) / 2 if events else 0.0
        exact_high = float(stats.chi2.ppf(0.975, 2 * events + 2)) / 2
        assert lower * exposure == pytest.approx(exact_low, abs=0.03)
        assert upper * exposure == pytest.approx(exact_high, abs=0.03)
        assert 0 <= lower <= events / exposure <= upper


@pytest.mark.parametrize("bound", ["low", "high"])
def test_what_is_no_rate_has_no_poisson_interval(bound):
    rows = [(0, 0), (1, 0), (3, -2), (-1, 2), (None, 2), (1, None)]
    assert compute(f"poisson_{bound}('k', 'n')", "k, n", rows) == [None] * len(rows)


# Means


def _sums(sample: list[float]) -> tuple[float, float, int]:
    return sum(sample), sum(value * value for value in sample), len(sample)


def _mean_interval(sample: list[float]) -> tuple[float, float]:
    if len(set(sample)) == 1:
        return sample[0], sample[0]  # scipy says NaN
    return stats.t.interval(0.95, len(sample) - 1, loc=statistics.fmean(sample), scale=stats.sem(sample))


def _close_to(sample: list[float], lowest: float = -math.inf, highest: float = math.inf) -> object:
    """The interval of a mean within a scale, as near as the t quantiles come to it."""
    low, high = _mean_interval(sample)
    tolerance = 1e-8 * (high - low) / 2 + 1e-9 * max(map(abs, sample))
    return pytest.approx((max(low, lowest), min(high, highest)), rel=0, abs=tolerance)


def test_the_interval_of_a_mean_is_that_of_scipy():
    rng = random.Random("means")  # noqa: S311
    samples = [
        [round(rng.lognormvariate(centre, spread), 2) for _ in range(size)]
        for size in (2, 3, 5, 9, 10, 11, 12, 30, 100, 2_000)
        for centre, spread in ((0, 1), (8, 0.5), (3, 2))
    ]
    rows = [_sums(sample) for sample in samples]
    low, high = (compute(f"mean_{bound}('x', 'xx', 'n')", "x, xx, n", rows) for bound in ("low", "high"))
    for sample, lower, upper in zip(samples, low, high, strict=True):
        assert (lower, upper) == _close_to(sample), sample


@pytest.mark.parametrize("value", [0, 0.1, -3, 1234.56, 1e12])
@pytest.mark.parametrize("size", [2, 3, 7, 1_000])
@pytest.mark.parametrize("bound", ["low", "high"])
def test_without_variance_the_interval_is_the_mean(value, size, bound):
    # A sum of squares of doubles may come out below what it has to be: no root of a negative number.
    rows = [
        (value * size, value * value * size, size),
        (value * size, value * value * size * (1 - 1e-15), size),
    ]
    assert compute(f"mean_{bound}('x', 'xx', 'n')", "x, xx, n", rows) == pytest.approx([value] * 2, rel=1e-6)


@pytest.mark.parametrize("macro", ["mean_low", "mean_high"])
def test_one_value_has_no_interval(macro):
    rows = [(100, 10_000, 1), (0, 0, 1), (0, 0, 0), (None, None, None), (None, None, 0)]
    assert compute(f"{macro}('x', 'xx', 'n')", "x, xx, n", rows) == [None] * len(rows)


def _within(rows: list[tuple[float, float, int]], lowest: object, highest: object) -> list[tuple]:
    calls = (f"mean_within_{bound}('x', 'xx', 'n', '{lowest}', '{highest}')" for bound in ("low", "high"))
    return list(zip(*(compute(call, "x, xx, n", rows) for call in calls), strict=True))


def _scale_interval(sample: list[float], lowest: float, highest: float) -> tuple[float, float]:
    """With three more answers: 3/4 at each end, 3/2 in the middle."""
    answers = [*sample, lowest, (lowest + highest) / 2, highest]
    weights = [1] * len(sample) + [0.75, 1.5, 0.75]
    mean = sum(w * x for w, x in zip(weights, answers, strict=True)) / sum(weights)
    variance = sum(w * (x - mean) ** 2 for w, x in zip(weights, answers, strict=True)) / sum(weights)
    arm = float(stats.norm.ppf(0.975)) * math.sqrt(variance / sum(weights))
    value = statistics.fmean(sample)
    return max(lowest, min(value, mean - arm)), min(highest, max(value, mean + arm))


def test_the_interval_of_answers_on_a_scale_takes_in_three_more():
    mixes = [(p, q, d) for p in range(7) for q in range(7) for d in range(7) if p + q + d >= 1]
    samples = [[100.0] * p + [0.0] * q + [-100.0] * d for p, q, d in [*mixes, (500, 300, 200), (1, 0, 5_000)]]
    for sample, found in zip(samples, _within([_sums(s) for s in samples], -100.0, 100.0), strict=True):
        low, high = found
        assert found == pytest.approx(_scale_interval(sample, -100, 100), abs=1e-6), sample
        assert -100 <= low <= statistics.fmean(sample) <= high <= 100
        assert low < high, sample
    answers = [[5.0] * 3, [1.0], [1.0, 5.0, 4.0], [4.5] * 40]
    for sample, found in zip(answers, _within([_sums(s) for s in answers], 1.0, 5.0), strict=True):
        assert found == pytest.approx(_scale_interval(sample, 1, 5), abs=1e-6), sample


def test_amounts_have_no_interval_below_0_unless_they_are_below_it():
    few, returned = [100.0, 100.0, 2_000.0], [10.0, 10.0, -500.0]
    (low, high), found = _within([_sums(few), _sums(returned)], 0.0, "null")
    student = [stats.t.interval(0.95, 2, statistics.fmean(x), stats.sem(x)) for x in (few, returned)]
    assert student[0][0] < low == 0
    assert high == pytest.approx(student[0][1])
    assert found == pytest.approx(student[1])


@pytest.mark.parametrize(("size", "least"), [(5, 0.92), (20, 0.93), (100, 0.94)])
def test_few_promoters_are_covered_as_well_as_many(size, least):
    rng = random.Random(f"promoters {size}")  # noqa: S311
    samples = [rng.choices([100.0, 0.0, -100.0], [80, 15, 5], k=size) for _ in range(4_000)]
    bounds = _within([_sums(sample) for sample in samples], -100.0, 100.0)
    assert least - 0.01 <= sum(low <= 75 <= high for low, high in bounds) / len(bounds) <= 0.98


def test_no_interval_of_a_duration_goes_below_nothing_or_has_no_width():
    samples = [[0.1, 30.0], [5.0, 5.0], [5.0], [5.0, 6.0, 7.0]]
    short, same, one, usual = _within([_sums(sample) for sample in samples], 0.0, "null")
    assert short == pytest.approx((0, _mean_interval(samples[0])[1]), rel=1e-9)
    assert same == one == (None, None)
    assert usual == pytest.approx(_mean_interval(samples[3]), rel=1e-9)


def test_all_successes_end_at_one():
    rows = [(n, n) for n in range(1, 2_000)]
    assert compute("wilson_high('k', 'n')", "k, n", rows) == [1.0] * len(rows)
    assert compute("wilson_low('k', 'n')", "k, n", [(0, n) for _, n in rows]) == [0.0] * len(rows)


# The same through kpi_values, from the rows of the facts

_GROUPS = {"all": "'all'", "owner": "owner_id", "team": "team"}


class Observed(NamedTuple):
    """The values of a fact that a KPI rests on."""

    fact: str
    day: str
    value: str
    condition: str = "true"
    unit: int = 1


_MEDIANS = {
    "sales_cycle_days_median": Observed("fct_deals", "closed_on", "sales_cycle_days", "is_won"),
    "resolution_hours_median": Observed("fct_tickets", "resolved_on", "resolution_seconds", unit=3600),
}
_MEANS = {
    "average_deal_size": Observed("fct_deals", "closed_on", "amount", "is_won"),
    "sales_cycle_days": Observed("fct_deals", "closed_on", "sales_cycle_days", "is_won"),
    "resolution_hours": Observed("fct_tickets", "resolved_on", "resolution_seconds", unit=3600),
}
_LOWEST = {"sales_cycle_days": 0.0, "resolution_hours": 0.0, "average_deal_size": 0.0}
_Samples = dict[tuple[str, date, str], list[float]]


def _samples(warehouse: duckdb.DuckDBPyConnection, kpi: str, segment_by: str, observed: Observed) -> _Samples:
    """The values by grain, first day of the period and segment, in the periods that the data cover."""
    uncovered = set(
        warehouse.execute(
            "select period_grain, period_start from main.kpi_values"
            " where kpi_id = ? and segment_by = 'all' and coverage = 'none'",
            [kpi],
        ).fetchall()
    )
    samples: _Samples = defaultdict(list)
    rows = warehouse.execute(
        f"select {observed.day}, {_GROUPS[segment_by]}, {observed.value} from main.{observed.fact}"
        f" where {observed.condition} and {observed.day} is not null and {observed.value} is not null"
    )
    for day, segment, value in rows.fetchall():
        number = float(value) / observed.unit
        samples["month", day.replace(day=1), segment].append(number)
        samples["year", day.replace(month=1, day=1), segment].append(number)
    return {key: sample for key, sample in samples.items() if key[:2] not in uncovered}


def _computed(
    warehouse: duckdb.DuckDBPyConnection, kpi: str, segment_by: str
) -> dict[tuple[str, date, str], tuple[float | None, ...]]:
    rows = warehouse.execute(
        "select period_grain, period_start, segment, kpi_value, sample_size, interval_low, interval_high"
        " from main.kpi_values"
        " where kpi_id = ? and segment_by = ? and period_grain in ('month', 'year')",
        [kpi, segment_by],
    )
    return {tuple(row[:3]): tuple(row[3:]) for row in rows.fetchall()}


def _assert_same_groups(computed: dict, samples: _Samples) -> None:
    assert samples
    assert {key for key, (value, *_) in computed.items() if value is not None} == set(samples)


@pytest.mark.parametrize("segment_by", _GROUPS)
@pytest.mark.parametrize("kpi", _MEDIANS)
def test_medians_are_those_of_the_rows(sample_warehouse, kpi, segment_by):
    samples = _samples(sample_warehouse, kpi, segment_by, _MEDIANS[kpi])
    computed = _computed(sample_warehouse, kpi, segment_by)
    _assert_same_groups(computed, samples)
    for key, sample in samples.items():
        value, size, low, high = computed[key]
        assert value == pytest.approx(statistics.median(sample), rel=1e-12), key
        assert (size, low, high) == (len(sample), None, None), key


@pytest.mark.parametrize("segment_by", _GROUPS)
@pytest.mark.parametrize("kpi", _MEANS)
def test_means_and_their_intervals_are_those_of_the_rows(sample_warehouse, kpi, segment_by):
    samples = _samples(sample_warehouse, kpi, segment_by, _MEANS[kpi])
    computed = _computed(sample_warehouse, kpi, segment_by)
    _assert_same_groups(computed, samples)
    for key, sample in samples.items():
        value, size, low, high = computed[key]
        assert value == pytest.approx(statistics.fmean(sample), rel=1e-12), key
        assert size == len(sample), key
        if size == 1 or len(set(sample)) == 1:
            assert (low, high) == (None, None), key
        else:
            assert (low, high) == _close_to(sample, _LOWEST.get(kpi, -math.inf)), key


def test_proportions_and_their_intervals_are_those_of_the_rows(sample_warehouse):
    observed = Observed("fct_deals", "closed_on", "cast(is_won as integer)")
    won = _samples(sample_warehouse, "win_rate", "owner", observed)
    computed = _computed(sample_warehouse, "win_rate", "owner")
    _assert_same_groups(computed, won)
    for key, sample in won.items():
        value, size, low, high = computed[key]
        exact = stats.binomtest(int(sum(sample)), len(sample)).proportion_ci(method="wilson")
        assert (value, size) == (pytest.approx(statistics.fmean(sample)), len(sample)), key
        assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-9), key


# Blocks of cases


@pytest.mark.parametrize(("days", "cases"), [(12, 101), (1, 20), (400, 100), (3, 5)])
def test_cases_lie_in_eight_blocks_of_as_many_each_in_the_order_of_their_days(days, cases):
    draws = random.Random(days)  # noqa: S311
    rows = [(draws.randrange(days), key, draws.randrange(2)) for key in range(cases)]
    rows += [(day, key, 1 - side) for day, key, side in rows[:5]]  # a key that two cases of a day share
    draws.shuffle(rows)
    block = render("block_of('day', 'key, side')")
    computed = compute_column(f"select *, {block} as block from given", "block", "day, key, side", [*rows])
    places = {row: place for place, row in enumerate(sorted(rows))}
    assert computed == [places[row] * 8 // len(rows) for row in rows]
