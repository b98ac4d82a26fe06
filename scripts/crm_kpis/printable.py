"""Text from the data made safe to show: names in a CRM are what anybody typed into a form."""

from __future__ import annotations

import re
import unicodedata

import click

# What a spreadsheet takes for a formula.
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
# Control characters, of which some steer terminals, and marks that turn the direction of text.
_BEYOND_ASCII = r"\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNPRINTABLE = re.compile(rf"[\x00-\x1f{_BEYOND_ASCII}]")
_UNPRINTABLE_IN_JSON = re.compile(f"[{_BEYOND_ASCII}]")
_MARKDOWN = re.compile(r"[\\|<>&`*_\[\]]")


def printable(text: str) -> str:
    """The text with escapes in place of what steers terminals or turns the direction of text."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def printable_lines(text: str) -> str:
    """The text as `printable` has it, but with its line ends."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """JSON that means the same, with escapes where Python's json leaves what steers terminals as it is."""
    return _UNPRINTABLE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def say(text: str, *, err: bool = False) -> None:
    """Print text in which paths, headers or values may hold whatever steers terminals.

    Args:
        text: One line or more.
        err: Whether it goes to standard error.
    """
    click.echo(printable_lines(text), err=err)


def escape_markdown(text: str) -> str:
    """The text as Markdown that shows it as it is, also in a cell of a table."""
    return _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", printable(text))


def neutralize(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula: the apostrophe before it makes it text.

    >>> neutralize("=HYPERLINK(...)")
    "'=HYPERLINK(...)"
    """
    return f"'{text}" if _FORMULA.match(text) else text


def is_unshown(letter: str) -> bool:
    """Whether a character is a control, formats, ends a line, is half of a pair, or is none at all."""
    category = unicodedata.category(letter)
    return category.startswith("C") or category in ("Zl", "Zp")
