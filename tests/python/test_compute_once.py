"""Which CTEs of a query become tables on Spark, what is left of it, how tables are read. Without Spark."""

from __future__ import annotations

import functools
import re
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest
from crm_kpis.raw.contract import PROJECT_DIR

_MACROS = re.sub(
    r"{%-? materialization .*?{%-? endmaterialization -?%}",
    "",
    (PROJECT_DIR / "macros" / "materializations.sql").read_text(encoding="utf-8"),
    flags=re.DOTALL,
)


class _Return(Exception):  # noqa: N818 - dbt's own way out of a macro
    pass


def _return(value: Any) -> None:
    raise _Return(value)


def _relation(path: dict[str, str], **_: str) -> str:
    return f"kpis.{path['identifier']}"


def _call(macro: Any, *values: Any, **named: Any) -> Any:
    try:
        return macro(*values, **named)
    except _Return as returned:
        return returned.args[0]


def _load(statements: list[str], **known: Any) -> Any:
    """The macros, whose statements are put into a list instead of being run."""

    def statement(_: str, caller: Any) -> str:
        statements.append(" ".join(caller().split()))
        return ""

    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701
    package = SimpleNamespace()
    environment.globals |= {
        "return": _return,
        "modules": {"re": re},
        "statement": statement,
        "crm_kpis": package,
        "this": SimpleNamespace(identifier="model", incorporate=_relation),
        "target": SimpleNamespace(schema="kpis"),
        "config": {},
        "env_var": lambda _, default: default,
        **known,
    }
    module: Any = environment.from_string(_MACROS).module
    package.with_own_columns = lambda query: (query, [])
    for name in ("with_steps_read", "compute_once", "read_at_once"):
        setattr(package, name, functools.partial(_call, getattr(module, name)))
    return module


def compute_once(query: str, **limits: int) -> tuple[str, list[str], list[str]]:
    """The query that is left, the names of the tables, and the statements that make them."""
    statements: list[str] = []
    left, tables = _call(_load(statements).compute_once, query, "parquet", **limits)
    return left, tables, [made for made in statements if made.startswith("create")]


def read_at_once(query: str, **meta: bool) -> str:
    """The query as a run on small data reads its tables."""
    module = _load([], config={"meta": meta}, env_var={"CRM_KPIS_SPARK_AT_ONCE": "1"}.get)
    return _call(module.read_at_once, query)


def replace_table(meta: dict[str, bool], engine: str = "spark", **variables: str) -> list[str]:
    """The statements that make the table of a model without contract."""
    statements: list[str] = []
    module = _load(
        statements,
        config={"meta": meta, "contract": SimpleNamespace(enforced=False)},
        adapter=SimpleNamespace(type=lambda: engine),
        env_var=variables.get,
        load_cached_relation=lambda _: None,
        this=SimpleNamespace(identifier="model", incorporate=lambda **_: "kpis.model"),
        run_hooks=lambda _: None,
    )
    _call(module.replace_spark_table, "select 1")
    return statements


def cte(name: str, body: str) -> str:
    return f"{name} as (\n    {body}\n)"


def query(*ctes: str, end: str = "select * from c") -> str:
    return "with\n\n" + ",\n\n".join(ctes) + "\n\n" + end


def test_what_is_long_and_read_twice_is_a_table():
    number = "select 1" + " + 1" * 50
    long = cte("a", number)
    given = query(
        cte("source", "select 1"), long, cte("unread", "select 2"), end="select * from a join a as b"
    )
    left, tables, made = compute_once(given, again=200)
    assert tables == ["kpis.model__a"]
    assert made == [f"create table kpis.model__a using parquet as with a as ( {number} ) select * from a"]
    assert left == query(cte("a", "select * from kpis.model__a"), end="select * from a join a as b")
    # What nobody reads is left out; else the query is as it was.
    left, tables, _ = compute_once(given, again=300)
    assert not tables
    assert left == query(long, end="select * from a join a as b")


def test_what_a_step_reads_is_part_of_its_length():
    steps = [cte("a", "select 1 as x" + " + 1" * 50), cte("b", "select * from a")]
    _, tables, (made,) = compute_once(query(*steps, end="select * from b union select * from b"), again=200)
    assert tables == ["kpis.model__b"]
    assert made.endswith("b as ( select * from a ) select * from b")


def test_a_chain_is_cut_where_it_is_too_long():
    steps = [cte("step_0", "select 1 as x")]
    steps += [cte(f"step_{n}", f"select x + {n} as x from step_{n - 1}") for n in range(1, 10)]
    left, tables, made = compute_once(query(*steps, end="select * from step_9"), at_once=100)
    assert tables == ["kpis.model__step_3", "kpis.model__step_7"]
    assert left == query(
        cte("step_7", "select * from kpis.model__step_7"), *steps[8:], end="select * from step_9"
    )
    assert "step_3 as ( select * from kpis.model__step_3 ), step_4 as" in made[1]
    assert "step_2" not in made[1]


def test_a_cte_with_named_columns_keeps_them():
    values = "numbers (number, name) as (\n    values (1, 'a')\n)"
    left, tables, _ = compute_once(query(values, end="select * from numbers"))
    assert (left, tables) == (query(values, end="select * from numbers"), [])


@pytest.mark.parametrize(
    "body",
    [
        # As dbt-spark's dateadd renders it.
        "select cast(add(\n1\n)\n    as date) as x",
        "select 1 -- a, b\n    from (select 2) as z",
    ],
)
def test_a_parenthesis_within_a_step_does_not_end_it(body):
    given = query(cte("a", body), cte("c", "select * from a"))
    assert compute_once(given) == (given, [], [])


