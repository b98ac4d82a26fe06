"""The gate between test and publication: is what was read plausible, by itself and beside the last time?

A rule finds something, or not; what it finds stops the publication (error), or is a warning. The tests of dbt
hold what must always be true; a rule judges what is only unlikely, so each one can be let through.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from crm_kpis.errors import InputError
from crm_kpis.published.statistics import ColumnCount, Statistics, TableCount
from crm_kpis.published.write import Run
from crm_kpis.raw.contract import read_contract
from crm_kpis.run.observations import Observations
from crm_kpis.yaml_files import parse_yaml

SEVERITIES = ("error", "warn", "off")
# Of fewer rows or values no share is worth a halt.
_FEWEST = 5
# One late thing of so few moves a KPI by ten times its share, since amounts differ.
_LATE_THING = 10
# What late data moved up to now says what they usually move.
_USUAL = 3
_USUAL_RUNS = 20
# From here on a value is shown without decimals.
_ROUNDED = 1000
_SWAPPED_MARKS = str.maketrans(",.", ".,")


@dataclass(frozen=True)
class Rule:
    """A rule of the gate, as rules.yml has it.

    Attributes:
        name: Its name, in settings and in --accept.
        label: What it is called in the report, by language.
        severity: error, warn or off.
        limit: From where on it finds something; what it counts is in the texts.
        expected: What it expects, by language.
        found: What it found, by language.
        way_out: What to do.
        found_in_column: What it found in a column, by language, where that is another text.
        is_relative: Whether it compares with the last publication.
    """

    name: str
    label: dict[str, str]
    severity: str
    limit: float
    expected: dict[str, str]
    found: dict[str, str]
    way_out: str
    found_in_column: dict[str, str] | None = None
    is_relative: bool = False


def _read_rules() -> dict[str, Rule]:
    text = Path(__file__).with_name("rules.yml").read_text(encoding="utf-8")
    return {name: Rule(name, **fields) for name, fields in parse_yaml(text).items()}


RULES = _read_rules()


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Attributes:
        rule: The rule's name.
        severity: error or warn.
        subject: The raw table or the KPI; None where it is about all of them.
        column: The raw column; None where it is about a whole table.
        expected: What the rule expected, and from what.
        found: What it found.
        way_out: What to do.
        label: What the report calls the rule.
        label_de: What it calls it in German.
        expected_de: What it expected, in German.
        found_de: What it found, in German.
        examples: Up to three rows as they came, without personal data.
        is_accepted: Whether --accept let it through.
    """

    rule: str
    severity: str
    subject: str | None
    column: str | None
    expected: str
    found: str
    way_out: str
    label: str = ""
    label_de: str = ""
    expected_de: str = ""
    found_de: str = ""
    examples: tuple[str, ...] = ()
    is_accepted: bool = False

    @property
    def stops(self) -> bool:
        """Whether it keeps the run from being published."""
        return self.severity == "error" and not self.is_accepted

    @property
    def acceptance(self) -> str:
        """What --accept lets it through by."""
        return f"{self.rule}:{self.subject}" if self.subject else self.rule

    @property
    def title(self) -> str:
        """The finding in one line, by the name that --accept takes."""
        place = f" of {self._place}" if self._place else ""
        return f"{self.rule}{place}: {self.found}; expected {self.expected}"

    @property
    def sentence(self) -> str:
        """The finding in one line, for readers of the report."""
        place = f" ({self._place})" if self._place else ""
        return f"{self.label}{place}: {self.found}; expected {self.expected}"

    @property
    def sentence_de(self) -> str:
        """The finding in one line, for readers of the report in German."""
        place = f" ({self._place})" if self._place else ""
        return f"{self.label_de}{place}: {self.found_de}; erwartet: {self.expected_de}"

    @property
    def _place(self) -> str:
        return ".".join(part for part in (self.subject, self.column) if part)


@dataclass(frozen=True)
class Baseline:
    """The publications that a run is compared with.

    Attributes:
        run: The last one.
        last: What it kept of itself.
        usual_moves: The largest move of closed months in earlier publications, by KPI.
    """

    run: Run
    last: Statistics
    usual_moves: dict[str, float]


