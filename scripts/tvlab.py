"""Shows a busy board in Chromium builds of old televisions, and says what each makes of it.

python -m scripts.tvlab              all of them
python -m scripts.tvlab 69 79        some
Pictures are left in build/tvlab/shots. Ends with 1 if one engine fails.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx

from scripts.devtools import Browser, DevtoolsError, Page
from scripts.tvlab_engines import CACHE, ENGINES, Engine, fetch
from scripts.tvlab_tls import Tls
from wallboard import simulator

ROOT = Path(__file__).resolve().parent.parent
SHOTS = CACHE / "shots"
WIDTH, HEIGHT = 1920, 1080
LIVE = "document.documentElement.dataset.link === 'live'"
STALE = "document.documentElement.dataset.link === 'stale' && !!document.querySelector('.link-banner').offsetHeight"
TILES = "document.querySelectorAll('[data-agent]').length"
SEQUENCE = "Number(document.documentElement.dataset.sequence)"
SIGN = "!!document.querySelector('.tv-identify')"
SOUND = "document.documentElement.dataset.sound = 'while'; document.documentElement.dataset.dimFrom = '00:00'; " \
        "document.documentElement.dataset.dimTo = '23:59'"  # fmt: skip
CODE = "document.documentElement.dataset.pairing === 'waiting' && document.getElementById('code').textContent"
FIT = "(document.getElementById('verdict') || {dataset: {}}).dataset.verdict"


class Floor:
    """A server with a simulated call centre; their processes end with it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", int(os.environ.get("PORT", "0"))))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        token = secrets.token_urlsafe(24)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WALLBOARD_")}
        own = {"PORT": str(port), "DATABASE_URL": f"sqlite:///{folder}/wallboard.db", "WALLBOARD_PBX_TOKENS": token,
               "WEB_CONCURRENCY": "1"}  # fmt: skip
        python = [sys.executable, "-m", "wallboard"]
        self._server = subprocess.Popen([*python, "serve"], cwd=ROOT, env=plain | own, stdout=subprocess.DEVNULL)
        self._feeder: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=10)
        self.tls = Tls(self.url, folder)
        self._until_ready()
        floor = ["--url", self.url, "--token", token, "--history", "60", "--speed", "4"]
        command = [*python[:1], "-u", *python[1:], "simulate", *floor]
        self._feeder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._feeder.stdout is not None
        next(line for line in self._feeder.stdout if line.decode().startswith(simulator.OPEN))

    def _until_ready(self) -> None:
        for _ in range(200):
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise SystemExit("the server did not become ready")

    def send(self, number: signal.Signals) -> None:
        self._server.send_signal(number)

    def told(self, tv: str) -> dict[str, Any]:
        """What the television last said of itself; empty before its first report."""
        answer = self.client.get(f"/tvs/{tv}")
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return found

    def order(self, tv: str, do: str) -> None:
        headers = {"Sec-Fetch-Site": "same-origin"}
        self.client.post(f"/supervisor/tvs/{tv}", data={"do": do}, headers=headers)

    def pair(self, code: str, name: str) -> str:
        """The id of the television that shows the code; empty if there is none."""
        form = {"do": "pair", "code": code, "name": name, "board": "main"}
        headers = {"Sec-Fetch-Site": "same-origin"}
        answer = self.client.post("/supervisor/tvs/pair", data=form, headers=headers)
        return urlsplit(str(answer.headers.get("location", ""))).path.rpartition("/")[2]

    def close(self) -> None:
        self.client.close()
        self.tls.close()
        self.send(signal.SIGCONT)
        for process in (self._feeder, self._server):
            if process is not None:
                process.terminate()
                process.wait(10)


@dataclass
class Finding:
    """What one engine made of the board: what it could, in the table's words, and why not the rest."""

    engine: Engine
    cells: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def note(self, column: str, value: str, good: bool) -> None:
        self.cells[column] = value if good else f"✗ {value}"
        if not good:
            self.failures.append(f"{column}: {value}")


