"""The gate between test and publication: is what was read plausible, by itself and beside the last time?

A rule finds something, or not; what it finds stops the publication (error), or is a warning. The tests of dbt
hold what must always be true; a rule judges what is only unlikely, so each one can be let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from crm_kpis.errors import InputError
from crm_kpis.published.statistics import ColumnCount, Statistics, TableCount
from crm_kpis.published.write import Run
from crm_kpis.raw.contract import read_contract
from crm_kpis.run.observations import Observations

SEVERITIES = ("error", "warn", "off")
# Of fewer rows or values no share is worth a halt.
_FEWEST = 5
# One late thing of so few moves a KPI by ten times its share, since amounts differ.
_LATE_THING = 10
# What late data moved up to now says what they usually move.
_USUAL = 3
_USUAL_RUNS = 20


@dataclass(frozen=True)
class Rule:
    """A rule of the gate.

    Attributes:
        name: Its name, in settings and in --accept.
        severity: error, warn or off.
        limit: From where on it finds something; what it counts is in the description.
        description: What it finds, with its limit as {limit}.
        way_out: What to do.
        is_relative: Whether it compares with the last publication.
    """

    name: str
    severity: str
    limit: float
    description: str
    way_out: str
    is_relative: bool = False


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
        """The finding in one line."""
        place = ".".join(part for part in (self.subject, self.column) if part)
        return f"{self.rule}{f' of {place}' if place else ''}: {self.found}; expected {self.expected}"


_EXPORT_AGAIN = "See whether the export is whole and has not changed its form; export again."
RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "rejected_rows",
            "error",
            0.1,
            "at most {limit:.0%} of the rows rejected",
            "See the reasons below and in rejected_rows of the warehouse; change the export, or the"
            " settings of the table.",
        ),
        Rule(
            "lost_values",
            "error",
            0.1,
            "at most {limit:.0%} of the values invalid",
            "See rejected_values of the warehouse; change the export, or the settings of the table.",
        ),
        Rule(
            "unmatched_keys",
            "error",
            0.5,
            "at most {limit:.0%} of the keys without a row to match",
            "Compare the keys of both files: one of them may be written in another way, or be a part only.",
        ),
        Rule(
            "unmatched_keys_more",
            "error",
            0.1,
            "a share of unmatched keys at most {limit:.0%} of all above the last",
            "Compare the keys of both files: one of them may be written in another way, or be a part only.",
            True,
        ),
        Rule(
            "emptied",
            "error",
            0,
            "values, as in the last publication",
            f"{_EXPORT_AGAIN} Was a column renamed?",
            True,
        ),
        Rule(
            "rows_fewer",
            "error",
            0.1,
            "at most {limit:.0%} fewer rows than in the last publication",
            _EXPORT_AGAIN,
            True,
        ),
        Rule(
            "rows_more",
            "error",
            1,
            "at most {limit:.0%} more rows than in the last publication",
            "See whether the rows of two exports, or of another company, are in the file.",
            True,
        ),
        Rule(
            "values_fewer",
            "error",
            0.2,
            "a share of filled rows at most {limit:.0%} of all below the last",
            _EXPORT_AGAIN,
            True,
        ),
        Rule(
            "kpis_gone",
            "error",
            0,
            "values, as in the last publication",
            "kpi_coverage of the warehouse names the columns that it lacks.",
            True,
        ),
        Rule(
            "closed_periods_moved",
            "error",
            0.1,
            "closed months within {limit:.0%} of the last publication",
            "See which rows of old months changed: amounts, exchange rates, status.",
            True,
        ),
        Rule(
            "future_events",
            "warn",
            0,
            "no event after today",
            "Correct the dates in the CRM. The events count when their day has come; --as-of counts them"
            " before.",
        ),
        Rule(
            "as_of_back",
            "error",
            3,
            "an as_of at most {limit:.0f} days before that of the last publication",
            "An older export may have been read: see the raw directory.",
            True,
        ),
        Rule(
            "as_of_leap",
            "warn",
            3,
            "an as_of at most {limit:.0f} days further than the days since the last publication",
            "See whether a date of the latest rows is mistyped, or whether exports were missing until now.",
            True,
        ),
        Rule(
            "max_age",
            "warn",
            40,
            "an as_of at most {limit:.0f} days old",
            "See whether the export of the raw data still runs.",
        ),
    )
}


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
        for name, find in _FINDERS.items()
        if baseline or not RULES[name].is_relative
        for finding in find(context, asked)
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
        self,
        rule: Rule,
        found: str,
        subject: str | None = None,
        column: str | None = None,
        expected: str = "",
    ) -> Iterator[Finding]:
        """The finding of a rule that is on."""
        if rule.severity != "off":
            text = expected or rule.description.format(limit=rule.limit)
            yield Finding(rule.name, rule.severity, subject, column, text, found, rule.way_out)


def _find_rejected_rows(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        rule = asked.rule("rejected_rows", name)
        if row.rows_rejected > rule.limit * row.rows_read and (
            row.rows_rejected >= _FEWEST or not row.rows_staged
        ):
            found = (
                f"{row.rows_rejected:,} of {row.rows_read:,} rows ({row.rows_rejected / row.rows_read:.0%})"
            )
            yield from asked.finding(rule, found, name)


def _find_lost_values(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for (table, column), row in context.columns.items():
        rule = asked.rule("lost_values", table)
        # An amount without a rate is staged; other rejected values are NULL there.
        given = max(row.rows_filled, 0) + row.values_rejected
        if row.values_rejected >= _FEWEST and row.values_rejected > rule.limit * given:
            share = row.values_rejected / given
            yield from asked.finding(
                rule, f"{row.values_rejected:,} of {given:,} values ({share:.0%})", table, column
            )


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
            found = (
                f"{row.keys_unmatched:,} of {row.rows_filled:,} match nothing in {referenced} ({share:.0%})"
            )
            yield from asked.finding(rule, found, table, column)


def _find_unmatched_keys_more(context: _Context, asked: _Asked) -> Iterator[Finding]:
    last_shares = _shares_unmatched(context.last_columns)
    for (table, column), share in _shares_unmatched(context.columns).items():
        rule, before = asked.rule("unmatched_keys_more", table), last_shares.get((table, column), 0)
        last = context.last_columns.get((table, column))
        if last and last.rows_filled >= _FEWEST and share > before + rule.limit:
            found = f"{share:.0%} match nothing in {_REFERENCES[table, column]}, last time {before:.0%}"
            yield from asked.finding(rule, found, table, column)


def _find_emptied(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        last = context.last_tables.get(name)
        if last and last.rows_staged and not row.rows_staged:
            found = f"no row of {row.rows_read:,} is left, last time {last.rows_staged:,} were"
            yield from asked.finding(asked.rule("emptied", name), found, name)
    for (table, column), count in context.columns.items():
        before = context.last_columns.get((table, column))
        if before and before.rows_filled and not count.rows_filled and context.tables[table].rows_staged:
            found = f"no value, last time {before.rows_filled:,}"
            yield from asked.finding(asked.rule("emptied", table), found, table, column)


def _find_rows_fewer(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        last, rule = context.last_tables.get(name), asked.rule("rows_fewer", name)
        if (
            last
            and row.rows_staged
            and last.rows_read - row.rows_read >= max(_FEWEST, rule.limit * last.rows_read)
        ):
            yield from asked.finding(rule, f"{row.rows_read:,} rows, last time {last.rows_read:,}", name)


def _find_rows_more(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for name, row in context.tables.items():
        last, rule = context.last_tables.get(name), asked.rule("rows_more", name)
        more = row.rows_read - (last.rows_read if last else 0)
        # A young table may grow by as much in a week; one that was not there before is new.
        if last and last.rows_read and more > max(100, rule.limit * last.rows_read):
            yield from asked.finding(rule, f"{row.rows_read:,} rows, last time {last.rows_read:,}", name)


def _find_values_fewer(context: _Context, asked: _Asked) -> Iterator[Finding]:
    for (table, column), row in context.columns.items():
        before, rule = context.last_columns.get((table, column)), asked.rule("values_fewer", table)
        staged = context.tables[table].rows_staged
        last_table = context.last_tables.get(table)
        if not (before and row.rows_filled and staged and last_table and last_table.rows_staged):
            continue
        share, last_share = row.rows_filled / staged, before.rows_filled / last_table.rows_staged
        if before.rows_filled >= _FEWEST * 2 and share < last_share - rule.limit:
            yield from asked.finding(
                rule, f"{share:.0%} of the rows have a value, last time {last_share:.0%}", table, column
            )


def _find_kpis_gone(context: _Context, asked: _Asked) -> Iterator[Finding]:
    if context.looks_back:
        return
    last = {row.kpi_id: row.kpi_rows for row in context.baseline.last.kpis} if context.baseline else {}
    for row in context.observations.statistics.kpis:
        if last.get(row.kpi_id) and not row.kpi_rows:
            yield from asked.finding(
                asked.rule("kpis_gone", row.kpi_id), f"none, last time {last[row.kpi_id]:,}", row.kpi_id
            )


def _find_moved(context: _Context, asked: _Asked) -> Iterator[Finding]:
    usual = context.baseline.usual_moves if context.baseline else {}
    gone = {row.kpi_id for row in context.observations.statistics.kpis if not row.kpi_rows}
    for kpi_id, move in context.observations.moves.items():
        rule = asked.rule("closed_periods_moved", kpi_id)
        by_chance = rule.limit + _LATE_THING / max(move.sample_size, 1)
        limit = max(by_chance, _USUAL * usual.get(kpi_id, 0))
        if move.share > limit and not move.is_redefined and kpi_id not in gone:
            months = ", ".join(
                f"{name} {_show(before)} -> {_show(after)}" for name, before, after in move.largest
            )
            expected = rule.description.format(limit=limit)
            found = f"moved by {move.share:.0%}, most in {months}"
            yield from asked.finding(rule, found, kpi_id, expected=expected)


def _find_future(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, count = asked.rule("future_events"), context.observations.events_left_out or 0
    if count > rule.limit:
        events = "1 event is" if count == 1 else f"{count:,} events are"
        found = (
            f"{events} after {context.today} and left out, the latest {context.observations.latest_left_out}"
        )
        yield from asked.finding(rule, found)


def _find_back(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, as_of = asked.rule("as_of_back"), context.observations.as_of
    last = context.baseline.run.as_of if context.baseline else None
    if as_of and last and not context.is_as_of_given and (last - as_of).days > rule.limit:
        yield from asked.finding(rule, f"as_of {as_of}, last time {last}")


def _find_leap(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, as_of = asked.rule("as_of_leap"), context.observations.as_of
    if not (as_of and context.baseline and context.baseline.run.as_of) or context.is_as_of_given:
        return
    last = context.baseline.run
    passed = max((context.today - last.published_at.date()).days, 0)
    leap = (as_of - last.as_of).days  # type: ignore[operator]
    if leap > passed + rule.limit:
        yield from asked.finding(
            rule,
            f"as_of went from {last.as_of} to {as_of}, {leap} days, in {passed} days since the last"
            f" publication",
        )


def _find_old(context: _Context, asked: _Asked) -> Iterator[Finding]:
    rule, as_of = asked.rule("max_age"), context.observations.as_of
    if as_of and not context.is_as_of_given and (context.today - as_of).days > rule.limit:
        yield from asked.finding(rule, f"as_of {as_of} is {(context.today - as_of).days} days before today")


def _show(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


_REFERENCES = {
    (table.name, column.name): column.references
    for table in read_contract()
    for column in table.columns
    if column.references
}
_FINDERS: dict[str, Callable[[_Context, _Asked], Iterator[Finding]]] = {
    "rejected_rows": _find_rejected_rows,
    "lost_values": _find_lost_values,
    "unmatched_keys": _find_unmatched_keys,
    "unmatched_keys_more": _find_unmatched_keys_more,
    "emptied": _find_emptied,
    "rows_fewer": _find_rows_fewer,
    "rows_more": _find_rows_more,
    "values_fewer": _find_values_fewer,
    "kpis_gone": _find_kpis_gone,
    "closed_periods_moved": _find_moved,
    "future_events": _find_future,
    "as_of_back": _find_back,
    "as_of_leap": _find_leap,
    "max_age": _find_old,
}
