"""How often evaluations find what the generator moves at the go-live, and claim what it leaves alone.

Over many companies, each by a seed of its own, the evaluation 'CRM introduction' of the shipped seeds is
computed by the compiled SQL. From the project's root, after a build of the sample by `crm-kpis run`:

    .venv/bin/python tests/python/power.py output 200
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crm_kpis.generate.run import generate
from crm_kpis.generate.sample import SAMPLE_DEALS, SAMPLE_PROPORTIONS
from pipeline import Build, CompiledProject

# What the SQL of the generator changes at the go-live: its files deals, leads, tickets and survey_responses.
MOVED = {
    *("win_rate", "close_rate", "sales_cycle_days", "lead_to_cash_days", "stage_days"),
    *("stage_conversion_rate", "lead_close_rate", "lead_conversion_rate", "first_response_hours"),
    *("resolution_hours", "resolution_business_hours", "service_level_rate"),
    *("customer_satisfaction_score", "customer_satisfaction_average"),
}
# What follows from that, or from the growth of the company, without being changed itself.
LINKED = {
    "website_conversion_rate": "visitors of leads become customers more often",
    "revenue_per_customer": "more deals are won of as many customers",
    "repeat_purchase_rate": "more deals are won of as many customers",
    "average_purchase_value": "won deals are a larger share of the orders",
    "stalled_deal_rate": "of the deals that are closed sooner fewer are open, of the others as many",
}


@dataclass
class Study:
    """What evaluations said of the totals, and of segments of the KPIs that nothing moved.

    Attributes:
        companies: How many there were.
        totals: How often each verdict was given, by KPI.
        segments: The same, of all segments of a KPI together.
        weak_spots: How many segments each KPI has as weak spots, over all companies.
        false_shares: For each company the share of what its evaluation claimed of totals that nothing moved.
    """

    companies: int = 0
    totals: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    segments: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    weak_spots: Counter[tuple[str, str]] = field(default_factory=Counter)
    false_shares: list[float] = field(default_factory=list)

    def claims(self, kpi: str) -> int:
        """In how many companies a change of the total was claimed."""
        return self.totals[kpi]["improved"] + self.totals[kpi]["worsened"]

    def tests(self, kpi: str) -> int:
        """In how many companies it was tested."""
        return self.companies - self.totals[kpi]["not tested"] - self.totals[kpi]["too few data"]

    @property
    def false_discovery_rate(self) -> float:
        """The mean of the false shares."""
        return sum(self.false_shares) / len(self.false_shares)


def run(project: CompiledProject, seeds: Iterable[int], deals: int = SAMPLE_DEALS) -> Study:
    """Evaluate the companies of some seeds of the generator.

    Args:
        project: The compiled SQL of a build with the shipped seeds.
        seeds: A company each.
        deals: Its size; the proportions are those of the sample.
    """
    study = Study()
    only = project.with_inputs("kpi_evaluation", "kpi_weak_spots")
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            generate(Path(directory), deals=deals, seed=seed, flaws=False, proportions=SAMPLE_PROPORTIONS)
            periods = "period_grain in ('week', 'named', 'year')"
            with project.run(Path(directory), only=only, conditions={"periods": periods}) as warehouse:
                verdicts = warehouse.execute(
                    "select kpi_id, segment_by = 'all', verdict from main.kpi_evaluation"
                ).fetchall()
                weak_spots = warehouse.execute(
                    "select kpi_id, segment_by from main.kpi_weak_spots"
                ).fetchall()
        study.companies += 1
        study.weak_spots.update(weak_spots)
        for kpi, is_total, verdict in verdicts:
            (study.totals if is_total else study.segments)[kpi][verdict] += 1
        claimed = {
            kpi for kpi, is_total, verdict in verdicts if is_total and verdict in ("improved", "worsened")
        }
        study.false_shares.append(len(claimed - MOVED - set(LINKED)) / max(len(claimed), 1))
        print(seed, sorted(claimed - MOVED), file=sys.stderr, flush=True)
    return study


def render(study: Study) -> str:
    """The study as Markdown tables."""
    lines = [
        f"{study.companies} companies; false discovery rate {study.false_discovery_rate:.1%}.",
        "",
        "| KPI | moved | tested | improved | worsened | segments tested | segments claimed |",
        "|---|---|---|---|---|---|---|",
    ]
    for kpi in sorted(
        study.totals, key=lambda kpi: (kpi not in MOVED, kpi not in LINKED, -study.claims(kpi), kpi)
    ):
        totals, segments = study.totals[kpi], study.segments[kpi]
        if study.tests(kpi):
            moved = "yes" if kpi in MOVED else "linked" if kpi in LINKED else "no"
            claimed = segments["improved"] + segments["worsened"]
            lines.append(
                f"| {kpi} | {moved} | {study.tests(kpi)} | {totals['improved']} | {totals['worsened']}"
                f" | {claimed + segments['no evidence of change']} | {claimed} |"
            )
    lines += ["", "| KPI | dimension | weak spots |", "|---|---|---|"]
    lines += [f"| {kpi} | {by} | {count} |" for (kpi, by), count in study.weak_spots.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    output, companies = Path(sys.argv[1]), int(sys.argv[2])
    size = int(sys.argv[3]) if len(sys.argv) > 3 else SAMPLE_DEALS
    print(render(run(CompiledProject(Build(output, 0, "", "")), range(1, companies + 1), size)))
