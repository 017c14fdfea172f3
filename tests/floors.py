"""Believable random call streams, one call at a time and whole floors; knows nothing of any board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from hypothesis import strategies as st

Body = dict[str, Any]
Stream = list[tuple[float, Body]]
Place = tuple[str, str]

BASE_AT = datetime(2026, 11, 23, tzinfo=UTC)  # offset 0: midnight in UTC, 11 in the morning in Sydney
AGENTS: tuple[tuple[str | None, str], ...] = (
    ("1001", "Tom Reid"), ("1002", "Priya Shah"), ("1003", "Lee Wong"), ("1004", "Ana Costa"),
    ("1005", "Sam O'Hara"), (None, "Front Desk"),
)  # fmt: skip
QUEUES: tuple[Place, ...] = (("queue", "Sales"), ("queue", "Support"), ("queue", "Accounts"))
GROUPS: tuple[Place, ...] = (("ring_group", "Reception"), ("ring_group", "Sales"))
COMPONENTS = {"Into Sales": "queue_entered:Sales", "Out of Sales": "queue_timeout:Sales"}
SALES = QUEUES[0]
OLD_NAMES = {
    "caller_id": "from_number", "caller_name": "from_name", "user_number": "exten",
    "user_name": "to_name", "dest_number": "to_number", "call_start_at": "start_at",
}  # fmt: skip
ABSENT = "absent"


@dataclass
class Caller:
    """One call, written down: each method adds the webhook that the PBX would send. Times are offsets."""

    rng: Random
    call_id: str
    start: int
    stream: Stream = field(default_factory=list)

    def __post_init__(self) -> None:
        self.number = f"+6129{self.rng.randrange(10**7):07}"
        self.name = self.rng.choice(["ACME Pty Ltd", "Bell & Co", "<b>Zoë</b>", None])
        self.dialled = self.rng.choice(["+61380000000", "+61380000001"])

    def ring(self, at: int, agent: int, place: Place | None = None) -> Body:
        body = self.body("user_inbound", agent, place)
        if self.chance(0.15):
            body = {OLD_NAMES.get(name, name): value for name, value in body.items()}
            body["type"] = "inbound_call_to_user"
        return self.send(at, body)

    def answer(self, at: int, agent: int, place: Place | None = None) -> Body:
        connected = None if self.chance(0.1) else at
        body = self.body("user_inbound_answered", agent, place)
        return self.send(at, body | {"connected_at": self.when(connected)})

    def miss(self, at: int, agent: int, place: Place | None = None, sure_of_end: bool = True) -> Body:
        """An unanswered completion. Without its duration nobody can tell when the ring ended."""
        known = sure_of_end or self.chance(0.8)
        lasted = self.number_of(at - self.start) if known else None
        talk = self.rng.choice([0, "0", None])
        body = self.body("user_inbound_completed", agent, place, connected_at=None)
        return self.send(at, body | {"call_duration": lasted, "conversation_duration": talk})

    def hang_up(self, at: int, agent: int, answered: int, place: Place | None = None) -> Body:
        body = self.body("user_inbound_completed", agent, place, connected_at=self.when(answered))
        return self.send(at, body | self.durations(at, answered))

    def dial(self, at: int, agent: int) -> Body:
        return self.send(at, self.body("user_outbound", agent))

    def dial_answered(self, at: int, agent: int) -> Body:
        return self.send(at, self.body("user_outbound_answered", agent, connected_at=self.when(at)))

    def dial_ended(self, at: int, agent: int, answered: int | None) -> Body:
        body = self.body("user_outbound_completed", agent, connected_at=self.when(answered))
        return self.send(at, body | self.durations(at, answered))

    def summary(
        self, at: int, place: Place, status: str, agent: int | None = None, answered: int | None = None
    ) -> Body:
        kind = "queue_call" if place[0] == "queue" else "ring_group_call"
        body = self.body(kind, agent, place, connected_at=self.when(answered)) | self.durations(at, answered)
        word = self.rng.choice([status, status.capitalize(), status.upper()])
        unsaid = status in ("answered", "abandoned") and self.chance(0.15)
        return self.send(at, body | {"status": None if unsaid else word})

    def voicemail(self, at: int) -> Body:
        audio = self.rng.choice([["a.wav"], "a.wav", None])
        return self.send(at, self.mail("voicemail", at) | {"audio_file": audio})

    def recording(self, at: int, agent: int | None = None) -> Body:
        """Of an inbound call; of an outbound one where the agent is named."""
        kind = "recording_inbound" if agent is None else "recording_outbound"
        named = {} if agent is None else self.user(agent)
        return self.send(at, self.mail(kind, at) | named | {"call_recording_link": "https://pbx.example.org/r/1"})

    def component(self, at: int, name: str) -> Body:
        """In these events user_* is the caller."""
        body = {"type": "webhook_component_event", "unique_call_id": self.call_id, "component_name": name}
        caller = {"user_name": self.name, "user_number": self.number, "dest_number": self.dialled}
        return self.send(at, body | caller | {"call_start_at": self.when(self.start)})

    def again(self, at: int, body: Body) -> Body:
        """The very same body once more, as when a phone is rung again."""
        self.stream.append((at + self.delay(), dict(body)))
        return body

    def send(self, at: int, body: Body) -> Body:
        spelled = {name: self.spell(value) for name, value in body.items()}
        return self.again(at, {name: value for name, value in spelled.items() if value != ABSENT})

    def delay(self) -> float:
        """Keeps what one call says in the order in which it was said."""
        return 0.1 + 0.001 * len(self.stream)

    def body(self, kind: str, agent: int | None, place: Place | None = None, **more: Any) -> Body:
        named: Body = {"queue_name": None, "ring_group_name": None}
        if place:
            named[f"{place[0]}_name"] = place[1]
        caller = {"caller_id": self.number, "caller_name": self.name, "dest_number": self.dialled}
        call = {"type": kind, "unique_call_id": self.call_id, "call_start_at": self.when(self.start)}
        return call | caller | self.user(agent) | named | more

    def user(self, agent: int | None) -> Body:
        if agent is None:
            return {"user_number": None, "user_name": None}
        number, name = AGENTS[agent]
        return {"user_number": number, "user_name": None if number and self.chance(0.1) else name}

    def mail(self, kind: str, at: int) -> Body:
        body = {"type": kind, "unique_call_id": self.call_id, "recorded_at": self.when(at)}
        caller = {"caller_id": self.number, "dest_number": self.dialled}
        return body | caller | {"emails": "sales@example.org", "email_message": None}

    def durations(self, at: int, answered: int | None) -> Body:
        """At most one of the two is left out, and none of a call that nobody answered."""
        talk = 0 if answered is None else at - answered
        lasted = at - self.start
        both = {"call_duration": self.number_of(lasted), "conversation_duration": self.number_of(talk)}
        left_out = self.rng.choice(["call_duration", "conversation_duration"])
        return both | {left_out: None} if answered is not None and self.chance(0.2) else both

    def number_of(self, seconds: int) -> int | str | float:
        spelled: tuple[int | str | float, ...] = (seconds, str(seconds), float(seconds))
        return self.rng.choice(spelled)

    def when(self, offset: int | None) -> str | None:
        if offset is None:
            return None
        at = BASE_AT + timedelta(seconds=offset)
        plain = at.strftime("%Y-%m-%dT%H:%M:%S")
        eastern = at.astimezone(timezone(timedelta(hours=11))).isoformat()
        return self.rng.choice([f"{plain}.000Z", f"{plain}Z", f"{plain}+00:00", eastern])

    def spell(self, value: Any) -> Any:
        return self.rng.choice([ABSENT, None, "", "null"]) if value is None else value

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def seconds(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def some_agents(self, count: int) -> list[int]:
        return self.rng.sample(range(len(AGENTS)), count)

    def talk(self, at: int, agent: int, place: Place | None = None, ends_call: bool = True) -> int:
        """Answer, talk, hang up; gives the second of the end."""
        end = at + self.seconds(1, 400)
        self.answer(at, agent, place)
        self.hang_up(end, agent, at, place)
        if ends_call and self.chance(0.3):
            self.recording(end + 1)
        return end


Scenario = Callable[[Caller], None]


def direct_answered(c: Caller) -> None:
    (a,) = c.some_agents(1)
    c.ring(c.start, a)
    c.talk(c.start + c.seconds(1, 20), a)


def direct_missed_then_voicemail(c: Caller) -> None:
    (a,) = c.some_agents(1)
    end = c.start + c.seconds(2, 30)
    c.ring(c.start, a)
    c.miss(end, a, sure_of_end=False)
    c.voicemail(end + c.seconds(5, 60))


def direct_forwarded(c: Caller) -> None:
    """Nobody's queue: one agent misses, the next is rung, answers or not."""
    a, b = c.some_agents(2)
    end = c.start + c.seconds(5, 20)
    c.ring(c.start, a)
    c.miss(end, a)
    c.ring(end + 1, b)
    if c.chance(0.5):
        c.talk(end + 6, b)
        return
    c.miss(end + 16, b, sure_of_end=False)


