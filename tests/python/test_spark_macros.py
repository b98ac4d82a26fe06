"""The macros that differ between engines compute the same on both. Skipped without pyspark or Java."""

from __future__ import annotations

import itertools
import shutil
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pytest
from crm_kpis.spark.inputs import locate_file
from crm_kpis.spark.session import spark_session
from crm_kpis.sql import quote_text
from engines import literal, render, run_on_duckdb, run_on_spark

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]

_BLANKS = [chr(code) for code in (9, 10, 13, 0x20, 0xA0, 0x1680, 0x2003, 0x200B, 0x202F, 0x3000, 0xFEFF)]
_DAYS = ["2024-01-05", "2024-1-5", "2024-02-30", "1969-12-31", "2100-01-01", "0000-00-00", "2024-01-05x"]
_TIMES = [
    *("", "T10:00", " 10:00", " 9:05", "T10:00:07", " 10:00:07.5", "T23:59:59.999999999", "T10", "T24:00:00"),
    *(" 10:00:60", "T10:00:07.", "  10:00", "t10:00", "T10:00:07.1234567"),
]
_ZONES = [
    "",
    "Z",
    " Z",
    " UTC",
    "UTC",
    "z",
    "+02",
    "+02:00",
    "+0200",
    " +02:00",
    "-14:59",
    "+15:00",
    "+19:00",
]
_NUMBERS = [
    *("1", "-1", "+1", "1.", "1.5", ".5", "-.5", "1e3", "1E-3", "1.5e+2", "123456789012345", "1e20", "1e400"),
    *("0.00005", "0.00015", "-0.00005", "1_000", "0x1F", "NaN", "inf", "1e", "--1", "1 2", "00012", "12.0"),
    *(
        "2.50000000000000000000000000001",
        "99999999999999.9999",
        "\uff11\uff12",
        "\u0663",
        "1,5",
        "-",
        "1e-400",
    ),
]
_WORDS = [
    "true",
    "T",
    "yes",
    "1",
    "no",
    "F",
    "0",
    "maybe",
    "",
    "null",
    "(none)",
    "\u0130",
    "\ufb00",
    "x" * 999,
]
_CLOCKS = [
    "12:30",
    "T12:30",
    "2024",
    "2024-01",
    "epoch",
    "2024/01/05",
    "2024-01-05 BC",
    "20240105",
    "infinity",
]
TEXTS = [
    None,
    *(day + time + zone for day, time, zone in itertools.product(_DAYS, _TIMES, _ZONES)),
    *(_NUMBERS + _WORDS + _CLOCKS),
    *(blank + text + blank for blank in _BLANKS for text in ("7", "a", "true", "2024-01-05")),
    *(f"{text}\n" for text in ("2024-01-05", "7", "true")),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    with spark_session(tmp_path_factory.mktemp("tables")) as session:
        yield run_on_spark(session)


def _sql(value: str | tuple[str | None], prefix: str) -> str:
    return value if isinstance(value, str) else literal(value[0], prefix)


def compute(
    spark: Any, columns: dict[str, str], rows: list[tuple[Any, ...]], calls: list[str]
) -> tuple[list[Any], list[Any]]:
    """The values of calls, as text, of rows of SQL, or of texts, each in a tuple: DuckDB's and Spark's."""
    computed = []
    for prefix, engine in (("duckdb", run_on_duckdb), ("default", spark)):
        values = ", ".join(
            f"({', '.join([str(place), *(_sql(value, prefix) for value in row)])})"
            for place, row in enumerate(rows)
        )
        typed = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns.items())
        selected = ", ".join(f"cast({render(call, prefix)} as string)" for call in calls)
        names = ", ".join(["place", *columns])
        computed.append(
            engine(
                f"with given ({names}) as (values {values}), typed as (select place, {typed} from given)"
                f" select {selected} from typed order by place"
            )
        )
    return computed[0], computed[1]


