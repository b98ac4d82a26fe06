"""The Spark session of a run, in which dbt-spark runs its statements (method: session).

Spark's own ways of configuration hold: spark-defaults.conf, and PYSPARK_SUBMIT_ARGS for what must be known
before Java starts. What is set here is what the models rely on, and defaults for a machine without a cluster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crm_kpis.errors import InputError, first_line

_MASTER = "CRM_KPIS_SPARK_MASTER"
# Times are in UTC; a value that is none is NULL; times in Parquet are such that others read them.
_REQUIRED = {
    "spark.app.name": "crm-kpis",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Each CTE that reads another one takes some.
    "spark.sql.analyzer.maxIterations": "1000",
}
# Of small data a run is planning, which adaptive execution does again and compiling Java makes longer.
_DEFAULTS = {
    "spark.driver.memory": "3g",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1"
    " -XX:ReservedCodeCacheSize=256m -XX:+UseParallelGC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    # What a column must be, deduced from each filter and each alias: minutes for a plan with many columns.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.log.level": "ERROR",
}


@contextmanager
def spark_session(tables: Path) -> Iterator[Any]:
    """A session, which ends with the block.

    Args:
        tables: The directory of the tables, unless spark-defaults.conf names another.

    Raises:
        InputError: pyspark or Java is not installed, or the master can't be reached.
    """
    try:
        from pyspark.conf import SparkConf  # noqa: PLC0415 - an extra
        from pyspark.errors import PySparkException  # noqa: PLC0415
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
    settings = {name: value for name, value in _DEFAULTS.items() if name not in submitted} | _REQUIRED
    if "spark.sql.warehouse.dir" not in submitted:
        settings["spark.sql.warehouse.dir"] = str(tables)
    defaults = SparkConf()
    for name, value in settings.items():
        if name in _REQUIRED or not defaults.contains(name):
            builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, RuntimeError) as error:
        raise InputError(
            f"Spark can't be started: {first_line(str(error))}. It needs Java 17 or 21 (java -version), and"
            f" the master {master or 'local[2]'} must be reachable."
        ) from error
    try:
        yield session
    finally:
        session.stop()
