"""What there is to say across the whole board, in sentences, worst first; knows no tile, no page and no HTML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from wallboard import lamps
from wallboard.board import Board
from wallboard.journal import Spooled
from wallboard.limits import MOST, REMAINDER, Kind
from wallboard.totals import Day
from wallboard.usual import Health
from wallboard.views import Alarm, Notice

RANK: dict[Alarm, int] = {"alarm": 0, "warn": 1, "calm": 2}
_KINDS: dict[Kind, str] = {
    "queues": "queues",
    "ring_groups": "ring groups",
    "agents": "agents",
    "voicemail_boxes": "voicemail boxes",
    "components": "Webhook objects",
}


def notices(
    board: Board, day: Day, health: Health, now: datetime, trouble: str | None, spooled: Spooled | None = None
) -> Iterator[Notice]:
    """All that there is to say, one notice each."""
    if spooled is not None:
        said = lamps.spool_words(trouble, spooled, board.rules.zone)
        yield Notice(alarm="alarm" if trouble else "warn", text=said)
    elif trouble is not None:
        yield Notice(
            alarm="alarm", text="The journal cannot be written: new events are refused until it can. See /readyz."
        )
    if day.losses:
        yield Notice(alarm="alarm" if any(day.losses) else "warn", text=loss_words(day.losses))
    if health.clocks_differ:
        yield Notice(alarm="warn", text=lamps.clock_words(health))
    if beyond := beyond_words(board, board.rules.day_of(now)):
        yield Notice(alarm="warn", text=beyond)
    if board.last_event_at is None:
        yield Notice(alarm="calm", text="Nothing has arrived from the PBX yet. See /setup.")


def loss_words(losses: list[int]) -> str:
    """What today's damages to the journal took, in a sentence; empty where there were none."""
    if not losses:
        return ""
    lost = sum(losses)
    if not lost:
        return "The journal was damaged and mended: nothing acknowledged is lost."
    return f"{'1 event' if lost == 1 else f'{lost} events'} lost: the journal was damaged. All numbers are too small."


def beyond_words(board: Board, today: date) -> str:
    """What was too much to be told apart today, in a sentence; empty where nothing was."""
    beyond = [kind for kind, limit in board.limits(today).items() if limit.beyond]
    named = [f"{_KINDS[kind]} beyond {MOST[kind]:,}" for kind in beyond if kind in REMAINDER]
    said = f"{_and(named)} are counted together as “(other …)”." if named else ""
    if "call_events" in beyond:
        said += " One call has had more events than can be followed."
    return said.strip()


def _and(words: list[str]) -> str:
    return ", ".join(words).capitalize()


def gravest(notices: Iterator[Notice]) -> Notice:
    """One line for the wall: as grave as the gravest, which comes first."""
    said = sorted(notices, key=lambda notice: RANK[notice.alarm])
    return Notice(alarm=said[0].alarm if said else "calm", text=" · ".join(notice.text for notice in said))
