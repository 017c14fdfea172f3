"""A fold taken up from a snapshot is the same as one of all entries, now and after whatever comes next."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from datetime import time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.folding import READER, RULES, calls_everywhere, empty, entries, everything, taken_up, tell, written
from tests.test_against_reference import ORDERS
from tests.test_in_bulk import all_of
from wallboard import pickles, snapshot
from wallboard.parse import Reader
from wallboard.rules import Rules
from wallboard.snapshot import Unusable


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    seed=st.integers(0, 10_000),
    order=st.sampled_from(sorted(ORDERS)),
    cuts=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    looks=st.booleans(),
)
@example(seed=7525, order="shuffled", cuts=[0.84], looks=True)  # a call counted on two days, one after the other
def test_snapshot_and_tail_are_the_whole(seed: int, order: str, cuts: list[float], looks: bool) -> None:
    told = entries(seed, order=order)
    fold, begun = empty(), 0
    for cut in sorted(round(share * len(told)) for share in cuts):
        tell(fold, told[begun:cut])
        if looks and cut:
            fold.intake.board.callers.lines()
        fold, begun = taken_up(written(fold)), cut
    tell(fold, told[begun:])
    whole = tell(empty(), told)
    for now in (told[-1].delivery.received_at, told[-1].delivery.received_at + timedelta(minutes=1)):
        assert all_of(fold.intake.board, now) == all_of(whole.intake.board, now)
    assert everything(fold) == everything(whole)
    assert fold.intake.remains() == whole.intake.remains()
    assert [turn.remains for turn in fold.intake.turns._turns] == [turn.remains for turn in whole.intake.turns._turns]


def test_a_day_of_many_calls_at_rest_is_the_same() -> None:
    told = entries(1, calls=1_200)
    cut = len(told) * 4 // 5
    before = tell(empty(), told[:cut])
    assert sum(call.is_at_rest for call in before.intake.board.calls.values()) > 30
    fold = tell(taken_up(written(before)), told[cut:])
    assert everything(fold) == everything(tell(empty(), told))


def test_a_call_is_one_object_wherever_it_is_held() -> None:
    board = taken_up(written(tell(empty(), entries(3, calls=40)[:-60]))).intake.board
    held = list(calls_everywhere(board))
    assert {place for place, _ in held} >= {"namesakes", "over", "callers", "live"}
    assert all(board.calls[call.key] is call for _, call in held)


def test_what_a_snapshot_was_made_of_goes_on_unharmed() -> None:
    told = entries(5)
    fold = tell(empty(), told[:50])
    written(fold)
    assert everything(tell(fold, told[50:])) == everything(tell(empty(), told))


@pytest.mark.parametrize("rules", [
    msgspec.structs.replace(RULES, day_starts_at=time(4)),
    msgspec.structs.replace(RULES, country="NZ"),
    msgspec.structs.replace(RULES, ringing_timeout=timedelta(minutes=1)),
    Rules(zone=ZoneInfo("Pacific/Auckland")),
], ids=["day", "country", "timeout", "zone"])  # fmt: skip
def test_other_settings_do_not_take_it_up(rules: Rules) -> None:
    with pytest.raises(Unusable, match="settings"):
        taken_up(written(tell(empty(), entries(1)[:30])), rules)


def test_other_components_do_not_take_it_up() -> None:
    with pytest.raises(Unusable, match="settings"):
        taken_up(written(tell(empty(), entries(1)[:30])), RULES, Reader(zone=READER.zone))


def test_another_build_does_not_take_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = written(tell(empty(), entries(1)[:30]))
    monkeypatch.setattr(snapshot, "build", lambda: "another")
    with pytest.raises(Unusable, match="build"):
        taken_up(made)


def test_a_changed_byte_or_an_end_cut_off_is_found_out_and_leaves_the_fold_alone() -> None:
    made, rng = written(tell(empty(), entries(2))), Random(7)
    fold = empty()
    before = everything(fold)
    for n in range(600):
        at = rng.randrange(len(made)) if n > 200 else n
        changed = made[:at] + bytes([made[at] ^ (1 << n % 8)]) + made[at + 1 :]
        for damaged in (changed, made[:at]):
            with pytest.raises(Unusable):
                snapshot.take_up(io.BytesIO(damaged), fold)
    assert everything(fold) == before


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("echo ran",)


@pytest.mark.parametrize("payload", [
    pickle.dumps(_Evil()),
    pickle.dumps({"board": _Evil()}),
    b"cbuiltins\neval\n(S'1'\ntR.",
    b"cbuiltins\ngetattr\n(cwallboard.calls\nCall\nS'__init__'\ntR.",
    b"cwallboard.calls\nCall.__init__\n.",
    pickle.dumps([1]),
    b"",
])  # fmt: skip
def test_whoever_writes_one_by_hand_runs_nothing(payload: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    fold = empty()
    stamp = snapshot.stamp_for(fold, epoch="e", sequence=1, seal=b"")
    forged = snapshot._MAGIC + msgspec.json.encode(stamp) + b"\n" + payload
    with pytest.raises(Unusable):
        snapshot.take_up(io.BytesIO(forged + hashlib.sha256(forged).digest()), fold)
    assert capfd.readouterr().out == ""


def test_nothing_it_may_make_is_more_than_a_value() -> None:
    for kind in pickles._known().values():
        name = f"{kind.__module__}.{kind.__qualname__}"
        assert isinstance(kind, type) or kind is pickles._rebuilt, name
        assert kind.__module__.split(".")[0] in ("wallboard", "builtins", "collections", "datetime"), name
