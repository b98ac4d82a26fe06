"""The gate: what is wrong in a way that no test of a single row sees is not published."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from string import Formatter
from zlib import crc32

import duckdb
import pytest
from crm_kpis import cli
from crm_kpis.errors import InputError
from crm_kpis.generate.run import generate
from crm_kpis.project import PROJECT_DIR
from crm_kpis.published.statistics import ColumnCount, KpiTotal, Statistics, TableCount
from crm_kpis.published.write import Run
from crm_kpis.raw.contract import RawColumn, read_contract
from crm_kpis.run import steps
from crm_kpis.run.build import BuildOptions, BuildResult
from crm_kpis.run.examples import guess_form
from crm_kpis.run.gate import RULES, Baseline, Finding, check_acceptances, find_baseline, judge
from crm_kpis.run.messages import print_findings
from crm_kpis.run.observations import Move, Observations, observe
from crm_kpis.settings.declaration import read_declaration
from crm_kpis.sql import quote_text
from jsonschema import Draft202012Validator
from pipeline import SAMPLE_DIR, Build, CompiledProject, CsvFile, csv_path, read_csv, write_csv
from publishing import FIRST_RUN
from sizes import IS_FULL, size

_TODAY = "2026-07-01"
SCHEMA = json.loads((PROJECT_DIR / "docs" / "run.schema.json").read_text(encoding="utf-8"))
Edit = Callable[[Path], None]


def edit(table: str, change: Callable[[dict[str, str]], dict[str, str] | None]) -> Edit:
    """Change each row of a table; one for which the change returns None is left out."""

    def apply(directory: Path) -> None:
        path = directory / f"{table}.csv"
        file = read_csv(path)
        rows = [change(dict(zip(file.header, fields, strict=True))) for fields in file.rows.values()]
        kept = [row for row in rows if row is not None]
        header = list(kept[0]) if kept else file.header
        write_csv(path, header, [list(row.values()) for row in kept])

    return apply


def german_day(text: str) -> str:
    day, _, rest = text.partition("T")
    return f"{day[8:]}.{day[5:7]}.{day[:4]} {rest[:5]}" if len(day) == 10 else text


def remove(table: str) -> Edit:
    return lambda directory: (directory / f"{table}.csv").unlink()


def break_every_row(directory: Path) -> None:
    for path in directory.glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file))
        write_csv(path, header, [["\N{REPLACEMENT CHARACTER}" for _ in header] for _ in rows])


def mistype_a_date(directory: Path) -> None:
    file = read_csv(directory / "deals.csv")
    rows = list(file.rows.values())
    rows[5][file.header.index("updated_at")] = "2062-03-01T08:00:00Z"
    write_csv(directory / "deals.csv", file.header, rows)


def rate_too_large(row: dict[str, str]) -> dict[str, str]:
    try:
        return row | {"rate": str(float(row["rate"]) * 100)}
    except ValueError:
        return row


def other_words(row: dict[str, str]) -> dict[str, str]:
    return row | {"status": {"won": "Gewonnen", "lost": "Verloren"}.get(row["status"], "")}


def rename_amount(row: dict[str, str]) -> dict[str, str]:
    return {"amt" if name == "amount" else name: value for name, value in row.items()}


def without_guests(row: dict[str, str]) -> dict[str, str]:
    return row | {"account_id": row["account_id"] if crc32(row["order_id"].encode()) % 4 else ""}


def half(row: dict[str, str]) -> dict[str, str] | None:
    return row if crc32(row["deal_id"].encode()) % 2 else None


# What is wrong; the rule that finds it, of what; words of the message.
CASES: dict[str, tuple[Edit, str, tuple[str, ...]]] = {
    "every row rejected": (break_every_row, "rejected_rows:deals", ("expected at most 10% of the rows",)),
    "German dates": (
        edit("deals", lambda row: row | {"created_at": german_day(row["created_at"])}),
        "rejected_rows:deals",
        ("look like day first dates", "write into raw_formats.csv", "deals,day_first"),
    ),
    "other status words": (
        edit("deals", other_words),
        "rejected_rows:deals",
        (
            "words of another system (Gewonnen, Verloren)",
            "one of open, won, lost",
            "deals,status,Gewonnen,won",
        ),
    ),
    "a German export": (
        edit(
            "deals",
            lambda row: (
                other_words(row)
                | {
                    "created_at": german_day(row["created_at"]),
                    "closed_at": german_day(row["closed_at"]),
                    "amount": row["amount"].replace(".", ","),
                }
            ),
        ),
        "rejected_rows:deals",
        (
            "The values of created_at look like day first dates",
            "The values of closed_at look like day first dates",
            "The values of amount look like numbers with a decimal comma",
            "The values of status look like words of another system (Gewonnen, Verloren)",
            "raw_table,date_format,decimal_mark\n    deals,day_first,comma\n",
            "deals,status,Gewonnen,won\n    deals,status,Verloren,lost\n",
        ),
    ),
    "German amounts": (
        edit("deals", lambda row: row | {"amount": row["amount"].replace(".", ",")}),
        "lost_values:deals",
        ("numbers with a decimal comma", "deals,comma"),
    ),
    "a renamed amount column": (
        edit("deals", rename_amount),
        "emptied:deals",
        ("emptied of deals.amount: no value, last time",),
    ),
    "a currency without rates": (
        edit("orders", lambda row: row | {"currency": "JPY"}),
        "lost_values:orders",
        ("write reporting_currency: JPY into settings.yml", "exchange_rates.csv", "JPY,<first day>,<rate>"),
    ),
    "orders of guests": (
        edit("orders", without_guests),
        "rejected_rows:orders",
        (
            "missing_value of account_id",
            "What account_id holds: The account that buys.",
            "For guests of a shop take",
        ),
    ),
    "a sign for a currency": (
        edit("orders", lambda row: row | {"currency": "€"}),
        "lost_values:orders",
        ("no_exchange_rate", "value_words.csv", "orders,currency,€,EUR"),
    ),
    "scores on another scale": (
        edit("survey_responses", lambda row: row | {"score": f"{row['score']}0"}),
        "rejected_rows:survey_responses",
        ("Expected not: score < scale_min or score > scale_max.", "What scale_max holds: "),
    ),
    "leads that were converted before they came": (
        edit("leads", lambda row: row | {"converted_at": "2001-01-31T10:00:00Z"}),
        "lost_values:leads",
        ("Expected not: converted_on < created_on.", "What converted_at holds: ", "What created_at holds: "),
    ),
    "a header without rows": (
        edit("tickets", lambda row: None),
        "emptied:tickets",
        ("rows read: 0, used: 0, last time ",),
    ),
    "a missing orders file": (remove("orders"), "emptied:orders", ("rows read: 0, used: 0, last time ",)),
    "half of the deals": (
        edit("deals", half),
        "rows_fewer:deals",
        ("rows, last time ",),
    ),
    "keys written as numbers": (
        edit("deals", lambda row: row | {"owner_id": f"{row['owner_id']}.0"}),
        "unmatched_keys:deals",
        ("match nothing in users", "users has "),
    ),
    "a rate a hundredfold": (
        edit("exchange_rates", rate_too_large),
        "closed_periods_moved:",
        ("moved by",),
    ),
}


@dataclass(frozen=True)
class Company:
    """A raw directory of a made-up company and what was published from it."""

    raw_dir: Path
    output: Path
    compiled: CompiledProject

    def judge(self, *arguments: str, with_kpis: bool, is_built: bool = False) -> Build:
        """Run `crm-kpis run` in this process, with the SQL that dbt compiled.

        Args:
            arguments: Options of the command.
            with_kpis: Whether to compute the KPIs, too; else they are those of the last publication, and what
                is found is found in the raw tables. The report is not written: it is not about the gate.
            is_built: Whether nothing has changed since it was last built, so that all is there.
        """

        raw_models = self.compiled.with_inputs("raw_row_counts", "raw_column_counts", "rejected_records")
        only = raw_models | (self.compiled.up_to_values if with_kpis else set())

        def build_what_is_judged(options: BuildOptions) -> BuildResult:
            if is_built:
                return BuildResult(frozenset(only), {"pass": 1}, 0, ())
            options.warehouse.unlink(missing_ok=True)
            as_of = options.as_of
            warehouse = str(options.warehouse)
            with self.compiled.run(options.raw_dir, as_of, only=only, file=warehouse) as connection:
                if with_kpis:
                    failures = self.compiled.failed_data_tests(connection, only)
                    assert not failures, failures
                else:
                    published = quote_text(str(self.output / "kpis.duckdb"))
                    connection.execute(f"attach {published} as kpis (read_only)")
                    connection.execute(
                        "create or replace table main.kpi_catalogue as from kpis.marts.kpi_catalogue"
                    )
                    connection.execute("create table main.kpi_values as from kpis.marts.kpi_values")
                    connection.execute("detach kpis")
            nodes = self.compiled.manifest["nodes"].items() if with_kpis else ()
            kept = {key: node for key, node in nodes if node["name"] in only}
            manifest = self.compiled.manifest | {"nodes": kept}
            options.manifest.write_text(json.dumps(manifest), encoding="utf-8")
            return BuildResult(frozenset(only), {"pass": 1}, 0, ())

        stdout, stderr = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
            patch.setenv("CRM_KPIS_TODAY", _TODAY)
            patch.setattr(steps, "build", build_what_is_judged)
            patch.setattr(steps, "write_pages", lambda output, _: output / "report.en.html")
            command = ["run", "--output", str(self.output), "--raw-dir", str(self.raw_dir), *arguments]
            patch.setattr("sys.argv", ["crm-kpis", *command])
            status = cli._run()
        return Build(self.output, status, stdout.getvalue(), stderr.getvalue())

    @property
    def published(self) -> bytes:
        return (self.output / "kpis.duckdb").read_bytes()

    @property
    def record(self) -> dict:
        return json.loads((self.output / "run.json").read_text(encoding="utf-8"))


@pytest.fixture
def company(small_build: Build, small_dir: Path, compiled: CompiledProject, tmp_path: Path) -> Company:
    """A small company, and a good publication of it."""
    output = tmp_path / "output"
    (output / "dbt_target").mkdir(parents=True)
    shutil.copy2(small_build.published, output)
    shutil.copy2(small_build.output / "dbt_target" / "manifest.json", output / "dbt_target")
    with duckdb.connect(output / "kpis.duckdb") as connection:
        connection.execute("update marts.runs set published_at = timestamp '2026-06-30 04:30:00'")
    return Company(small_dir, output, compiled)


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_not_published(case: str, company: Company) -> None:
    change, acceptance, words = CASES[case]
    before = company.published
    change(company.raw_dir)
    rule, _, subject = acceptance.partition(":")
    done = company.judge(with_kpis=rule == "closed_periods_moved")
    assert done.status == 1, done.all_output
    assert company.published == before
    # Where a rule finds much, it is let through as a whole.
    assert re.search(rf"--accept {rule}(:{subject or '.*'})?[ .]", done.stderr)
    assert f"Stopped: {rule} of" in done.stderr
    for word in words:
        assert word in done.stderr
    assert "Nothing is published." in done.stdout
    Draft202012Validator(SCHEMA).validate(company.record)
    assert (company.record["status"], company.record["exit_status"], company.record["reason"]) == (
        "failed",
        1,
        "gate",
    )
    stopped = {
        (found["rule"], found["subject"]) for found in company.record["rules"] if found["verdict"] == "failed"
    }
    assert any(found == rule and (not subject or about == subject) for found, about in stopped)


@pytest.mark.slow
def test_a_mistyped_year_does_not_move_as_of(company: Company) -> None:
    mistype_a_date(company.raw_dir)
    done = company.judge("--fail-on-warn", with_kpis=True)
    assert done.status == 3, done.all_output
    assert (
        "future_events: 1 after 2026-07-01 and left out, the latest deals.updated_at, row 7:"
        " 2062-03-01" in done.stderr
    )
    assert company.record["as_of"] == "2026-06-30"
    assert "As of 2026-06-30" in done.stdout
    # A day that is given is right, also one that is yet to come.
    later = company.judge("--as-of", "2026-07-15", with_kpis=True)
    assert (later.status, company.record["as_of"]) == (0, "2026-07-15"), later.all_output
    assert company.record["rules"] == []


@pytest.mark.slow
def test_what_is_accepted_is_published_once(company: Company) -> None:
    change, *_ = CASES["half of the deals"]
    change(company.raw_dir)
    stopped = company.judge(with_kpis=True)
    rules = {
        f"{rule['rule']}:{rule['subject']}" for rule in company.record["rules"] if rule["verdict"] == "failed"
    }
    assert stopped.status == 1
    accepted = (part for rule in sorted(rules) for part in ("--accept", rule))
    done = company.judge(*accepted, "--accept", "rows_more:users", with_kpis=True, is_built=True)
    assert done.status == 0, done.all_output
    assert "Accepted: rows_fewer of deals" in done.stderr
    assert "--accept rows_more:users let nothing through" in done.stderr
    assert {rule["verdict"] for rule in company.record["rules"]} == {"accepted"}
    with duckdb.connect(company.output / "kpis.duckdb", read_only=True) as connection:
        written = connection.execute("select accepted from marts.runs order by published_at desc").fetchone()
    assert written is not None
    assert set(written[0].splitlines()) == rules


# What people plan lies ahead of the day on which they plan it.
_PLANS = {"expected_close_on", "due_at", "planned_end_on", "valid_from", "valid_until"}


def known_on(day: date, files: dict[str, CsvFile], directory: Path) -> None:
    """Write what an export of a company held at the end of a day.

    A row comes on the day of its first date, one of a hundred up to two weeks later. What happened to it
    later is not known yet.
    """
    for table in read_contract():
        file = files[table.name]
        dated = [
            position
            for position, name in enumerate(file.header)
            if name not in _PLANS
            and any(
                column.name == name and column.data_type in ("date", "timestamp") for column in table.columns
            )
        ]
        status, closed = (
            file.header.index(name) if table.name == "deals" else None for name in ("status", "closed_at")
        )
        rows = []
        for fields in file.rows.values():
            days = [
                fields[position][:10] for position in dated if re.match(r"\d{4}-\d\d-\d\d", fields[position])
            ]
            chance = crc32("|".join(fields).encode())
            late = timedelta(days=chance // 100 % 14 + 1 if chance % 100 == 0 else 0)
            if days and table.name != "exchange_rates" and min(days) > (day - late).isoformat():
                continue
            known = [
                "" if p in dated and text[:10] > day.isoformat() else text for p, text in enumerate(fields)
            ]
            if closed is not None and fields[closed] and not known[closed]:
                known[status] = "open"
            rows.append(known)
        write_csv(directory / f"{table.name}.csv", file.header, rows)


def grown_by(day: int, files: dict[str, CsvFile], directory: Path) -> None:
    """Write the tables without 5 % of their rows, whatever their dates; each day brings 1 % more."""
    for name, file in files.items():
        rows = [row for row in file.rows.values() if crc32("|".join(row).encode()) % 100 >= 5 - day]
        write_csv(directory / f"{name}.csv", file.header, rows)


class Days:
    """Days of a company, each built as far as the gate looks, and judged beside the day before.

    Args:
        compiled: The project.
        manifest: That of its build.
        directory: A directory to work in.
    """

    def __init__(self, compiled: CompiledProject, manifest: Path, directory: Path) -> None:
        self.raw_dir, self._output = directory / "company", directory / "output"
        self.raw_dir.mkdir()
        self._output.mkdir()
        self._compiled, self._manifest = compiled, manifest
        self._runs: list[Run] = []
        self._kept = Statistics()

    def judge(self, day: date) -> list[str]:
        """Judge what the raw directory holds on a day, and publish what the next day is compared with."""
        warehouse = self._output / "warehouse.duckdb"
        warehouse.unlink(missing_ok=True)
        only = self._compiled.up_to_values | self._compiled.with_inputs("raw_column_counts")
        # The gate looks at totals, of months and of all time.
        conditions = {"periods": "period_grain in ('month', 'all')", "measures": "segment_by = 'all'"}
        file = str(warehouse)
        with self._compiled.run(self.raw_dir, only=only, conditions=conditions, file=file) as connection:
            as_of = connection.execute("select as_of from main.reporting_window").fetchall()[0][0]
        run_id = f"{day:%Y%m%d}"
        observations = observe(warehouse, self._manifest, self._output, run_id)
        findings = judge(observations, find_baseline(self._runs, self._kept, "company", "sample"), today=day)
        published_at = datetime.combine(day, time(4, 30))
        self._runs.append(
            replace(FIRST_RUN, run_id=run_id, published_at=published_at, as_of=as_of, raw_directory="company")
        )
        self._kept = self._kept.followed_by(observations.statistics)
        (self._output / "kpis.duckdb").unlink(missing_ok=True)
        with duckdb.connect(self._output / "kpis.duckdb") as connection:
            connection.execute(f"attach {quote_text(str(warehouse))} as warehouse (read_only)")
            connection.execute("create schema marts")
            connection.execute("create table marts.kpi_values as from warehouse.main.kpi_values")
            # No KPI is computed in another way on the next day.
            connection.execute("create table marts.measure_definitions (measure varchar, sql_sha256 varchar)")
        return [finding.title for finding in findings]


@pytest.mark.slow
def test_late_and_new_rows_raise_no_alarm(
    compiled: CompiledProject, sample_build: Build, tmp_path: Path
) -> None:
    files = {path.stem: read_csv(path) for path in SAMPLE_DIR.glob("*.csv")}
    days = Days(compiled, sample_build.output / "dbt_target" / "manifest.json", tmp_path)
    # The first day is the publication that the second is compared with.
    for number in range(1 + size("GROWING_DAYS", 2, 5)):
        grown_by(number, files, days.raw_dir)
        assert days.judge(date(2026, 7, 1 + number)) == []


@pytest.mark.slow
@pytest.mark.parametrize("company", ["sample", "small"] if IS_FULL else ["small"])
def test_quiet_days_raise_hardly_any_alarm(
    company: str, compiled: CompiledProject, sample_build: Build, tmp_path: Path
) -> None:
    if company == "small":
        generate(tmp_path / "all", deals=300, file_format="csv", flaws=True, seed=1)
    source = SAMPLE_DIR if company == "sample" else tmp_path / "all"
    files = {table.name: read_csv(csv_path(source, table.name)) for table in read_contract()}
    number = size("QUIET_DAYS", 3, 100)
    days = Days(compiled, sample_build.output / "dbt_target" / "manifest.json", tmp_path)
    found = {}
    for before_last in range(number, -1, -1):
        day = date(2026, 6, 30) - timedelta(days=before_last)
        known_on(day, files, days.raw_dir)
        findings = days.judge(day)
        found |= {day.isoformat(): findings} if findings else {}
    print(f"{company}: {len(found)} of {number} days with a finding: {found}")
    # The figures are in docs/operations.md.
    assert len(found) * 50 <= number, found


# The rules, without a build


def table(name: str, read: int, rejected: int = 0) -> TableCount:
    return TableCount("r", name, read, read - rejected, rejected, 0)


def judged(now: Statistics, last: Statistics | None = None, **options: object) -> list[Finding]:
    baseline = Baseline(FIRST_RUN, last, {}) if last else None
    given = {key: options.pop(key) for key in ("moves", "as_of", "events_left_out") if key in options}
    today = options.pop("today", date(2026, 7, 1))
    return judge(Observations(now, **given), baseline, today=today, **options)  # type: ignore[arg-type]


def names(findings: list[Finding]) -> list[str]:
    return [finding.acceptance for finding in findings]


def test_the_first_run_is_judged_by_the_absolute_rules_alone():
    empty = Statistics((table("deals", 0),))
    assert judged(empty) == []
    assert names(judged(empty, Statistics((table("deals", 9),)))) == ["emptied:deals"]
    assert names(judged(Statistics((table("deals", 100, 11),)))) == ["rejected_rows:deals"]
    assert judged(Statistics((table("deals", 100, 10),))) == []


def test_a_rule_is_set_for_all_tables_and_for_one():
    now = Statistics((table("deals", 100, 30), table("users", 100, 30)))
    rule = {"rule": "rejected_rows"}
    assert names(judged(now, overrides=[rule | {"limit": 0.5}])) == []
    one = [rule | {"limit": 0.5}, rule | {"subject": "users", "limit": 0.2}]
    assert names(judged(now, overrides=one)) == ["rejected_rows:users"]
    assert names(judged(now, overrides=[rule | {"severity": "off"}])) == []
    assert not any(finding.stops for finding in judged(now, overrides=[rule | {"severity": "warn"}]))


def test_closed_months_may_move_as_far_as_late_data_usually_move_them():
    kpis = Statistics((table("deals", 9),), (), (KpiTotal("r", "close_rate", 5, 0.3, None),))

    def found(share: float, size: int, usual: float = 0) -> list[str]:
        move = Move(share, size, (("2026-01", 1, 2),), is_redefined=False)
        baseline = Baseline(FIRST_RUN, kpis, {"close_rate": usual})
        return names(judge(Observations(kpis, {"close_rate": move}), baseline, today=date(2026, 7, 1)))

    # 0.1, and 10 / 1000 for late things.
    assert found(0.11, 1000) == []
    assert found(0.12, 1000) == ["closed_periods_moved:close_rate"]
    assert found(0.12, 100) == []
    assert found(0.5, 1000, usual=0.2) == []
    redefined = Observations(kpis, {"close_rate": Move(1, 1000, (), is_redefined=True)})
    assert judge(redefined, Baseline(FIRST_RUN, kpis, {}), today=date(2026, 7, 1)) == []


def test_as_of_goes_with_the_days():
    # FIRST_RUN: as_of 2026-06-30, published on 2026-07-01.
    rows = Statistics((table("deals", 9),))
    # Nine days have passed. A small company may log nothing for a week.
    assert names(judged(rows, rows, as_of=date(2026, 7, 17), today=date(2026, 7, 10))) == ["as_of_leap"]
    assert names(judged(rows, rows, as_of=date(2026, 7, 16), today=date(2026, 7, 10))) == []
    assert names(judged(rows, rows, as_of=date(2026, 6, 26))) == ["as_of_back"]
    assert names(judged(rows, rows, as_of=date(2026, 6, 26), is_as_of_given=True)) == []
    assert names(judged(rows, as_of=date(2026, 5, 21))) == ["max_age"]
    assert names(judged(rows, as_of=date(2026, 5, 22))) == []


def test_keys_and_values_are_compared_with_the_last_time():
    last = Statistics(
        (table("deals", 100), table("users", 5)), (ColumnCount("r", "deals", "owner_id", 100, 0, 10),)
    )

    def now(filled: int, unmatched: int) -> Statistics:
        return Statistics(last.tables, (ColumnCount("r", "deals", "owner_id", filled, 0, unmatched),))

    assert names(judged(now(100, 20), last)) == []
    assert names(judged(now(100, 21), last)) == ["unmatched_keys_more:deals"]
    assert names(judged(now(79, 8), last)) == ["values_fewer:deals"]
    assert names(judged(now(0, 0), last)) == ["emptied:deals"]


def test_the_sample_is_compared_with_no_company():
    kept = Statistics((TableCount("1", "deals", 9, 9, 0, 0),))
    assert find_baseline([FIRST_RUN], kept, "exports", "sample") is not None
    assert find_baseline([FIRST_RUN], kept, "sample", "sample") is None
    assert find_baseline([], kept, "exports", "sample") is None


def test_accept_names_a_rule():
    check_acceptances(["rows_fewer:deals", "max_age"])
    with pytest.raises(InputError, match=r"there is no rule 'rows_less'\..*rows_fewer"):
        check_acceptances(["rows_less:deals"])
    assert {rule.severity for rule in RULES.values()} <= {"error", "warn"}
    # A company can set every rule.
    (column, *_) = read_declaration().tables["gate_rules"].columns
    assert sorted(column.values or ()) == sorted(RULES)


_DAY_FIRST = ("date_format", "day_first")


def test_words_are_mapped_where_their_meaning_is_known():
    status = RawColumn("status", "text", required=True, accepts=("open", "won", "lost"))
    found = guess_form(["Gewonnen", "Storniert", 'a "b"'], status, "deals")
    assert found is not None
    assert found.file == "value_words.csv"
    assert found.lines == (
        "raw_table,column_name,word,accepted_value",
        "deals,status,Gewonnen,won",
        "deals,status,Storniert,<one of open, won, lost>",
        'deals,status,"a ""b""",<one of open, won, lost>',
    )
    paid = guess_form(["Ja", "Nein"], RawColumn("is_paid", "boolean", required=False), "orders")
    assert paid is not None
    assert paid.lines[1:] == ("orders,is_paid,Ja,true", "orders,is_paid,Nein,false")