def queue_one_at_a_time(c: Caller) -> None:
    """Rings the same agents in turn; every second ring of an agent is byte for byte the first one."""
    place, agents, at = c.rng.choice(QUEUES), c.some_agents(c.seconds(1, 3)), c.start + c.seconds(0, 9)
    rung: dict[int, Body] = {}
    for turn in range(c.seconds(0, 5)):
        a = agents[turn % len(agents)]
        rung[a] = c.again(at, rung[a]) if a in rung else c.ring(at, a, place)
        at += c.seconds(4, 12)
        c.miss(at, a, place)
        at += c.seconds(1, 4)
    last = c.rng.choice(agents)
    if last in rung:
        c.again(at, rung[last])
    else:
        c.ring(at, last, place)
    answered = at + c.seconds(3, 9)
    end = c.talk(answered, last, place)
    c.summary(end + 1, place, "answered", last, answered)


def ring_all(c: Caller, place: Place) -> None:
    agents, answered = c.some_agents(c.seconds(2, 4)), c.start + c.seconds(1, 30)
    for a in agents:
        c.ring(c.start, a, place)
    for a in agents[1:]:
        c.miss(answered + c.seconds(0, 1), a, place, sure_of_end=False)
    end = c.talk(answered, agents[0], place)
    c.summary(end, place, "answered", agents[0], answered)


