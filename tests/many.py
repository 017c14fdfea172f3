"""Many writers against many server processes on one PostgreSQL, while things break, and every event accounted for.

    python -m tests.many --events 1000000 [--build tests.lockless]

acknowledged ⊆ recovered ⊆ sent, nothing twice; and every process, none of them told to read anything anew, has applied
each entry once and shows the same bytes as one that has just replayed the whole journal. Knows no rule of the board.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import psycopg

from tests.canary import search_now
from tests.conftest import API_TOKEN, TOKEN, Server
from tests.postgres import running
from tests.samples import abandoned, missed, rang
from wallboard.journal.engines import engine_of

T = TypeVar("T")
PROCESSES, WRITERS, LINES = 4, 8, 4
EVENTS_A_CALL = 40
GOES_AWAY = (OSError, asyncio.IncompleteReadError, ValueError, StopAsyncIteration)
REPLAY_SECONDS, AT_REST_SECONDS, AGREEING_SECONDS = 300.0, 1.0, 5.0
HEALED_WITHIN_SECONDS = 20.0
UNHURRIED = {f"WALLBOARD_{what}_TIMEOUT_SECONDS": "604800" for what in ("RINGING", "WAITING", "TALKING")}
"""What was refused leaves calls without an end: presumed ended at one look and not yet at another, they differ."""
REPLAYED_A_SECOND = 3_000
"""Entries, by a process that was killed last, on a machine that is busy."""
_AS_OF = re.compile(rb'"as_of":"[^"]*",')
FALLING_OVER = """
CREATE SEQUENCE rollbacks;
CREATE FUNCTION fall_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.002 THEN
        PERFORM nextval('rollbacks');
        RAISE EXCEPTION 'rolled back, to see what becomes of it';
    END IF;
    IF random() < 0.01 THEN PERFORM pg_sleep(random() * 0.02); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fall_over AFTER INSERT ON deliveries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fall_over();
"""
"""At the very moment of the commit, and sometimes late. What a sequence has counted is not rolled back."""
TERMINATED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'wallboard' AND datname = current_database() ORDER BY random() LIMIT 1
"""


@dataclass
class Account:
    """What was sent, by number, and what was said of it."""

    sent: int = 0
    acknowledged: set[int] = field(default_factory=set)
    refused: int = 0
    unanswered: int = 0
    otherwise: int = 0


@dataclass
class Result:
    account: Account = field(default_factory=Account)
    recovered: int = 0
    lost: int = 0
    invented: int = 0
    doubled: int = 0
    missed: list[int] = field(default_factory=list)
    """For each process: entries of the journal that it has not counted, or counted twice (below zero)."""
    sequences: set[int] = field(default_factory=set)
    states: int = 0
    rolled_back: int = 0
    terminated: int = 0
    kills: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        account = self.account
        return (
            f"{account.sent} sent, {len(account.acknowledged)} acknowledged, {account.refused} answered 503, "
            f"{account.unanswered} unanswered, {account.otherwise} answered otherwise, {self.recovered} recovered: "
            f"{self.lost} lost, {self.doubled} doubled, {self.invented} invented; missed by the processes "
            f"{self.missed}, {len(self.sequences)} sequence(s), {self.states} state(s); {self.rolled_back} commits "
            f"rolled back, {self.terminated} backends ended, {self.kills} processes killed; {self.seconds:.0f} s"
        )

    @property
    def agrees(self) -> bool:
        """All processes have applied the same, each of it once."""
        return not any(self.missed) and len(self.sequences) == self.states == 1

    @property
    def sound(self) -> bool:
        return self.agrees and not (self.lost or self.doubled or self.invented or self.account.otherwise)


