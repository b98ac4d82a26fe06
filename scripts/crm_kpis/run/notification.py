"""Tells people how a run ended, in the first lines of what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crm_kpis.notify import Kind, check_urls, send
from crm_kpis.run import messages
from crm_kpis.run.record import RunRecord
from crm_kpis.settings.declaration import Settings

# What each choice leaves out.
_SILENT: dict[str, tuple[str, ...]] = {
    "failure": ("success", "warning"),
    "warning": ("success",),
    "always": (),
}
CHOICES = tuple(_SILENT)
_MOST_LINES = 10
_TITLES = {
    "failure": "CRM KPIs: nothing published",
    "warning": "CRM KPIs: published with warnings",
    "success": "CRM KPIs: published",
}


@dataclass
class Notification:
    """Whom a run tells, and when.

    Attributes:
        urls: The URLs of apprise.
        when: From failure, warning or always; None: not yet known.
    """

    urls: Sequence[str]
    when: str | None = None

    def configure(self, settings: Settings) -> None:
        """Take from the settings what the command line does not say, and check the URLs.

        Raises:
            InputError: A URL is not one of apprise's.
        """
        self.urls = self.urls or settings.values["notify"]
        self.when = self.when or settings.values["notify_on"]
        check_urls(self.urls)

    def tell(self, record: RunRecord) -> None:
        """Send how the run ended. A notification that fails is a warning on standard error, no more."""
        kind = _kind(record.values)
        if not self.urls or kind in _SILENT[self.when or "warning"]:
            return
        for complaint in send(self.urls, _title(kind, record.values), describe(record.values), kind):
            messages.warn(complaint)


def describe(values: dict[str, Any]) -> str:
    """What a record of a run says is wrong, in a few lines, and the run's name.

    Args:
        values: Those of run.json.
    """
    lines = (values["message"] or "").splitlines()
    lines += [
        f"{rule['rule']}{' of ' + rule['subject'] if rule['subject'] else ''}: {rule['found']};"
        f" expected {rule['expected']}."
        for rule in values["rules"]
        if rule["verdict"] == "warned"
    ]
    lines += [line for warning in values["warnings"] for line in warning.splitlines()[:1]]
    shown = lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        shown.append(f"({len(lines) - _MOST_LINES} more lines in run.json)")
    as_of = f", as of {values['as_of']}" if values["as_of"] else ""
    status = f"exit status {values['exit_status']}" if values["exit_status"] is not None else "no exit status"
    return "\n".join([*shown, f"Run {values['run_id']} of {values['raw_directory']}{as_of}: {status}."])


def _kind(values: dict[str, Any]) -> Kind:
    if values["status"] not in ("published", "unchanged"):
        return "failure"
    is_warned = values["warnings"] or any(rule["verdict"] == "warned" for rule in values["rules"])
    return "warning" if is_warned else "success"


def _title(kind: Kind, values: dict[str, Any]) -> str:
    title = _TITLES[kind]
    return title.replace("published", "unchanged") if values["status"] == "unchanged" else title
