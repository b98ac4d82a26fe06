"""The usual change a second time, from its formulas alone, by numpy and scipy.

A series has sums by week: numerator, denominator and, for means, squares. `proportion`: successes of trials;
`mean`: a sum, a count, a sum of squares; `plain`: nothing is known of chance among records.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

_Z = float(stats.norm.ppf(0.975))
Span = tuple[int, int]


@dataclass(frozen=True)
class Series:
    """Sums by week, oldest first."""

    method: str
    numerator: np.ndarray
    denominator: np.ndarray
    squares: np.ndarray

    def sums(self, span: Span) -> tuple[float, float, float]:
        return tuple(
            float(part[slice(*span)].sum()) for part in (self.numerator, self.denominator, self.squares)
        )


@dataclass(frozen=True)
class Judgement:
    """What the two periods amount to."""

    difference: float
    p_records: float | None
    p_value: float | None
    low: float | None
    high: float | None
    degrees: float | None
    usual_change: float | None
    earlier: int
    basis: str
    moving: bool


def _variance(method: str, before: tuple, after: tuple) -> float:
    if method == "plain":
        return 0.0
    if method == "proportion":
        share = (before[0] + after[0]) / (before[1] + after[1])
        return share * (1 - share) * (1 / before[1] + 1 / after[1])
    return sum((q - y * y / n) / (n - 1) / n for y, n, q in (before, after))


def _records(method: str, before: tuple, after: tuple) -> tuple[float | None, float | None, float | None]:
    """The p-value and the interval if all records were independent."""
    (y1, n1, _), (y2, n2, _) = before, after
    difference = y2 / n2 - y1 / n1
    if method == "plain":
        return None, None, None
    if method == "proportion":
        table = [[y1, n1 - y1], [y2, n2 - y2]]
        scale = (n1 + n2 - 1) / (n1 + n2)
        p_value = max(
            float(
                stats.chi2.sf(
                    stats.chi2_contingency(table, correction=False, lambda_=kind).statistic * scale, 1
                )
            )
            for kind in ("pearson", "log-likelihood")
        )
        intervals = [
            stats.binomtest(round(y), round(n)).proportion_ci(method="wilson")
            for y, n in ((y1, n1), (y2, n2))
        ]
        below = math.hypot(y2 / n2 - intervals[1].low, intervals[0].high - y1 / n1)
        above = math.hypot(intervals[1].high - y2 / n2, y1 / n1 - intervals[0].low)
        return p_value, difference - below, difference + above
    deviations = [math.sqrt((q - y * y / n) / (n - 1)) for y, n, q in (before, after)]
    tests = [
        stats.ttest_ind_from_stats(y2 / n2, deviations[1], n2, y1 / n1, deviations[0], n1, equal_var=equal)
        for equal in (True, False)
    ]
    errors = [deviation**2 / n for deviation, n in zip(deviations, (n1, n2), strict=True)]
    degrees = sum(errors) ** 2 / (errors[0] ** 2 / (n1 - 1) + errors[1] ** 2 / (n2 - 1))
    arm = float(stats.t.ppf(0.975, degrees)) * math.sqrt(sum(errors))
    return max(float(test.pvalue) for test in tests), difference - arm, difference + arm


def _blocks(length: int) -> int:
    return max(2, round(1 + 0.4 * length ** (2 / 3)))


def _cut(values: np.ndarray, blocks: int) -> np.ndarray:
    edges = [math.ceil(block * len(values) / blocks) for block in range(blocks + 1)]
    return np.array([values[start:end].sum(axis=0) for start, end in itertools.pairwise(edges)])


def _block_variance(series: Series, span: Span, blocks: int) -> float:
    y, n = (_cut(part[slice(*span)], blocks) for part in (series.numerator, series.denominator))
    residuals = y - y.sum() / n.sum() * n
    return blocks / (blocks - 1) * float((residuals**2).sum()) / float(n.sum()) ** 2


def _is_moving(series: Series, before: Span, after: Span) -> bool:
    """Weighted least squares of the weekly values on 1, time and step, a cluster being a block."""
    weeks = np.array([*range(*before), *range(*after)])
    y, n = series.numerator[weeks], series.denominator[weeks]
    design = np.column_stack([np.ones(len(weeks)), weeks - weeks.mean(), weeks >= after[0]])
    inverse = np.linalg.inv(design.T @ (design * n[:, None]))
    beta = inverse @ design.T @ y
    clusters = 2 * _blocks(min(before[1] - before[0], after[1] - after[0]))
    scores = _cut(design * (y - n * (design @ beta))[:, None], clusters)
    covariance = inverse @ scores.T @ scores @ inverse * clusters / (clusters - 3)
    p_values = 2 * stats.t.sf(np.abs(beta) / np.sqrt(np.diag(covariance)), clusters - 3)
    return bool(p_values[1] < 0.05 < p_values[2])


def judge(series: Series, before: Span, after: Span) -> Judgement:
    """The difference of two spans of weeks, against what the same difference showed earlier."""
    sums = series.sums(before), series.sums(after)
    difference = sums[1][0] / sums[1][1] - sums[0][0] / sums[0][1]
    variance = _variance(series.method, *sums)
    p_records, low, high = _records(series.method, *sums)
    step = max(before[1] - before[0], after[1] - after[0])
    earlier = [
        (series.sums((before[0] - back, before[1] - back)), series.sums((after[0] - back, after[1] - back)))
        for back in range(step, before[0] + 1, step)
    ]
    changes = np.array([a[0] / a[1] - b[0] / b[1] for b, a in earlier])
    m = len(changes)
    usual = math.sqrt(float((changes**2).mean())) if m else None
    moving = False
    if m >= 3:
        basis, observed = "usual changes", float((changes**2).mean())
        expected = float(np.mean([_variance(series.method, b, a) for b, a in earlier]))
        degrees = 2 * m * m / (3 * m - 1)
    elif min(before[1] - before[0], after[1] - after[0]) >= 12:
        blocks = _blocks(min(before[1] - before[0], after[1] - after[0]))
        basis, expected, degrees = "swings within the periods", variance, 2 * blocks - 2
        observed = sum(_block_variance(series, span, blocks) for span in (before, after))
        moving = _is_moving(series, before, after)
    else:
        return Judgement(difference, p_records, None, low, high, None, usual, m, "too few weeks", moving)
    swings = max(0.0, observed - expected)
    if swings == 0:
        return Judgement(difference, p_records, p_records, low, high, None, usual, m, basis, moving)
    total = variance + swings
    degrees *= (total / observed) ** 2
    p_value = max(p_records or 0.0, 2 * float(stats.t.sf(abs(difference) / math.sqrt(total), degrees)))
    arm = float(stats.t.ppf(0.975, degrees)) * math.sqrt(total)
    if series.method == "proportion":
        stretch = arm / (_Z * math.sqrt(variance))
        low, high = (difference + (bound - difference) * stretch for bound in (low, high))
        low, high = max(low, -1.0), min(high, 1.0)
    else:
        low, high = difference - arm, difference + arm
    return Judgement(difference, p_records, p_value, low, high, degrees, usual, m, basis, moving)
