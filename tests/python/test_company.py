"""A company's own project: from the wheel, in an environment of its own, and after an upgrade."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml
from crm_kpis.errors import InputError
from crm_kpis.init.write import init_project, loadable
from crm_kpis.project import PROJECT_DIR, find_project, is_company_project, link_package
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.settings.declaration import read_declaration
from crm_kpis.settings.read import read_settings
from crm_kpis.sources.source import configured_sources
from crm_kpis.yaml_files import parse_yaml
from pipeline import SAMPLE_DIR
from sizes import IS_FULL

# The models that a company's rows reach, with their unit tests; `make test-all` builds all.
REACHED = (
    "own_measures",
    "kpi_catalogue",
    "measure_inputs",
    "measures",
    "kpi_values",
    "kpi_coverage",
    "fct_deals",
)
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", directory, PROJECT_DIR], check=True, capture_output=True)
    return next(directory.glob("*.whl"))


class Environment:
    """A virtual environment that has the wheel, and what it depends on from the environment of the tests."""

    def __init__(self, directory: Path, wheel: Path) -> None:
        self.bin = directory / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
        self.packages = next((directory / "lib").glob("python*")) / "site-packages"
        # A file .pth in that directory, such as the one of this checkout, is not read from here.
        (self.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        self.install(wheel)
        for script, module in (("crm-kpis", "crm_kpis.cli"), ("dbt", "dbt.cli.main")):
            entry = "main" if script == "crm-kpis" else "cli"
            (self.bin / script).write_text(
                f"#!{self.bin / 'python'}\nimport sys\nfrom {module} import {entry}\nsys.exit({entry}())\n",
                encoding="utf-8",
            )
            (self.bin / script).chmod(0o755)

    def install(self, wheel: Path) -> None:
        """Put the wheel in place of the one before, as pip does."""
        for path in (*self.packages.glob("crm_kpis*"), *self.packages.glob("dbt_crm_kpis*")):
            shutil.rmtree(path)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.packages)

    def run(self, *command: str, cwd: Path, **given: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment; no variable of the tests reaches it but those given."""
        variables = {name: text for name, text in os.environ.items() if not name.startswith(("CRM_", "DBT_"))}
        variables |= {"PATH": f"{self.bin}:{os.environ['PATH']}", "PYTHONPATH": ""} | given
        return subprocess.run(
            command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=600
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"), wheel)


def published(output: Path, query: str) -> list[tuple]:
    with duckdb.connect(output / "kpis.duckdb", read_only=True) as marts:
        return marts.execute(query).fetchall()


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


# The project that a company has


def test_init_writes_a_project_that_reads_in_a_minute(tmp_path):
    acme = init_project(tmp_path / "Acme GmbH")
    # What is looked up, not read.
    explained = [acme / name for name in ("settings/README.md", "settings/settings.yml", "raw/README.md")]
    paths = [path for path in acme.rglob("*") if path.is_file() and path not in explained]
    files = [path.read_text(encoding="utf-8") for path in paths]
    assert parse_yaml((acme / "dbt_project.yml").read_text(encoding="utf-8"))["name"] == "acme_gmbh"
    soehne = init_project(tmp_path / "Müller & Söhne")
    assert parse_yaml((soehne / "dbt_project.yml").read_text(encoding="utf-8"))["name"] == "mueller_soehne"
    assert not any("[[" in text for text in files)
    tables = (acme / "raw" / "README.md").read_text(encoding="utf-8")
    assert "## deals\n\nRequired: `deal_id`, `created_at`, `status`.\n\nAlso: `closed_at`, " in tables
    assert inspect(init_project(tmp_path / "sample", sample=True) / "raw").warnings == ()
    assert sum(len(text.splitlines()) for text in files) <= 220
    assert not list((acme / "raw").glob("*.csv"))


def test_every_key_that_init_writes_can_be_set_by_removing_its_sign(tmp_path):
    directory = init_project(tmp_path / "acme") / "settings"
    keys = directory / "settings.yml"
    defaults = read_settings(directory).values
    names = "|".join(read_declaration().keys)
    commented = re.compile(rf"^# (?=({names}):)", re.MULTILINE)
    text, uncommented = commented.subn("", keys.read_text(encoding="utf-8"))
    keys.write_text(text, encoding="utf-8")
    assert uncommented == len(read_declaration().keys)
    assert read_settings(directory).values == defaults


def test_init_copies_the_sample_where_that_is_asked_for(tmp_path):
    acme = init_project(tmp_path / "acme", sample=True)
    copied = {path.name: path.read_bytes() for path in (acme / "raw").glob("*.csv")}
    assert copied == {path.name: path.read_bytes() for path in SAMPLE_DIR.glob("*.csv")}


def test_init_has_the_load_of_each_source_ready(tmp_path):
    acme = init_project(tmp_path / "acme", sources=loadable())
    assert loadable() == ("hubspot", "salesforce", "zendesk", "pipedrive", "stripe")
    for source in loadable():
        script = (acme / "load" / f"load_{source}.py").read_text(encoding="utf-8")
        compile(script, source, "exec")
    assert (
        (acme / "load" / "requirements.txt")
        .read_text(encoding="utf-8")
        .startswith("dlt[duckdb]>=1.4,<1.31\n")
    )
    settings = read_settings(acme / "settings")
    sources = configured_sources(settings.values, settings.directory).sources
    assert [(spec.vendor, spec.place.path, spec.place.schema) for spec in sources] == [
        (source, acme / "landed" / f"{source}_dlt.duckdb", source) for source in loadable()
    ]
    # dlt fails where the file and the schema have one name: DuckDB can't tell hubspot from hubspot.hubspot.
    for spec in sources:
        load = (acme / "load" / f"load_{spec.vendor}.py").read_text(encoding="utf-8")
        assert f'"{spec.place.path.name}"' in load
        assert f'dataset_name="{spec.place.schema}"' in load
        assert spec.place.path.stem != spec.place.schema
    nightly = parse_yaml((acme / ".github" / "workflows" / "kpis.yml").read_text(encoding="utf-8"))
    (loads,) = [step for step in nightly["jobs"]["kpis"]["steps"] if "load_stripe.py" in step.get("run", "")]
    assert loads["env"]["SOURCES__HUBSPOT__API_KEY"] == "${{ secrets.SOURCES__HUBSPOT__API_KEY }}"
    assert "dlt --non-interactive init stripe_analytics duckdb" in (acme / "README.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [({"sources": ("hubspt",)}, "There are: hubspot"), ({"sources": ("stripe",), "sample": True}, "exclude")],
)
def test_init_says_why_a_source_does_not_do(tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        init_project(tmp_path / "acme", **more)
    assert not (tmp_path / "acme").exists()


@pytest.mark.parametrize(
    ("name", "message"), [("2026", "begin with a letter"), ("crm_kpis", "neither crm_kpis"), ("raw", "empty")]
)
def test_init_says_why_a_directory_does_not_do(tmp_path, name, message):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "deals.csv").touch()
    with pytest.raises(InputError, match=message):
        init_project(tmp_path / name)


def test_a_command_works_on_the_project_that_it_stands_in(tmp_path):
    acme = init_project(tmp_path / "acme")
    assert find_project(acme) == acme
    assert find_project(tmp_path) == PROJECT_DIR
    assert find_project(PROJECT_DIR) == PROJECT_DIR
    other = tmp_path / "other"
    other.mkdir()
    (other / "dbt_project.yml").write_text("name: other\n", encoding="utf-8")
    assert not is_company_project(other)


def test_the_link_points_to_the_installed_project(tmp_path):
    acme = init_project(tmp_path / "acme")
    link = acme / "dbt_packages" / "crm_kpis"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "of another version")
    link_package(acme)
    assert link.resolve() == PROJECT_DIR
    assert [path.name for path in link.parent.iterdir()] == ["crm_kpis"]


