"""The fold: events in, the state of calls, agents, queues and days out; no I/O, no clock, no ratio.

The same events give the same board, always. What depends on the time alone (who is presumed to have
ended) is settled by `settle(now)`, forwards and backwards, from the events' own `received_at`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Set
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec

from wallboard.callbacks.callers import Callers
from wallboard.callbacks.phone import HOME
from wallboard.calls import MOST_BODIES, Call, CallState, OfferState
from wallboard.events import AnyEvent, OfferEvent, Place, Summarised, VoicemailLeft
from wallboard.ledger import Book
from wallboard.limits import MOST, Kind, Limit, Names
from wallboard.namesakes import Namesakes
from wallboard.shelves import Shelves
from wallboard.totals import Contribution, Day, Thresholds, contribution
from wallboard.usual import Pbx, PbxTold

_AGENT_REMEMBERED = timedelta(days=7)
_PRECEDENCE: dict[OfferState, int] = {"talking": 3, "dialling": 2, "ringing": 1, "ended": 0}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator may set about the meaning of things; timeouts are call-model.md's "Lost webhooks"."""

    zone: tzinfo
    day_starts_at: time = time(0)
    thresholds: Thresholds = Thresholds()
    country: str = HOME
    ringing_timeout: timedelta = timedelta(minutes=3)
    waiting_timeout: timedelta = timedelta(minutes=30)
    talking_timeout: timedelta = timedelta(hours=4)

    def day_of(self, moment: datetime) -> date:
        """The local day that `moment` counts in; a 23- or 25-hour day at a clock change is one day."""
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        start = timedelta(hours=self.day_starts_at.hour, minutes=self.day_starts_at.minute)
        return (local - start).date()

    def starts_at(self, day: date) -> datetime:
        """The first instant of a day, in UTC."""
        return datetime.combine(day, self.day_starts_at, self.zone).astimezone(UTC)

    def timeout(self, state: CallState) -> timedelta:
        match state:
            case "ringing":
                return self.ringing_timeout
            case "waiting":
                return self.waiting_timeout
            case _:
                return self.talking_timeout


