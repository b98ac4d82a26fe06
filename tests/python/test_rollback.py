"""The published files before the last one are kept, and put back."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from crm_kpis.errors import InputError, MachineError
from crm_kpis.published.earlier import list_kept, roll_back
from crm_kpis.published.write import read_history
from publishing import publish_token, read_state


@pytest.mark.slow
def test_the_last_two_are_kept_and_put_back(tmp_path: Path):
    for token in (1, 2, 3, 4):
        publish_token(tmp_path, token)
    assert list_kept(tmp_path) == ["2", "3"]
    assert roll_back(tmp_path) == "3"
    assert read_state(tmp_path) == 3
    # The one that was there is kept, so that this can be undone.
    assert list_kept(tmp_path) == ["3", "4"]
    assert roll_back(tmp_path, "4") == "4"
    assert read_state(tmp_path) == 4
    assert not list(tmp_path.glob(".kpis.duckdb.*"))


@pytest.mark.slow
def test_as_many_are_kept_as_the_setting_says(tmp_path: Path):
    for token in (1, 2, 3, 4, 5):
        publish_token(tmp_path, token, kept=3)
    assert list_kept(tmp_path) == ["2", "3", "4"]
    roll_back(tmp_path, "2")
    assert list_kept(tmp_path) == ["3", "4", "5"]
    publish_token(tmp_path, 6, kept=0)
    assert list_kept(tmp_path) == []


def test_a_run_after_a_rollback_goes_on_from_there(tmp_path: Path):
    for token in (1, 2):
        publish_token(tmp_path, token)
    roll_back(tmp_path)
    publish_token(tmp_path, 3)
    assert read_state(tmp_path) == 3
    assert list_kept(tmp_path) == ["1", "2"]


def test_what_is_not_kept_is_not_put_back(tmp_path: Path):
    publish_token(tmp_path, 1)
    with pytest.raises(InputError, match=r"No published file earlier than .* is kept .* Kept are: none\."):
        roll_back(tmp_path)
    publish_token(tmp_path, 2)
    with pytest.raises(InputError, match=r"No published file of the run 9 is kept in .* Kept are: 1\."):
        roll_back(tmp_path, "9")
    kept = tmp_path / "earlier" / "kpis-1.duckdb"
    kept.unlink()
    kept.write_bytes(b"no database")
    with pytest.raises(InputError, match="does not hold published marts"):
        roll_back(tmp_path)
    assert read_state(tmp_path) == 2


def test_a_damaged_file_is_set_aside_for_an_earlier_one(tmp_path: Path):
    publish_token(tmp_path, 1)
    publish_token(tmp_path, 2)
    published = tmp_path / "kpis.duckdb"
    damaged = published.read_bytes()[:5000]
    published.unlink()
    published.write_bytes(damaged)
    with pytest.raises(InputError, match=r"not replaced\. Put an earlier one back by crm-kpis rollback"):
        read_history(tmp_path)
    assert roll_back(tmp_path) == "1"
    assert read_state(tmp_path) == 1
    assert (tmp_path / "kpis.duckdb.damaged").read_bytes() == damaged


def test_a_file_that_may_not_be_read_is_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_: Path) -> None:
        raise duckdb.IOException('IO Error: Cannot open file "kpis.duckdb": Permission denied')

    publish_token(tmp_path, 1)
    monkeypatch.setattr("crm_kpis.published.write._read_runs", refuse)
    with pytest.raises(MachineError, match=r"kpis\.duckdb can't be read: permission denied"):
        read_history(tmp_path)
