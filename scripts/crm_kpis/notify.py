"""Sends a few lines to people: by e-mail, into a chat, to a webhook, to whatever apprise knows."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from typing import Any, Literal

from crm_kpis.errors import InputError, first_line
from crm_kpis.printable import printable_lines

Kind = Literal["success", "warning", "failure"]


def check_urls(urls: Iterable[str]) -> None:
    """Check that each URL is one of apprise's.

    Args:
        urls: Such as `mailto://user:password@mail.example.com?to=kpis@example.com`.

    Raises:
        InputError: One is not. The message does not hold it, since it may hold a password.
    """
    for number, url in enumerate(urls, start=1):
        _open(number, url)


def send(urls: Iterable[str], title: str, body: str, kind: Kind = "warning") -> list[str]:
    """Send a title and a few lines to each of some URLs. It never fails.

    Args:
        urls: Where to, as apprise writes it.
        title: One line.
        body: Plain text. Each service gets it in its own form, with no letter of it taken for markup.
        kind: What it is: chats show it by a colour or a sign.

    Returns:
        One sentence for each URL that could not be reached, without the URL.
    """
    return [
        complaint
        for number, url in enumerate(urls, start=1)
        if (complaint := _send(number, url, title, body, kind))
    ]


def _send(number: int, url: str, title: str, body: str, kind: Kind) -> str | None:
    apprise = _import_apprise()
    try:
        service = _open(number, url)
        with apprise.LogCapture(level=apprise.logging.WARNING) as log:
            is_sent = service.notify(
                body=printable_lines(body),
                title=printable_lines(title),
                notify_type=apprise.NotifyType(kind),
                body_format=apprise.NotifyFormat.TEXT,
            )
            reason = first_line(log.getvalue())
    except Exception as error:
        is_sent, reason = False, first_line(str(error))
    if is_sent:
        return None
    return f"Notification {number} was not sent: {reason or 'the service did not take it'}."


def _open(number: int, url: str) -> Any:
    service = _import_apprise().Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise InputError(
            f"Notification {number}, {url.partition(':')[0][:20]!r}, is no URL that apprise knows. Write"
            " mailto://user:password@host?to=address, slack://..., msteams://... or json://host/path;"
            " https://appriseit.com/services/ lists them."
        )
    return service


def _import_apprise() -> Any:
    """Import it as a whole: with half a package, after an interruption, nobody could be told of that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        import apprise  # noqa: PLC0415 - it takes a fifth of a second, and most runs tell nobody
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return apprise
