"""Write a company's own project from the template."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version
from pathlib import Path

from crm_kpis.errors import InputError
from crm_kpis.project import PACKAGE, PROJECT_DIR

_TEMPLATE = Path(__file__).parent / "template"
# Python packaging and git would take a file of this name for their own.
_RENAMED = {"gitignore": ".gitignore"}
_PLACEHOLDER = re.compile(r"\[\[(\w+)\]\]")


def init_project(directory: Path, *, sample: bool = False) -> Path:
    """Write a company's project into a directory.

    Args:
        directory: It is made if it is not there; its name is the name of the project.
        sample: Whether to copy the raw tables of the shipped sample into it.

    Returns:
        The directory, absolute.

    Raises:
        InputError: The directory holds files, can't be written, or its name can't be that of a dbt project.
    """
    directory = directory.absolute()
    values = {"company": directory.name, "project": _project_name(directory), "version": version("crm-kpis")}
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory} is not an empty directory. Name one that is not there yet.")
    try:
        for source in sorted(path for path in _TEMPLATE.rglob("*") if path.is_file()):
            _write(source, directory, values)
        if sample:
            for table in sorted((PROJECT_DIR / "seeds" / "sample").glob("*.csv")):
                shutil.copyfile(table, directory / "raw" / table.name)
    except OSError as error:
        raise InputError(f"{error.filename} can't be written: {error.strerror}.") from error
    return directory


def _project_name(directory: Path) -> str:
    """The name of a directory as one that dbt takes: letters, digits and _, beginning with a letter."""
    name = re.sub(r"[^a-z0-9]+", "_", directory.name.lower()).strip("_")
    if not re.match(r"[a-z]", name) or name in (PACKAGE, "dbt"):
        raise InputError(
            f"The name {directory.name!r} can't be that of a dbt project: it must begin with a letter from a"
            f" to z, and be neither {PACKAGE} nor dbt. Choose another directory."
        )
    return name


def _write(source: Path, directory: Path, values: dict[str, str]) -> None:
    target = directory / source.relative_to(_TEMPLATE)
    target = target.with_name(_RENAMED.get(target.name, target.name))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_fill(source.read_text(encoding="utf-8"), values), encoding="utf-8")


def _fill(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)
