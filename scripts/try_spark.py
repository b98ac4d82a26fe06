"""Builds the sample on a Spark cluster of two workers on this machine, and compares all marts with DuckDB's.

`make spark` runs it. Its last line says how many rows of kpi_values are equal. What it starts it also ends.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

_HOST = "127.0.0.1"
# On an idle machine it takes three; on a busy one a minute has been seen.
_SECONDS_TO_START = 300
_SECONDS_TO_END = 30
# What prctl(2) calls PR_SET_PDEATHSIG.
_SIGNAL_OF_PARENTS_END = 1
# Masters and workers live for minutes and do little.
_DAEMON_JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_EXECUTOR_MEMORY = "768m"
_TOLERANCE = 1e-9
# They say when and how a run went, and differ between any two.
_OF_RUNS = {"runs", "run_tables", "run_columns", "run_kpis"}
_TABLES = (
    "select table_name from information_schema.tables where table_catalog = ? and table_schema = 'marts'"
)


@dataclass(frozen=True)
class Comparison:
    """How the rows of a table compare.

    Attributes:
        table: The table.
        rows: The rows of DuckDB's.
        equal: The rows that are equal bit for bit.
        close: Those whose numbers in double precision are equal to 1e-9, and all else bit for bit.
        problem: What makes the tables not comparable; None: nothing.
        columns: The columns in which rows differ at all.
    """

    table: str
    rows: int
    equal: int = 0
    close: int = 0
    problem: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether all rows are equal to 1e-9."""
        return self.problem is None and self.close == self.rows


def compare_marts(ours: Path, theirs: Path) -> list[Comparison]:
    """Compare each published table of two files.

    Args:
        ours: The kpis.duckdb that DuckDB computed.
        theirs: The other.
    """
    with duckdb.connect() as connection:
        for name, path in (("ours", ours), ("theirs", theirs)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        tables = [
            {table for (table,) in connection.execute(_TABLES, [name]).fetchall()} - _OF_RUNS
            for name in ("ours", "theirs")
        ]
        alone = [Comparison(table, 0, problem="one engine has it") for table in sorted(tables[0] ^ tables[1])]
        return [*(_compare(connection, table) for table in sorted(tables[0] & tables[1])), *alone]


def _compare(connection: duckdb.DuckDBPyConnection, table: str) -> Comparison:
    ours, theirs = (
        dict(row[:2] for row in connection.execute(f"describe {name}.marts.{table}").fetchall())
        for name in ("ours", "theirs")
    )
    counts = [
        connection.execute(f"select count(*) from {name}.marts.{table}").fetchall()[0][0]
        for name in ("ours", "theirs")
    ]
    if ours != theirs:
        return Comparison(
            table, counts[0], problem=f"columns or types differ: {ours.items() ^ theirs.items()}"
        )
    if counts[0] != counts[1]:
        return Comparison(table, counts[0], problem=f"Spark has {counts[1]} rows")
    doubles = [f'"{column}"' for column, kind in ours.items() if kind == "DOUBLE"]
    exact = [f'"{column}"' for column, kind in ours.items() if kind != "DOUBLE"]
    # Rows that are alike in all that is exact are paired by the size of their numbers.
    order = ", ".join([*exact, *(f"round({column}, 6), {column}" for column in doubles)])
    numbered = "(select *, row_number() over (order by {order}) as place from {name}.marts.{table})"
    pairs = " join ".join(
        f"{numbered.format(order=order, name=name, table=table)} as {name[0]}" for name in ("ours", "theirs")
    )
    same = {column: f"o.{column} is not distinct from t.{column}" for column in [*exact, *doubles]}
    close = [
        *(same[column] for column in exact),
        *(
            f"({same[column]} or coalesce(abs(o.{column} - t.{column}) <= {_TOLERANCE}"
            f" * greatest(abs(o.{column}), abs(t.{column})), false))"
            for column in doubles
        ),
    ]
    differing = ", ".join(f"count(*) filter (not ({same[column]}))" for column in [*exact, *doubles])
    equal, near, *found = connection.execute(
        f"select count(*) filter ({' and '.join(same.values())}), count(*) filter ({' and '.join(close)}),"
        f" {differing} from {pairs} on o.place = t.place"
    ).fetchall()[0]
    names = [column.strip('"') for column, count in zip([*exact, *doubles], found, strict=True) if count]
    return Comparison(table, counts[0], equal, near, columns=tuple(names))


@contextmanager
def standalone_cluster(workers: int, directory: Path) -> Iterator[str]:
    """A standalone master of Spark's and its workers on the loopback interface; they end with the block.

    Args:
        workers: How many workers, of one core and one executor each.
        directory: For their logs and files.

    Yields:
        The master's address.

    Raises:
        RuntimeError: They did not start; the message has the end of the log.
    """
    with ExitStack() as processes:

        def start(name: str, started: str, *command: str) -> re.Match[str]:
            log = directory / f"{name}.log"
            return _await(log, started, processes.enter_context(_started(command, log)))

        # Port 0: each takes a free one, and the master's log says which.
        anywhere = ("--host", _HOST, "--port", "0", "--webui-port", "0")
        elected = r"Starting Spark master at (spark://\S+)(?s:.*)I have been elected leader"
        master = start("master", elected, "deploy.master.Master", *anywhere).group(1)
        for number in range(1, workers + 1):
            start(
                f"worker_{number}",
                "registered with master",
                *("deploy.worker.Worker", *anywhere, "--cores", "1", "--memory", "1g"),
                *("--work-dir", str(directory / "work"), master),
            )
        yield master


@contextmanager
def thrift_server(master: str, directory: Path) -> Iterator[int]:
    """Spark's Thrift server on the loopback interface, with a metastore in memory; it ends with the block.

    Args:
        master: The address of the master.
        directory: For its log, its metastore's log and its tables.

    Yields:
        Its port.

    Raises:
        RuntimeError: It did not start; the message has the end of the log.
    """
    from crm_kpis.spark.session import DEFAULTS, REQUIRED  # noqa: PLC0415 - its path is known by then

    port = _free_port()
    settings = (
        DEFAULTS
        | REQUIRED
        | {
            "spark.sql.warehouse.dir": str(directory / "tables"),
            "spark.executor.memory": _EXECUTOR_MEMORY,
            "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
            "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
            "spark.hadoop.hive.server2.thrift.bind.host": _HOST,
            "spark.hadoop.hive.server2.thrift.port": str(port),
        }
    )
    memory = settings.pop("spark.driver.memory")
    # What Java must know before it starts is an option, not a setting.
    java = settings.pop("spark.driver.extraJavaOptions")
    options = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    command = (
        *("deploy.SparkSubmit", "--master", master),
        *("--driver-java-options", f"{java} -Dderby.stream.error.file={directory / 'derby.log'}", *options),
        *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2", "spark-internal"),
    )
    log = directory / "thrift.log"
    # Spark takes the server for a daemon, whose memory is no option, and would give Java the options of both.
    with _started(command, log, memory, java="") as process:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"Spark's Thrift server did not start. The end of its log:\n{_end_of(log)}"
                )
            time.sleep(0.5)
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


