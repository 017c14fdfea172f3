"""The order of things, and that a poisoned event stops neither the fold nor the next start."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.samples import Body, rang
from wallboard.board import Board
from wallboard.boards.kept import Boards
from wallboard.clock import Clock
from wallboard.events import AnyEvent
from wallboard.intake import Intake, Receipt
from wallboard.journal.sqlite import SqliteJournal
from wallboard.parse import Reader
from wallboard.rules import Rules


class FussyBoard(Board):
    """A board that cannot take one call."""

    def apply(self, event: AnyEvent) -> bool:
        if event.call_id == "poison":
            raise KeyError("a defect")
        return super().apply(event)


def fed(path: Path, *bodies: Body) -> tuple[Intake, list[Receipt], int]:
    """An intake on the journal at `path` after `bodies`, their receipts, and how often it said that it changed."""
    changes: list[None] = []

    async def run() -> tuple[Intake, list[Receipt]]:
        journal = SqliteJournal(path)
        board = FussyBoard(Rules(zone=ZoneInfo("UTC")))
        intake = Intake(Reader(zone=ZoneInfo("UTC")), board, journal, Clock(), lambda: changes.append(None))
        await intake.open()
        receipts = [await intake.accept(json.dumps(body).encode(), None) for body in bodies]
        await journal.close()
        return intake, receipts

    intake, receipts = asyncio.run(run())
    return intake, receipts, len(changes)


def test_a_poisoned_event_is_set_aside_counted_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    intake, receipts, changes = fed(tmp_path / "j.db", rang(call="1"), rang(call="poison"), rang(call="2"))
    assert receipts == [Receipt(accepted=1)] * 3
    assert (set(intake.board.calls), intake.poisoned, changes) == ({"1", "2"}, 1, 3)
    aside = [(aside.sequence, aside.reason) for aside in intake.arrivals.set_aside]
    assert aside == [(2, "could not be folded (KeyError)")]
    assert "a defect" not in capsys.readouterr().out


def test_the_next_start_goes_past_it(tmp_path: Path) -> None:
    fed(tmp_path / "j.db", rang(call="1"), rang(call="poison"), rang(call="2"))
    intake, _, _ = fed(tmp_path / "j.db")
    assert (set(intake.board.calls), intake.poisoned, intake.accepted) == ({"1", "2"}, 1, 3)


def test_an_array_of_odd_events_is_counted_one_by_one(tmp_path: Path) -> None:
    intake, _, _ = fed(tmp_path / "j.db")
    assert intake.counts()["unrecognised"] == 0
    again, receipts, _ = fed(tmp_path / "k.db", {"type": "x"}, {"unique_call_id": 5}, {})
    assert receipts == [Receipt(unrecognised=1)] * 3
    assert set(again.arrivals.types) == {"x", ""}


def test_a_board_that_cannot_be_read_is_set_aside_and_the_next_start_has_the_others(tmp_path: Path) -> None:
    async def run(*said: tuple[str, dict[str, object]]) -> tuple[Intake, Boards]:
        journal = SqliteJournal(tmp_path / "journal.db")
        boards = Boards(lambda: None)
        board = Board(Rules(zone=ZoneInfo("UTC")))
        reader = Reader(zone=ZoneInfo("UTC"))
        intake = Intake(reader, board, journal, Clock(), lambda: None, boards.remarks)
        await intake.open()
        for name, value in said:
            await intake.remark(name, value)
        await journal.close()
        return intake, boards

    sales: dict[str, object] = {"board": {"slug": "sales", "name": "Sales"}, "version": "1", "replaces": None}
    unknown = {"slug": "sales", "name": "Sales", "hologram": True}
    later: dict[str, object] = {"board": unknown, "version": "2", "replaces": "1"}
    asyncio.run(run(("board_saved", sales), ("board_saved", later), ("board_painted", {})))
    intake, boards = asyncio.run(run())
    assert intake.poisoned == 2
    assert [kept.definition.slug for kept in boards.all()] == ["main", "sales"]
