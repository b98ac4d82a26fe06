"""The record of a run for programs: run.json of the last one, and a line for each one in runs.jsonl.

docs/run.schema.json describes it. A run writes it when it begins, as `running`, and when it ends, however it
ends. One that was killed can't: its record still says `running`, and the next run files it as `killed`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from datetime import date, datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from crm_kpis.errors import InputError, MachineError
from crm_kpis.files import write_whole
from crm_kpis.project import PROJECT_DIR
from crm_kpis.run import messages
from crm_kpis.run.gate import Finding
from crm_kpis.run.observations import Observations
from crm_kpis.run.summary import Summary

FILE_NAME, LOG_NAME = messages.RECORD_NAME, "runs.jsonl"
SCHEMA_VERSION = 1
# The place that the file keeps, so that its end can be written to a full disk.
_SIZE = 16 << 10
# Rows may be personal; programs read English, and the name of the rule.
_NOT_RECORDED = {"examples", "label", "label_de", "expected_de", "found_de"}


class RunRecord:
    """What run.json says of a run.

    Args:
        output: The output directory.
        raw_directory: The name of the raw directory.
        today: The day of the run.
    """

    def __init__(self, output: Path, raw_directory: str, today: date) -> None:
        """Begin the record."""
        self._output = output
        self.started = datetime.now(timezone.utc)
        self.values: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.started.strftime("%Y%m%dT%H%M%S.%fZ"),
            "status": "running",
            "exit_status": None,
            "reason": None,
            "message": None,
            "pid": os.getpid(),
            "started_at": self.started.isoformat(timespec="seconds"),
            "ended_at": None,
            "seconds": None,
            "today": today.isoformat(),
            "crm_kpis_version": version("crm-kpis"),
            "git_commit": _read_commit(),
            "raw_directory": raw_directory,
            "as_of": None,
            "as_of_source": None,
            "tests": {},
            "tables": [],
            "rules": [],
            "warnings": [],
            "kpis_moved": [],
            "files": {},
        }

    @property
    def run_id(self) -> str:
        """The run's name: its time in UTC."""
        return self.values["run_id"]

    @property
    def warnings(self) -> list[str]:
        """What went to standard error as a warning."""
        return self.values["warnings"]

    @warnings.setter
    def warnings(self, warnings: list[str]) -> None:
        self.values["warnings"] = warnings

    def warn(self, message: str) -> None:
        """Print a warning and note it."""
        messages.warn(message)
        self.warnings.append(message)

    def add_summary(self, summary: Summary, last_rows: dict[str, int], test_counts: dict[str, int]) -> None:
        """Note what was read and tested.

        Args:
            summary: What the warehouse holds.
            last_rows: The rows that the last publication read, by raw table.
            test_counts: The tests by how they ended.
        """
        self.values |= {
            "as_of": summary.as_of.isoformat() if summary.as_of else None,
            "as_of_source": summary.as_of_source or None,
            "tests": test_counts,
            "tables": [
                asdict(row) | {"last_rows_read": last_rows.get(row.table)} for row in summary.raw_counts
            ],
        }

    def add_moves(self, observations: Observations) -> None:
        """Note the KPIs whose closed months moved, those that moved most first."""
        moved = [(move.share, kpi_id, move) for kpi_id, move in observations.moves.items() if move.share]
        self.values["kpis_moved"] = [
            {
                "kpi_id": kpi_id,
                "share": share,
                "period_name": move.largest[0][0],
                "before": move.largest[0][1],
                "after": move.largest[0][2],
            }
            for share, kpi_id, move in sorted(moved, key=lambda item: (-item[0], item[1]))
        ]

    def add_findings(self, findings: list[Finding]) -> None:
        """Note what the gate found."""
        self.values["rules"] = [
            {key: value for key, value in asdict(finding).items() if key not in _NOT_RECORDED}
            | {"verdict": _verdict(finding)}
            for finding in findings
        ]

    def end(
        self, status: str, exit_status: int, reason: str | None = None, message: str | None = None
    ) -> None:
        """Note how the run ended.

        Args:
            status: published, unchanged, rolled_back or failed.
            exit_status: That of the command.
            reason: Of a failed run: input, test, gate, build, machine or interrupted.
            message: What is wrong, in the first lines.
        """
        ended = datetime.now(timezone.utc)
        self.values |= {
            "status": status,
            "exit_status": exit_status,
            "reason": reason,
            "message": message,
            "ended_at": ended.isoformat(timespec="seconds"),
            "seconds": round((ended - self.started).total_seconds(), 3),
        }

    def fail(self, error: BaseException) -> None:
        """Note that an error ended the run."""
        status, reason = classify(error)
        self.end("failed", status, reason, str(error) or type(error).__name__)

    def write(self) -> None:
        """Write run.json; it never fails, since it must not change how the run ends."""
        text = json.dumps(self.values, indent=1, ensure_ascii=False)
        try:
            write_whole(self._output / FILE_NAME, f"{text.ljust(_SIZE)}\n")
        except OSError:
            # The disk is full: the place of the record of the beginning is there.
            brief = self.values | {"tables": [], "rules": [], "warnings": [], "kpis_moved": []}
            encoded = json.dumps(brief).encode()
            with suppress(OSError), (self._output / FILE_NAME).open("r+b") as file:
                size = os.fstat(file.fileno()).st_size
                if len(encoded) <= size:
                    file.write(encoded.ljust(size))

    def log(self) -> None:
        """Append the run to runs.jsonl."""
        _append(self._output, self.values)