@contextmanager
def _started(
    command: tuple[str, ...], log: Path, memory: str = "256m", java: str = _DAEMON_JAVA_OPTIONS
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Spark's, which ends with the block, and with this process, however that ends."""
    import pyspark  # noqa: PLC0415 - an extra

    home = Path(pyspark.__file__).parent
    environment = os.environ | {
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_HOME": str(home),
        "SPARK_DAEMON_MEMORY": memory,
        "SPARK_DAEMON_JAVA_OPTS": java,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [str(home / "bin" / "spark-class"), f"org.apache.spark.{command[0]}", *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """Let Linux end this process when its parent is gone: a killed one ends nothing itself."""
    ctypes.CDLL(None).prctl(_SIGNAL_OF_PARENTS_END, signal.SIGTERM)


def _await(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> re.Match[str]:
    deadline = time.monotonic() + _SECONDS_TO_START
    while not (found := re.search(pattern, log.read_text(errors="replace"))):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                f"Spark did not start: {pattern!r} is not in its log, which ends with\n{_end_of(log)}"
            )
        time.sleep(0.2)
    return found


def _run(arguments: list[str], environment: dict[str, str]) -> float:
    started = time.monotonic()
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "crm_kpis.cli", "run", *arguments], check=True, env=os.environ | environment
    )
    return time.monotonic() - started


def main() -> int:
    """Build on both engines, compare, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw-dir", help="the raw directory; the sample unless given")
    parser.add_argument(
        "--method", choices=("session", "thrift"), default="session", help="how dbt reaches Spark"
    )
    parser.add_argument("--unit-tests", action="store_true", help="run the unit tests on Spark, too")
    parser.add_argument("--output", type=Path, help="keep what both engines publish below this directory")
    options = parser.parse_args()
    raw = ["--raw-dir", options.raw_dir] if options.raw_dir else []
    # A signal to end is an exception, so that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # An executor may write its last lines while its directory is removed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        output = (options.output or Path(scratch)).absolute()
        logs = Path(scratch) / "cluster"
        logs.mkdir()
        seconds = {"DuckDB": _run([*raw, "--output", str(output / "duckdb")], {})}
        with ExitStack() as stack:
            master = stack.enter_context(standalone_cluster(2, logs))
            print(f"A master and two workers run: {master}", flush=True)
            environment = {"SPARK_LOCAL_IP": _HOST, "CRM_KPIS_SPARK_METHOD": options.method}
            if options.unit_tests:
                environment["CRM_KPIS_SPARK_UNIT_TESTS"] = "1"
            if options.method == "thrift":
                port = stack.enter_context(thrift_server(master, logs))
                environment |= {"CRM_KPIS_SPARK_HOST": _HOST, "CRM_KPIS_SPARK_PORT": str(port)}
            else:
                environment |= {
                    "CRM_KPIS_SPARK_MASTER": master,
                    "PYSPARK_SUBMIT_ARGS": f"--conf spark.executor.memory={_EXECUTOR_MEMORY} pyspark-shell",
                }
            seconds["Spark"] = _run(
                [*raw, "--output", str(output / "spark"), "--target", "spark"], environment
            )
        comparisons = compare_marts(output / "duckdb" / "kpis.duckdb", output / "spark" / "kpis.duckdb")
    for engine, taken in seconds.items():
        print(f"{engine}: {taken:.0f} s")
    for comparison in comparisons:
        if comparison.problem or comparison.equal < comparison.rows:
            print(
                f"{comparison.table}: "
                + (
                    comparison.problem
                    or f"{comparison.equal} of {comparison.rows} rows equal, {comparison.close} to 1e-9"
                    f" ({', '.join(comparison.columns)})"
                )
            )
    same = [comparison for comparison in comparisons if comparison.is_same]
    print(f"{len(same)} of {len(comparisons)} published tables are the same to 1e-9.")
    (values,) = (comparison for comparison in comparisons if comparison.table == "kpi_values")
    print(f"kpi_values: {values.equal} rows are equal bit for bit, {values.close} to 1e-9, of {values.rows}.")
    return 0 if len(same) == len(comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
