"""Writes docs/settings.md from the declaration of the settings, so that no setting is described twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from crm_kpis.project import PROJECT_DIR
from crm_kpis.settings.declaration import KEYS_FILE, Setting, SettingsTable, read_declaration

DOCS_FILE = PROJECT_DIR / "docs" / "settings.md"
_HEAD = f"""\
<!-- Made by `make kpi-docs` from models/settings/_sources.yml. -->
# Settings

What a company decides is in its settings directory: any of the files below, and no other. Each file may be
missing, and so may each key of `{KEYS_FILE}`: then the default holds. No default is made for a company:
without a directory there are no targets, no before and after, no roll-out project, no ideal customer, no
mandatory fields and no business hours, and the KPIs that need them have no values. Every run prints which
defaults it took.

```text
crm-kpis run --raw-dir my_crm --settings my_settings
```

The directory is the one that `--settings`, the environment variable `CRM_KPIS_SETTINGS` or, with dbt by
hand, the var `settings_dir` names. If nothing names one, it is the directory `settings` in the raw
directory, if there is one: data and what they mean travel together, and a copy of both is complete.
[seeds/sample/settings](../seeds/sample/settings) has the settings of the sample, which no other data see.

All settings are checked before anything is built. An unknown file, column or key is an error, like a value
that can't be used; all errors are reported at once, each with file, line, column, value and the way out.

CSV files are UTF-8, with commas, semicolons or tabs between the fields, and the columns in any order. A
column that is not required may be missing. Dates are YYYY-MM-DD, numbers have a dot before the decimals.
"""
_TYPES = {
    "text": "text",
    "integer": "whole number",
    "decimal": "amount",
    "number": "number",
    "date": "date",
    "boolean": "true or false",
    "time": "time of day",
    "mappings": "list of mappings",
    "list": "list",
}


def render_docs() -> str:
    """The Markdown of docs/settings.md."""
    return "\n".join(_render_lines()) + "\n"


def write_docs(path: Path = DOCS_FILE) -> None:
    """Write docs/settings.md."""
    path.write_text(render_docs(), encoding="utf-8")


def _render_lines() -> Iterator[str]:
    declaration = read_declaration()
    yield _HEAD
    yield f"## {KEYS_FILE}\n"
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for key in declaration.keys.values():
        yield f"| `{key.name}` | {_describe_values(key)} | `{_show(key.default)}` | {key.description} |"
    for table in declaration.tables.values():
        yield from _render_table(table)


def _render_table(table: SettingsTable) -> Iterator[str]:
    yield f"\n## {table.file_name}\n"
    yield f"{table.description}\n"
    yield f"Without the file: {table.default}.\n"
    yield "| column | value | required | meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        required = "yes" if column.required else ""
        yield f"| `{column.name}` | {_describe_values(column)} | {required} | {column.description} |"


def _describe_values(setting: Setting) -> str:
    if setting.values:
        return ", ".join(f"`{value}`" for value in setting.values)
    kind = _TYPES[setting.data_type]
    if setting.highest is not None:
        return f"{kind}, {setting.lowest} to {setting.highest}"
    return kind if setting.lowest is None else f"{kind}, at least {setting.lowest}"


def _show(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