@contextmanager
def recorded(
    output: Path,
    raw_directory: str,
    today: date,
    lock: AbstractContextManager[None] | None = None,
    at_end: Callable[[RunRecord], None] | None = None,
) -> Iterator[RunRecord]:
    """Record a run from its beginning to its end, also where it ends with an error.

    A run that does not get the lock leaves run.json to the one that has it, and is a line of runs.jsonl.

    Args:
        output: The output directory.
        raw_directory: The name of the raw directory.
        today: The day of the run.
        lock: Locks the output directory; None: it is locked.
        at_end: Called with the record when it has ended.
    """
    record = RunRecord(output, raw_directory, today)
    try:
        with lock or nullcontext():
            _file_killed(output)
            record.write()
            try:
                yield record
            except BaseException as error:
                record.fail(error)
                raise
            finally:
                record.write()
                record.log()
    except BaseException as error:
        if record.values["status"] == "running":
            record.fail(error)
            record.log()
        raise
    finally:
        if at_end:
            at_end(record)


def record_rollback(output: Path, run_id: str, today: date) -> None:
    """Append a rollback to runs.jsonl.

    Args:
        output: The output directory.
        run_id: The run whose published file was put back.
        today: The day of the rollback.
    """
    record = RunRecord(output, "", today)
    record.end("rolled_back", 0, message=f"The published file of the run {run_id} was put back.")
    record.values["files"] = {"published": str(output / "kpis.duckdb")}
    record.log()


def classify(error: BaseException) -> tuple[int, str]:
    """The exit status of a run that an error ended, and the reason in a word.

    Args:
        error: The error.
    """
    if isinstance(error, (MachineError, MemoryError, OSError, duckdb.OutOfMemoryException)):
        return 4, "machine"
    if isinstance(error, InputError):
        return 2, "input"
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted"
    return (4, "machine") if is_of_machine(str(error)) else (1, "build")


def is_of_machine(message: str) -> bool:
    """Whether DuckDB's message says that disk, memory or permission is missing, not that SQL is wrong."""
    words = ("out of memory", "no space left", "permission denied", "could not allocate", "file too large")
    low = message.lower()
    return any(word in low for word in (*words, "max_temp_directory_size", "read-only file system"))


def _verdict(finding: Finding) -> str:
    if finding.is_accepted:
        return "accepted"
    return "failed" if finding.stops else "warned"


def _file_killed(output: Path) -> None:
    """Append the last run to runs.jsonl where it was killed: the lock is ours, so it no longer runs."""
    with suppress(OSError, ValueError, AttributeError):
        last = json.loads((output / FILE_NAME).read_text(encoding="utf-8"))
        if last.get("status") == "running":
            _append(output, last | {"status": "killed", "reason": "killed"})


def _append(output: Path, values: dict[str, Any]) -> None:
    try:
        with (output / LOG_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(values, ensure_ascii=False) + "\n")
    except OSError as error:
        # It must not change how the run ends. Where nothing can be written there, that is said already.
        if output.is_dir() and os.access(output, os.W_OK):
            messages.warn(
                f"{output / LOG_NAME} can't be written: {error.strerror}. This run is no line of it."
            )


def _read_commit() -> str | None:
    """The commit of the project's checkout; None where it is none."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            ["git", "-C", str(PROJECT_DIR), "rev-parse", "HEAD"],  # noqa: S607 - the git of the user's path
            capture_output=True, text=True, check=True, timeout=5,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
