"""The names of the measures that models compute, from their SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from crm_kpis.project import PROJECT_DIR, is_company_project

# `<aggregate> as <name>` at the end of a line that is no comment, or the first argument of median_measure.
_NAME = re.compile(r"^(?!\s*--).*\bas (\w+),?\s*$|'(\w+)'", re.MULTILINE)


def find_measures(projects: Iterable[Path] = ()) -> set[str]:
    """The names that models of measures may give to a measure; a few other names are among them.

    Args:
        projects: Directories that may hold a company's project, all models of which are searched.
    """
    paths = list((PROJECT_DIR / "models" / "measures").rglob("*.sql"))
    for project in projects:
        if is_company_project(project):
            paths += (project / "models").rglob("*.sql")
    return {
        name
        for path in paths
        for names in _NAME.findall(path.read_text(encoding="utf-8"))
        for name in names
        if name
    }
