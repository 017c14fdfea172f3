"""Draws frozen views as HTML bytes, each view once; knows no request, no clock and no rule of the board.

A fragment is the same markup in the page and in the push: its root has an id and `hx-swap-oob="morph"`,
so htmx morphs it into place wherever it comes from. What ticks (durations, clock, data age) is left
empty here and filled by static/timers.js; that is why equal views give equal bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from wallboard.boards.definitions import Definition
from wallboard.orders import steps
from wallboard.views import AgentTile, Board, CallRow, Footer, Hero, Notice, Panel, Title, View, VisitTile

TEMPLATES: dict[type[View], str] = {
    Hero: "tiles/hero.html",
    Notice: "tiles/notice.html",
    Footer: "tiles/footer.html",
    VisitTile: "tiles/visit.html",
    AgentTile: "tiles/agent.html",
    CallRow: "tiles/call.html",
    Title: "tiles/title.html",
    Panel: "tiles/panel.html",
}

PARTS: dict[type[View], dict[str, tuple[str, ...]]] = {
    Hero: {
        "waiting": ("waiting", "waiting_too_long", "waiting_alarm"),
        "longest": ("longest_wait_since_ms", "longest_wait_alarm", "longest_caller", "longest_place"),
        "level": (
            "service_level_percent", "service_level_target_percent", "service_level_seconds", "service_level_alarm"
        ),
        "today": (
            "offered", "answered", "missed", "abandoned", "abandon_alarm", "voicemails_today", "voicemails_new",
            "outbound_placed", "outbound_answered",
        ),
    },
    Footer: {
        "message": ("message",),
        "name": ("name", "theme"),
        "received": ("last_event_at_ms", "presumed_ended"),
        "lamps": ("pbx", "journal"),
        "clock": ("utc_offset_seconds", "time_zone"),
    },
}  # fmt: skip
"""Fragments within a fragment, each with a template in its folder and what of the view that template is given: only
those of which any of that differs are sent."""

_MACROS = "tiles/macros.html"
_PLAIN = Definition()
KEPT_FRAGMENTS = 2048
"""How many drawn fragments are kept for reuse: some five full boards of 400 tiles. 8192 held 50 MB in a soak."""
KEPT_PARTS = 128
_STEPS_KEPT = 16

_BETWEEN_ELEMENTS = re.compile(r">\n+<")
_SENT = ' hx-swap-oob="morph"'
_LEAF = re.compile(r'(<(\w+) id="[^"]*"[^>]* hx-swap-oob="morph">.*?</\2>)', re.DOTALL)
"""An element within a fragment that is sent by itself where it alone differs; none of its own name stands in it."""


class Renderer:
    """Turns views into HTML, and the step from one board to the next into the fragments that changed."""

    def __init__(self, templates: Path) -> None:
        self.environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates: dict[str, Template] = {}
        self._steps: dict[tuple[int, ...], tuple[Board, Board, bytes]] = {}
        self._draw = lru_cache(maxsize=KEPT_FRAGMENTS)(self._draw_afresh)
        self._drawn_part = lru_cache(maxsize=KEPT_PARTS)(self._part_afresh)
        self.environment.globals["draw"] = self._draw
        self.environment.globals["part"] = self._part

    @property
    def drawn(self) -> int:
        """How many fragments have been drawn, rather than taken from those kept."""
        return self._draw.cache_info().misses

    def tile(self, view: View) -> bytes:
        """One fragment: a tile, a panel with its tiles, a title, the hero row, the notice or the footer."""
        return self._draw(view).encode()

    def page(
        self, board: Board, *, boot: str, build: str, now_ms: int, layout: str = "", definition: Definition = _PLAIN
    ) -> bytes:
        """The whole page, its tiles drawn, `data-link` stale until the stream has spoken.

        `now_ms` is the server's clock, milliseconds since the epoch: the browser ticks from it until
        the first heartbeat. Only this method needs it, and only the root element shows it. The `definition`
        tells the screen what it does by itself, and `layout` follows the build: another one reloads the page.
        """
        return (
            self._template("board.html")
            .render(board=board, boot=boot, build=build, now_ms=now_ms, layout=layout, definition=definition)
            .encode()
        )

    def snapshot(self, board: Board) -> bytes:
        """Every fragment of the board; the floor comes whole, so that what is gone disappears."""
        return b"".join((*map(self.tile, _around(board)), self._floor(board)))

    def changes(self, before: Board | None, after: Board) -> bytes:
        """The fragments that bring a page from `before` to `after`; `b""` where both look the same.

        Without a `before`, or from another board, that is a snapshot.
        """
        if before is None or before.slug != after.slug:
            return self.snapshot(after)
        around = self._differing((before.notice, before.footer), (after.notice, after.footer))
        return b"".join((*around, self._floor_changes(before, after)))

    def _floor_changes(self, before: Board, after: Board) -> bytes:
        """Boards that look alike share these values, and so what is drawn of them."""
        key = (id(before.hero), id(before.panels), id(after.hero), id(after.panels))
        known = self._steps.get(key)
        if known is None:
            if len(self._steps) >= _STEPS_KEPT:
                self._steps.clear()
            # With both boards, so that no other value gets the identity of one of theirs.
            known = self._steps[key] = (before, after, b"".join(self._changed(before, after)))
        return known[2]

    def _changed(self, before: Board, after: Board) -> Iterator[bytes]:
        yield from self._differing((before.hero,), (after.hero,))
        if before.panels is after.panels:
            return
        if _outline(before) != _outline(after):
            yield self._floor(after)
            return
        for old, new in zip(before.panels, after.panels, strict=True):
            if old is not new:
                yield from self._changed_panel(old, new)

    def _changed_panel(self, before: Panel, after: Panel) -> Iterator[bytes]:
        if _frame(before) == _frame(after):
            yield from self._differing((before.title, *before.tiles), (after.title, *after.tiles))
            return
        there = {tile.key: tile for tile in before.tiles}
        same = frozenset(tile.key for tile in after.tiles if there.get(tile.key) == tile)
        if not same or before.empty != after.empty:
            yield self.tile(after)
            return
        yield from self._differing((before.title,), (after.title,))
        yield self._rearranged(before, after, same)

    def _rearranged(self, before: Panel, after: Panel, same: frozenset[str]) -> bytes:
        """The order of a panel's tiles, and of them only those that are new: static/morph.js has the others."""
        order = steps([tile.key for tile in before.tiles], [tile.key for tile in after.tiles])
        return self._drawn("tiles/list.html", after, same, order).encode()

    def _differing(self, before: Iterable[View], after: Iterable[View]) -> Iterator[bytes]:
        for old, new in zip(before, after, strict=True):
            if old is new or old == new:
                continue
            if type(new) in PARTS:
                yield from self._differing_parts(old, new)
            else:
                yield _differing_leaves(self._draw(old), self._draw(new)).encode()

    def _differing_parts(self, before: View, after: View) -> Iterator[bytes]:
        for name, shown_of in _SHOWN[type(after)].items():
            if (shown := shown_of(after)) != (was := shown_of(before)):
                old, new = self._drawn_part(type(after), name, was), self._drawn_part(type(after), name, shown)
                yield _differing_leaves(old, new).encode()

    def _drawn(self, template: str, view: object, same: frozenset[str] = frozenset(), order: str = "") -> str:
        html = self._template(template).render(view=view, same=same, order=order)
        html = html.replace("\r", " ")  # a caller's CR would end a line of the event stream
        return _BETWEEN_ELEMENTS.sub("><", html)  # a browser makes a text of each, to be compared at every swap

    def _floor(self, board: Board) -> bytes:
        return self._template("tiles/floor.html").render(panels=board.panels).encode()

    def _draw_afresh(self, view: View) -> Markup:
        return Markup(self._drawn(TEMPLATES[type(view)], view))

    def _part(self, view: View, name: str) -> Markup:
        return self._drawn_part(type(view), name, _SHOWN[type(view)][name](view))

    def _part_afresh(self, kind: type[View], name: str, shown: tuple[object, ...]) -> Markup:
        view = SimpleNamespace(**dict(zip(PARTS[kind][name], shown, strict=True)))
        return Markup(self._drawn(f"{TEMPLATES[kind].removesuffix('.html')}/{name}.html", view))

    def _template(self, name: str) -> Template:
        template = self._templates.get(name)
        if template is None:
            template = self._templates[name] = self.environment.get_template(name)
            for each in (template, self.environment.get_template(_MACROS)):
                # Jinja copies and compares them at each drawing, and a dict ten times as fast as its chain of one.
                each.globals = dict(each.globals)
        return template