def test_a_package_from_a_repository_is_left_alone(tmp_path):
    acme = init_project(tmp_path / "acme")
    packages = "packages: [{git: https://example.com/crm-kpis.git}]"
    (acme / "packages.yml").write_text(packages, encoding="utf-8")
    link_package(acme)
    assert not (acme / "dbt_packages").exists()


def test_a_package_from_another_directory_is_left_alone(tmp_path):
    acme = init_project(tmp_path / "acme")
    other = tmp_path / "kpis"
    other.mkdir()
    (other / "dbt_project.yml").write_text("name: crm_kpis\n", encoding="utf-8")
    (acme / "packages.yml").write_text("packages: [{local: ../kpis}]", encoding="utf-8")
    link_package(acme)
    assert not (acme / "dbt_packages").exists()


# From the wheel


@pytest.mark.slow
def test_the_wheel_carries_the_dbt_project_and_no_test_of_python(wheel):
    names = {name.removeprefix("crm_kpis/dbt/") for name in zipfile.ZipFile(wheel).namelist()}
    for pattern in (
        "models/**/*.*ml",
        "models/**/*.sql",
        "macros/**/*.sql",
        "seeds/**/*.csv",
        "tests/**/*.sql",
    ):
        assert {str(path.relative_to(PROJECT_DIR)) for path in PROJECT_DIR.glob(pattern)} <= names, pattern
    assert {"dbt_project.yml", "profiles.yml"} <= names
    assert not any("tests/python" in name for name in names)


