"""How often evaluations claim a change at dates at which nothing is known to have happened.

Go-lives are drawn at random, each with as many days before it as after it. From the project's root, after
a build of the sample by `crm-kpis run`:

    .venv/bin/python tests/python/placebo.py output my_crm 40
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from crm_kpis.sql import quote_text
from pipeline import Build, CompiledProject

WINDOWS = (30, 56, 91)
CLAIMS = ("improved", "worsened")
NOT_TESTED = ("not tested", "too few data", "too few weeks")


@dataclass(frozen=True)
class Placebo:
    """An evaluation of two periods between which nothing is known to have happened."""

    name: str
    before_start: date
    go_live: date
    after_end: date


@dataclass
class Verdicts:
    """What placebo evaluations said of totals.

    Attributes:
        evaluations: How many there were.
        with_a_claim: How many of them claimed any change.
        totals: How often each verdict was given.
        claims: The claims by KPI.
    """

    evaluations: int
    with_a_claim: int
    totals: Counter[str]
    claims: Counter[str]

    @property
    def tested(self) -> int:
        """How many totals were tested."""
        return sum(count for verdict, count in self.totals.items() if verdict not in NOT_TESTED)

    @property
    def claimed_share(self) -> float:
        """The share of tested totals of which a change was claimed."""
        return self.claims.total() / max(self.tested, 1)


def draw(first_day: date, as_of: date, count: int, seed: str = "placebo") -> list[Placebo]:
    """Draw evaluations at random dates, of 30, 56 and 91 days a side in turn.

    Args:
        first_day: The first day of the records.
        as_of: The last one.
        count: How many.
        seed: Another seed draws others.
    """
    rng = random.Random(seed)  # noqa: S311
    placebos = []
    for number in range(count):
        days = timedelta(days=WINDOWS[number % len(WINDOWS)])
        choices = (as_of - days - first_day - days).days
        if choices > 0:
            go_live = first_day + days + timedelta(days=rng.randrange(choices))
            last = go_live + days - timedelta(days=1)
            placebos.append(Placebo(f"placebo {number}", go_live - days, go_live, last))
    return placebos


def evaluate(project: CompiledProject, raw_dir: Path, count: int) -> Verdicts:
    """Evaluate a raw directory at random dates.

    Args:
        project: The compiled SQL of a build.
        raw_dir: The raw directory.
        count: How many evaluations.
    """
    # Neither segments nor periods that nothing is compared with are needed.
    periods = "period_grain in ('week', 'month', 'quarter', 'named')"
    only = project.with_inputs("kpi_evaluation")
    conditions = {"periods": periods, "measures": "segment_by = 'all'"}
    window = project.with_inputs("reporting_window")
    with project.run(raw_dir, settings=None, only=window) as warehouse:
        first_day, as_of = warehouse.execute("select first_day, as_of from main.reporting_window").fetchall()[
            0
        ]
        placebos = draw(first_day, as_of, count)
        inputs = {"named_periods": _named_periods(placebos), "evaluations": _evaluations(placebos)}
        project.go_on(warehouse, only, inputs, conditions)
        rows = warehouse.execute(
            "select evaluation_name, kpi_id, verdict from main.kpi_evaluation where segment_by = 'all'"
        ).fetchall()
    claims = [(name, kpi) for name, kpi, verdict in rows if verdict in CLAIMS]
    return Verdicts(
        evaluations=len({name for name, _, _ in rows}),
        with_a_claim=len({name for name, _ in claims}),
        totals=Counter(verdict for _, _, verdict in rows),
        claims=Counter(kpi for _, kpi in claims),
    )


def _named_periods(placebos: Iterable[Placebo]) -> str:
    return " union all ".join(
        f"select {quote_text(f'{placebo.name}: {side}')} as period_name,"
        f" cast('{start}' as date) as starts_on,"
        f" cast('{end}' as date) as ends_on, cast(null as bigint) as last_days"
        for placebo in placebos
        for side, start, end in (
            ("before", placebo.before_start, placebo.go_live - timedelta(days=1)),
            ("after", placebo.go_live, placebo.after_end),
        )
    )


def _evaluations(placebos: Iterable[Placebo]) -> str:
    return " union all ".join(
        f"select {quote_text(placebo.name)} as evaluation_name,"
        f" {quote_text(f'{placebo.name}: before')} as baseline_period,"
        f" {quote_text(f'{placebo.name}: after')} as current_period,"
        " cast(null as varchar) as baseline_snapshot, cast(null as varchar) as control_segment"
        for placebo in placebos
    )


def render(verdicts: Verdicts) -> str:
    """The result as text."""
    lines = [
        f"{verdicts.evaluations} evaluations at random dates, {verdicts.with_a_claim} with any claim.",
        f"{verdicts.claims.total()} of {verdicts.tested} tested totals are claimed to have changed"
        f" ({verdicts.claimed_share:.1%}).",
        *(f"- {verdict}: {count}" for verdict, count in verdicts.totals.most_common()),
        *(f"- claimed {kpi}: {count}" for kpi, count in verdicts.claims.most_common()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    built, directory, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    print(render(evaluate(CompiledProject(Build(built, 0, "", "")), directory, number)))
