"""Fixtures that every test may use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest
from pipeline import Build, CompiledProject, build

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
BuildOnce = Callable[..., Build]
_LONGEST_BUILD_S = 900


@pytest.fixture
def raw_dir(tmp_path: Path) -> Path:
    """An empty raw directory, whose name has whatever SQL and globs could trip over."""
    directory = tmp_path / "raw 'data' [1] day=3 *"
    directory.mkdir()
    return directory


@pytest.fixture
def write_csv(raw_dir: Path) -> Callable[..., Path]:
    """Write a CSV file into the raw directory: its lines, or its bytes as they are."""

    def write(name: str, *lines: str, data: bytes | None = None) -> Path:
        path = raw_dir / name
        path.write_bytes(data if data is not None else "".join(f"{line}\n" for line in lines).encode())
        return path

    return write


@pytest.fixture
def write_parquet(raw_dir: Path) -> Callable[[str, str], Path]:
    """Write what a query returns as a Parquet file into the raw directory."""

    def write(name: str, query: str) -> Path:
        path = raw_dir / name
        with duckdb.connect() as connection:
            connection.execute(
                f"copy ({query}) to '{str(path).replace(chr(39), chr(39) * 2)}' (format parquet)"
            )
        return path

    return write


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCli:
    """Run `crm-kpis` in a process of its own, in an empty directory, with its output taken up."""

    def run(
        *arguments: str | Path, timeout: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "crm_kpis.cli", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def ordinary_user() -> list[str]:
    """What to put before a command so that it may not write everywhere, as root may."""
    if os.geteuid() != 0:
        return []
    user = [shutil.which("setpriv") or "false", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run(
        [*user, sys.executable, "-c", "import duckdb"], capture_output=True, check=False
    ).returncode:
        pytest.skip("root may write everywhere, and another user can't run this Python")
    return user


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user may read; those of pytest are private."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """Build under a name once in the session, whichever of pytest's processes asks first; the others wait."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers

    def make(
        name: str, *arguments: str | Path, builder: Callable[..., Build] = build, **options: str
    ) -> Build:
        output, result_file = shared / name, shared / f"{name}.json"
        try:
            os.close(os.open(shared / f"{name}.lock", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return _wait_for(result_file)
        result = builder(output, *arguments, **options)
        unfinished = result_file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(result) | {"output": str(result.output)}), encoding="utf-8")
        unfinished.replace(result_file)
        return result

    return make


def _wait_for(result_file: Path) -> Build:
    deadline = time.monotonic() + _LONGEST_BUILD_S
    while not result_file.exists():
        assert time.monotonic() < deadline, f"no other process has written {result_file}"
        time.sleep(0.2)
    result = json.loads(result_file.read_text(encoding="utf-8"))
    return Build(**result | {"output": Path(result["output"])})


@pytest.fixture(scope="session")
def sample_build(build_once: BuildOnce) -> Build:
    """The shipped sample, built by `crm-kpis run`."""
    result = build_once("sample")
    assert result.status == 0, result.all_output
    return result


@pytest.fixture
def sample_warehouse(sample_build: Build) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of the shipped sample, read-only."""
    with sample_build.connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def compiled(sample_build: Build) -> CompiledProject:
    """The SQL of all models, to be run on other raw directories without dbt."""
    return CompiledProject(sample_build)
