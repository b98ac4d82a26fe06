"""The report that people read, from the published marts."""

from __future__ import annotations

from pathlib import Path

from crm_kpis.errors import InputError
from crm_kpis.files import write_whole

LANGUAGES = ("en", "de")
ENDINGS = {"html": "html", "markdown": "md", "json": "json"}


def write_pages(output: Path, language: str = LANGUAGES[0]) -> Path:
    """Write the report as a page in each language, of which one links to the others.

    Args:
        output: The output directory of `crm-kpis run`, which holds the published marts and gets the pages.
        language: The language whose page is returned.

    Returns:
        The page in `language`.

    Raises:
        InputError: Nothing is published there, or a page can't be written.
    """
    pages = {name: write_report(output, name) for name in LANGUAGES}
    # The only page of earlier versions, which would go out of date.
    (output / "report.html").unlink(missing_ok=True)
    return pages[language]


def write_report(output: Path, language: str = "en", file_format: str = "html") -> Path:
    """Write the report from the published marts.

    Args:
        output: The output directory of `crm-kpis run`, which holds the published marts and gets the report.
        language: One of LANGUAGES.
        file_format: One of ENDINGS.

    Returns:
        The file that was written.

    Raises:
        InputError: Nothing is published there, or the report can't be written.
    """
    # Jinja and Babel are imported where they are needed, as the command line starts without them.
    from crm_kpis.report.content import read_content  # noqa: PLC0415
    from crm_kpis.report.formats import Formats  # noqa: PLC0415
    from crm_kpis.report.head import read_head  # noqa: PLC0415
    from crm_kpis.report.marts import open_marts  # noqa: PLC0415
    from crm_kpis.report.rendering import render_html, render_json, render_markdown  # noqa: PLC0415
    from crm_kpis.report.texts import read_texts  # noqa: PLC0415

    texts = read_texts(language)
    with open_marts(output) as marts:
        formats = Formats(language, marts.currency, texts)
        content = read_content(marts, texts, formats)
        head = read_head(marts, content, texts, formats)
    if file_format == "html":
        text = render_html(content, head, texts, formats)
    elif file_format == "markdown":
        text = render_markdown(content, head, texts, formats)
    else:
        text = render_json(content)
    path = output / f"report.{language}.{ENDINGS[file_format]}"
    try:
        write_whole(path, text)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}.") from error
    return path
