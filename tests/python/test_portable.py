"""The SQL is that of several engines: what differs between DuckDB and Spark is in dispatched macros alone."""

from __future__ import annotations

import re

import pytest
from crm_kpis.raw.contract import PROJECT_DIR

# What fails on Spark or means something else there, and what to write in its place.
_CONSTRUCTS = {
    r"::": "cast(x as type)",
    r"\bvarchar\b": "string in YAML, dbt.type_string() in SQL",
    r"\bnot in \(\s*select\b": "not exists",
    r"\bas materialized\b": "computed_once()",
    r"\b(unnest|generate_series)\(": "days_of()",
    r"\b(list|string_agg|array_agg|list_\w+|list_extract)\(": "dbt.listagg(), nth_smallest()",
    # Behind a dot it is a function of Jinja's modules.
    r"(?<!\.)\b(strftime|strptime|epoch\w*|date_diff|date_sub|to_minutes|timezone)\(": "macros/dates.sql",
    r"\b(json_\w+|struct_pack|regexp_\w+|typeof|try_strptime)\(": "a dispatched macro",
    r"\b(arg_max|arg_min|max_by|min_by|any_value|first|last|quantile_cont)\(": "row_number()",
    r"\b(asof join|qualify|using sample|positional join)\b": "what all engines have",
    r"\bround\([^()]*(\([^()]*\)[^()]*)*, \d\)": "to_amount()",
    r"\bas (timestamptz|hugeint|text|blob|json|utinyint)\)": "a type that all engines have",
    r"sum\([^()]* order by": "sum_in_order()",
    r"filter \(where .*\) over\b": "count(case when ... then 1 end) over",
    r"over \w+ - ": "(... over w) - x",
    r"\b\d+ / \d+[.]\d+\b(?! \*)": "1 / 12e0, since decimals have few digits behind the dot",
}
# Of the queries that stand for a table in a unit test.
_OF_DUCKDB = r"\b(?:unnest|generate_series|list_\w+)\(|\w // \w|\bas (?:text|varchar)\)|::"
_SQL = sorted(
    path
    for folder in ("models", "macros", "tests", "analyses")
    for path in (PROJECT_DIR / folder).rglob("*.sql")
    if path.name != "materializations.sql"  # of DuckDB by its head
)
_YAML = sorted(path for folder in ("models", "seeds") for path in (PROJECT_DIR / folder).rglob("*.yml"))
_MACRO = re.compile(r"{%-? macro (\w+)\(.*?{%-? endmacro -?%}", re.DOTALL)
_JINJA_COMMENT = re.compile(r"{#.*?#}", re.DOTALL)


def _portable_part(text: str) -> str:
    """The text without comments and without the macros of one engine."""
    text = _JINJA_COMMENT.sub("", text)
    text = _MACRO.sub(lambda found: "" if _engine(found[1]) else found[0], text)
    return re.sub(r"--.*", "", text)


def _engine(macro: str) -> str | None:
    found = re.match(r"(duckdb|default|spark)__", macro)
    return found[1] if found else None


def _find(text: str) -> list[str]:
    return [
        f"{found[0]!r}: {instead}"
        for pattern, instead in _CONSTRUCTS.items()
        for found in re.finditer(pattern, text)
    ]


@pytest.mark.parametrize("path", _SQL, ids=lambda path: path.name)
def test_sql_has_no_construct_of_one_engine(path):
    assert _find(_portable_part(path.read_text(encoding="utf-8"))) == []


def test_contracts_name_types_that_all_engines_have():
    found = {
        path.name: re.findall(r"(?:data_type: |cast\([^()]* as )(?:varchar|text|hugeint|timestamptz)\b", text)
        for path in _YAML
        # The raw contract and the settings have words of their own, which are no types of an engine.
        if (text := path.read_text(encoding="utf-8")) and path.name != "_sources.yml"
    }
    assert {name: words for name, words in found.items() if words} == {}


def test_queries_of_unit_tests_are_those_of_all_engines():
    found = [
        f"{path.parent.name}: {construct}"
        for path in _YAML
        if path.name == "_unit_tests.yml"
        for construct in re.findall(_OF_DUCKDB, path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_what_is_dispatched_has_a_macro_for_each_engine():
    macros = {
        name
        for path in (PROJECT_DIR / "macros").rglob("*.sql")
        for name in _MACRO.findall(path.read_text(encoding="utf-8"))
    }
    of_duckdb, of_others = (
        {name.removeprefix(prefix) for name in macros if name.startswith(prefix)}
        for prefix in ("duckdb__", "default__")
    )
    assert of_duckdb == of_others
    assert len(of_duckdb) >= 17
    assert of_duckdb <= macros


@pytest.mark.parametrize(
    "sql",
    [
        "select day::date",
        "where x not in (\n select y from z)",
        "a as materialized (",
        "cast(round(x * (y + 1), 4) as decimal(18, 4))",
        "sum(x order by y)",
        "cast(x as varchar)",
        "count(*) filter (where a and (b)) over c",
    ],
)
def test_a_construct_of_one_engine_is_found(sql):
    assert _find(sql)
    assert _find(_portable_part("{% macro duckdb__x(y) -%} " + sql + " {%- endmacro %}")) == []