def keep_in_git(package: Path, repository: Path) -> str:
    """Put the files of a dbt package into a new git repository; its address is returned."""
    shutil.copytree(package, repository)
    git = [shutil.which("git"), "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in ("init --quiet --initial-branch=main", "add .", "commit --quiet --message=All"):
        subprocess.run([*git, *command.split()], cwd=repository, check=True, capture_output=True)
    return repository.as_uri()


@pytest.mark.slow
def test_another_project_takes_the_package_from_a_directory_or_a_repository(environment, tmp_path):
    # It sets no var but the models of its own measures, and calls macros of the package by its name.
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "own.sql").write_text(
        "{% call crm_kpis.stock_measures(ref('stg_deals'), 'created_at', 'closed_at', ['pipeline']) %}\n"
        "count(*) as records\n{% endcall %}",
        encoding="utf-8",
    )
    project = (
        "{name: other, profile: crm_kpis, flags: {send_anonymous_usage_stats: false},"
        " vars: {crm_kpis: {own_measures: [own]}}}"
    )
    (tmp_path / "dbt_project.yml").write_text(project, encoding="utf-8")
    package = environment.packages / "crm_kpis" / "dbt"
    installed = tmp_path / "dbt_packages" / "crm_kpis"
    profile = parse_yaml((package / "profiles.yml").read_text(encoding="utf-8"))
    profile["crm_kpis"]["outputs"]["duckdb"]["plugins"][0]["config"]["raw_dir"] = str(SAMPLE_DIR)
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    (tmp_path / "packages.yml").write_text(f"packages: [{{local: {package}}}]", encoding="utf-8")
    succeeded(environment.run("dbt", "deps", cwd=tmp_path))
    assert installed.is_symlink()
    # The name of a repository says nothing of what it holds.
    repository = keep_in_git(package, tmp_path / "made_by_us")
    (tmp_path / "packages.yml").write_text(
        f"packages: [{{git: '{repository}', revision: main}}]", encoding="utf-8"
    )
    succeeded(environment.run("dbt", "deps", "--upgrade", cwd=tmp_path))
    done = succeeded(environment.run("dbt", "build", "--select", "+own", *NO_TESTS, cwd=tmp_path))
    assert "WARNING" not in done
    assert not installed.is_symlink()
    assert (installed / ".git").is_dir()
    with duckdb.connect(tmp_path / "output" / "warehouse.duckdb", read_only=True) as warehouse:
        assert warehouse.execute("select distinct measure from own").fetchall() == [("records",)]


