"""The generator: the same bytes every time, a consistent company, flaws, swings, what the CRM moves."""

import filecmp
from statistics import correlation, mean, pstdev

import duckdb
import pytest
from crm_kpis.errors import InputError
from crm_kpis.generate import run as generator
from crm_kpis.generate.flaws import table_flaws
from crm_kpis.generate.sample import SAMPLE_DEALS, SAMPLE_PROPORTIONS, SAMPLE_SEED, write_sample
from crm_kpis.raw.contract import CONTRACT_FILE, PROJECT_DIR
from crm_kpis.yaml_files import parse_yaml

pytestmark = pytest.mark.slow

CONTRACT = {
    table["name"]: table
    for table in parse_yaml(CONTRACT_FILE.read_text(encoding="utf-8"))["sources"][0]["tables"]
}
DUCKDB_TYPES = {
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18, 5)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
COMMITTED = PROJECT_DIR / "seeds" / "sample"


def columns(table):
    return {column["name"]: column for column in CONTRACT[table]["columns"]}


def meta(column):
    return column.get("config", {}).get("meta", {})


def table_meta(table):
    return CONTRACT[table]["config"]["meta"]


def as_typed(column):
    """What the pipeline reads from text: NULL if it is not of the contract's type."""
    text = column["name"]
    if column["data_type"] == "boolean":
        text = f"case lower({text}) when 'yes' then 'true' when 'no' then 'false' else {text} end"
    if column["data_type"] == "timestamp":
        # a cast to timestamp ignores the offset
        return f"cast(try_cast({text} as timestamptz) as timestamp)"
    return f"try_cast({text} as {DUCKDB_TYPES[column['data_type']]})"


def rows(connection, query):
    return connection.execute(query).fetchall()


def days_of(table):
    """What a check may read beside the columns, after a star: created_on of created_at."""
    times = [name for name, column in columns(table).items() if column["data_type"] == "timestamp"]
    return "".join(f", cast({name} as date) as {name.removesuffix('_at')}_on" for name in times)


def count(connection, table, condition):
    with_days = f"select *{days_of(table)} from {table}"
    return rows(connection, f"select count(*) from ({with_days}) where {condition}")[0][0]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    write_sample(project)
    return project / "seeds" / "sample"


@pytest.fixture(scope="module")
def sample():
    """The committed sample: <table> as text, <table>_typed with what can be read, NULL for the rest."""
    connection = duckdb.connect()
    connection.execute("load icu")
    connection.execute("set timezone = 'UTC'")
    for table in CONTRACT:
        connection.execute(f"""
            create table {table} as
            from read_csv(
                '{COMMITTED / table}.csv', header = true, all_varchar = true, allow_quoted_nulls = false
            )
        """)
        typed = ", ".join(f"{as_typed(column)} as {name}" for name, column in columns(table).items())
        connection.execute(f"create table {table}_typed as select {typed} from {table}")
    return connection


@pytest.fixture(scope="module")
def clean_dir(tmp_path_factory):
    """The sample's company without flaws."""
    directory = tmp_path_factory.mktemp("clean")
    generator.generate(
        directory,
        deals=SAMPLE_DEALS,
        seed=SAMPLE_SEED,
        flaws=False,
        proportions=SAMPLE_PROPORTIONS,
    )
    return directory


@pytest.fixture(scope="module")
def clean(clean_dir):
    connection = duckdb.connect()
    for table in CONTRACT:
        connection.execute(f"create table {table} as from '{clean_dir / table}.parquet'")
    return connection


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    directory = tmp_path_factory.mktemp("parquet")
    return directory, generator.generate(directory, deals=30)


# ---- the files -------------------------------------------------------------------------------------------


def test_the_committed_sample_is_what_the_generator_writes(written):
    names = [f"{table}.csv" for table in CONTRACT]
    assert filecmp.cmpfiles(written, COMMITTED, names, shallow=False) == (names, [], [])


def test_the_sample_is_small():
    assert sum((COMMITTED / f"{table}.csv").stat().st_size for table in CONTRACT) <= 3_000_000