@click.command()
@click.argument("versions", nargs=-1, type=click.Choice([str(engine.chromium) for engine in ENGINES]))
def main(versions: tuple[str, ...]) -> None:
    """Shows a busy board in old Chromium builds (all of them, or those named) and prints what each makes of it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    engines = [engine for engine in ENGINES if not versions or str(engine.chromium) in versions]
    for engine in engines:
        fetch(engine)
    with tempfile.TemporaryDirectory(prefix="tvlab-") as folder:
        floor = Floor(Path(folder))
        try:
            findings = [_examined(engine, floor, Path(folder)) for engine in engines]
        finally:
            floor.close()
    print(_table(findings))
    failed = [finding for finding in findings if finding.failures]
    for finding in failed:
        print(f"Chromium {finding.engine.chromium} fails: {'; '.join(finding.failures)}")
    sys.exit(1 if failed else 0)


def _examined(engine: Engine, floor: Floor, folder: Path) -> Finding:
    print(f"Chromium {engine.chromium} …", flush=True)
    finding = Finding(engine)
    browser: Browser | None = None
    try:
        profile = folder / f"profile-{engine.chromium}"
        browser = Browser(engine.program, profile, libraries=engine.libraries, width=WIDTH, height=HEIGHT)
        for step in (_board, _report, _stale_and_fresh, _commands, _care, _diagnosis, _pairing):
            step(browser.page, floor, finding)
        _errors(browser.page, finding)
    except (DevtoolsError, OSError) as error:
        finding.note("engine", str(error), good=False)
    finally:
        if browser is not None:
            browser.close()
    return finding


def _board(page: Page, floor: Floor, finding: Finding) -> None:
    page.go(f"{floor.url}/boards/main?tv={_id(finding)}")
    seconds = page.wait_for(f"{LIVE} && {TILES} > 10", 20)
    finding.note("tiles live", "never" if seconds is None else f"{seconds:.1f} s", good=seconds is not None)
    before = page.evaluate(SEQUENCE)
    moved = page.wait_for(f"{SEQUENCE} > {before or 0}", 10)
    finding.note("moves", "no" if moved is None else "yes", good=moved is not None)
    time.sleep(2)  # let the board settle for its picture
    page.screenshot(SHOTS / f"board-{finding.engine.chromium}.png")


def _report(page: Page, floor: Floor, finding: Finding) -> None:
    told = _until(lambda: _live_report(floor, finding), 30)
    if not told:
        finding.note("report", "none came", good=False)
        return
    report = told["report"]
    right = told["engine"] == f"Chromium {finding.engine.chromium}"
    finding.note("report", told["engine"], good=right)
    age = report["heartbeat_age_ms"]
    finding.note("heartbeat", f"{age} ms ago", good=age is not None and age < 3000)
    finding.note("fragments lost", str(report["missing_fragments"]), good=report["missing_fragments"] == 0)
    finding.cells["features"] = ", ".join(report["features"])


def _live_report(floor: Floor, finding: Finding) -> dict[str, Any]:
    told = floor.told(_id(finding))
    is_live = bool(told) and told["report"]["link"] == "live" and told["report"]["heartbeat_age_ms"] is not None
    return told if is_live else {}


def _stale_and_fresh(page: Page, floor: Floor, finding: Finding) -> None:
    floor.send(signal.SIGSTOP)
    seconds = page.wait_for(STALE, 8)
    page.screenshot(SHOTS / f"stale-{finding.engine.chromium}.png")
    floor.send(signal.SIGCONT)
    finding.note("stale", "never" if seconds is None else f"{seconds:.1f} s", good=seconds is not None and seconds < 5)
    back = page.wait_for(LIVE, 15)
    finding.note("fresh", "never" if back is None else f"{back:.1f} s", good=back is not None)


def _commands(page: Page, floor: Floor, finding: Finding) -> None:
    _until(lambda: _live_report(floor, finding), 25)
    floor.order(_id(finding), "identify")
    shown = page.wait_for(SIGN, 5)
    page.screenshot(SHOTS / f"identify-{finding.engine.chromium}.png")
    page.evaluate("window.before = true")
    floor.order(_id(finding), "reload")
    reloaded = page.wait_for(f"!window.before && {LIVE}", 20)
    good = shown is not None and reloaded is not None
    finding.note("commands", "both" if good else "reload" if reloaded else "identify" if shown else "none", good=good)


def _care(page: Page, floor: Floor, finding: Finding) -> None:
    page.evaluate(SOUND)
    ready = page.wait_for("wallboard.soundState() === 'ready'", 5)
    finding.note("sound", str(page.evaluate("wallboard.soundState()")), good=ready is not None)
    moved = page.wait_for("!!document.querySelector('.screen').style.transform", 3)
    overflow = page.evaluate("document.documentElement.scrollHeight - window.innerHeight")
    finding.note("shift", f"{overflow} px over", good=moved is not None and overflow == 0)
    dimmed = page.wait_for("wallboard.alarmNow() || document.documentElement.hasAttribute('data-dimmed')", 3)
    finding.note("dims", "no" if dimmed is None else "yes", good=dimmed is not None)
    page.screenshot(SHOTS / f"dimmed-{finding.engine.chromium}.png")


def _diagnosis(page: Page, floor: Floor, finding: Finding) -> None:
    page.go(f"{floor.url}/diag?tv={_id(finding)}")
    page.wait_for(f"['fit', 'unfit'].includes({FIT})", 20)
    told = _until(lambda: floor.told(_id(finding)).get("diagnosis"), 5)
    page.screenshot(SHOTS / f"diag-{finding.engine.chromium}.png")
    words = f"{told['verdict']}, {told['stream']}" if told else "none came"
    finding.note("diag", words, good=words == "fit, live")


def _pairing(page: Page, floor: Floor, finding: Finding) -> None:
    """Through TLS and as somebody from elsewhere: a code, its board, and a code again when it is revoked."""
    page.ask("Security.enable")
    page.ask("Security.setIgnoreCertificateErrors", ignore=True)
    page.go(f"{floor.tls.url}/tv")
    shown = page.wait_for(CODE, 15)
    page.screenshot(SHOTS / f"pair-{finding.engine.chromium}.png")
    id = floor.pair(str(page.evaluate(CODE)), _id(finding)) if shown is not None else ""
    live = page.wait_for(f"location.pathname === '/boards/main' && {LIVE} && {TILES} > 10", 20) if id else None
    finding.note("paired", "never" if live is None else f"{live:.1f} s", good=live is not None)
    if live is None:
        return
    floor.order(id, "revoke")
    revoked = page.wait_for(f"location.pathname === '/tv' && {CODE}", 10)
    finding.note("revoked", "never" if revoked is None else f"{revoked:.1f} s", good=revoked is not None)


def _errors(page: Page, finding: Finding) -> None:
    # While the server stood still and while pages were left, requests failed as they must.
    passing = ("net::ERR_", "favicon", "status of 401")  # and what was refused as it should be
    serious = [text for text in page.errors if not any(sign in text for sign in passing)]
    finding.note("script errors", str(len(serious)) if not serious else "; ".join(serious)[:300], good=not serious)


def _id(finding: Finding) -> str:
    return f"lab-{finding.engine.chromium}"


def _until(told: Callable[[], Any], within: float) -> Any:
    deadline = time.monotonic() + within
    while not (found := told()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _table(findings: list[Finding]) -> str:
    columns = list(dict.fromkeys(column for finding in findings for column in finding.cells))
    rows = [["Chromium", *columns]]
    rows += [[str(one.engine.chromium), *(one.cells.get(column, "–") for column in columns)] for one in findings]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
