"""Fixtures that every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]


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
