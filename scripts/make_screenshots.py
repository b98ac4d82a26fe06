"""`make screenshots`: the pictures of docs/images, from the report of the sample."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.report.pdf import BROWSERS
from playwright.sync_api import Page, sync_playwright

IMAGES_DIR = PROJECT_DIR / "docs" / "images"
# GitHub shows them as they are, and the repository keeps each version.
_LARGEST = 150_000
_WIDTH = 1100


def main() -> None:
    """Write the pictures from the pages in an output directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=PROJECT_DIR / "output", help="directory of the run")
    pages = parser.parse_args().output.absolute()
    browser = next(path for name in BROWSERS if (path := shutil.which(name)))
    IMAGES_DIR.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": _WIDTH, "height": 760}, timezone_id="UTC")
        page.goto((pages / "report.en.html").as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        _keep(page, "first_screen")
        _keep(page, "before_and_after", "#evaluation .changes-drawn", height=430)
        chromium.close()


def _keep(page: Page, name: str, selector: str = "", height: int = 0) -> None:
    """Write what is in sight, or an element down to a height in pixels."""
    path = IMAGES_DIR / f"{name}.png"
    if selector:
        box = page.locator(selector).first.bounding_box()
        if box is None:
            raise SystemExit(f"The report has no {selector}. Run make run first.")
        top, shown = box["y"], min(box["height"], height)
        page.screenshot(path=path, full_page=True, clip={"x": 0, "y": top, "width": _WIDTH, "height": shown})
    else:
        page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(PROJECT_DIR)}: {size:,} bytes")
    if size > _LARGEST:
        raise SystemExit(f"{path} is larger than {_LARGEST:,} bytes.")


if __name__ == "__main__":
    main()
