"""Exit statuses, and the record of every run, held against its schema however the run ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from crm_kpis.errors import InputError, MachineError
from crm_kpis.files import private_files, read_umask, write_whole
from crm_kpis.project import PROJECT_DIR
from crm_kpis.raw.raw_directory import inspect
from crm_kpis.run import steps
from crm_kpis.run.input_hash import hash_read
from crm_kpis.run.lock import lock_output
from crm_kpis.run.record import RunRecord, classify, is_of_machine, recorded
from crm_kpis.settings.read import read_settings
from jsonschema import Draft202012Validator
from pipeline import SAMPLE_DIR, Build, build, build_compiled, read_csv, write_csv
from receivers import webhook

_SCHEMA = json.loads((PROJECT_DIR / "docs" / "run.schema.json").read_text(encoding="utf-8"))
_RUNNER = [sys.executable, "-m", "crm_kpis.cli", "run", "--output"]


def read_record(output: Path) -> dict:
    """The record of the last run, which is valid, and the last line of the log, which is the same."""
    record = json.loads((output / "run.json").read_text(encoding="utf-8"))
    Draft202012Validator(_SCHEMA).validate(record)
    return record


def read_log(output: Path) -> list[dict]:
    lines = [json.loads(line) for line in (output / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines:
        Draft202012Validator(_SCHEMA).validate(line)
    return lines


def ended(record: dict) -> tuple[object, ...]:
    return record["status"], record["exit_status"], record["reason"]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, small_build: Build) -> tuple[Path, Build]:
    """A raw directory of a company, and its first run."""
    output = tmp_path_factory.mktemp("record") / "output"
    shutil.copytree(small_build.output, output)
    return small_build.output.with_name("exports"), replace(small_build, output=output)


def test_success_unchanged_and_warning(once: tuple[Path, Build], monkeypatch: pytest.MonkeyPatch):
    raw_dir, first = once
    assert first.status == 0, first.all_output
    record = read_record(first.output)
    assert ended(record) == ("published", 0, None)
    assert {table["table"]: table["rows_read"] for table in record["tables"]}["deals"] == len(
        read_csv(raw_dir / "deals.csv").rows
    )
    assert read_log(first.output) == [record]
    # Personal data are for the user alone.
    assert (first.output / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600
    # The data are too old: what does not change warns, too.
    monkeypatch.setenv("CRM_KPIS_TODAY", "2026-09-01")
    with webhook() as (hook, posts):
        again = build(first.output, "--raw-dir", raw_dir, "--fail-on-warn", "--notify", hook)
    assert [(post["title"], post["type"]) for post in posts] == [
        ("CRM KPIs: unchanged with warnings", "warning")
    ]
    assert posts[0]["message"].startswith("max_age: the data end on 2026-06-30, 63 days before today;")
    assert (again.status, "Nothing has changed" in again.stdout) == (3, True), again.all_output
    # The report, which it writes again, is for whom the umask lets read it.
    assert "No report." not in (first.output / "report.en.html").read_text(encoding="utf-8")
    assert (first.output / "report.en.html").stat().st_mode & 0o777 == 0o666 & ~read_umask()
    record = read_record(first.output)
    assert ended(record) == ("unchanged", 3, None)
    assert [(rule["rule"], rule["verdict"]) for rule in record["rules"]] == [("max_age", "warned")]
    assert len(read_log(first.output)) == 2


def test_an_unchanged_run_says_once_how_old_the_data_are(
    once: tuple[Path, Build], monkeypatch: pytest.MonkeyPatch
):
    raw_dir, first = once
    with duckdb.connect(first.output / "kpis.duckdb") as connection:
        warnings = "Age of the data: the data end on 2026-06-30, 41 days before today\nEvents after today: 1"
        connection.execute("update marts.runs set warnings = ?", [warnings])
    monkeypatch.setenv("CRM_KPIS_TODAY", "2026-09-01")
    again = build(first.output, "--raw-dir", raw_dir)
    assert "Nothing has changed" in again.stdout, again.all_output
    record = read_record(first.output)
    assert record["warnings"] == ["Events after today: 1"]
    assert [rule["found"] for rule in record["rules"]] == ["the data end on 2026-06-30, 63 days before today"]


def test_a_failed_test(sample_build: Build, small_dir: Path, tmp_path: Path):
    # Before everything that happened, so that no KPI has a value where raw rows are.
    arguments = ("--raw-dir", small_dir, "--as-of", "1999-01-01")
    done = build_compiled(sample_build, tmp_path / "output", *arguments)
    assert done.status == 1, done.all_output
    record = read_record(tmp_path / "output")
    assert ended(record) == ("failed", 1, "test")
    assert record["message"].startswith("test assert_kpis_are_there_where_raw_rows_are: ")


def test_a_rollback_is_a_line_of_the_log(once: tuple[Path, Build], tmp_path: Path, run_cli):
    _, first = once
    for name in ("kpis.duckdb", "runs.jsonl"):
        shutil.copy2(first.output / name, tmp_path / name)
    nothing = run_cli("rollback", "--output", tmp_path)
    assert (nothing.returncode, "No published file earlier" in nothing.stderr) == (2, True)
    (tmp_path / "earlier").mkdir()
    run_id = read_log(tmp_path)[0]["run_id"]
    shutil.copy2(first.output / "kpis.duckdb", tmp_path / "earlier" / f"kpis-{run_id}.duckdb")
    (tmp_path / "kpis.duckdb").unlink()
    done = run_cli("rollback", run_id, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"of the run {run_id}" in done.stdout
    assert (tmp_path / "kpis.duckdb").read_bytes() == (first.output / "kpis.duckdb").read_bytes()
    *_, last = read_log(tmp_path)
    assert ended(last) == ("rolled_back", 0, None)
    assert run_id in last["message"]


def test_bad_settings(tmp_path: Path):
    (tmp_path / "settings.yml").write_text("churn_after_days: soon\n", encoding="utf-8")
    done = build(tmp_path / "output", "--raw-dir", SAMPLE_DIR, "--settings", tmp_path)
    # The output directory is in the settings directory, which holds nothing else.
    assert done.status == 2, done.all_output
    record = read_record(tmp_path / "output")
    assert ended(record) == ("failed", 2, "input")
    assert "churn_after_days" in record["message"]


def test_a_run_that_is_refused_is_a_line_of_the_log(tmp_path: Path):
    refused = build(tmp_path, "--accept", "rows_less:deals")
    assert refused.status == 2, refused.all_output
    assert "there is no rule 'rows_less'" in read_record(tmp_path)["message"]
    before = (tmp_path / "run.json").read_bytes()
    with lock_output(tmp_path):
        locked = build(tmp_path)
    assert locked.status == 2, locked.all_output
    # run.json is of the run that has the lock.
    assert (tmp_path / "run.json").read_bytes() == before
    *_, last = read_log(tmp_path)
    assert ended(last) == ("failed", 2, "input")
    assert "Another run" in last["message"]


def test_a_log_that_can_not_be_written_is_warned_of(tmp_path: Path):
    (tmp_path / "runs.jsonl").mkdir()
    done = build(tmp_path, "--accept", "rows_less:deals")
    assert done.status == 2, done.all_output
    assert "runs.jsonl can't be written: Is a directory. This run is no line of it." in done.stderr


def test_bad_input(tmp_path: Path):
    done = build(tmp_path / "output", "--raw-dir", tmp_path / "nowhere")
    assert done.status == 2, done.all_output
    record = read_record(tmp_path / "output")
    assert ended(record) == ("failed", 2, "input")
    assert "does not exist" in record["message"]


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path):
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=3m tmpfs '{small}'"
    unshare = [shutil.which("unshare") or "false", "--mount", "sh", "-c"]
    if subprocess.run([*unshare, mount], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    script = f'{mount} && "$@"; status=$?; cat "{small}/run.json"; exit $status'
    done = subprocess.run(
        [*unshare, script, "sh", *_RUNNER, str(small), "--raw-dir", str(SAMPLE_DIR)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    record = json.loads(
        done.stdout[done.stdout.index('{"schema_version"' if '{"schema_version"' in done.stdout else "{\n") :]
    )
    Draft202012Validator(_SCHEMA).validate(record)
    assert ended(record) == ("failed", 4, "machine")


def end_by(number: signal.Signals, output: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Begin a run, and send it a signal."""
    command = [*_RUNNER, str(output), *arguments]
    # dbt's own variables, which a test of dbt in this process may have left, are not those of a scheduler.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "CRM_KPIS_"))
    }
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 120
    while not (output / "run.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, number)
    process.wait()
    return process


@pytest.mark.slow
def test_a_run_that_a_scheduler_ends_is_recorded_and_told(tmp_path: Path):
    with webhook() as (hook, posts):
        process = end_by(signal.SIGTERM, tmp_path / "output", "--notify", hook)
    # Where dbt was running code that it makes, Python ends by the signal, which a shell tells as 130, too.
    assert process.returncode in (130, -signal.SIGINT)
    assert ended(read_record(tmp_path / "output")) == ("failed", 130, "interrupted")
    assert [post["title"] for post in posts] == ["CRM KPIs: nothing published"]


DROPPED = """
import os, signal, time
from crm_kpis import cli

class Dropped:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)

def run(**_):
    Dropped()
    time.sleep(10)

cli.cli.main = run
cli.main()
"""


def test_an_interruption_that_python_drops_is_raised_again():
    done = subprocess.run([sys.executable, "-c", DROPPED], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


@pytest.mark.slow
def test_a_killed_run_is_filed_by_the_next(tmp_path: Path):
    output = tmp_path / "output"
    process = end_by(signal.SIGKILL, output)
    record = read_record(output)
    assert ended(record) == ("running", None, None)
    assert record["pid"] == process.pid
    assert build(output, "--raw-dir", tmp_path / "nowhere").status == 2
    killed, failed = read_log(output)
    assert (killed["run_id"], ended(killed)) == (record["run_id"], ("killed", None, "killed"))
    assert ended(failed) == ("failed", 2, "input")


def test_what_is_written_respects_the_umask(tmp_path: Path):
    before = read_umask()
    for mask, mode in ((0o022, 0o644), (0o027, 0o640)):
        os.umask(mask)
        write_whole(tmp_path / "report", "x")
        assert (tmp_path / "report").stat().st_mode & 0o777 == mode
        with private_files():
            (tmp_path / "warehouse").write_text("x", encoding="utf-8")
        assert (tmp_path / "warehouse").stat().st_mode & 0o777 == 0o600
        (tmp_path / "warehouse").unlink()
        assert read_umask() == mask
    os.umask(before)


def test_errors_have_an_exit_status():
    assert classify(MachineError("x")) == (4, "machine")
    assert classify(OSError(28, "No space left on device")) == (4, "machine")
    assert classify(InputError("x")) == (2, "input")
    assert classify(KeyboardInterrupt()) == (130, "interrupted")
    assert classify(ValueError()) == (1, "build")
    assert is_of_machine("IO Error: Could not write file: No space left on device")
    assert is_of_machine("Out of Memory Error: failed to allocate")
    assert not is_of_machine("Binder Error: no column amount")


def test_the_end_is_written_to_a_full_disk_in_place_of_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from datetime import date  # noqa: PLC0415

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineError), recorded(tmp_path, "company", date(2026, 7, 1)) as record:  # noqa: PT012
        assert isinstance(record, RunRecord)
        monkeypatch.setattr("crm_kpis.run.record.write_whole", refuse)
        record.values["warnings"] = ["x" * 20_000]
        raise MachineError("the disk is full")
    assert ended(read_record(tmp_path)) == ("failed", 4, "machine")


@pytest.fixture
def hashed(tmp_path: Path) -> steps._Inputs:
    """A raw directory of one table, when a run has begun."""
    file = read_csv(SAMPLE_DIR / "users.csv")
    write_csv(tmp_path / "users.csv", file.header, list(file.rows.values()))
    raw_directory, settings = inspect(tmp_path), read_settings(None)
    stamps, hashes = steps._stamp(raw_directory, settings), hash_read(raw_directory, settings)
    return steps._Inputs(raw_directory, settings, stamps, hashes, "")


def test_a_raw_file_that_changes_while_it_is_read(hashed: steps._Inputs, tmp_path: Path):
    steps._check_unchanged(hashed)
    # Also where size, time and content are as before: nobody sets the ctime.
    stat, content = (tmp_path / "users.csv").stat(), (tmp_path / "users.csv").read_bytes()
    (tmp_path / "users.csv").write_bytes(content)
    os.utime(tmp_path / "users.csv", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(InputError, match=r"users\.csv changed while it was read, so nothing is published"):
        steps._check_unchanged(hashed)
    (tmp_path / "users.csv").unlink()
    with pytest.raises(InputError, match=r"users\.csv was there when the run began, and is not now"):
        steps._check_unchanged(hashed)


def test_a_raw_file_that_changes_and_keeps_its_stamp(
    hashed: steps._Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(steps, "_stamp", lambda *_: hashed.stamps)
    steps._check_unchanged(hashed)
    content = (tmp_path / "users.csv").read_bytes()
    (tmp_path / "users.csv").write_bytes(content[:-2] + b"9\n")
    with pytest.raises(InputError, match=r"users\.csv changed while it was read"):
        steps._check_unchanged(hashed)
