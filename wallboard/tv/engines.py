"""Which browser engine a screen runs, from what it calls itself; knows no screen and no feature."""

from __future__ import annotations

import re

OLDEST_CHROMIUM = 69

_ENGINES = (
    ("Chromium", re.compile(r"(?:Headless)?Chrom(?:e|ium)/(\d{1,4})")),
    ("Chromium", re.compile(r"\(KHTML, like Gecko\) (\d{1,3})\.\d+\.\d+\.\d+/")),  # Samsung's apps leave the name out
    ("Gecko", re.compile(r"rv:(\d{1,4})[^)]*\) Gecko/")),
    ("WebKit", re.compile(r"AppleWebKit/(\d{1,4})")),
)
_PLATFORMS = (
    ("Tizen", "Tizen"), ("webOS", "Web0S"), ("webOS", "webOS"), ("Fire TV", "AFT"), ("Android", "Android"),
    ("ChromeOS", "CrOS"), ("Windows", "Windows NT"), ("iOS", "iPhone"), ("iPadOS", "iPad"), ("macOS", "Mac OS X"),
    ("Linux", "Linux"),
)  # fmt: skip


def engine_of(agent: str) -> str:
    """`Chromium 69`, `Gecko 115` or `WebKit 605`; `unknown` for what does not say."""
    for name, pattern in _ENGINES:
        if found := pattern.search(agent):
            return f"{name} {found[1]}"
    return "unknown"


def platform_of(agent: str) -> str:
    """The system below it, as far as it says: `Tizen`, `webOS`, `Windows`; empty if it does not."""
    return next((name for name, mark in _PLATFORMS if mark in agent), "")


def is_old(agent: str) -> bool:
    """A Chromium from before the oldest that the board is made for; it may do all the same."""
    name, _, version = engine_of(agent).partition(" ")
    return name == "Chromium" and int(version) < OLDEST_CHROMIUM
