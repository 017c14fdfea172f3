"""The links of the chain from the PBX to the wall, as lamps and in words; knows no rule of the board and no HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from wallboard.journal import Spooled
from wallboard.usual import Health
from wallboard.views import Lamp


def pbx(health: Health, last_event_at: datetime | None, now: datetime) -> Lamp:
    """One word when all is well; how long the silence lasts when it is none of the usual ones."""
    if health.state == "quiet" and last_event_at is not None:
        return Lamp(state="quiet", alarm="warn", text=f"PBX quiet {_ago(last_event_at, now)}")
    words = {"learning": "PBX learning", "nothing": "PBX not heard"}
    return Lamp(state=health.state, alarm="calm", text=words.get(health.state, "PBX"))


def journal(
    trouble: str | None, losses: Sequence[int] = (), spooled: Spooled | None = None, zone: tzinfo = UTC
) -> Lamp:
    """`trouble` is why the journal cannot be written, `losses` how many events each of today's damages took, `spooled`
    what waits until it can.
    """
    if spooled is not None:
        since = f"{spooled.since.astimezone(zone):%H:%M}"
        where = "Database back" if trouble is None else f"Database away since {since}"
        return Lamp(state="trouble", alarm="alarm" if trouble else "warn", text=f"{where}, {spooled.events:,} wait")
    if trouble is not None:
        return Lamp(state="trouble", alarm="alarm", text="Journal stopped")
    if losses:
        return Lamp(
            state="mended", alarm="warn", text=f"Journal lost {sum(losses)}" if any(losses) else "Journal mended"
        )
    return Lamp(state="fine", alarm="calm", text="Journal")


def spool_words(trouble: str | None, spooled: Spooled, zone: tzinfo) -> str:
    """The same of what waits in a sentence."""
    events = "1 event waits" if spooled.events == 1 else f"{spooled.events:,} events wait"
    if trouble is None:
        return f"{events} in the spool: the database is back, and they are being added."
    since = f"{spooled.since.astimezone(zone):%H:%M}"
    return f"{events} in the spool, the database is away since {since}: the numbers stand still until it is back."


def silence_words(health: Health, last_event_at: datetime | None, now: datetime) -> str:
    """The PBX's lamp in a sentence."""
    if last_event_at is None:
        return "Nothing has been heard of the PBX yet."
    said = f"The last event came {_ago(last_event_at, now)} ago."
    if health.expected_events is None:
        return f"{said} Whether that is usual at this hour is still being learnt."
    usual = f"{said} Usual in such a time: {health.expected_events:.0f} events."
    if health.state != "quiet":
        return usual
    return f"{usual} Either few people call today, a holiday perhaps, or the PBX no longer reaches this board."


def clock_words(health: Health) -> str:
    """What a wrong clock does to the board; empty while the clocks agree."""
    if health.clock_offset_seconds is None or not health.clocks_differ:
        return ""
    apart = _span(abs(health.clock_offset_seconds))
    return f"The PBX's clock and this server's differ by {apart}: running waits are wrong by as much."


def _ago(moment: datetime, now: datetime) -> str:
    return _span(max(0.0, (now - moment).total_seconds()))


def _span(seconds: float) -> str:
    """A length of time in one unit, as static/keeper.js says it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min" if seconds < 7200 else f"{seconds // 3600:.0f} h"
