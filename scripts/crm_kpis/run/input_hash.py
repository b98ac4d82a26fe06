"""All that the published marts are computed from, as one hash: while it stays the same, so do they.

Nothing that is computed reads the clock, so a run with the inputs of the last publication would publish the
same numbers again.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import crm_kpis
from crm_kpis.errors import InputError
from crm_kpis.project import PROJECT_DIR
from crm_kpis.published.write import KEEP_VARIABLE
from crm_kpis.raw.raw_directory import RawDirectory
from crm_kpis.run.build import SPARK, BuildOptions
from crm_kpis.settings.declaration import Settings
from crm_kpis.snapshots.manifest import FILE_NAME as MANIFEST
from crm_kpis.snapshots.manifest import hash_file, hash_json
from crm_kpis.snapshots.take import list_snapshots
from crm_kpis.sources.place import fingerprint
from crm_kpis.sources.source import SourceSettings

_CODE_DIR = Path(crm_kpis.__file__).resolve().parent
_PACKAGES = ("crm-kpis", "dbt-core", "dbt-duckdb", "duckdb")
# The sample is a raw directory, and what pytest runs says nothing of the marts.
_PROJECT_FILES = (
    *("dbt_project.yml", "profiles.yml", "packages.yml", "seeds/*"),
    *("macros/**/*", "models/**/*", "tests/**/*.sql"),
)


def hash_read(raw_directory: RawDirectory, settings: Settings) -> dict[Path, str]:
    """Hash the files that a company brings: the raw files and the settings.

    Raises:
        InputError: A file can't be read.
    """
    with _named_where_unreadable():
        return {
            path: hash_file(path) for path in (*(file.path for file in raw_directory.files), *settings.files)
        }


def hash_inputs(
    options: BuildOptions,
    raw_directory: RawDirectory,
    settings: Settings,
    read: dict[Path, str] | None = None,
) -> str:
    """Hash the raw files, the settings, the snapshots used, the project's own files and the versions.

    Args:
        options: The options of the run.
        raw_directory: Its raw directory.
        settings: Its settings.
        read: What `hash_read` has returned; None: it is asked.

    Raises:
        InputError: A file can't be read.
    """
    if read is None:
        read = hash_read(raw_directory, settings)
    environment = os.environ | options.environment
    packages = _PACKAGES + (("dbt-spark", "pyspark") if options.target == SPARK else ())
    try:
        versions = {name: version(name) for name in packages} | {"python": platform.python_version()}
    except PackageNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed with this Python. Install it: pip install 'crm-kpis[spark]'."
        ) from error
    with _named_where_unreadable():
        return hash_json(
            {
                # Its name is published.
                "raw_directory": options.raw_name,
                "raw_files": {file.path.name: read[file.path] for file in raw_directory.files},
                "sources": _sources(options.sources),
                "settings": {path.name: read[path] for path in settings.files},
                # A manifest has the hashes of its snapshot's files. Others than baselines change no value.
                "snapshots": {
                    name: hash_file(options.snapshots_dir / name / MANIFEST)
                    for name in list_snapshots(options.snapshots_dir)
                    if name in _baseline_snapshots(settings)
                },
                "code": _hash_files(_CODE_DIR, ("**/*",)),
                "project": _hash_files(PROJECT_DIR, _PROJECT_FILES),
                "company": _hash_files(options.project_dir, _PROJECT_FILES),
                "as_of": environment.get("CRM_KPIS_AS_OF"),
                # The options of dbt, and the facts that are not published.
                "environment": {
                    name: text
                    for name, text in environment.items()
                    if name.startswith("DBT_") or (name == KEEP_VARIABLE and options.target == SPARK)
                },
                "versions": versions,
            }
        )


@contextmanager
def _named_where_unreadable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename} can't be read: {error.strerror}.") from error


def _baseline_snapshots(settings: Settings) -> set[str]:
    return {row.values["baseline_snapshot"] for row in settings.rows.get("evaluations", ())}


def _hash_files(directory: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    found = {path for pattern in patterns for path in directory.glob(pattern)}
    files = sorted(path for path in found if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(directory)): hash_file(path) for path in files}


def _sources(settings: SourceSettings) -> dict[str, Any]:
    """What the sources are read from. Tables may be gigabytes: size and time of a file stand for it."""
    own = [settings.mapping] if settings.mapping else []
    own += sorted(settings.mapping_dir.rglob("*.sql")) if settings.mapping_dir else []
    return {
        "settings": settings.to_json(),
        "landed": [fingerprint(spec.place) for spec in settings.sources],
        "own": {str(path): hash_file(path) for path in own},
    }
