"""The calls of a simulated floor, each told as a story: who waits, rings, talks, gives up; knows no network."""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

import msgspec

from wallboard import simulator_bodies as bodies
from wallboard.simulator_bodies import NOBODY, Line, Place
from wallboard.simulator_floor import Floor, Phone, Process
from wallboard.simulator_staff import DESKS, Desk

# Calls by the local hour, around 1. Lively at any hour, for a demo may be started at night.
DAY_CURVE = (
    *(0.88, 0.88, 0.88, 0.88, 0.88, 0.9, 0.92, 0.96, 1.02, 1.08, 1.12, 1.1),
    *(1.0, 1.0, 1.06, 1.1, 1.06, 1.0, 0.96, 0.94, 0.92, 0.9, 0.88, 0.88),
)
CALLS_PER_AGENT_HOUR = 25.0
OPENING_CALLS_PER_AGENT, OPENING_SECONDS = 0.55, 12.0
OUTBOUND_SHARE, DIRECT_SHARE, MENU_SHARE = 0.16, 0.1, 0.03

ANNOUNCEMENT_SECONDS = (1.0, 3.0)
LOOK_AGAIN_SECONDS, RING_AGAIN_SECONDS = 1.0, (2.0, 5.0)
LEAST_PATIENCE_SECONDS = 4.0
NO_ANSWER = 0.14
WRAP_UP_SECONDS = (8.0, 30.0)
TRANSFER_SHARE, RECORDED_SHARE, RECORDING_AFTER_SECONDS = 0.1, 0.25, 2.0
TRANSFER_TALK_SECONDS = 60.0

DIRECT_RING_SECONDS, DIRECT_NO_ANSWER, DIRECT_TALK_SECONDS = 20.0, 0.4, 60.0
VOICEMAIL_SHARE, MESSAGE_SECONDS = 0.7, (8.0, 40.0)
MENU_NAME, MENU_SECONDS = "After hours menu", (6.0, 20.0)
RING_BACK_SHARE, RING_BACK_AFTER_SECONDS = 0.5, 90.0
OUTBOUND_ANSWERED, DIAL_SECONDS, OUTBOUND_TALK_SECONDS = 0.7, (6.0, 25.0), 60.0
COMPANY_NUMBER = "+61370100000"

_DESKS = {desk.place.name: desk for desk in DESKS}


class Stay(msgspec.Struct, frozen=True):
    """One call's stay at one desk until `left_at` (floor seconds), when `phone` answered or nobody had."""

    desk: Desk
    status: Literal["answered", "abandoned", "unanswered"]
    left_at: float
    phone: Phone | None = None


def busy_rate(agents: int) -> float:
    """Calls per hour that keep so many agents busy, with callers waiting now and then."""
    return agents * CALLS_PER_AGENT_HOUR


def opening(floor: Floor) -> Process:
    """Calls that come at once: without them the first minutes would be a slow climb."""
    calls = round(len(floor.phones) * OPENING_CALLS_PER_AGENT)
    for _ in range(calls):
        yield floor.between((0, 2 * OPENING_SECONDS / calls))
        floor.begin(queued(floor, some_desk(floor)))


def arrivals(floor: Floor, calls_per_hour: float) -> Process:
    """Poisson arrivals for ever, at the day's curve times `calls_per_hour`."""
    while True:
        per_second = calls_per_hour / 3600 * DAY_CURVE[floor.at(floor.now).hour]
        yield floor.rng.expovariate(per_second)
        floor.begin(some_call(floor))


def some_call(floor: Floor) -> Process:
    """A call of a kind drawn by the shares above."""
    kinds = (outbound, direct, menu)
    shares = (OUTBOUND_SHARE, DIRECT_SHARE, MENU_SHARE)
    drawn = floor.rng.choices((*kinds, None), (*shares, 1 - sum(shares)))[0]
    return queued(floor, some_desk(floor)) if drawn is None else drawn(floor)


def some_desk(floor: Floor) -> Desk:
    """A desk drawn by its share of the calls."""
    return floor.rng.choices(DESKS, [desk.share for desk in DESKS])[0]


