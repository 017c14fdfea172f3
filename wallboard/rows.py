"""The calls of a board as rows: who waits, the longest first, who talks, and what has just ended; knows no HTML."""

from __future__ import annotations

from datetime import date

from wallboard import views
from wallboard.board import Board
from wallboard.boards.definitions import PanelKind
from wallboard.calls import Call
from wallboard.look import Look
from wallboard.scene import Scene, belongs, key_of, milliseconds, name_of, waiting_since

WAITING_SHOWN = 60
TALKING_SHOWN = 16
ENDED_SHOWN = 8
_LOOKED_THROUGH = 400
_AGENTS_NAMED = 3
_RESULTS = {"answered": "Answered", "abandoned": "Abandoned", "missed": "Missed", "unanswered": "No answer"}


def waiting(scene: Scene) -> views.Panel:
    calls = scene.waiting()
    return _panel(scene, "waiting", "Waiting", "Nobody waits", calls, WAITING_SHOWN)


def talking(scene: Scene) -> views.Panel:
    """Calls that are on, and those that an agent is dialling."""
    calls = [call for call in scene.live if call.state() == "talking" or not call.is_inbound]
    return _panel(scene, "talking", "On a call", "No call is on", list(reversed(calls)), TALKING_SHOWN)


def ended(scene: Scene) -> views.Panel:
    calls = _ended(scene.board, scene.look, scene.board.rules.day_of(scene.now))
    return _panel(scene, "ended", "Just ended", "No call has ended today", calls, ENDED_SHOWN)


def _ended(board: Board, look: Look, day: date) -> list[Call]:
    calls = board.ended_calls(day, _LOOKED_THROUGH if look.is_narrowed else ENDED_SHOWN)
    return [call for call in calls if belongs(board, look, call)][:ENDED_SHOWN]


def _panel(scene: Scene, kind: PanelKind, title: str, empty: str, calls: list[Call], most: int) -> views.Panel:
    longest = calls[0].key if kind == "waiting" and calls else None
    key, total = f"calls-{kind}", len(calls)
    return views.Panel(
        key=key,
        kind=kind,
        title=views.Title(key=f"{key}-title", text=title, total=total, hidden=max(0, total - most)),
        empty=empty,
        tiles=tuple(_row(scene, call, call.key == longest) for call in calls[:most]),
    )


def _row(scene: Scene, call: Call, longest: bool) -> views.CallRow:
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
        talk_seconds=None if call.talk_ms is None else call.talk_ms // 1000,
        voicemail=bool(call.voicemails),
        longest=longest,
        alarm=scene.wait_alarm(call) if state in ("waiting", "ringing") and call.is_inbound else "calm",
    )


def where(scene: Scene, call: Call) -> str:
    """Of the places that the board is about; a call that has gone elsewhere stands nowhere here."""
    return ", ".join(place.name for place in call.standing if scene.look.shows_place(place))


def _agents(scene: Scene, agents: list[str]) -> str:
    shown = [name for key in agents if scene.look.shows_agent(key, name := name_of(scene.board, key))]
    return ", ".join(shown[:_AGENTS_NAMED]) + (" …" if len(shown) > _AGENTS_NAMED else "")
