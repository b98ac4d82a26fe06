"""docs/sources/<vendor>.md, written from the layouts and the meaning of each vendor."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from crm_kpis.init.write import load_example
from crm_kpis.project import PROJECT_DIR
from crm_kpis.published.connect import OFFLINE
from crm_kpis.raw.contract import read_contract
from crm_kpis.sources.layout import Vendor, read_vendor, vendors
from crm_kpis.sources.mapping import describe_meanings
from crm_kpis.sources.place import Place
from crm_kpis.sources.source import Source, SourceSpec

DOCS_DIR = PROJECT_DIR / "docs" / "sources"


def write_docs() -> None:
    """Write a page for each vendor."""
    DOCS_DIR.mkdir(parents=True, exist_ok=True)
    for name in vendors():
        (DOCS_DIR / f"{name}.md").write_text(render_page(name), encoding="utf-8")


def render_page(name: str) -> str:
    """The Markdown page of a vendor."""
    return "\n".join(_render(read_vendor(name))) + "\n"


def _render(vendor: Vendor) -> Iterator[str]:
    yield f"<!-- Made by `make kpi-docs` from scripts/crm_kpis/sources/layouts/{vendor.name}.yml. -->"
    yield from (f"# {vendor.title}", "")
    yield f"`crm-kpis` reads {vendor.title}'s tables where a loader has landed them, and maps them itself:"
    yield from ("", "```text")
    yield f"crm-kpis run --source {vendor.name} --database crm.duckdb --schema {vendor.name}"
    yield f"crm-kpis run --source {vendor.name} --landed landed/{vendor.name}"
    yield from ("```", "")
    yield (
        "`--landed` is a directory with a file, or a directory of files, for each table: Parquet, CSV or JSON"
        " lines."
        " `crm-kpis sources inspect` with the same options says what was found and what is missing,"
        " `crm-kpis sources reconcile` counts what must match the vendor's own screens."
    )
    yield ""
    yield (
        "`--database` may be a PostgreSQL database as well: `--database postgresql://loader@db.example/crm"
        f" --schema {vendor.name}`, with the password in `PGPASSWORD` or `~/.pgpass`, after"
        " `pip install 'crm-kpis[postgres]'`. Only the columns that are needed are read."
    )
    yield ""
    yield (
        "Tables in Snowflake or BigQuery are unloaded to Parquet first, one directory for each table."
        " Snowflake writes no time with a time zone: cast those, `created_at::timestamp_ntz`, after"
        " `alter session set timezone = 'UTC'`. Names may be in capitals."
    )
    yield from ("", "```sql", "-- Snowflake")
    unloaded = vendor.layouts[0].tables[0]
    yield (
        f"copy into @unload/{vendor.name}/{unloaded}/ from {vendor.name}.{unloaded}"
        " file_format = (type = parquet) header = true;"
    )
    yield "-- BigQuery"
    yield (
        f"export data options (uri = 'gs://unload/{vendor.name}/{unloaded}/*.parquet', format = 'parquet')"
        f" as select * from {vendor.name}.{unloaded};"
    )
    yield "```"
    yield from ("", "## Loaders", "", "| loader | recognised by a table | to know |", "|---|---|---|")
    for layout in vendor.layouts:
        tables = ", ".join(f"`{table}`" for table in layout.tables)
        if layout.is_export:
            tables = "columns " + ", ".join(f"`{label}`" for label in layout.labels)
        yield f"| {layout.title} | {tables} | {' '.join(vendor.facts['loads'][layout.name].split())} |"
    yield from (*_describe_exports(vendor), "", "## Load with dlt", "", *load_example(vendor.name))
    yield from ("", "## What is read", "", "| raw table | filled | left empty |", "|---|---|---|")
    columns = _describe_columns(vendor)
    for table in read_contract():
        if table.name in columns:
            filled = [f"`{column.name}`" for column in table.columns if column.name in columns[table.name]]
            empty = [f"`{column.name}`" for column in table.columns if column.name not in columns[table.name]]
            off = f" (only where asked for: {vendor.off[table.name]})" if table.name in vendor.off else ""
            yield f"| {table.name}{off} | {', '.join(filled)} | {', '.join(empty)} |"
    missing = [table.name for table in read_contract() if table.name not in columns]
    yield from ("", f"Not filled: {', '.join(missing)}. A raw directory beside the source may have them.")
    yield from ("", "The meaning of each column is one SELECT, without any loader's names:")
    yield f"[scripts/crm_kpis/sources/{vendor.name}](../../scripts/crm_kpis/sources/{vendor.name})."
    yield from ("", "## What is left out, and counted", "")
    if any(layout.deleted for layout in vendor.layouts):
        yield "- deleted records, where the loader marks them"
    yield "- all versions of a record but the latest"
    for entity in vendor.entities:
        for reason in entity.left_out:
            yield f"- {entity.name.replace('_', ' ')}: {reason}"
    yield from ("", "## What differs from the vendor's screens", "")
    yield from (f"- {' '.join(text.split())}" for text in vendor.facts["differs"])
    yield from ("", "These match to the unit; `crm-kpis sources reconcile` prints them:", "")
    yield from ("| what | where |", "|---|---|")
    yield from (f"| {entry['what']} | {entry['where']} |" for entry in vendor.facts["reconcile"])
    yield from ("", "## One record", "", " ".join(vendor.facts["example"].split()))
    yield from ("", "## Your own columns", "")
    yield (
        "A file laid over the layout says where a column is: `--mapping my.yml`, or `source_mapping` in"
        " settings.yml. A column that the contract does not have is a row of own_columns.csv in the settings,"
        " and is looked for in the table of its records. A file `<vendor>/<table>.sql` in `--mapping-dir`"
        " takes the place of ours."
    )
    yield from ("", "| entity | columns |", "|---|---|")
    for entity in vendor.entities:
        yield f"| {entity.name} | {', '.join(column.name for column in entity.columns)} |"


def _describe_exports(vendor: Vendor) -> Iterator[str]:
    """The vendor's own exports that are not read, and what they lack."""
    for export in vendor.facts.get("not_read", ()):
        labels = " or ".join(", ".join(names) for names in export["labels"])
        lacks = " ".join(export["lacks"].split())
        yield from ("", f"Not read is {export['what']} (columns {labels}). {lacks}")


def _describe_columns(vendor: Vendor) -> dict[str, list[str]]:
    source = Source(
        SourceSpec(vendor.name, Place(PROJECT_DIR), vendor.name), vendor, vendor.layouts[0], {}, (), ()
    )
    with duckdb.connect(config=OFFLINE) as connection:
        return describe_meanings(connection, source)
