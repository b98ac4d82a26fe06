"""The sample that the project ships."""

from __future__ import annotations

from pathlib import Path

from crm_kpis.generate.run import Proportions, generate

SAMPLE_DEALS = 600
# A seed by which, in so small a sample, the KPIs that the CRM left alone stay within the noise.
SAMPLE_SEED = 8

# The sample is small in bytes but answers every KPI: fewer events, relatively more answers to surveys.
SAMPLE_PROPORTIONS = Proportions(
    tickets=1.6, emails=1.3, sessions=2.0, activities=2.0, nps=0.6, csat_share=0.45, single_costs=0.1
)


def write_sample(project_dir: Path) -> dict[str, int]:
    """Write the sample that the project ships, seeds/sample/*.csv: flaws included, 1.4 MB at most.

    Args:
        project_dir: The root of the dbt project.

    Returns:
        The number of rows written for each table.
    """
    return generate(
        project_dir / "seeds" / "sample",
        deals=SAMPLE_DEALS,
        seed=SAMPLE_SEED,
        file_format="csv",
        replace=True,
        proportions=SAMPLE_PROPORTIONS,
    )
