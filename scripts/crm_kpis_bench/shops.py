"""`python -m crm_kpis_bench.shops`: made-up shops, to judge the outlook on purchases by a known truth.

With a kind of shop and a file it writes orders for `crm_kpis_bench.outlook`. With `young` it says how far the
expected buyers of shops of half a year are off, for the model that int_purchase_model.sql fits, fitted by
scipy.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

_FIRST_DAY = date(2023, 1, 1)
_YOUNG_DAYS, _DAYS_AHEAD, _YOUNG_SHOPS = 180, 180, 40


@dataclass(frozen=True)
class Shop:
    """How the customers of a shop buy.

    Attributes:
        rate: Draws purchases a day of a customer.
        stop: Draws its chance to stop for good after a purchase.
        season: By how much more is bought in November and December.
    """

    rate: Callable[[np.random.Generator], float]
    stop: Callable[[np.random.Generator], float]
    season: float = 1.0


SHOPS = {
    "steady": Shop(lambda draws: draws.gamma(1.6, 1 / 150), lambda draws: draws.beta(0.9, 5.0)),
    "fickle": Shop(lambda draws: draws.gamma(0.7, 1 / 40), lambda draws: draws.beta(1.5, 1.5)),
    "seasonal": Shop(lambda draws: draws.gamma(1.2, 1 / 120), lambda draws: draws.beta(1.0, 4.0), 3.0),
}
YOUNG = {
    "nobody stops, all buy every 90 days": Shop(lambda _: 1 / 90, lambda _: 0.0),
    "nobody stops, rates differ": Shop(lambda draws: draws.gamma(1, 1 / 120), lambda _: 0.0),
    "one in ten stops": Shop(lambda draws: draws.gamma(1, 1 / 90), lambda draws: draws.beta(1, 9)),
    "one in four stops": Shop(lambda draws: draws.gamma(1, 1 / 60), lambda draws: draws.beta(1, 3)),
    "half of them stop": Shop(lambda draws: draws.gamma(1, 1 / 60), lambda draws: draws.beta(2, 2)),
}


def purchase_days(shop: Shop, first: float, last: float, draws: np.random.Generator) -> list[float]:
    """The days on which a customer buys, from its first purchase on."""
    rate, stop, day, days = shop.rate(draws), shop.stop(draws), first, [first]
    while draws.random() >= stop:
        while True:
            day += draws.exponential(1 / (rate * shop.season))
            # Of the purchases of a season all the year, those outside of it are thinned out.
            is_season = (_FIRST_DAY + timedelta(days=min(day, last + 1))).month >= 11
            if day > last or is_season or draws.random() < 1 / shop.season:
                break
        if day > last:
            break
        days.append(day)
    return days


def write_orders(shop: Shop, customers: int, days: int, path: Path) -> None:
    """Write a CSV file of orders of customers who come within the first half of the days."""
    draws = np.random.default_rng(2026)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order_id", "account_id", "ordered_at", "amount"])
        number = 0
        for customer in range(customers):
            for day in purchase_days(shop, draws.uniform(0, days / 2), days, draws):
                number += 1
                writer.writerow(
                    [f"O{number}", f"C{customer}", _FIRST_DAY + timedelta(days=int(day)), "50.00"]
                )


def fit(x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> tuple[float, float, float, float]:
    """Shape, rate_days, stop_a and stop_b of MBG/NBD, which int_purchase_model.sql seeks as well."""

    def parameters(point: np.ndarray) -> tuple[float, float, float, float]:
        log_shape, log_rate, logit_stop, log_size = point
        size = np.exp(log_size)
        stop_a, stop_b = size / (1 + np.exp(-logit_stop)), size / (1 + np.exp(logit_stop))
        return np.exp(log_shape), np.exp(log_shape - log_rate), stop_a, stop_b

    def minus_log_likelihood(point: np.ndarray) -> float:
        shape, rate_days, stop_a, stop_b = parameters(point)
        bought = gammaln(shape + x) - gammaln(shape) + shape * np.log(rate_days) + gammaln(stop_a + stop_b)
        bought = bought - gammaln(stop_b) + gammaln(stop_b + x + 1) - gammaln(stop_a + stop_b + x + 1)
        log_odds = np.log(stop_a / (stop_b + x)) + (shape + x) * np.log((rate_days + t) / (rate_days + t_x))
        likelihood = bought - (shape + x) * np.log(rate_days + t) + np.logaddexp(0, log_odds)
        doubt = (point[0] ** 2 + (point[2] + 1) ** 2 + (point[3] - 1) ** 2) / 8
        return float(doubt - likelihood.sum())

    start = [0.0, np.log(2 * x.sum() / t.sum()), -1.0, 1.0]
    options = {"maxiter": 4000, "xatol": 1e-4, "fatol": 1e-6}
    return parameters(minimize(minus_log_likelihood, start, method="Nelder-Mead", options=options).x)


def judge_young(shop: Shop, customers: int) -> tuple[float, float, float]:
    """Expected by actual buyers of the next half-year: of all shops, and where eight in ten shops lie."""
    draws = np.random.default_rng(2026)
    expected, actual = [], []
    for _ in range(_YOUNG_SHOPS):
        firsts = draws.uniform(0, _YOUNG_DAYS - 1, customers)
        bought = [purchase_days(shop, first, _YOUNG_DAYS + _DAYS_AHEAD, draws) for first in firsts]
        known = [[day for day in days if day <= _YOUNG_DAYS] for days in bought]
        x = np.array([len(days) - 1.0 for days in known])
        if (x > 0).sum() < 5:
            continue
        t_x, t = np.array([days[-1] - days[0] for days in known]), _YOUNG_DAYS - firsts
        shape, rate_days, stop_a, stop_b = fit(x, t_x, t)
        active = 1 / (1 + stop_a / (stop_b + x) * ((rate_days + t) / (rate_days + t_x)) ** (shape + x))
        expected.append(
            (active * (1 - ((rate_days + t) / (rate_days + t + _DAYS_AHEAD)) ** (shape + x))).sum()
        )
        actual.append(sum(days[-1] > _YOUNG_DAYS for days in bought))
    low, high = np.quantile(np.array(expected) / np.array(actual), [0.1, 0.9])
    return float(sum(expected) / sum(actual)), float(low), float(high)


def main(arguments: list[str] | None = None) -> None:
    """Write the orders of a shop, or print the table of young shops."""
    parser = argparse.ArgumentParser(prog="python -m crm_kpis_bench.shops", description=__doc__)
    parser.add_argument("shop", choices=[*SHOPS, "young"])
    parser.add_argument("orders", type=Path, nargs="?", help="the CSV file that is written")
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--days", type=int, default=900)
    options = parser.parse_args(arguments)
    if options.shop != "young":
        if options.orders is None:
            parser.error("name the CSV file that is to be written")
        write_orders(SHOPS[options.shop], options.customers, options.days, options.orders)
        return
    print("| customers of a shop | how many | expected / actual | of eight in ten shops |")
    print("|---|---|---|---|")
    for name, shop in YOUNG.items():
        for customers in (60, 600):
            ratio, low, high = judge_young(shop, customers)
            print(f"| {name} | {customers} | {ratio:.2f} | {low:.2f} to {high:.2f} |", flush=True)


if __name__ == "__main__":
    main()
