"""Hostile bodies, at a real server and at the fold: each gets its answer, and the next good event is shown at once."""

from __future__ import annotations

import copy
import json
import signal
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Server
from tests.hostile import Case, corpus, packed, queues, ring_all
from tests.samples import Body, abandoned, answered, answered_call, at, body, completed, missed, rang, summary
from tests.test_board import NOON, Floor
from tests.test_door import comparable
from wallboard import limits
from wallboard.board import Board
from wallboard.bodies import Unreadable, decode
from wallboard.clock import Clock
from wallboard.intake import Intake
from wallboard.journal import SCHEMA, Delivery, Entry
from wallboard.journal.sqlite import SqliteJournal
from wallboard.look import Look
from wallboard.parse import Reader
from wallboard.render import Renderer
from wallboard.rules import Rules
from wallboard.state import state
from wallboard.tiles import compose

ANSWERED_WITHIN_SECONDS = 2.0
NAMES = 10_000
TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
OUTCOMES = ("answered", "abandoned", "unanswered", "open")


def unsound(document: dict[str, Any]) -> list[str]:
    """What does not add up in a state document."""
    inbound = document["totals"]["inbound"]
    wrong = [] if inbound["offered"] == sum(inbound[n] for n in ("answered", "missed", "open")) else ["inbound"]
    for place in document["queues"] + document["ring_groups"]:
        if place["today"]["offered"] != sum(place["today"][name] for name in OUTCOMES):
            wrong.append(place["name"])
        if min(value for value in place["today"].values() if value is not None) < 0:
            wrong.append(f"{place['name']} below zero")
    return wrong


# --- a real server -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assault:
    """What came of posting the whole corpus and then some to one server, and what it says since."""

    server: Server
    answers: dict[str, tuple[int, float]]
    accepted_of_names: list[int]
    statuses_of_rings: set[int]
    shown_before_seconds: float
    shown_after_seconds: float


@pytest.fixture(scope="module")
def assault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assault]:
    """The tests only ask about it, in any order; a restart changes none of the answers."""
    server = Server(tmp_path_factory.mktemp("hostile")).start()
    try:
        yield assail(server)
    finally:
        server.close()


def assail(server: Server) -> Assault:
    before = shown_after(server)
    answers = {case.name: send(server, case) for case in corpus()}
    names = [server.post(bodies).json()["accepted"] for bodies in queues(NAMES)]
    rings = {server.post(event).status_code for event in ring_all(300)}
    return Assault(server, answers, names, rings, before, shown_after(server))


def send(server: Server, case: Case) -> tuple[int, float]:
    """The answer's status and how long it took; the headers go out byte for byte."""
    headers = [(b"X-Pbx-Token", b"a-pbx-token-for-tests")]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in case.headers.items()]
    started = time.monotonic()
    try:
        status = server.client.post("/webhooks/pbx", content=case.raw, headers=headers).status_code
    except (httpx.WriteError, httpx.ReadError):
        status = 413  # refused by its announced length, and the connection closed while we were still writing
    return status, time.monotonic() - started


def shown_after(server: Server, times: int = 7) -> float:
    """The median of the seconds from a POST until a stream has the agent's new state."""
    taken = []
    with httpx.stream("GET", f"{server.url}/boards/main/stream", timeout=10) as stream:
        lines = stream.iter_lines()
        next(lines)
        for _ in range(times):
            call = f"good {time.monotonic_ns()}"
            for event, shown in ((rang("9001", call, None), "ringing"), (missed("9001", call, 9, None), "idle")):
                started = time.monotonic()
                assert server.post(event).status_code == 200
                next(line for line in lines if f'data-agent="9001" data-state="{shown}"' in line)
                taken.append(time.monotonic() - started)
    return statistics.median(taken)


def test_the_corpus_is_large_and_no_case_stands_in_it_twice() -> None:
    cases = corpus()
    assert len(cases) >= 300
    assert len({case.name for case in cases}) == len(cases)


