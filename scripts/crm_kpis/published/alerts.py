"""Prints or sends the alerts of the published marts: all of them, or those of an owner, a team or a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import duckdb

from crm_kpis.errors import InputError
from crm_kpis.notify import check_urls, send
from crm_kpis.published.connect import open_published
from crm_kpis.published.query import answer
from crm_kpis.settings.declaration import Settings
from crm_kpis.sql import quote_text

_ALERTS = """
select urgency, rule, subject_type, subject_id, why_{language} as why, owner_id, team, amount,
    since_on, known_since_on, is_new
from alerts
where {conditions}
order by
    array_position(['high', 'middle', 'low'], urgency), amount desc nulls last, since_on nulls last,
    rule, subject_id
"""
_MOST_SENT = 50
_TITLES = {"en": "CRM KPIs: {count} alerts", "de": "CRM KPIs: {count} Hinweise"}
_RECEIVERS = "alert_receivers"
# What the address of a receiver takes the place of.
_PLACEHOLDER = "{address}"
_MORE = {"en": "and {count} more", "de": "und {count} weitere"}


@dataclass(frozen=True)
class Choice:
    """Which alerts are asked for. What is None leaves out none.

    Attributes:
        owner: Key of a user.
        team: A team.
        rule: A rule.
        only_new: Those alone that the publication before did not have.
    """

    owner: str | None = None
    team: str | None = None
    rule: str | None = None
    only_new: bool = False


@dataclass(frozen=True)
class Receiver:
    """Somebody who gets alerts: those of an owner, of a team, or all.

    Attributes:
        name: Who it is in messages: the owner, the team, or all.
        url: Where to, as apprise writes it.
        choice: Which alerts.
        language: en or de; None: the setting report_language.
    """

    name: str
    url: str
    choice: Choice
    language: str | None


def read_receivers(settings: Settings, choice: Choice, urls: Sequence[str]) -> list[Receiver]:
    """The receivers of alert_receivers.csv.

    Args:
        settings: The settings of the company.
        choice: Which alerts, beside the owner or team of the receiver.
        urls: At most one, in which the address of a receiver takes the place of {address}.

    Raises:
        InputError: There is none, or one has an address that no URL takes, or a URL is not one of apprise's.
    """
    rows = settings.rows.get(_RECEIVERS, ())
    if not rows:
        raise InputError(
            f"No {_RECEIVERS}.csv in {settings.directory or 'the settings'} says who gets alerts. Write rows"
            " of owner_id, team and address, or name the settings by --settings."
        )
    if len(urls) > 1 or (urls and _PLACEHOLDER not in urls[0]):
        raise InputError(
            f"With --each, --notify takes one URL with {_PLACEHOLDER} in it, such as"
            f" mailto://user:password@host?to={_PLACEHOLDER}."
        )
    receivers = []
    for row in rows:
        address, owner, team = (row.values[name] for name in ("address", "owner_id", "team"))
        if "://" not in address and not urls:
            raise InputError(
                f"{_RECEIVERS}.csv, line {row.line}: {address!r} is no URL. Write one, or give --notify a URL"
                f" with {_PLACEHOLDER} in it, such as mailto://user:password@host?to={_PLACEHOLDER}."
            )
        url = address if "://" in address else urls[0].replace(_PLACEHOLDER, quote(address, safe="@"))
        receivers.append(
            Receiver(
                owner or team or "all",
                url,
                replace(choice, owner=owner, team=team),
                row.values["language"],
            )
        )
    check_urls([receiver.url for receiver in receivers])
    return receivers


def show_alerts(
    output: Path, choice: Choice, language: str | None, file_format: str, stream: TextIO
) -> int | None:
    """Write alerts, the most urgent first.

    Args:
        output: The output directory of `crm-kpis run`.
        choice: Which of them.
        language: en or de; None: the setting report_language.
        file_format: A key of crm_kpis.published.query.FORMATS.
        stream: Where the rows go.

    Returns:
        How many alerts there are if not all were shown, at the least; None otherwise.

    Raises:
        InputError: Nothing is published, or by a version without alerts.
    """
    language = _check(output, language)
    return answer(output, _query(choice, language), file_format, stream)


def send_alerts(output: Path, choice: Choice, language: str | None, urls: Sequence[str]) -> list[str]:
    """Send alerts to people, the most urgent first. Where there are none, nothing is sent.

    Args:
        output: The output directory of `crm-kpis run`.
        choice: Which of them.
        language: en or de; None: the setting report_language.
        urls: Where to, as apprise writes it.

    Returns:
        One sentence for each URL that could not be reached.

    Raises:
        InputError: Nothing is published, or by a version without alerts, or a URL is not one of apprise's.
    """
    check_urls(urls)
    language = _check(output, language)
    with open_published(output) as connection:
        rows = connection.execute(_query(choice, language)).fetchall()
    if not rows:
        return []
    lines = [
        f"{why} ({subject_type} {subject_id}, {owner})"
        for _, _, subject_type, subject_id, why, owner, *_ in rows[:_MOST_SENT]
    ]
    if len(rows) > _MOST_SENT:
        lines.append(_MORE[language].format(count=len(rows) - _MOST_SENT))
    return send(urls, _TITLES[language].format(count=len(rows)), "\n".join(lines))


def _check(output: Path, language: str | None) -> str:
    """The language to write in, once it is known that there are alerts."""
    with open_published(output) as connection:
        try:
            [(usual_language, _)] = connection.execute(
                "select any_value(report_language), exists (from alerts) from reporting_settings"
            ).fetchall()
        except duckdb.CatalogException as error:
            raise InputError(
                "The published marts lack alerts: another version of crm-kpis published them. "
                "Run crm-kpis run again."
            ) from error
    return language or str(usual_language)


def _query(choice: Choice, language: str) -> str:
    conditions = [
        f"{column} = {quote_text(value)}"
        for column, value in (("owner_id", choice.owner), ("team", choice.team), ("rule", choice.rule))
        if value is not None
    ]
    if choice.only_new:
        conditions.append("is_new")
    return _ALERTS.format(language=language, conditions=" and ".join(conditions) or "true")
