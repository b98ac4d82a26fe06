"""What the macros of types make of values that have a type of their own, as from Parquet."""

from __future__ import annotations

from datetime import datetime

import pytest
from engines import render, run_on_duckdb

# The reporting time zone is Berlin, an hour ahead of UTC.
_CREATED_ON = "date '2024-03-05'"
_AT_ONE = "timestamp '2024-03-05 01:14:00'"


@pytest.mark.parametrize(
    ("created", "responded", "expected"),
    [
        # By the clock of a creation without a time.
        (_CREATED_ON, _AT_ONE, datetime(2024, 3, 5, 0, 14)),
        ("'2024-03-05'", _AT_ONE, datetime(2024, 3, 5, 0, 14)),
        (_CREATED_ON, "'2024-03-05 01:14'", datetime(2024, 3, 5, 0, 14)),
        # With an offset, or beside a time, it is what it says, or of UTC.
        (_CREATED_ON, f"timezone('UTC', {_AT_ONE})", datetime(2024, 3, 5, 1, 14)),
        (_CREATED_ON, "'2024-03-05T01:14:00Z'", datetime(2024, 3, 5, 1, 14)),
        (_AT_ONE, _AT_ONE, datetime(2024, 3, 5, 1, 14)),
        (_CREATED_ON, "timestamp '1969-12-31 10:00:00'", None),
    ],
)
def test_a_time_goes_by_the_clock_of_its_row(created, responded, expected):
    call = render("to_timestamp('responded', beside='created')", "duckdb")
    query = f"select {call} from (select {created} as created, {responded} as responded)"
    assert run_on_duckdb(query) == [(expected,)]
