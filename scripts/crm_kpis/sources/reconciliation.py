"""Numbers to tick off against the vendor's own screens: `crm-kpis sources reconcile`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from crm_kpis.published.connect import OFFLINE
from crm_kpis.sources.mapping import views_of
from crm_kpis.sources.source import SourceSettings, opened_sources


@dataclass(frozen=True)
class Figure:
    """A number that must match the vendor's screen to the unit.

    Attributes:
        source: The source.
        what: What is counted.
        where: Where the vendor shows it.
        item: The stage, status or month that it is of.
        number: The number.
    """

    source: str
    what: str
    where: str
    item: str
    number: Decimal | int


def reconcile(settings: SourceSettings, time_zone: str) -> Iterator[Figure]:
    """Count records by the vendor's own words, free of the definitions of KPIs.

    Args:
        settings: The sources.
        time_zone: The reporting time zone.

    Yields:
        The figures of each source, those of one kind together.

    Raises:
        InputError: As of `opened_sources`.
    """
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute("set TimeZone = 'UTC'")
        with opened_sources(connection, settings) as sources:
            for source in sources:
                with views_of(connection, source, time_zone):
                    for entry in source.vendor.facts["reconcile"]:
                        query = f"select coalesce(item, '(none)'), number from ({entry['sql']}) order by 1"
                        for item, number in connection.execute(query).fetchall():
                            yield Figure(source.spec.name, entry["what"], entry["where"], item, number)
