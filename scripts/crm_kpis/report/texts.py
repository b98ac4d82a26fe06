"""The texts of a language; what KPIs are called stands in the catalogue."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from crm_kpis.yaml_files import parse_yaml

TEXTS_DIR = Path(__file__).parent / "languages"

Texts = dict[str, Any]


@cache
def read_texts(language: str) -> Texts:
    """The texts of a language, in nested groups.

    Args:
        language: One of crm_kpis.report.LANGUAGES.
    """
    return parse_yaml((TEXTS_DIR / f"{language}.yml").read_text(encoding="utf-8"))
