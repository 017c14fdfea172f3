"""What a page complains of while a test looks at it: its console, its scripts, its dialogs; knows no page."""

from __future__ import annotations

from playwright.sync_api import Page

_OF_NO_SERVER = ("ERR_", "Failed to load resource", "htmx:sendError", "htmx:afterRequest")
"""htmx says the last two, and only then, of a request that reached nobody."""


def heard_from(page: Page) -> list[str]:
    """Fills as they come; a page without a fault leaves it empty."""
    heard: list[str] = []
    page.on("console", lambda said: heard.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    return heard


def serious(heard: list[str]) -> list[str]:
    """Without those of a server that a test has stopped."""
    return [said for said in heard if not any(mark in said for mark in _OF_NO_SERVER)]
