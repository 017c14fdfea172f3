"""What each call adds to the sums of which day; knows no order of events and no screen."""

from __future__ import annotations

from collections.abc import Set
from datetime import date

from wallboard.calls import Call
from wallboard.quarters import Quarters
from wallboard.rules import Rules
from wallboard.totals import AgentPart, Contribution, Day, contribution
from wallboard.touched import Touched


class Tally:
    """The sums of each day, and the contribution of every call that is not at rest."""

    def __init__(self, rules: Rules, quarters: Quarters, touched: Touched) -> None:
        self._thresholds = rules.thresholds
        self._quarters = quarters
        self._touched = touched
        self.days: dict[date, Day] = {}
        self._contributions: dict[str, tuple[date, Contribution]] = {}

    def __contains__(self, call: Call) -> bool:
        """Whether its contribution is at hand."""
        return call.key in self._contributions

    def day(self, day: date) -> Day:
        """The sums of one day, empty ones if nothing is known of it."""
        sums = self.days.get(day)
        if sums is None:
            sums = self.days[day] = Day(self._thresholds)
        return sums

    def day_of(self, call: Call) -> date:
        """The day that the call counts in."""
        known = self._contributions.get(call.key)
        return known[0] if known is not None else self._quarters.day_of(call.started_at)

    def count(self, call: Call) -> None:
        """Takes out what the call added before, and adds what it means now."""
        day, after = self._quarters.day_of(call.started_at), contribution(call)
        before = self._contributions.get(call.key)
        if before == (day, after):
            return
        # A ring-all has hundreds of agents, and one event changes the part of one.
        same = frozenset(before[1].agents).intersection(after.agents) if before and before[0] == day else frozenset()
        if before is not None:
            self.day(before[0]).move(call.key, before[1], -1, same)
            self.day(before[0]).call_ids.discard(call.key)
            self._touch(before[1], same)
        self.day(day).move(call.key, after, 1, same)
        self._touch(after, same)
        self.day(day).call_ids.add(call.key)
        self._contributions[call.key] = (day, after)

    def put_away(self, key: str) -> None:
        """Of a call at rest: what it adds to its day is a function of the call, and need not be kept either."""
        self._contributions.pop(key, None)

    def take_out(self, call: Call) -> None:
        """Of a call that wakes, before it changes."""
        self._contributions[call.key] = (self._quarters.day_of(call.started_at), contribution(call))

    def _touch(self, part: Contribution, same: Set[AgentPart]) -> None:
        self._touched.places(visit.place for visit in part.visits)
        self._touched.agents(agent.agent for agent in part.agents if agent not in same)
