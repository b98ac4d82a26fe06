"""Write a company's own project from the template."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import yaml

from crm_kpis.errors import InputError
from crm_kpis.project import PACKAGE, PROJECT_DIR
from crm_kpis.raw.contract import read_contract
from crm_kpis.settings.declaration import KEYS_FILE, Setting, read_declaration

_SAMPLE = PROJECT_DIR / "seeds" / "sample"
_KEYS_HEAD = "# Remove the # before a key to set it. The values shown are the defaults.\n"
_TEMPLATE = Path(__file__).parent / "template"
# Python packaging and git would take a file of this name for their own.
_RENAMED = {"gitignore": ".gitignore"}
_PLACEHOLDER = re.compile(r"\[\[(\w+)\]\]")


def init_project(directory: Path, *, sample: bool = False) -> Path:
    """Write a company's project into a directory.

    Args:
        directory: It is made if it is not there; its name is the name of the project.
        sample: Whether to copy the raw tables and the settings of the shipped sample into it.

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
        _write_settings(directory / "settings")
        (directory / "raw").mkdir()
        (directory / "raw" / "README.md").write_text("\n".join(_describe_raw()) + "\n", encoding="utf-8")
        if sample:
            for table in sorted(_SAMPLE.glob("*.csv")):
                shutil.copyfile(table, directory / "raw" / table.name)
            for setting in sorted((_SAMPLE / "settings").iterdir()):
                shutil.copyfile(setting, directory / "settings" / setting.name)
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


def _write_settings(directory: Path) -> None:
    """Write each file of settings without a row or key, and what each is for."""
    declaration = read_declaration()
    directory.mkdir()
    for table in declaration.tables.values():
        header = ",".join(column.name for column in table.columns)
        (directory / table.file_name).write_text(f"{header}\n", encoding="utf-8")
    keys = "\n".join(_describe_key(key) for key in declaration.keys.values())
    (directory / KEYS_FILE).write_text(f"{_KEYS_HEAD}\n{keys}", encoding="utf-8")
    (directory / "README.md").write_text("\n".join(_describe_settings()) + "\n", encoding="utf-8")


def _describe_key(key: Setting) -> str:
    lines = textwrap.wrap(key.description, 110, initial_indent="# ", subsequent_indent="# ")
    default = yaml.safe_dump({key.name: key.default}, default_flow_style=None).strip()
    return "\n".join([*lines, f"# {default}", ""])


def _describe_settings() -> Iterator[str]:
    yield "# Settings"
    yield f"\nA file without rows, or a key of `{KEYS_FILE}` that is a comment, leaves the default as it is."
    for table in read_declaration().tables.values():
        yield f"\n## {table.file_name}\n\n{table.description} Without rows: {table.default}.\n"
        for column in table.columns:
            yield f"- `{column.name}`{' (required)' if column.required else ''}: {column.description}"


def _describe_raw() -> Iterator[str]:
    yield "# Raw tables"
    yield (
        "\nEach table is a file `<table>.csv`, `<table>.csv.gz` or `<table>.parquet` with a header. All may"
        " be missing, and so may the columns that are not required: KPIs that need them have no values."
        " Times are ISO 8601, in UTC unless they carry an offset; `settings/raw_formats.csv` is for files"
        " that differ."
    )
    for table in read_contract():
        required = [f"`{column.name}`" for column in table.columns if column.required]
        others = [f"`{column.name}`" for column in table.columns if not column.required]
        yield f"\n## {table.name}\n\nRequired: {', '.join(required)}."
        if others:
            yield f"\nAlso: {', '.join(others)}."


def _write(source: Path, directory: Path, values: dict[str, str]) -> None:
    target = directory / source.relative_to(_TEMPLATE)
    target = target.with_name(_RENAMED.get(target.name, target.name))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_fill(source.read_text(encoding="utf-8"), values), encoding="utf-8")


def _fill(text: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)
