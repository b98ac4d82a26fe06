"""Days as users write them."""

from __future__ import annotations

import os
import re
from datetime import date, datetime, timezone

from crm_kpis.errors import InputError

# The years that the models take for valid.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2099, 12, 31)


def parse_day(text: str) -> date | None:
    """The date that a text writes as YYYY-MM-DD; None if it writes none.

    >>> parse_day("2026-06-30")
    datetime.date(2026, 6, 30)
    """
    # From Python 3.11 on, fromisoformat reads other forms, too.
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else None
    except ValueError:
        return None


def read_today() -> date:
    """Today in UTC, or the day that the environment variable CRM_KPIS_TODAY names, for tests and rehearsals.

    Raises:
        InputError: The variable holds no day.
    """
    text = os.environ.get("CRM_KPIS_TODAY")
    if not text:
        return datetime.now(timezone.utc).date()
    day = parse_day(text)
    if day is None:
        raise InputError(f"The environment variable CRM_KPIS_TODAY is {text!r}. Write it as YYYY-MM-DD.")
    return day
