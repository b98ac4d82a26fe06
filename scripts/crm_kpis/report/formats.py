"""How values, changes, days and periods are written in a language; Babel knows how languages differ."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.dates import format_date, format_skeleton
from babel.numbers import format_compact_currency, format_currency, format_decimal, format_percent
from babel.units import format_unit

# Ratios that are no share of anything: 20 times, not 2,000 %.
MULTIPLES = frozenset({"purchase_frequency", "return_on_ad_spend", "lifetime_value_to_acquisition_cost"})
NOTHING = "\N{EN DASH}"
_MINUS, _TIMES, _NO_BREAK = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{NO-BREAK SPACE}"
_LARGE_AMOUNT = 10_000_000


def unit_of(kpi: dict[str, Any]) -> str:
    """The unit in which a KPI is written: the catalogue's, or `multiple` of a ratio that is no share."""
    return "multiple" if kpi["kpi_id"] in MULTIPLES else kpi["unit"]


@dataclass(frozen=True)
class Formats:
    """The formats of a language.

    Attributes:
        locale: Babel's name of the language: en or de.
        currency: The ISO code of the currency that amounts are in.
        texts: The texts of the language.
    """

    locale: str
    currency: str
    texts: dict[str, Any]

    def value(self, value: float | None, unit: str) -> str:
        """A value with its unit.

        Args:
            value: As in kpi_values; None for none.
            unit: One of the catalogue's units, or `multiple`.
        """
        if value is None or math.isnan(value):
            return NOTHING
        return self._write(value, unit)

    def interval(self, low: float | None, high: float | None, unit: str) -> str:
        """An interval, its unit told once where it is a word; empty where there is none."""
        if low is None or high is None:
            return ""
        first = (
            self._write(self._rounded(low), "count") if unit in ("days", "hours") else self._write(low, unit)
        )
        return self.texts["interval"].format(low=first, high=self._write(high, unit))

    def change(self, absolute: float | None, relative: float | None, unit: str) -> str:
        """A change with its sign: of ratios in percentage points, of scores as such, of the rest in per cent.

        Args:
            absolute: In the unit.
            relative: As a share of the value before; None where that was 0.
            unit: One of the catalogue's units, or `multiple`.
        """
        if absolute is None:
            return NOTHING
        if absolute == 0:
            return str(self.texts["unchanged"])
        if unit == "ratio":
            digits = "0.0" if abs(absolute) >= 0.001 or absolute == 0 else "0.00"
            number = format_decimal(absolute * 100, f"+{digits};-{digits}", self.locale)
            return _tidy(f"{number}{_NO_BREAK}{self.texts['units']['points']}")
        if unit == "score" or relative is None:
            return _tidy(f"{'+' if absolute >= 0 else ''}{self._write(absolute, unit)}")
        percent = f"#,##0.0{self._before_percent}%"
        return _tidy(format_percent(relative, f"+{percent};-{percent}", self.locale))

    def count(self, number: float) -> str:
        """A whole number."""
        return format_decimal(number, "#,##0", self.locale)

    def counted(self, number: int, words: dict[str, str]) -> str:
        """A number of things: 1 KPI, 2 KPIs.

        Args:
            number: How many there are.
            words: The text of `one`, and that of any `other` number, with its {count}.
        """
        return words["one" if number == 1 else "other"].format(count=self.count(number))

    def p_value(self, p_value: float | None) -> str:
        """A probability: three digits, or that it is less."""
        if p_value is None:
            return NOTHING
        if p_value < 0.001:
            return f"<{_NO_BREAK}{format_decimal(0.001, '0.000', self.locale)}"
        return format_decimal(p_value, "0.000", self.locale)

    def day(self, day: date) -> str:
        """A day in words: 30 June 2026, 30. Juni 2026."""
        return format_date(day, "d MMMM y" if self.locale == "en" else "long", locale=self.locale)

    def short_day(self, day: date) -> str:
        """A day in a table: 30 Jun 2026, 30.06.2026."""
        return format_date(day, "d MMM y" if self.locale == "en" else "medium", locale=self.locale)

    def period(self, name: str) -> str:
        """A period by its name: Jun 2026, Q2 2026, 2026, Q1 FY 2026; a named one as the language has it."""
        if month := re.fullmatch(r"(\d{4})-(\d\d)", name):
            return format_skeleton("yMMM", date(int(month[1]), int(month[2]), 1), locale=self.locale)
        if quarter := re.fullmatch(r"(\d{4})-Q([1-4])", name):
            return f"Q{quarter[2]}{_NO_BREAK}{quarter[1]}"
        if fiscal := re.fullmatch(r"FY(\d{4})(?:-Q([1-4]))?", name):
            year = f"{self.texts['fiscal_year']}{_NO_BREAK}{fiscal[1]}"
            return f"Q{fiscal[2]}{_NO_BREAK}{year}" if fiscal[2] else year
        return self.name(name)

    def month(self, name: str) -> str:
        """A month by its name, written out: July 2026, Juli 2026."""
        return format_skeleton("yMMMM", date.fromisoformat(f"{name}-01"), locale=self.locale)

    def days_in(self, text: str) -> str:
        """A text whose ISO days and months are written as the language does."""

        def written(found: re.Match[str]) -> str:
            day = found[0] if len(found[0]) > len("2026-06") else f"{found[0]}-01"
            try:
                known = date.fromisoformat(day)
            except ValueError:
                # A name from the data may look like a day.
                return found[0]
            return self.short_day(known) if day == found[0] else self.period(found[0])

        return re.sub(r"(?<![\w-])\d{4}-\d\d(?:-\d\d)?(?![\w-])", written, text)

    def name(self, name: str) -> str:
        """A name that a seed gives; one that the language does not have stays as it is."""
        return self.texts["names"].get(name, name)

    def _write(self, value: float, unit: str) -> str:
        return _tidy(getattr(self, f"_{unit}")(value))

    def _ratio(self, value: float) -> str:
        # What is written as 0 is 0, and what as 100 % is all of it.
        digits = 1 if abs(value) >= 0.01 or value == 0 else 2
        return format_percent(value, f"#,##0.{'0' * digits}{self._before_percent}%", self.locale)

    def _points(self, value: float) -> str:
        return (
            f"{format_decimal(value * 100, '#,##0.0', self.locale)}{_NO_BREAK}{self.texts['units']['points']}"
        )

    def _multiple(self, value: float) -> str:
        return f"{format_decimal(value, '#,##0.0', self.locale)}{_NO_BREAK}{_TIMES}"

    def _currency(self, value: float) -> str:
        if abs(value) >= _LARGE_AMOUNT:
            return format_compact_currency(value, self.currency, locale=self.locale, fraction_digits=1)
        number = "#,##0" if abs(value) >= 1000 or value == 0 else "#,##0.00"
        pattern = f"¤{number}" if self.locale == "en" else f"{number}{_NO_BREAK}¤"
        return format_currency(value, self.currency, pattern, self.locale, currency_digits=False)

    def _days(self, value: float) -> str:
        return format_unit(self._rounded(value), "duration-day", "long", locale=self.locale).replace(
            " ", _NO_BREAK
        )

    def _hours(self, value: float) -> str:
        return format_unit(self._rounded(value), "duration-hour", "long", locale=self.locale).replace(
            " ", _NO_BREAK
        )

    def _score(self, value: float) -> str:
        return format_decimal(value, "#,##0.0" if abs(value) >= 10 else "#,##0.00", self.locale)

    def _number(self, value: float) -> str:
        digits = "#,##0" if abs(value) >= 1000 else "#,##0.0" if abs(value) >= 10 else "#,##0.00"
        return format_decimal(value, digits, self.locale)

    def _count(self, value: float) -> str:
        return format_decimal(value, "#,##0" if value == int(value) else "#,##0.0", self.locale)

    @property
    def _before_percent(self) -> str:
        return "" if self.locale == "en" else _NO_BREAK

    @staticmethod
    def _rounded(value: float) -> float:
        return round(value, 1)


def _tidy(text: str) -> str:
    """The minus sign of print in place of the hyphen."""
    return text.replace("-", _MINUS)
