"""Checks the vars, and brings raw data and snapshots into the warehouse, before dbt builds anything.

profiles.yml names this module.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.events.logging import AdapterLogger
from dbt.flags import get_flags
from dbt_common.exceptions import DbtRuntimeError

from crm_kpis.errors import InputError
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.settings.checks import CHECKS, check_vars, read_vars
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.snapshots.take import DIRECTORY as SNAPSHOTS
from crm_kpis.sources.mapping import SourceMapping, read_warnings
from crm_kpis.sources.source import SourceSettings, opened_sources
from crm_kpis.sql import quote_text

# The environment variables CRM_KPIS_OUTPUT and so on.
_VARIABLES = ("OUTPUT", "RAW_DIR", "SOURCES", "SNAPSHOTS", "AS_OF", "MEMORY_LIMIT")
_BUILDING_COMMANDS = {"build", "run", "retry"}
_logger = AdapterLogger("crm_kpis")


class Plugin(BasePlugin):
    """Registers raw tables and snapshots, once, when a command that builds opens its first connection."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Find the directories that dbt's vars or the environment name, and make that of the warehouse.

        They do not stand in the profile, since dbt parses the whole project anew where that has changed.

        Args:
            plugin_config: `raw_dir`, relative to the project's directory or absolute.
        """
        given = get_flags().VARS
        environment = {name: os.environ.get(f"CRM_KPIS_{name}", "") for name in _VARIABLES}
        self._as_of, self._memory_limit = environment["AS_OF"], environment["MEMORY_LIMIT"]
        self._sources = environment["SOURCES"]
        # What a source does not have may lie in a raw directory, but not in the sample.
        default = "" if self._sources else plugin_config["raw_dir"]
        raw_dir = given.get("raw_dir") or environment["RAW_DIR"] or default
        self._raw_dir = Path(raw_dir) if raw_dir else None
        self._lock = threading.Lock()
        self._is_registered = False
        # dbt-duckdb makes its plugins before it opens the file.
        credentials = self.creds
        assert credentials is not None  # noqa: S101 - dbt-duckdb gives them to every plugin
        path = Path(credentials.path)
        if environment["OUTPUT"]:
            path = Path(environment["OUTPUT"]) / path.name
            credentials.path = str(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._snapshots_dir = Path(
            given.get("snapshots_dir") or environment["SNAPSHOTS"] or path.parent / SNAPSHOTS
        )

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Limit the memory, and register raw tables and snapshots, unless dbt's command builds nothing.

        Args:
            conn: The connection that dbt's cursors are made from. With `keep_open: false` dbt-duckdb opens a
                new one after a pause.

        Raises:
            DbtRuntimeError: A var or the memory limit is wrong, or the raw directory can't be read; the
                message is that of the InputError.
        """
        with self._lock:
            flags = get_flags()
            if self._is_registered or flags.WHICH not in _BUILDING_COMMANDS:
                return
            try:
                self._limit_memory(conn)
                check_vars(flags.VARS, Path(flags.PROJECT_DIR))
                self._check_as_of()
                warnings = [
                    *self._register_raw_tables(conn, flags),
                    *register_snapshots(conn, self._snapshots_dir),
                ]
                for warning in warnings:
                    _logger.warning(warning)
            except InputError as error:
                raise DbtRuntimeError(str(error)) from error
            self._is_registered = True

    def _register_raw_tables(self, conn: duckdb.DuckDBPyConnection, flags: Any) -> list[str]:
        raw_directory = inspect(self._raw_dir)
        settings = SourceSettings.from_json(self._sources) if self._sources else SourceSettings()
        time_zone = read_vars(flags.VARS, Path(flags.PROJECT_DIR))["reporting_time_zone"]
        with opened_sources(conn, settings) as sources:
            register(conn, raw_directory, SourceMapping(sources, settings, time_zone))
            warnings = [warning for source in sources for warning in source.warnings]
        return [*raw_directory.warnings, *warnings, *read_warnings(conn)]

    def _check_as_of(self) -> None:
        complaint = CHECKS["as_of"](self._as_of) if self._as_of else None
        if complaint:
            raise InputError(f"The environment variable CRM_KPIS_AS_OF is {self._as_of!r}: {complaint}")

    def _limit_memory(self, conn: duckdb.DuckDBPyConnection) -> None:
        if not self._memory_limit:
            return
        try:
            conn.execute(f"set memory_limit = {quote_text(self._memory_limit)}")
        except duckdb.Error as error:
            raise InputError(
                f"The environment variable CRM_KPIS_MEMORY_LIMIT is {self._memory_limit!r}, "
                "which is no amount of memory. Write a number and its unit, such as 4GiB."
            ) from error
