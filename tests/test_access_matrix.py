"""Every route and everybody: who is let in follows from the route's rule, and a route without a rule is a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount, Route

from tests.inside import Inside
from wallboard.access.rules import Way
from wallboard.access.visitors import STRANGER, Role, Visitor

# A new route needs its line here: think about who may come.
TABLE: dict[str, str] = {
    "pbx": """
        POST /webhooks/pbx
        POST /webhooks/pbx/{rest:path}
    """,
    "open": """
        GET /tv
        GET /tv/pairing
        POST /tv/pairing
        GET /sign-in
        POST /sign-in
        POST /sign-out
        GET /claim
        POST /claim
        GET /diag
        GET /healthz
        GET /readyz
    """,
    "known": """
        GET /
        POST /tvs/{id}
    """,
    "board": """
        GET /boards/{slug}
        GET /boards/{slug}/stream
        GET /boards/{slug}/tiles
    """,
    "desk": """
        GET /supervisor
        GET /supervisor/live
        GET /supervisor/stream
        GET /supervisor/callbacks
        GET /supervisor/callbacks/list
        GET /supervisor/day
        GET /supervisor/day/{day}
        GET /supervisor/day/{day}/calls
        GET /supervisor/day/{day}/{what}.csv
        GET /supervisor/calls/{id:path}
        GET /supervisor/account
        POST /supervisor/account/name
        POST /supervisor/account/password
        POST /supervisor/account/sessions
    """,
    "supervise": """
        GET /setup
        GET /setup/seen
        POST /supervisor/callbacks/marks
        POST /supervisor/name
        GET /supervisor/boards
        GET /supervisor/boards.toml
        GET /supervisor/boards/import
        POST /supervisor/boards/import
        GET /supervisor/boards/new
        POST /supervisor/boards/new
        POST /supervisor/boards/preview
        GET /supervisor/boards/{slug}
        POST /supervisor/boards/{slug}
        GET /supervisor/boards/{slug}/remove
        POST /supervisor/boards/{slug}/remove
        GET /supervisor/tvs
        GET /supervisor/tvs/pair
        POST /supervisor/tvs/pair
        GET /supervisor/tvs/{id}
        POST /supervisor/tvs/{id}
        GET /tvs/{id}
    """,
    "administer": """
        GET /supervisor/people
        POST /supervisor/people
        GET /supervisor/people/{name}
        POST /supervisor/people/{name}
        GET /supervisor/keys
        POST /supervisor/keys
        POST /supervisor/keys/{id}
        GET /supervisor/audit
    """,
    "machines": """
        GET /api/v1/state
        GET /metrics
    """,
    "operate": """
        POST /operator/link
        POST /operator/forget
    """,
}

PEOPLE = {"viewer of another board", "viewer", "supervisor", "admin"}
SUPERVISORS = {"supervisor", "admin"}
TVS = {"TV of another board", "TV of this board"}
VISITORS: dict[str, Visitor] = {
    "stranger": STRANGER,
    "TV of another board": Visitor(role=Role.TV, key="tv:1", boards=frozenset({"sales"}), home="/boards/sales"),
    "TV of this board": Visitor(role=Role.TV, key="tv:2", boards=frozenset({"main"}), home="/boards/main"),
    "machine": Visitor(role=Role.MACHINE, key="api-token"),
    "viewer of another board": Visitor(role=Role.VIEWER, key="s:1", name="Robin", boards=frozenset({"sales"})),
    "viewer": Visitor(role=Role.VIEWER, key="s:2", name="Alex"),
    "supervisor": Visitor(role=Role.SUPERVISOR, key="s:3", name="Sam"),
    "admin": Visitor(role=Role.ADMIN, key="s:4", name="Kim"),
    "operator": Visitor(role=Role.OPERATOR, key="operator"),
}
ADMITTED: dict[str, set[str]] = {
    "pbx": set(),  # no visitor's business: it has its own token, which none of them shows
    "open": set(VISITORS),
    "known": {*PEOPLE, *TVS, "machine"},
    "board": {*PEOPLE, *TVS, "machine"} - {"TV of another board", "viewer of another board"},
    "desk": PEOPLE,
    "supervise": SUPERVISORS,
    "administer": {"admin"},
    "machines": {"machine"},
    "operate": set(),  # the operator has a door of their own, and over the network there is nothing
}
VALUES = {
    "slug": "main",
    "id": "nobody",
    "id:path": "c1",
    "rest:path": "sales",
    "day": "2026-11-24",
    "what": "calls",
    "name": "nobody",
}


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("matrix")) as inside:
        claim(inside)
        yield inside


def claim(inside: Inside) -> None:
    """Its first account, so that nobody is there because there is none."""
    form = {"do": "set", "name": "admin", "shown": "Kim", "password": "four words in a row"}
    assert inside.ask("POST", "/claim", data=form).status_code == 303


def table() -> dict[str, str]:
    """The rule of each route, by `METHOD path`."""
    return {line.strip(): rule for rule, lines in TABLE.items() for line in lines.splitlines() if line.strip()}


def name(way: Way) -> str:
    return f"{way.method} {way.path}"


def test_every_route_has_the_rule_that_stands_here(wall: Inside) -> None:
    assert {name(way): way.rule.name for way in wall.gate.ways} == table()


def test_every_route_was_made_by_the_gate(wall: Inside) -> None:
    routes = [route for route in wall.app.routes if isinstance(route, Route)]
    others = [route for route in wall.app.routes if not isinstance(route, Route)]
    assert [(route.path) for route in others if isinstance(route, Mount)] == ["/static"]
    assert len(others) == 1
    assert [(r.path, way.method in (r.methods or ())) for r, way in zip(routes, wall.gate.ways, strict=True)] == [
        (way.path, True) for way in wall.gate.ways
    ]
    for route, way in zip(routes, wall.gate.ways, strict=True):
        guarded = route.endpoint.__qualname__ == "Gate.guarded.<locals>.guard"
        assert guarded or way.rule.name == "pbx", f"{name(way)} is not behind the gate"


def test_no_route_hides_another(wall: Inside) -> None:
    names = [name(way) for way in wall.gate.ways]
    assert len(names) == len(set(names))


def address(path: str) -> str:
    for key, value in VALUES.items():
        path = path.replace("{" + key + "}", value)
    assert "{" not in path, f"say in VALUES what stands for the part in {path}"
    return path


def asked(way: Way) -> tuple[str, str]:
    """A stream has no end: its head is enough."""
    return "HEAD" if way.path.endswith("/stream") else way.method, address(way.path)


@pytest.mark.parametrize("who", VISITORS)
@pytest.mark.parametrize("page", [True, False], ids=["as a page", "as a part"])
def test_everybody_gets_what_the_rule_allows(wall: Inside, who: str, page: bool) -> None:
    wrong = []
    for way in wall.gate.ways:
        method, path = asked(way)
        answer = wall.ask(method, path, visitor=VISITORS[who], page=page and method == "GET")
        may = who in ADMITTED[way.rule.name]
        target = answer.headers.get("location", "")
        turned_away = is_refusal(answer) or (answer.status_code == 303 and is_elsewhere(target, who, way))
        if may == turned_away:
            wrong.append(f"{name(way)}: {answer.status_code} {target}, but may {'' if may else 'not '}come")
    assert wrong == []


def is_refusal(answer: httpx.Response) -> bool:
    """By the gate; a handler's own refusal, of a wrong password say, is its answer to somebody whom it let in."""
    words = ('"error":"unauthorized"', '"error":"forbidden"', "This is not for your role", "data-pairing=")
    if answer.status_code == 404:
        return "There is nothing here." in answer.text
    has_no_body = answer.request.method == "HEAD"
    return answer.status_code in (401, 403) and (has_no_body or any(said in answer.text for said in words))


