"""Write a company's own project from the template."""

from __future__ import annotations

import re
import shutil
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
_LOAD = Path(__file__).parent / "load"
_NO_LOAD_STEPS = """\
      # Replace this step with the export of your CRM: it writes the raw tables into raw/.
      - run: ls raw
"""
# A row of own_kpis.csv may have more columns than most need.
_SHORT_HEADERS = {
    "own_kpis": (
        *(
            "kpi_id",
            "area",
            "label_en",
            "label_de",
            "unit",
            "good",
            "aggregation",
            "numerator",
            "denominator",
        ),
        "segments",
    )
}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_PLACEHOLDER = re.compile(r"\[\[(\w+)\]\]")


@dataclass(frozen=True)
class _Loaded:
    """How dlt loads a vendor.

    Attributes:
        title: The vendor for people.
        source: The name of dlt's verified source.
        secrets: The environment variables that hold its keys.
        packages: What the source needs beside dlt.
    """

    title: str
    source: str
    secrets: tuple[str, ...]
    packages: tuple[str, ...] = ()


_LOADS = {
    "hubspot": _Loaded("HubSpot", "hubspot", ("SOURCES__HUBSPOT__API_KEY",)),
    "salesforce": _Loaded(
        "Salesforce",
        "salesforce",
        (
            "SOURCES__SALESFORCE__USER_NAME",
            "SOURCES__SALESFORCE__PASSWORD",
            "SOURCES__SALESFORCE__SECURITY_TOKEN",
        ),
        ("simple-salesforce>=1.12",),
    ),
    "zendesk": _Loaded(
        "Zendesk",
        "zendesk",
        (
            "SOURCES__ZENDESK__CREDENTIALS__SUBDOMAIN",
            "SOURCES__ZENDESK__CREDENTIALS__EMAIL",
            "SOURCES__ZENDESK__CREDENTIALS__TOKEN",
        ),
    ),
    "pipedrive": _Loaded(
        "Pipedrive",
        "pipedrive",
        ("SOURCES__PIPEDRIVE__PIPEDRIVE_API_KEY", "SOURCES__PIPEDRIVE__COMPANY_DOMAIN"),
    ),
    "stripe": _Loaded(
        "Stripe",
        "stripe_analytics",
        ("SOURCES__STRIPE_ANALYTICS__STRIPE_SECRET_KEY",),
        ("stripe>=5,<6", "pandas>=2"),
    ),
}


def loadable() -> tuple[str, ...]:
    """The vendors for which a project can have a script that loads them."""
    return tuple(_LOADS)


def init_project(directory: Path, *, sample: bool = False, sources: Sequence[str] = ()) -> Path:
    """Write a company's project into a directory.

    Args:
        directory: It is made if it is not there; its name is the name of the project.
        sample: Whether to copy the raw tables and the settings of the shipped sample into it.
        sources: The vendors that are loaded by dlt and read from there; some of `loadable()`.

    Returns:
        The directory, absolute.

    Raises:
        InputError: The directory holds files, can't be written, or its name can't be that of a dbt project.
    """
    directory = directory.absolute()
    unknown = next((source for source in sources if source not in _LOADS), None)
    if unknown:
        raise InputError(f"There is no source {unknown!r}. There are: {', '.join(_LOADS)}.")
    if sample and sources:
        raise InputError("--sample and --source exclude each other: the sample has raw tables already.")
    values = {
        "company": directory.name,
        "project": _project_name(directory),
        "version": version("crm-kpis"),
        "load_steps": _load_steps(sources),
        "load_section": _load_section(sources),
    }
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory} is not an empty directory. Name one that is not there yet.")
    try:
        for source in sorted(path for path in _TEMPLATE.rglob("*") if path.is_file()):
            _write(source, directory, values)
        _write_settings(directory / "settings")
        (directory / "raw").mkdir()
        (directory / "raw" / "README.md").write_text("\n".join(_describe_raw()) + "\n", encoding="utf-8")
        if sources:
            _write_loads(directory, sources)
        if sample:
            for table in sorted(_SAMPLE.glob("*.csv")):
                shutil.copyfile(table, directory / "raw" / table.name)
            for setting in sorted((_SAMPLE / "settings").iterdir()):
                shutil.copyfile(setting, directory / "settings" / setting.name)
    except OSError as error:
        raise InputError(f"{error.filename} can't be written: {error.strerror}.") from error
    return directory


def _write_loads(directory: Path, sources: Sequence[str]) -> None:
    """Write a load script for each source, what they need, and the sources into the settings."""
    load = directory / "load"
    load.mkdir()
    for source in sources:
        shutil.copyfile(_LOAD / f"{source}.txt", load / f"load_{source}.py")
    (load / "requirements.txt").write_text("\n".join([*_packages(sources), ""]), encoding="utf-8")
    listed = "".join(
        f"  - {{vendor: {source}, database: ../landed/{source}_dlt.duckdb, schema: {source}}}\n"
        for source in sources
    )
    with (directory / "settings" / KEYS_FILE).open("a", encoding="utf-8") as keys:
        keys.write(f"\n# What load/ has loaded. Paths start from this directory.\nsources:\n{listed}")


def _packages(sources: Sequence[str]) -> list[str]:
    """What has to be installed to load the sources."""
    # dlt's source of Zendesk stops under 1.31 outside of a scheduler.
    dlt = "dlt[duckdb]>=1.4,<1.31" if "zendesk" in sources else "dlt[duckdb]>=1.4"
    return [dlt, *(package for source in sources for package in _LOADS[source].packages)]


