"""The mutations are those that a slip of the hand would make, and leave comments and names alone."""

from __future__ import annotations

import pytest
from mutations import find_mutations, is_partner_required, mutate_line
from pipeline import PROJECT_DIR


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


def test_the_only_value_of_a_measure_is_not_made_the_least():
    kinds = {
        kind for kind, _ in mutate_line("max(value) filter (where measure = 'deals') as deals,\n", set())
    }
    assert kinds == {"the opposite", "a filter gone"}


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


def test_every_mutation_changes_its_line_and_no_comment():
    mutations = find_mutations(PROJECT_DIR)
    assert len({mutation.path for mutation in mutations}) > 100
    assert len({mutation.kind for mutation in mutations}) > 15
    for mutation in mutations:
        assert mutation.after != mutation.before
        lines = (PROJECT_DIR / mutation.path).read_text(encoding="utf-8").splitlines(keepends=True)
        assert lines[mutation.line - 1] == mutation.before
        assert not mutation.before.lstrip().startswith("--")
