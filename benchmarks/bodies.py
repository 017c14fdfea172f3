"""What the PBX tells while it is measured: calls one after the other, and a day of them; knows no server."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from benchmarks.day import bodies as day_bodies
from scripts.staged import Staged
from wallboard.journal import Delivery
from wallboard.journal.custody import Custody
from wallboard.simulator_staff import staff

Body = dict[str, Any]
_LONGEST = timedelta(minutes=10)
_BATCH = 5_000
EVENTS_A_CALL = 4


def calls(floor: Staged) -> Iterator[Body]:
    """Calls of all agents in turn: one rings, is answered and ends, then the next."""
    people = [agent.party for agent in staff(max(3, floor.agents), Random("staged"))][: floor.agents]
    for number in count():
        person, queue = people[number % len(people)], floor.queues[number % len(floor.queues)]
        yield from call(f"live {number}", person.number or "", person.name or "", queue, datetime.now(UTC))


def waves(floor: Staged, together: int) -> Iterator[list[Body]]:
    """As `calls`, but of so many agents at once: all ring, all are answered, all end; without summaries."""
    told = calls(floor)
    while True:
        lives = [[next(told) for _ in range(EVENTS_A_CALL)] for _ in range(together)]
        yield from islice(map(list, zip(*lives, strict=True)), EVENTS_A_CALL - 1)


def call(id: str, agent: str, name: str, queue: str, at: datetime) -> Iterator[Body]:
    told = {
        "unique_call_id": id, "caller_id": "+61255500001", "caller_name": "Bell & Co", "user_number": agent,
        "user_name": name, "queue_name": queue, "call_start_at": at.isoformat(),
    }  # fmt: skip
    ended = {"connected_at": (at + timedelta(seconds=1)).isoformat(), "call_duration": 31, "conversation_duration": 30}
    yield told | {"type": "user_inbound"}
    yield told | {"type": "user_inbound_answered", "connected_at": ended["connected_at"]}
    yield told | ended | {"type": "user_inbound_completed"}
    yield told | ended | {"type": "queue_call", "status": "answered"}


def encoded(bodies: Iterator[Body] | Iterator[list[Body]]) -> Iterator[bytes]:
    """One request each."""
    return map(msgspec.json.encode, bodies)


def past(calls: int, days: int = 1) -> Iterator[Delivery]:
    """Webhooks of so many calls, spread over the last days; today's began twelve hours ago."""
    began = datetime.now(UTC) - timedelta(hours=12, days=days - 1)
    seconds = days * 86_400 - 43_200 - 600
    told: list[tuple[datetime, int, Body]] = []
    for number, (at, body) in enumerate(day_bodies(calls, began, seconds)):
        heapq.heappush(told, (at, number, body))
        while number % 4 == 0 and told[0][0] < at - _LONGEST:
            yield _delivery(*heapq.heappop(told))
    while told:
        yield _delivery(*heapq.heappop(told))


def journal(folder: Path, calls: int, days: int = 1) -> int:
    """A journal of a past; how many entries it holds."""
    custody = Custody(folder / "wallboard.db")
    deliveries = past(calls, days)
    while batch := list(islice(deliveries, _BATCH)):
        custody.commit(batch, [])
    custody.release()
    return custody.written


def _delivery(at: datetime, _: int, body: Body) -> Delivery:
    return Delivery(received_at=at, body=msgspec.json.encode(body))