def test_packages_that_are_no_yaml_are_named(tmp_path):
    (tmp_path / "dbt_project.yml").write_text("{name: other, vars: {crm_kpis: {}}}", encoding="utf-8")
    (tmp_path / "packages.yml").write_text("packages: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"(?s)packages\.yml can't be read as YAML: .* Correct it\."):
        link_package(tmp_path)


# A company that has been at work


@dataclass(frozen=True)
class Company:
    """A company's project after a run.

    Attributes:
        project: Its directory.
        changed: The files that were edited.
        written: The files that the run wrote.
    """

    project: Path
    changed: set[str]
    written: set[str]


def read_files(project: Path) -> dict[str, bytes]:
    """The files of a company's project, but for what runs write."""
    paths = {str(path.relative_to(project)): path for path in project.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if not name.startswith("output/")}


def add_large_deals(acme: Path, measure: str = "large_deals_won") -> None:
    """Add a KPI as the README of the project says: a line, a row, and the test without its comments."""
    model = acme / "models" / "measures" / "own_measures.sql"
    model.write_text(model.read_text(encoding="utf-8").replace("    -- count", "    count"), encoding="utf-8")
    kpis = acme / "settings" / "own_kpis.csv"
    names = kpis.read_text(encoding="utf-8").splitlines()[0].split(",")
    row = {
        "kpi_id": "large_deals_won",
        "area": "sales",
        "label_en": "Large deals won",
        "unit": "count",
        "good": "up",
        "aggregation": "total",
        "numerator": measure,
        "segments": "team",
    }
    line = ",".join(row.get(name, "") for name in names)
    kpis.write_text(f"{','.join(names)}\n{line}\n", encoding="utf-8")
    test = acme / "models" / "measures" / "_unit_tests.yml"
    lines = test.read_text(encoding="utf-8").splitlines()
    start = lines.index("# unit_tests:")
    lines[start:] = [line.removeprefix("# ") for line in lines[start:]]
    test.write_text("\n".join(lines), encoding="utf-8")


def add_settings(acme: Path) -> None:
    """Add a column as a segment, a fiscal year and a holiday."""
    deals = acme / "raw" / "deals.csv"
    header, *lines = deals.read_text(encoding="utf-8").splitlines()
    regions = ("Nord", "Süd", "")
    lines = [f"{line},{regions[number % 3]}" for number, line in enumerate(lines)]
    deals.write_text("\n".join([f"{header},sales_region", *lines]) + "\n", encoding="utf-8")
    with (acme / "settings" / "own_columns.csv").open("a", encoding="utf-8") as columns:
        columns.write("deals,sales_region,,,Region,Gebiet,,large_deals_won|win_rate\n")
    with (acme / "settings" / "settings.yml").open("a", encoding="utf-8") as keys:
        keys.write("fiscal_year_starts_in: 4\n")
    with (acme / "settings" / "holidays.csv").open("a", encoding="utf-8") as holidays:
        holidays.write("2026-05-04,Moving day\n")


def write_small_company(project: Path) -> None:
    """A small company, for speed: a deal every ten days for a year and a half, every third one large."""
    days = [date(2025, 1, 1) + timedelta(days=10 * number) for number in range(54)]
    deals = []
    for number, day in enumerate(days):
        status, amount = "won" if number % 4 else "lost", 800 if number % 3 else 12000
        deals.append(f"D{number},{day},{status},{day + timedelta(days=5)},{amount},U{number % 5}")
    tables = {
        "deals": ["deal_id,created_at,status,closed_at,amount,owner_id", *deals],
        "users": ["user_id,name,team", "U0,Ada,North", "U1,Bob,South", "U2,Cem,North"],
    }
    for name, lines in tables.items():
        (project / "raw" / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (project / "settings" / "business_hours.csv").open("a", encoding="utf-8") as hours:
        hours.writelines(f"{weekday},09:00,17:00\n" for weekday in range(1, 6))


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Take from a directory's files and directories the right to write them."""
    paths = [directory, *directory.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)


@pytest.fixture(scope="module")
def acme(environment, tmp_path_factory) -> Company:
    """A project to which a company has added what it needs, after a run; of the sample in `make test-all`."""
    directory = tmp_path_factory.mktemp("company")
    succeeded(environment.run("crm-kpis", "init", "acme", *(["--sample"] if IS_FULL else []), cwd=directory))
    project = directory / "acme"
    if not IS_FULL:
        write_small_company(project)
    before = read_files(project)
    add_large_deals(project)
    add_settings(project)
    after = read_files(project)
    with read_only(environment.packages / "crm_kpis"):
        succeeded(environment.run("crm-kpis", "run", cwd=project))
    paths = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    return Company(project, {name for name in after if after[name] != before.get(name)}, paths - set(after))


@pytest.mark.slow
def test_a_company_edits_its_own_files_alone(acme):
    assert acme.changed == {
        "models/measures/_unit_tests.yml",
        "models/measures/own_measures.sql",
        "raw/deals.csv",
        "settings/holidays.csv",
        "settings/own_columns.csv",
        "settings/own_kpis.csv",
        "settings/settings.yml",
    }
    assert {name.split("/")[0] for name in acme.written} == {"output"}


@pytest.mark.slow
def test_a_run_writes_nothing_where_the_package_is_installed(acme, environment, wheel):
    # Root may write to what is read-only, so the files are looked at, too.
    installed = environment.packages / "crm_kpis"
    files = {str(path.relative_to(environment.packages)) for path in installed.rglob("*") if path.is_file()}
    written = {name for name in files if "__pycache__" not in name} - set(zipfile.ZipFile(wheel).namelist())
    assert not written


@pytest.mark.slow
def test_what_a_company_adds_is_in_its_marts(acme):
    output = acme.project / "output"
    large = "is_won and amount >= 10000"
    assert published(
        output,
        "select segment_by, segment, kpi_value from marts.kpi_values"
        " where kpi_id = 'large_deals_won' and period_grain = 'all' and segment_by in ('all', 'sales_region')"
        " order by all",
    ) == published(
        output,
        f"select 'all', 'all', count(*) filter (where {large}) from marts.fct_deals union all"
        f" select 'sales_region', sales_region, count(*) filter (where {large}) from marts.fct_deals"
        " where closed_on is not null group by sales_region order by all",
    )
    inputs = "select required_columns from marts.kpi_coverage where kpi_id = 'large_deals_won'"
    assert published(output, inputs) == [("deals.amount, deals.closed_at",)]
    grains = "select count(*) > 0 from marts.kpi_values where period_grain = 'fiscal_year'"
    assert published(output, grains) == [(True,)]
    with duckdb.connect(output / "warehouse.duckdb", read_only=True) as warehouse:
        closed = "select business_seconds from business_days where day = date '2026-05-04'"
        assert warehouse.execute(closed).fetchall() == [(0,)]


@pytest.mark.slow
def test_plain_dbt_build_works_after_a_run(acme, environment):
    command = ("dbt", "build", *([] if IS_FULL else ["--select", *REACHED]))
    # The run has parsed the project; dbt by hand would parse it once more, and keep that in target.
    parsed = str(acme.project / "output" / "dbt_target" / "partial_parse.msgpack")
    given = {} if IS_FULL else {"DBT_PARTIAL_PARSE_FILE_PATH": parsed}
    done = succeeded(environment.run(*command, cwd=acme.project, **given))
    assert "large_deals_won_counts_deals_of_ten_thousand_and_more" in done
    assert "unit_test kpi_values::" in done
    assert re.search(r"PASS=\d{2,} WARN=0 ERROR=0 SKIP=0 ", done), done[-300:]
    assert "WARNING" not in done


@pytest.mark.slow
def test_a_measure_that_no_model_computes_is_named(acme, environment):
    kpis = acme.project / "settings" / "own_kpis.csv"
    rows = kpis.read_text(encoding="utf-8")
    kpis.write_text(rows.replace("total,large_deals_won", "total,larg_deals_won"), encoding="utf-8")
    try:
        for command in (("crm-kpis", "run"), ("dbt", "build")):
            done = environment.run(*command, cwd=acme.project)
            assert done.returncode == 2
            said = "own_kpis.csv, line 2, numerator: no model computes the measure 'larg_deals_won'."
            assert f"{said} Did you mean large_deals_won?" in done.stdout + done.stderr
    finally:
        kpis.write_text(rows, encoding="utf-8")


def test_a_measure_of_a_model_that_is_not_listed_is_named(tmp_path, monkeypatch):
    acme = init_project(tmp_path / "acme")
    add_large_deals(acme)
    monkeypatch.chdir(acme)
    read_settings(acme / "settings")
    project = acme / "dbt_project.yml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("own_measures: [own_measures]", "own_measures: []"), encoding="utf-8")
    said = r"the var own_measures in dbt_project\.yml does not list the model own_measures, which computes"
    with pytest.raises(InputError, match=said):
        read_settings(acme / "settings")


@pytest.mark.slow
def test_a_company_goes_on_after_an_upgrade(environment, wheel, acme, tmp_path):
    before = published(acme.project / "output", "from marts.kpi_values order by all")
    files = read_files(acme.project)
    environment.install(_change_version(wheel, tmp_path / "upgraded"))
    try:
        succeeded(environment.run("crm-kpis", "run", cwd=acme.project))
    finally:
        environment.install(wheel)
    assert read_files(acme.project) == files
    assert published(acme.project / "output", "from marts.kpi_values order by all") == before
    versions = "select crm_kpis_version from marts.runs order by published_at"
    assert [version for (version,) in published(acme.project / "output", versions)][1:] == ["99.0.0"]


def _change_version(wheel: Path, directory: Path) -> Path:
    """A newer build, whose dbt project lies elsewhere in the wheel and has another line in a model."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    metadata = next(directory.glob("*.dist-info"))
    text = (metadata / "METADATA").read_text(encoding="utf-8")
    version = next(line for line in text.splitlines() if line.startswith("Version: "))
    (metadata / "METADATA").write_text(text.replace(version, "Version: 99.0.0"), encoding="utf-8")
    metadata.rename(directory / "crm_kpis-99.0.0.dist-info")
    model = directory / "crm_kpis" / "dbt" / "models" / "kpis" / "kpi_values.sql"
    model.write_text(f"-- Of a newer build.\n{model.read_text(encoding='utf-8')}", encoding="utf-8")
    newer = directory.with_name("crm_kpis-99.0.0-py3-none-any.whl")
    with zipfile.ZipFile(newer, "w") as archive:
        for path in sorted(directory.rglob("*")):
            archive.write(path, path.relative_to(directory))
    return newer


# Own KPIs


def test_an_own_kpi_has_each_column_that_the_catalogue_must_have():
    (catalogue,) = (
        seed
        for seed in parse_yaml((PROJECT_DIR / "seeds" / "_seeds.yml").read_text(encoding="utf-8"))["seeds"]
        if seed["name"] == "kpi_catalogue"
    )
    needed = catalogue["data_tests"][0]["integrity"]["arguments"]
    macro = (PROJECT_DIR / "macros" / "own_kpis.sql").read_text(encoding="utf-8")
    inserted = set(re.findall(r"\w+", macro.partition("insert into {{ this }} (")[2].partition(")")[0]))
    assert {*needed["key"], *needed["sets"], *needed["never_null"]} <= inserted
