"""Snapshots: what is in them, that they are whole or not there, that damage is seen."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
import snapshots as hand_made
from crm_kpis.errors import InputError
from crm_kpis.published.write import publish
from crm_kpis.snapshots import take as snapshot
from crm_kpis.snapshots.manifest import FORMAT_VERSION, hash_file, hash_json, read_manifest
from crm_kpis.snapshots.register import register_snapshots
from crm_kpis.snapshots.take import check_name, list_snapshots, open_snapshot, take_snapshot
from publishing import FIRST_RUN
from sizes import size
from snapshots import AS_OF, kpi, publish_marts, value

# A kill is awaited at a random moment of a snapshot; the full test of 50 takes half a minute.
KILLS = size("SNAPSHOT_KILLS", 4, 40)
FILES = {"kpi_catalogue.parquet", "kpi_values.parquet", "manifest.json"}


@pytest.fixture(autouse=True)
def _without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who edits the project while the tests run makes its commit dirty."""
    monkeypatch.setenv("GIT_DIR", "no repository")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output directory with published marts, whose name has whatever SQL and globs could trip over."""
    directory = tmp_path / "out 'put' [1] day=3 *"
    segment = {"segment_by": "owner", "segment": "Ann | 'x'"}
    publish_marts(directory, [value(0.25), value(0.5, **segment), value(None, month="2026-04")])
    return directory


def names_in(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


# What is in them


def test_a_snapshot_holds_the_published_tables_and_a_manifest(output):
    directory = take_snapshot(output, "before go-live")
    assert directory == output / "snapshots" / "before go-live"
    assert names_in(directory) == FILES
    with duckdb.connect() as connection:
        connection.execute(f"set file_search_path = {snapshot.quote_text(str(directory))}")
        rows = connection.execute(
            "select kpi_id, period_name, segment, kpi_value from read_parquet(?, hive_partitioning = false)"
            " where period_grain = 'month' order by all",
            [str(directory / "kpi_values.parquet").replace("[", "[[]").replace("*", "[*]")],
        ).fetchall()
    assert rows == [
        ("close_rate", "2026-04", "all", None),
        ("close_rate", "2026-05", "Ann | 'x'", 0.5),
        ("close_rate", "2026-05", "all", 0.25),
    ]


def test_the_manifest_says_what_the_snapshot_holds(output):
    directory = take_snapshot(output, "first")
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["format_version"] == FORMAT_VERSION
    assert manifest["as_of"] == str(AS_OF)
    assert manifest["project_version"] == version("crm-kpis")
    assert manifest["duckdb_version"] == duckdb.__version__
    assert manifest["raw_rows"] == [
        {
            "raw_table": "deals",
            "rows_read": 607,
            "rows_staged": 600,
            "rows_rejected": 7,
            "values_rejected": 4,
        }
    ]
    parts = manifest["definitions"]["close_rate"]["parts"]
    assert parts["numerator"] == "deals_won"
    assert parts["formula_en"] == "deals won / deals created"
    assert parts["good"] == "up"
    assert "label_en" not in parts
    assert manifest["definitions"]["close_rate"]["sha256"] == hash_json(parts)
    files = {file["table"]: file for file in manifest["files"]}
    assert files["kpi_values"]["rows"] == 4
    assert files["kpi_catalogue"]["rows"] == 1
    for table, file in files.items():
        path = directory / f"{table}.parquet"
        assert (file["size_bytes"], file["sha256"]) == (path.stat().st_size, hash_file(path))


def test_a_definition_has_the_hashes_of_its_measures_where_they_are_published(output):
    publish_marts(
        output, [value(0.25)], measures={"deals_won": "abc", "deals_created": "def", "other": "ghi"}
    )
    parts = read_manifest(take_snapshot(output, "first")).definitions["close_rate"]
    assert {part: text for part, text in parts.items() if part.startswith("sql of ")} == {
        "sql of deals_won": "abc",
        "sql of deals_created": "def",
    }


def test_git_tells_the_commit_if_there_is_one(output, monkeypatch, tmp_path):
    monkeypatch.delenv("GIT_DIR")
    there = read_manifest(take_snapshot(output, "with git")).git_commit
    assert there is None or len(there.removesuffix("-dirty")) == 40
    monkeypatch.setattr(snapshot, "PROJECT_DIR", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_manifest(take_snapshot(output, "without a repository")).git_commit is None
    monkeypatch.setenv("PATH", "")
    assert read_manifest(take_snapshot(output, "without git")).git_commit is None


def test_the_same_marts_give_the_same_bytes(output, tmp_path):
    rows = [value(number / 7, segment_by="owner", segment=f"U{number}") for number in range(3000)]
    publish_marts(output, rows)
    first = contents(take_snapshot(output, "first"))
    assert contents(take_snapshot(output, "second")) == first
    # In another order, by another file.
    random.Random("order").shuffle(rows)  # noqa: S311
    publish_marts(tmp_path / "other", rows)
    assert contents(take_snapshot(tmp_path / "other", "third")) == first


@pytest.mark.slow
def test_two_builds_give_the_same_bytes(corrupted_build, root_build, tmp_path):
    # The other one of the same directory, by dbt alone, which publishes nothing.
    publish(root_build.warehouse, root_build.output / "dbt_target" / "manifest.json", tmp_path, [FIRST_RUN])
    first, second = (
        contents(take_snapshot(output, "same", snapshots=tmp_path / name))
        for output, name in ((corrupted_build.output, "first"), (tmp_path, "second"))
    )
    assert set(first) >= FILES
    assert first == second


# Names


@pytest.mark.parametrize(
    "name", ["2026-06", "before go-live", "Vor der Einführung", "v1.2", "a", "x" * 80, "CONsole"]
)
def test_plain_names_are_taken(name):
    assert check_name(name) == name


def test_a_name_is_taken_in_its_composed_form():
    assert check_name("fu\u0308r") == "f\u00fcr"


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "...", ".hidden", "-rf", "--replace", " a", "a ", "a.", "\u00a0a"),
        *("a/b", "/etc", "../a", "a\\b", "C:", "a:b", "*", "what?", '"', "<a>", "a|b"),
        *("a\nb", "a\0b", "a\x1b[31m", "a\x7f", "a\u202eb", "a\u2028b", "a\ud800", "\u200b"),
        *("con", "NUL", "nul.txt", "Com1", "LPT9.tar.gz", "aux."),
        *("x" * 81, "\u00fc" * 81, "\u65e5" * 60),
    ],
    ids=ascii,
)
def test_hostile_names_are_refused(output, name):
    with pytest.raises(InputError, match="can't be the name of a snapshot") as caught:
        take_snapshot(output, name)
    assert str(caught.value).isprintable()
    assert not (output / "snapshots").exists()
    with pytest.raises(InputError, match="can't be the name of a snapshot"):
        open_snapshot(output / "snapshots", name)


# Whole or not there


def test_a_name_that_is_taken_is_refused_unless_it_is_to_be_replaced(output):
    first = contents(take_snapshot(output, "first"))
    publish_marts(output, [value(0.75)])
    with pytest.raises(InputError, match=r"is there already, in .* or add --replace"):
        take_snapshot(output, "first")
    assert contents(output / "snapshots" / "first") == first
    take_snapshot(output, "first", replace=True)
    assert contents(output / "snapshots" / "first") != first
    assert names_in(output / "snapshots") == {"first", ".run.lock"}


@pytest.mark.parametrize("kind", ["file", "directory", "link to nothing"])
def test_what_is_no_snapshot_is_not_replaced(output, kind):
    target = output / "snapshots" / "first"
    target.parent.mkdir()
    if kind == "file":
        target.write_text("mine")
    elif kind == "directory":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    else:
        target.symlink_to("nowhere")
    with pytest.raises(InputError, match="is no snapshot, so it is not replaced"):
        take_snapshot(output, "first", replace=True)
    assert os.path.lexists(target)


def test_nothing_published_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="Run crm-kpis run first"):
        take_snapshot(tmp_path, "first")
    assert not names_in(tmp_path)


def test_marts_of_another_version_are_an_error(output):
    with duckdb.connect(output / "kpis.duckdb") as connection:
        connection.execute("drop table marts.kpi_catalogue")
    with pytest.raises(InputError, match="lack kpi_catalogue"):
        take_snapshot(output, "first")
    assert not list_snapshots(output / "snapshots")


@pytest.mark.parametrize("step", ["_export_table", "sync", "_put_in_place", "hash_file"])
def test_an_error_on_the_way_leaves_nothing(output, monkeypatch, step):
    old = contents(take_snapshot(output, "old"))

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, step, fail)
    for name, replace in (("new", False), ("old", True)):
        with pytest.raises(InputError, match=r"could not be written: .*No space left on device"):
            take_snapshot(output, name, replace=replace)
    assert list_snapshots(output / "snapshots") == ["old"]
    assert contents(output / "snapshots" / "old") == old


def test_what_a_kill_between_the_two_renames_leaves_is_put_back(output):
    old = contents(take_snapshot(output, "first"))
    directory = output / "snapshots"
    for read in (
        lambda: open_snapshot(directory, "first"),
        lambda: list_snapshots(directory),
        lambda: take_snapshot(output, "second", replace=True),
    ):
        (directory / "first").rename(directory / ".first.replaced")
        (directory / ".first.unfinished").mkdir()
        read()
        assert contents(directory / "first") == old
        assert not names_in(directory) & {".first.replaced", ".first.unfinished"}


def test_a_kill_right_before_the_new_one_takes_its_place_leaves_the_old_one(output, monkeypatch):
    old = contents(take_snapshot(output, "first"))
    publish_marts(output, [value(0.75)])
    rename = Path.rename

    def die(path: Path, target: Path) -> None:
        if path.suffix == ".unfinished":
            raise KeyboardInterrupt
        rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            take_snapshot(output, "first", replace=True)
    assert list_snapshots(output / "snapshots") == ["first"]
    assert contents(output / "snapshots" / "first") == old


def test_what_a_kill_after_the_two_renames_leaves_is_swept(output):
    directory = output / "snapshots"
    shutil.copytree(take_snapshot(output, "first"), directory / ".first.replaced")
    publish_marts(output, [value(0.75)])
    new = contents(take_snapshot(output, "first", replace=True))
    assert contents(directory / "first") == new
    assert names_in(directory) == {"first", ".run.lock"}


@pytest.mark.slow
def test_a_killed_process_leaves_no_half_snapshot(output):
    """kill -9 at random moments, in turns of the first snapshot of a name and of one that is replaced."""
    publish_marts(output, [value(number / 7, segment=f"U{number}") for number in range(20_000)])
    whole = contents(take_snapshot(output, "whole"))
    moments = random.Random("kills")  # noqa: S311
    directory = output / "snapshots"
    for kill in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, hand_made.__file__, str(output), "victim"], stdout=subprocess.PIPE, text=True
        )
        if kill % 2:
            assert process.stdout.readline() == "taken\n"
            delay = moments.uniform(0, 0.3)
        else:
            shutil.rmtree(directory / "victim", ignore_errors=True)
            delay = moments.uniform(0.2, 1)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        names = list_snapshots(directory)
        assert set(names) <= {"whole", "victim"}
        if kill % 2:
            assert "victim" in names
        for name in names:
            open_snapshot(directory, name)
            assert contents(directory / name) == whole
    take_snapshot(output, "victim", replace=True)
    assert names_in(directory) == {"whole", "victim", ".run.lock"}


# Damage


def test_a_snapshot_that_is_not_there_is_an_error_that_names_those_that_are(output):
    with pytest.raises(InputError, match=r"no snapshot first in .* There is none yet"):
        open_snapshot(output / "snapshots", "first")
    take_snapshot(output, "second")
    with pytest.raises(InputError, match="There are: second"):
        open_snapshot(output / "snapshots", "first")


def damage(directory: Path, how: str) -> None:
    path = directory / "kpi_values.parquet"
    manifest = directory / "manifest.json"
    if how == "a bit":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif how == "a byte less":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "a file":
        path.unlink()
    elif how == "no JSON":
        manifest.write_text("{")
    elif how == "not JSON's object":
        manifest.write_text("[]")
    elif how == "not UTF-8":
        manifest.write_bytes(b"\xff")
    elif how == "the manifest":
        manifest.write_text(
            manifest.read_text().replace("deals won / deals created", "deals won / deals lost")
        )
    elif how == "empty":
        manifest.write_text("{}")


DAMAGE = {
    "a bit": "kpi_values.parquet is not as it was written",
    "a byte less": "kpi_values.parquet is not as it was written",
    "a file": "kpi_values.parquet is missing",
    "no JSON": "manifest.json is no JSON",
    "not JSON's object": "manifest.json is not as it was written",
    "not UTF-8": "manifest.json is no JSON",
    "the manifest": "manifest.json is not as it was written",
    "empty": "manifest.json is not as it was written",
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_seen(output, how):
    directory = take_snapshot(output, "first")
    damage(directory, how)
    with pytest.raises(InputError) as caught:
        open_snapshot(output / "snapshots", "first")
    assert str(caught.value).startswith(f"The snapshot {directory} is damaged: {DAMAGE[how]}. Restore it")


def test_a_directory_without_a_manifest_is_no_snapshot(output):
    (output / "snapshots" / "first").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds no snapshot: manifest\.json is missing"):
        open_snapshot(output / "snapshots", "first")


@pytest.mark.parametrize(
    ("format_version", "message"),
    [
        (FORMAT_VERSION + 1, "it knows version 1. Update crm-kpis."),
        (0, "Take the snapshot again, with --replace."),
    ],
)
def test_a_manifest_of_another_version_is_refused_with_what_to_do(output, format_version, message):
    manifest = take_snapshot(output, "first") / "manifest.json"
    manifest.write_text(json.dumps({"format_version": format_version, "anything": "else"}))
    with pytest.raises(InputError, match="can't read") as caught:
        open_snapshot(output / "snapshots", "first")
    assert str(caught.value).endswith(message)


# As a baseline


def registered(snapshots: Path) -> tuple[list[tuple], tuple[str, ...]]:
    with duckdb.connect() as connection:
        warnings = register_snapshots(connection, snapshots)
        rows = connection.execute(
            "select snapshot_name, period_name, segment, kpi_value, standard_error from snapshots.kpi_values"
            " where period_grain = 'month' order by all"
        ).fetchall()
    return rows, warnings


def test_without_snapshots_the_source_is_empty_and_has_its_columns(tmp_path):
    assert registered(tmp_path / "nowhere") == ([], ())


def test_the_source_has_the_values_of_all_snapshots(output):
    take_snapshot(output, "it's [1]")
    publish_marts(output, [value(0.75, standard_error=0.125)], [kpi()], date(2026, 7, 31))
    take_snapshot(output, "later")
    rows, warnings = registered(output / "snapshots")
    assert rows == [
        ("it's [1]", "2026-04", "all", None, None),
        ("it's [1]", "2026-05", "Ann | 'x'", 0.5, None),
        ("it's [1]", "2026-05", "all", 0.25, None),
        ("later", "2026-05", "all", 0.75, 0.125),
    ]
    assert warnings == ()


def test_a_column_that_an_older_snapshot_lacks_is_null(output):
    with duckdb.connect(output / "kpis.duckdb") as connection:
        connection.execute("alter table marts.kpi_values drop column standard_error")
    take_snapshot(output, "old")
    rows, _ = registered(output / "snapshots")
    assert [row[3:] for row in rows] == [(None, None), (0.5, None), (0.25, None)]


def test_a_damaged_snapshot_is_left_out_with_a_warning(output):
    damage(take_snapshot(output, "damaged"), "a bit")
    take_snapshot(output, "whole")
    rows, warnings = registered(output / "snapshots")
    assert {row[0] for row in rows} == {"whole"}
    assert len(warnings) == 1
    assert "damaged is damaged: kpi_values.parquet is not as it was written" in warnings[0]


# The command line


@pytest.mark.slow
def test_the_command_takes_a_snapshot_and_says_where(run_cli, output):
    done = run_cli("snapshot", "first", "--output", output)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"The snapshot: {output / 'snapshots' / 'first'}\n"
    again = run_cli("snapshot", "first", CRM_KPIS_OUTPUT=str(output))
    assert again.returncode == 2
    assert again.stderr.startswith("Error: The snapshot first is there already")
    assert len(again.stderr.splitlines()) == 1


def test_the_environment_says_where_snapshots_are(run_cli, output, tmp_path):
    done = run_cli("snapshot", "first", "--output", output, CRM_KPIS_SNAPSHOTS=str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    assert names_in(tmp_path / "kept" / "first") == FILES


@pytest.mark.parametrize("name", ["first", "a/b"])
def test_a_run_refuses_a_name_before_it_builds(run_cli, output, name, write_csv, raw_dir):
    write_csv("users.csv", "user_id")
    take_snapshot(output, "first")
    done = run_cli("run", "--raw-dir", raw_dir, "--output", output, "--snapshot", name)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "Building" not in done.stderr
    assert not (output / "warehouse.duckdb").exists()
