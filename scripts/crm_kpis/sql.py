"""Names, texts and paths as SQL of DuckDB."""

from __future__ import annotations

from pathlib import Path


def quote_identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def quote_path(path: Path) -> str:
    """Quote a path for SQL so that DuckDB takes no character of it as a wildcard."""
    return quote_text("".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path)))
