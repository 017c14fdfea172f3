"""What every page of the desk rests on: the doorbell, and that no other site's page can act in a reader's name."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Server
from tests.samples import rang


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, object]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_desk_is_told_that_something_has_changed(server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/supervisor/stream", timeout=5) as response:
        told = events(response)
        before = next(beat["sequence"] for name, beat in told if name == "changed")
        server.post(rang())
        assert next(beat["sequence"] for name, beat in told if name == "changed" and beat["sequence"] != before) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 405),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 405),
    ],
)
def test_what_changes_something_must_come_from_our_page(server: Server, headers: dict[str, str], status: int) -> None:
    assert httpx.post(f"{server.url}/supervisor/stream", headers=headers).status_code == status


def test_an_old_browser_tells_its_origin_alone(server: Server) -> None:
    assert httpx.post(f"{server.url}/supervisor/stream", headers={"Origin": server.url}).status_code == 405


def test_a_program_with_a_token_needs_no_page(server: Server) -> None:
    headers = {"Authorization": "Bearer whatever-it-is"}
    assert httpx.post(f"{server.url}/supervisor/stream", headers=headers).status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/", "/setup", "/boards/main", "/boards/none", "/supervisor/boards", "/healthz", "/static/desk.css", "/none"],
)
def test_every_answer_tells_the_browser_what_it_may_do(server: Server, path: str) -> None:
    headers = httpx.get(server.url + path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
