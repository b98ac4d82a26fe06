"""How much the tests of chance do: enough to see a gross fault in `make test`, more in `make test-all`."""

from __future__ import annotations

import os

IS_FULL = os.environ.get("CRM_KPIS_TESTS") == "all"


def size(name: str, usual: int, full: int) -> int:
    """The number of companies, kills and so on.

    Args:
        name: The environment variable CRM_KPIS_<name> sets another number.
        usual: The number in `make test`.
        full: The number in `make test-all`.
    """
    return int(os.environ.get(f"CRM_KPIS_{name}", full if IS_FULL else usual))
