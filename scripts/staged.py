"""Staged floors: the webhooks that put a board into a known state, for pictures, measurements and tests.

Everything is counted back from `now`, so the same floor looks the same whenever it is staged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from wallboard.simulator_staff import CALLER_NAMES, staff

Body = dict[str, Any]

QUEUES = ("Sales", "Support", "Accounts", "Returns")
CITIES = (
    "Adelaide", "Albury", "Ballarat", "Bathurst", "Bendigo", "Brisbane", "Broome", "Bunbury", "Bundaberg",
    "Burnie", "Cairns", "Canberra", "Ceduna", "Cessnock", "Coffs", "Dubbo", "Darwin", "Esperance", "Geelong",
    "Gladstone", "Goulburn", "Hobart", "Horsham", "Kalgoorlie", "Launceston", "Lismore", "Mackay", "Mildura",
    "Newcastle", "Nowra", "Orange", "Perth", "Rockhampton", "Shepparton", "Sydney", "Tamworth", "Toowoomba",
    "Townsville", "Wagga", "Warrnambool",
)  # fmt: skip


@dataclass(frozen=True)
class Staged:
    """One floor: how many there are of everything, and for how many seconds each waiting caller has waited."""

    queues: Sequence[str] = QUEUES
    ring_groups: Sequence[str] = ("Reception",)
    agents: int = 25
    talking: int = 14
    dialling: int = 1
    waits: Sequence[int] = (8, 5, 2)
    ringing: int = 2
    ended: int = 140
    lost_of_ten: int = 1
    voicemails: int = 3
    names: Sequence[str] = ()
    callers: Sequence[str] = field(default=CALLER_NAMES)


FLOORS: dict[str, Staged | None] = {
    "empty": None,
    "small": Staged(queues=("Sales",), ring_groups=(), agents=3, talking=1, dialling=0, waits=(), ringing=0, ended=24),
    "normal": Staged(),
    "alarming": Staged(
        waits=(222, 187, 96, 71, 64, 41, 33, 18, 6), ringing=4, talking=18, dialling=0, lost_of_ten=5, voicemails=11
    ),
    "huge": Staged(
        queues=CITIES,
        agents=300,
        talking=196,
        dialling=11,
        waits=(84, 47, 31, *range(19, 3, -1)),
        ringing=11,
        ended=900,
    ),
}


def bodies(floor: Staged | None, now: datetime, seed: int = 1) -> Iterator[Body]:
    """The webhooks of one floor, in the order in which the PBX would send them."""
    if floor is None:
        return
    stage = _Stage(floor, now, Random(seed))
    yield from stage.past()
    yield from stage.present()


class _Stage:
    def __init__(self, floor: Staged, now: datetime, rng: Random) -> None:
        self.floor, self.now, self.rng = floor, now, rng
        people = staff(max(3, floor.agents), Random("staged"))[: floor.agents]
        self.agents = [(agent.party.number or "", agent.party.name or "") for agent in people]
        for place, name in enumerate(floor.names):
            self.agents[place] = (self.agents[place][0], name)
        rng.shuffle(self.agents)
        self.calls = 0

    def past(self) -> Iterator[Body]:
        places = self._places()
        for number in range(max(self.floor.ended, len(self.agents))):
            agent = self.agents[number % len(self.agents)]
            place = places[number % len(places)]
            started = self.now - timedelta(seconds=60 + number * 11)
            if self.rng.randrange(10) < self.floor.lost_of_ten and number >= len(self.agents):
                yield from self._abandoned(self._call(started, place), place, self.rng.randrange(12, 60))
            else:
                yield from self._answered(self._call(started, place), place, agent, self.rng.randrange(3, 19), number)
        for number in range(self.floor.voicemails):
            yield self._call(self.now - timedelta(minutes=number), None) | {
                "type": "voicemail", "recorded_at": _at(self.now - timedelta(minutes=number))
            }  # fmt: skip

    def present(self) -> Iterator[Body]:
        free, places = list(self.agents), self._places()
        for number in range(self.floor.talking):
            began = self.now - timedelta(seconds=20 + number * 37 % 400)
            place = places[number % len(places)]
            body = self._call(began, place) | _user(free.pop())
            yield body | {"type": "user_inbound"}
            yield body | {"type": "user_inbound_answered", "connected_at": _at(began + timedelta(seconds=7))}
        for _ in range(self.floor.dialling):
            yield self._call(self.now - timedelta(seconds=12), None) | _user(free.pop()) | {"type": "user_outbound"}
        for number, waited in enumerate(self.floor.waits):
            place = (
                ("queue", self.floor.queues[number * 7 % len(self.floor.queues)]) if self.floor.queues else places[0]
            )
            body = self._call(self.now - timedelta(seconds=waited), place) | _user(free[-1 - number % len(free)])
            yield body | {"type": "user_inbound"}
            if number >= self.floor.ringing:
                yield body | {"type": "user_inbound_completed", "connected_at": None, "call_duration": 1,
                              "conversation_duration": 0}  # fmt: skip

    def _places(self) -> list[tuple[str, str]]:
        queues, groups = self.floor.queues, self.floor.ring_groups
        return [("queue", name) for name in queues] + [("ring_group", name) for name in groups] or [("", "")]

    def _call(self, started_at: datetime, place: tuple[str, str] | None) -> Body:
        self.calls += 1
        named = {f"{place[0]}_name": place[1]} if place and place[0] else {}
        caller = self.rng.choice(self.floor.callers) if self.rng.random() < 0.8 else None
        return {
            "unique_call_id": f"{self.calls:06d}",
            "caller_id": f"+6125550{self.rng.randrange(10_000):04d}",
            "caller_name": caller,
            "dest_number": "+61355500000",
            "call_start_at": _at(started_at),
        } | named

    def _answered(
        self, call: Body, place: tuple[str, str], agent: tuple[str, str], waited: int, number: int
    ) -> Iterator[Body]:
        began = datetime.fromisoformat(call["call_start_at"])
        talked = 30 + number * 17 % 300
        spans = {"connected_at": _at(began + timedelta(seconds=waited)), "call_duration": waited + talked,
                 "conversation_duration": talked}  # fmt: skip
        yield call | _user(agent) | spans | {"type": "user_inbound_completed"}
        if place[0]:
            yield call | _user(agent) | spans | {"type": f"{place[0]}_call", "status": "answered"}

    def _abandoned(self, call: Body, place: tuple[str, str], waited: int) -> Iterator[Body]:
        if place[0]:
            yield call | {"type": f"{place[0]}_call", "status": "abandoned", "call_duration": waited}


def _user(agent: tuple[str, str]) -> Body:
    return {"user_number": agent[0], "user_name": agent[1]}


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
