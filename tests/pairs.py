"""Two server processes on one PostgreSQL while something goes wrong with it, and what must hold of both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import Server, wait_until
from tests.postgres import Postgres
from tests.posting import (
    HEALED_WITHIN,
    Posting,
    assert_healed,
    assert_refused_and_told,
    posting,
    settled,
    shown,
)

Pair = tuple[Server, Server]


@contextmanager
def two(folder: Path, *urls: str) -> Iterator[Pair]:
    """Two processes on one database."""
    folders = [folder / "a", folder / "b"]
    for each in folders:
        each.mkdir()
    first, second = (Server(each, DATABASE_URL=url) for each, url in zip(folders, (urls * 2)[:2], strict=True))
    try:
        first.begin()
        second.begin()
        wait_until(first.is_ready, "the first is ready")
        wait_until(second.is_ready, "the second is ready")
        yield first, second
    finally:
        first.close()
        second.close()


@contextmanager
def posting_to_both(pair: Pair) -> Iterator[tuple[Posting, Posting]]:
    with posting(pair[0], "a") as first, posting(pair[1], "b") as second:
        yield first, second


def told(server: Server) -> dict[str, Any]:
    """All that two processes must agree in: what each has refused is its own."""
    state = settled(server)
    return state | {"webhooks": {name: value for name, value in state["webhooks"].items() if name != "refused"}}


def assert_alike(pair: Pair, within: float = HEALED_WITHIN) -> None:
    wait_until(lambda: told(pair[0]) == told(pair[1]), "both show the same", within)


def assert_all_kept(pair: Pair, posted: tuple[Posting, Posting], postgres: Postgres, url: str) -> None:
    """Every acknowledged call is on both boards, and none stands twice in the journal, nor is a number left out."""
    acknowledged = posted[0].acknowledged() | posted[1].acknowledged()
    assert_alike(pair)
    assert acknowledged <= shown(pair[0])
    name = url.rpartition("/")[2].partition("?")[0]
    counted = "SELECT count(*), count(DISTINCT body), max(sequence) FROM deliveries"
    count, different, last = postgres.do(counted, database=name)[0]
    assert count == different == last
    assert last >= len(acknowledged)


def url_of(server: Server) -> str:
    return server.environment()["DATABASE_URL"]


def both_refuse(pair: Pair, posted: tuple[Posting, Posting], began: float) -> None:
    for server, its in zip(pair, posted, strict=True):
        assert_refused_and_told(server, its, began)


def both_heal(pair: Pair, posted: tuple[Posting, Posting], ended: float) -> None:
    for server, its in zip(pair, posted, strict=True):
        assert_healed(server, its, ended)
    for one, other in (pair, pair[::-1]):
        reached = one.state()["sequence"]
        left = HEALED_WITHIN - (time.monotonic() - ended)
        wait_until(lambda other=other, reached=reached: other.state()["sequence"] >= reached, "caught up", left)