@pytest.mark.parametrize(
    ("data_type", "values", "form", "setting"),
    [
        (
            "timestamp",
            ["31.01.2026", "05.02.2026"],
            "day first dates (31.01.2026): write 2026-01-31",
            _DAY_FIRST,
        ),
        ("date", ["01/31/26", "02/05/26"], "month first dates (01/31/26)", ("date_format", "month_first")),
        (
            "date",
            ["01/02/2026"],
            "can't be told apart (01/02/2026)",
            ("date_format", "<day_first or month_first>"),
        ),
        (
            "date",
            ["31. Januar 2026", "5. Feb. 26"],
            "the name of the month (31. Januar 2026): write",
            _DAY_FIRST,
        ),
        ("date", ["31-Dez-2026"], "the name of the month (31-Dez-2026)", _DAY_FIRST),
        (
            "timestamp",
            ["Jan 31, 2026 2:05 PM"],
            "the name of the month",
            ("date_format", "month_first"),
        ),
        ("date", ["31 Foo 2026"], None, None),
        ("date", ["2026/01/31", "2026/2/1"], "the year first (2026/01/31)", ("date_format", "year_first")),
        ("timestamp", ["20260131"], "the year first (20260131)", ("date_format", "year_first")),
        ("date", ["46053", "46054"], "days as Excel counts them (46053)", ("date_format", "excel")),
        ("decimal", ["1.234,56", "12,00"], "a decimal comma (1.234,56)", ("decimal_mark", "comma")),
        ("decimal", ["1,234.56"], "commas between thousands (1,234.56)", ("decimal_mark", "dot")),
        ("decimal", ["1.25 (decimal dot)"], "where raw_formats.csv says comma", ("decimal_mark", "dot")),
        ("decimal", ["12,50 €", "3 €"], "a sign or unit beside them (12,50 €)", ()),
        ("decimal", ["€ 1.234,50", "EUR 7"], "a currency as its code in the column currency", ()),
        ("decimal", ["n/a"], None, None),
    ],
)
def test_a_form_is_named(
    data_type: str, values: list[str], form: str | None, setting: tuple[str, ...] | None
):
    found = guess_form(values, RawColumn("x", data_type, required=False), "deals")
    assert (found is None) == (form is None)
    assert form is None or form in found.description
    lines = (f"raw_table,{setting[0]}", f"deals,{setting[1]}") if setting else ()
    assert (found.lines if found else ()) == lines


