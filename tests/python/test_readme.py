"""What README and docs show works: their commands run, their queries return rows, their files are there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Container
from pathlib import Path

import duckdb
import pytest
from crm_kpis.published.connect import open_published
from crm_kpis.raw.contract import PROJECT_DIR
from pipeline import README_DBT_BUILD, WITHOUT_REPORT, Build, write_command

README = (PROJECT_DIR / "README.md").read_text(encoding="utf-8")
DOCS = sorted((PROJECT_DIR / "docs").glob("*.md"))
# What is run elsewhere: the whole of what runs this test, or more; by test_pipeline.py; and in
# docs/did_it_get_better.md, as of another day.
ELSEWHERE = {
    "make run",
    "make test",
    "make lint",
    README_DBT_BUILD,
    ".venv/bin/crm-kpis run --as-of 2025-12-31",
}

EXPORT = """Opportunity ID,Created Date,Is Won,Is Closed,Close Date,Stage,Owner ID,Amount
006A,2025-01-07,true,true,2025-02-03,Closed Won,U1,1200
006B,2025-01-09,false,false,2025-03-31,Proposal,U1,800
"""


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def run(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CRM_KPIS")}
    return subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def commands() -> list[str]:
    return [block.strip() for block in blocks("sh")]


def link_all(source: Path, target: Path, but: Container[str]) -> None:
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.name not in but:
            (target / path.name).symlink_to(path)


@pytest.fixture
def new_user(tmp_path: Path, sample_build: Build) -> Path:
    """A directory as the project's root is for a new user, who has an export of another CRM.

    Its `crm-kpis run` does without dbt, which test_pipeline.py runs as the README does, and without the
    report, which the sample's build writes.
    """
    link_all(PROJECT_DIR, tmp_path, {"output", "target", "logs", ".git", ".venv"})
    link_all(Path(sys.prefix), tmp_path / ".venv", {"bin"})
    link_all(Path(sys.prefix) / "bin", tmp_path / ".venv" / "bin", {"crm-kpis"})
    write_command(sample_build, tmp_path / ".venv" / "bin" / "crm-kpis", WITHOUT_REPORT)
    (tmp_path / "output").mkdir()
    (tmp_path / "my_crm").mkdir()
    (tmp_path / "opportunities.csv").write_text(EXPORT, encoding="utf-8")
    return tmp_path


def mapping_query() -> str:
    return next(block for block in blocks("sql") if block.startswith("copy"))


def map_the_export(directory: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"set file_search_path = '{directory}'")
        connection.execute(mapping_query().replace("'my_crm/", f"'{directory}/my_crm/"))


def test_every_command_is_tested() -> None:
    assert len(commands()) >= 8
    for command in commands():
        assert command in ELSEWHERE or command.startswith(".venv/bin/"), command
    assert set(commands()) >= ELSEWHERE
    told = (PROJECT_DIR / "docs" / "did_it_get_better.md").read_text(encoding="utf-8")
    assert any(block.startswith(".venv/bin/crm-kpis run --as-of 20") for block in blocks("sh", told))


@pytest.mark.parametrize("target", sorted({*re.findall(r"`?make ([\w-]+)`?", README)} - {"and"}))
def test_make_knows_the_target(target: str) -> None:
    done = run(f"make --dry-run {target}", PROJECT_DIR)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_commands_run_in_their_order(new_user: Path, sample_build) -> None:
    """Each block of the README, one after the other, as a reader would paste them."""
    shutil.copy(sample_build.published, new_user / "output")
    map_the_export(new_user)
    for command in commands():
        if command in ELSEWHERE:
            continue
        done = run(command, new_user)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (new_user / "made_up_crm" / "deals.parquet").exists()


def test_the_mapped_export_has_the_deals(new_user: Path) -> None:
    map_the_export(new_user)
    with duckdb.connect() as connection:
        deals = connection.execute(
            "select deal_id, status, closed_at from read_csv(?, all_varchar = true) order by 1",
            [str(new_user / "my_crm" / "deals.csv")],
        ).fetchall()
    assert deals == [("006A", "won", "2025-02-03"), ("006B", "open", None)]


@pytest.mark.parametrize("query", [block for block in blocks("sql") if not block.startswith("copy")])
def test_queries_return_rows(query: str, sample_build) -> None:
    with sample_build.connect() if "rejected_rows" in query else open_published(sample_build.output) as marts:
        assert marts.execute(query).fetchall()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_of_the_docs_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_python_of_the_docs_runs(page: Path, tmp_path: Path, sample_build) -> None:
    (tmp_path / "output").symlink_to(sample_build.output)
    for block in blocks("python", page.read_text(encoding="utf-8")):
        command = [sys.executable, "-c", block]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_commands_of_the_docs_run_in_their_order(page: Path, new_user: Path, sample_build) -> None:
    published = new_user / "output" / sample_build.published.name
    shutil.copy(sample_build.published, published)
    for block in blocks("sh", page.read_text(encoding="utf-8")):
        command = block.strip()
        if command == "make run":
            published.unlink()
            shutil.copy(sample_build.published, published)
            continue
        assert command.startswith(".venv/bin/"), command
        done = run(command, new_user)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_queries_of_the_docs_return_rows(page: Path, sample_build) -> None:
    with open_published(sample_build.output) as marts:
        for query in blocks("sql", page.read_text(encoding="utf-8")):
            rows = marts.execute(query).fetchall()
            # The sample has no part that lags behind the rest by more than is usual, as the page says.
            assert rows or "kpi_weak_spots" in query, query


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_rows_that_the_docs_show_are_in_the_files(page: Path) -> None:
    lines = {
        line
        for directory in ("seeds", "seeds/sample/settings")
        for table in (PROJECT_DIR / directory).glob("*.csv")
        for line in table.read_text(encoding="utf-8").splitlines()
    }
    for block in blocks("csv", page.read_text(encoding="utf-8")):
        assert set(block.splitlines()) <= lines


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    assert (PROJECT_DIR / link).exists()
