"""A board shows what its definition says: the chosen, masked, by its own targets, and nothing of the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.samples import Body, abandoned, answered_call, body, missed, rang
from tests.walls import board_of
from wallboard import views
from wallboard.boards.definitions import Definition, PlaceTargets, Targets
from wallboard.events import Place
from wallboard.look import Look
from wallboard.tiles import compose

NOW = datetime.now(UTC).replace(hour=13, minute=0, second=0, microsecond=0)
SALES, NIGHT = Place("queue", "Sales"), Place("ring_group", "Night")


def waits(call: str, seconds: float, queue: str | None = "Sales", agent: str = "1002", **fields: Any) -> Body:
    """A caller who has waited so long at NOW."""
    started = (NOW - timedelta(seconds=seconds)).isoformat()
    return rang(agent, call, queue, call_start_at=started, **fields)


def seen(*told: Body, **definition: Any) -> views.Board:
    defaults = Targets(service_level_seconds=20, service_level_target=0.8, service_level_formula="default")
    look = Look(definition=Definition(**definition), defaults=defaults)
    return compose(board_of(told, NOW), NOW, look, sequence=1, trouble=None)


def tiles(board: views.Board, kind: str) -> list[Any]:
    return [tile for panel in board.panels if panel.kind == kind for tile in panel.tiles]


FLOOR = (
    *answered_call("1", agent="1001"),
    abandoned("2", lasted=40, queue="Support"),
    waits("3", 15),
    waits("4", 30, "Support", agent="1003"),
    waits("5", 5, None, agent="1004"),
    waits("6", 90, None, agent="1005", ring_group_name="Night"),
)


def calls(board: views.Board, kind: str = "waiting") -> list[str]:
    return [row.id for row in tiles(board, kind)]


def test_without_a_choice_everything_is_shown_and_whoever_waits_longest_comes_first() -> None:
    board = seen(*FLOOR)
    assert [tile.name for tile in tiles(board, "queues")] == ["Support", "Sales"]
    assert [tile.name for tile in tiles(board, "ring_groups")] == ["Night"]
    assert len(tiles(board, "agents")) == 5
    assert calls(board) == ["6", "4", "3", "5"]
    assert [row.longest for row in tiles(board, "waiting")] == [True, False, False, False]
    assert (board.hero.waiting, board.hero.waiting_too_long, board.hero.longest_place) == (4, 2, "Night")
    assert (board.hero.offered, board.hero.answered, board.hero.missed) == (6, 1, 1)


def test_a_choice_of_queues_narrows_the_tiles_the_calls_and_the_numbers() -> None:
    board = seen(*FLOOR, queues=("Support",), ring_groups=())
    assert [tile.name for tile in tiles(board, "queues")] == ["Support"]
    assert tiles(board, "ring_groups") == []
    assert (calls(board), calls(board, "ended")) == (["4"], ["2"])
    hero = board.hero
    assert (hero.waiting, hero.offered, hero.answered, hero.missed, hero.abandoned) == (1, 2, 0, 1, 1)
    assert (hero.service_level_percent, hero.voicemails_new, hero.outbound_placed) == (0, None, None)


def test_a_chosen_queue_is_shown_before_it_is_heard_of() -> None:
    assert [tile.name for tile in tiles(seen(queues=("Sales",)), "queues")] == ["Sales"]


def test_a_choice_of_agents_brings_their_calls_and_their_numbers() -> None:
    board = seen(*FLOOR, agents=("1001", "Agent 1004"))
    assert [tile.number for tile in tiles(board, "agents")] == ["1001", "1004"]
    assert (calls(board), calls(board, "ended")) == (["5"], ["1"])
    assert (board.hero.answered, board.hero.offered) == (1, None)


def test_an_agent_who_talks_to_a_caller_of_another_queue_is_seen_to_talk_and_not_with_whom() -> None:
    board = seen(waits("1", 9, "Support", caller_name="Zoë"), waits("2", 5, agent="1003"), queues=("Sales",))
    assert [(tile.state, tile.with_whom) for tile in tiles(board, "agents")] == [
        ("ringing", ""), ("ringing", "ACME Pty Ltd …001"),
    ]  # fmt: skip


def test_a_call_that_went_on_to_another_queue_and_agent_stands_nowhere_on_the_board_that_it_left() -> None:
    went = [waits("1", 60), missed("1002", "1", 20), waits("1", 60, "Support", agent="1003")]
    row = tiles(seen(*went, queues=("Sales",), agents=("1002",)), "waiting")[0]
    assert (row.id, row.place, row.agents) == ("1", "", "")
    assert tiles(seen(*went), "waiting")[0].place == "Support"


def test_only_the_chosen_panels_are_there() -> None:
    assert [panel.kind for panel in seen(*FLOOR, panels=("ended", "agents")).panels] == ["ended", "agents"]
    assert seen(*FLOOR, panels=()).panels == ()


def test_a_floor_without_queues_has_no_empty_panel_for_them_and_a_service_level() -> None:
    told = body("ring_group_call", "1", ring_group_name="Night", status="answered", connected_at=None, call_duration=60,
                conversation_duration=50)  # fmt: skip
    board = seen(told)
    assert [panel.kind for panel in board.panels][:2] == ["ring_groups", "agents"]
    assert board.hero.service_level_percent == 0
    assert [panel.kind for panel in seen().panels][:2] == ["queues", "agents"]


@pytest.mark.parametrize(("masking", "caller", "number"), [
    ("last_three", "Zoë …789", "…001"), ("none", "Zoë 0400123789", "+61290000001"), ("hidden", "Caller", ""),
])  # fmt: skip
def test_the_caller_is_masked_everywhere(masking: Any, caller: str, number: str) -> None:
    board = seen(waits("1", 9, caller_name="Zoë 0400123789"), masking=masking)
    row, agent = tiles(board, "waiting")[0], tiles(board, "agents")[0]
    assert (row.caller, row.number) == (caller, number)
    assert board.hero.longest_caller == agent.with_whom == f"{caller} {number}".strip()


def test_theme_message_and_name_are_the_boards() -> None:
    footer = seen(theme="light", message="Hello", name="Night shift").footer
    assert (footer.theme, footer.message, footer.name) == ("light", "Hello", "Night shift")


@pytest.mark.parametrize(("targets", "places", "alarm"), [
    (Targets(), (), "warn"),  # 30 s: over the settings' 20 s, not over three times as many
    (Targets(wait_warn_seconds=40), (), "calm"),
    (Targets(wait_warn_seconds=5), (), "alarm"),
    (Targets(wait_warn_seconds=5, wait_alarm_seconds=60), (), "warn"),
    (Targets(service_level_seconds=31), (), "calm"),
    (Targets(wait_warn_seconds=40), (PlaceTargets(name="Sales", wait_alarm_seconds=29),), "alarm"),
    (Targets(wait_warn_seconds=40), (PlaceTargets(name="Sales", kind="ring_group", wait_alarm_seconds=29),), "calm"),
])  # fmt: skip
def test_a_wait_is_judged_by_the_place_then_the_board_then_the_settings(
    targets: Targets, places: Any, alarm: str
) -> None:
    board = seen(waits("1", 30), targets=targets, places=places)
    found = (tiles(board, "queues")[0].alarm, tiles(board, "waiting")[0].alarm, board.hero.longest_wait_alarm)
    assert found == (alarm, alarm, alarm)


@pytest.mark.parametrize(("own", "level", "abandons"), [
    (Targets(), "alarm", "calm"),
    (Targets(service_level_target=0.5), "calm", "calm"),
    (Targets(service_level_target=0.6), "warn", "calm"),
    (Targets(service_level_formula="answered_only"), "calm", "calm"),
    (Targets(abandon_warn=0.4), "alarm", "warn"),
    (Targets(abandon_warn=0.4, abandon_alarm=0.49), "alarm", "alarm"),
    (Targets(abandon_warn=0.5), "alarm", "calm"),
])  # fmt: skip
def test_the_days_figures_have_targets_too(own: Targets, level: str, abandons: str) -> None:
    """One call answered in time, one abandoned: half and half."""
    board = seen(*answered_call("1"), abandoned("2", lasted=40), targets=own)
    tile = tiles(board, "queues")[0]
    assert (tile.service_level_alarm, tile.abandon_alarm, tile.alarm) == (level, abandons, "calm")
    assert (board.hero.service_level_alarm, board.hero.abandon_alarm) == (level, abandons)


def test_goals_leave_nothing_open() -> None:
    goals = Look().goals(SALES)
    assert (goals.service_level_seconds, goals.wait_warn_seconds, goals.wait_alarm_seconds) == (20, 20, 60)
    assert (goals.service_level_target, goals.service_level_formula, goals.abandon_warn) == (0.8, "default", None)


def test_queues_stand_worst_first() -> None:
    told = [waits("1", 25, "B"), waits("2", 40, "C"), waits("3", 70, "D"), waits("4", 1, "E"),
            *answered_call("5"), abandoned("6", lasted=50, queue="Z")]  # fmt: skip
    assert [tile.name for tile in tiles(seen(*told), "queues")][:4] == ["D", "C", "B", "Z"]


def test_a_call_that_an_agent_dials_is_no_waiting_caller() -> None:
    board = seen(body("user_outbound", "1", user_number="1001", user_name="Ana"))
    assert (calls(board), calls(board, "talking"), board.hero.waiting) == ([], ["1"], 0)