@pytest.mark.parametrize("table", CONTRACT)
def test_a_sample_file_has_the_columns_of_the_contract_and_rows(table):
    content = (COMMITTED / f"{table}.csv").read_bytes()
    assert content.split(b"\n")[0].decode() == ",".join(columns(table))
    assert content.count(b"\n") > 5
    assert b"\r" not in content


def test_parquet_files_have_native_types_and_the_rows_that_were_reported(parquet):
    directory, written = parquet
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        f"{table}.parquet" for table in CONTRACT
    )
    for table in CONTRACT:
        described = duckdb.sql(f"describe from '{directory / table}.parquet'").fetchall()
        types = {name: data_type.split("(")[0].lower() for name, data_type, *_ in described}
        expected = {
            name: DUCKDB_TYPES[column["data_type"]].split("(")[0] for name, column in columns(table).items()
        }
        assert {n: {"integer": "bigint"}.get(t, t) for n, t in types.items()} == expected
        assert duckdb.sql(f"select count(*) from '{directory / table}.parquet'").fetchall() == [
            (written[table],)
        ]


def test_raw_tables_are_replaced_only_when_asked_and_another_seed_makes_another_company(parquet, tmp_path):
    other, old = tmp_path / "notes.txt", tmp_path / "leads.csv.gz"
    other.write_text("mine")
    old.write_text("old")
    with pytest.raises(InputError, match=r"leads\.csv\.gz"):
        generator.generate(tmp_path, deals=30)
    assert old.read_text() == "old"

    written = generator.generate(tmp_path, deals=30, seed=2, replace=True)

    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [*(f"{t}.parquet" for t in CONTRACT), "notes.txt"]
    )
    directory, of_seed_1 = parquet
    assert written.keys() == of_seed_1.keys()
    assert (tmp_path / "deals.parquet").read_bytes() != (directory / "deals.parquet").read_bytes()


@pytest.mark.parametrize("options", [{"deals": 0}, {"deals": 1, "file_format": "xlsx"}])
def test_wrong_options_are_refused(tmp_path, options):
    with pytest.raises(InputError):
        generator.generate(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="new can't be written"):
        generator.generate(tmp_path / "file" / "new", deals=30)


