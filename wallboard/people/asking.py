"""Who asks, from where and with which browser, as the audit log and the rate limit have it; knows no account."""

from __future__ import annotations

import re

from starlette.requests import Request

from wallboard.access.origins import Network, client_address
from wallboard.access.visitors import visitor_of
from wallboard.people.reception import Asker

_FAMILIES = (
    ("Edge", re.compile(r"\bEdgA?/\d")),
    ("Opera", re.compile(r"\bOPR/\d")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/\d")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/\d")),
    ("Chrome", re.compile(r"\b(?:HeadlessChrome|Chrome|Chromium|CriOS)/\d")),
    ("Safari", re.compile(r"\bVersion/\d.*Safari/")),
)
_PLATFORMS = (
    ("an iPhone", "iPhone"), ("an iPad", "iPad"), ("Android", "Android"), ("ChromeOS", "CrOS"),
    ("Windows", "Windows NT"), ("macOS", "Mac OS X"), ("Linux", "Linux"),
)  # fmt: skip


def browser_of(agent: str) -> str:
    """`Firefox on Windows`, so that somebody knows the own ones among the sessions."""
    family = next((name for name, pattern in _FAMILIES if pattern.search(agent)), "A browser")
    platform = next((name for name, mark in _PLATFORMS if mark in agent), "")
    return f"{family} on {platform}" if platform else family


class Asking:
    """Reads it off requests. `trusted` are our own proxies."""

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted

    def asker(self, request: Request) -> Asker:
        return Asker(
            visitor=visitor_of(request),
            address=self.address(request),
            browser=browser_of(request.headers.get("user-agent", "")),
        )

    def address(self, request: Request) -> str | None:
        peer = request.client.host if request.client else None
        return client_address(peer, request.headers, self._trusted)
