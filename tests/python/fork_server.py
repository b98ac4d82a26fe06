"""Runs commands in forks of one process that has used dbt: to import it takes longer than a small build.

As a program it reads requests from standard input, one JSON object a line, and answers each with the status
of its process. `run` asks it, and starts it where it does not run yet: one for each of pytest's processes.
"""

from __future__ import annotations

import atexit
import gc
import json
import logging
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

_IMPORTED = ("dbt.cli.main", "dbt.adapters.duckdb.connections", "dbt.task.build", "crm_kpis.run.build")


def run(
    entry_point: str, *arguments: str | Path, cwd: Path, environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Call a function in a process of its own, with arguments as a console script has them.

    Args:
        entry_point: The function as `module:name`.
        arguments: What follows the name of the command.
        cwd: The directory to run in.
        environment: All environment variables.
        timeout_s: How long it may take, in seconds; then the server is ended.

    Raises:
        subprocess.TimeoutExpired: It took longer.
    """
    command = [entry_point, *map(str, arguments)]
    with tempfile.TemporaryDirectory() as directory:
        stdout, stderr = Path(directory, "stdout"), Path(directory, "stderr")
        request = {
            "command": command,
            "cwd": str(cwd),
            "environment": dict(environment),
            "outputs": [str(stdout), str(stderr)],
        }
        status = _ask(request, timeout_s)
        return subprocess.CompletedProcess(
            command, status, stdout.read_text(encoding="utf-8"), stderr.read_text(encoding="utf-8")
        )


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    # It ends when its input does.
    atexit.register(server.communicate)
    return server


def _ask(request: dict[str, object], timeout_s: float) -> int:
    server = _server()
    assert server.stdin
    assert server.stdout
    server.stdin.write(f"{json.dumps(request)}\n")
    server.stdin.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(server.stdout, selectors.EVENT_READ)
        if not selector.select(timeout_s):
            server.kill()
            server.wait()
            _server.cache_clear()
            raise subprocess.TimeoutExpired(str(request["command"]), timeout_s)
    return int(server.stdout.readline())


def _serve() -> None:
    for name in _IMPORTED:
        import_module(name)
    _use_once()
    # So that no fork copies what the collector would only touch.
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            # It ends as any program does: by returning, or by an exception.
            _become(**json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _use_once() -> None:
    """Let dbt run one model, so that no fork compiles its macros and what validates its objects once more."""
    project = {"name": "used", "profile": "used", "flags": {"send_anonymous_usage_stats": False}}
    profile = {"used": {"target": "memory", "outputs": {"memory": {"type": "duckdb"}}}}
    with tempfile.TemporaryDirectory() as directory:
        files = {"dbt_project.yml": project, "profiles.yml": profile}
        for name, content in files.items():
            Path(directory, name).write_text(json.dumps(content), encoding="utf-8")
        Path(directory, "models").mkdir()
        Path(directory, "models", "one.sql").write_text("select 1 as number", encoding="utf-8")
        # The static parser works in threads, which a fork of a process that has used it lacks: it would hang.
        options = ("--quiet", "--log-level", "none", "--log-level-file", "none", "--no-static-parser")
        run_dbt = import_module("dbt.cli.main").dbtRunner().invoke
        done = run_dbt([*options, "run", "--project-dir", directory, "--profiles-dir", directory])
        assert done.success, done.exception
    import_module("dbt.adapters.duckdb.connections").DuckDBConnectionManager.close_all_connections()
    # A command that does without dbt logs nothing to where dbt's libraries do.
    logging.getLogger().handlers.clear()


def _become(command: list[str], cwd: str, environment: dict[str, str], outputs: list[str]) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    module, _, name = command[0].partition(":")
    sys.argv = command
    sys.exit(getattr(import_module(module), name)())


if __name__ == "__main__":
    _serve()
