"""The sources that the command line names."""

from __future__ import annotations

from pathlib import Path

import click

from crm_kpis.errors import InputError
from crm_kpis.project import PROJECT_DIR, find_project
from crm_kpis.settings.declaration import Settings
from crm_kpis.settings.read import find_settings_dir
from crm_kpis.settings.read import read_settings as read_company_settings
from crm_kpis.sources.command import META
from crm_kpis.sources.source import SourceSettings, configured_sources, read_settings


def sources_of(
    context: click.Context, mapping: Path | None, mapping_dir: Path | None, match: tuple[str, ...]
) -> SourceSettings:
    """Make the settings of what the command line says.

    Args:
        context: The context of a command of the class CommandWithSources.
        mapping: The file of a company's own columns.
        mapping_dir: The directory of a company's own SQL.
        match: How accounts of two sources meet.

    Raises:
        InputError: A source is not known, or lacks its place.
    """
    content = {
        "sources": context.meta.get(META, []),
        "mapping": mapping,
        "mapping_dir": mapping_dir,
        "match": list(match),
    }
    return read_settings(content, Path.cwd(), "The command line")


def sources_and_settings(
    context: click.Context,
    mapping: Path | None,
    mapping_dir: Path | None,
    match: tuple[str, ...],
    settings: Path | None,
) -> tuple[SourceSettings, Settings]:
    """The sources that the command line names, else those of settings.yml, and the company's settings.

    Raises:
        InputError: No source is named anywhere, or a setting can't be used.
    """
    project_dir = find_project(Path.cwd())
    settings_dir = settings or find_settings_dir(project_dir if project_dir != PROJECT_DIR else None)
    company = read_company_settings(settings_dir)
    sources = sources_of(context, mapping, mapping_dir, match)
    if not sources.sources:
        sources = configured_sources(company.values, settings_dir)
    if not sources.sources:
        raise InputError("No source is named. Name one with --source, or in settings.yml.")
    return sources, company