@pytest.mark.parametrize(
    "given",
    [
        "select * from t",
        # Another query in it, as own columns of a company put it.
        query(cte("contract_columns", "\n" + query(cte("a", "select 1"), end="select * from a"))),
        # Another query behind it, as own dimensions put it.
        query(cte("a", "select 1"), end="select * from a\nunion all\nselect * from (\n")
        + query(cte("a", "select 2"), end="select * from a\n) as b"),
    ],
)
def test_other_queries_are_left_as_they_are(given):
    assert compute_once(given, again=0, at_once=0) == (given, [], [])


def test_given_rows_of_a_unit_test_are_ctes_like_others():
    """As dbt puts them in; a `with` in a text and commas between tables stay as they are."""
    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701
    environment.globals |= {"return": _return, "modules": {"re": re}}
    module: Any = environment.from_string(_MACROS).module
    given = (
        "with\n\n __dbt__cte__a as (\n\nselect 'with b' as x, 2\n),  __dbt__cte__b as (\n    select 1\n), "
        "both_of (x, z) as (\n    select * from __dbt__cte__a\n),\n\nc as (\n    select 1\n)\n\n"
        "select * from both_of join both_of as others"
    )
    normal = _call(module.with_ctes_on_lines, given)
    assert normal == given.replace("\n\n _", "\n\n_").replace("),  _", "),\n\n_").replace("), b", "),\n\nb")
    _, tables, _ = compute_once(normal, again=50)
    assert tables == ["kpis.model__both_of"]


_MADE = "create table kpis.model using parquet as select 1"


@pytest.mark.parametrize("variables", [{}, {"CRM_KPIS_SPARK_METHOD": "thrift"}])
def test_a_model_that_computes_much_is_compiled(variables):
    assert replace_table({"computes_much": True}, **variables) == [
        "set spark.sql.codegen.wholeStage=true",
        "set spark.sql.codegen.factoryMode=FALLBACK",
        _MADE,
        "reset spark.sql.codegen.wholeStage",
        "reset spark.sql.codegen.factoryMode",
    ]


def test_no_other_model_is_compiled_nor_any_where_settings_are_not_ours():
    assert replace_table({}) == [_MADE]
    assert replace_table({"computes_much": True}, "databricks") == [_MADE]
    assert replace_table({"computes_much": True}, CRM_KPIS_SPARK_METHOD="http") == [_MADE]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("select * from kpis.a", "select * from (select /*+ coalesce(1) */ * from  kpis.a) as a"),
        (
            "select b.x from kpis_raw.a as b\ninner join kpis.b as c on b.x = c.x",
            "select b.x from (select /*+ coalesce(1) */ * from  kpis_raw.a) as b\n"
            "inner join (select /*+ coalesce(1) */ * from  kpis.b) as c on b.x = c.x",
        ),
        (
            "(select count(*) from kpis.a)",
            "(select count(*) from (select /*+ coalesce(1) */ * from  kpis.a) as a)",
        ),
        # A CTE, tables of others, and what only ends or begins like ours.
        ("select 1 from kpis join other.a join my_kpis.a", None),
    ],
)
def test_small_tables_are_read_in_one_part(given, read):
    assert read_at_once(given) == (read or given)
    assert read_at_once(given, computes_much=True) == (read or given)
    assert read_at_once(given, many_rows=True) == given
    # Where a run has not said that the data are small.
    assert _call(_load([]).read_at_once, given) == given


def test_tables_of_steps_are_read_in_one_part_too():
    statements: list[str] = []
    module = _load(statements, env_var={"CRM_KPIS_SPARK_AT_ONCE": "1"}.get)
    steps = [cte("a", "select x from kpis.t")]
    steps += [cte(name, f"select x from {source}") for name, source in ("ba", "cb", "dc")]
    _call(module.compute_once, query(*steps, end="select * from d"), "parquet", at_once=38)
    made = [statement for statement in statements if statement.startswith("create")]
    assert "select x from (select /*+ coalesce(1) */ * from kpis.t) as t" in made[0]
    assert "select * from (select /*+ coalesce(1) */ * from kpis.model__b) as model__b" in made[1]


@pytest.mark.parametrize(
    ("computed", "same"),
    [
        ("('a', 1.0e0, 2), ('a', 3.000000001e0, 1), ('b', null, 1)", True),
        ("('b', null, 1), ('a', 3.0e0, 1), ('a', 1.0000000009e0, 2)", True),
        ("('a', 1.0e0, 2), ('a', 3.00000001e0, 1), ('b', null, 1)", False),
        ("('a', 1.0e0, 2), ('a', 3.0e0, 1), ('b', 0e0, 1)", False),
        ("('a', 1.0e0, 2), ('a', 3.0e0, 1), ('b', null, 2)", False),
        ("('a', 1.0e0, 2), ('a', 3.0e0, 1)", False),
        ("('a', 1.0e0, 2), ('a', 3.0e0, 1), ('b', null, 1), ('b', null, 1)", False),
    ],
)
def test_doubles_of_a_unit_test_may_differ_by_a_billionth(computed, same):
    expected = "select * from (values ('a', 3.0e0, 1), ('a', 1.0e0, 2), ('b', null, 1)) as rows (x, y, place)"
    found = _load([]).with_expected_doubles("computed", expected, ["x", "y", "place"], ["y"])
    with duckdb.connect() as connection:
        connection.execute(f"create table computed as from (values {computed}) as rows (x, y, place)")
        rows = [connection.execute(f"{sql} order by all").fetchall() for sql in (found, expected)]
    assert (rows[0] == rows[1]) == same
