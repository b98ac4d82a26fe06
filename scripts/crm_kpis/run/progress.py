"""Shows how far dbt is: a bar on a terminal, a line at each tenth elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import click


class BuildProgress:
    """Counts the nodes that dbt finished and shows it on standard error; a context manager."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._total = 0
        self._done: set[str] = set()
        self._shown_tenth = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> BuildProgress:
        """Show that dbt reads the project, which takes seconds before the first node starts."""
        if sys.stderr.isatty():
            self._bar, self._task = _start_bar()
        else:
            click.echo("Building the warehouse ...", err=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def handle_event(self, event: Any) -> None:
        """Take one of dbt's events.

        Args:
            event: dbt's EventMsg. It comes from a worker thread, in which an exception would hang dbt for
                ever: so none leaves here.
        """
        with contextlib.suppress(Exception):
            if event.info.name == "LogStartLine":
                self._total = event.data.total
                self._show(event.data.node_info.node_name)
            elif event.info.name == "NodeFinished":  # skipped nodes finish, too
                self._done.add(event.data.node_info.unique_id)
                self._show("")

    def _show(self, started: str) -> None:
        done = min(len(self._done), self._total)
        if self._bar:
            label = {"description": started} if started else {}
            self._bar.update(self._task, completed=done, total=self._total or None, **label)
        elif self._total and done * 10 // self._total > self._shown_tenth:
            self._shown_tenth = done * 10 // self._total
            click.echo(f"  {self._shown_tenth * 10} % ({done} of {self._total})", err=True)


def _start_bar() -> tuple[Any, Any]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("reading the project", total=None)
    bar.start()
    return bar, task
