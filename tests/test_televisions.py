"""What is kept of a television's reports, when it is lost, and what it is handed of what it was asked."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from tests.watch import Watch
from wallboard.tv.engines import engine_of, is_old, platform_of
from wallboard.tv.televisions import MOST, Diagnosis, Report, Televisions, TooMany

BUILD = "b1"
LIVE = Report(page="p1", board="main", build=BUILD, link="live", transport="stream")


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def tvs(watch: Watch) -> Televisions:
    return Televisions(watch)


def word(tvs: Televisions, id: str = "tv") -> str | None:
    standing = tvs.standing(id, BUILD)
    return standing.word if standing else None


CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36"


@pytest.mark.parametrize(("agent", "engine", "platform"), [
    (CHROME.format("SMART-TV; LINUX; Tizen 5.5", "TV Chrome/69.0.3497.106"), "Chromium 69", "Tizen"),
    (CHROME.format("Web0S; Linux/SmartTV", "Chrome/79.0.3945.79"), "Chromium 79", "webOS"),
    (CHROME.format("X11; Linux x86_64", "HeadlessChrome/108.0.5351.0"), "Chromium 108", "Linux"),
    (CHROME.format("Linux; Android 9; AFTMM", "Chrome/98.0.4758.101"), "Chromium 98", "Fire TV"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0", "Gecko 115", "Linux"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Safari/605",
     "WebKit 605", "macOS"),
    (CHROME.format("SMART-TV; LINUX; Tizen 6.0", "76.0.3809.146/6.0 TV"), "Chromium 76", "Tizen"),
    (CHROME.format("SMART-TV; LINUX; Tizen 5.0", "Version/5.0 TV"), "WebKit 537", "Tizen"),
    ("curl/8", "unknown", ""),
    ("", "unknown", ""),
])  # fmt: skip
def test_the_engine_and_the_system_are_read_from_what_a_browser_calls_itself(
    agent: str, engine: str, platform: str
) -> None:
    assert (engine_of(agent), platform_of(agent)) == (engine, platform)


def test_only_a_chromium_from_before_69_is_old() -> None:
    ages = {version: is_old(CHROME.format("x", f"Chrome/{version}.0")) for version in (47, 68, 69, 156)}
    assert ages == {47: True, 68: True, 69: False, 156: False}
    assert not is_old("Mozilla/5.0 (X11; rv:60.0) Gecko/20100101")


def test_a_television_that_says_nothing_for_a_minute_is_lost_until_it_reports(tvs: Televisions, watch: Watch) -> None:
    tvs.report("tv", LIVE)
    watch.seconds += 60
    assert word(tvs) == "Live"
    watch.seconds += 1
    assert word(tvs) == "Lost"
    tvs.report("tv", LIVE)
    assert word(tvs) == "Live"


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, "Live"), ({"link": "stale"}, "Not live"), ({"transport": "poll"}, "Live, by polling"),
    ({"build": "b0"}, "Old version"), ({"board": "", "build": "b0"}, "Live"), ({"link": "closed"}, "Closed"),
])  # fmt: skip
def test_how_a_television_is_in_a_word(tvs: Televisions, changes: dict[str, str], expected: str) -> None:
    tvs.report("tv", replace(LIVE, **changes))
    assert word(tvs) == expected


def test_a_closed_page_is_not_lost_and_leaves_the_list_after_ten_minutes(tvs: Televisions, watch: Watch) -> None:
    tvs.report("tv", replace(LIVE, link="closed"))
    watch.seconds += 600
    assert [one.word for one in tvs.standings(BUILD)] == ["Closed"]
    watch.seconds += 1
    assert tvs.standings(BUILD) == ()
    assert len(tvs) == 0


def test_those_that_need_somebody_stand_first(tvs: Televisions, watch: Watch) -> None:
    tvs.report("lost", LIVE)
    watch.seconds += 61
    tvs.report("b", LIVE)
    tvs.report("a", replace(LIVE, link="stale"))
    assert [one.tv.id for one in tvs.standings(BUILD)] == ["lost", "a", "b"]


def test_a_command_is_handed_out_once_with_the_next_report(tvs: Televisions) -> None:
    tvs.report("tv", LIVE)
    asked = tvs.order("tv", "identify")
    assert tvs.report("tv", LIVE).commands == (asked,)
    assert tvs.report("tv", LIVE).commands == ()


def test_a_page_that_was_loaded_since_is_not_asked_to_reload_again(tvs: Televisions) -> None:
    tvs.report("tv", LIVE)
    tvs.order("tv", "reload")
    assert tvs.report("tv", replace(LIVE, page="p2")).commands == ()


def test_a_command_that_nobody_fetched_for_a_minute_is_void(tvs: Televisions, watch: Watch) -> None:
    tvs.report("tv", LIVE)
    tvs.order("tv", "identify")
    watch.seconds += 61
    assert tvs.report("tv", LIVE).commands == ()


def test_an_unknown_television_is_asked_nothing(tvs: Televisions) -> None:
    assert tvs.order("tv", "reload") is None
    assert tvs.rename("tv", "Reception") is None


def test_a_new_name_wins_over_the_reported_one_and_after_a_restart_the_reported_one_is_known(
    tvs: Televisions,
) -> None:
    tvs.report("tv", replace(LIVE, name="old"))
    tvs.rename("tv", " Reception\u202e \n left ")
    assert tvs.report("tv", replace(LIVE, name="old")).name == "Reception left"
    assert Televisions().report("tv", replace(LIVE, name="Reception left")).name == "Reception left"
    assert tvs.rename("tv", "\u200b\n") is None


def test_a_diagnosis_is_kept_beside_later_reports(tvs: Televisions) -> None:
    found = Diagnosis(verdict="fit", stream="live", first_tiles_ms=40, heartbeat_ms=2000)
    tvs.report("tv", replace(LIVE, board="", diagnosis=found))
    tvs.report("tv", LIVE)
    tv = tvs.get("tv")
    assert tv is not None
    assert tv.diagnosis == found


def test_of_too_many_televisions_the_longest_silent_is_forgotten(tvs: Televisions, watch: Watch) -> None:
    for number in range(MOST):
        tvs.report(f"tv-{number}", LIVE)
    watch.seconds += 10
    tvs.report("tv-0", LIVE)
    tvs.report("new", LIVE)
    assert len(tvs) == MOST
    assert tvs.get("tv-0")
    assert tvs.get("tv-1") is None


def test_a_television_that_reports_without_end_is_refused_and_the_others_are_not(
    tvs: Televisions, watch: Watch
) -> None:
    reports = (tvs.report("mad", LIVE) for _ in range(10))
    with pytest.raises(TooMany):
        list(reports)
    tvs.report("tv", LIVE)
    watch.seconds += 20
    tvs.report("mad", LIVE)


def test_many_made_up_televisions_are_refused_together(tvs: Televisions) -> None:
    reports = (tvs.report(f"tv-{number}", LIVE) for number in range(3_000))
    with pytest.raises(TooMany):
        list(reports)


def test_what_it_calls_itself_is_cut_and_freed_of_control_characters(tvs: Televisions) -> None:
    tvs.report("tv", replace(LIVE, agent="A\x1b[31m" * 200, name="n" * 100, last_error="e\n" * 300))
    tv = tvs.get("tv")
    assert tv is not None
    assert len(tv.report.agent) <= 300
    assert "\x1b" not in tv.report.agent
    assert (len(tv.name), len(tv.report.last_error)) == (60, 199)


@pytest.mark.parametrize("bad", [
    {"width": "1920"}, {"width": -1}, {"width": 1e12}, {"link": "fine"}, {"features": ["x"] * 41},
    {"features": [{}]}, {"agent": "a" * 1001}, {"page": None}, {"reconnects": True}, {"heartbeat_age_ms": -1},
    {"diagnosis": {"verdict": "fit"}},
])  # fmt: skip
def test_a_report_of_wrong_types_or_sizes_is_none(bad: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"page": "p"} | bad, Report)
