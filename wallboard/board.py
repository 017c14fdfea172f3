"""The fold: events in, the state of calls, agents, queues and days out; no I/O, no clock, no ratio.

The same events give the same board, always. What depends on the time alone (who is presumed to have
ended) is settled by `settle(now)`, forwards and backwards, from the events' own `received_at`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import msgspec

from wallboard.agents import Agent, AgentTold
from wallboard.callbacks.callers import Callers
from wallboard.calls import MOST_BODIES, Call, rest_again
from wallboard.events import AnyEvent, ComponentPassed, OfferEvent, Place, Summarised, VoicemailLeft
from wallboard.ledger import Book
from wallboard.limits import MOST, Kind, Limit, Names
from wallboard.meaning import OfferState
from wallboard.namesakes import Namesakes
from wallboard.quarters import NEVER, Quarters
from wallboard.rules import Rules
from wallboard.shelves import Shelves
from wallboard.standing import Standing, Standings, stands
from wallboard.tally import Tally
from wallboard.totals import Day
from wallboard.touched import Touched
from wallboard.usual import Pbx, PbxTold

_DAY = timedelta(days=1)
_AGENT_REMEMBERED = timedelta(days=7)
_MOST_BEHIND = 50
"""So many calls may be behind what they have heard: whoever looks waits some 3 ms until all are brought up."""
_MOST_BEHIND_IN_BULK = 5_000
_AWAKE_WHEN_OVER = 1_000
"""So many calls that ended last are not at rest: late news is of them, and pages show the last 200."""


def _raised(error: Exception) -> None:
    raise error


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a board knows beside its calls and their days, and remembers when their events have been deleted."""

    last_event_at: datetime | None
    agents: tuple[AgentTold, ...]
    places: tuple[tuple[Place, datetime], ...]
    names: dict[Kind, dict[str, datetime]]
    pbx: PbxTold


