"""What a company's own project must have to be built on Spark."""

from __future__ import annotations

import re
from pathlib import Path

from crm_kpis.errors import InputError
from crm_kpis.project import PACKAGE, PROJECT_DIR, PROJECT_FILE, read_mapping, read_project
from crm_kpis.run.build import SPARK

_PROFILES = "profiles.yml"
_MATERIALIZATION = re.compile(r"materialization\s+table\s*,\s*adapter\s*=\s*['\"]spark['\"]")
_MATERIALIZATION_TO_ADD = """\
{% materialization table, adapter='spark' %}
    {{ return(crm_kpis.replace_spark_table(compiled_code)) }}
{% endmaterialization %}"""


def find_profiles(project_dir: Path) -> tuple[Path, str]:
    """The directory of the profiles.yml with the target spark, and the name of the profile.

    A company's own profile counts where it has that target. Else it is the one that is shipped.

    Args:
        project_dir: The directory of dbt_project.yml.

    Raises:
        InputError: A file of the project is not YAML.
    """
    name = read_project(project_dir).get("profile") or PACKAGE
    profile = read_mapping(project_dir / _PROFILES).get(name)
    outputs = profile.get("outputs") if isinstance(profile, dict) else None
    return (project_dir, name) if SPARK in (outputs or {}) else (PROJECT_DIR, PACKAGE)


def check_project(project_dir: Path) -> None:
    """Check that a company's project makes tables on Spark as the package does.

    dbt takes materializations and the order of macros from the project itself, and not from a package.

    Args:
        project_dir: The directory of dbt_project.yml.

    Raises:
        InputError: It has no such materialization, or takes dbt's macros from dbt alone.
    """
    project = read_project(project_dir)
    if project.get("name") == PACKAGE:
        return
    folders = [project_dir / folder for folder in project.get("macro-paths") or ["macros"]]
    macros = (
        path.read_text(encoding="utf-8", errors="replace")
        for folder in folders
        for path in folder.rglob("*.sql")
    )
    if not any(_MATERIALIZATION.search(text) for text in macros):
        raise InputError(
            f"{folders[0]} has no materialization for Spark. Add to a file of it:\n{_MATERIALIZATION_TO_ADD}"
        )
    orders = [
        entry.get("search_order") or []
        for entry in project.get("dispatch") or []
        if entry.get("macro_namespace") == "dbt"
    ]
    if not any(PACKAGE in order for order in orders):
        raise InputError(
            f"{project_dir / PROJECT_FILE} does not let {PACKAGE} mend dbt-spark. Add to it:\n"
            f"dispatch:\n  - {{macro_namespace: dbt, search_order: [{project.get('name')}, {PACKAGE}, dbt]}}"
        )
