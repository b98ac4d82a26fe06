"""The sample that the project ships."""

from __future__ import annotations

from pathlib import Path

from crm_kpis.generate.run import Proportions, generate

SAMPLE_DEALS = 1000
# A seed by which a company of this size shows most of what the CRM moved, and nothing that it left alone.
SAMPLE_SEED = 33

# The sample is small in bytes but answers every KPI: fewer events, relatively more answers to surveys.
SAMPLE_PROPORTIONS = Proportions(
    tickets=2.4, emails=1.3, sessions=9.0, activities=2.0, nps=0.6, csat_share=0.45, single_costs=0.1
)


def write_sample(project_dir: Path) -> dict[str, int]:
    """Write the sample that the project ships, seeds/sample/*.csv: flaws included, 3 MB at most.

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
