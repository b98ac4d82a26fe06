"""The Spark of a run: a session in this process, or those of a Thrift server (CRM_KPIS_SPARK_METHOD).

In this process Spark's own configuration holds: spark-defaults.conf, and PYSPARK_SUBMIT_ARGS for what must
be known before Java starts. What is set here is what the models rely on, and defaults for a machine without a
cluster. A Thrift server is configured by who starts it; what the models rely on is looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crm_kpis.errors import InputError, first_line

_MASTER = "CRM_KPIS_SPARK_MASTER"
# As in profiles.yml.
_METHOD, _SESSION, _THRIFT = "CRM_KPIS_SPARK_METHOD", "session", "thrift"
_SERVER = {
    "host": ("CRM_KPIS_SPARK_HOST", "localhost"),
    "port": ("CRM_KPIS_SPARK_PORT", "10000"),
    "auth": ("CRM_KPIS_SPARK_AUTH", "NONE"),
    "username": ("CRM_KPIS_SPARK_USER", "crm_kpis"),
}
# Times are in UTC; a value that is none is NULL; times in Parquet are such that others read them.
REQUIRED = {
    "spark.app.name": "crm-kpis",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Each CTE that reads another one takes some.
    "spark.sql.analyzer.maxIterations": "1000",
}
_REQUIRED_OF_SERVER = {name: value for name, value in REQUIRED.items() if name.startswith("spark.sql.")}
# Of small data a run is planning, which adaptive execution does again and compiling Java makes longer.
DEFAULTS = {
    "spark.driver.memory": "3g",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1"
    " -XX:ReservedCodeCacheSize=256m -XX:+UseParallelGC",
    # An executor lives for minutes: what Java's second compiler makes of it is not worth what it takes.
    "spark.executor.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1"
    " -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC -XX:-DontCompileHugeMethods",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    # What a column must be, deduced from each filter and each alias: minutes for a plan with many columns.
    "spark.sql.constraintPropagation.enabled": "false",
    # What nobody reads here: the plan of each query as text.
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "1000",
    # A task waits three seconds for the worker that has its data, longer than the task takes.
    "spark.locality.wait": "0s",
    # A machine that swaps or sleeps answers late, and an executor that was given up does not come back.
    "spark.network.timeout": "3600s",
    "spark.sql.broadcastTimeout": "3600",
    # A check of each plan after each batch of rules, for those who write rules.
    "spark.sql.lightweightPlanChangeValidation": "false",
    # One task reads a small file; else as many as there are cores.
    "spark.sql.files.minPartitionNum": "1",
    # For tables with partitions, and for joins of gigabytes.
    "spark.sql.optimizer.runtime.bloomFilter.enabled": "false",
    "spark.sql.optimizer.dynamicPartitionPruning.enabled": "false",
    # The table materialization compiles the few models that compute much.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.cache.maxEntries": "1000",
    "spark.log.level": "ERROR",
}
# What Hadoop's own defaults say of other programs. Each scan sends the whole configuration to each executor.
_UNREAD_DEFAULTS = ("yarn.", "mapreduce.", "hadoop.", "ipc.")
# A line of spark-defaults.conf: a name, then a blank, = or :, then a value.
_CONFIGURED = re.compile(r"^[ \t]*(spark\.[^\s=:]+)", re.MULTILINE)


class _ThriftRows:
    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def collect(self) -> list[tuple[Any, ...]]:
        return self._rows


class _ThriftSession:
    """A session of a Thrift server, with what is needed here of pyspark's."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def sql(self, statement: str) -> _ThriftRows:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return _ThriftRows(cursor.fetchall() if cursor.description else [])


def run_statement(session: Any, statement: str, complaint: str) -> list[Any]:
    """Run a statement on Spark, and return its rows.

    Args:
        session: The session, or what stands for it.
        statement: The statement.
        complaint: What can't be done where it fails, as the beginning of a sentence.

    Raises:
        InputError: It failed.
    """
    try:
        return session.sql(statement).collect()
    except Exception as error:  # of Spark, Thrift or the network: they have no class in common
        raise InputError(f"{complaint}: {first_line(str(error))}.") from error


def suits_small_data(session: Any) -> bool:
    """Whether the session is set up for small data, as it is by default: without adaptive execution."""
    ((_, value),) = run_statement(session, "set spark.sql.adaptive.enabled", "Spark's settings can't be read")
    return value == "false"