def is_elsewhere(target: str, who: str, way: Way) -> bool:
    """Led to where the stranger signs in, or the television hangs; not where a form leads when it is done."""
    if target.startswith("/sign-in?next="):
        return True
    return who in TVS and target == VISITORS[who].home and way.path not in ("/", "/tv")


def test_a_stranger_is_led_to_sign_in_and_a_screen_to_its_code(wall: Inside) -> None:
    led = wall.ask("GET", "/supervisor/tvs?done=x", visitor=STRANGER, page=True)
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=/supervisor/tvs%3Fdone%3Dx")
    shown = wall.ask("GET", "/boards/main", visitor=STRANGER, page=True)
    assert shown.status_code == 401
    assert "data-pairing=" in shown.text
    assert 'href="/sign-in"' in shown.text


@pytest.mark.parametrize("path", ["/boards/main", "/boards/no-such-board", "/supervisor", "/setup", "/"])
def test_a_television_is_never_refused_a_page_but_led_home(wall: Inside, path: str) -> None:
    answer = wall.ask("GET", path, visitor=VISITORS["TV of another board"], page=True)
    assert (answer.status_code, answer.headers["location"]) == (303, "/boards/sales")


def test_a_television_that_fetches_is_told_plainly(wall: Inside) -> None:
    answer = wall.ask("GET", "/boards/main/tiles", visitor=VISITORS["TV of another board"])
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


def unsafe(wall: Inside) -> list[Way]:
    return [way for way in wall.gate.ways if way.method not in ("GET", "HEAD") and way.rule.name != "pbx"]


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://wall.example"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://wall.example"}, False),
        ({"Origin": "https://wall.example"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://wall.example.evil.example"}, False),
        ({"Origin": "https://wall.example:8443"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
        ({"Authorization": "Basic eDp5", "Origin": "https://evil.example"}, False),
    ],
)
def test_no_other_sites_page_can_do_anything(wall: Inside, headers: dict[str, str], passes: bool) -> None:
    ways = unsafe(wall)
    assert len(ways) > 8
    for way in ways:
        wall.gate._identify = (lambda request: VISITORS["admin"],)
        answer = wall.do(wall._ask(way.method, address(way.path), headers))
        refused = answer.status_code == 403 and "from a page of this wallboard" in answer.text
        assert refused != passes, name(way)


def test_reading_does_nothing(tmp_path: Path) -> None:
    """Any site can have a safe method asked for, so none of them changes anything: the journal stands still.

    But that something was taken away is noted.
    """
    with Inside(tmp_path) as wall:
        before = wall.ask("GET", "/readyz").json()["sequence"]
        for way in wall.gate.ways:
            method, path = asked(way)
            if method in ("GET", "HEAD") and not way.exports:
                wall.ask(method, path, visitor=VISITORS["admin"], headers={"Sec-Fetch-Site": "cross-site"})
        assert wall.ask("GET", "/readyz").json()["sequence"] == before