def _differing_leaves(before: str, after: str) -> str:
    """Of a fragment only the leaves that differ; all of it where anything else does."""
    if after.count(_SENT) == 1:
        return after
    (frame, leaves), (old_frame, old_leaves) = _parted(after), _parted(before)
    if frame != old_frame:
        return after
    return "".join(new for old, new in zip(old_leaves, leaves, strict=True) if old != new)


@lru_cache(maxsize=KEPT_FRAGMENTS)
def _parted(fragment: str) -> tuple[list[str], list[str]]:
    """What stands around the leaves, and the leaves. The first sign is left out: the fragment is none of its leaves."""
    pieces = _LEAF.split(fragment[1:])
    return pieces[::3], pieces[1::3]


def _getter(fields: tuple[str, ...]) -> Callable[[View], tuple[object, ...]]:
    get = attrgetter(*fields)
    return get if len(fields) > 1 else lambda view: (get(view),)


_SHOWN = {kind: {name: _getter(fields) for name, fields in parts.items()} for kind, parts in PARTS.items()}


def _around(board: Board) -> tuple[View, ...]:
    """What stands above and below the floor."""
    return (board.hero, board.notice, board.footer)


def _outline(board: Board) -> tuple[tuple[str, str], ...]:
    """Which panels the floor has, and in what order."""
    return tuple((panel.key, panel.kind) for panel in board.panels)


def _frame(panel: Panel) -> tuple[object, ...]:
    """All of a panel that is not inside its title or one of its tiles."""
    return (panel.empty, [tile.key for tile in panel.tiles])