def test_every_body_gets_its_answer_and_none_holds_the_server_up(assault: Assault) -> None:
    wanted = {case.name: case.status for case in corpus()}
    got = assault.answers
    assert {name: (got[name][0], status) for name, status in wanted.items() if got[name][0] != status} == {}
    assert {name: took for name, (_, took) in got.items() if took > ANSWERED_WITHIN_SECONDS} == {}
    assert assault.accepted_of_names == [len(bodies) for bodies in queues(NAMES)]
    assert assault.statuses_of_rings == {200}
    assert assault.shown_after_seconds < 3 * assault.shown_before_seconds + 0.15


def test_afterwards_the_numbers_add_up_and_the_pages_are_drawn(assault: Assault) -> None:
    server = assault.server
    document = server.state()
    assert unsound(document) == []
    quarantined = sum(case.status == 400 for case in corpus())
    webhooks = document["webhooks"]
    assert (webhooks["set_aside"], webhooks["quarantined"], webhooks["refused"]) == (0, quarantined, 0)
    names = [queue["name"] for queue in document["queues"]]
    assert "(other queues)" in names
    assert len(names) <= 101
    assert document["limits"]["queues"]["beyond"] > NAMES - 200
    for path in ("/setup", "/setup/seen", "/boards/main", "/boards/main/tiles", "/"):
        page = server.client.get(path)
        assert page.status_code == 200
        assert len(page.content) < 2_000_000
    assert "counted together" in server.client.get("/setup").text
    assert "counted together" in server.client.get("/boards/main").text
    assert "Traceback" not in (server.folder / "log").read_text()


def test_after_a_restart_it_is_all_the_same_and_as_fast(assault: Assault) -> None:
    server = assault.server
    before = server.state()
    server.stop(signal.SIGKILL)
    server.start()
    assert comparable(server.state()) == comparable(before)
    assert shown_after(server) < 3 * assault.shown_after_seconds + 0.15


# --- what the events mean ------------------------------------------------------------------------------