def ring_all_queue(c: Caller) -> None:
    ring_all(c, c.rng.choice(QUEUES))


def ring_group(c: Caller) -> None:
    ring_all(c, c.rng.choice(GROUPS))


def queue_answered_without_summary(c: Caller) -> None:
    place, (a, b) = c.rng.choice(QUEUES + GROUPS), c.some_agents(2)
    missed, answered = c.start + 8, c.start + c.seconds(12, 40)
    c.ring(c.start, a, place)
    c.miss(missed, a, place)
    c.ring(missed + 1, b, place)
    c.talk(answered, b, place)


def abandoned_while_ringing(c: Caller) -> None:
    place, agents = c.rng.choice(QUEUES + GROUPS), c.some_agents(c.seconds(1, 3))
    end = c.start + c.seconds(1, 40)
    for a in agents:
        c.ring(c.start, a, place)
    for a in agents:
        c.miss(end, a, place, sure_of_end=False)
    c.summary(end, place, c.rng.choice(["abandoned", "abandoned", "no answer"]))


def abandoned_before_any_ring(c: Caller) -> None:
    c.summary(c.start + c.seconds(1, 90), c.rng.choice(QUEUES), "abandoned")


def transfer(c: Caller, named: bool) -> None:
    """A answers from a queue and hands over to B, who answers or does not."""
    place, (a, b) = c.rng.choice(QUEUES + GROUPS), c.some_agents(2)
    answered = c.start + c.seconds(2, 30)
    c.ring(c.start, a, place)
    handed = c.talk(answered, a, place, ends_call=False)
    end = hand_over(c, handed + 1, b, place if named else None)
    c.summary(end, place, "answered", a, answered)


def hand_over(c: Caller, at: int, agent: int, place: Place | None) -> int:
    c.ring(at, agent, place)
    if c.chance(0.7):
        return c.talk(at + c.seconds(2, 9), agent, place)
    end = at + c.seconds(5, 25)
    c.miss(end, agent, place, sure_of_end=False)
    return end


def transfer_within_the_queue(c: Caller) -> None:
    transfer(c, named=True)


def transfer_out_of_the_queue(c: Caller) -> None:
    transfer(c, named=False)


def direct_transfer(c: Caller) -> None:
    """B's phone rings while A is still talking."""
    a, b = c.some_agents(2)
    answered = c.start + c.seconds(2, 20)
    asked, end = answered + 30, answered + 45
    c.ring(c.start, a)
    c.answer(answered, a)
    c.ring(asked, b)
    c.hang_up(end, a, answered)
    c.talk(end + 2, b)


def overflow(c: Caller, first: Place, second: Place, summary_on_leaving: bool) -> None:
    """Nobody answers in the first place; the agents may be rung again in the second."""
    a, b = c.some_agents(2)
    left = c.start + c.seconds(5, 30)
    c.ring(c.start, a, first)
    c.miss(left, a, first)
    if summary_on_leaving:
        c.summary(left, first, c.rng.choice(["abandoned", "timeout"]))
    for agent in (a, b):
        c.ring(left + 1, agent, second)
    if summary_on_leaving and c.chance(0.3):
        overflow_abandoned(c, left + 1 + c.seconds(1, 30), (a, b), second)
        return
    answered = left + 3 + c.seconds(1, 30)
    winner, loser = c.rng.sample((a, b), 2)
    c.miss(answered, loser, second)
    end = c.talk(answered, winner, second)
    c.summary(end, second, "answered", winner, answered)