def find_baseline(history: list[Run], kept: Statistics, raw_directory: str, sample: str) -> Baseline | None:
    """The publications to compare with; None where there are none, or they are not of this company.

    Args:
        history: The publications up to now.
        kept: What they kept of themselves.
        raw_directory: The name of the raw directory of this run.
        sample: The name of the shipped sample's: it is another company than all others.
    """
    if not history:
        return None
    run = history[-1]
    last = kept.of_run(run.run_id)
    if not last.tables or (run.raw_directory == sample) != (raw_directory == sample):
        return None
    # What somebody let through is not usual.
    usual = {
        before.run_id
        for before in history[-_USUAL_RUNS:]
        if "closed_periods_moved" not in (before.accepted or "")
    }
    moves: dict[str, float] = {}
    for row in kept.kpis:
        if row.run_id in usual and row.share_moved is not None:
            moves[row.kpi_id] = max(row.share_moved, moves.get(row.kpi_id, 0))
    return Baseline(run, last, moves)


def check_acceptances(accepted: Iterable[str]) -> None:
    """Check what --accept is given.

    Raises:
        InputError: It names no rule.
    """
    for text in accepted:
        name = text.partition(":")[0]
        if name not in RULES:
            raise InputError(
                f"--accept {text}: there is no rule {name!r}. Give RULE or RULE:TABLE; the rules are"
                f" {', '.join(RULES)}."
            )


def judge(  # noqa: PLR0913 - each has a name
    observations: Observations,
    baseline: Baseline | None,
    *,
    today: date,
    is_as_of_given: bool = False,
    overrides: Iterable[dict[str, object]] = (),
    accepted: Iterable[str] = (),
) -> list[Finding]:
    """Ask every rule that is on.

    Args:
        observations: What the run read and computed.
        baseline: What it is compared with; None: only the absolute rules are asked.
        today: The day of the run.
        is_as_of_given: Whether --as-of or a setting gives as_of, which is then right.
        overrides: Rows of the company's settings: rule, subject, severity and limit, each but the rule may
            be None. One for a table or KPI goes before one for all.
        accepted: What --accept lets through: RULE or RULE:TABLE.

    Returns:
        The findings: those that stop the publication first.
    """
    asked = _Asked(list(overrides))
    context = _Context(observations, baseline, today, is_as_of_given)
    accepted = set(accepted)
    findings = [
        replace(finding, is_accepted=bool({finding.rule, finding.acceptance} & accepted))
        for name, rule in RULES.items()
        if baseline or not rule.is_relative
        for finding in _FINDERS[name](context, asked)
    ]
    return sorted(findings, key=lambda finding: not finding.stops)


def judge_age(as_of: date | None, today: date, overrides: Iterable[dict[str, object]] = ()) -> list[Finding]:
    """Ask the one rule whose answer changes while nothing else does: whether the data are too old."""
    context = _Context(Observations(Statistics(), as_of=as_of), None, today, is_as_of_given=False)
    return list(_find_old(context, _Asked(list(overrides))))


@dataclass(frozen=True)
class _Context:
    observations: Observations
    baseline: Baseline | None
    today: date
    is_as_of_given: bool

    @property
    def looks_back(self) -> bool:
        """Whether somebody asked for a day before the last publication's: less was known then, by right."""
        as_of, last = self.observations.as_of, self.baseline.run.as_of if self.baseline else None
        return bool(self.is_as_of_given and as_of and last and as_of < last)

    @property
    def tables(self) -> dict[str, TableCount]:
        return {row.raw_table: row for row in self.observations.statistics.tables}

    @property
    def last_tables(self) -> dict[str, TableCount]:
        return {row.raw_table: row for row in self.baseline.last.tables} if self.baseline else {}

    @property
    def columns(self) -> dict[tuple[str, str], ColumnCount]:
        return {(row.raw_table, row.column_name): row for row in self.observations.statistics.columns}

    @property
    def last_columns(self) -> dict[tuple[str, str], ColumnCount]:
        rows = self.baseline.last.columns if self.baseline else ()
        return {(row.raw_table, row.column_name): row for row in rows}


class _Asked:
    """The rules as a company has set them."""

    def __init__(self, overrides: list[dict[str, object]]) -> None:
        self._overrides = overrides

    def rule(self, name: str, subject: str | None = None) -> Rule:
        """A rule, for a raw table or a KPI or in general."""
        rule = RULES[name]
        for scope in dict.fromkeys((None, subject)):
            for row in self._overrides:
                if row["rule"] == name and row.get("subject") == scope:
                    rule = replace(
                        rule,
                        **{key: row[key] for key in ("severity", "limit") if row.get(key) is not None},  # type: ignore[arg-type]
                    )
        return rule

    def finding(
        self, rule: Rule, subject: str | None = None, column: str | None = None, **counted: object
    ) -> Iterator[Finding]:
        """The finding of a rule that is on, of what it counted."""
        found = rule.found_in_column if column and rule.found_in_column else rule.found
        values = {"limit": rule.limit} | counted
        if rule.severity != "off":
            yield Finding(
                rule=rule.name,
                severity=rule.severity,
                subject=subject,
                column=column,
                expected=_English().format(rule.expected["en"], **values),
                found=_English().format(found["en"], **values),
                way_out=rule.way_out,
                label=rule.label["en"],
                label_de=rule.label["de"],
                expected_de=_German().format(rule.expected["de"], **values),
                found_de=_German().format(found["de"], **values),
            )


