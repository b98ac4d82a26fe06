"""The mutations are those that a slip of the hand would make, and leave comments and names alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from mutations import find_mutations, is_partner_required, mutate_line
from pipeline import PROJECT_DIR, connect_warehouse, small_project


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("    where closed_on >= first_day\n", "    where closed_on > first_day\n"),
        ("    where closed_on >= first_day\n", "    where true\n"),
        ("        and stage <> 'Won'\n", ""),
        ("        and stage <> 'Won'\n", "        and stage = 'Won'\n"),
        ("        count(*) filter (where is_won) as deals_won,\n", "        count(*) as deals_won,\n"),
        ("        count(deal_id) as deals,\n", "        count(*) as deals,\n"),
        ("        coalesce(users.team, '(none)') as team,\n", "        users.team as team,\n"),
        ("    inner join users on a = b\n", "    left join users on a = b\n"),
        ("        a - b as c\n", "        a + b as c\n"),
        ("        closed_on as day\n", "        created_on as day\n"),
        ("        max(day) as last_day\n", "        min(day) as last_day\n"),
    ],
)
def test_a_line_is_changed(line, after):
    assert after in {changed for _, changed in mutate_line(line, {"closed_on", "created_on", "paid_at"})}


@pytest.mark.parametrize(
    "line", ["-- where a >= b\n", "\n", "with\n", "    deal_id,\n", "        count(*) as closed_on\n"]
)
def test_a_line_without_meaning_is_left_alone(line):
    assert not list(mutate_line(line, {"closed_on", "created_on"}))


@pytest.mark.parametrize(
    "line",
    [
        "max(value) filter (where measure = 'deals') as deals,\n",
        "max(visits.channel) filter (where visits.place = 1) as first_channel,\n",
        "max(day_count) filter (where side = '{{ side }}') as {{ side }}_day_count,\n",
    ],
)
def test_the_only_value_of_a_measure_place_or_side_is_not_made_the_least(line):
    assert {kind for kind, _ in mutate_line(line, set())} == {"the opposite", "a filter gone"}


def test_the_total_of_a_kpi_is_not_made_the_least():
    line = "max(case when segment_by = 'all' then difference end) over (partition by kpi_id) as total,\n"
    assert {kind for kind, _ in mutate_line(line, set())} == {"the opposite"}


def test_partitions_by_a_condition_are_not_those_by_its_opposite():
    line = "rank() over (partition by amount is null order by amount) as worth,\n"
    assert not list(mutate_line(line, set()))
    assert list(mutate_line(line.replace("order by amount", "order by amount is null"), set()))


@pytest.mark.parametrize(
    ("later", "is_required"),
    [
        ("    where users.team = 'a'", True),
        ("    where deals.amount > 0 and users.is_active", True),
        ("    where users.left_on is not null", True),
        ("    inner join teams on users.team = teams.team", True),
        (
            "    inner join teams\n        on\n            a >= teams.a\n            and users.b = teams.b",
            True,
        ),
        ("    where\n        deals.amount > 0\n        and not users.is_active", True),
        ("    where users.team = 'a' or deals.is_won", False),
        ("    where users.team = 'a' or users.team = 'b'", True),
        ("    where\n        users.team = 'a'\n        or '|' || teams.b like '%|' || users.team", True),
        ("    inner join teams on users.team = teams.team\n    where\n        a\n        or b", True),
        ("    where\n        users.team = 'a'\n        or deals.is_won", False),
        (
            "    where\n        a\n        and (\n            users.b = 'a'\n            or c\n        )",
            False,
        ),
        ("    where users.left_on is null", False),
        ("    where coalesce(users.team, 'a') = 'a'", False),
        (
            "    where not exists (\n        select 1\n        from a\n        where users.b = a.b\n    )",
            False,
        ),
        ("    left join teams on users.team = teams.team", False),
        ("    group by users.team\n)", False),
        ("),\n\nnext as (\n    select *\n    from a\n    where users.team = 'a'", False),
    ],
)
def test_an_inner_join_is_kept_where_a_later_condition_does_the_same(later, is_required):
    lines = ["    inner join users on deals.owner_id = users.user_id", *later.split("\n")]
    assert is_partner_required(lines) is is_required


def test_what_only_spark_runs_is_left_alone():
    found = {(mutation.path, mutation.before.strip()) for mutation in find_mutations(PROJECT_DIR)}
    text = (PROJECT_DIR / "macros" / "sums.sql").read_text(encoding="utf-8")
    only_spark = "when count(*) filter (where {{ counted }}) > 0"
    assert only_spark in text
    assert ("macros/sums.sql", only_spark) not in found


@pytest.mark.slow
def test_every_mutation_changes_its_line_and_no_comment():
    mutations = find_mutations(PROJECT_DIR)
    assert len({mutation.path for mutation in mutations}) > 100
    assert len({mutation.kind for mutation in mutations}) > 15
    for mutation in mutations:
        assert mutation.after != mutation.before
        lines = (PROJECT_DIR / mutation.path).read_text(encoding="utf-8").splitlines(keepends=True)
        assert lines[mutation.line - 1] == mutation.before
        assert not mutation.before.lstrip().startswith("--")


_MODEL = """\
-- Deals from their first day on.
with

