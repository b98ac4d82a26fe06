"""Problems of a settings directory, collected so that all of them are reported at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from crm_kpis.errors import InputError

_MOST_SHOWN = 30
_LONGEST_VALUE = 60
_MOST_NAMES = 40
_NEAREST = 5


@dataclass
class Problems:
    """What is wrong with the files of a settings directory.

    Attributes:
        directory: The settings directory.
        messages: Each problem with file, line, column and value, and what to do about it.
    """

    directory: Path
    messages: list[str] = field(default_factory=list)

    def add(
        self, file_name: str, message: str, *, line: int | None = None, column: str | None = None
    ) -> None:
        """Add a problem.

        Args:
            file_name: The file in the directory.
            message: The value, what is wrong with it and what to do about it.
            line: The line of the file, if the problem is on one.
            column: The column or key, if the problem is in one.
        """
        place = [str(self.directory / file_name)]
        place += [f"line {line}"] if line else []
        place += [column] if column else []
        self.messages.append(f"{', '.join(place)}: {message}")

    def add_error(self, error: InputError) -> None:
        """Add a problem whose message names the file already."""
        self.messages.append(str(error))

    def raise_if_any(self) -> None:
        """Raise all problems as one error.

        Raises:
            InputError: There is a problem; one line each.
        """
        if len(self.messages) == 1:
            raise InputError(self.messages[0])
        if self.messages:
            shown = self.messages[:_MOST_SHOWN]
            more = len(self.messages) - len(shown)
            head = f"The settings in {self.directory} have {len(self.messages)} problems:"
            lines = [head, *(f"- {message}" for message in shown), *([f"- and {more} more"] if more else [])]
            raise InputError("\n".join(lines))


def display(value: Any) -> str:
    """A value as a message shows it: quoted if it is text, and cut if it is long."""
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def suggest(name: str, known: list[str], taken: Collection[str] = ()) -> str:
    """A sentence with the name that was probably meant, and all that there are, of many the nearest.

    Args:
        name: What was written.
        known: The names that there are.
        taken: Those of them that cannot be meant, since they are in use already.
    """
    close = get_close_matches(name, [other for other in known if other not in taken], n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    if len(known) > _MOST_NAMES:
        nearest = get_close_matches(name, known, n=_NEAREST, cutoff=0)
        return f"{meant}The nearest of the {len(known)} that there are: {', '.join(nearest)}."
    return f"{meant}There are: {', '.join(known) or 'none'}."