def test_text_means_the_same(spark):
    macros = ("to_text", "to_integer", "to_decimal", "to_boolean", "to_date", "to_timestamp")
    calls = [f"{macro}('x')" for macro in macros]
    calls += ["is_day('x')", "has_offset('x')", "wall_clock_to_utc(to_date('x'), '0', 'America/New_York')"]
    ours, theirs = compute(spark, {"x": "string"}, [((text,),) for text in TEXTS], calls)
    differing = [
        (text, our, their) for text, our, their in zip(TEXTS, ours, theirs, strict=True) if our != their
    ]
    assert differing == []
    by_text = dict(zip(TEXTS, ours, strict=True))
    assert by_text["2024-01-05T10:00+02:00"][4:6] == ("2024-01-05", "2024-01-05 08:00:00")
    assert [by_text[text][4:6] for text in _CLOCKS] == [(None, None)] * len(_CLOCKS)


def test_days_and_times_are_the_same(spark):
    moments = [
        f"'2024-{month:02}-{day:02} {clock}'"
        for month, day in ((1, 1), (3, 30), (3, 31), (10, 26), (10, 27), (12, 31))
        for clock in ("00:59:59.999999", "01:00:00", "12:00:00.5", "22:30:00", "23:59:59.999")
    ]
    rows = [(first, second) for first in moments for second in moments[::7]]
    ours, theirs = compute(
        spark,
        {"a": "timestamp", "b": "timestamp"},
        rows,
        [
            "local_date('a')",
            "local_date('a', 'America/New_York')",
            "local_date('a', 'UTC')",
            "days_between(local_date('a'), local_date('b'))",
            "seconds_between('a', 'b')",
            "add_days(local_date('a'), '30')",
            "wall_clock_to_utc(local_date('a'), '540')",
        ],
    )
    assert ours == theirs


def test_amounts_are_the_same(spark):
    rows = [
        (str(amount), str(part), str(whole))
        for amount in (978.91895, -978.91895, 0.00005, 12345678.12345, 1, 0)
        for part in (1, 2.5, 0.3333)
        for whole in (1, 3, 7.7777)
    ]
    calls = ["to_amount('a')", "share_of_amount('a', 'b', 'c')", "magnitude_step('a')"]
    ours, theirs = compute(spark, dict.fromkeys("abc", "double"), rows, calls)
    assert ours == theirs


def test_groups_are_the_same(spark):
    rows = [(str(number % 3), str((number * 7919) % 101), f"{number * 0.1 - 3}") for number in range(60)]
    columns = {"g": "bigint", "n": "bigint", "d": "double"}
    sums = [f"sum_in_order('d', 'n'{condition})" for condition in ("", ", 'd > 0'", ", 'd > 99'")]
    # Whole numbers, rests, and what is no longer a bigint.
    exact = [f"exact_sum('{value}')" for value in ("d", "n * 1e20", "d / 3")]
    calls = ["nth_smallest('n', 'g + 1')", *sums, *exact]
    computed = []
    for prefix, engine in (("duckdb", run_on_duckdb), ("default", spark)):
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        typed = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns.items())
        selected = ", ".join(render(call, prefix) for call in calls)
        computed.append(
            engine(
                f"with given (g, n, d) as (values {values}), typed as (select {typed} from given)"
                f" select g, {selected} from typed group by g order by g"
            )
        )
    assert computed[0] == computed[1]


def test_a_row_as_json_is_the_same(spark):
    columns = [
        {"name": name, "data_type": kind} for name, kind in (("a", "text"), ("b", "text"), ("c", "timestamp"))
    ]
    texts = ['"', "\\", "</x>", "\u00e4\U0001d4b3", "a\nb", *_WORDS, *_NUMBERS]
    rows = [((text,), (None,), ("2024-01-05T10:00:00Z",)) for text in texts]
    json_call = f"row_as_json({columns})"
    calls = [json_call, f"value_in_row({json_call}, \"'a'\")"]
    ours, theirs = compute(spark, dict.fromkeys("abc", "string"), rows, calls)
    assert ours == theirs


