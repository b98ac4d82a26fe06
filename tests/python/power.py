"""How often evaluations find what the CRM moves in a generated company, and claim what it leaves alone.

Over many companies, each by a seed of its own, the evaluation 'CRM introduction' of the sample's settings is
computed by the compiled SQL: of companies with a CRM that works, of the same ones with a CRM that changes
nothing, and of constant ones. From the project's root, after a build of the sample by `crm-kpis run`:

    .venv/bin/python tests/python/power.py output --companies 40 --deals 600
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crm_kpis.generate.run import generate
from crm_kpis.generate.sample import SAMPLE_PROPORTIONS
from pipeline import Build, CompiledProject

SMALL, LARGE = 600, 20_000
# What the SQL of the generator changes at the go-live: its files deals, leads, tickets and survey_responses.
MOVED = {
    *("win_rate", "close_rate", "sales_cycle_days", "sales_cycle_days_median", "lead_to_cash_days"),
    *("stage_days", "stage_days_median", "stage_conversion_rate", "lead_close_rate", "lead_conversion_rate"),
    *("first_response_hours", "first_response_hours_median", "resolution_hours", "resolution_hours_median"),
    *("resolution_business_hours", "service_level_rate"),
    *("customer_satisfaction_score", "customer_satisfaction_average"),
}
# What follows from that without being changed itself.
LINKED = {
    **dict.fromkeys(
        (
            *(
                "deals_won",
                "won_revenue",
                "revenue",
                "new_customers",
                "active_customers",
                "pipeline_velocity",
            ),
            *(
                "customer_acquisition_cost",
                "return_on_ad_spend",
                "revenue_per_customer",
                "purchase_frequency",
            ),
            *("repeat_purchase_rate", "average_purchase_value", "website_conversion_rate"),
            *("customer_lifetime_value", "lifetime_value_to_acquisition_cost", "customer_lifespan_days"),
            *("customer_retention_cost", "forecast_revenue", "forecast_error", "crm_adoption_rate"),
        ),
        "more deals are won, and more leads buy",
    ),
    **dict.fromkeys(
        ("stalled_deal_rate", "stalled_deals", "slow_deals", "open_pipeline"), "deals are closed sooner"
    ),
    "ticket_backlog": "tickets are resolved sooner",
    **dict.fromkeys(("tickets_per_1000_sold", "low_scores_per_1000_sold"), "more units are sold"),
    "first_contact_resolution_rate": "fewer messages fit between a response and a resolution",
}
TRUE = MOVED | set(LINKED)
CLAIMS = ("improved", "worsened")
NOT_TESTED = ("not tested", "too few data", "too few weeks")


@dataclass
class Study:
    """What the evaluations of companies said.

    Attributes:
        claimed: For each company the totals of which a change was claimed.
        totals: How often each verdict was given to the total of a KPI.
        segments: The same, of all segments of a KPI together.
    """

    claimed: list[set[str]] = field(default_factory=list)
    totals: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    segments: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def companies(self) -> int:
        """How many there were."""
        return len(self.claimed)

    @property
    def with_a_claim(self) -> int:
        """How many companies had any claim."""
        return sum(map(bool, self.claimed))

    @property
    def claims(self) -> int:
        """How many totals were claimed to have changed."""
        return sum(map(len, self.claimed))

    def false_share(self, true: set[str]) -> float:
        """The share of all claims that are not among the true ones."""
        return sum(len(claimed - true) for claimed in self.claimed) / max(self.claims, 1)

    def tested(self, kpi: str) -> int:
        """In how many companies the total of a KPI was tested."""
        return sum(count for verdict, count in self.totals[kpi].items() if verdict not in NOT_TESTED)

    def found(self, kpi: str, verdict: str = "improved") -> int:
        """In how many companies the total of a KPI had a verdict."""
        return self.totals[kpi][verdict]


def run(
    project: CompiledProject,
    seeds: Iterable[int],
    deals: int = SMALL,
    *,
    unchanged: bool = False,
    constant: bool = False,
    with_segments: bool = True,
) -> Study:
    """Evaluate the companies of some seeds of the generator.

    Args:
        project: The compiled SQL of a build with the sample's settings.
        seeds: A company each.
        deals: Its size; the proportions are those of the sample.
        unchanged: Whether the CRM changes nothing.
        constant: Whether nothing swings either.
        with_segments: Whether segments are evaluated, too, which takes twice the time.
    """
    study = Study()
    only = project.with_inputs("kpi_evaluation")
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            generate(
                Path(directory),
                deals=deals,
                seed=seed,
                flaws=False,
                proportions=SAMPLE_PROPORTIONS,
                unchanged=unchanged,
                constant=constant,
            )
            # Periods that nothing is compared with are not needed.
            conditions = {"periods": "period_grain in ('week', 'month', 'quarter', 'named')"}
            if not with_segments:
                conditions["measures"] = "segment_by = 'all'"
            with project.run(Path(directory), only=only, conditions=conditions) as warehouse:
                verdicts = warehouse.execute(
                    "select kpi_id, segment_by = 'all', verdict from main.kpi_evaluation"
                ).fetchall()
        for kpi, is_total, verdict in verdicts:
            (study.totals if is_total else study.segments)[kpi][verdict] += 1
        study.claimed.append({kpi for kpi, is_total, verdict in verdicts if is_total and verdict in CLAIMS})
        print(seed, sorted(study.claimed[-1] - (set() if unchanged else TRUE)), file=sys.stderr, flush=True)
    return study


def render(worked: Study, unchanged: Study, constant: Study) -> str:
    """The three studies as Markdown."""
    lines = [
        f"CRM that works: {worked.companies} companies, {worked.claims} claims,"
        f" {worked.false_share(TRUE):.1%} of them false.",
        *(
            f"{name}: {study.companies} companies, {study.with_a_claim} with any claim"
            f" ({study.claims} claims among"
            f" {sum(study.tested(kpi) for kpi in study.totals)} tested totals)."
            for name, study in (("CRM without effect", unchanged), ("Constant company", constant))
        ),
        "",
        "| KPI | moved | tested | improved | within usual changes | claimed without effect |",
        "|---|---|---|---|---|---|",
    ]
    order = sorted(
        worked.totals, key=lambda kpi: (kpi not in MOVED, kpi not in LINKED, -worked.found(kpi), kpi)
    )
    for kpi in order:
        by_chance = unchanged.found(kpi) + unchanged.found(kpi, "worsened")
        claims = worked.found(kpi) + worked.found(kpi, "worsened")
        if kpi in MOVED or by_chance or claims:
            moved = "yes" if kpi in MOVED else "linked" if kpi in LINKED else "no"
            within = worked.found(kpi, "within usual changes")
            found = f"{worked.found(kpi)}" if kpi in MOVED else f"{claims} claimed"
            lines.append(f"| {kpi} | {moved} | {worked.tested(kpi)} | {found} | {within} | {by_chance} |")
    tested, claimed = Counter(), Counter()
    for name, study in (("works", worked), ("without effect", unchanged)):
        for verdicts in study.segments.values():
            tested[name] += sum(count for verdict, count in verdicts.items() if verdict not in NOT_TESTED)
            claimed[name] += sum(verdicts[verdict] for verdict in CLAIMS)
    lines += ["", *(f"Segments, CRM {name}: {claimed[name]} of {tested[name]} claimed." for name in tested)]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="the output directory of a build of the sample")
    parser.add_argument("--companies", type=int, default=40)
    parser.add_argument("--deals", type=int, default=SMALL)
    options = parser.parse_args()
    project = CompiledProject(Build(options.output, 0, "", ""))
    seeds = range(1, options.companies + 1)
    scenarios = ({}, {"unchanged": True}, {"unchanged": True, "constant": True})
    print(render(*(run(project, seeds, options.deals, **scenario) for scenario in scenarios)))


if __name__ == "__main__":
    main()
