"""One run at a time in an output directory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from crm_kpis.errors import InputError
from crm_kpis.run.lock import FILE_NAME, lock_output

HOLD = (
    "import sys; from pathlib import Path; from crm_kpis.run.lock import lock_output\n"
    "with lock_output(Path(sys.argv[1]), (lambda text: print(text, flush=True)) if sys.argv[2:] else None):\n"
    "    print('locked', flush=True)\n"
    "    sys.stdin.read()"
)


def hold_lock(output: Path, *arguments: str) -> subprocess.Popen[str]:
    """A process that holds the lock until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, output, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_the_second_run_is_told_who_is_at_work(run_cli, write_csv, raw_dir, tmp_path):
    write_csv("users.csv", "user_id")
    with hold_lock(tmp_path) as holder:
        assert holder.stdout.readline() == "locked\n"
        result = run_cli("run", "--raw-dir", raw_dir, "--output", tmp_path)
        holder.communicate()
    assert result.returncode == 2
    assert re.fullmatch(
        rf"Error: Another run, PID {holder.pid} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC, is at work in "
        rf"{re.escape(str(tmp_path))}\. Let it finish, add --wait, or choose another --output\.\n",
        result.stderr,
    )
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_run_that_waits_starts_when_the_other_ends(tmp_path):
    with hold_lock(tmp_path) as first:
        assert first.stdout.readline() == "locked\n"
        with hold_lock(tmp_path, "wait") as second:
            assert f"PID {first.pid}" in second.stdout.readline()
            first.communicate()
            assert second.communicate()[0] == "locked\n"


def test_the_lock_of_a_killed_run_is_free(tmp_path):
    with hold_lock(tmp_path) as killed:
        killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
    assert f'"pid": {killed.pid}' in (tmp_path / FILE_NAME).read_text()
    with lock_output(tmp_path):
        assert f'"pid": {os.getpid()}' in (tmp_path / FILE_NAME).read_text()
    assert (tmp_path / FILE_NAME).read_text() == ""


def test_the_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(KeyError), lock_output(tmp_path):
        raise KeyError
    with lock_output(tmp_path):
        pass


def test_a_holder_that_has_not_told_its_name_yet_is_told_of_all_the_same(tmp_path):
    with hold_lock(tmp_path) as holder:
        holder.stdout.readline()
        (tmp_path / FILE_NAME).write_text("")
        with pytest.raises(InputError, match=r"^Another run is at work in "), lock_output(tmp_path):
            pass
        holder.communicate()


def test_a_directory_that_cannot_be_written_is_refused(ordinary_user, open_directory):
    (open_directory / "users.csv").write_text("user_id\nU1\n")
    open_directory.chmod(0o555)
    command = [sys.executable, "-m", "crm_kpis.cli", "run"]
    done = subprocess.run(
        [*ordinary_user, *command, "--raw-dir", open_directory, "--output", open_directory],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr == (
        f"Error: The output directory {open_directory} can't be written: Permission denied. "
        "Choose another --output.\n"
    )
