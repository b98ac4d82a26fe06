"""Where the dbt project is: this one, and a company's own project that builds on it as a dbt package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from crm_kpis.errors import InputError

PACKAGE = "crm_kpis"
PROJECT_FILE = "dbt_project.yml"
_CODE_DIR = Path(__file__).resolve().parent
# A wheel carries the dbt project below the Python package; a checkout has it two levels above.
_SHIPPED_DIR = _CODE_DIR / "dbt"
IS_CHECKOUT = not (_SHIPPED_DIR / PROJECT_FILE).exists()
PROJECT_DIR = _CODE_DIR.parents[1] if IS_CHECKOUT else _SHIPPED_DIR
# What dbt_project.yml says of a package, below the package's name.
_SECTIONS = ("vars", "models", "seeds", "data_tests", "unit_tests")


def find_project(directory: Path) -> Path:
    """Find the dbt project that a command in a directory works on.

    Args:
        directory: The current directory.

    Returns:
        The directory itself if it holds a company's project, else the project of this package.
    """
    return directory if is_company_project(directory) else PROJECT_DIR


def is_company_project(directory: Path) -> bool:
    """Whether a directory holds a dbt project of another name, with a section for this package.

    Raises:
        InputError: Its dbt_project.yml is not YAML.
    """
    project = read_project(directory)
    return project.get("name") not in (None, PACKAGE) and any(
        PACKAGE in (project.get(section) or {}) for section in _SECTIONS
    )


def read_project(directory: Path) -> dict[str, Any]:
    """Read the dbt_project.yml of a directory; empty if there is none.

    Raises:
        InputError: It is not YAML.
    """
    return read_mapping(directory / PROJECT_FILE)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file of a project; empty if there is none, or if it holds no mapping.

    Args:
        path: The file.

    Raises:
        InputError: It is not YAML.
    """
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} can't be read as YAML: {error}. Correct it.") from error
    return content if isinstance(content, dict) else {}


def link_package(directory: Path) -> None:
    """Let dbt find the installed project as the package `crm_kpis` of a company's project.

    dbt reads the packages of a project from its dbt_packages. There the link crm_kpis points to the project
    that is installed with this Python package, so both are always of one version. Nothing is done in another
    project, or in one whose packages.yml or dependencies.yml takes the package from elsewhere: `dbt deps`
    installs it then.

    Args:
        directory: The directory of dbt_project.yml.

    Raises:
        InputError: The link can't be made.
    """
    packages = directory / (read_project(directory).get("packages-install-path") or "dbt_packages")
    link = packages / PACKAGE
    if not is_company_project(directory) or _takes_package(directory, link):
        return
    if link.is_symlink() and Path(os.path.realpath(link)) == PROJECT_DIR:
        return
    # Two commands may start at once: each makes a link of its own, and the last one takes the place.
    unfinished = packages / f"__{PACKAGE}.{os.getpid()}"
    try:
        packages.mkdir(parents=True, exist_ok=True)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(PROJECT_DIR, target_is_directory=True)
        unfinished.replace(link)
    except OSError as error:
        raise InputError(
            f"The link {link} to {PROJECT_DIR} can't be made: {error.strerror}. Make the directory writable."
        ) from error


def _takes_package(directory: Path, installed: Path) -> bool:
    """Whether a file of packages takes the package from a repository or a directory."""
    for name in ("packages.yml", "dependencies.yml"):
        for entry in read_mapping(directory / name).get("packages") or []:
            local = entry.get("local")
            if local and read_project(directory / local).get("name") == PACKAGE:
                return True
            places = [str(entry.get(key, "")) for key in ("git", "tarball", "package", "name")]
            if any(PACKAGE in place.replace("-", "_") for place in places):
                return True
            # What a repository of another name holds shows once it is installed.
            is_fetched = "git" in entry or "tarball" in entry
            if is_fetched and installed.is_dir() and not installed.is_symlink():
                return True
    return False