def queued(floor: Floor, desk: Desk) -> Process:
    """A call to a desk, which may overflow once; the summaries follow when the call has ended."""
    line = floor.new_call(desk.number)
    leave_at = floor.now + LEAST_PATIENCE_SECONDS + floor.rng.expovariate(1 / desk.patience_seconds)
    stays = [(yield from first_stay(floor, line, desk, leave_at))]
    if stays[0].status == "unanswered" and desk.overflow_to:
        stays.append((yield from stay(floor, line, _DESKS[desk.overflow_to], leave_at)))
    last = stays[-1]
    if last.phone is not None:
        yield from talk(floor, line, last.desk.place, last.phone, last.desk.talk_seconds)
    for each in stays:
        summarise(floor, line, each)
    if last.phone is not None:
        yield from recorded(floor, line)
    else:
        floor.miss(line.caller_number)
    floor.over(line)


def first_stay(floor: Floor, line: Line, desk: Desk, leave_at: float) -> Generator[float, None, Stay]:
    """The stay at the desk that was called; one that overflows is `unanswered` there."""
    overflow_at = floor.now + desk.overflow_after_seconds
    if not desk.overflow_to or leave_at <= overflow_at:
        return (yield from stay(floor, line, desk, leave_at))
    came = yield from stay(floor, line, desk, overflow_at)
    if came.phone is not None:
        return came
    name = desk.place.name
    floor.post(line, bodies.component(line, f"{name} queue time-out"), f"queue_timeout:{name}")
    return msgspec.structs.replace(came, status="unanswered")


def stay(floor: Floor, line: Line, desk: Desk, leave_at: float) -> Generator[float, None, Stay]:
    """Waits in the line and rings free agents by turns, until somebody answers or the caller leaves."""
    if desk.place.kind == "queue":
        name = desk.place.name
        floor.post(line, bodies.component(line, f"{name} entered"), f"queue_entered:{name}")
    yield min(floor.between(ANNOUNCEMENT_SECONDS), leave_at - floor.now)
    while floor.now < leave_at:
        phones = yield from turn(floor, line, desk, leave_at)
        phone = yield from attempt(floor, line, desk, phones, leave_at)
        if phone is not None:
            return Stay(desk, "answered", floor.now, phone)
        yield min(floor.between(RING_AGAIN_SECONDS), max(0.0, leave_at - floor.now))
    return Stay(desk, "abandoned", floor.now)


def turn(floor: Floor, line: Line, desk: Desk, leave_at: float) -> Generator[float, None, list[Phone]]:
    """Waits to be first with an agent free; nobody, if the caller leaves before."""
    floor.queue_up(line, desk.place)
    phones: list[Phone] = []
    while not phones and floor.now < leave_at:
        if floor.is_first(line, desk.place):
            phones = floor.free_phones(lambda agent: desk.place.name in agent.skills)
        if not phones:
            yield min(LOOK_AGAIN_SECONDS, leave_at - floor.now)
    floor.step_out(line, desk.place)
    return phones if desk.ring_all else phones[:1]


def attempt(
    floor: Floor, line: Line, desk: Desk, phones: list[Phone], leave_at: float
) -> Generator[float, None, Phone | None]:
    """One round of ringing, cut short if the caller leaves."""
    if not phones or floor.now >= leave_at:
        return None
    seconds = min(desk.ring_seconds, leave_at - floor.now)
    return (yield from floor.ring(line, desk.place, phones, seconds, NO_ANSWER))


def talk(floor: Floor, line: Line, place: Place | None, phone: Phone, median: float) -> Process:
    """The talk of an agent who has just answered, with a transfer to a colleague now and then."""
    since = floor.now
    yield floor.about(median * phone.agent.pace)
    colleagues = floor.free_phones(lambda agent: agent is not phone.agent)
    if colleagues and floor.chance(TRANSFER_SHARE):
        yield from transfer(floor, line, place, phone, floor.rng.choice(colleagues), since)
        return
    floor.hang_up(line, place, phone, since, floor.between(WRAP_UP_SECONDS))


