"""Boards as values: read from whatever was typed, kept by the fold of their remarks, carried by one TOML file."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallboard.board_form import BoardFields, fields_of, raw_of, without_row
from wallboard.board_reading import read
from wallboard.boards import Boards, Removed, Saved
from wallboard.boards_file import BoardsFileError, read_boards, write
from wallboard.definitions import MOST_BOARDS, PANELS, Definition, PlaceTargets, Targets, difference_words
from wallboard.saving import Outcome, Saving

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SALES = Definition(slug="sales", name="Sales", queues=("Sales",), targets=Targets(service_level_target=0.9))


class Remarks:
    """An intake that hears remarks at once, and remembers them as a journal does."""

    def __init__(self, boards: Boards) -> None:
        self._boards = boards
        self.said: list[tuple[str, dict[str, Any]]] = []

    async def remark(self, name: str, value: dict[str, Any]) -> None:
        self.said.append((name, msgspec.json.decode(msgspec.json.encode(value))))
        self._boards.remarks[name](self.said[-1][1], NOON)


class Office:
    """The boards, and a saving that works on them."""

    def __init__(self) -> None:
        self.changes = 0
        self.boards = Boards(self._count)
        self.remarks = Remarks(self.boards)
        self._saving = Saving(self.remarks, self.boards)  # type: ignore[arg-type]

    def _count(self) -> None:
        self.changes += 1

    def save(self, board: Definition, replaces: str | None, **more: Any) -> Outcome:
        return asyncio.run(self._saving.save(board, replaces, **more))

    def remove(self, slug: str, replaces: str) -> Outcome:
        return asyncio.run(self._saving.remove(slug, replaces))

    def take_file(self, *boards: Definition) -> None:
        asyncio.run(self._saving.take_file(boards))

    def version(self, slug: str = "sales") -> str:
        kept = self.boards.get(slug)
        assert kept is not None
        return kept.version

    def definition(self, slug: str = "sales") -> Definition | None:
        kept = self.boards.get(slug)
        return kept.definition if kept else None

    def restarted(self) -> Boards:
        boards = Boards(lambda: None)
        for name, value in self.remarks.said:
            boards.remarks[name](value, NOON)
        return boards


@pytest.fixture
def office() -> Office:
    return Office()


# --- the fold ------------------------------------------------------------------------------------------


def test_main_exists_before_anybody_has_saved_anything(office: Office) -> None:
    assert [kept.definition for kept in office.boards.all()] == [Definition()]


def test_a_saved_board_is_there_and_after_a_restart_too(office: Office) -> None:
    assert office.save(SALES, None, by="Jo") is Outcome.SAVED
    assert office.definition() == SALES
    assert office.changes == 1
    assert office.restarted().all() == office.boards.all()


def test_main_comes_first_and_the_others_by_name(office: Office) -> None:
    for slug, name in (("b", "alpha"), ("a", "Zulu"), ("c", "Beta")):
        office.save(Definition(slug=slug, name=name), None)
    assert [kept.definition.slug for kept in office.boards.all()] == ["main", "b", "c", "a"]


def test_the_second_of_two_who_edit_the_same_board_is_told(office: Office) -> None:
    office.save(SALES, None)
    seen_by_both = office.version()
    theirs = msgspec.structs.replace(SALES, theme="light")
    assert office.save(theirs, seen_by_both) is Outcome.SAVED
    assert office.save(SALES, seen_by_both) is Outcome.OUTDATED
    assert office.definition() == theirs
    assert office.save(SALES, office.version()) is Outcome.SAVED


def test_the_fold_decides_where_both_are_written_before_either_is_heard(office: Office) -> None:
    """As two processes on one journal would."""
    office.save(SALES, None)
    seen_by_both = office.version()
    for version in ("first", "second"):
        said = Saved(board=SALES, version=version, replaces=seen_by_both)
        office.boards.remarks["board_saved"](msgspec.to_builtins(said), NOON)
    assert office.version() == "first"


def test_two_new_boards_at_one_address_are_not_both_made(office: Office) -> None:
    assert office.save(SALES, None) is Outcome.SAVED
    assert office.save(SALES, None) is Outcome.OUTDATED


def test_the_main_board_is_edited_from_what_nobody_has_saved(office: Office) -> None:
    unsaved = office.version("main")
    assert office.save(Definition(name="Floor"), unsaved) is Outcome.SAVED
    assert office.save(Definition(name="Hall"), unsaved) is Outcome.OUTDATED


def test_what_was_saved_from_a_version_that_a_damaged_journal_lost_is_kept(office: Office) -> None:
    said = Saved(board=SALES, version="after", replaces="lost")
    office.boards.remarks["board_saved"](msgspec.to_builtins(said), NOON)
    assert office.definition() == SALES
    said = Saved(board=Definition(name="Floor"), version="after", replaces="lost")
    office.boards.remarks["board_saved"](msgspec.to_builtins(said), NOON)
    assert office.version("main") == "after"


def test_a_removed_board_is_gone_and_can_be_made_again(office: Office) -> None:
    office.save(SALES, None)
    edited = office.version()
    assert office.remove("sales", edited) is Outcome.SAVED
    assert office.definition() is None
    assert office.save(SALES, edited) is Outcome.OUTDATED
    assert office.save(SALES, None) is Outcome.SAVED
    assert office.restarted().all() == office.boards.all()


def test_a_board_that_has_changed_since_is_not_removed(office: Office) -> None:
    office.save(SALES, None)
    asked = office.version()
    office.save(msgspec.structs.replace(SALES, theme="light"), asked)
    assert office.remove("sales", asked) is Outcome.OUTDATED
    assert office.definition() is not None


def test_main_cannot_be_removed(office: Office) -> None:
    office.remove("main", office.version("main"))
    office.boards.remarks["board_removed"](msgspec.to_builtins(Removed(slug="main", replaces="")), NOON)
    assert office.definition("main") == Definition()


def test_there_is_an_end_of_boards(office: Office) -> None:
    for number in range(MOST_BOARDS - 1):
        assert office.save(Definition(slug=f"b{number}", name="B"), None) is Outcome.SAVED
    assert office.save(SALES, None) is Outcome.FULL
    assert office.save(Definition(name="Floor"), office.version("main")) is Outcome.SAVED


def test_a_remark_that_cannot_be_read_is_refused_and_changes_nothing(office: Office) -> None:
    for value in ({}, {"board": {"slug": "A B"}, "version": "1", "replaces": None}, {"board": {"colour": 1}}):
        with pytest.raises(msgspec.ValidationError):
            office.boards.remarks["board_saved"](value, NOON)
    assert len(office.boards) == 1


# --- a deploy's file -----------------------------------------------------------------------------------


def test_a_deploys_file_is_taken_once_and_an_edit_stays(office: Office) -> None:
    office.take_file(SALES)
    edited = msgspec.structs.replace(SALES, theme="light")
    office.save(edited, office.version())
    office.take_file(SALES)
    assert office.definition() == edited
    assert office.restarted().from_file == {"sales": SALES}


def test_a_changed_file_wins_over_an_edit(office: Office) -> None:
    office.take_file(SALES)
    office.save(msgspec.structs.replace(SALES, theme="light"), office.version())
    changed = msgspec.structs.replace(SALES, name="Sales, changed")
    office.take_file(changed)
    assert office.definition() == changed


def test_a_board_that_was_removed_does_not_come_back_with_every_restart(office: Office) -> None:
    office.take_file(SALES)
    office.remove("sales", office.version())
    office.take_file(SALES)
    assert office.definition() is None


# --- TOML ----------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(
    lambda name: name.lower() != "null"
)
CHOSEN = st.none() | st.lists(NAMES, min_size=1, max_size=4, unique=True).map(tuple)
SLUGS = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True).filter(lambda slug: slug not in ("new", "import", "preview"))
SHARES = st.none() | st.integers(0, 1000).map(lambda tenths: tenths / 1000)
SECONDS = st.none() | st.integers(1, 86_400)
OWN: dict[str, Any] = {
    "service_level_seconds": SECONDS,
    "service_level_formula": st.sampled_from([None, "default", "strict", "late_abandons"]),
    "service_level_target": SHARES,
    "wait_warn_seconds": SECONDS,
    "abandon_alarm": SHARES,
}
PLACES = st.lists(
    st.builds(PlaceTargets, name=NAMES, kind=st.sampled_from(["queue", "ring_group"]), **OWN),
    max_size=3,
    unique_by=lambda own: (own.kind, own.name),
)
HOURS = st.sampled_from([(None, None), ("20:00", "07:30")])
BOARDS = st.builds(
    lambda hours, **values: Definition(**values, dim_from=hours[0], dim_to=hours[1]),
    hours=HOURS,
    slug=SLUGS,
    name=NAMES,
    queues=CHOSEN,
    ring_groups=CHOSEN,
    agents=CHOSEN,
    panels=st.lists(st.sampled_from(PANELS), unique=True).map(tuple),
    targets=st.builds(Targets, **OWN),
    places=PLACES.map(tuple),
    masking=st.sampled_from(["last_three", "hidden", "none"]),
    theme=st.sampled_from(["dark", "light"]),
    message=st.just("") | NAMES,
    sound=st.sampled_from(["off", "once", "while"]),
    rotation=st.lists(SLUGS, max_size=3, unique=True).map(tuple),
    rotation_seconds=st.integers(10, 3600),
)


@settings(deadline=None)
@given(st.lists(BOARDS, min_size=1, max_size=4, unique_by=lambda board: board.slug))
def test_what_is_exported_is_imported_the_same(boards: list[Definition]) -> None:
    assert list(read_boards(write(boards))) == boards


@settings(deadline=None)
@given(BOARDS)
def test_a_form_left_as_it_is_gives_the_same_board(board: Definition) -> None:
    assert read(raw_of(fields_of(board))).definition == board


def test_an_exported_file_says_only_what_differs_from_the_default() -> None:
    assert write([Definition(), SALES]).partition("\n\n")[2] == (
        '[[boards]]\nslug = "main"\nname = "Wallboard"\n\n'
        '[[boards]]\nslug = "sales"\nname = "Sales"\nqueues = [\n    "Sales",\n]\n\n'
        "[boards.targets]\nservice_level_target = 0.9\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[boards", "This is no TOML"),
        ("", "write one [[boards]] table"),
        ("boards = 3", "write one [[boards]] table"),
        ("colour = 1\n[[boards]]\nslug='a'\nname='A'", "colour: there is no such key"),
        ("[[boards]]\nname='A'", "board no. 1: slug: is missing"),
        ("[[boards]]\nslug='a'\nname='A'\ncolour=1", "board a: colour: There is no such key."),
        ("[[boards]]\nslug='a'\nname='A'\n[boards.targets]\nwait_warn_seconds='x'", "targets.wait_warn_seconds: Write"),
        ("[[boards]]\nslug='a'\nname='A'\n[[boards.places]]\nkind='team'", "board a: places.0.kind: Choose queue or"),
        ("[[boards]]\nslug='a'\nname='A'\n[[boards]]\nslug='a'\nname='B'", "board a: slug: stands here twice."),
        ("[[boards]]\nslug='draft-1'\nname='A'", "board draft-1: slug: The editor needs"),
        ("[[boards]]\nslug='a'\nname='A'\ndim_from='8:00'", "board a: dim_from: Write a time of day"),
        ("[[boards]]\nslug='a'\nname='A'\nqueues=[]", "board a: queues: Choose at least one"),
    ],
)  # fmt: skip
def test_every_mistake_in_a_file_names_board_and_key(text: str, said: str) -> None:
    with pytest.raises(BoardsFileError) as caught:
        read_boards(text)
    assert said in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BoardsFileError) as caught:
        read_boards("[[boards]]\nslug='A'\nname=''\ntheme='pink'\n[[boards]]\nslug='b'\nname='B'\nsound=1")
    assert len(caught.value.problems) == 4


@settings(deadline=None)
@given(st.text(max_size=300))
def test_whatever_is_pasted_is_read_or_refused(text: str) -> None:
    try:
        read_boards(text)
    except BoardsFileError as error:
        told = error.problems
    else:
        told = ["nothing wrong"]
    assert told


# --- what is typed into the form -----------------------------------------------------------------------


def typed(**changed: str | list[str]) -> BoardFields:
    names = {name.replace("__", "."): value for name, value in changed.items()}
    pairs = [(name, value) for name, value in fields_of(SALES).pairs() if name not in names]
    for name, value in names.items():
        pairs += [(name, one) for one in ([value] if isinstance(value, str) else value)]
    return BoardFields(pairs)


@pytest.mark.parametrize("share", ["80", "80.0", "80 %", "80%", " 80 "])
def test_a_share_may_be_typed_as_people_do(share: str) -> None:
    reading = read(raw_of(typed(targets__service_level_target=share)))
    assert reading.definition is not None
    assert reading.definition.targets.service_level_target == 0.8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("targets__service_level_target", "101"),
        ("targets__service_level_target", "nan"),
        ("targets__service_level_target", "-1"),
        ("targets__wait_warn_seconds", "0"),
        ("targets__wait_warn_seconds", "1.5"),
        ("targets__wait_warn_seconds", "²"),
        ("targets__wait_warn_seconds", "9" * 400),
        ("targets__service_level_formula", "best"),
        ("name", ""),
        ("name", "\u202e \u200b"),
        ("name", "x" * 61),
        ("slug", "Sales"),
        ("slug", "a b"),
        ("slug", "../x"),
        ("slug", "x" * 41),
        ("slug", "new"),
        ("message", "x" * 201),
        ("theme", "pink"),
        ("rotation_seconds", "9"),
        ("dim_from", "24:00"),
        ("dim_from", "20:00"),
        ("rotation", "A"),
        ("places__0__kind", "team"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(field: str, value: str) -> None:
    name = field.replace("__", ".")
    reading = read(raw_of(typed(**{field: value, **({"places__0__name": "Q"} if name[:6] == "places" else {})})))
    assert reading.definition is None
    assert set(reading.problems) <= {name, "dim_to"}


def test_red_before_amber_is_told() -> None:
    reading = read(raw_of(typed(targets__wait_warn_seconds="30", targets__wait_alarm_seconds="20")))
    assert set(reading.problems) == {"targets.wait_alarm_seconds"}


def test_names_are_kept_as_the_pbx_names_are() -> None:
    """Else a choice would never meet the queue that it means."""
    reading = read(raw_of(typed(queues=["Sales"], queues_more="  Night \t shift\u200b \n\nSales\n")))
    assert reading.definition is not None
    assert reading.definition.queues == ("Sales", "Night shift")


def test_a_choice_of_nothing_is_told() -> None:
    assert set(read(raw_of(typed(queues=[]))).problems) == {"queues"}


def test_an_empty_exception_is_none_and_a_nameless_one_is_told() -> None:
    assert read(raw_of(typed(places__0__kind="queue", places__0__name=""))).definition == SALES
    nameless = typed(places__0__kind="queue", places__0__name="", places__0__wait_warn_seconds="5")
    assert set(read(raw_of(nameless)).problems) == {"places.0.name"}


def test_the_same_place_twice_is_told() -> None:
    twice = typed(places__0__name="Q", places__0__kind="queue", places__1__name="Q", places__1__kind="queue")
    assert set(read(raw_of(twice)).problems) == {"places.1.name"}


def test_an_exception_taken_out_leaves_the_others() -> None:
    fields = typed(places__0__name="A", places__1__name="B", places__2__name="C")
    assert [without_row(fields, 1).text(f"places.{row}.name") for row in (0, 1)] == ["A", "C"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([name for name, _ in fields_of(SALES).pairs()]), st.text(max_size=20))))
def test_whatever_a_form_sends_is_read_or_told(pairs: list[tuple[str, str]]) -> None:
    reading = read(raw_of(BoardFields(pairs)))
    assert (reading.definition is None) == bool(reading.problems)


def test_what_differs_is_said_in_the_editors_words() -> None:
    other = msgspec.structs.replace(SALES, queues=None, dim_from="20:00", dim_to="07:00")
    assert difference_words(SALES, other) == "queues, dimming"
