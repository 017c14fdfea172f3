"""A simulated call centre that posts to a board, live and as it was before; knows the board only by its address.

`live`, `history` and `with_faults` are pure: the same seed and instant give the same webhooks.
"""

from __future__ import annotations

import asyncio
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile
from random import Random

import msgspec

from wallboard.sender import Pause, Say, Sender, Webhook
from wallboard.simulator_calls import arrivals, busy_rate, opening
from wallboard.simulator_floor import Floor

OPEN = "The floor is open"
REPEATED, LATE, NEVER = 0.03, 0.03, 0.01
LATE_SECONDS = (0.5, 12.0)
BUNDLE = 50


class Faults(msgspec.Struct):
    """What `with_faults` did: how many bodies it repeated and delayed, and of which types it let none through."""

    repeated: int = 0
    delayed: int = 0
    lost: Counter[str] = msgspec.field(default_factory=Counter)

    def words(self) -> str:
        types = ", ".join(f"{kind} {count}" for kind, count in sorted(self.lost.items()))
        lost = f"{self.lost.total()} never came" + (f" ({types})" if types else "")
        return f"Faults: {self.repeated} bodies came twice, {self.delayed} came late, {lost}."


async def run(
    url: str,
    token: str,
    *,
    agents: int = 25,
    calls_per_hour: float | None = None,
    speed: float = 1.0,
    seed: int = 1,
    faults: bool = False,
    history_minutes: float = 0,
    duration_seconds: float | None = None,
    time_zone: tzinfo = UTC,
    say: Say,
    pause: Pause = asyncio.sleep,
) -> None:
    """Posts `history_minutes` of finished calls, then lives until cancelled or for `duration_seconds`.

    `time_zone` is the board's: it says when the day began. Calls that are on when the time is up stay unfinished,
    as they would if the PBX fell silent. Raises sender.SenderError where the board refuses the token.
    """
    async with Sender(url, token, say=say, pause=pause) as sender:
        now = datetime.now(time_zone)
        past = history(now, minutes=history_minutes, agents=agents, calls_per_hour=calls_per_hour, seed=seed)
        await sender.post_all(in_bundles(past))
        now = datetime.now(time_zone)
        say(f"{OPEN}: {agents} agents, seed {seed}, {speed:g} times real time.")
        webhooks = live(now, agents=agents, calls_per_hour=calls_per_hour, speed=speed, seed=seed)
        done = Faults()
        planned = with_faults(webhooks, seed=seed, done=done) if faults else webhooks
        try:
            await sender.post_all(_until(planned, duration_seconds), paced=True)
        finally:
            if faults:
                say(done.words())


def live(
    start: datetime,
    *,
    agents: int = 25,
    calls_per_hour: float | None = None,
    speed: float = 1.0,
    seed: int = 1,
) -> Iterator[Webhook]:
    """An endless floor from `start` (aware) on; `calls_per_hour` None keeps the agents busy."""
    floor = Floor(start, agents=agents, speed=speed, seed=f"live {seed}", staff_seed=f"staff {seed}")
    return _opened(floor, calls_per_hour).webhooks()


def history(
    now: datetime, *, minutes: float, agents: int = 25, calls_per_hour: float | None = None, seed: int = 1
) -> list[Webhook]:
    """The calls that began and ended in the `minutes` before `now`, never before its local midnight."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = max(midnight, (now.astimezone(UTC) - timedelta(minutes=minutes)).astimezone(now.tzinfo))
    seconds = now.timestamp() - start.timestamp()
    if seconds <= 0:
        return []
    floor = Floor(start, agents=agents, speed=1.0, seed=f"history {seed}", staff_seed=f"staff {seed}")
    webhooks = list(_opened(floor, calls_per_hour).webhooks(seconds))
    return [webhook for webhook in webhooks if webhook.call not in floor.live]


def in_bundles(past: Iterable[Webhook]) -> Iterator[Webhook]:
    """The same bodies as JSON arrays, each of bodies with equal headers: far fewer posts than bodies.

    Only for calls that are over, for the order within a call is kept among equal headers alone.
    """
    alike: dict[tuple[tuple[str, str], ...], list[bytes]] = {}
    for webhook in past:
        alike.setdefault(webhook.headers, []).append(webhook.body)
    for headers, found in alike.items():
        for first in range(0, len(found), BUNDLE):
            array = b"[" + b",".join(found[first : first + BUNDLE]) + b"]"
            yield Webhook(0.0, f"bundle {headers}", array, headers)


def with_faults(webhooks: Iterable[Webhook], *, seed: int = 1, done: Faults | None = None) -> Iterator[Webhook]:
    """The same webhooks, of which some come twice, some late (others overtake them) and some never; see `done`."""
    rng, done = Random(f"faults {seed}"), done or Faults()
    held: list[tuple[float, int, Webhook]] = []
    for number, webhook in enumerate(webhooks):
        while held and held[0][0] <= webhook.due_seconds:
            yield heapq.heappop(held)[2]
        dice, later = rng.random(), webhook.due_seconds + rng.uniform(*LATE_SECONDS)
        if dice < REPEATED + LATE:
            heapq.heappush(held, (later, number, msgspec.structs.replace(webhook, due_seconds=later)))
        done.repeated += dice < REPEATED
        done.delayed += REPEATED <= dice < REPEATED + LATE
        if dice < REPEATED or dice >= REPEATED + LATE + NEVER:
            yield webhook
        elif dice >= REPEATED + LATE:
            done.lost[str(json.loads(webhook.body).get("type"))] += 1
    yield from (heapq.heappop(held)[2] for _ in range(len(held)))


def _opened(floor: Floor, calls_per_hour: float | None) -> Floor:
    floor.begin(opening(floor))
    floor.begin(arrivals(floor, calls_per_hour or busy_rate(len(floor.phones))))
    return floor


def _until(webhooks: Iterable[Webhook], seconds: float | None) -> Iterable[Webhook]:
    if seconds is None:
        return webhooks
    return takewhile(lambda webhook: webhook.due_seconds < seconds, webhooks)
