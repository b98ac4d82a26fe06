"""Text from the data made safe to show: names in a CRM are what anybody typed into a form."""

from __future__ import annotations

import unicodedata

# What a spreadsheet takes for the start of a formula, also behind blanks; the full-width forms of =+-@, too.
_FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def neutralize(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula: the apostrophe before it makes it text.

    >>> neutralize("=HYPERLINK(...)")
    "'=HYPERLINK(...)"
    """
    is_formula = text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
    return f"'{text}" if is_formula else text


def show(text: str) -> str:
    """The text without what could move a terminal's cursor or turn the writing around."""
    return "".join("\N{REPLACEMENT CHARACTER}" if is_unshown(letter) else letter for letter in text)


def is_unshown(letter: str) -> bool:
    """Whether a character is a control, formats, ends a line, is half of a pair, or is none at all."""
    category = unicodedata.category(letter)
    return category.startswith("C") or category in ("Zl", "Zp")
