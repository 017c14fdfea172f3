"""The short way to the door and the general one: the same bytes sent over a socket get the same bytes back."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.conftest import TOKEN, Server, wait_until
from tests.signing import People
from tests.test_keys import make, revoke

EVENT = b'{"type": "user_inbound", "unique_call_id": "1", "user_number": "1001"}'
HOST, KNOWN = b"Host: x\r\n", b"X-Pbx-Token: " + TOKEN.encode() + b"\r\n"
AHEAD = 17
SILENCE_SECONDS = 3


def post(
    body: bytes = EVENT, target: bytes = b"/webhooks/pbx", head: bytes = HOST + KNOWN, *, method: bytes = b"POST",
    version: bytes = b"1.1", length: bytes | None = None,
) -> bytes:  # fmt: skip
    announced = b"%d" % len(body) if length is None else length
    return b"%b %b HTTP/%b\r\n%bContent-Length: %b\r\n\r\n%b" % (method, target, version, head, announced, body)


def chunked(*pieces: bytes, target: bytes = b"/webhooks/pbx") -> bytes:
    head = b"POST %b HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (target, HOST + KNOWN)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


ORDINARY = {
    "plain": post(),
    "again": post(),
    "unknown type": post(b'{"type": "odd", "unique_call_id": "1"}'),
    "several events": post(b"[%b, %b]" % (EVENT, EVENT)),
    "below": post(target=b"/webhooks/pbx/user_inbound"),
    "with a slash": post(target=b"/webhooks/pbx/"),
    "upper case": post(head=(HOST + KNOWN.replace(b"X-Pbx-Token", b"X-PBX-TOKEN"))),
    "lower case": post(head=(HOST + KNOWN.replace(b"X-Pbx-Token", b"x-pbx-token"))),
    "two tokens, the first is right": post(head=HOST + KNOWN + b"X-Pbx-Token: wrong\r\n"),
    "through TLS": post(head=HOST + KNOWN + b"X-Forwarded-Proto: https, http\r\n"),
    "keep-alive": post(head=HOST + KNOWN + b"Connection: keep-alive\r\n"),
    "meaning": post(head=HOST + KNOWN + b"X-Wallboard-Meaning: queue_entered:B\xc3\xbcro\r\n"),
    "spaces before a value": post(head=HOST + KNOWN.replace(b": ", b":   ")),
    "no host": post(head=KNOWN),
    "as long as may be": post(EVENT[:-1] + b', "x": "%b"}' % (b"x" * 65_000)),
}
ODD = {
    "two tokens, the first is wrong": post(head=HOST + b"X-Pbx-Token: wrong\r\n" + KNOWN),
    "wrong token": post(head=HOST + b"X-Pbx-Token: wrong\r\n"),
    "no token": post(head=HOST),
    "empty body": post(b""),
    "unreadable": post(b"{"),
    "spaces after the token": post(head=HOST + KNOWN.replace(b"\r\n", b"  \r\n")),
    "encoded": post(head=HOST + KNOWN + b"Content-Encoding: gzip\r\n"),
    "chunked": chunked(EVENT[:9], EVENT[9:]),
    "chunked and too large": chunked(*[b"x" * 60_000] * 5),
    "large": post(EVENT[:-1] + b', "x": "%b"}' % (b"x" * 100_000)),
    "too large": post(b"x" * 300_000),
    "too large, as it says": post(b"", length=b"300000"),
    "as much as no number": post(b"", length=b"9" * 30),
    "length and chunks": chunked(EVENT).replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n", 1),
    "two lengths": post(head=HOST + KNOWN + b"Content-Length: 5\r\n"),
    "negative length": post(length=b"-1"),
    "HTTP/1.0": post(version=b"1.0"),
    "HTTP/1.0, kept alive": post(version=b"1.0", head=HOST + KNOWN + b"Connection: keep-alive\r\n"),
    "close": post(head=HOST + KNOWN + b"Connection: close\r\n"),
    "expect": post(head=HOST + KNOWN + b"Expect: 100-continue\r\n"),
    "absolute": post(target=b"http://x/webhooks/pbx"),
    "query": post(target=b"/webhooks/pbx?x=1"),
    "encoded path": post(target=b"/webhooks/p%62x"),
    "encoded below": post(target=b"/webhooks/pbx/a%2Fb"),
    "beside": post(target=b"/webhooks/pbxx"),
    "above": post(target=b"/webhooks"),
    "dots": post(target=b"/webhooks/../webhooks/pbx"),
    "fragment": post(target=b"/webhooks/pbx#x"),
    "PUT": post(method=b"PUT"),
    "GET": post(method=b"GET"),
    "HEAD": post(method=b"HEAD"),
    "no HTTP": b"webhook!\r\n\r\n",
    "bare line ends": post().replace(b"\r\n", b"\n"),
    "a folded header": post(head=HOST + KNOWN + b"X-Long: a\r\n b\r\n"),
    "many headers": post(head=HOST + KNOWN + b"X: y\r\n" * 120),
    "a long head": post(head=HOST + KNOWN + b"X: " + b"y" * 40_000 + b"\r\n"),
    "pipelined": post() * 3,
    "pipelined, the second is wrong": post() + post(head=HOST) + post(),
    "pipelined, another page": post() + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + post(),
    "too far ahead": post() * (AHEAD + 3),
    "empty lines before": b"\r\n\r\n" + post(),
    "something after": post() + b"\r\n",
}
RACING = {
    "no length": post().replace(b"Content-Length", b"X-Length"),
    "upgrade": post(head=HOST + KNOWN + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    "nonsense after": post() + b"nonsense\r\n\r\n",
}
"""After the first request comes what is none: what is said depends on whether the first was answered already."""
PIECES: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda sent: [sent],
    "by head and body": lambda sent: list(filter(None, [sent[: sent.find(b"{")], sent[sent.find(b"{") :]])),
    "byte by byte": lambda sent: [sent[n : n + 1] for n in range(len(sent))],
}
_HEAD = re.compile(rb"HTTP/1.1 (?:.(?!\r\n\r\n))*?content-length: (\d+)\r.*?\r\n\r\n", re.DOTALL)
_CHANGING = re.compile(rb"date: [^\r]*\r\n|\"(?:boot|as_of)\":\"[^\"]*\"")


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """One server with both ways, and one that has only the general one."""
    both = Server(tmp_path_factory.mktemp("both")).start()
    general = Server(tmp_path_factory.mktemp("general"), build="tests.ways", WAY="general").start()
    yield both, general
    both.close()
    general.close()


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("short"), build="tests.ways", WAY="short").start()
    yield server
    server.close()


def said(server: Server, pieces: Sequence[bytes], times: int = 1) -> bytes:
    """All that comes back on one connection, which is used `times` times or until it ends."""
    heard = b""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have been answered and ended already
                for piece in pieces:
                    line.sendall(piece)
            heard += _answers(line, b"".join(pieces).count(b" HTTP/1"))
    return _CHANGING.sub(b"", heard)


def _answers(line: socket.socket, most: int) -> bytes:
    """What comes until there are so many answers, or the connection ends, or nothing has come for long."""
    heard = b""
    line.settimeout(SILENCE_SECONDS)
    with suppress(TimeoutError, ConnectionResetError):
        while _count(heard) < most and (piece := line.recv(65_536)):
            heard += piece
        while b"connection: close" in heard and (piece := line.recv(65_536)):
            heard += piece
    return heard


def _count(heard: bytes) -> int:
    """Whole answers."""
    count = 0
    while (found := _HEAD.match(heard)) and len(heard) >= found.end() + int(found[1]):
        heard = heard[found.end() + int(found[1]) :]
        count += 1
    return count


def seen(server: Server) -> dict[str, int]:
    counted: dict[str, int] = server.state()["webhooks"]
    return {name: counted[name] for name in ("accepted", "duplicates", "unrecognised", "quarantined", "refused")}


@pytest.mark.parametrize("cut", PIECES)
@pytest.mark.parametrize("name", [*ORDINARY, *ODD])
def test_both_ways_say_the_same(ways: tuple[Server, Server], name: str, cut: str) -> None:
    """Twice on one connection: the second time the head is known, and then another one must still be read."""
    sent = (ORDINARY | ODD)[name]
    if cut == "byte by byte" and len(sent) > 2_000:
        pytest.skip("too long to be sent so")
    both, general = ways
    before = [seen(server) for server in ways]
    pieces = PIECES[cut](sent)
    expected = said(general, pieces, times=2)
    assert said(both, pieces, times=2) == expected
    grown = [
        {what: count - first[what] for what, count in seen(server).items()}
        for server, first in zip(ways, before, strict=True)
    ]
    assert grown[0] == grown[1]


@pytest.mark.parametrize("name", ORDINARY)
def test_what_is_ordinary_takes_the_short_way(short: Server, name: str) -> None:
    assert said(short, [ORDINARY[name]], times=3).count(b"HTTP/1.1 200 OK\r\n") == 3


@pytest.mark.parametrize("name", ODD)
def test_what_is_not_goes_the_general_way(short: Server, name: str) -> None:
    first = said(short, [ODD[name]])
    if name.startswith(("pipelined", "too far", "empty lines", "something")):
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")  # the first of several is ordinary
        assert first.count(b" 200 OK") == 1 + (name == "pipelined, another page")
        return
    assert b" 200 OK" not in first


@pytest.mark.parametrize("times", [0, 1])
@pytest.mark.parametrize("kept", [30, len(post()) - 10])
def test_whoever_goes_away_in_the_middle_has_sent_nothing(ways: tuple[Server, Server], times: int, kept: int) -> None:
    for server in ways:
        before = server.state()["sequence"]
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as line:
            for _ in range(times):
                line.sendall(post())
                line.recv(65_536)
            line.sendall(post()[:kept])
        assert server.post(EVENT).status_code == 200
        assert server.state()["sequence"] == before + times + 1


def test_a_head_that_is_known_opens_no_door_once_its_key_is_revoked(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    staff = People(server).claim()
    try:
        admin = staff.client("admin")
        sent = post(head=HOST + b"X-Pbx-Token: " + make(admin, "pbx", "The PBX").encode() + b"\r\n")
        assert said(server, [sent], times=3).count(b" 200 OK") == 3
        revoke(admin, "The PBX")
        assert said(server, [sent]).startswith(b"HTTP/1.1 401 ")
        assert seen(server)["refused"] == 1
    finally:
        staff.close()
        server.close()


def test_an_error_on_the_short_way_sends_the_post_the_general_way(tmp_path: Path) -> None:
    server = Server(tmp_path, build="tests.ways", WAY="broken").start()
    try:
        assert said(server, [post()], times=3).count(b" 200 OK") == 3
        assert seen(server)["accepted"] + seen(server)["duplicates"] == 3
    finally:
        server.close()


def test_a_post_that_waits_for_the_disk_while_the_server_stops_is_answered_and_the_last(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    blocker = sqlite3.connect(tmp_path / "wallboard.db", isolation_level=None)
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as line:
        line.sendall(post())
        assert b"connection: close" not in line.recv(65_536)
        blocker.execute("BEGIN EXCLUSIVE")
        line.sendall(post())
        line.settimeout(0.1)
        with pytest.raises(TimeoutError):
            line.recv(65_536)
        server.send(signal.SIGTERM)
        wait_until(lambda: _refuses(server.port), "it lets nobody in any more")
        blocker.execute("ROLLBACK")
        blocker.close()
        line.settimeout(10)
        heard = b"".join(iter(lambda: line.recv(65_536), b""))
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n\r\n" in heard
    server.close()


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("name", RACING)
def test_what_follows_a_request_and_is_none_is_not_taken(ways: tuple[Server, Server], name: str) -> None:
    for server in ways:
        got = said(server, [RACING[name]])
        assert got.count(b"HTTP/1.1 ") == got.count(b"\r\n\r\n") <= 2
        assert server.post(EVENT).status_code == 200