class Floor:
    """The processes, and what happens to them."""

    def __init__(self, folder: Path, database: str, build: str, rng: Random) -> None:
        self.database, self.rng = database, rng
        self._folder, self._build = folder, build
        self.folders: list[Path] = []
        self.servers = [self.new() for _ in range(PROCESSES)]

    def new(self) -> Server:
        folder = self._folder / str(len(self.folders))
        folder.mkdir()
        self.folders.append(folder)
        own = {"DATABASE_URL": self.database, "WALLBOARD_LOG_LEVEL": "warning", **UNHURRIED}
        return Server(folder, build=self._build, **own)

    async def started(self, server: Server) -> None:
        server.begin()
        deadline = time.monotonic() + REPLAY_SECONDS
        while not await asyncio.to_thread(server.is_ready):
            assert time.monotonic() < deadline, "a process never was ready"
            await asyncio.sleep(0.05)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    async def end_backends(self, result: Result) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.1, 0.6))
            result.terminated += len(await asyncio.to_thread(self.ask, TERMINATED))

    async def kill_processes(self, result: Result, every_seconds: float) -> None:
        """All but the first, which so has lived through everything."""
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) * every_seconds)
            victim = self.rng.choice(self.servers[1:])
            victim.kill()
            result.kills += 1
            await self.started(victim)


def body(number: int) -> bytes:
    """An event that nobody else sends; some dozens are of one call, and the last of them ends it."""
    call, place = divmod(number, EVENTS_A_CALL)
    if place == EVENTS_A_CALL - 1:
        return json.dumps(abandoned(f"c{call}", lasted=60) | {"number": number}).encode()
    agent = str(1000 + call % 3 * 20 + place // 2)
    told = missed(agent, f"c{call}") if place % 2 else rang(agent, f"c{call}")
    return json.dumps(told | {"number": number}).encode()


async def write(floor: Floor, account: Account, numbers: Iterator[int], first: int) -> None:
    """Posts until the numbers are used up, on one connection to one process after the other."""
    for place in count(first):
        server = floor.servers[place % PROCESSES]
        with suppress(*GOES_AWAY):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                while (number := next(numbers, None)) is not None:
                    await post(reader, writer, number, account)
                return
            finally:
                writer.close()
        await asyncio.sleep(0.02)


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, account: Account) -> None:
    content = body(number)
    head = f"POST /webhooks/pbx HTTP/1.1\r\nHost: x\r\nX-Pbx-Token: {TOKEN}\r\nContent-Length: {len(content)}\r\n\r\n"
    account.sent += 1
    try:
        writer.write(head.encode() + content)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    except BaseException:
        account.unanswered += 1
        raise
    if answer.startswith(b"HTTP/1.1 200 "):
        account.acknowledged.add(number)
    elif answer.startswith(b"HTTP/1.1 503 "):
        account.refused += 1
    else:
        account.otherwise += 1


async def run(events: int, *, build: str = "wallboard", kill_every_seconds: float = 2.0, seed: int = 1,
              most_seconds: float = math.inf, say: bool = False) -> Result:  # fmt: skip
    """The whole of it on a PostgreSQL of its own; after `most_seconds` no more events are sent."""
    with running("max_wal_size=4GB") as postgres, tempfile.TemporaryDirectory() as folder:
        floor = Floor(Path(folder), postgres.new_database(), build, Random(seed))
        try:
            return await _run(floor, _numbers(events, most_seconds), kill_every_seconds, say)
        finally:
            for server in floor.servers:
                server.close()


def _numbers(events: int, most_seconds: float) -> Iterator[int]:
    deadline = time.monotonic() + most_seconds
    return takewhile(lambda _: time.monotonic() < deadline, range(events))


async def _run(floor: Floor, numbers: Iterator[int], kill_every_seconds: float, say: bool) -> Result:
    result, began = Result(), time.monotonic()
    await asyncio.to_thread(engine_of(floor.database).migrated)
    floor.ask(FALLING_OVER)
    await asyncio.gather(*map(floor.started, floor.servers))
    writers = [write(floor, result.account, numbers, first) for first in range(WRITERS) for _ in range(LINES)]
    trouble = [
        asyncio.create_task(floor.end_backends(result)),
        asyncio.create_task(floor.kill_processes(result, kill_every_seconds)),
        *([asyncio.create_task(_tell(result, began))] if say else []),
    ]
    await asyncio.gather(*writers)
    for task in trouble:
        task.cancel()
    await asyncio.gather(*trouble, return_exceptions=True)
    floor.ask("DROP TRIGGER fall_over ON deliveries")
    result.rolled_back = int(floor.ask("SELECT nextval('rollbacks') - 1")[0][0])
    await _settle(floor, result)
    result.seconds = time.monotonic() - began
    return result