class AgentTold(msgspec.Struct, frozen=True):
    key: str
    name: str | None
    heard_at: datetime
    idle_since: datetime | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a board knows beside its calls and their days, and remembers when their events have been deleted."""

    last_event_at: datetime | None
    agents: tuple[AgentTold, ...]
    places: tuple[tuple[Place, datetime], ...]
    names: dict[Kind, dict[str, datetime]]
    pbx: PbxTold


class Agent:
    """A PBX user: the number (or the name where there is none), the latest name, and what the phone does."""

    __slots__ = ("calls", "heard_at", "idle_since", "key", "name")

    def __init__(self, key: str, heard_at: datetime) -> None:
        self.key = key
        self.name: str | None = None
        self.heard_at = heard_at
        self.idle_since: datetime | None = None
        self.calls: dict[str, tuple[OfferState, datetime]] = {}

    @property
    def state(self) -> str:
        """`idle` as far as we know: the PBX tells of no pause and no log-out."""
        return self._busiest()[0] if self.calls else "idle"

    @property
    def since(self) -> datetime | None:
        return self._busiest()[1] if self.calls else self.idle_since

    def _busiest(self) -> tuple[OfferState, datetime]:
        return max(self.calls.values(), key=lambda phone: (_PRECEDENCE[phone[0]], -phone[1].timestamp()))


class Board:
    """What is known of the floor after the events applied so far."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {}
        self.places: dict[Place, datetime] = {}
        self.days: dict[date, Day] = {}
        self.last_event_at: datetime | None = None
        self.pbx = Pbx(rules.zone)
        self.book = Book()
        self.callers = Callers(rules.country, rules.thresholds.short_abandon_ms)
        self._names = Names()
        self._namesakes = Namesakes()
        self._newest_day: date | None = None
        self._contributions: dict[str, tuple[date, Contribution]] = {}
        self._voicemail_days: dict[tuple[str, datetime | None], date] = {}
        self._shelves = Shelves(rules.timeout)

    # --- applying ------------------------------------------------------------------------------------

    def apply(self, event: AnyEvent) -> bool:
        """Folds one event in; False if it was a redelivery that told nothing."""
        self.last_event_at = event.received_at
        self._turn_day(event.received_at)
        event = self._names.within(event)
        call = self._namesakes.call_of(event)
        self.pbx.hear(event, begins_call=call is None)
        self.book.hear(event)
        if call is None:
            call = self._namesakes.begin(event)
            self.calls[call.key] = call
        if call.is_full_for(event):
            self._names.pass_over("call_events")
            call.hear_no_more(event)
            self._shelve(call, event.received_at)
            return True
        news = call.hear(event)
        if news:
            self._note_names(event)
            self._count(call)
            self.callers.hold(call)
            if isinstance(event, VoicemailLeft):
                self._count_voicemail(call, event)
        else:
            self.book.repeat(self.rules.day_of(event.received_at))
        self._shelve(call, event.received_at)
        return news

    def limits(self, today: date) -> dict[Kind, Limit]:
        """How many names of each kind, and events of one call, are kept apart, and how often more came today."""
        beyond = self._names.beyond(today)
        most: dict[Kind, int] = {**MOST, "call_events": MOST_BODIES}
        return {kind: Limit(number, beyond[kind]) for kind, number in most.items()}

    def _note_names(self, event: AnyEvent) -> None:
        if isinstance(event, OfferEvent):
            agent = self.agents.get(event.agent)
            if agent is None:
                agent = self.agents[event.agent] = Agent(event.agent, event.received_at)
            agent.name = event.agent_name or agent.name
            agent.heard_at = event.received_at
            self.places.update(dict.fromkeys(event.places, event.received_at))
        elif isinstance(event, Summarised):
            self.places[event.place] = event.received_at

    def _count(self, call: Call) -> None:
        day, after = self.rules.day_of(call.started_at), contribution(call)
        before = self._contributions.get(call.key)
        if before == (day, after):
            return
        # A ring-all has hundreds of agents, and one event changes the part of one.
        same = frozenset(before[1].agents).intersection(after.agents) if before and before[0] == day else frozenset()
        if before is not None:
            self.day(before[0]).move(call.key, before[1], -1, same)
        self.day(day).move(call.key, after, 1, same)
        self.day(day).call_ids.add(call.key)
        self._contributions[call.key] = (day, after)
        self.places.update(
            {visit.place: call.last_received_at for visit in after.visits if visit.place not in self.places}
        )

    def _count_voicemail(self, call: Call, event: VoicemailLeft) -> None:
        key = (call.key, event.recorded_at)
        if key in self._voicemail_days:
            return
        day = self._voicemail_days[key] = self.rules.day_of(event.recorded_at or event.received_at)
        box = event.dialled_number
        admitted = box and self._names.admit("voicemail_boxes", box, event.received_at)
        self.day(day).voicemails[admitted] += 1
        self.callers.file_voicemail(call, event.recorded_at, admitted)

    def new_voicemails(self) -> Counter[str | None]:
        """Voicemails that nobody has dealt with, by box: those of every call that is remembered."""
        return self.callers.new_voicemails()

    def day(self, day: date) -> Day:
        """The sums of one day, empty ones if nothing is known of it."""
        sums = self.days.get(day)
        if sums is None:
            sums = self.days[day] = Day(self.rules.thresholds)
        return sums

    def lose(self, lost: int, noticed_at: datetime) -> None:
        """The journal was found damaged, and `lost` entries of it are gone: the numbers are too small by them."""
        self.day(self.rules.day_of(noticed_at)).losses.append(lost)

    # --- what is live --------------------------------------------------------------------------------

    def _shelve(self, call: Call, at: datetime) -> None:
        self._unshelve(call)
        state = call.state()
        if state != "ended":
            self._shelves.put(call, state)
        elif call.counts:
            self.book.post(call, self._contributions[call.key][0])
        self._set_phones(call, call.phones(), at)

    def _unshelve(self, call: Call) -> None:
        self.book.withdraw(call)
        if self._shelves.take(call):
            self._count_presumed(call, -1)

    def _set_phones(self, call: Call, phones: dict[str, tuple[OfferState, datetime]], at: datetime) -> None:
        for key in call.offers:
            agent = self.agents.get(key)
            if agent is None:
                agent = self.agents[key] = Agent(key, at)
            was_busy = bool(agent.calls)
            if key in phones:
                agent.calls[call.key] = phones[key]
            else:
                agent.calls.pop(call.key, None)
            if not agent.calls and (was_busy or agent.idle_since is None):
                agent.idle_since = at

    def settle(self, now: datetime) -> None:
        """Presumes ended what has been silent for too long at `now`, and takes that back where it was not."""
        for call, ended_at in self._shelves.settle(now):
            self._count_presumed(call, -1 if ended_at is None else 1)
            if ended_at is None:
                self._set_phones(call, call.phones(), call.last_received_at)
            else:
                self._set_phones(call, {}, ended_at)

    def _count_presumed(self, call: Call, by: int) -> None:
        day = self._contributions[call.key][0]
        if by > 0:
            self.book.post(call, day)
        else:
            self.book.withdraw(call)
        if call.is_inbound:
            self.day(day).presumed_ended += by

    def live_calls(self) -> list[Call]:
        """Every call that rings, waits or talks, as of the last `settle`; newest first."""
        return sorted(self._shelves.live, key=lambda call: (call.started_at, call.key), reverse=True)

    def presumed_calls(self) -> list[Call]:
        """Every call presumed ended, as of the last `settle`; newest first."""
        return sorted(self._shelves.presumed, key=lambda call: (call.last_received_at, call.key), reverse=True)

    def is_presumed(self, call: Call) -> bool:
        return self._shelves.is_presumed(call)

    def ended_calls(self, day: date, most: int) -> list[Call]:
        """The day's calls that ended last, newest first."""
        return [self.calls[call_id] for _, call_id in reversed(self.day(day).ended[-most:])]

    # --- the clock -----------------------------------------------------------------------------------

    def step_clock(self, by: timedelta) -> None:
        """Restates by the clock as it goes from now on all that our own clock told; what the PBX told stays.

        Everything moves alike, so what lies in order of its last news stays in that order.
        """
        for call in self.calls.values():
            if call.step_clock(by):
                self._count_anew(call)
        for agent in self.agents.values():
            agent.heard_at += by
            agent.idle_since = agent.idle_since and agent.idle_since + by
        for call in self._shelves.live:
            self._set_phones(call, call.phones(), call.last_received_at)
        self.places = {place: at + by for place, at in self.places.items()}
        self.last_event_at = self.last_event_at and self.last_event_at + by
        self._names.step_clock(by)
        self.pbx.step_clock(by)
        self.book.step_clock(by)
        self.callers.step_clock(by)
        self._newest_day = None

    def _count_anew(self, call: Call) -> None:
        """Counts a call whose day may be another one now."""
        presumed = self.is_presumed(call)
        if presumed:
            self._count_presumed(call, -1)
        self._count(call)
        if presumed:
            self._count_presumed(call, 1)
        elif call.counts and call.state() == "ended":
            self.book.post(call, self._contributions[call.key][0])

    # --- outliving the events ------------------------------------------------------------------------

    def told(self) -> Told:
        return Told(
            last_event_at=self.last_event_at,
            agents=tuple(AgentTold(a.key, a.name, a.heard_at, a.idle_since) for a in self.agents.values()),
            places=tuple(self.places.items()),
            names=self._names.told(),
            pbx=self.pbx.told(),
        )

    def take_up(self, told: Told) -> None:
        """Goes on, before the first event, from what an earlier board knew whose events are deleted."""
        self.last_event_at = told.last_event_at
        for known in told.agents:
            agent = self.agents[known.key] = Agent(known.key, known.heard_at)
            agent.name, agent.idle_since = known.name, known.idle_since
        self.places.update(told.places)
        self._names.take_up(told.names)
        self.pbx.take_up(told.pbx)

    def forget_before(self, day: date, at: datetime) -> None:
        """Forgets the calls of all days before `day`, though no event has come since to turn the page."""
        for old in [known for known in self.days if known < day]:
            self._forget_day(old, at)

    def erase(self, ids: Set[str], is_theirs: Callable[[str | None], bool]) -> None:
        """Forgets whose the calls of these ids were; the numbers stay."""
        for call in self.calls.values():
            if call.id in ids:
                call.erase(is_theirs)
                self.callers.hold(call)

    # --- forgetting ----------------------------------------------------------------------------------

    def _turn_day(self, received_at: datetime) -> None:
        day = self.rules.day_of(received_at)
        if self._newest_day is not None and day <= self._newest_day:
            return
        self._newest_day = day
        for old in [known for known in self.days if known < day - timedelta(days=1)]:
            self._forget_day(old, received_at)
        silent = received_at - _AGENT_REMEMBERED
        self.agents = {k: a for k, a in self.agents.items() if a.calls or a.heard_at > silent}
        self.places = {place: at for place, at in self.places.items() if at > silent}
        self._names.turn(day, silent)
        self.callers.forget_marks(received_at)

    def _forget_day(self, day: date, at: datetime) -> None:
        for call_id in self.days[day].call_ids:
            call = self.calls.get(call_id)
            if call is None or self._contributions[call_id][0] != day:
                continue
            self._unshelve(call)
            self._set_phones(call, {}, at)
            del self.calls[call_id], self._contributions[call_id]
            self._namesakes.forget(call)
            self.callers.forget(call)
            for recorded_at in call.voicemails:
                self._voicemail_days.pop((call_id, recorded_at), None)
        del self.days[day]
        self.book.forget(day)
