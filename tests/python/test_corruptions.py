"""Raw directories that are broken at random: nothing fails, and every row and value is accounted for."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from corruptions import BUILT, CORRUPTIONS, Corrupted, choose, corrupt, write_source
from pipeline import CONTRACT, csv_path, raw_counts, read_csv, staging_contradictions
from sizes import size

pytestmark = pytest.mark.slow

# A directory costs a build, and a corruption next to nothing: many in few find as much.
_DIRECTORIES = size("CORRUPTED_DIRECTORIES", 4, 24)


def test_the_directories_hold_every_kind_of_corruption():
    kinds = [kind for number in range(_DIRECTORIES) for kind, _ in choose(number)[1]]
    assert len(kinds) >= 200
    assert set(kinds) == set(CORRUPTIONS)


def _rejections(warehouse: duckdb.DuckDBPyConnection, raw_dir: Path) -> dict[tuple[str, int], str]:
    """The reason of each rejected row by table and position in the file."""
    positions = {
        table: {line: position for position, line in enumerate(read_csv(csv_path(raw_dir, table)).rows)}
        for table in CONTRACT
    }
    rows = warehouse.execute("select raw_table, row_number, reason from main.rejected_rows").fetchall()
    assert all(reason for *_, reason in rows)
    assert len({row[:2] for row in rows}) == len(rows)
    return {(table, positions[table][line]): reason for table, line, reason in rows}


def _assert_intact_rows_fare_as_in_the_source(
    corrupted: Corrupted, rejections: dict[tuple[str, int], str], of_source: dict[tuple[str, int], str]
) -> None:
    for table in corrupted.tables.values():
        for position, row in enumerate(table.rows):
            reasons = {rejections.get((table.name, position)), of_source.get((table.name, row.origin))}
            # Which row of a key is the latest depends on the others.
            if row.is_intact and "duplicate_key" not in reasons:
                assert len(reasons) == 1, (table.name, row, reasons)


def _assert_values_make_sense(warehouse: duckdb.DuckDBPyConnection) -> None:
    numbers = (
        *("numerator", "denominator", "sample_size", "kpi_value"),
        *("interval_low", "interval_high", "standard_error"),
    )
    odd = " or ".join(f"not isfinite({number}::double)" for number in numbers)
    wrong = warehouse.execute(
        "select kpi_values.* from main.kpi_values"
        " inner join (select kpi_id, interval_method from main.kpi_catalogue) using (kpi_id)"
        f" where {odd} or sample_size < 0 or denominator < 0 or standard_error < 0"
        " or interval_low > interval_high"
        " or not kpi_value between interval_low - 1e-9 * (1 + abs(kpi_value))"
        " and interval_high + 1e-9 * (1 + abs(kpi_value))"
        " or (interval_method = 'wilson' and not kpi_value between 0 and 1)"
        " or (interval_method = 'nps' and not kpi_value between -100 and 100)"
        " limit 3"
    ).fetchall()
    assert not wrong


@pytest.fixture(scope="module")
def source(compiled, tmp_path_factory) -> tuple[Path, dict[tuple[str, int], str]]:
    """What is corrupted, and the reason of each row of it that is rejected already."""
    directory = write_source(tmp_path_factory.mktemp("company") / "raw")
    with compiled.run(directory, only=compiled.with_inputs("rejected_rows")) as warehouse:
        return directory, _rejections(warehouse, directory)


@pytest.mark.parametrize("number", range(_DIRECTORIES))
def test_every_row_and_value_of_a_corrupted_directory_is_accounted_for(
    tmp_path, compiled, source, corrupted_build, number
):
    directory, rejected_of_source = source
    corrupted = corrupt(directory, number, tmp_path / "raw")
    with corrupted_build.connect() if number == BUILT else compiled.run(corrupted.path) as warehouse:
        counts = raw_counts(warehouse)
        assert set(counts) == set(CONTRACT)
        for table, (read, staged, rejected) in counts.items():
            assert read == len(read_csv(csv_path(corrupted.path, table)).rows), table
            assert read == staged + rejected, table
        assert not staging_contradictions(corrupted.path, warehouse)
        _assert_intact_rows_fare_as_in_the_source(
            corrupted, _rejections(warehouse, corrupted.path), rejected_of_source
        )
        # The run of the other one has passed them. A stage that is misspelt is warned of.
        failed = {} if number == BUILT else compiled.failed_data_tests(warehouse)
        assert [name for name in failed if compiled.severities[name] == "error"] == []
        _assert_values_make_sense(warehouse)


def test_a_corrupted_directory_is_published(corrupted_build):
    assert corrupted_build.status == 0, corrupted_build.all_output
    assert " 0 warned, 0 failed." in corrupted_build.stdout
    assert corrupted_build.published.exists()
