"""The calls of a board as rows: who waits, the longest first, who talks, and what has just ended; knows no HTML.

What is made of a call is kept until the call is touched; whether its wait is grave by now is asked each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from wallboard import views
from wallboard.boards.definitions import PanelKind
from wallboard.calls import Call
from wallboard.lines import Line, Wait
from wallboard.scene import Scene, key_of, milliseconds, name_of, waiting_since
from wallboard.totals import Day
from wallboard.views import Alarm

WAITING_SHOWN = 60
TALKING_SHOWN = 16
ENDED_SHOWN = 8
_LOOKED_THROUGH = 400
_AGENTS_NAMED = 3
_RESULTS = {"answered": "Answered", "abandoned": "Abandoned", "missed": "Missed", "unanswered": "No answer"}


class Rows:
    """One panel of calls."""

    def __init__(self, kind: PanelKind, title: str, empty: str, most: int) -> None:
        self._title, self._most, self._rows = title, most, dict[str, views.CallRow]()
        head = views.Title(key=f"calls-{kind}-title", text=title, total=0, hidden=0)
        self._panel = views.Panel(key=f"calls-{kind}", kind=kind, title=head, empty=empty, tiles=())

    def forget(self, key: str) -> bool:
        """The call is not what it was; whether it was shown."""
        return self._rows.pop(key, None) is not None

    def panel(self, scene: Scene, calls: Iterable[Call], total: int, alarms: Iterable[Alarm] = ()) -> views.Panel:
        """`alarms` are those of the calls, of which the first waits longest; without any all is calm."""
        known, self._rows = self._rows, {}
        marks = enumerate(alarms)
        for call in islice(calls, self._most):
            place, alarm = next(marks, (1, "calm"))
            row = known.get(call.key) or _row(scene, call)
            if row.alarm != alarm or row.longest != (place == 0):
                row = replace(row, alarm=alarm, longest=place == 0)
            self._rows[call.key] = row
        title = replace(self._panel.title, total=total, hidden=max(0, total - self._most))
        tiles = tuple(self._rows.values())
        if tiles != self._panel.tiles or title != self._panel.title:
            self._panel = replace(self._panel, title=title, tiles=tiles)
        return self._panel


class Calls:
    """The board's live calls and those that ended last."""

    def __init__(self, scene: Scene) -> None:
        self.waiting, self._on = Line(), Line()
        self.waits: dict[str, Wait] = {}
        self._partners: dict[str, tuple[str, str]] = {}
        self._ended: list[Call] | None = None
        self._ends: tuple[Day, int] | None = None
        self._waiting_rows = Rows("waiting", "Waiting", "Nobody waits", WAITING_SHOWN)
        self._on_rows = Rows("talking", "On a call", "No call is on", TALKING_SHOWN)
        self._ended_rows = Rows("ended", "Just ended", "No call has ended today", ENDED_SHOWN)
        for call in filter(scene.belongs, scene.board.live_calls()):
            self._take_up(scene, call)

    def follow(self, scene: Scene, keys: Iterable[str]) -> tuple[bool, set[str]]:
        """Makes anew what these calls were.

        Whether any of them is or was on the board, and which agents may talk to somebody who is called otherwise now.
        """
        touched, agents = False, set[str]()
        for key in keys:
            call, partner = scene.board.calls[key], self._partners.get(key)
            touched = self._let_go(key) or touched
            if scene.belongs(call):
                touched, self._ended = True, None
                self._take_up(scene, call)
            if self._partners.get(key) != partner:
                agents.update(call.phones())
        return touched, agents

    def _let_go(self, key: str) -> bool:
        """Whether it was on the board."""
        self.waiting.take(key)
        self._on.take(key)
        self.waits.pop(key, None)
        forgotten = [rows.forget(key) for rows in (self._waiting_rows, self._on_rows, self._ended_rows)]
        return self._partners.pop(key, None) is not None or any(forgotten)

    def _take_up(self, scene: Scene, call: Call) -> None:
        if not scene.board.is_live(call):
            return
        self._partners[call.key] = scene.caller(call)
        if not call.is_inbound or call.state() == "talking":
            self._on.put(call, call.started_at)
            return
        since = waiting_since(call)
        self.waiting.put(call, since)
        self.waits[call.key] = Wait.of(since, (scene.goals(place) for place in call.standing or (None,)))

    def alarms(self, scene: Scene) -> list[Alarm]:
        """Of those who wait, the longest first."""
        return [self.waits[call.key].alarm(scene.now) for call in self.waiting]

    def caller(self, key: str) -> str:
        """Who calls, or is called, in a live call; empty where that is none of this board's."""
        return " ".join(filter(None, self._partners.get(key, ())))

    def waiting_panel(self, scene: Scene, alarms: list[Alarm]) -> views.Panel:
        return self._waiting_rows.panel(scene, self.waiting, len(self.waiting), alarms)

    def talking_panel(self, scene: Scene) -> views.Panel:
        """Calls that are on, and those that an agent is dialling."""
        return self._on_rows.panel(scene, self._on, len(self._on))

    def ended_panel(self, scene: Scene) -> views.Panel:
        ends = (scene.day, scene.day.ends)
        if self._ended is None or self._ends != ends:
            self._ended, self._ends = list(islice(_ended(scene), ENDED_SHOWN)), ends
        return self._ended_rows.panel(scene, self._ended, len(self._ended))


def _ended(scene: Scene) -> Iterator[Call]:
    most = _LOOKED_THROUGH if scene.look.is_narrowed else ENDED_SHOWN
    day = scene.board.rules.day_of(scene.now)
    return filter(scene.belongs, scene.board.ended_calls(day, most))


def _row(scene: Scene, call: Call) -> views.CallRow:
    state = call.state()
    since = {"ended": call.ended_at, "talking": call.answered_at}.get(state) or waiting_since(call)
    caller, number = scene.caller(call)
    return views.CallRow(
        key=key_of("call", call.key),
        id=call.id,
        direction="inbound" if call.is_inbound else "outbound",
        state=state,
        result=_RESULTS[call.outcome()] if state == "ended" else "",
        caller=caller,
        number=number,
        place=where(scene, call),
        agents=_agents(scene, list(call.offers if state == "ended" else call.phones())),
        since_ms=milliseconds(since),
        lasted_seconds=_lasted(call) if state == "ended" else None,
        voicemail=bool(call.voicemails),
        longest=False,
        alarm="calm",
    )


def _lasted(call: Call) -> int | None:
    ms = call.talk_ms
    if ms is None and not call.is_call_answered:
        ms = max(filter(None, map(call.visit_wait_ms, call.visits.values())), default=None)
    return None if ms is None else ms // 1000


def where(scene: Scene, call: Call) -> str:
    """Of the places that the board is about; a call that has gone elsewhere stands nowhere here."""
    return ", ".join(place.name for place in call.standing if scene.look.shows_place(place))


def _agents(scene: Scene, agents: list[str]) -> str:
    shown = [name for key in agents if scene.look.shows_agent(key, name := name_of(scene.board, key))]
    return ", ".join(shown[:_AGENTS_NAMED]) + (" …" if len(shown) > _AGENTS_NAMED else "")
