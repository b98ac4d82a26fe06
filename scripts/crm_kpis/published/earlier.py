"""The published files before the last one: the last few are kept, and one can be put back."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import duckdb

from crm_kpis.errors import InputError, MachineError, first_line
from crm_kpis.files import sync
from crm_kpis.published.connect import FILE_NAME, OFFLINE, SCHEMA
from crm_kpis.sql import quote_text

DIRECTORY = "earlier"
_NAME = re.compile(r"kpis-(?P<run_id>.+)\.duckdb")


def keep(published: Path, run_id: str, most: int) -> None:
    """Keep the published file under the name of its run, and forget the oldest of those that are kept.

    Args:
        published: The file, which a new one is about to replace.
        run_id: The run that it is of.
        most: How many are kept.

    Raises:
        OSError: The directory can't be written.
    """
    directory = published.parent / DIRECTORY
    directory.mkdir(exist_ok=True)
    target = directory / f"kpis-{run_id}.duckdb"
    if not target.exists():
        try:
            os.link(published, target)  # takes no room, and is whole
        except OSError:
            unfinished = directory / f".{target.name}.unfinished"
            shutil.copyfile(published, unfinished)
            os.replace(unfinished, target)
    kept = list_kept(published.parent)
    for old in kept[: max(0, len(kept) - most)]:
        (directory / f"kpis-{old}.duckdb").unlink()


def list_kept(output: Path) -> list[str]:
    """The runs whose published files are kept, the oldest first.

    Args:
        output: The output directory of `crm-kpis run`.
    """
    matches = (_NAME.fullmatch(path.name) for path in (output / DIRECTORY).glob("kpis-*.duckdb"))
    return sorted(match["run_id"] for match in matches if match)


def roll_back(output: Path, run_id: str | None = None) -> str:
    """Put an earlier published file back in place of the one that is there, which is kept in turn.

    One that is damaged is kept beside it, as kpis.duckdb.damaged.

    Args:
        output: The output directory of `crm-kpis run`, which is locked.
        run_id: The run whose file is put back; None for the last before the one that is published.

    Returns:
        The run whose file was put back.

    Raises:
        InputError: No such file is kept, or it is not what it was.
        MachineError: The output directory can't be written.
    """
    published = output / FILE_NAME
    current, is_damaged = None, False
    if published.exists():
        try:
            current = _read_run_id(published)
        except InputError:
            is_damaged = True
    choices = [kept for kept in list_kept(output) if kept != current]
    earlier = [kept for kept in choices if current is None or kept < current]
    chosen = run_id or (earlier[-1] if earlier else None)
    if chosen not in choices:
        what = f"of the run {run_id} is" if run_id else "earlier than the one that is published is"
        raise InputError(
            f"No published file {what} kept in {output}. Kept are: {', '.join(choices) or 'none'}."
        )
    source = output / DIRECTORY / f"kpis-{chosen}.duckdb"
    if _read_run_id(source) != chosen:
        raise InputError(f"{source} is not the file of the run {chosen}, so it is not put back.")
    unfinished = output / f".{FILE_NAME}.{os.getpid()}.unfinished"
    try:
        shutil.copyfile(source, unfinished)
        unfinished.chmod(source.stat().st_mode)
        sync(unfinished)
        if current is not None:
            # One of them is the one that is put back, so it may be forgotten now.
            keep(published, current, len(list_kept(output)))
        if is_damaged:
            set_aside = published.with_name(f"{FILE_NAME}.damaged")
            set_aside.unlink(missing_ok=True)
            os.link(published, set_aside)
        os.replace(unfinished, published)
        sync(output)
    except OSError as error:
        raise MachineError(f"{published} can't be put back: {error.strerror}. It is as it was.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return chosen


def _read_run_id(path: Path) -> str:
    try:
        with duckdb.connect(config=OFFLINE) as connection:
            connection.execute(f"attach {quote_text(str(path))} as kpis (read_only)")
            rows = connection.execute(
                f"select max_by(run_id, published_at) from kpis.{SCHEMA}.runs"
            ).fetchall()
    except duckdb.Error as error:
        raise InputError(f"{path} does not hold published marts: {first_line(str(error))}.") from error
    return rows[0][0]
