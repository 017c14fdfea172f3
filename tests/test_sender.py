"""The sender against a real HTTP server on a real socket, and what the two feeding commands post through it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from wallboard import replay, simulator
from wallboard.sender import Counts, Sender, SenderError, Webhook, endpoint


class Board:
    """Takes posts like a board; `answers` are the first statuses it gives, 200 after those."""

    def __init__(self, answers: list[int]) -> None:
        self.answers = answers
        self.url = ""
        self.posts: list[tuple[str, dict[str, str], bytes]] = []

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.posts]

    def headers(self, name: str) -> list[str | None]:
        return [headers.get(name) for _, headers, _ in self.posts]


def handler(board: Board) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = board.answers.pop(0) if board.answers else 200
            if status == 200:
                named = {name.lower(): value for name, value in self.headers.items()}
                board.posts.append((self.path, named, body))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def listening(*answers: int, port: int = 0) -> Iterator[Board]:
    board = Board(list(answers))
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(board))
    server.daemon_threads = False
    board.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield board
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def webhook(call: str, number: int, due_seconds: float = 0.0) -> Webhook:
    return Webhook(due_seconds, call, json.dumps({"unique_call_id": call, "n": number}).encode())


def post(url: str, *webhooks: Webhook, said: list[str] | None = None, connections: int = 8) -> Counts:
    async def posting() -> Counts:
        say = (said if said is not None else []).append
        async with Sender(url, "secret", say=say, connections=connections, pause=at_once) as sender:
            await sender.post_all(webhooks)
            return sender.counts

    return asyncio.run(posting())


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/webhooks/pbx"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/webhooks/pbx"),
        ("https://board.example.org/wall", "https://board.example.org/wall/webhooks/pbx"),
        ("http://127.0.0.1:8000/webhooks/pbx", "http://127.0.0.1:8000/webhooks/pbx"),
        ("http://127.0.0.1:8000/webhooks/pbx/sales", "http://127.0.0.1:8000/webhooks/pbx/sales"),
    ],
)
def test_the_door_is_found_from_the_boards_address(given: str, used: str) -> None:
    assert endpoint(given) == used


@pytest.mark.parametrize("wrong", ["", "127.0.0.1:8000", "ftp://board", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused_before_anything_is_posted(wrong: str) -> None:
    with pytest.raises(SenderError, match="address"):
        endpoint(wrong)


def test_a_body_arrives_as_it_was_with_token_and_headers() -> None:
    body = '{"caller_name": "Zoë"}'.encode()
    meaning = (("X-Wallboard-Meaning", "queue_entered:Sales"),)
    with listening() as board:
        post(board.url, Webhook(0, "1", body, meaning))
    [(path, headers, arrived)] = board.posts
    assert (path, arrived) == ("/webhooks/pbx", body)
    assert headers["x-pbx-token"] == "secret"
    assert headers["x-wallboard-meaning"] == "queue_entered:Sales"


def test_a_queue_named_in_another_script_goes_out_as_utf_8() -> None:
    with listening() as board:
        post(board.url, Webhook(0, "1", b"{}", (("X-Wallboard-Meaning", "queue_entered:Büro\r\nX: y"),)))
    [meaning] = board.headers("x-wallboard-meaning")
    assert meaning is not None
    assert meaning.encode("latin-1").decode() == "queue_entered:Büro X: y"


def test_the_webhooks_of_one_call_keep_their_order_on_many_connections() -> None:
    calls = [str(number) for number in range(12)]
    with listening(503, 200, 503, 503) as board:
        counts = post(board.url, *(webhook(call, n) for n in range(10) for call in calls))
    assert counts == Counts(taken=120, tried_again=3)
    for call in calls:
        assert [body["n"] for body in board.bodies() if body["unique_call_id"] == call] == list(range(10))


def test_a_busy_board_is_tried_again_and_that_is_said_once() -> None:
    said: list[str] = []
    with listening(503, 503, 503) as board:
        counts = post(board.url, webhook("1", 1), webhook("1", 2), said=said)
    assert counts == Counts(taken=2, tried_again=3)
    assert said == [
        "The board does not take webhooks (it answers 503); trying again until it does.",
        "The board takes webhooks again.",
        "Webhooks: 2 taken, 0 turned away, 3 further attempts.",
    ]


def test_a_board_that_is_not_up_yet_is_waited_for_with_growing_pauses() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pauses: list[float] = []
    said: list[str] = []

    async def posting(stack: ExitStack) -> Board:
        boards: list[Board] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                boards.append(stack.enter_context(listening(port=port)))

        async with Sender(f"http://127.0.0.1:{port}", "secret", say=said.append, pause=pause) as sender:
            await sender.post_all([webhook("1", 1)])
        return boards[0]

    with ExitStack() as stack:
        board = asyncio.run(posting(stack))
    assert len(board.posts) == 1
    assert pauses == [0.25, 0.5, 1.0]
    assert [line.split("(")[0].strip() for line in said[:2]] == [
        "The board does not take webhooks",
        "The board takes webhooks again.",
    ]


def test_a_wrong_token_stops_everything_with_one_message_that_does_not_tell_it() -> None:
    with listening(*[401] * 100) as board, pytest.raises(SenderError, match="401") as stopped:
        post(board.url, *(webhook(str(call), 1) for call in range(100)))
    assert "secret" not in str(stopped.value)
    assert stopped.value.exit_status == 2
    assert board.posts == []


@pytest.mark.parametrize("token", ["", " secret", "sec\nret", "gehëim"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(SenderError, match="token"):
        Sender("http://127.0.0.1:8000", token, say=print)


def test_a_body_that_the_board_turns_away_is_counted_and_not_tried_again() -> None:
    said: list[str] = []
    with listening(400, 400) as board:
        counts = post(board.url, *(webhook("1", number) for number in range(3)), said=said)
    assert counts == Counts(taken=1, turned_away=2)
    assert len([line for line in said if "400" in line]) == 1


def test_paced_webhooks_are_held_back_until_they_are_due() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def posting(url: str) -> None:
        async with Sender(url, "secret", say=print, pause=pause) as sender:
            await sender.post_all([webhook("1", n, due_seconds=n * 100.0) for n in range(3)], paced=True)

    with listening() as board:
        asyncio.run(posting(board.url))
    assert pauses == pytest.approx([100, 200], abs=20)


def test_the_simulator_posts_the_past_and_then_the_floor() -> None:
    said: list[str] = []
    with listening() as board:
        asyncio.run(
            simulator.run(
                board.url,
                "secret",
                agents=10,
                history_minutes=20,
                duration_seconds=30,
                faults=True,
                say=said.append,
                pause=at_once,
            )
        )
    decoded = [json.loads(body) for _, _, body in board.posts]
    live = [number for number, body in enumerate(decoded) if isinstance(body, dict)]
    assert live == list(range(live[0], len(decoded)))
    assert live[0] > 0
    assert said[-1] == f"Webhooks: {len(board.posts)} taken, 0 turned away, 0 further attempts."


def test_a_call_list_is_posted_and_its_bad_rows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        "arrived_at,answered_at,ended_at,service_type\n"
        "1999-01-03T10:00:00,1999-01-03T10:00:20,1999-01-03T10:01:00,Sales\n"
        "yesterday,,,Sales\n"
    )
    said: list[str] = []
    with listening() as board:
        asyncio.run(replay.run(path, board.url, "secret", speed=0, today=date(2026, 11, 23), say=said.append))
    assert [body["type"] for body in board.bodies()] == ["webhook_component_event", "queue_call"]
    assert board.headers("x-wallboard-meaning") == ["queue_entered:Sales", None]
    assert said == [
        "Line 3 skipped: arrived_at should be a time like 2026-11-23T10:42:07, not 'yesterday'.",
        "Replaying 1 calls of 2026-11-23.",
        "Webhooks: 2 taken, 0 turned away, 0 further attempts.",
    ]
