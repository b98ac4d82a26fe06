"""The sources that the command line names."""

from __future__ import annotations

from pathlib import Path

import click

from crm_kpis.sources.command import META
from crm_kpis.sources.source import SourceSettings, read_settings


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
