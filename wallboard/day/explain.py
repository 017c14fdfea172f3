"""Every number of the desk: which calls count in it, and its formula in words; knows no sum, no page and no board.

Which visit counts in which number is said once, here: sums, the lists of calls behind them, and the words all come
from it, so that none can tell another story than the others. The ratios themselves are figures.py's.
"""

from __future__ import annotations

import msgspec

from wallboard.day.rows import CallRow, VisitRow
from wallboard.events import Place
from wallboard.figures import Ratio
from wallboard.settings import Formula


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in the formulas. `target` is a ratio; `whose` says in words who has set it and the rest."""

    service_level_ms: int = 20_000
    short_abandon_ms: int = 5_000
    formula: Formula = "default"
    target: float = 0.8
    whose: str = ""

    @property
    def said(self) -> str:
        """`80 % within 20 s`."""
        return f"{self.target * 100:.0f} % within {_seconds(self.service_level_ms)}"


class Standards(msgspec.Struct, frozen=True):
    """By which terms what is counted: one queue or ring group by its `own`, all else by the `general` ones."""

    general: Terms = Terms()
    own: dict[Place, Terms] = {}

    def of(self, place: Place | None) -> Terms:
        return self.own.get(place, self.general) if place else self.general


class Number(msgspec.Struct, frozen=True):
    """A number's heading, and its formula in words with `{T}` and `{S}` for the settings in it."""

    title: str
    words: str


VISITS: dict[str, Number] = {
    "offered": Number("Offered", "callers who came to the queue or ring group, those still waiting included"),
    "answered": Number("Answered", "visits that somebody answered"),
    "abandoned": Number("Abandoned", "callers who gave up before anybody answered, however short their wait"),
    "unanswered": Number("Unanswered", "visits that ended otherwise without an answer, such as by a timeout"),
    "open": Number("Open", "offered − answered − abandoned − unanswered: still waiting, or their end never came"),
    "short_abandoned": Number("Short abandoned", "abandoned after a wait under {S}"),
    "answered_in_time": Number("Answered in time", "answered after a wait of at most {T}"),
    "abandoned_in_time": Number("Abandoned in time", "abandoned after a wait of at most {T}"),
    "abandoned_late": Number("Abandoned late", "abandoned after a wait over {T}"),
}
AVERAGES: dict[str, Number] = {
    "average_speed_of_answer": Number(
        "Average speed of answer", "the waits of the answered, added up ÷ how many of them"
    ),
    "average_handle_time": Number(
        "Average handle time", "the talks of the answered that have ended, added up ÷ how many of them"
    ),
    "longest_wait": Number("Longest wait", "the longest wait of the day that has come to its end, answered or not"),
}
_PARTS = {
    "answered": "answered",
    "abandoned": "abandoned",
    "unanswered": "unanswered",
    "short_abandoned": "abandoned under {S}",
    "answered_in_time": "answered within {T}",
    "abandoned_in_time": "abandoned within {T}",
    "abandoned_late": "abandoned after more than {T}",
}
CALLS: dict[str, Number] = {
    "inbound_offered": Number("Inbound calls", "distinct inbound calls, however many queues they visited"),
    "inbound_answered": Number("Answered calls", "inbound calls that anybody answered"),
    "inbound_missed": Number(
        "Missed calls", "inbound calls that are over and were not answered, abandoned ones included"
    ),
    "inbound_open": Number("Open calls", "inbound calls − answered − missed: not answered and not over"),
    "presumed_ended": Number(
        "Presumed ended", "inbound calls that fell silent, so that their end must have been lost on the way"
    ),
    "outbound_placed": Number("Outbound calls", "calls that agents placed"),
    "outbound_answered": Number("Outbound answered", "calls that agents placed and that were answered"),
}
MESSAGES: dict[str, Number] = {
    "voicemails": Number("Voicemails", "distinct voicemails that were recorded on this day"),
}
AGENTS: dict[str, Number] = {
    "agent_answered": Number("Answered", "calls that the agent answered"),
    "agent_missed": Number(
        "Missed",
        "rings that ended unanswered; a ring that ended because somebody else answered is nobody's miss",
    ),
    "agent_outbound": Number("Outbound", "calls that the agent placed"),
    "agent_talk": Number("Talk", "all talk of the agent's calls that have ended, inbound and outbound"),
}


def visit_numbers(visit: VisitRow, terms: Terms) -> tuple[str, ...]:
    """Every number that the visit counts in once; `waits` and `talks` are how many an average is over."""
    wait = visit.wait_ms
    match visit.outcome:
        case "answered":
            timed = () if wait is None else ("waits", "answered_in_time")[: 1 + (wait <= terms.service_level_ms)]
            return ("offered", "answered", *timed, *(() if visit.talk_ms is None else ("talks",)))
        case "abandoned" if wait is not None:
            short = ("short_abandoned",) if wait < terms.short_abandon_ms else ()
            late = "abandoned_late" if wait > terms.service_level_ms else "abandoned_in_time"
            return ("offered", "abandoned", *short, late)
    return ("offered", visit.outcome)


def call_numbers(row: CallRow) -> tuple[str, ...]:
    """Every number of whole calls that the call counts in."""
    if not row.inbound:
        return ("outbound_placed", *(("outbound_answered",) if row.answered else ()))
    standing = "inbound_answered" if row.answered else "inbound_missed" if row.ended else "inbound_open"
    return ("inbound_offered", standing, *(("presumed_ended",) if row.presumed else ()))


def words_of(ratio: Ratio, terms: Terms) -> str:
    """The formula, such as: answered within 20 s ÷ (answered + abandoned + unanswered − abandoned under 5 s)."""
    return f"{_sum_words(ratio.top, ratio.top_less, terms)} ÷ {_sum_words(ratio.bottom, ratio.less, terms)}"


def words(number: Number, terms: Terms) -> str:
    return _filled(number.words, terms)


def _sum_words(names: tuple[str, ...], less: tuple[str, ...], terms: Terms) -> str:
    said = " + ".join(_PARTS[name] for name in names) + "".join(f" − {_PARTS[name]}" for name in less)
    return _filled(f"({said})" if len(names) + len(less) > 1 else said, terms)


def _filled(text: str, terms: Terms) -> str:
    return text.replace("{T}", _seconds(terms.service_level_ms)).replace("{S}", _seconds(terms.short_abandon_ms))


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s"
