"""Reads the project's own YAML."""

from __future__ import annotations

from typing import Any

import yaml

# Written in C, it takes a seventh of the time; PyYAML may have been built without it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str) -> Any:
    """What a YAML text says; for files of the project, since messages on a user's are PyYAML's own.

    Args:
        text: The text of one document.

    Raises:
        yaml.YAMLError: It is not YAML.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - both loaders are safe ones