def overflow_abandoned(c: Caller, at: int, agents: tuple[int, int], place: Place) -> None:
    for agent in agents:
        c.miss(at, agent, place)
    c.summary(at, place, "abandoned")


def overflow_with_summary(c: Caller) -> None:
    first, second = c.rng.sample(QUEUES, 2)
    overflow(c, first, second, summary_on_leaving=True)


def overflow_without_summary(c: Caller) -> None:
    first, second = c.rng.sample(QUEUES, 2)
    overflow(c, first, second, summary_on_leaving=False)


def overflow_to_ring_group(c: Caller) -> None:
    overflow(c, c.rng.choice(QUEUES), c.rng.choice(GROUPS), summary_on_leaving=c.chance(0.5))


def rung_in_both_queues(c: Caller) -> None:
    """One agent sits in both queues, misses in the first, answers in the second."""
    first, second = c.rng.sample(QUEUES, 2)
    (a,) = c.some_agents(1)
    left = c.start + c.seconds(5, 20)
    c.ring(c.start, a, first)
    c.miss(left, a, first)
    c.summary(left, first, "timeout")
    c.ring(left + 1, a, second)
    answered = left + c.seconds(4, 12)
    end = c.talk(answered, a, second)
    c.summary(end, second, "answered", a, answered)


def outbound_answered(c: Caller) -> None:
    (a,) = c.some_agents(1)
    answered, end = c.start + c.seconds(3, 20), c.start + c.seconds(30, 300)
    c.dial(c.start, a)
    c.dial_answered(answered, a)
    c.dial_ended(end, a, answered)
    if c.chance(0.5):
        c.recording(end + 1, a)


def outbound_unanswered(c: Caller) -> None:
    (a,) = c.some_agents(1)
    c.dial(c.start, a)
    c.dial_ended(c.start + c.seconds(3, 40), a, None)


def with_unmapped_component(c: Caller) -> None:
    name = c.rng.choice(["Sales queue time-out", "After hours"])
    c.component(c.start, name)
    if c.chance(0.3):
        c.component(c.start + 1, name)
    direct_answered(c)


def entered_then_answered(c: Caller) -> None:
    (a,) = c.some_agents(1)
    c.component(c.start + 1, "Into Sales")
    c.ring(c.start + 5, a, SALES)
    answered = c.start + c.seconds(6, 40)
    c.summary(c.talk(answered, a, SALES), SALES, "answered", a, answered)


def entered_then_abandoned(c: Caller) -> None:
    c.component(c.start + 1, "Into Sales")
    c.summary(c.start + c.seconds(2, 60), SALES, "abandoned")


def entered_then_timed_out(c: Caller) -> None:
    """No summary: the component alone says that the caller has left the queue, for voicemail or Support."""
    a, b = c.some_agents(2)
    c.component(c.start + 1, "Into Sales")
    if c.chance(0.5):
        c.ring(c.start + 3, a, SALES)
        c.miss(c.start + 15, a, SALES)
    c.component(c.start + 30, "Out of Sales")
    if c.chance(0.5):
        c.voicemail(c.start + 60)
        return
    c.ring(c.start + 31, b, QUEUES[1])
    answered = c.start + 31 + c.seconds(2, 20)
    c.summary(c.talk(answered, b, QUEUES[1]), QUEUES[1], "answered", b, answered)


def abandoned_then_voicemails(c: Caller) -> None:
    """The same call leaves two messages, the second with the same time now and then."""
    end = c.start + c.seconds(5, 60)
    c.summary(end, c.rng.choice(QUEUES), "abandoned")
    c.voicemail(end + 20)
    c.voicemail(end + 20 + c.rng.choice([0, 30]))


SCENARIOS: tuple[Scenario, ...] = (
    direct_answered, direct_missed_then_voicemail, direct_forwarded, direct_transfer, queue_one_at_a_time,
    ring_all_queue, ring_group, queue_answered_without_summary, abandoned_while_ringing,
    abandoned_before_any_ring, transfer_within_the_queue, transfer_out_of_the_queue, overflow_with_summary,
    overflow_without_summary, overflow_to_ring_group, rung_in_both_queues, outbound_answered,
    outbound_unanswered, with_unmapped_component, entered_then_answered, entered_then_abandoned,
    entered_then_timed_out, abandoned_then_voicemails,
)  # fmt: skip


