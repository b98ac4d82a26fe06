"""The charting library, Vega, as one script: taken from the package vl-convert-python, which carries it."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from crm_kpis.files import write_whole

# What the page's own script needs of it, under one name.
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def read_bundle() -> str:
    """The script with Vega, Vega-Lite and Vega-Embed.

    To put it together takes seconds, so that it is kept beside the installed packages, where that can be
    written: what is kept belongs to one version of the package.
    """
    path = Path(sys.prefix) / "share" / "crm-kpis" / f"vega-{version('vl-convert-python')}.js"
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        bundle = _make_bundle()
    # Where it can't be kept, the next report takes the seconds again.
    with suppress(OSError):
        write_whole(path, bundle)
    return bundle


def _make_bundle() -> str:
    import vl_convert  # noqa: PLC0415 - 80 MB, and needed but once

    # Between script tags nothing may look like their end.
    return (
        vl_convert.javascript_bundle(_SNIPPET).replace("</script", r"<\/script").replace("<!--", r"\x3c!--")
    )
