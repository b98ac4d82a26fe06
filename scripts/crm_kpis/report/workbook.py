"""Writes the content of the report as an Excel workbook: a sheet an area, numbers as numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format

from crm_kpis.report.content import AREAS, GRAINS, Content
from crm_kpis.report.formats import Formats
from crm_kpis.report.marts import Row, group
from crm_kpis.report.texts import Texts

# Excel writes them as its own language does: 1,234.5 or 1.234,5.
_NUMBER_FORMATS = {
    "ratio": "0.0%",
    "multiple": "0.0",
    "count": "#,##0",
    "number": "#,##0.00",
    "days": "#,##0.0",
    "hours": "#,##0.0",
    "score": "#,##0.00",
    "p_value": "0.000",
}
_DAY_FORMAT = "yyyy-mm-dd"
_NAME_WIDTH, _WIDTH, _TEXT_WIDTH = 38, 12, 60
# A sheet's name is at most 31 characters long.
_SHEET_NAME = 31


@dataclass(frozen=True)
class _Column:
    """A column of a sheet: its heading, what its cells are (text, day or a unit), and its width."""

    heading: str
    kind: str = "text"
    width: int = _WIDTH


def render_workbook(content: Content, totals: list[Row], texts: Texts, formats: Formats) -> bytes:
    """The workbook: the KPIs of each area by month, quarter and year, before and after, targets, definitions.

    Args:
        content: What the report says.
        totals: The rows of the query `totals`.
        texts: The texts of the language.
        formats: The formats of the language.
    """
    memory = io.BytesIO()
    # No text from the data becomes a formula or a link.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(memory, options) as workbook:
        _Writer(workbook, content, texts, formats).write(totals)
    return memory.getvalue()


class _Writer:
    def __init__(
        self, workbook: xlsxwriter.Workbook, content: Content, texts: Texts, formats: Formats
    ) -> None:
        self.workbook, self.content, self.texts, self.formats = workbook, content, texts, formats
        self.cards = {card.kpi_id: card for cards in content.cards.values() for card in cards}
        self.heading = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
        # Made when it is first needed: a workbook may hold no money at all.
        self.cells: dict[str, Format] = {}

    def write(self, totals: list[Row]) -> None:
        by_kpi = group(totals, "kpi_id")
        for area in AREAS:
            if self.content.cards[area]:
                self._area(area, by_kpi)
        if self.content.evaluations:
            self._evaluation()
        if self.content.targets:
            self._targets()
        self._definitions()

    def _area(self, area: str, by_kpi: dict[tuple[Any, ...], list[Row]]) -> None:
        words = self.texts["columns"]
        rows = [row for card in self.content.cards[area] for row in by_kpi[card.kpi_id,]]
        order = {card.kpi_id: place for place, card in enumerate(self.content.cards[area])}
        rows.sort(key=lambda row: (order[row["kpi_id"]], GRAINS.index(row["period_grain"])))
        self._sheet(
            self.texts["areas"][area],
            [
                _Column(self.texts["kpi"], width=_NAME_WIDTH),
                _Column(self.texts["grain"]),
                _Column(words["period"]),
                _Column(words["first_day"], "day"),
                _Column(words["value"], "value", 14),
                _Column(words["low"], "value", 14),
                _Column(words["high"], "value", 14),
                _Column(words["n"], "count"),
                _Column(words["state"], width=16),
            ],
            (
                (
                    self.cards[row["kpi_id"]].unit,
                    self.cards[row["kpi_id"]].label,
                    self.texts["grains"][row["period_grain"]],
                    self.formats.period(row["period_name"]),
                    row["period_start"],
                    row["kpi_value"],
                    row["interval_low"],
                    row["interval_high"],
                    row["sample_size"],
                    "" if row["is_complete"] else self.texts["running"],
                )
                for row in rows
            ),
        )

    def _evaluation(self) -> None:
        self._sheet(
            self.texts["evaluation"],
            [
                _Column(self.texts["evaluation"], width=_NAME_WIDTH),
                _Column(self.texts["kpi"], width=_NAME_WIDTH),
                _Column(self.texts["before"], "value", 14),
                _Column(self.texts["after"], "value", 14),
                _Column(self.texts["difference"], "value", 14),
                _Column(self.texts["p_adjusted"], "p_value"),
                _Column(self.texts["verdict"], width=28),
            ],
            (
                (
                    self.cards[item.kpi_id].unit,
                    evaluation.name,
                    item.label,
                    item.row["baseline_value"],
                    item.row["current_value"],
                    item.row["difference"],
                    item.row["p_value_adjusted"],
                    self.texts["verdicts"].get(item.verdict, item.verdict),
                )
                for evaluation in self.content.evaluations
                for item in evaluation.comparisons
            ),
        )

    def _targets(self) -> None:
        words = self.texts["columns"]
        self._sheet(
            self.texts["targets"],
            [
                _Column(self.texts["target"], width=_TEXT_WIDTH),
                _Column(self.texts["kpi"], width=_NAME_WIDTH),
                _Column(words["period"]),
                _Column(words["value"], "value", 14),
                _Column(words["path"], "value", 14),
                _Column(self.texts["target"], "value", 14),
                _Column(words["due"], "day"),
                _Column(words["state"], width=16),
            ],
            (
                (
                    self.cards[target.kpi_id].unit,
                    target.name,
                    target.label,
                    target.period,
                    target.row["kpi_value"],
                    target.row["path_value"],
                    target.row["target_value"],
                    target.row["due_on"],
                    target.status_text,
                )
                for target in self.content.targets
            ),
        )

    def _definitions(self) -> None:
        self._sheet(
            self.texts["definitions"],
            [
                _Column(self.texts["kpi"], width=_NAME_WIDTH),
                _Column(self.texts["area"]),
                _Column(self.texts["unit"]),
                _Column(self.texts["formula"], width=_TEXT_WIDTH),
                _Column(self.texts["definition"], width=_TEXT_WIDTH),
                _Column(self.texts["interval_method"], width=_NAME_WIDTH),
                _Column(self.texts["source"], width=_NAME_WIDTH),
            ],
            (
                (
                    card.unit,
                    card.label,
                    self.texts["areas"][area],
                    self.formats.currency if card.unit == "currency" else self.texts["unit_names"][card.unit],
                    card.formula,
                    card.description,
                    card.interval_method,
                    card.source,
                )
                for area, cards in self.content.cards.items()
                for card in cards
            ),
        )

    def _sheet(self, name: str, columns: Sequence[_Column], rows: Iterable[tuple[Any, ...]]) -> None:
        """Write a sheet.

        Args:
            name: Its name.
            columns: Its columns; cells of the kind `value` are in the unit of their row.
            rows: For each row its unit, then a cell for each column.
        """
        sheet = self.workbook.add_worksheet(name[:_SHEET_NAME])
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
            sheet.write_string(0, place, column.heading, self.heading)
        number = 0
        for number, (unit, *cells) in enumerate(rows, start=1):
            for place, (cell, column) in enumerate(zip(cells, columns, strict=True)):
                self._cell(sheet, number, place, cell, unit if column.kind == "value" else column.kind)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, number, len(columns) - 1)

    def _cell(self, sheet: Any, row: int, column: int, cell: Any, kind: str) -> None:
        if cell is None:
            return
        if isinstance(cell, date):
            sheet.write_datetime(row, column, cell, self._format(kind))
        elif isinstance(cell, str):
            sheet.write_string(row, column, cell, self.wrapped)
        else:
            sheet.write_number(row, column, float(cell), self._format(kind))

    def _format(self, kind: str) -> Format:
        if kind not in self.cells:
            currency = f'#,##0.00 "{self.formats.currency}"'
            pattern = {"day": _DAY_FORMAT, "currency": currency}.get(kind) or _NUMBER_FORMATS[kind]
            self.cells[kind] = self.workbook.add_format({"num_format": pattern, "valign": "top"})
        return self.cells[kind]