class _Months(tuple[tuple[str, float, float], ...]):
    """Months, with their values before and after."""

    __slots__ = ()


class _English(string.Formatter):
    """Fills a text in."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        """A value in the format of the language."""
        if isinstance(value, _Months):
            return ", ".join(
                f"{name} {self._show(before)} -> {self._show(after)}" for name, before, after in value
            )
        return super().format_field(value, format_spec)

    def _show(self, value: float) -> Any:
        return self.format_field(value, ",.0f" if abs(value) >= _ROUNDED else ".3g")


class _German(_English):
    """Fills a text in as Germans write numbers and days."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        """A value in the format of the language."""
        if isinstance(value, date):
            return f"{value:%d.%m.%Y}"
        text = super().format_field(value, format_spec)
        if isinstance(value, (int, float)):
            return text.translate(_SWAPPED_MARKS).replace("%", "\u00a0%")
        return text


def _find_rejected_rows(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        rule, rejected = asked.rule("rejected_rows", name), row.rows_rejected
        if rejected > rule.limit * row.rows_read and (rejected >= _FEWEST or not row.rows_staged):
            share = rejected / row.rows_read
            yield from asked.finding(rule, name, rejected=rejected, read=row.rows_read, share=share)


def _find_lost_values(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for (table, column), row in context.columns.items():
        rule, lost = asked.rule("lost_values", table), row.values_rejected
        # An amount without a rate is staged; other rejected values are NULL there.
        given = max(row.rows_filled, 0) + lost
        if lost >= _FEWEST and lost > rule.limit * given:
            yield from asked.finding(rule, table, column, lost=lost, given=given, share=lost / given)


def _shares_unmatched(columns: dict[tuple[str, str], ColumnCount]) -> dict[tuple[str, str], float]:
    return {
        key: row.keys_unmatched / row.rows_filled
        for key, row in columns.items()
        if row.keys_unmatched is not None and row.keys_unmatched >= _FEWEST and row.rows_filled
    }


def _find_unmatched_keys(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for (table, column), share in _shares_unmatched(context.columns).items():
        rule, referenced = asked.rule("unmatched_keys", table), _REFERENCES[table, column]
        # A company without the table has nothing to match.
        if share > rule.limit and context.tables[referenced].rows_staged:
            row = context.columns[table, column]
            counted = {"unmatched": row.keys_unmatched, "filled": row.rows_filled, "share": share}
            yield from asked.finding(rule, table, column, table=referenced, **counted)


def _find_unmatched_keys_more(context: _Context, asked: _Asked) -> Iterator[Finding]:
    last_shares = _shares_unmatched(context.last_columns)
    for (table, column), share in _shares_unmatched(context.columns).items():
        rule, before = asked.rule("unmatched_keys_more", table), last_shares.get((table, column), 0)
        last = context.last_columns.get((table, column))
        if last and last.rows_filled >= _FEWEST and share > before + rule.limit:
            referenced = _REFERENCES[table, column]
            yield from asked.finding(rule, table, column, table=referenced, share=share, last=before)


def _find_emptied(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        last = context.last_tables.get(name)
        if last and last.rows_staged and not row.rows_staged:
            rule = asked.rule("emptied", name)
            yield from asked.finding(rule, name, read=row.rows_read, last=last.rows_staged)
    for (table, column), count in context.columns.items():
        before = context.last_columns.get((table, column))
        if before and before.rows_filled and not count.rows_filled and context.tables[table].rows_staged:
            yield from asked.finding(asked.rule("emptied", table), table, column, last=before.rows_filled)


def _find_rows_fewer(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        last, rule = context.last_tables.get(name), asked.rule("rows_fewer", name)
        if (
            last
            and row.rows_staged
            and last.rows_read - row.rows_read >= max(_FEWEST, rule.limit * last.rows_read)
        ):
            yield from asked.finding(rule, name, read=row.rows_read, last=last.rows_read)


def _find_rows_more(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        last, rule = context.last_tables.get(name), asked.rule("rows_more", name)
        more = row.rows_read - (last.rows_read if last else 0)
        # A young table may grow by as much in a week; one that was not there before is new.
        if last and last.rows_read and more > max(100, rule.limit * last.rows_read):
            yield from asked.finding(rule, name, read=row.rows_read, last=last.rows_read)


def _find_values_fewer(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for (table, column), row in context.columns.items():
        before, rule = context.last_columns.get((table, column)), asked.rule("values_fewer", table)
        staged = context.tables[table].rows_staged
        last_table = context.last_tables.get(table)
        if not (before and row.rows_filled and staged and last_table and last_table.rows_staged):
            continue
        share, last_share = row.rows_filled / staged, before.rows_filled / last_table.rows_staged
        if before.rows_filled >= _FEWEST * 2 and share < last_share - rule.limit:
            yield from asked.finding(rule, table, column, share=share, last=last_share)


def _find_kpis_gone(context: _Context, asked: _Asked) -> Iterator[Finding]:
    if context.looks_back:
        return
    last = {row.kpi_id: row.kpi_rows for row in context.baseline.last.kpis} if context.baseline else {}
    for row in context.observations.statistics.kpis:
        if last.get(row.kpi_id) and not row.kpi_rows:
            yield from asked.finding(asked.rule("kpis_gone", row.kpi_id), row.kpi_id, last=last[row.kpi_id])


def _find_moved(context: _Context, asked: _Asked) -> Iterator[Finding]:
    usual = context.baseline.usual_moves if context.baseline else {}
    gone = {row.kpi_id for row in context.observations.statistics.kpis if not row.kpi_rows}
    for kpi_id, move in context.observations.moves.items():
        rule = asked.rule("closed_periods_moved", kpi_id)
        by_chance = rule.limit + _LATE_THING / max(move.sample_size, 1)
        limit = max(by_chance, _USUAL * usual.get(kpi_id, 0))
        if move.share > limit and not move.is_redefined and kpi_id not in gone:
            months = _Months(move.largest)
            yield from asked.finding(rule, kpi_id, limit=limit, share=move.share, months=months)


def _find_future(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, count = asked.rule("future_events"), context.observations.events_left_out or 0
    if count > rule.limit:
        # Such as: deals.closed_at, row 12: 2062-03-01.
        place, _, rest = (context.observations.latest_left_out or "").partition(", row ")
        row, _, day = rest.partition(": ")
        yield from asked.finding(rule, count=count, today=context.today, place=place, row=row, day=day)


def _find_back(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, as_of = asked.rule("as_of_back"), context.observations.as_of
    last = context.baseline.run.as_of if context.baseline else None
    if as_of and last and not context.is_as_of_given and (last - as_of).days > rule.limit:
        yield from asked.finding(rule, as_of=as_of, last=last)


def _find_leap(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, as_of = asked.rule("as_of_leap"), context.observations.as_of
    last = context.baseline.run if context.baseline else None
    if not (as_of and last and last.as_of) or context.is_as_of_given:
        return
    passed = max((context.today - last.published_at.date()).days, 0)
    leap = (as_of - last.as_of).days
    if leap > passed + rule.limit:
        yield from asked.finding(rule, as_of=as_of, last=last.as_of, leap=leap, passed=passed)


def _find_old(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, as_of = asked.rule("max_age"), context.observations.as_of
    if as_of and not context.is_as_of_given and (context.today - as_of).days > rule.limit:
        yield from asked.finding(rule, as_of=as_of, age=(context.today - as_of).days)


_REFERENCES = {
    (table.name, column.name): column.references
    for table in read_contract()
    for column in table.columns
    if column.references
}
_FINDERS: dict[str, Callable[[_Context, _Asked], Iterator[Finding]]] = {
    "rejected_rows": _find_rejected_rows,
    "emptied": _find_emptied,
    "rows_fewer": _find_rows_fewer,
    "rows_more": _find_rows_more,
    "lost_values": _find_lost_values,
    "values_fewer": _find_values_fewer,
    "unmatched_keys": _find_unmatched_keys,
    "unmatched_keys_more": _find_unmatched_keys_more,
    "kpis_gone": _find_kpis_gone,
    "closed_periods_moved": _find_moved,
    "future_events": _find_future,
    "as_of_back": _find_back,
    "as_of_leap": _find_leap,
    "max_age": _find_old,
}