TOMORROW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
TRANSFERRED_TO_SELF = [
    *answered_call()[:3],
    rang("1002", caller_name="again", queue=None),
    answered("1002", after=210, queue=None),
]
SEMANTICS: dict[str, tuple[list[Body], dict[str, Any]]] = {
    "two agents answer one call": (
        [rang("1001"), rang("1002"), answered("1001"), answered("1002", after=15), summary(agent="1001")],
        {
            "inbound.answered": 1,
            "agents.1001.today.answered": 1,
            "agents.1002.today.answered": 1,
            "queues.Sales.today.answered": 1,
        },
    ),
    "two agents talk, and one hangs up": (
        [answered("1001"), answered("1002", after=15), completed("1001", lasted=60, talk=46)],
        {"calls.1001.state": "talking", "agents.1001.state": "idle", "agents.1002.state": "talking"},
    ),
    "a transfer to oneself": (
        TRANSFERRED_TO_SELF,
        {"calls.1001.state": "talking", "agents.1002.state": "talking", "inbound.offered": 1},
    ),
    "a transfer to oneself that ends": (
        [*TRANSFERRED_TO_SELF, completed("1002", after=210, lasted=250, talk=40, queue=None)],
        {"calls.1001.state": "ended", "calls.1001.talk_seconds": 227.0, "agents.1002.today.answered": 1},
    ),
    "a completion before its ring": (
        [completed(), rang()],
        {"calls.1001.state": "ended", "agents.1002.state": "idle", "agents.1002.today.answered": 1},
    ),
    "a summary before everything": (
        [summary(), rang(), answered()],
        {"calls.1001.state": "ended", "calls.1001.outcome": "answered", "agents.1002.today.answered": 1},
    ),
    "an unanswered completion before its ring": (
        [missed("1001"), rang("1001")],
        {"agents.1001.today.missed": 1, "inbound.offered": 1},
    ),
    "two summaries that contradict each other": (
        [abandoned(), summary()],
        {"queues.Sales.today.answered": 1, "queues.Sales.today.abandoned": 0, "calls.1001.outcome": "answered"},
    ),
    "a summary answered by nobody": (
        [summary(agent=None)],
        {"queues.Sales.today.answered": 1, "inbound.answered": 1, "agents": {}},
    ),
    "a queue renamed in mid-call": (
        [rang(), answered(), completed(queue="Sales & Co"), summary(queue="Sales & Co")],
        {
            "inbound.offered": 1,
            "inbound.answered": 1,
            "queues.Sales.today.answered": 1,
            "queues.Sales & Co.today.answered": 1,
        },
    ),
    "a queue and a ring group of one name": (
        [rang(ring_group_name="Sales"), abandoned()],
        {"queues.Sales.today.abandoned": 1, "ring_groups.Sales.today.offered": 1, "inbound.offered": 1},
    ),
    "an agent renamed": (
        [rang() | {"user_name": "Old"}, rang(call="2") | {"user_name": "New"}],
        {"agents.1002.name": "New"},
    ),
    "an id used again the next day": (
        [*answered_call(), abandoned() | {"call_start_at": at(0, TOMORROW)}],
        {"inbound.offered": 1, "inbound.answered": 1, "calls": 1},
    ),
    "a voicemail after the id was used again": (
        [
            abandoned() | {"call_start_at": at(-86_400)},
            abandoned(),
            body("voicemail", call_start_at=None, recorded_at=at(40)),
        ],
        {"calls.1001.voicemail": True, "inbound.offered": 1},
    ),
    "an id that is used in and out": (
        [rang(), body("user_outbound", user_number="1003")],
        {"calls.1001.direction": "inbound", "outbound.placed": 0},
    ),
    "an answer before the call began": (
        [completed(after=-30, lasted=60, talk=60), summary(after=-30)],
        {"queues.Sales.today.average_speed_of_answer": 0.0, "queues.Sales.today.service_level": 1.0},
    ),
    "a talk that outlasts its call": (
        [completed(lasted=10, talk=999)],
        {"agents.1002.today.talk_seconds": 999.0, "calls.1001.state": "ended"},
    ),
    "durations below zero": (
        [completed(lasted=-5, talk=-5)],
        {"calls.1001.state": "ended", "agents.1002.today.talk_seconds": 0.0},
    ),
    "a start in two years": (
        [rang(call_start_at="2099-01-01T00:00:00Z")],
        {"inbound.offered": 1, "calls.1001.state": "ringing"},
    ),
    "a start long ago": (
        [rang(call_start_at="1999-01-01T00:00:00Z")],
        {"inbound.offered": 1, "calls.1001.state": "ringing"},
    ),
    "one voicemail twice, another once": (
        [
            body("voicemail", recorded_at=at(1)),
            body("voicemail", recorded_at=at(1), emails="x"),
            body("voicemail", recorded_at=at(2)),
        ],
        {"voicemails.today": 2},
    ),
    "the caller of a component": (
        [body("webhook_component_event", component_name="Menu", user_number="1002")],
        {"agents": {}, "inbound.offered": 0},
    ),
    "an unknown status": ([summary(status="BUSY \u202e")], {"queues.Sales.today.unanswered": 1}),
    "a caller who is the agent": ([rang(caller_id="1002"), missed("1002"), abandoned()], {"inbound.missed": 1}),
    "the remainder's own name": (
        [abandoned(queue="(other queues)")],
        {"queues.(other queues).today.abandoned": 1, "limits.queues.beyond": 0},
    ),
    "a number as the queue": ([rang(queue=12)], {"queues.12.ringing": 1}),  # type: ignore[arg-type]
    "300 rings": ([rang()] * 300, {"inbound.offered": 1, "agents.1002.state": "ringing"}),
}


