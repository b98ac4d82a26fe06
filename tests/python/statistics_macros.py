"""What the macros of statistics make of rows, without dbt."""

from __future__ import annotations

import duckdb
import jinja2
from crm_kpis.raw.contract import PROJECT_DIR

_MACROS = "".join(
    (PROJECT_DIR / "macros" / name).read_text(encoding="utf-8")
    for name in ("intervals.sql", "outlook.sql", "significance.sql", "traits.sql")
)
_ENVIRONMENT = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701


def render(macro: str) -> str:
    """The SQL that a call of a macro renders."""
    return _ENVIRONMENT.from_string(f"{_MACROS}{{{{ {macro} }}}}").render().strip()


def compute(macro: str, columns: str, rows: list[tuple[float | None, ...]]) -> list[float | None]:
    """What a macro, an expression, makes of rows of doubles, in their order."""
    return compute_column(
        f"select position, {render(macro)} as computed from given", "computed", columns, rows
    )


def compute_column(
    query: str, column: str, columns: str, rows: list[tuple[float | None, ...]]
) -> list[float | None]:
    """A column of what a query makes of `given`, rows of doubles with their position, in their order."""
    names = columns.split(", ")
    doubles = ", ".join(f"unnest(?::double[]) as {name}" for name in names)
    with duckdb.connect() as connection:
        connection.execute(
            f"create table given as select unnest(range({len(rows)})) as position, {doubles}",
            [list(values) for values in zip(*rows, strict=True)],
        )
        return [
            row[0]
            for row in connection.execute(
                f"with computed as ({query}) select {column} from computed order by position"
            ).fetchall()
        ]