def load_example(source: str) -> Iterator[str]:
    """How a source is loaded by dlt without a project of ours: the lines of a page in Markdown.

    Args:
        source: One of `loadable()`.
    """
    loaded = _LOADS[source]
    packages = " ".join(f"'{package}'" for package in _packages([source]))
    yield f"`crm-kpis init crm --source {source}` writes a project that has all of this ready. By hand, once:"
    yield from ("", "```sh", "python -m venv .load", f".load/bin/pip install {packages}", "mkdir load")
    yield from ("cd load", f"../.load/bin/dlt --non-interactive init {loaded.source} duckdb", "```", "")
    yield f"`load/load_{source}.py`, with what the KPIs need beyond dlt's defaults:"
    script = (_LOAD / f"{source}.txt").read_text(encoding="utf-8")
    yield from ("", "```python", script.rstrip(), "```", "")
    secrets = ", ".join(f"`{secret}`" for secret in loaded.secrets)
    yield (
        f"The keys are in the environment ({secrets}) or in `load/.dlt/secrets.toml`."
        " Every night, by cron or a step of a workflow:"
    )
    yield from ("", "```sh", f"(cd load && {_load_commands([source])[0]})")
    yield f"crm-kpis run --source {source} --database landed/{source}_dlt.duckdb --schema {source}"
    yield "```"


def _load_steps(sources: Sequence[str]) -> str:
    if not sources:
        return _NO_LOAD_STEPS
    lines = [
        "      # What was loaded stays between runs, so that a load fetches what has changed.",
        "      - uses: actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0",
        "        with:",
        "          path: landed",
        "          key: landed-${{ github.run_id }}",
        "          restore-keys: landed-",
        "      - run: python -m venv .load && .load/bin/pip install --requirement load/requirements.txt",
        f"      - run: cd load && {' && '.join(_load_commands(sources))}",
        "        env:",
        *(
            f"          {secret}: ${{{{ secrets.{secret} }}}}"
            for source in sources
            for secret in _LOADS[source].secrets
        ),
    ]
    return "\n".join([*lines, ""])


def _load_commands(sources: Sequence[str]) -> list[str]:
    return [f"../.load/bin/python load_{source}.py" for source in sources]


def _load_section(sources: Sequence[str]) -> str:
    if not sources:
        return ""
    titles = " and ".join(_LOADS[source].title for source in sources)
    inits = "\n".join(
        f"../.load/bin/dlt --non-interactive init {_LOADS[source].source} duckdb" for source in sources
    )
    secrets = ", ".join(f"`{secret}`" for source in sources for secret in _LOADS[source].secrets)
    loads = "\n".join(_load_commands(sources))
    return f"""| `load/` | what loads {titles} into `landed/`, by [dlt](https://dlthub.com/docs) |

## Load {titles}

Once, in an environment of its own. `dlt init` puts dlt's source into `load/`; commit it.

```sh
python -m venv .load
.load/bin/pip install --requirement load/requirements.txt
cd load
{inits}
```

Then before each run, with the keys in `load/.dlt/secrets.toml` or in the environment variables
{secrets}:

```sh
{loads}
```

`settings/settings.yml` names what was loaded as `sources`, so `crm-kpis run` reads it.
`crm-kpis sources inspect` says what is there and what is missing. Tables that no source has, such as costs,
go into `raw/`.
"""


def _project_name(directory: Path) -> str:
    """The name of a directory as one that dbt takes: letters, digits and _, beginning with a letter."""
    letters = unicodedata.normalize("NFKD", directory.name.lower().translate(_UMLAUTS))
    without_accents = "".join(letter for letter in letters if not unicodedata.combining(letter))
    name = re.sub(r"[^a-z0-9]+", "_", without_accents).strip("_")
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
        header = ",".join(_SHORT_HEADERS.get(table.name, tuple(column.name for column in table.columns)))
        (directory / table.file_name).write_text(f"{header}\n", encoding="utf-8")
    keys = "\n".join(_describe_key(key) for key in declaration.keys.values())
    (directory / KEYS_FILE).write_text(f"{_KEYS_HEAD}\n{keys}", encoding="utf-8")
    (directory / "README.md").write_text("\n".join(_describe_settings()) + "\n", encoding="utf-8")


def _describe_key(key: Setting) -> str:
    lines = textwrap.wrap(key.description, 110, initial_indent="# ", subsequent_indent="# ")
    # In block style: keys in braces could not stand below each other in one file.
    default = textwrap.indent(yaml.safe_dump({key.name: key.default}, default_flow_style=False), "# ")
    return "\n".join([*lines, default])


def _describe_settings() -> Iterator[str]:
    yield "# Settings"
    yield (
        f"\nA file without rows, or a key of `{KEYS_FILE}` that is a comment, leaves the default as it is."
        " A column that is not required may be left out of a file, or added to it."
    )
    for table in read_declaration().tables.values():
        yield f"\n## {table.file_name}\n\n{table.description} Without rows: {table.default}.\n"
        for column in table.columns:
            yield f"- `{column.name}`{' (required)' if column.required else ''}: {column.description}"


def _describe_raw() -> Iterator[str]:
    yield "# Raw tables"
    yield (
        "\nEach table is a file `<table>.csv`, `<table>.csv.gz` or `<table>.parquet` with a header. All may"
        " be missing, and so may the columns that are not required: KPIs that need them have no values."
        " The number of the row stands for an id that no other table names, such as `cost_id` or"
        " `line_number`; then a row that is there twice counts twice."
        " Times are ISO 8601, in UTC unless they carry an offset; a day without a time will do."
        " `settings/raw_formats.csv` is for files that differ."
    )
    for table in read_contract():
        required = [f"`{column.name}`" for column in table.columns if column.must_be_there]
        others = [f"`{column.name}`" for column in table.columns if not column.must_be_there]
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
