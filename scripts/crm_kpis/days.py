"""Days as users write them."""

from __future__ import annotations

import re
from datetime import date

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
