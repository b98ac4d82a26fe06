"""Checks settings, and brings them, raw data and snapshots into the warehouse, before dbt builds anything.

profiles.yml names this module.
"""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.events.logging import AdapterLogger
from dbt.flags import get_flags
from dbt_common.exceptions import DbtRuntimeError

from crm_kpis.errors import InputError
from crm_kpis.printable import printable_lines
from crm_kpis.project import is_company_project
from crm_kpis.raw.formats import read_formats
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.settings.checks import check_catalogue, check_day, check_vars
from crm_kpis.settings.declaration import Settings
from crm_kpis.settings.own_columns import describe_settings, extend_contract
from crm_kpis.settings.read import find_settings_dir, read_settings
from crm_kpis.settings.register import register_settings
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.snapshots.take import DIRECTORY as SNAPSHOTS
from crm_kpis.sources.mapping import SourceMapping, read_warnings
from crm_kpis.sources.source import SourceSettings, configured_sources, opened_sources, raw_directory_beside
from crm_kpis.sql import quote_text

# The environment variables CRM_KPIS_OUTPUT and so on.
_VARIABLES = ("OUTPUT", "RAW_DIR", "SOURCES", "SETTINGS", "SNAPSHOTS", "AS_OF", "MEMORY_LIMIT")
_BUILDING_COMMANDS = {"build", "run", "retry"}
_logger = AdapterLogger("crm_kpis")


class Plugin(BasePlugin):
    """Reads the settings, and registers them, raw tables and snapshots, once, when a command builds."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Find the directories that dbt's vars or the environment name, and read the settings.

        They are not in the profile, since dbt parses the whole project again where that has changed. For the
        same reason the values of settings.yml reach the models here: the macro setting() finds them in the
        target, in this plugin's own config.

        Args:
            plugin_config: `raw_dir`, relative to the project's directory or absolute.

        Raises:
            DbtRuntimeError: A var or a setting is wrong; the message is that of the InputError.
        """
        # Python's collector would look through all that dbt knows of the project again and again.
        gc.freeze()
        gc.enable()
        given = get_flags().VARS
        environment = {name: os.environ.get(f"CRM_KPIS_{name}", "") for name in _VARIABLES}
        self._as_of, self._memory_limit = environment["AS_OF"], environment["MEMORY_LIMIT"]
        raw_dir = given.get("raw_dir") or environment["RAW_DIR"]
        default = Path(plugin_config["raw_dir"])
        self._raw_dir: Path | None = Path(raw_dir) if raw_dir else default
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
        if get_flags().WHICH in _BUILDING_COMMANDS:
            # It holds personal data, and so does its log, which is made with the mode of the umask.
            os.umask(0o077)
            if path.exists():
                path.chmod(0o600)
        self._snapshots_dir = Path(
            given.get("snapshots_dir") or environment["SNAPSHOTS"] or path.parent / SNAPSHOTS
        )
        project_dir = Path(get_flags().PROJECT_DIR)
        named = given.get("settings_dir") or environment["SETTINGS"]
        try:
            own = project_dir if is_company_project(project_dir) else None
            check_vars(given, project_dir)
            check_catalogue()
            self._settings = self._read_settings(
                Path(named) if named else find_settings_dir(own, self._raw_dir)
            )
            self._sources = self._find_sources(environment["SOURCES"])
            if self._sources.sources and not raw_dir:
                # What a source does not have may lie in a raw directory, but not in the sample.
                self._raw_dir = raw_directory_beside(default) if own else None
        except InputError as error:
            raise DbtRuntimeError(printable_lines(str(error))) from error
        for plugin in self.creds.plugins:
            if plugin.module == __name__:
                plugin.config = {**(plugin.config or {}), **describe_settings(self._settings)}

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Limit the memory, and register the sources, unless dbt's command builds nothing.

        Args:
            conn: The connection that dbt's cursors are made from. With `keep_open: false` dbt-duckdb opens a
                new one after a pause.

        Raises:
            DbtRuntimeError: The memory limit is wrong, or the raw directory can't be read; the message is
                that of the InputError.
        """
        with self._lock:
            flags = get_flags()
            is_asked = flags.WHICH in _BUILDING_COMMANDS or os.environ.get("CRM_KPIS_REGISTER")
            if self._is_registered or not is_asked:
                return
            try:
                self._limit_memory(conn)
                register_settings(conn, self._settings)
                warnings = [
                    *self._register_raw_tables(conn),
                    *register_snapshots(conn, self._snapshots_dir),
                ]
                for warning in warnings:
                    _logger.warning(printable_lines(warning))
            except InputError as error:
                raise DbtRuntimeError(printable_lines(str(error))) from error
            self._is_registered = True

    def _register_raw_tables(self, conn: duckdb.DuckDBPyConnection) -> list[str]:
        contract = extend_contract(self._settings)
        raw_directory = inspect(self._raw_dir, contract, read_formats(self._settings))
        time_zone = self._settings.values["reporting_time_zone"]
        with opened_sources(conn, self._sources, contract) as sources:
            register(conn, raw_directory, SourceMapping(sources, self._sources, time_zone, contract))
            warnings = [warning for source in sources for warning in source.warnings]
        return [*raw_directory.warnings, *warnings, *read_warnings(conn)]

    def _find_sources(self, environment: str) -> SourceSettings:
        if environment:
            return SourceSettings.from_json(environment)
        return configured_sources(self._settings.values, self._settings.directory)

    def _read_settings(self, directory: Path | None) -> Settings:
        settings = read_settings(directory)
        if not self._as_of:
            return settings
        complaint = check_day(self._as_of)
        if complaint:
            raise InputError(f"The environment variable CRM_KPIS_AS_OF is {self._as_of!r}: {complaint}")
        return replace(settings, values=settings.values | {"as_of": self._as_of})

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