def quote_spark_text(text: str) -> str:
    """Quote a text for Spark, for which a backslash escapes what follows."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@contextmanager
def _thrift_session() -> Iterator[_ThriftSession]:
    try:
        from pyhive import hive  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(
            "PyHive is not installed with this Python. Install it: pip install 'crm-kpis[spark]'."
        ) from error
    server = {name: os.environ.get(variable, default) for name, (variable, default) in _SERVER.items()}
    if not server["port"].isdecimal():
        raise InputError(
            f"The environment variable {_SERVER['port'][0]} is {server['port']!r}, which is no port."
        )
    place = f"{server['host']}:{server['port']}"
    try:
        connection = hive.connect(**server | {"port": int(server["port"])})
    except Exception as error:  # of Thrift, SASL or the network: they have no class in common
        raise InputError(
            f"The Thrift server {place} can't be reached: {first_line(str(error))}. CRM_KPIS_SPARK_HOST,"
            " CRM_KPIS_SPARK_PORT, CRM_KPIS_SPARK_USER and CRM_KPIS_SPARK_AUTH say where it is."
        ) from error
    try:
        session = _ThriftSession(connection)
        for name, value in _REQUIRED_OF_SERVER.items():
            ((_, found),) = session.sql(f"set {name}").collect()
            if found.lower() != value.lower():
                raise InputError(
                    f"The Thrift server {place} has {name}={found}. Start it with --conf {name}={value}."
                )
        yield session
    finally:
        connection.close()


def configured_names(path: Path) -> set[str]:
    """The names that a spark-defaults.conf sets. Spark itself reads it too late to ask.

    Args:
        path: The file, which need not be there.
    """
    if not path.is_file():
        return set()
    return set(_CONFIGURED.findall(path.read_text(encoding="utf-8", errors="replace")))


@contextmanager
def spark_session(tables: Path) -> Iterator[Any]:
    """A session, which ends with the block.

    Args:
        tables: The directory of the tables, unless spark-defaults.conf or the Thrift server has another.

    Raises:
        InputError: pyspark or Java is not installed, or the master or server can't be reached, or the server
            is not set up as the models need it.
    """
    method = os.environ.get(_METHOD, _SESSION)
    if method not in (_SESSION, _THRIFT):
        raise InputError(
            f"The environment variable {_METHOD} is {method!r}. Set it to {_SESSION} or {_THRIFT}."
        )
    if method == _THRIFT:
        with _thrift_session() as thrift:
            yield thrift
        return
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
        from pyspark.find_spark_home import _find_spark_home  # noqa: PLC0415
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "Spark is not installed with this Python. Install it: pip install 'crm-kpis[spark]'."
        ) from error
    submitted = os.environ.get("PYSPARK_SUBMIT_ARGS", "")
    builder = SparkSession.builder
    master = os.environ.get(_MASTER)
    if master or "--master" not in submitted:
        builder = builder.master(master or "local[2]")
    conf_dir = Path(os.environ.get("SPARK_CONF_DIR") or Path(_find_spark_home()) / "conf")
    configured = configured_names(conf_dir / "spark-defaults.conf")
    for name, value in (DEFAULTS | {"spark.sql.warehouse.dir": str(tables)}).items():
        if name not in submitted and name not in configured:
            builder = builder.config(name, value)
    for name, value in REQUIRED.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, RuntimeError) as error:
        raise InputError(
            f"Spark can't be started: {first_line(str(error))}. It needs Java 17 or 21 (java -version), and"
            f" the master {master or 'local[2]'} must be reachable."
        ) from error
    try:
        if not (session.sparkContext.master or "").startswith("yarn"):
            _forget_unread_defaults(session)
        yield session
    finally:
        session.stop()


def _forget_unread_defaults(session: Any) -> None:
    """Unset what Hadoop has for YARN, MapReduce and its services, if nobody but Hadoop's defaults says so.

    Where files are on this machine's file systems nothing reads it, or what reads it has the same defaults.
    """
    configuration = session.sparkContext._jsc.hadoopConfiguration()
    # Which file systems there are is found out now, since that reads all defaults again.
    session.sparkContext._jvm.org.apache.hadoop.fs.FileSystem.get(configuration)
    if not configuration.get("fs.defaultFS").startswith("file:"):
        return
    for prefix in _UNREAD_DEFAULTS:
        for rest in list(configuration.getPropsWithPrefix(prefix)):
            (source, *others) = configuration.getPropertySources(prefix + rest)
            if not others and source.endswith("-default.xml"):
                configuration.unset(prefix + rest)
