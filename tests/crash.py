"""Kills a server under full load, again and again, and accounts for every event; knows no rule of the board.

    python -m tests.crash --kills 1000 [--build tests.hasty]

acknowledged ⊆ recovered ⊆ sent, after every SIGKILL, by the journal's rows and by the board's own count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.canary import search_now
from tests.conftest import TOKEN, Server
from tests.samples import rang

SENDERS = 8
KILLS_A_JOURNAL = 10  # then a new one, for the replay of a growing journal is not what is tried here
LIVES_SECONDS = (0.02, 0.4)
GOES_AWAY = (OSError, asyncio.IncompleteReadError, ValueError)


@dataclass
class Account:
    """What was sent, what was acknowledged, and what came of it."""

    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    answered_otherwise: int = 0


@dataclass
class Result:
    kills: int = 0
    sent: int = 0
    acknowledged: int = 0
    recovered: int = 0
    lost: int = 0
    invented: int = 0
    miscounted: int = 0
    alarms: int = 0
    starts: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        start = statistics.median(self.starts) if self.starts else 0
        return (
            f"{self.kills} kills: {self.sent} sent, {self.acknowledged} acknowledged, {self.recovered} recovered, "
            f"{self.lost} lost, {self.invented} invented, {self.miscounted} boards that count otherwise, "
            f"{self.alarms} false alarms of the witness; ready again after {start:.2f} s (median)"
        )

    @property
    def sound(self) -> bool:
        return not (self.lost or self.invented or self.miscounted or self.alarms)


async def send(server: Server, account: Account, name: str) -> None:
    """Posts one event after the other on one connection, as fast as they are answered, until cancelled."""
    number = 0
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                while True:
                    number += 1
                    await post(reader, writer, f"{name}{number}", account)
            finally:
                writer.close()
        except GOES_AWAY:
            await asyncio.sleep(0.01)


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: str, account: Account) -> None:
    body = json.dumps(rang(call=call)).encode()
    head = f"POST /webhooks/pbx HTTP/1.1\r\nHost: x\r\nX-Pbx-Token: {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    account.sent.add(call)
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))
    if answer.startswith(b"HTTP/1.1 200 "):
        account.acknowledged.add(call)
    else:
        account.answered_otherwise += 1


async def crash(folder: Path, kills: int, *, build: str, rng: Random, result: Result) -> None:
    """One journal, killed `kills` times."""
    server = Server(folder, build=build)
    account = Account()
    await asyncio.to_thread(server.start)
    senders = [asyncio.create_task(send(server, account, f"{sender}-")) for sender in range(SENDERS)]
    try:
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(*LIVES_SECONDS))
            server.kill()
            began = time.monotonic()
            await asyncio.to_thread(server.start)
            result.starts.append(time.monotonic() - began)
            result.kills += 1
            result.alarms += (await asyncio.to_thread(server.state))["journal"]["mended_today"]
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
    settle(server, account, result)
    server.close()
    search_now(folder / "log")


def settle(server: Server, account: Account, result: Result) -> None:
    """A last kill, then the account: the journal's rows one by one, and the board's own count of them."""
    server.kill()
    server.start()
    counted = server.state()["webhooks"]["accepted"]
    with sqlite3.connect(server.folder / "wallboard.db") as connection:
        bodies = [body for (body,) in connection.execute("SELECT body FROM deliveries WHERE remark IS NULL")]
    recovered = {json.loads(body)["unique_call_id"] for body in bodies}
    result.sent += len(account.sent)
    result.acknowledged += len(account.acknowledged)
    result.recovered += len(recovered)
    result.lost += len(account.acknowledged - recovered)
    result.invented += len(recovered - account.sent)
    result.miscounted += counted != len(bodies)


async def run(kills: int, *, build: str = "wallboard", seed: int = 1, say: bool = False) -> Result:
    """`kills` kills, on a new journal after every `KILLS_A_JOURNAL`."""
    result, rng = Result(), Random(seed)
    while result.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            few = min(KILLS_A_JOURNAL, kills - result.kills)
            await crash(Path(folder), few, build=build, rng=rng, result=result)
        if say:
            print(result, flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--build", default="wallboard", help="the module that is started: tests.hasty must lose events")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = asyncio.run(run(given.kills, build=given.build, seed=given.seed, say=True))
    raise SystemExit(0 if result.sound else 1)


if __name__ == "__main__":
    main()