class Board:
    """What is known of the floor after the events applied so far."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.leave: Callable[[Exception], None] = _raised
        """What is done about a call that cannot be counted, whoever looks; the others are."""
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {}
        self.places: dict[Place, datetime] = {}
        self.last_event_at: datetime | None = None
        self.pbx = Pbx(rules.zone)
        self._book = Book()
        self._callers = Callers(rules.country, rules.thresholds.short_abandon_ms)
        self.touched = Touched()
        self._standings, self._stood = Standings(), -1
        self._names = Names()
        self._namesakes = Namesakes()
        self._newest_day: date | None = None
        self._voicemail_days: dict[tuple[str, datetime | None], date] = {}
        self._shelves = Shelves(rules.timeout)
        self._behind: OrderedDict[str, Call] = OrderedDict()
        self._unread: OrderedDict[str, Call] = OrderedDict()
        self._unread_before = date.min
        self._news: set[str] = set()
        self._most_behind = _MOST_BEHIND
        self._over: OrderedDict[str, Call] = OrderedDict()
        self._looked_at: deque[Call] = deque()
        self._quarters = Quarters(rules)
        self._tally = Tally(rules, self._quarters, self.touched)
        self._page = NEVER

    # --- applying ------------------------------------------------------------------------------------

    def apply(self, event: AnyEvent) -> bool:
        """Folds one event in; False if it was a redelivery that told nothing.

        Sums, accounts, shelves and callers follow a call when anybody looks, or too many are behind.
        """
        at = self.last_event_at = event.received_at
        if not self._page[0] <= at < self._page[1]:
            self._turn_day(at)
        event = self._names.within(event)
        call = self._namesakes.call_of(event)
        self.pbx.hear(event, begins_call=call is None)
        self._book.hear(event)
        if call is None:
            call = self._namesakes.begin(event)
            self.calls[call.key] = call
        elif call.is_at_rest:
            self._wake(call)
        self.touched.call(call.key)
        news = self._hear(call, event)
        self._set_phones(call, call.phones(), at)
        self._behind[call.key] = call
        self._behind.move_to_end(call.key)
        if len(self._behind) > self._most_behind:
            self._give_way(self._behind.popitem(last=False)[1])
        return news

    def _hear(self, call: Call, event: AnyEvent) -> bool:
        if call.is_full_for(event):
            self._names.pass_over("call_events")
            call.hear_no_more(event)
            return True
        if not call.hear(event):
            self._book.repeat(self._quarters.day_of(event.received_at))
            return False
        self._news.add(call.key)
        self._note_names(event)
        if isinstance(event, VoicemailLeft):
            self._count_voicemail(call, event)
        return True

    @contextmanager
    def in_bulk(self, now: datetime | None = None) -> Iterator[None]:
        """While nobody looks, more may be behind, and nothing that was touched is noted.

        Calls of days that will be forgotten by `now` are followed only should anybody look all the same.
        """
        self._most_behind = _MOST_BEHIND_IN_BULK
        self._unread_before = date.min if now is None else self.rules.day_of(now) - _DAY
        try:
            with self.touched.off():
                yield
        finally:
            self._most_behind, self._unread_before = _MOST_BEHIND, date.min

    def catch_up(self) -> None:
        """Brings sums, shelves and callers up to what the calls have heard."""
        while self._unread:
            call = self._unread.popitem(last=False)[1]
            call.wake()
            self._follow(call)
        while self._behind:
            self._follow(self._behind.popitem(last=False)[1])

    def _give_way(self, call: Call) -> None:
        """Nothing has come of it for longer than of any other that is behind."""
        is_new = call not in self._tally
        if is_new and call.state() == "ended" and self._quarters.day_of(call.started_at) < self._unread_before:
            self._unread[call.key] = call
            self._callers.hold(call)
            call.rest(self._looked_at)
        else:
            self._follow(call)

    def _follow(self, call: Call) -> None:
        try:
            if call.key in self._news:
                self._news.discard(call.key)
                self._tally.count(call)
                self._callers.hold(call)
            self._shelve(call)
        except Exception as error:  # noqa: BLE001 - the per-call guard
            self.leave(error)

    def lie_down(self) -> None:
        """Works out what the next look would, and has every call rest that may."""
        self.catch_up()
        self._callers.lines()
        self._callers.new_voicemails()
        while self._looked_at:
            rest_again(self._looked_at.popleft())

    def limits(self, today: date) -> dict[Kind, Limit]:
        """How many names of each kind, and events of one call, are kept apart, and how often more came today."""
        beyond = self._names.beyond(today)
        most: dict[Kind, int] = {**MOST, "call_events": MOST_BODIES}
        return {kind: Limit(number, beyond[kind]) for kind, number in most.items()}

    def _note_names(self, event: AnyEvent) -> None:
        if isinstance(event, OfferEvent):
            agent = self.agents.get(event.agent)
            if agent is None:
                agent = self._new_agent(event.agent, event.received_at)
            if event.agent_name and event.agent_name != agent.name:
                agent.name = event.agent_name
                self.touched.everything()
            agent.heard_at = event.received_at
            for heard in event.places:
                self.places[heard] = event.received_at
        elif isinstance(event, Summarised):
            self.places[event.place] = event.received_at
        elif isinstance(event, ComponentPassed):
            for place in (event.entered, event.timed_out):
                if place is not None:
                    self.places.setdefault(place, event.received_at)

    def _new_agent(self, key: str, at: datetime) -> Agent:
        agent = self.agents[key] = Agent(key, at)
        self.touched.everything()
        return agent

    def _count_voicemail(self, call: Call, event: VoicemailLeft) -> None:
        key = (call.key, event.recorded_at)
        if key in self._voicemail_days:
            return
        day = self._voicemail_days[key] = self._quarters.day_of(event.recorded_at or event.received_at)
        box = event.dialled_number
        admitted = box and self._names.admit("voicemail_boxes", box, event.received_at)
        self._tally.day(day).voicemails[admitted] += 1
        self._callers.hold(call)
        self._callers.file_voicemail(call, event.recorded_at, admitted)

    def voicemails_of(self, day: date) -> Counter[str]:
        """How many voicemails that count in the day each remembered call left, by the call's key."""
        return Counter(key for (key, _), on in self._voicemail_days.items() if on == day and key in self.calls)

    def new_voicemails(self) -> Counter[str | None]:
        """Voicemails that nobody has dealt with, by box: those of every call that is remembered."""
        return self.callers.new_voicemails()

    @property
    def days(self) -> dict[date, Day]:
        """The sums of each day of which anything is known."""
        self.catch_up()
        return self._tally.days

    @property
    def book(self) -> Book:
        """Which events each call of which day has had."""
        self.catch_up()
        return self._book

    @property
    def callers(self) -> Callers:
        """Whoever the remembered calls were of."""
        self.catch_up()
        return self._callers

    def day(self, day: date) -> Day:
        """The sums of one day, empty ones if nothing is known of it."""
        self.catch_up()
        return self._tally.day(day)

    def lose(self, lost: int, noticed_at: datetime) -> None:
        """The journal was found damaged, and `lost` entries of it are gone: the numbers are too small by them."""
        self._tally.day(self.rules.day_of(noticed_at)).losses.append(lost)
        self.touched.everything()

    # --- what is live --------------------------------------------------------------------------------

    def _shelve(self, call: Call) -> None:
        self._unshelve(call)
        state = call.state()
        if state != "ended":
            self._over.pop(call.key, None)
            self._shelves.put(call, state)
            return
        if call.counts:
            self._book.post(call, self._tally.day_of(call))
        self._over[call.key] = call
        self._over.move_to_end(call.key)
        if len(self._over) > _AWAKE_WHEN_OVER:
            self._rest(self._over.popitem(last=False)[1])

    def _rest(self, call: Call) -> None:
        self._tally.put_away(call.key)
        call.rest(self._looked_at)

    def _wake(self, call: Call) -> None:
        if self._unread.pop(call.key, None) is None:
            self._tally.take_out(call)
        call.wake()

    def _unshelve(self, call: Call) -> None:
        self._book.withdraw(call)
        if self._shelves.take(call):
            self._count_presumed(call, -1)

    def _set_phones(self, call: Call, phones: dict[str, tuple[OfferState, datetime]], at: datetime) -> None:
        for key in call.offers:
            agent = self.agents.get(key)
            if agent is None:
                agent = self._new_agent(key, at)
            was_busy, phone = bool(agent.calls), phones.get(key)
            if phone != agent.calls.get(call.key):
                self.touched.agent(key)
            if phone is not None:
                agent.calls[call.key] = phone
            else:
                agent.calls.pop(call.key, None)
            if not agent.calls and (was_busy or agent.idle_since is None):
                agent.idle_since = at

    def settle(self, now: datetime) -> None:
        """Presumes ended what has been silent for too long at `now`, and takes that back where it was not."""
        self.catch_up()
        for call, ended_at in self._shelves.settle(now):
            self.touched.call(call.key)
            self._count_presumed(call, -1 if ended_at is None else 1)
            if ended_at is None:
                self._set_phones(call, call.phones(), call.last_received_at)
            else:
                self._set_phones(call, {}, ended_at)
        self._stand()

    def _stand(self) -> None:
        """Lets the calls that were touched stand where they stand now."""
        touches, self._stood = self.touched.since(self._stood), self.touched.revision
        if touches is None:
            self._standings = Standings()
            for call in self._shelves.live:
                self._standings.move(call.key, stands(call))
            return
        for key in touches.calls:
            call = self.calls[key]
            self.touched.places(self._standings.move(key, stands(call) if self.is_live(call) else ()))

    @property
    def standing(self) -> dict[Place, Standing]:
        """How each place stands where anybody does, as of the last `settle`."""
        return self._standings.by_place

    def _count_presumed(self, call: Call, by: int) -> None:
        day = self._tally.day_of(call)
        if by > 0:
            self._book.post(call, day)
        else:
            self._book.withdraw(call)
        if call.is_inbound:
            self._tally.day(day).presumed_ended += by

    def live_calls(self) -> list[Call]:
        """Every call that rings, waits or talks, as of the last `settle`; newest first."""
        return sorted(self._shelves.live, key=lambda call: (call.started_at, call.key), reverse=True)

    def presumed_calls(self) -> list[Call]:
        """Every call presumed ended, as of the last `settle`; newest first."""
        return sorted(self._shelves.presumed, key=lambda call: (call.last_received_at, call.key), reverse=True)

    def is_live(self, call: Call) -> bool:
        """Whether it rings, waits or talks, as of the last `settle`."""
        return self._shelves.is_live(call)

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
        self.catch_up()
        for call in self.calls.values():
            was_at_rest = call.is_at_rest
            if was_at_rest:
                self._wake(call)
            if call.step_clock(by):
                self._count_anew(call)
            if was_at_rest:
                self._rest(call)
        for agent in self.agents.values():
            agent.heard_at += by
            agent.idle_since = agent.idle_since and agent.idle_since + by
        for call in self._shelves.live:
            self._set_phones(call, call.phones(), call.last_received_at)
        self.places = {place: at + by for place, at in self.places.items()}
        self.last_event_at = self.last_event_at and self.last_event_at + by
        self._names.step_clock(by)
        self.pbx.step_clock(by)
        self._book.step_clock(by)
        self._callers.step_clock(by)
        self._newest_day, self._page = None, NEVER
        self.touched.everything()

    def _count_anew(self, call: Call) -> None:
        """Counts a call whose day may be another one now."""
        presumed = self.is_presumed(call)
        if presumed:
            self._count_presumed(call, -1)
        self._tally.count(call)
        if presumed:
            self._count_presumed(call, 1)
        elif call.counts and call.state() == "ended":
            self._book.post(call, self._tally.day_of(call))

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
        self.touched.everything()
        self.last_event_at = told.last_event_at
        for known in told.agents:
            agent = self.agents[known.key] = Agent(known.key, known.heard_at)
            agent.name, agent.idle_since = known.name, known.idle_since
        self.places.update(told.places)
        self._names.take_up(told.names)
        self.pbx.take_up(told.pbx)

    def forget_before(self, day: date, at: datetime) -> None:
        """Forgets the calls of all days before `day`, though no event has come since to turn the page."""
        self.catch_up()
        for old in [known for known in self._tally.days if known < day]:
            self._forget_day(old, at)

    def erase(self, ids: Set[str], is_theirs: Callable[[str | None], bool]) -> None:
        """Forgets whose the calls of these ids were; the numbers stay."""
        self.catch_up()
        self.touched.everything()
        for call in [known for known in self.calls.values() if known.id in ids]:
            was_at_rest = call.is_at_rest
            if was_at_rest:
                self._wake(call)
            call.erase(is_theirs)
            self._callers.hold(call)
            if was_at_rest:
                self._rest(call)

    # --- forgetting ----------------------------------------------------------------------------------

    def _turn_day(self, received_at: datetime) -> None:
        day, self._page = self._quarters.day_of(received_at), self._quarters.latest
        if self._newest_day is not None and day <= self._newest_day:
            return
        while self._behind:
            self._give_way(self._behind.popitem(last=False)[1])
        self.touched.everything()
        self._newest_day = day
        for old in [known for known in self._tally.days if known < day - _DAY]:
            self._forget_day(old, received_at)
        for call in [known for known in self._unread.values() if self._quarters.day_of(known.started_at) < day - _DAY]:
            del self._unread[call.key]
            self._news.discard(call.key)
            self._forget(call)
        self._book.forget(day - 2 * _DAY)
        silent = received_at - _AGENT_REMEMBERED
        self.agents = {k: a for k, a in self.agents.items() if a.calls or a.heard_at > silent}
        self.places = {place: at for place, at in self.places.items() if at > silent}
        self._names.turn(day, silent)
        self._callers.forget_marks(received_at)

    def _forget_day(self, day: date, at: datetime) -> None:
        self.touched.everything()
        for call_id in self._tally.days[day].call_ids:
            call = self.calls.get(call_id)
            if call is None or self._tally.day_of(call) != day:
                continue
            self._unshelve(call)
            if not call.is_at_rest:
                self._set_phones(call, {}, at)
            self._over.pop(call_id, None)
            self._tally.put_away(call_id)
            self._forget(call)
        del self._tally.days[day]
        self._book.forget(day)

    def _forget(self, call: Call) -> None:
        del self.calls[call.key]
        self._namesakes.forget(call)
        self._callers.forget(call)
        for recorded_at in call.voicemails:
            self._voicemail_days.pop((call.key, recorded_at), None)