def by_name(document: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = dict(document) | document["totals"]
    for key, name in (("calls", "id"), ("agents", "number"), ("queues", "name"), ("ring_groups", "name")):
        named[key] = {entry[name]: entry for entry in document[key]}
    return named


@pytest.mark.parametrize("name", SEMANTICS)
def test_what_odd_events_mean(name: str) -> None:
    bodies, expected = SEMANTICS[name]
    document = Floor(*bodies).state
    found = by_name(document)
    assert unsound(document) == []
    for path, value in expected.items():
        inner: Any = found
        for step in path.split("."):
            inner = inner[step]
        assert (len(inner) if isinstance(value, int) and isinstance(inner, dict) else inner) == value, path


def test_calls_of_one_id_are_told_apart_in_any_order() -> None:
    yesterday = [{**event, "call_start_at": at(-86_400)} for event in (rang("1001"), abandoned())]
    today = [rang("1002"), missed("1002"), abandoned(lasted=30)]
    for order in (
        [*yesterday, *today],
        [*today, *yesterday],
        [today[0], yesterday[1], today[2], yesterday[0], today[1]],
    ):
        floor = Floor(*order)
        assert (floor.inbound["offered"], floor.inbound["missed"], len(floor.board.calls)) == (1, 1, 2)
        assert floor.agent("1002")["today"]["missed"] == 1
        drawn = compose(floor.board, floor.now, Look(), sequence=1, trouble=None)
        keys = [tile.key for panel in drawn.panels for tile in panel.tiles]
        assert len(set(keys)) == len(keys)


# --- what is too much ----------------------------------------------------------------------------------

MANY = {
    "queues": lambda name: abandoned(name, queue=name),
    "ring_groups": lambda name: body("ring_group_call", name, ring_group_name=name, status="abandoned"),
    "agents": lambda name: missed(name, name, queue=None),
    "voicemail_boxes": lambda name: body("voicemail", name, dest_number=name, recorded_at=at(1)),
    "components": lambda name: body("webhook_component_event", name, component_name=name),
}


def names_in(entries: list[dict[str, Any]]) -> list[str]:
    return [entry.get("number") or entry["name"] for entry in entries]


@pytest.mark.parametrize("kind", MANY)
def test_names_beyond_the_limit_go_into_one_remainder_that_heals(kind: limits.Kind) -> None:
    most = limits.MOST[kind]
    floor = Floor(*(MANY[kind](f"name {n}") for n in range(most + 50)))
    document = floor.state
    names = names_in(document[kind])
    assert (len(names), limits.REMAINDER[kind] in names) == (most + 1, True)
    assert document["limits"][kind] == {"most": most, "beyond": 50}
    assert unsound(document) == []
    if kind in ("queues", "ring_groups"):
        assert sum(entry["today"]["abandoned"] for entry in document[kind]) == most + 50
    if kind == "agents":
        assert sum(agent["today"]["missed"] for agent in document["agents"]) == most + 50
    notice = compose(floor.board, floor.now, Look(), sequence=1, trouble=None).notice
    assert notice.alarm == "warn"
    assert "counted together" in notice.text
    floor.wait(days=8).feed({**MANY[kind]("another"), "call_start_at": None, "recorded_at": None})
    assert floor.state["limits"][kind]["beyond"] == 0
    assert "another" in names_in(floor.state[kind])


def test_one_call_is_followed_only_so_far_and_says_so() -> None:
    floor = Floor(
        *(rang("1001", queue=f"Queue {n}") for n in range(60)),
        *(missed("1001", lasted=n, queue="Queue 0") for n in range(300)),
    )
    assert len(floor.state["queues"]) == 50
    assert floor.state["limits"]["call_events"]["beyond"] == 10 + 150
    assert unsound(floor.state) == []
    assert (
        "more events than can be followed"
        in compose(floor.board, floor.now, Look(), sequence=1, trouble=None).notice.text
    )
    assert floor.feed(abandoned(queue="Queue 1"), *answered_call("2")).inbound["answered"] == 1


def test_a_ring_all_of_three_hundred_phones_is_cheap() -> None:
    bodies = ring_all(300)
    started = time.process_time()
    floor = Floor(*bodies)
    assert (time.process_time() - started) / len(bodies) < 0.01
    assert (floor.inbound["answered"], floor.state["calls"][0]["state"]) == (1, "ended")
    assert sum(agent["today"]["missed"] for agent in floor.state["agents"]) == 0


def test_days_do_not_pile_up() -> None:
    floor = Floor(*(abandoned(f"{n}") | {"call_start_at": at(-86_400 * n)} for n in range(0, 4_000, 7)))
    assert len(floor.board.days) < 70
    assert len(floor.wait(days=1).feed(rang(call="x", call_start_at=None)).board.days) <= 2


# --- a generator on top --------------------------------------------------------------------------------


def fresh() -> Intake:
    """An intake that is fed with entries directly; its journal is never opened."""
    zone = ZoneInfo("Australia/Sydney")
    journal = SqliteJournal(Path("never-opened"))
    return Intake(Reader(zone=zone), Board(Rules(zone=zone)), journal, Clock(), lambda: None)


def feed(intake: Intake, bodies: list[bytes]) -> None:
    for n, raw in enumerate(bodies):
        refusal = None
        try:
            decode(raw)
        except Unreadable as error:
            refusal = str(error)
        delivery = Delivery(received_at=NOON + timedelta(seconds=n), body=raw, refusal=refusal)
        intake.apply(Entry(sequence=n + 1, schema=SCHEMA, delivery=delivery))


def document_of(intake: Intake, now: datetime) -> dict[str, Any]:
    return state(intake.board, now, sequence=0, webhooks=intake.counts(), journal={}, formula="default")


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["null", "x" * 3_000, "<b>", at(5), at(-90_000), at(86_000), "2026-11-23", "1001", "Sales", "answered"]
    )
    | st.lists(st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=3)
)
GOOD = [
    *answered_call("1"),
    rang("1001", "2"),
    missed("1001", "2"),
    abandoned("2"),
    body("user_outbound", "3", user_number="1001"),
    body("user_outbound_completed", "3", user_number="1001", call_duration=9),
    body("voicemail", "2", recorded_at=at(50)),
    body("ring_group_call", "4", ring_group_name="Desk", status="answered", user_number="1002"),
    body("webhook_component_event", "4", component_name="Menu"),
    body("recording_inbound", "1", call_recording_link="x"),
]
FIELDS = sorted({field for event in GOOD for field in event})


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """One body, good but for some fields; now and then an array, doubled, nested or cut."""
    event: Any = copy.deepcopy(draw(st.sampled_from(GOOD)))
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
        event[field] = draw(ODD)
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=2)):
        event.pop(field, None)
    match draw(st.integers(0, 9)):
        case 0:
            return packed([event, draw(st.sampled_from(GOOD))])
        case 1:
            return packed([event] * draw(st.integers(0, 4)))
        case 2:
            return packed({**event, "x": draw(ODD)})[: draw(st.integers(0, 400))]
        case _:
            return packed(event)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(mutants(), min_size=1, max_size=40))
def test_mutated_bodies_poison_nothing_and_fold_the_same_again(bodies: list[bytes]) -> None:
    intake, again = fresh(), fresh()
    feed(intake, bodies)
    now = NOON + timedelta(seconds=len(bodies))
    document = document_of(intake, now)
    assert intake.poisoned == 0
    assert unsound(document) == []
    assert msgspec.json.encode(document)
    assert RENDERER.snapshot(compose(intake.board, now, Look(), sequence=1, trouble=None))
    feed(again, bodies)
    assert document_of(again, now) == document
    assert document_of(again, now + timedelta(days=3))["totals"]["inbound"]["open"] == 0


RENDERER = Renderer(TEMPLATES)


def test_the_whole_corpus_folds_without_poison() -> None:
    intake = fresh()
    feed(intake, [case.raw for case in corpus() if case.status in (200, 400)])
    assert intake.poisoned == 0
    assert unsound(document_of(intake, NOON + timedelta(minutes=20))) == []
    assert len(intake.arrivals.types) <= 12 + 50 + 1
    assert len(json.dumps([seen.last_body for seen in intake.arrivals.types.values()])) < 2_000_000
