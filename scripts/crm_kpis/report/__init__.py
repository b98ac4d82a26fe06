"""The report that people read, from the published marts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crm_kpis.errors import InputError
from crm_kpis.files import write_whole

if TYPE_CHECKING:
    from crm_kpis.report.marts import Marts

LANGUAGES = ("en", "de")
ENDINGS = {"html": "html", "markdown": "md", "json": "json", "xlsx": "xlsx", "pdf": "pdf"}


def write_pages(output: Path, language: str | None = None) -> Path:
    """Write the report as a page in each language, of which one links to the others.

    Args:
        output: The output directory of `crm-kpis run`, which holds the published marts and gets the pages.
        language: The language whose page is returned; None: that of the setting report_language.

    Returns:
        The page in that language.

    Raises:
        InputError: Nothing is published there, or a page can't be written.
    """
    from crm_kpis.report.marts import open_marts  # noqa: PLC0415

    # Read once for all languages.
    with open_marts(output) as marts:
        pages = {name: _write(marts, output, name, "html") for name in LANGUAGES}
        named = pages[language or str(marts.settings["report_language"])]
    # The only page of earlier versions, which would go out of date.
    (output / "report.html").unlink(missing_ok=True)
    return named


def write_report(output: Path, language: str | None = None, file_format: str = "html") -> Path:
    """Write the report from the published marts.

    Args:
        output: The output directory of `crm-kpis run`, which holds the published marts and gets the report.
        language: One of LANGUAGES; None: that of the setting report_language.
        file_format: One of ENDINGS.

    Returns:
        The file that was written.

    Raises:
        InputError: Nothing is published there, the report can't be written, or no browser can print it.
    """
    from crm_kpis.report.marts import open_marts  # noqa: PLC0415

    with open_marts(output) as marts:
        return _write(marts, output, language or str(marts.settings["report_language"]), file_format)


def _write(marts: Marts, output: Path, language: str, file_format: str) -> Path:
    path = output / f"report.{language}.{ENDINGS[file_format]}"
    report = _render(marts, language, file_format)
    try:
        write_whole(path, report)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}.") from error
    return path


def _render(marts: Marts, language: str, file_format: str) -> str | bytes:
    # What a format needs is imported for it alone: the command line starts without Jinja and Babel.
    from crm_kpis.report import rendering  # noqa: PLC0415
    from crm_kpis.report.content import read_content  # noqa: PLC0415
    from crm_kpis.report.formats import Formats  # noqa: PLC0415
    from crm_kpis.report.head import read_head  # noqa: PLC0415
    from crm_kpis.report.texts import read_texts  # noqa: PLC0415

    texts = read_texts(language)
    formats = Formats(language, marts.settings["reporting_currency"], texts)
    content = read_content(marts, texts, formats)
    head = read_head(marts, content, texts, formats)
    if file_format == "json":
        return rendering.render_json(content)
    if file_format == "markdown":
        return rendering.render_markdown(content, head, texts, formats)
    if file_format == "xlsx":
        from crm_kpis.report.workbook import render_workbook  # noqa: PLC0415

        return render_workbook(content, marts.rows("totals"), texts, formats)
    page = rendering.render_html(content, head, texts, formats)
    if file_format == "pdf":
        from crm_kpis.report.pdf import print_page  # noqa: PLC0415

        return print_page(page)
    return page
