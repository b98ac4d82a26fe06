"""What KPIs, dimensions, members and periods are called in a language."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crm_kpis.report.formats import Formats, unit_of
from crm_kpis.report.marts import Row
from crm_kpis.report.texts import Texts

# Dimensions whose members are keys of records.
_BY_ID = ("owner", "product", "campaign", "project", "table")


@dataclass(frozen=True)
class Labels:
    """The names of a language.

    Attributes:
        kpis: The rows of the catalogue by kpi_id, in its order.
        texts: The texts of the language.
        formats: The formats of the language.
        members: The names of members of dimensions, by dimension and id.
        own_dimensions: The names of the company's own dimensions.
        accounts: The names of accounts by account_id; none unless the company publishes them.
    """

    kpis: dict[str, Row]
    texts: Texts
    formats: Formats
    members: dict[tuple[str, str], str] = field(default_factory=dict)
    own_dimensions: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)

    def kpi(self, kpi_id: str) -> str:
        """The name of a KPI."""
        return self.kpis[kpi_id][f"label_{self.formats.locale}"]

    def unit(self, kpi_id: str) -> str:
        """The unit in which a KPI is written."""
        return unit_of(self.kpis[kpi_id])

    def dimension(self, name: str) -> str:
        """The name of a dimension, such as owner."""
        return self.own_dimensions.get(name) or self.texts["dimensions"].get(name, name.replace("_", " "))

    def heading(self, dimension: str) -> str:
        """The name of a dimension over a column of a table."""
        name = self.dimension(dimension)
        return name[:1].upper() + name[1:]

    def account(self, account_id: str) -> str:
        """The name of an account if the company publishes names, else its id."""
        return self.accounts.get(account_id, account_id)

    def segment(self, dimension: str, member: str) -> str:
        """The name of a member of a dimension: the data's own, but for (none), (unknown) and codes.

        A code such as technical_fit is written as words; an id of an owner, product or campaign stays.
        """
        named = self.members.get((dimension, member)) or self.texts["segments"].get(member)
        if named:
            return named
        is_code = dimension not in _BY_ID and re.fullmatch(r"[^\W\d_]+(?:_[^\W_]+)+", member)
        return member.replace("_", " ") if is_code else member
