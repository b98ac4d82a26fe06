"""Puts the dbt project into the wheel, below the Python package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FILES = ("dbt_project.yml", "profiles.yml")
_DIRECTORIES = ("analyses", "macros", "models", "seeds", "tests")
# What pytest runs is no part of the dbt project.
_LEFT_OUT = Path("tests", "python")


class DbtProject(BuildHookInterface):
    """The files of the dbt project, which crm_kpis.project finds in the directory dbt of the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files.

        Args:
            version: `standard` or `editable`; an editable installation finds them in the checkout.
            build_data: What hatchling puts into the wheel besides the packages.
        """
        if version == "editable":
            return
        root = Path(self.root)
        paths = [root / name for name in _FILES]
        paths += [
            path for name in _DIRECTORIES for path in sorted((root / name).rglob("*")) if path.is_file()
        ]
        for path in paths:
            relative = path.relative_to(root)
            if _LEFT_OUT not in relative.parents:
                build_data["force_include"][str(path)] = str(Path("crm_kpis", "dbt", relative))