def transfer(floor: Floor, line: Line, place: Place | None, phone: Phone, colleague: Phone, since: float) -> Process:
    """The agent stays on until the colleague answers, and goes on talking if nobody does."""
    to_colleague = msgspec.structs.replace(line, dialled_number=colleague.party.number)
    taken = yield from floor.ring(to_colleague, None, [colleague], DIRECT_RING_SECONDS, DIRECT_NO_ANSWER)
    if taken is None:
        yield floor.about(TRANSFER_TALK_SECONDS / 2)
    floor.hang_up(line, place, phone, since, floor.between(WRAP_UP_SECONDS))
    if taken is not None:
        answered_at = floor.now
        yield floor.about(TRANSFER_TALK_SECONDS * taken.agent.pace)
        floor.hang_up(to_colleague, None, taken, answered_at, floor.between(WRAP_UP_SECONDS))


def summarise(floor: Floor, line: Line, each: Stay) -> None:
    """The desk's own account, posted when the call has ended; talk is counted to the end of the call."""
    agent = each.phone.party if each.phone else NOBODY
    connected_at = floor.at(each.left_at) if each.phone else None
    ended_at = floor.at(floor.now if each.phone else each.left_at)
    floor.post(line, bodies.summary(line, each.desk.place, agent, connected_at, ended_at, each.status))


def recorded(floor: Floor, line: Line, dialled_by: Phone | None = None) -> Process:
    """Some calls' recordings arrive a little later."""
    if floor.chance(RECORDED_SHARE):
        yield RECORDING_AFTER_SECONDS
        agent = dialled_by.party if dialled_by else None
        floor.post(line, bodies.recording(line, floor.at(floor.now), agent))


def direct(floor: Floor) -> Process:
    """Somebody calls an agent's own extension; nobody there often means a voicemail."""
    phones = floor.free_phones(lambda agent: True)
    if not phones:
        return
    phone = floor.rng.choice(phones)
    line = floor.new_call(phone.party.number or COMPANY_NUMBER)
    taken = yield from floor.ring(line, None, [phone], DIRECT_RING_SECONDS, DIRECT_NO_ANSWER)
    if taken is not None:
        yield from talk(floor, line, None, taken, DIRECT_TALK_SECONDS)
    else:
        if floor.chance(VOICEMAIL_SHARE):
            yield from message(floor, line)
        floor.miss(line.caller_number)
    floor.over(line)


def message(floor: Floor, line: Line) -> Process:
    """The caller speaks to the mailbox."""
    yield floor.between(MESSAGE_SECONDS)
    floor.post(line, bodies.voicemail(line, floor.at(floor.now)))


def menu(floor: Floor) -> Process:
    """A caller who gets no further than a menu, and perhaps leaves a message there."""
    line = floor.new_call(COMPANY_NUMBER)
    floor.post(line, bodies.component(line, MENU_NAME))
    yield floor.between(MENU_SECONDS)
    if floor.chance(VOICEMAIL_SHARE):
        yield from message(floor, line)
    floor.over(line)


def outbound(floor: Floor) -> Process:
    """An idle agent calls somebody, often a caller whom nobody had answered; who may not answer now."""
    phones = floor.free_phones(lambda agent: True)
    if not phones:
        return
    phone = floor.rng.choice(phones)
    phone.free_from = float("inf")
    missed = floor.to_ring_back(RING_BACK_AFTER_SECONDS) if floor.chance(RING_BACK_SHARE) else None
    line = floor.new_call(missed or floor.some_number(), COMPANY_NUMBER)
    floor.post(line, bodies.dialling(line, phone.party))
    yield floor.between(DIAL_SECONDS)
    since = floor.now if floor.chance(OUTBOUND_ANSWERED) else None
    if since is not None:
        floor.post(line, bodies.dialled_answered(line, phone.party, floor.at(since)))
        yield floor.about(OUTBOUND_TALK_SECONDS * phone.agent.pace)
    connected_at = None if since is None else floor.at(since)
    floor.post(line, bodies.dialled_completed(line, phone.party, connected_at, floor.at(floor.now)))
    phone.free_from = floor.now + floor.between(WRAP_UP_SECONDS)
    if since is not None:
        yield from recorded(floor, line, phone)
    elif missed is not None:
        floor.miss(missed)
    floor.over(line)
