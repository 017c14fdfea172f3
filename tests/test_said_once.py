"""A database may be away for hours: the log says so once, and again when the reason changes or it is over."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.postgres import Postgres
from wallboard import life
from wallboard.journal import JournalError
from wallboard.journal.postgres_commons import PostgresCommons


def test_a_start_that_waits_for_its_journal_says_why_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "_AGAIN_SECONDS", 0)
    reasons = ["away", "away", "away", "restarting", "away"]

    async def begin_anew(begin: Any) -> None:
        if reasons:
            raise JournalError(reasons.pop(0), is_passing=True)

    snapshots: Any = SimpleNamespace(begin=None, opened=lambda: None)
    intake: Any = SimpleNamespace(open=begin_anew)
    with capture_logs() as logs:
        asyncio.run(life._until_open(intake, snapshots))
    assert [entry["reason"] for entry in logs] == ["away", "restarting", "away"]


def test_other_processes_that_cannot_be_told_are_said_once_and_again_when_they_can(
    postgres: Postgres, database: str
) -> None:
    name = database.rpartition("/")[2]

    async def run() -> None:
        commons = PostgresCommons(database)
        for _ in range(3):
            assert not await commons.refresh()  # its table is not there yet
        postgres.do("CREATE TABLE commons (kind text, key text, value bytea, version bigint, told_by text, "
                    "told_at timestamptz, ends_at timestamptz)", database=name)  # fmt: skip
        assert await commons.refresh()
        assert await commons.refresh()
        await commons.close()

    with capture_logs() as logs:
        asyncio.run(run())
    assert [entry["event"] for entry in logs] == ["other processes cannot be told", "other processes are told again"]
