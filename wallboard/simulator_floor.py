"""The simulated floor's machinery: a clock, phones that ring, a PBX that posts; knows no reason why anybody calls.

Times inside are floor seconds; `speed` of them pass in one real second. What leaves the floor (due times,
timestamps, durations in bodies) is real time, counted from the start instant: no clock is ever read.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from itertools import count
from math import inf, log
from random import Random

from wallboard import simulator_bodies as bodies
from wallboard.sender import Webhook
from wallboard.simulator_bodies import Line, Party, Place, Spelling
from wallboard.simulator_staff import CALLER_NAMES, Agent, staff

CALLER_KNOWN = 0.6
PICK_UP_SECONDS, PICK_UP_SPREAD = 9.0, 0.4
AWAY_CHANCE, AWAY_SECONDS = 0.5, (15.0, 60.0)
MISSED_REMEMBERED = 40

Process = Generator[float, None, None]


class Phone:
    """An agent's phone: free from an instant on, `inf` while it rings, dials or talks."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.party: Party = agent.party
        self.free_from = -inf


class Floor:
    """Runs processes, each a generator that yields for how many floor seconds it wants to sleep.

    `start` must be aware. `live` holds the ids of the calls that are not over at the moment.
    """

    def __init__(self, start: datetime, *, agents: int, speed: float, seed: str, staff_seed: str) -> None:
        if start.tzinfo is None:
            raise ValueError("a floor needs a start with a time zone")
        if speed <= 0:
            raise ValueError(f"a floor's speed must be above 0, not {speed:g}")
        self.rng = Random(seed)
        self.phones = [Phone(agent) for agent in staff(agents, Random(staff_seed))]
        self.live: set[str] = set()
        self._missed: list[tuple[float, str]] = []
        self.now = 0.0
        self._start = start
        self._speed = speed
        self._agenda: list[tuple[float, int, Process]] = []
        self._turns, self._calls = count(), count(1)
        self._waiting: dict[Place, list[tuple[float, str]]] = {}
        self._posted: list[Webhook] = []

    def begin(self, process: Process) -> None:
        """Lets `process` take its first step now."""
        self._sleep(0.0, process)

    def webhooks(self, until_seconds: float = inf) -> Iterator[Webhook]:
        """Runs the floor until `until_seconds` of real time; what was posted, in order of time."""
        while self._agenda and self._agenda[0][0] <= until_seconds * self._speed:
            self.now, _, process = heapq.heappop(self._agenda)
            seconds = next(process, None)
            if seconds is not None:
                self._sleep(seconds, process)
            yield from self._posted
            self._posted.clear()

    def _sleep(self, seconds: float, process: Process) -> None:
        heapq.heappush(self._agenda, (self.now + seconds, next(self._turns), process))

    def at(self, floor_seconds: float) -> datetime:
        """The real instant of a floor time, to the millisecond, in the time zone of the start."""
        instant = self._start.timestamp() + floor_seconds / self._speed
        return datetime.fromtimestamp(round(instant, 3), self._start.tzinfo)

    def post(self, line: Line, body: bytes, meaning: str | None = None) -> None:
        """The PBX posts a body now; `meaning` goes into the header of a Webhook object."""
        headers = (("X-Wallboard-Meaning", meaning),) if meaning else ()
        self._posted.append(Webhook(self.now / self._speed, line.call, body, headers))

    def new_call(self, dialled_number: str, caller_number: str | None = None) -> Line:
        """A call begins now; it is live until `over`."""
        line = Line(
            call=f"{self._start.timestamp():.0f}{next(self._calls):06d}",
            started_at=self.at(self.now),
            caller_number=caller_number or self.some_number(),
            caller_name=self.rng.choice(CALLER_NAMES) if self.chance(CALLER_KNOWN) else None,
            dialled_number=dialled_number,
            spelling=self.rng.choice(tuple(Spelling)),
        )
        self.live.add(line.call)
        return line

    def over(self, line: Line) -> None:
        """The call is over and everything about it has been posted."""
        self.live.discard(line.call)

    def miss(self, number: str | None) -> None:
        """Nobody answered the caller, or reached them: they may be rung back."""
        if number is not None:
            self._missed.append((self.now, number))
        del self._missed[:-MISSED_REMEMBERED]

    def to_ring_back(self, after_seconds: float) -> str | None:
        """The caller who has waited longest for it, at least so many floor seconds; they are forgotten with that."""
        if not self._missed or self._missed[0][0] > self.now - after_seconds:
            return None
        return self._missed.pop(0)[1]

    def chance(self, share: float) -> bool:
        """True in `share` of the cases."""
        return self.rng.random() < share

    def between(self, span: tuple[float, float]) -> float:
        """Anything in the span alike."""
        return self.rng.uniform(*span)

    def about(self, median: float, spread: float = 0.42) -> float:
        """A positive span with a long tail to the right, as talks and pick-ups have it."""
        return self.rng.lognormvariate(log(median), spread)

    def some_number(self) -> str:
        """A number from the ranges that Australia keeps for fiction."""
        return f"+61{self.rng.choice('2378')}5550{self.rng.randrange(10_000):04d}"

    def free_phones(self, wanted: Callable[[Agent], bool]) -> list[Phone]:
        """The free phones of wanted agents, the longest idle first."""
        free = [phone for phone in self.phones if phone.free_from <= self.now and wanted(phone.agent)]
        return sorted(free, key=lambda phone: phone.free_from)

    def queue_up(self, line: Line, place: Place) -> None:
        """The caller takes the place in the line that the start of the call gives."""
        insort(self._waiting.setdefault(place, []), (line.started_at.timestamp(), line.call))

    def step_out(self, line: Line, place: Place) -> None:
        """The caller leaves the line, to an agent or for good."""
        self._waiting[place].remove((line.started_at.timestamp(), line.call))

    def is_first(self, line: Line, place: Place) -> bool:
        """Whether nobody has waited longer at this place without a phone ringing."""
        return self._waiting[place][0][1] == line.call

    def ring(
        self, line: Line, place: Place | None, phones: list[Phone], seconds: float, no_answer: float
    ) -> Generator[float, None, Phone | None]:
        """Rings the phones for at most `seconds`; the one that was picked up, or None.

        The others' completions go out when one answers. `no_answer` is each agent's share of rings not taken.
        """
        idle_since = [phone.free_from for phone in phones]
        for phone in phones:
            phone.free_from = inf
            self.post(line, bodies.ringing(line, phone.party, place))
        delays = [self._pick_up_seconds(phone, no_answer) for phone in phones]
        soonest = min(delays)
        yield min(soonest, seconds)
        winner = phones[delays.index(soonest)] if soonest <= seconds else None
        if winner is not None:
            self.post(line, bodies.answered(line, winner.party, place, self.at(self.now)))
        for phone, since in zip(phones, idle_since, strict=True):
            if phone is not winner:
                self._stop_ringing(line, place, phone, since, missed=winner is None)
        return winner

    def _pick_up_seconds(self, phone: Phone, no_answer: float) -> float:
        if self.chance(no_answer):
            return inf
        return 1.5 + self.about(PICK_UP_SECONDS * phone.agent.reflex, PICK_UP_SPREAD)

    def _stop_ringing(self, line: Line, place: Place | None, phone: Phone, since: float, missed: bool) -> None:
        self.post(line, bodies.completed(line, phone.party, place, None, self.at(self.now)))
        away = missed and self.chance(AWAY_CHANCE)
        phone.free_from = self.now + self.between(AWAY_SECONDS) if away else since

    def hang_up(self, line: Line, place: Place | None, phone: Phone, since: float, wrap_up: float) -> None:
        """The talk that began at `since` ends; the phone is left alone for `wrap_up` floor seconds."""
        self.post(line, bodies.completed(line, phone.party, place, self.at(since), self.at(self.now)))
        phone.free_from = self.now + wrap_up