deals as (
    select * from {{ ref('every_deal') }}
)

select deal_id
from deals
where {{ days_between('opened_on', 'closed_on') }} >= {% if true %}7{% endif %}
"""
_PROPERTIES = """\
unit_tests:
  - name: a_week_is_long
    model: long_deals
    given: &deals
      - input: ref('every_deal')
        rows:
          - {deal_id: a, opened_on: "2024-01-01", closed_on: "2024-01-08"}
          - {deal_id: b, opened_on: "2024-01-02", closed_on: "2024-01-08"}
    expect:
      rows:
        - {deal_id: a}

  - name: no_deal_is_none
    model: long_deals
    given:
      - input: ref('every_deal')
        rows: []
    expect:
      rows: []
"""


@pytest.mark.slow
def test_unit_tests_see_changes_of_a_model_and_a_macro_without_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Here: dbt takes longer to import than most files of tests to run.
    from dbt.cli.main import dbtRunner  # noqa: PLC0415
    from unit_test_queries import UnitTestRecorder, passes  # noqa: PLC0415

    every_deal = "select 'c' as deal_id, cast('2024-01-01' as date) as opened_on, current_date as closed_on"
    project = small_project(
        tmp_path / "project",
        {"every_deal.sql": every_deal, "long_deals.sql": _MODEL, "_tests.yml": _PROPERTIES},
    )
    monkeypatch.setenv("CRM_KPIS_OUTPUT", str(tmp_path))
    options = ["--quiet", "--project-dir", str(project), "--profiles-dir", str(project)]
    manifest = dbtRunner().invoke(["parse", *options]).result
    recorder = UnitTestRecorder(manifest.nodes)
    with recorder.record() as keep:
        assert dbtRunner(manifest, [keep]).invoke(["build", *options]).success

    model = manifest.nodes["model.crm_kpis.long_deals"]
    macro = manifest.macros["macro.crm_kpis.duckdb__days_between"]
    with connect_warehouse(":memory:") as connection:
        tests = {test.name: test for test in recorder.read(connection)}

        def failed() -> set[str]:
            return {name for name, test in tests.items() if not passes(connection, test.render())}

        assert len(tests) == 2
        assert not failed()
        for before, after in [(">=", ">"), ("7", "6"), ("'opened_on', 'closed", "'closed_on', 'closed")]:
            with monkeypatch.context() as changed:
                changed.setattr(model, "raw_code", model.raw_code.replace(before, after))
                assert failed() == {"a_week_is_long"}
        with monkeypatch.context() as changed:
            changed.setattr(macro, "macro_sql", macro.macro_sql.replace("{{ to_date }}", "{{ from_date }}"))
            assert failed() == {"a_week_is_long"}
        with monkeypatch.context() as changed:
            changed.setattr(model, "raw_code", f"{model.raw_code}union all select 'd'")
            assert failed() == {"a_week_is_long", "no_deal_is_none"}
        monkeypatch.setattr(model, "raw_code", model.raw_code.replace("select deal_id", "select nobody"))
        with pytest.raises(duckdb.BinderException):
            failed()


@pytest.mark.slow
def test_the_second_computations_are_asked_about_the_build_that_mutate_gives(monkeypatch: pytest.MonkeyPatch):
    # The run that they usually need is slow; this one is there.
    monkeypatch.setenv("CRM_KPIS_SAMPLE_BUILD", "mutated.json")
    tests = Path(__file__).with_name("test_independent.py")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not slow", tests]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert "::test_" in done.stdout, done.stdout