def test_runs_keep_what_the_next_is_compared_with():
    kept = Statistics()
    for day in range(1, 103):
        run_id = datetime(2026, 1, 1).strftime("%Y") + f"{day:03}"
        kept = kept.followed_by(Statistics((TableCount(run_id, "deals", day, day, 0, 0),)))
    assert [row.rows_read for row in kept.tables] == list(range(3, 103))


def test_a_finding_is_told_in_german_too():
    (rejected,) = judged(Statistics((table("deals", 12_000, 3_000),)))
    assert rejected.title == (
        "rejected_rows of deals: 3,000 of 12,000 rows (25%); expected at most 10% of the rows rejected"
    )
    assert rejected.sentence == (
        "Rejected rows (deals): 3,000 of 12,000 rows (25%); expected at most 10% of the rows rejected"
    )
    assert rejected.sentence_de == (
        "Abgelehnte Zeilen (deals): 3.000 von 12.000 Zeilen (25\N{NO-BREAK SPACE}%);"
        " erwartet: höchstens 10\N{NO-BREAK SPACE}% der Zeilen abgelehnt"
    )
    (old,) = judged(Statistics(), as_of=date(2026, 5, 21))
    assert old.sentence_de == (
        "Alter der Daten: Die Daten enden am 21.05.2026, vor 41 Tagen; erwartet: höchstens 40 Tage alte Daten"
    )
    kpis = Statistics((), (), (KpiTotal("r", "revenue", 5, 1.5, None),))
    move = Move(0.5, 1000, (("2026-01", 1234567.5, 0.25),), is_redefined=False)
    (moved,) = judged(kpis, kpis, moves={"revenue": move})
    assert moved.found == "moved by 50%, most in 2026-01 1,234,568 -> 0.25"
    assert moved.found_de == ("Änderung um 50\N{NO-BREAK SPACE}%, am meisten in 2026-01 1.234.568 -> 0,25")