def test_medians_are_the_same(spark):
    facts = ", ".join(
        f"(cast('2024-01-{number % 28 + 1:02}' as date),"
        f" cast({(number * number * 7919) % 5003} as bigint), 't{number % 3}')"
        for number in range(400)
    )
    days = ", ".join(
        f"(cast('2024-01-{day:02}' as date), cast({period} as bigint))"
        for day in range(1, 29)
        for period in (1, 2 + day // 7)
    )
    call = "median_query('m', 'fact', day='day', value='seconds', segments=['team'])"
    computed = []
    for prefix, engine in (("duckdb", run_on_duckdb), ("default", spark)):
        # The macro has a CTE of the same name as the model that it reads.
        query = render(call, prefix, ref=lambda _: "given_days")
        query = query.replace(
            "with",
            f"with fact (day, seconds, team) as (values {facts}),"
            f" given_days (day, period_id) as (values {days}),",
            1,
        )
        rows = engine(f"select period_id, segment_by, segment, measure, cast(value as string) from ({query})")
        computed.append(sorted(rows))
    assert computed[0] == computed[1]
    assert len(computed[0]) == 6 * 4


def test_what_is_read_in_one_part_is_computed_by_one_task(spark):
    steps = (
        "select n, count(*) over (partition by g) as times from (select id % 3 as g, max(id) as n"
        " from {table} as numbers group by id % 3) as greatest order by times"
    )
    ((at_once,),) = spark(
        "explain " + steps.format(table="(select /*+ coalesce(1) */ * from range(0, 9, 1, 4))")
    )
    ((by_parts,),) = spark("explain " + steps.format(table="range(0, 9, 1, 4)"))
    assert "Exchange" in by_parts
    assert "Exchange" not in at_once


def test_defaults_of_programs_that_are_not_used_are_not_sent_to_executors(spark):
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    assert spark("select 1")
    configuration = SparkSession.active()._jsparkSession.sessionState().newHadoopConf()
    assert configuration.get("yarn.resourcemanager.address") is None
    assert configuration.get("fs.defaultFS") == "file:///"
    assert configuration.size() < 400


def test_a_file_is_found_whatever_its_path_holds(spark, raw_dir):
    file = raw_dir / "deals.parquet"
    duckdb.sql(f"copy (select 'd1' as id) to {quote_text(str(file))} (format parquet)")
    spark(f"create table deals__file using parquet options (path {locate_file(file)})")
    assert spark("select *, _metadata.row_index from deals__file") == [("d1", 0)]
    spark("drop table deals__file")
    assert file.exists()


def test_own_splits_are_added_to_the_catalogue(spark):
    """By one UPDATE on DuckDB, by a copy on Spark."""

    def split(prefix: str, run: Any, ended: str) -> list[tuple[Any, ...]]:
        statements = []

        def statement(_: str, caller: Any) -> str:
            statements.append(caller())
            return ""

        @jinja2.pass_context
        def dispatch(context: jinja2.runtime.Context, name: str, _: str) -> Any:
            return context[f"{prefix}__{name}"]

        columns = [SimpleNamespace(name=name) for name in ("kpi_id", "segments", "unit")]
        splits = {"region": ["a", "b", "c"], "city": ["a"]}
        last = render(
            "add_own_splits()",
            prefix,
            execute=True,
            this="catalogue",
            settings_plugin=lambda: SimpleNamespace(own_splits=splits),
            statement=statement,
            adapter=SimpleNamespace(dispatch=dispatch, get_columns_in_relation=lambda _: columns),
        )
        rows = "('a', 'team', 'x'), ('b', '', 'x'), ('c', null, null), ('d', 'team', 'x'), ('e', null, 'x')"
        for sql in (
            "create table catalogue (kpi_id string, segments string, unit string)" + ended,
            f"insert into catalogue values {rows}",
            *statements,
            last,
        ):
            run(sql)
        return run("select * from catalogue order by kpi_id")

    with duckdb.connect() as connection:
        of_duckdb = split("duckdb", lambda sql: connection.execute(sql).fetchall(), "")
    assert of_duckdb == [
        ("a", "team|region|city", "x"),
        ("b", "region", "x"),
        ("c", "region", None),
        ("d", "team", "x"),
        ("e", None, "x"),
    ]
    assert split("default", spark, " using parquet") == of_duckdb
    assert spark("show tables like 'catalogue__*'") == []
