"""Fixtures that every test may use."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from zlib import crc32

import corruptions
import duckdb
import fork_server
import pytest
from crm_kpis.files import read_umask
from crm_kpis.generate.run import generate
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.run.build import BuildOptions
from crm_kpis.run.input_hash import hash_inputs
from crm_kpis.settings.read import read_settings
from pipeline import (
    SAMPLE_DIR,
    WITHOUT_REPORT,
    Build,
    CompiledProject,
    build,
    build_compiled,
    dbt_build_as_in_readme,
)
from sizes import IS_FULL

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
BuildOnce = Callable[..., Build]


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what a mark deselects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what needs a build, which a change of a model or of the package makes anew.

    Where mutate.py gives the build of the sample, that is the tests which need another one.
    """
    is_given = "CRM_KPIS_SAMPLE_BUILD" in os.environ
    builds = {"small_build", "corrupted_build", "root_build", "service"} if is_given else {"build_once"}
    for item in items:
        if isinstance(item, pytest.Function) and builds & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Let Python's collector look no more at what is there from now to the end: modules and tests."""
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def umask() -> Iterator[int]:
    """The umask of this process, put back where a build by dbt within it has set another."""
    mask = read_umask()
    yield mask
    os.umask(mask)


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
        return fork_server.run(
            "crm_kpis.cli:main",
            *arguments,
            cwd=tmp_path,
            environment=os.environ | environment,
            timeout_s=timeout,
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
    """Build under a name once in the session, whichever of pytest's processes asks first; the others wait.

    A build of the sample is kept for the sessions to come, until anything changes from which it is made.
    """
    session = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent  # of all workers

    def make(
        name: str,
        *arguments: str | Path,
        builder: Callable[..., Build] = build,
        keep: bool = False,
        **options: str,
    ) -> Build:
        directory = _kept_builds() if keep else session
        output, result_file = directory / name, directory / f"{name}.json"
        with (directory / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = _read_build(result_file, output)
            if result is None:
                shutil.rmtree(output, ignore_errors=True)
                result = builder(output, *arguments, **options)
                written = asdict(result) | {"output": str(output), "files": _list_files(output)}
                result_file.write_text(json.dumps(written), encoding="utf-8")
        return result

    return make


@cache
def _kept_builds() -> Path:
    """A directory for what is built from the project as it is now; those of other states are removed."""
    options = BuildOptions(SAMPLE_DIR, PROJECT_DIR / "output", as_of=None, snapshots=PROJECT_DIR / "none")
    builds = PROJECT_DIR / ".pytest_cache" / "builds"
    directory = builds / hash_inputs(options, inspect(SAMPLE_DIR), read_settings(options.settings_dir))
    directory.mkdir(parents=True, exist_ok=True)
    for other in set(builds.iterdir()) - {directory}:
        shutil.rmtree(other, ignore_errors=True)
    return directory


def _read_build(result_file: Path, output: Path) -> Build | None:
    """What was built, unless it is missing or not as it was left."""
    if not result_file.exists():
        return None
    result = json.loads(result_file.read_text(encoding="utf-8"))
    if result.pop("files") != _list_files(output):
        return None
    return Build(**result | {"output": output})


def _list_files(directory: Path) -> dict[str, int]:
    """The time of the last change of each file."""
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def sample_build(build_once: BuildOnce) -> Build:
    """The shipped sample, built by `crm-kpis run`.

    CRM_KPIS_SAMPLE_BUILD may name a JSON file with the attributes of another build of it: mutate.py's.
    """
    if "CRM_KPIS_SAMPLE_BUILD" in os.environ:
        given = json.loads(Path(os.environ["CRM_KPIS_SAMPLE_BUILD"]).read_text(encoding="utf-8"))
        return Build(**given | {"output": Path(given["output"])})
    result = build_once("sample", keep=True)
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


@pytest.fixture(scope="session")
def small_build(build_once: BuildOnce, sample_build: Build) -> Build:
    """A made-up company a tenth as large as the sample, built once; its tables are in `exports` beside."""

    def build_company(output: Path) -> Build:
        raw_dir = output.with_name("exports")
        shutil.rmtree(raw_dir, ignore_errors=True)
        generate(raw_dir, deals=100, flaws=False, file_format="csv")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CRM_KPIS_TODAY", "2026-07-01")
            return build_compiled(sample_build, output, WITHOUT_REPORT, "--raw-dir", raw_dir)

    result = build_once("company_of_100_deals", builder=build_company, keep=True)
    assert result.status == 0, result.all_output
    return result


@pytest.fixture(scope="session")
def corrupted_build(build_once: BuildOnce, sample_build: Build) -> Build:
    """A corrupted directory, published by `crm-kpis run` with the compiled SQL."""

    def build_corrupted(output: Path) -> Build:
        return build_compiled(sample_build, output, "--raw-dir", _write_corrupted(output.parent))

    return build_once(f"published_{_corruption()}", builder=build_corrupted, keep=True)


@pytest.fixture(scope="session")
def root_build(build_once: BuildOnce, corrupted_build: Build) -> Build:
    """The same directory, built by the `dbt build` of the README: all models, data tests and unit tests."""

    def build_corrupted(output: Path) -> Build:
        return dbt_build_as_in_readme(output, _write_corrupted(output.parent))

    return build_once(f"dbt_{_corruption()}", builder=build_corrupted, keep=True)


def _corruption() -> str:
    """A name for what corruptions.py makes, as it is now."""
    source = "sample" if IS_FULL else "company"
    return f"corrupted_{source}_{crc32(Path(corruptions.__file__).read_bytes()):08x}"


def _write_corrupted(directory: Path) -> Path:
    corrupted = directory / _corruption()
    if not corrupted.exists():
        with tempfile.TemporaryDirectory() as written:
            source = corruptions.write_source(Path(written, "source"))
            made = corruptions.corrupt(source, corruptions.BUILT, Path(written, "corrupted"))
            shutil.move(made.path, corrupted)
    return corrupted


@pytest.fixture
def small_dir(small_build: Build, tmp_path: Path) -> Path:
    """The tables of the small company in a directory of the test's own."""
    return shutil.copytree(small_build.output.with_name("exports"), tmp_path / "exports")