async def _tell(result: Result, began: float) -> None:
    while True:
        await asyncio.sleep(10)
        result.seconds = time.monotonic() - began
        print(result, flush=True)


async def _settle(floor: Floor, result: Result) -> None:
    """The account: the journal's rows one by one, then what each process has made of them."""
    for server in floor.servers:
        if server.process is not None and server.process.poll() is not None:  # killed at the very end
            await floor.started(server)
    await _at_rest(floor)
    floor.servers.append(floor.new())
    await floor.started(floor.servers[-1])
    entries = _read(floor, result)
    heads = await _agreeing(floor, lambda server: server.client.get("/readyz").json()["sequence"])
    result.sequences = set(heads)
    result.states = len(set(await _agreeing(floor, _shown)))
    for server in floor.servers:
        webhooks = server.state()["webhooks"]
        counted = sum(webhooks[name] for name in ("accepted", "duplicates", "unrecognised"))
        result.missed.append(entries - counted)
    for folder in floor.folders:
        search_now(folder / "log")


async def _at_rest(floor: Floor) -> None:
    """Until nothing is written any more: what was answered 503 may be stored a moment later."""
    began = since = time.monotonic()
    head = None
    while time.monotonic() - since < AT_REST_SECONDS:
        now = floor.ask("SELECT max(sequence) FROM deliveries")
        patience = HEALED_WITHIN_SECONDS + (now[0][0] or 0) / REPLAYED_A_SECOND
        assert time.monotonic() - began < patience, "not all are well again"
        if now != head or not all(await asyncio.gather(*(asyncio.to_thread(one.is_ready) for one in floor.servers))):
            since, head = time.monotonic(), now
        await asyncio.sleep(0.05)


def _read(floor: Floor, result: Result) -> int:
    """How many entries the PBX's bodies have made."""
    account, entries, found = result.account, 0, set[int]()
    with psycopg.connect(floor.database) as connection, connection.cursor("bodies") as cursor:
        cursor.itersize = 5_000
        for (content,) in cursor.execute("SELECT body FROM deliveries WHERE remark IS NULL"):
            entries += 1
            found.add(json.loads(content)["number"])
    result.recovered = len(found)
    result.doubled = entries - len(found)
    result.lost = len(account.acknowledged - found)
    result.invented = sum(number >= account.sent for number in found)
    return entries


async def _agreeing(floor: Floor, look: Callable[[Server], T]) -> list[T]:
    """What all show, as soon as it is the same; as it is if it never is."""
    deadline = time.monotonic() + AGREEING_SECONDS
    while True:
        shown = [await asyncio.to_thread(look, server) for server in floor.servers]
        if len(set(shown)) == 1 or time.monotonic() > deadline:
            return shown
        await asyncio.sleep(0.1)


def _shown(server: Server) -> bytes:
    answer = server.client.get("/api/v1/state", headers={"Authorization": f"Bearer {API_TOKEN}"})
    return _AS_OF.sub(b"", answer.raise_for_status().content, count=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=math.inf, help="no more events after so long")
    parser.add_argument("--kill-every", type=float, default=20, help="seconds from one SIGKILL to the next")
    parser.add_argument("--build", default="wallboard", help="what is started: tests.lockless must miss some")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = asyncio.run(
        run(given.events, build=given.build, kill_every_seconds=given.kill_every, seed=given.seed,
            most_seconds=given.seconds, say=True)
    )  # fmt: skip
    print(result)
    raise SystemExit(0 if result.sound else 1)


if __name__ == "__main__":
    main()
