"""`python -m crm_kpis_bench.outlook`: how good the outlook on purchases is, on orders that anybody has.

It reads a CSV file of orders (order_id, account_id, ordered_at, amount), runs the models as of a day of the
past, and compares the chances of a purchase with what happened. `--against-bg-nbd` fits the BG/NBD model by
scipy as well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.run.build import WAREHOUSE
from crm_kpis.sql import quote_text
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import rankdata

_PREDICTED = """
    select
        histories.repeat_purchases as x, histories.repeat_days as t_x, histories.known_days as t,
        chances.purchase_shape, chances.rate_days + chances.known_days as known_rate_days,
        chances.active_chance,
        exists (
            from later where later.account_id = chances.account_id and later.day > chances.outlook_on
                and later.day <= chances.outlook_on + ?
        ) as bought
    from chances inner join int_purchase_histories as histories using (outlook_on, account_id)
    order by account_id
"""


@dataclass(frozen=True)
class Quality:
    """How good chances are.

    Attributes:
        brier: Mean squared difference of chance and outcome.
        area: Area under the curve: 0.5 is guessing.
        expected_to_actual: Expected buyers by those who bought.
    """

    brier: float
    area: float
    expected_to_actual: float

    def cells(self) -> str:
        """The three as cells of a Markdown table."""
        return f"{self.brier:.4f} | {self.area:.3f} | {self.expected_to_actual:.3f}"


def judge(chances: np.ndarray, bought: np.ndarray) -> Quality:
    """Compare chances with outcomes, one of each a customer."""
    ranks, buyers = rankdata(chances), bought.sum()
    area = (ranks[bought].sum() - buyers * (buyers + 1) / 2) / (buyers * (len(bought) - buyers))
    return Quality(float(((chances - bought) ** 2).mean()), float(area), float(chances.sum() / buyers))


def bg_nbd(x: np.ndarray, t_x: np.ndarray, t: np.ndarray, days: int) -> np.ndarray:
    """The chances to buy within some days by BG/NBD (Fader, Hardie and Lee, 2005), fitted by scipy."""
    repeats = np.maximum(x, 1)

    def minus_log_likelihood(logarithms: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logarithms)
        common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) + gammaln(b + x)
        common = common - gammaln(b) - gammaln(a + b + x)
        stopped = np.where(x > 0, np.log(a / (b + repeats - 1)) - (r + x) * np.log(alpha + t_x), -np.inf)
        return -float((common + np.logaddexp(-(r + x) * np.log(alpha + t), stopped)).mean())

    options = {"maxiter": 4000, "xatol": 1e-5, "fatol": 1e-9}
    fitted = minimize(minus_log_likelihood, [0.0, 3.0, 0.0, 0.0], method="Nelder-Mead", options=options)
    r, alpha, a, b = np.exp(fitted.x)
    left = np.where(x > 0, a / (b + repeats - 1) * np.exp((r + x) * np.log((alpha + t) / (alpha + t_x))), 0)
    return (1 - ((alpha + t) / (alpha + t + days)) ** (r + x)) / (1 + left)


def run_as_of(orders: Path, as_of: date, directory: Path) -> Path:
    """Build the models of the outlook as of a day; return the warehouse."""
    raw = directory / "raw"
    raw.mkdir()
    duckdb.sql(
        "copy (select order_id, account_id, ordered_at, ordered_at as paid_at, 'paid' as status, amount"
        f" from read_csv({quote_text(str(orders))}, all_varchar = true)"
        f" where cast(ordered_at as date) <= date '{as_of}')"
        f" to {quote_text(str(raw / 'orders.csv'))} (header)"
    )
    environment = {
        "CRM_KPIS_RAW_DIR": str(raw),
        "CRM_KPIS_OUTPUT": str(directory),
        "CRM_KPIS_AS_OF": str(as_of),
    }
    dbt = Path(sys.executable).parent / "dbt"
    subprocess.run(  # noqa: S603 - the command is that of this module
        [dbt, "run", "--select", "+int_purchase_chances", "--target-path", directory / "target"],
        check=True,
        cwd=PROJECT_DIR,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
    )
    return directory / WAREHOUSE


def main(arguments: list[str] | None = None) -> None:
    """Print a table: a row for each day and number of days."""
    parser = argparse.ArgumentParser(prog="python -m crm_kpis_bench.outlook", description=__doc__)
    parser.add_argument("orders", type=Path, help="CSV file of orders")
    parser.add_argument("days", nargs="+", help="day and days ahead: 1997-12-31:90")
    parser.add_argument("--against-bg-nbd", action="store_true", help="also fit the BG/NBD model by scipy")
    options = parser.parse_args(arguments)
    print("| as of | days | customers | model | Brier score | AUC | expected / actual |")
    print("|---|---|---|---|---|---|---|")
    for asked in options.days:
        day, _, ahead = asked.partition(":")
        with tempfile.TemporaryDirectory() as name:
            warehouse = run_as_of(options.orders, date.fromisoformat(day), Path(name))
            with duckdb.connect(str(warehouse), read_only=True) as connection:
                connection.execute(
                    "create temp view later as select account_id, cast(ordered_at as date) as day"
                    f" from read_csv({quote_text(str(options.orders))}, all_varchar = true)"
                )
                connection.execute(
                    "create temp view chances as select chances.*, histories.known_days, model.rate_days,"
                    " model.shape + histories.repeat_purchases as purchase_shape"
                    " from int_purchase_chances as chances"
                    " inner join int_purchase_histories as histories using (outlook_on, account_id)"
                    " inner join int_purchase_model as model using (outlook_on)"
                    f" where chances.outlook_on = date '{day}'"
                )
                rows = connection.execute(_PREDICTED, [int(ahead)]).fetchnumpy()
        bought = rows["bought"].astype(bool)
        not_bought = (1 + int(ahead) / rows["known_rate_days"]) ** -rows["purchase_shape"]
        judged = {"this project": judge(rows["active_chance"] * (1 - not_bought), bought)}
        if options.against_bg_nbd:
            x, t_x, t = (rows[column].astype(float) for column in ("x", "t_x", "t"))
            judged["BG/NBD"] = judge(bg_nbd(x, t_x, t, int(ahead)), bought)
        for model, quality in judged.items():
            print(f"| {day} | {ahead} | {len(bought):,} | {model} | {quality.cells()} |")


if __name__ == "__main__":
    main()