def test_an_error_while_writing_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch):
    old = tmp_path / "leads.csv"
    old.write_text("old")
    monkeypatch.setitem(generator._FILE_OPTIONS, ".parquet", "format parquet, row_group_size 'none'")
    with pytest.raises(duckdb.Error):
        generator.generate(tmp_path, deals=30, replace=True)

    def full(*_arguments, **_options):
        raise duckdb.IOException("Could not write file: No space left on device\n\nmore")

    monkeypatch.setattr(generator, "_write", full)
    with pytest.raises(InputError, match=r"can't be written: Could not write file: No space left on device$"):
        generator.generate(tmp_path, deals=30, replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["leads.csv"]
    assert old.read_text() == "old"


# ---- many rows: streamed to their files, not sorted ------------------------------------------------------


@pytest.fixture
def many_rows(monkeypatch):
    """As few rows as a test has time for count as many."""
    monkeypatch.setattr(generator, "_MANY_ROWS", 100)


@pytest.mark.usefixtures("many_rows")
def test_many_rows_make_the_same_files_however_many_tables_are_made_at_once(tmp_path, monkeypatch):
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        generator.generate(tmp_path / str(cores), deals=200)
    names = [f"{table}.parquet" for table in CONTRACT]
    assert filecmp.cmpfiles(tmp_path / "1", tmp_path / "3", names, shallow=False) == (names, [], [])


@pytest.mark.usefixtures("many_rows")
def test_many_rows_are_the_company_that_few_are(clean_dir, tmp_path):
    generator.generate(
        tmp_path,
        deals=SAMPLE_DEALS,
        seed=SAMPLE_SEED,
        flaws=False,
        proportions=SAMPLE_PROPORTIONS,
    )
    for table in CONTRACT:
        few, many = (f"from '{directory / table}.parquet'" for directory in (clean_dir, tmp_path))
        for one, other in ((few, many), (many, few)):
            assert duckdb.sql(f"({one}) except all ({other})").fetchall() == [], table


@pytest.mark.usefixtures("many_rows")
def test_many_rows_have_about_one_flaw_in_a_hundred(tmp_path):
    clean, flawed = tmp_path / "clean", tmp_path / "flawed"
    generator.generate(clean, deals=2000, flaws=False)
    total = sum(generator.generate(flawed, deals=2000).values())
    wrong = 0
    for table in CONTRACT:
        with_flaws, without = (f"from '{directory / table}.parquet'" for directory in (flawed, clean))
        wrong += len(duckdb.sql(f"({with_flaws}) except all ({without})").fetchall())
    assert 0.005 < wrong / total < 0.02


# ---- the company without flaws ---------------------------------------------------------------------------


@pytest.mark.parametrize("table", CONTRACT)
def test_without_flaws_the_contract_holds(clean, table):
    key = table_meta(table)["key"]
    assert rows(clean, f"select {', '.join(key)} from {table} group by all having count(*) > 1") == []
    for name, column in columns(table).items():
        if meta(column).get("required"):
            assert count(clean, table, f"{name} is null") == 0, name
        if values := meta(column).get("values"):
            assert count(clean, table, f"{name} not in {tuple(values)}") == 0, name
        if other := meta(column).get("references"):
            other_key = table_meta(other)["key"][0]
            assert count(clean, table, f"{name} not in (select {other_key} from {other})") == 0, name
            assert count(clean, table, f"{name} is not null") > 0, name
    for reason, condition in table_meta(table).get("row_checks", {}).items():
        assert count(clean, table, condition) == 0, reason
    for checks in table_meta(table).get("value_checks", {}).values():
        for reason, condition in checks.items():
            assert count(clean, table, condition) == 0, reason


@pytest.mark.parametrize(
    ("table", "impossible"),
    [
        ("deals", "status = 'open' and closed_at is not null"),
        ("deals", "status <> 'lost' and lost_reason is not null"),
        ("deals", "first_paid_at < closed_at or (status <> 'won' and first_paid_at is not null)"),
        ("leads", "converted_at < qualified_at or first_touch_at > created_at"),
        ("leads", "deal_id is not null and qualified_at is null"),
        (
            "tickets",
            "resolved_at < first_responded_at or (resolved_at is null) <> (status in ('open', 'pending'))",
        ),
        ("orders", "paid_at < ordered_at or (status = 'paid' and paid_at is null)"),
        ("activities", "completed_at < occurred_at"),
        ("users", "left_on is not null and user_id in (select manager_id from users)"),
    ],
)
def test_without_flaws_no_row_contradicts_itself(clean, table, impossible):
    assert count(clean, table, impossible) == 0


CONTRADICTIONS = {
    "a deal and its lead name each other, or one of them is silent": """
        select 1 from leads inner join deals using (deal_id) where deals.lead_id <> leads.lead_id
    """,
    "a lead is there before its deal": """
        select 1 from leads inner join deals using (lead_id) where leads.created_at > deals.created_at
    """,
    "a lead with a deal converts when the deal is won": """
        select 1 from leads inner join deals using (lead_id)
        where leads.converted_at is distinct from case when deals.status = 'won' then deals.closed_at end
    """,
    "a history lies between a deal's creation and its close": """
        select 1 from deal_stages inner join deals using (deal_id)
        where entered_at < created_at or entered_at > closed_at or exited_at > closed_at
    """,
    "a ticket tells what its events tell": """
        with

        events as (
            select
                ticket_id,
                max(occurred_at) filter (event_type = 'resolved') as resolved,
                max(occurred_at) filter (event_type = 'reopened') as reopened,
                count(*) filter (event_type = 'reopened') as reopenings,
                count(*) filter (event_type = 'customer_message') as messages
            from ticket_events
            group by ticket_id
        )

        select 1
        from tickets inner join events using (ticket_id)
        where reopen_count <> reopenings
            or resolved_at <> resolved
            or (reopened > resolved and resolved_at is not null)
            or contact_count < messages
            or (messages > 0 and contact_count <> messages)
    """,
    "the lines of an order add up to its amount": """
        select order_id from orders inner join order_items using (order_id)
        group by order_id having any_value(orders.amount) <> sum(order_items.amount)
    """,
    "nobody comes back before having left": """
        select 1 from subscriptions as a inner join subscriptions as b using (account_id)
        where a.subscription_id <> b.subscription_id
            and a.started_on <= b.started_on and coalesce(a.ended_on, date '9999-12-31') > b.started_on
    """,
    "every currency has a rate from before the first day": """
        select 1 from deals
        where currency not in (select currency from exchange_rates where valid_from < '2018-08-01')
    """,
}


@pytest.mark.parametrize("contradictions", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_without_flaws_tables_agree(clean, contradictions):
    assert rows(clean, contradictions) == []


def test_the_company_has_20_users_with_names_and_seven_years(clean):
    assert rows(clean, "select count(*), count(distinct name), count(distinct email) from users") == [
        (20, 20, 20)
    ]
    for table, column in [("deals", "created_at"), ("leads", "created_at"), ("tickets", "created_at")]:
        assert count(clean, table, f"{column} not between '2019-07-01' and '2026-06-30 23:59:59'") == 0
        assert count(clean, table, f"{column} < '2019-09-01'") > 0
        assert count(clean, table, f"{column} > '2026-05-01'") > 0


def test_some_customers_leave_and_come_back(clean):
    assert rows(clean, "select 1 from subscriptions group by account_id having count(*) > 1")


def test_no_address_is_real(clean):
    for table in ("users", "contacts", "leads"):
        assert (
            count(
                clean,
                table,
                r"email is not null and not regexp_matches(lower(email), '@example\.(com|org|net)$')",
            )
            == 0
        )


# ---- flaws -----------------------------------------------------------------------------------------------


def with_flaw(table, flaw):
    """The query of rows of the sample that show a flaw's kind, in any column where it can occur."""
    fields = columns(table)
    key = ", ".join(table_meta(table)["key"])
    required = [name for name, column in fields.items() if meta(column).get("required")]
    typed = [name for name, column in fields.items() if column["data_type"] != "text"]
    days = [name for name, column in fields.items() if column["data_type"] in ("date", "timestamp")]
    listed = {name: meta(column)["values"] for name, column in fields.items() if "values" in meta(column)}
    texts = [name for name, column in fields.items() if column["data_type"] == "text"]
    checks = dict(table_meta(table).get("row_checks", {}))
    for reasons in table_meta(table).get("value_checks", {}).values():
        checks |= reasons
    if flaw.kind in checks:
        # A check sees what the contract takes where a value is missing.
        defaults = {
            name: meta(column)["default"] for name, column in fields.items() if "default" in meta(column)
        }
        filled = ", ".join(f"coalesce({name}, {default}) as {name}" for name, default in defaults.items())
        read = f"*{f' replace ({filled})' if filled else ''}{days_of(table)}"
        return f"select 1 from (select {read} from {table}_typed) where {checks[flaw.kind]}"
    match flaw.kind:
        case "exact_copy":
            return f"select 1 from {table} group by all having count(*) > 1"
        case "older_version":
            return f"select 1 from {table} group by {key} having count(distinct updated_at) > 1"
        case "invalid_version":
            gaps = " or ".join(f"count({name}) < count(*)" for name in required if name not in key)
            return f"select 1 from {table} group by {key} having count(*) > 1 and ({gaps})"
    conditions = {
        "missing_value": [f"{name} is null" for name in required],
        "wrong_type": [f"{name} is not null and {as_typed(fields[name])} is null" for name in typed],
        "impossible_day": [f"year(try_cast({name} as timestamp)) not between 1970 and 2099" for name in days],
        "not_accepted": [f"lower(trim({name})) not in {tuple(values)}" for name, values in listed.items()],
        "other_case": [
            f"{name} not in {tuple(values)} and lower({name}) in {tuple(values)}"
            for name, values in listed.items()
        ],
        "unknown_reference": [f"starts_with({name}, 'gone-')" for name in texts],
        "surrounding_blanks": [f"{name} <> trim({name})" for name in texts],
        "empty_text": [f"{name} = ''" for name in texts],
        "hostile_text": [f"regexp_matches({name}, '<script>|<b>|^=1|\\{{\\{{')" for name in texts],
        "currency_without_rate": ["currency = 'XAU'"],
        "amount_without_currency": ["currency is null"],
    }
    return f"select 1 from {table} where {' or '.join(conditions[flaw.kind])}"


@pytest.mark.parametrize("table", CONTRACT)
def test_every_kind_of_flaw_is_in_the_sample(sample, table):
    flaws = {flaw.kind: flaw for flaw in table_flaws(table)}
    assert [kind for kind, flaw in flaws.items() if not rows(sample, with_flaw(table, flaw))] == []


def test_every_check_of_the_contract_is_broken_by_a_flaw():
    for table in CONTRACT:
        checks = set(table_meta(table).get("row_checks", {}))
        for reasons in table_meta(table).get("value_checks", {}).values():
            checks |= set(reasons)
        assert checks <= {flaw.kind for flaw in table_flaws(table)}


def test_about_one_row_in_a_hundred_is_flawed(sample, clean_dir):
    flawed = sum(
        rows(
            sample, f"select count(*) from (from {table}_typed except all from '{clean_dir / table}.parquet')"
        )[0][0]
        for table in CONTRACT
    )
    assert 0.005 < flawed / sum(count(sample, table, "true") for table in CONTRACT) < 0.02


@pytest.mark.parametrize("table", [t for t in CONTRACT if "latest_by" not in table_meta(t)])
def test_which_of_two_rows_wins_does_not_depend_on_their_order(sample, table):
    key = table_meta(table)["key"]
    valid = [f"{name} is not null" for name, column in columns(table).items() if meta(column).get("required")]
    valid += [
        f"coalesce(not ({condition}), true)" for condition in table_meta(table).get("row_checks", {}).values()
    ]
    query = f"""
        select {", ".join(key)}
        from (select distinct * from {table}_typed where {" and ".join(valid)})
        group by all
        having count(*) > 1
    """
    assert rows(sample, query) == []


# ---- the story -------------------------------------------------------------------------------------------


def test_more_people_visit_than_become_leads_in_every_month(clean):
    monthly = """
        select date_trunc('month', {}) as month, count(distinct {}) as people from {} group by month
    """
    visitors = monthly.format("started_at", "visitor_id", "web_sessions")
    leads = monthly.format("created_at", "lead_id", "leads")
    found = rows(
        clean,
        f"select visitors.people / leads.people from ({visitors}) as visitors"
        f" inner join ({leads}) as leads using (month)",
    )
    assert len(found) == 84
    assert min(share for (share,) in found) > 1.2


def test_august_is_slow_and_march_is_busy(clean):
    assert count(clean, "leads", "month(created_at) = 8") < 0.75 * count(
        clean, "leads", "month(created_at) = 3"
    )


def test_deals_are_closed_at_the_end_of_a_quarter(clean):
    last_days = "date_trunc('quarter', closed_at) + interval 3 month - interval 10 day <= closed_at"
    share = count(clean, "deals", f"{last_days} and status <> 'open'") / count(
        clean, "deals", "status <> 'open'"
    )
    assert share > 1.5 * 10 / 91


def test_tickets_of_an_account_come_together(clean):
    again = """
        select 1 from tickets as a join tickets as b
            on a.account_id = b.account_id and a.ticket_id < b.ticket_id
            and date_trunc('week', a.created_at) = date_trunc('week', b.created_at)
    """
    week_later = again.replace(
        "date_trunc('week', b.created_at)", "date_trunc('week', b.created_at) - interval 7 day"
    )
    assert len(rows(clean, again)) > 3 * len(rows(clean, week_later))


def test_who_does_most_of_the_work_changes(clean):
    found = rows(
        clean,
        "select year(created_at), mode(owner_id) from deals where month(created_at) <= 6 group by 1",
    )
    assert len({owner for _, owner in found}) >= 4


# ---- swings ----------------------------------------------------------------------------------------------


def swings(constant=False):
    """The weekly factors by name."""
    with duckdb.connect() as connection:
        sizes = generator._sizes(1000, 5, generator.Proportions())
        generator._prepare(connection, sizes | {"crm_works": True, "swing_size": int(not constant)})
        names = rows(
            connection,
            "select function_name from duckdb_functions() where function_name like '%\\_swings' escape '\\'",
        )
        return {name: rows(connection, f"select {name}()")[0][0] for (name,) in names}


def test_weeks_resemble_the_week_before():
    """Over all that swings: standard deviation .15 to .2, correlation from week to week about .7."""
    deviations, likenesses = [], []
    for factors in swings().values():
        logarithms = [duckdb.sql(f"select ln({factor})").fetchall()[0][0] for factor in factors]
        yearly = [now - then for now, then in zip(logarithms[52:], logarithms[:-52], strict=True)]
        deviations.append(pstdev(yearly) / 2**0.5)
        likenesses.append(correlation(yearly[1:], yearly[:-1]))
    assert 0.12 < mean(deviations) < 0.18
    assert 0.6 < mean(likenesses) < 0.75


def test_nothing_swings_in_a_constant_company():
    assert {factor for factors in swings(constant=True).values() for factor in factors} == {1.0}


# ---- what the CRM moves, and what not --------------------------------------------------------------------


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """The sample's company with a CRM that changes nothing: what differs is what the CRM did."""
    directory = tmp_path_factory.mktemp("unchanged")
    generator.generate(
        directory,
        deals=SAMPLE_DEALS,
        seed=SAMPLE_SEED,
        flaws=False,
        proportions=SAMPLE_PROPORTIONS,
        unchanged=True,
    )
    connection = duckdb.connect()
    for table in CONTRACT:
        connection.execute(f"create table {table} as from '{directory / table}.parquet'")
    return connection


# Each with the day that the CRM goes by, and whether it moves the mean up or down.
MOVED = {
    "close rate": ("(status = 'won')::integer", "deals", "created_at", 1),
    "days to close": ("epoch(closed_at - created_at) / 86400", "deals", "created_at", -1),
    "lead conversion": ("(converted_at is not null)::integer", "leads", "created_at", 1),
    "first response": ("epoch(first_responded_at - created_at)", "tickets", "created_at", -1),
    "resolution": ("epoch(resolved_at - created_at)", "tickets", "created_at", -1),
    "satisfaction": (
        "(score - coalesce(scale_min, 1)) / (coalesce(scale_max, 5) - coalesce(scale_min, 1))",
        "survey_responses where survey_type = 'csat'",
        "responded_at",
        1,
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_the_crm_moves_what_it_should_from_the_go_live_on(clean, unchanged, name):
    value, table, moment, direction = MOVED[name]
    condition = "and" if " where " in table else "where"
    query = f"select avg({value}) from {table} {condition} {moment} {{}} '2025-01-01'"
    with_crm, without = (rows(connection, query.format(">="))[0][0] for connection in (clean, unchanged))
    assert direction * (float(with_crm) - float(without)) > 0.1 * abs(float(without))
    if table != "leads":  # a lead from before the go-live can lead to a deal after it
        before = query.format("<")
        assert rows(clean, before) == rows(unchanged, before)


LEFT_ALONE = {
    **{
        name: f"from {name}"
        for name in CONTRACT
        if name
        not in (
            "deals",
            "deal_stages",
            "leads",
            "tickets",
            "ticket_events",
            "orders",
            "order_items",
            "subscriptions",
            "survey_responses",
            "activities",
        )
    },
    "deal size": "select deal_id, created_at, owner_id, amount, currency from deals",
    "net promoter score and employees": "from survey_responses where survey_type in ('nps', 'employee')",
    "orders without a deal or lead": "from orders where (order_id[2:]::integer) % 3 = 1",
}


@pytest.mark.parametrize("query", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_the_crm_leaves_the_rest_alone(clean, unchanged, query):
    assert sorted(rows(clean, query), key=str) == sorted(rows(unchanged, query), key=str)