def one_call(scenario: Scenario, seed: int, start: int = 0, call_id: str = "160455961758") -> Stream:
    """One finished call. A seed and a scenario give the same call always, moved by `start` seconds."""
    caller = Caller(Random(seed), call_id, start)
    scenario(caller)
    return by_time(caller.stream)


def before_midnight(scenario: Scenario, seed: int, call_id: str = "160455961758") -> Stream:
    """A call that starts in the last seconds of a day, in UTC or where days start at 11 in Sydney."""
    return one_call(scenario, seed, -Random(seed).randint(1, 20), call_id)


def two_calls_for_one_agent(seed: int, start: int = 0, call_id: str = "170000000001") -> Stream:
    """The first call is talking when the second one rings, is missed, and is called back."""
    rng = Random(seed)
    first, second = (Caller(rng, f"{call_id}{n}", start + n) for n in (0, 25))
    third = Caller(rng, f"{call_id}9", start + 90)
    (a,) = first.some_agents(1)
    first.ring(start, a)
    first.answer(start + 5, a)
    second.ring(start + 25, a)
    second.miss(start + 40, a)
    first.hang_up(start + 80, a, start + 5)
    third.dial(start + 90, a)
    third.dial_ended(start + 120, a, start + 95)
    return by_time(first.stream + second.stream + third.stream)


def floor(seed: int, calls: int, over_seconds: int = 3600) -> Stream:
    """`calls` finished calls of all kinds that start within `over_seconds`, a few just before midnight."""
    rng = Random(seed)
    stream: Stream = []
    for index in range(calls):
        scenario, one, call_id = rng.choice(SCENARIOS), rng.randrange(2**32), str(160455000000 + index)
        if rng.random() < 0.05:
            stream += before_midnight(scenario, one, call_id)
        elif rng.random() < 0.05:
            stream += two_calls_for_one_agent(one, rng.randrange(over_seconds), f"17{index:08}")
        else:
            stream += one_call(scenario, one, rng.randrange(over_seconds), call_id)
    return by_time(stream)


def by_time(stream: Stream) -> Stream:
    return sorted(stream, key=lambda item: item[0])


def shuffled_with_repetitions(stream: Stream, seed: int) -> Stream:
    """Every body at least once, some again, in any order; the clock still runs forward."""
    rng = Random(seed)
    bodies = [body for _, body in stream]
    bodies += [rng.choice(bodies) for _ in range(rng.randint(0, len(bodies)))] if bodies else []
    rng.shuffle(bodies)
    offsets = [at for at, _ in stream]
    offsets += offsets[-1:] * (len(bodies) - len(offsets))
    return list(zip(offsets, map(dict, bodies), strict=True))


def cut(stream: Stream, seed: int) -> Stream:
    """The stream up to some moment: what had arrived by then."""
    return stream[: Random(seed).randint(0, len(stream))]


def with_losses(stream: Stream, seed: int, share: float = 0.1) -> Stream:
    """The stream with a share of its bodies lost."""
    rng = Random(seed)
    return [item for item in stream if rng.random() >= share]


def deliveries(stream: Stream) -> list[tuple[datetime, Body]]:
    """(received_at, body) for each item."""
    return [(BASE_AT + timedelta(seconds=offset), body) for offset, body in stream]


def single_calls() -> st.SearchStrategy[Stream]:
    """One finished call of any kind."""
    return st.builds(one_call, st.sampled_from(SCENARIOS), st.integers(0, 2**16))


@st.composite
def streams(draw: st.DrawFn, max_calls: int = 6) -> Stream:
    """A few finished calls of drawn kinds and starts; shrinks by the call."""
    one = st.tuples(st.sampled_from(SCENARIOS), st.integers(0, 2**16), st.integers(0, 600))
    plan = draw(st.lists(one, max_size=max_calls))
    stream: Stream = []
    for index, (scenario, seed, start) in enumerate(plan):
        stream += one_call(scenario, seed, start, str(160455961000 + index))
    late = draw(st.sampled_from((None, *SCENARIOS)))
    if late:
        stream += before_midnight(late, draw(st.integers(0, 2**16)), "160455960000")
    if draw(st.booleans()):
        stream += two_calls_for_one_agent(draw(st.integers(0, 2**16)), draw(st.integers(0, 600)))
    return by_time(stream)
