"""The work list as a fold: who is on it, what takes a caller off it, and whose it is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from tests.samples import Body, abandoned, answered, answered_call, at, body, completed, missed, rang, summary
from tests.test_board import NOON, Floor
from wallboard.callbacks import phone
from wallboard.callbacks.lines import Line
from wallboard.callbacks.list import Asked, compose, since_ms, until_ms
from wallboard.eyes import Eyes
from wallboard.scope import Sight

CALLER, NATIONAL, OTHER = "+61290000001", "0290000001", "+61290000002"


class Desk(Floor):
    """A floor with somebody at the desk. `seconds` count from noon, the start of every call unless it says else."""

    def mark(self, kind: str, seconds: float, by: str = "Robin", caller: str = CALLER, **told: Any) -> Desk:
        self.board.callers.mark({"caller": caller, "mark": kind, "by": by, **told}, NOON + timedelta(seconds=seconds))
        return self

    def line(self, caller: str = CALLER) -> Line | None:
        return next((line for line in self.board.callers.lines() if line.caller == caller), None)

    @property
    def open(self) -> list[str]:
        return sorted(line.caller for line in self.board.callers.lines() if line.closed is None)

    @property
    def new(self) -> int:
        return self.board.new_voicemails().total()


def lost(call: str = "1", start: float = 0, lasted: float = 30, number: str | None = CALLER) -> list[Body]:
    own = {"caller_id": number, "call_start_at": at(start)}
    return [{**missed("1001", call, lasted), **own}, {**abandoned(call, lasted), **own}]


def taken(call: str = "t", start: float = 0, number: str = CALLER) -> list[Body]:
    """An inbound call, answered after 14 s."""
    own = {"caller_id": number, "call_start_at": at(start), "connected_at": at(start + 14)}
    return [rang("1002", call) | {"caller_id": number, "call_start_at": at(start)}, answered("1002", call) | own]


def dialled(call: str = "o", start: float = 0, number: str = NATIONAL, reached: bool = True) -> list[Body]:
    told = body("user_outbound", call, caller_id="+61380000000", dest_number=number, user_number="1002",
                user_name="Agent 1002", call_start_at=at(start))  # fmt: skip
    end = {"type": "user_outbound_completed", "call_duration": 60, "conversation_duration": 50 if reached else 0}
    return [told, told | end | {"connected_at": at(start + 9) if reached else None}]


def word(call: str = "v", recorded: float = 40, **fields: Any) -> Body:
    return body("voicemail", call, recorded_at=at(recorded), call_start_at=None, **fields)


# --- who is on the list ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bodies", "is_on"),
    [
        (lost(), True),
        ([missed("1001"), missed("1003", lasted=13), missed("1004"), abandoned()], True),
        ([missed("1001", queue=None)], True),
        ([word()], True),
        (answered_call(), False),
        ([missed("1001"), *answered_call()], False),
        ([rang("1001")], False),
        (dialled(reached=False), False),
        (dialled(), False),
    ],
    ids=["abandoned", "ring-all", "direct", "voicemail", "answered", "answered later", "live", "no answer out", "out"],
)
def test_who_is_to_be_rung_back(bodies: list[Body], is_on: bool) -> None:
    assert Desk(*bodies).open == ([CALLER] if is_on else [])


def test_a_ring_all_that_nobody_answered_is_one_try() -> None:
    agents = [str(number) for number in range(1001, 1013)]
    line = Desk(*map(rang, agents), *map(missed, agents), abandoned()).line()
    assert line is not None
    assert len(line.tries) == 1


def test_a_caller_has_one_line_however_often_and_however_written() -> None:
    desk = Desk(*lost("1", lasted=30), *lost("2", 600, lasted=50, number=NATIONAL), *lost("3", 300, lasted=20))
    line = desk.line()
    assert line is not None
    assert [one.wait_ms for one in line.tries] == [30_000, 20_000, 50_000]
    assert (line.first_at, line.last_at) == (NOON, NOON + timedelta(seconds=600))
    assert desk.open == [CALLER]


@pytest.mark.parametrize("number", [None, "anonymous", "withheld"])
def test_withheld_numbers_are_not_one_caller(number: str | None) -> None:
    desk = Desk(*lost("1", number=number), *lost("2", 60, number=number))
    assert desk.open == ["call:1", "call:2"]
    assert [line.number for line in desk.board.callers.lines()] == [None, None]


def test_a_number_that_is_told_late_moves_the_call_to_its_caller() -> None:
    desk = Desk(*lost("1", number=None))
    assert desk.open == ["call:1"]
    desk.feed({**missed("1002", "1"), "caller_id": CALLER}, word("1"))
    assert (desk.open, desk.new) == ([CALLER], 1)


def test_who_hung_up_at_once_is_marked_until_there_is_a_word() -> None:
    desk = Desk(*lost("1", lasted=3))
    assert desk.line().is_short  # type: ignore[union-attr]
    desk.feed(word("1", 20))
    assert not desk.line().is_short  # type: ignore[union-attr]


def test_a_call_that_turns_out_answered_leaves_the_list() -> None:
    desk = Desk(*lost("1"))
    desk.feed(summary("1", after=9, lasted=30, talk=21))
    assert desk.line() is None


# --- what takes a caller off it ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bodies", "how"),
    [
        (dialled(start=100), "rung_back"),
        (dialled(start=100, number=CALLER), "rung_back"),
        (dialled(start=5), "rung_back"),
        (dialled(start=100, reached=False), None),
        (dialled(start=100, number=OTHER), None),
        (taken(start=100), "answered"),
        (taken(start=-100), None),
        (dialled(start=-100), None),
    ],
    ids=[
        "rung back", "written otherwise", "rung while waiting", "not reached", "another", "rang again",
        "answered before", "rung before",
    ],
)
def test_a_line_closes_itself_when_the_caller_is_reached_later(bodies: list[Body], how: str | None) -> None:
    for order in ([*lost(), *bodies], [*bodies, *lost()]):
        line = Desk(*order).line()
        assert line is not None
        assert (line.closed.how if line.closed else None) == how


def test_a_new_try_opens_what_was_reached_or_done() -> None:
    for desk in (Desk(*lost(), *dialled(start=100)), Desk(*lost()).mark("done", 100)):
        assert desk.open == []
        desk.feed(*lost("2", start=500))
        assert desk.open == [CALLER]
        assert len(desk.line().tries) == 1  # type: ignore[union-attr]


def test_done_means_what_was_seen_also_where_the_pbx_clock_is_ahead() -> None:
    desk = Desk(*lost(start=300))
    shown = desk.line()
    assert shown is not None
    assert desk.mark("done", 100).open == [CALLER]
    assert desk.mark("done", 101, until_ms=until_ms(shown)).open == []


def test_done_is_taken_back_without_what_was_settled_before() -> None:
    desk = Desk(*lost("1"), *dialled(start=100), *lost("2", start=500)).mark("done", 600)
    closed = desk.line()
    assert closed is not None
    desk.mark("reopen", 610, until_ms=until_ms(closed), since_ms=since_ms(closed))
    assert desk.open == [CALLER]
    assert [one.started_at for one in desk.line().tries] == [NOON + timedelta(seconds=500)]  # type: ignore[union-attr]


def test_an_answering_machine_can_be_taken_back() -> None:
    desk = Desk(*lost(), *dialled(start=100))
    closed = desk.line()
    assert closed is not None
    assert desk.mark("reopen", 200, until_ms=until_ms(closed), since_ms=since_ms(closed)).open == [CALLER]
    desk.feed(*dialled("o2", start=300))
    assert desk.open == []


# --- voicemails --------------------------------------------------------------------------------------------------


def test_voicemails_are_new_until_they_are_dealt_with() -> None:
    desk = Desk(word("v1"), word("v2", 50), word("v3", 60, caller_id=OTHER))
    assert desk.new == 3
    assert desk.mark("done", 100).new == 1
    desk.feed(*dialled(start=200, number=OTHER))
    assert desk.new == 0


def test_a_voicemail_recorded_after_the_mark_is_new_and_one_before_it_is_not() -> None:
    desk = Desk(word("v1", 40)).mark("done", 100)
    desk.feed(word("v2", 90))
    assert desk.new == 0
    desk.feed(word("v3", 110))
    assert desk.new == 1
    assert [left.call for left in desk.line().voicemails] == ["v3"]  # type: ignore[union-attr]


LINK = "https://v.example/1.wav"


@pytest.mark.parametrize(("hosts", "shown"), [(("v.example",), LINK), (("w.example",), ""), ((), "")])
def test_a_voicemail_can_be_listened_to_only_where_its_host_is_listed(hosts: tuple[str, ...], shown: str) -> None:
    desk = Desk(word("v1", audio_file=[LINK]))
    row = compose(Eyes(desk.board, Sight(hosts=hosts)), desk.now, Asked(), "").rows[0]
    assert [left.link for left in row.voicemails] == [shown]


# --- whose it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marks", "owner"),
    [
        ([("take", "Robin")], "Robin"),
        ([("take", "Robin"), ("take", "Sascha")], "Robin"),
        ([("take", "Robin"), ("release", "Robin")], None),
        ([("take", "Robin"), ("release", "Sascha"), ("take", "Sascha")], "Sascha"),
        ([("take", "Robin"), ("done", "Robin")], None),
        ([("take", "Robin"), ("done", "Sascha"), ("reopen", "Sascha")], "Robin"),
    ],
)
def test_the_first_who_takes_a_caller_has_it(marks: list[tuple[str, str]], owner: str | None) -> None:
    desk = Desk(*lost())
    for number, (kind, by) in enumerate(marks):
        desk.mark(kind, 100 + number, by)
    assert desk.line().owner == owner  # type: ignore[union-attr]


def test_whoever_had_a_caller_has_it_no_more_after_it_was_reached() -> None:
    desk = Desk(*lost()).mark("take", 50)
    desk.feed(*dialled(start=100), *lost("2", start=500))
    assert desk.line().owner is None  # type: ignore[union-attr]
    assert desk.mark("take", 600, "Sascha").line().owner == "Sascha"  # type: ignore[union-attr]


def test_a_note_is_kept_and_an_empty_one_wipes_it() -> None:
    desk = Desk(*lost()).mark("note", 10, text="ring after three")
    assert desk.line().note.text == "ring after three"  # type: ignore[union-attr]
    assert desk.mark("note", 20).line().note is None  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [{"mark": "steal"}, {"text": "x" * 501}, {"by": "x" * 61}, {"by": 7}, {"caller": ""}])
def test_what_is_no_mark_is_refused(value: dict[str, Any]) -> None:
    told = {"caller": CALLER, "mark": "note", "by": "Robin"} | value
    with pytest.raises(msgspec.ValidationError):
        Desk().board.callers.mark(told, NOON)


# --- whatever the order ------------------------------------------------------------------------------------------

PARTS: list[list[Body]] = [
    lost("1"), lost("2", 400, number=NATIONAL), lost("3", 200, number=OTHER), lost("4", 50, number=None),
    dialled("o1", 300), dialled("o2", 310, OTHER), dialled("o3", 900, reached=False), taken("t", 700), [word("v", 800)],
    [word("w", 60, caller_id=OTHER)],
]  # fmt: skip
MARKS = [("take", 100), ("note", 120), ("done", 350), ("reopen", 360), ("take", 450), ("release", 460), ("done", 850)]


def some(of: Sequence[object]) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(0, len(of) - 1))


def shown(desk: Desk) -> object:
    lines = sorted(desk.board.callers.lines(), key=lambda line: line.caller)
    return lines, desk.board.new_voicemails(), desk.board.callers.open()


@settings(max_examples=60, deadline=None)
@given(some(PARTS), some(MARKS), st.integers(0, 2**32), st.booleans())
def test_the_order_of_calls_and_marks_does_not_matter(parts: set[int], marks: set[int], seed: int, looks: bool) -> None:
    """Marks among themselves come in their order; every body comes whenever it likes."""
    bodies = [one for part in sorted(parts) for one in PARTS[part]]
    made = [MARKS[n] for n in sorted(marks)]
    calm = Desk(*bodies)
    for kind, when in made:
        calm.mark(kind, when)
    rng = random.Random(seed)
    mixed: list[Body | tuple[str, int]] = [*bodies, *rng.sample(bodies, len(bodies) // 2)]
    rng.shuffle(mixed)
    for place, mark in zip(sorted(rng.randint(0, len(mixed)) for _ in made), made, strict=True):
        mixed.insert(place + made.index(mark), mark)
    wild = Desk()
    for one in mixed:
        wild.mark(*one) if isinstance(one, tuple) else wild.feed(one)
        if looks:
            shown(wild)
    assert shown(wild) == shown(calm)


def test_what_is_forgotten_with_its_day_leaves_the_list_and_so_do_its_marks() -> None:
    desk = Desk(*lost(), word("v")).mark("note", 10, text="x")
    assert (desk.open, desk.new) == ([CALLER], 1)
    desk.wait(days=1).feed(rang("1001", "next", caller_id=OTHER, call_start_at=None))
    assert (desk.open, desk.new) == ([CALLER], 1)
    desk.wait(days=2).feed(rang("1001", "later", caller_id=OTHER, call_start_at=None))
    assert (desk.open, desk.new) == ([], 0)
    assert desk.board.callers._marks == {}


def test_a_step_of_the_clock_moves_the_marks_with_it() -> None:
    desk = Desk(*lost()).mark("take", 100)
    desk.board.step_clock(timedelta(hours=1))
    assert desk.line().owned_since == NOON + timedelta(hours=1, seconds=100)  # type: ignore[union-attr]


# --- the list in words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Asked(), ["4", OTHER, CALLER]),
        (Asked(show="mine"), [OTHER]),
        (Asked(show="done"), ["+61290000003"]),
        (Asked(show="all"), ["+61290000003", "4", OTHER, CALLER]),
        (Asked(queue="Support"), [OTHER]),
        (Asked(short="hide"), [OTHER, CALLER]),
        (Asked(q="0002"), [OTHER]),
        (Asked(q="02 9000 0001"), [CALLER]),
        (Asked(q="acme"), ["4", OTHER, CALLER]),
        (Asked(q="after three"), [CALLER]),
        (Asked(q="nobody"), []),
    ],
    ids=str,
)
def test_the_filters_find(asked: Asked, found: list[str]) -> None:
    desk = Desk(*lost("1"), *lost("4", 300, lasted=2, number="anonymous"), *lost("5", 400, number="+61290000003"))
    support = {"caller_id": OTHER, "call_start_at": at(200)}
    desk.feed({**abandoned("2", 30, "Support"), **support})
    desk.mark("take", 500, caller=OTHER).mark("done", 500, caller="+61290000003").mark("note", 500, text="After three")
    listed = compose(Eyes(desk.board), desk.now, asked, "Robin")
    assert [row.caller.removeprefix("call:") for row in listed.rows] == found
    assert (listed.open, listed.mine, listed.settled, listed.short) == (3, 1, 1, 1)


def test_a_line_says_who_is_on_it_right_now() -> None:
    desk = Desk(*lost())
    desk.feed(dialled(start=100)[0])
    assert compose(Eyes(desk.board), desk.now, Asked(), "").rows[0].busy == "Agent 1002 is ringing them now"
    desk.wait(minutes=10)
    assert compose(Eyes(desk.board), desk.now, Asked(), "").rows[0].busy == ""


def test_a_caller_who_rings_again_is_seen_waiting_and_then_talking() -> None:
    desk = Desk(*lost())
    desk.feed(taken(start=100)[0])
    assert compose(Eyes(desk.board), desk.now, Asked(), "").rows[0].busy == "Waits in Sales now"
    desk.feed(taken(start=100)[1])
    row = compose(Eyes(desk.board), desk.now, Asked(show="done"), "").rows[0]
    assert row.busy == "Talking with Agent 1002 now"
    assert row.closed == "Rang again and was answered by Agent 1002, 12:01"


def test_completed_reads_as_reached() -> None:
    desk = Desk(*lost(), *taken(start=100), completed("1002", "t", 114, 201, caller_id=CALLER))
    assert desk.open == []


def test_a_number_written_whole_has_the_key_that_the_library_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(6)
    codes = [code for code in COUNTRY_CODE_TO_REGION_CODE for _ in range(40)]
    numbers = [f"+{code}{''.join(rng.choices('0123456789', k=rng.randrange(1, 14)))}" for code in codes]
    short = [phone.key_of.__wrapped__(number, "AU") for number in numbers]
    assert sum(phone._is_whole(number[1:]) for number in numbers) > 1_000
    monkeypatch.setattr(phone, "_is_whole", lambda digits: False)
    assert short == [phone.key_of.__wrapped__(number, "AU") for number in numbers]
