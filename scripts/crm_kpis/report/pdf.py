"""Prints the page of the report as PDF, by the browser that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from crm_kpis.errors import InputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge", "chrome")
_LONGEST_S = 120
# Time of the page's own clock in which its charts are drawn.
_DRAWING_MS = 120_000
_FLAGS = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-pdf-header-footer"),
)


def print_page(page: str) -> bytes:
    """Print a page as PDF on A4.

    Args:
        page: The HTML of the page, which needs no network.

    Raises:
        InputError: No browser is installed, or it can't print.
    """
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise InputError(
            f"No browser is installed that can print a PDF ({', '.join(BROWSERS)}). Install chromium, or open"
            " the page of --format html in any browser and print it."
        )
    with tempfile.TemporaryDirectory(prefix="crm-kpis-") as folder:
        source, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, encoding="utf-8")
        command = [
            *(browser, *_FLAGS),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            f"--user-data-dir={folder}/profile",
            f"--virtual-time-budget={_DRAWING_MS}",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=_LONGEST_S, check=True)  # noqa: S603
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise InputError(
                f"{browser} could not print the report: {error}. Open the page of --format html in a"
                " browser and print it."
            ) from error