def test_each_text_of_a_rule_is_there_in_both_languages_with_the_same_counts():
    for rule in RULES.values():
        for texts in (rule.label, rule.expected, rule.found, rule.found_in_column):
            if texts is not None:
                assert texts.keys() == {"en", "de"}, rule.name
                fields = [
                    {field for _, field, *_ in Formatter().parse(text) if field} for text in texts.values()
                ]
                assert fields[0] == fields[1], rule.name


def test_what_is_most_telling_comes_first():
    last = Statistics(
        (table("deals", 100), table("users", 5)), (ColumnCount("r", "activities", "deal_id", 100, 0, 0),)
    )
    now = Statistics(
        (table("activities", 100), table("deals", 40), table("users", 5)),
        (ColumnCount("r", "activities", "deal_id", 100, 0, 60),),
    )
    assert names(judged(now, last, overrides=[{"rule": "rows_fewer", "severity": "warn"}])) == [
        "unmatched_keys:activities",
        "unmatched_keys_more:activities",
        "rows_fewer:deals",
    ]
    assert names(judged(now, last)) == [
        "rows_fewer:deals",
        "unmatched_keys:activities",
        "unmatched_keys_more:activities",
    ]


def test_of_many_findings_of_a_rule_the_first_are_shown(capsys: pytest.CaptureFixture[str]):
    def kpis(rows: int) -> Statistics:
        return Statistics((), (), tuple(KpiTotal("r", f"kpi_{n}", rows, 1.0, None) for n in range(9)))

    findings = judged(kpis(0), kpis(3))
    print_findings(findings, BuildOptions(None, Path("output"), None))
    shown = capsys.readouterr().err
    assert shown.count("kpis_gone of kpi_") == 5
    assert "And 4 more of kpis_gone: see run.json." in shown
    assert shown.count("What to do: ") == 1
    assert "let it through once: --accept kpis_gone." in shown
    print_findings(findings[:5], BuildOptions(None, Path("output"), None))
    assert "--accept kpis_gone:kpi_0 --accept kpis_gone:kpi_1 " in capsys.readouterr().err


def test_the_documentation_lists_the_rules():
    text = (PROJECT_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ?([\d.]*) ?\|", text, flags=re.MULTILINE)
    documented = [(name, severity, float(limit or 0)) for name, severity, limit in rows]
    assert documented == [(rule.name, rule.severity, rule.limit) for rule in RULES.values()]
