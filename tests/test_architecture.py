"""Modules lie in one order, and each imports only those above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

ORDER = [
    "settings",
    "logs",
    "events",
    "bodies",
    "fields",
    "plain",
    "parse",
    "clock",
    "journal",
    "journal.rows",
    "journal.carve",
    "journal.blanking",
    "journal.witness",
    "journal.base",
    "journal.apart",
    "journal.files",
    "journal.store",
    "journal.soundness",
    "journal.mending",
    "journal.lock",
    "journal.custody",
    "journal.examination",
    "journal.patience",
    "journal.sqlite",
    "journal.beginnings",
    "journal.sqlite_beginnings",
    "commons",
    "journal.archive",
    "journal.sqlite_archive",
    "journal.migrations",
    "journal.postgres_words",
    "journal.postgres_link",
    "journal.postgres_rows",
    "journal.postgres_time",
    "journal.postgres_jobs",
    "journal.postgres_applied",
    "journal.postgres_follower",
    "journal.postgres_writer",
    "journal.postgres",
    "journal.spool_records",
    "journal.spool_homes",
    "journal.spool",
    "journal.postgres_drain",
    "journal.hand",
    "journal.spooling",
    "journal.postgres_check",
    "journal.postgres_beginnings",
    "journal.upkeep",
    "journal.sqlite_upkeep",
    "journal.unopened",
    "journal.postgres_archive",
    "journal.postgres_upkeep",
    "journal.postgres_commons",
    "journal.postgres_engine",
    "journal.engines",
    "offers",
    "rest",
    "meaning",
    "calls",
    "way",
    "ledger",
    "waits",
    "totals",
    "figures",
    "limits",
    "namesakes",
    "usual",
    "shelves",
    "standing",
    "touched",
    "agents",
    "callbacks.phone",
    "callbacks.marks",
    "callbacks.lines",
    "callbacks.callers",
    "rules",
    "quarters",
    "tally",
    "board",
    "turns",
    "day.rows",
    "day.intervals",
    "day.explain",
    "day.sheet",
    "day.kept",
    "day.choice",
    "day.behind",
    "day.words",
    "day.scope",
    "day.figures",
    "day.tables",
    "day.lines",
    "day.charts",
    "day.exports",
    "day.steps",
    "recordings",
    "state",
    "boards.definitions",
    "boards.reading",
    "boards.kept",
    "boards.file",
    "tv.paired",
    "views",
    "masking",
    "scope",
    "look",
    "measure",
    "lamps",
    "notices",
    "scene",
    "eyes",
    "lines",
    "rows",
    "crew",
    "places",
    "hero",
    "tiles",
    "now.views",
    "now.filter",
    "now.numbers",
    "callbacks.seen",
    "now.floor",
    "callbacks.list",
    "orders",
    "render",
    "feed",
    "bell",
    "screen",
    "boards.drafts",
    "screens",
    "erasing",
    "arrivals",
    "remarks",
    "intake",
    "turned_away",
    "boards.saving",
    "day.shelf",
    "day.history",
    "day.recount",
    "day.seen",
    "day.live",
    "day.days",
    "retention",
    "day.story",
    "access.origins",
    "access.tokens",
    "allowances",
    "control",
    "walls",
    "statics",
    "ready",
    "answers",
    "watching",
    "posts",
    "front",
    "stream",
    "access.visitors",
    "access.rules",
    "sights",
    "access.presence",
    "access.gate",
    "forgetting",
    "people.names",
    "people.hashing",
    "people.accounts",
    "people.sessions",
    "people.keys",
    "people.attempts",
    "people.audit",
    "people.secret",
    "people.cookies",
    "people.folds",
    "pickles",
    "snapshot",
    "refold",
    "snapshots",
    "people.provider",
    "people.reception",
    "people.asking",
    "people.times",
    "webhook",
    "pages",
    "desk",
    "forms",
    "now.pages",
    "callbacks.pages",
    "day.pages",
    "day.call_pages",
    "people.doors",
    "people.provider_doors",
    "people.operating",
    "people.account_pages",
    "people.pages",
    "people.key_pages",
    "people.audit_pages",
    "boards.form",
    "boards.editor",
    "boards.pages",
    "boards.exchange",
    "tv.engines",
    "tv.orders",
    "tv.televisions",
    "tv.listing",
    "tv.enrolment",
    "tv.newcomers",
    "tv.qr",
    "tv.keys",
    "tv.entrance",
    "tv.admitting",
    "tv.reports",
    "tv.pages",
    "api",
    "choices",
    "life",
    "application",
    "refusals",
    "connection",
    "server",
    "workers",
    "serving",
]
PACKAGES = {"access", "boards", "callbacks", "day", "now", "people", "tv"}
OUTSIDE = {"__init__", "__main__", "replay", "sender", "demo", *PACKAGES}
NO_CLOCK = [*ORDER[1:4], *ORDER[ORDER.index("offers") : ORDER.index("feed")]]


def path_of(module: str) -> str:
    return "journal/__init__" if module == "journal" else module.replace(".", "/")


def imports(module: str) -> Iterator[str]:
    tree = ast.parse((ROOT / "wallboard" / f"{path_of(module)}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "wallboard":
            within = node.module.split(".")[1:]
            for name in node.names:
                module = ".".join([*within, name.name])
                yield module if module in ORDER or not within else ".".join(within)


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_those_above_it(module: str) -> None:
    above = {*ORDER[: ORDER.index(module)], "__version__"}
    assert set(imports(module)) <= above


def test_every_module_has_its_place() -> None:
    files = (ROOT / "wallboard").rglob("*.py")
    names = {".".join(file.relative_to(ROOT / "wallboard").with_suffix("").parts) for file in files}
    inside = {name.removesuffix(".__init__") for name in names if not name.startswith("simulator")} - OUTSIDE
    assert inside == set(ORDER)


@pytest.mark.parametrize("module", NO_CLOCK)
def test_the_fold_and_the_views_read_no_clock(module: str) -> None:
    source = (ROOT / "wallboard" / f"{path_of(module)}.py").read_text()
    assert ".now(" not in source
    assert "time.time" not in source
    assert "random" not in source


@pytest.mark.parametrize("module", [name for name in ORDER if name != "clock" and not name.startswith("journal")])
def test_the_server_reads_the_time_of_day_in_one_place(module: str) -> None:
    assert "datetime.now(" not in (ROOT / "wallboard" / f"{path_of(module)}.py").read_text()


@pytest.mark.parametrize("module", ORDER)
def test_every_module_says_its_job_first(module: str) -> None:
    assert ast.get_docstring(ast.parse((ROOT / "wallboard" / f"{path_of(module)}.py").read_text()))
