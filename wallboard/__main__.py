"""The commands: serve, demo, simulate, replay, check, forget; each reads its options and calls what does it."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from wallboard import __version__, control, replay, sender, serving, simulator
from wallboard.application import settings_or_exit
from wallboard.choices import rules_of
from wallboard.clock import Clock
from wallboard.demo import Feeding, addresses_of
from wallboard.erasing import NoNumber
from wallboard.forgetting import erase_offline
from wallboard.journal import JournalError, JournalUnavailable
from wallboard.journal.archive import ArchiveUnreadable
from wallboard.journal.engines import Engine, engine_of
from wallboard.parse import Reader
from wallboard.people.operating import NoAccount, address_of, link_offline
from wallboard.refold import Question
from wallboard.settings import Settings, SettingsError, read_settings
from wallboard.snapshots import made_ahead

SNAPSHOT_SECONDS = 180
"""A release waits no longer for what only saves its processes work."""

TOKEN_VARIABLE = "WALLBOARD_PBX_TOKEN"
TOKEN_HELP = f"One of its WALLBOARD_PBX_TOKENS; or in the variable {TOKEN_VARIABLE}, which no list of processes shows."


@click.group()
@click.version_option(__version__)
def main() -> None:
    """A live wallboard for a hosted PBX."""


@main.command()
@click.option("--host", help="Address to listen on (setting HOST; 0.0.0.0 is every address).")
@click.option("--port", type=int, help="Port to listen on (setting PORT).")
@click.option("--workers", "count", type=click.IntRange(min=1),
              help="Processes (setting WEB_CONCURRENCY); more than one needs PostgreSQL.")  # fmt: skip
@click.option("--keep-alive", type=int, default=serving.KEEP_ALIVE_SECONDS, show_default=True, help="Seconds.")
def serve(host: str | None, port: int | None, count: int | None, keep_alive: int) -> None:
    """Start the board: the production start, which the Procfile uses too."""
    given: dict[str, Any] = {"host": host, "port": port, "web_concurrency": count}
    serving.run(settings_or_exit(**{name: value for name, value in given.items() if value is not None}), keep_alive)


@main.command()
@click.option("--agents", type=click.IntRange(3, 300), default=25, show_default=True)
@click.option("--speed", type=float, default=1.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--port", type=int, help="Port to listen on (setting PORT).")
def demo(agents: int, speed: float, seed: int, port: int | None) -> None:
    """Start a board with a simulated call centre that feeds it through the real webhook endpoint."""
    # uvicorn raises SIGTERM anew when it has ended: without a handler the simulator would be left behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    token, api_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    given: dict[str, Any] = {} if port is None else {"port": port}
    with tempfile.TemporaryDirectory(prefix="wallboard-demo-") as folder:
        settings = settings_or_exit(
            env_file=None,
            host="127.0.0.1",
            **given,
            database_url=f"sqlite:///{folder}/wallboard.db",
            pbx_tokens=(token,),
            api_tokens=(api_token,),
            web_concurrency=1,
        )
        url = f"http://127.0.0.1:{settings.port}"
        floor = ["--agents", str(agents), "--speed", str(speed), "--seed", str(seed), "--history", "240"]
        command = [sys.executable, "-m", "wallboard", "simulate", "--url", url, *floor]
        feeding = Feeding(command, {TOKEN_VARIABLE: token}, url, addresses_of(url, api_token))
        try:
            serving.run(settings, serving.KEEP_ALIVE_SECONDS, feeding.start)
        finally:
            feeding.stop()


@main.command()
@click.option("--url", required=True, help="The board's address, such as http://127.0.0.1:8000.")
@click.option("--token", envvar=TOKEN_VARIABLE, required=True, help=TOKEN_HELP)
@click.option("--agents", type=click.IntRange(3, 300), default=25, show_default=True)
@click.option("--calls-per-hour", type=click.FloatRange(min=1), help="Left out: as many as keep the agents busy.")
@click.option("--speed", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="Times real time.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same calls.")
@click.option("--history", type=click.IntRange(min=0), default=0, help="Minutes of finished calls to post first.")
@click.option("--seconds", type=float, help="Stop after so many seconds.")
@click.option("--faults", is_flag=True, help="Repeat, reorder and lose some of the bodies.")
def simulate(url: str, token: str, agents: int, calls_per_hour: float | None, speed: float, seed: int,
             history: int, seconds: float | None, faults: bool) -> None:  # fmt: skip
    """A simulated call centre that posts webhooks to a running board."""
    run = simulator.run(
        url, token, agents=agents, calls_per_hour=calls_per_hour, speed=speed, seed=seed, faults=faults,
        history_minutes=history, duration_seconds=seconds, time_zone=_settings_or_exit().zone, say=click.echo,
    )  # fmt: skip
    _post(run)


@main.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", required=True, help="The board's address, such as http://127.0.0.1:8000.")
@click.option("--token", envvar=TOKEN_VARIABLE, required=True, help=TOKEN_HELP)
@click.option("--speed", type=click.FloatRange(min=0), default=1.0, show_default=True,
              help="Times the file's own pace; 0 is as fast as the board takes it.")  # fmt: skip
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Only this day of the file, on to today.")
def replay_(file: Path, url: str, token: str, speed: float, day: datetime | None) -> None:
    """Post a call list as the webhooks that the PBX would have sent.

    FILE.csv has a header line with the columns service_type (the queue), arrived_at, answered_at (empty if the
    caller gave up) and ended_at, and may have call_uid and agent; other columns are ignored. Times are naive
    local ones. The dates are shifted by whole days, so that the file's last day becomes today.
    """
    settings = _settings_or_exit()
    today: date = datetime.now(settings.zone).date()
    _post(replay.run(file, url, token, speed=speed, day=day.date() if day else None, today=today, say=click.echo))


@main.command()
def check() -> None:
    """Read the settings, try the journal, and say what is wrong."""
    settings = settings_or_exit(waits=False)
    click.echo(f"settings: fine (time zone {settings.time_zone}, {len(settings.pbx_tokens)} PBX token(s), "
               f"{len(settings.api_tokens)} API token(s))")  # fmt: skip
    click.echo(f"journal: {engine_of(settings.database_url).name} can be written")
    if settings.spool is not None:
        click.echo(f"spool: {settings.spool} can be written")
    click.echo(f"retention: {_retention_words(settings)}")


@main.command("migrate")
def migrate_() -> None:
    """Bring the database's tables up to date, and make a snapshot for a fast start of this build: the release step.
    Any number may run while servers do.

    SQLite's file needs none of it: a start does it.
    """
    settings = _settings_or_exit()
    engine = engine_of(settings.database_url)
    try:
        said = engine.migrated()
    except JournalError as error:
        _end(str(error))
    click.echo(f"journal: {said}")
    if engine.path is None and (entries := _make_snapshot(settings, engine)):
        click.echo(f"snapshot: the processes of this build start from entry {entries:,}")


def _make_snapshot(settings: Settings, engine: Engine) -> int:
    reader = Reader(zone=settings.zone, components=settings.components)
    question = Question(url=engine.url, rules=rules_of(settings), reader=reader)
    return asyncio.run(made_ahead(engine, question, SNAPSHOT_SECONDS))


def _retention_words(settings: Settings) -> str:
    """What is deleted when, and up to where it has been."""
    days = "day" if settings.retention_days == 1 else f"{settings.retention_days} days"
    said = f"calls of more than {days} ago are deleted"
    base, is_clean = engine_of(settings.database_url).deleted()
    if not base:
        return f"{said}; none has been yet"
    return f"{said}; entries up to {base} are {'gone' if is_clean else 'going, which the next start ends'}"


@main.command()
@click.option("--name", default="", help="Set a new password for this account, instead of making a new one.")
def admin(name: str) -> None:
    """Print a one-time link that makes an admin's account, or sets a password; good once, for 24 hours.

    It works while the server runs and while it does not.
    """
    settings = _settings_or_exit()
    clock = Clock()
    engine = engine_of(settings.database_url, clock)
    try:
        said = _ask(engine, "link", {"name": name}) or {"code": asyncio.run(link_offline(engine, clock, name))}
    except (NoAccount, JournalError, JournalUnavailable, ArchiveUnreadable) as error:
        _end(str(error))
    if "error" in said:
        _end(said["error"])
    click.echo(address_of(settings, said["code"]))


@main.command()
@click.argument("number")
def forget(number: str) -> None:
    """Erase one caller: every trace of NUMBER, and of the name that came with it.

    Their calls stay in all figures, without number, name and recording. It works while the server runs and while it
    does not. What the PBX sends afterwards is kept as always.
    """
    settings = _settings_or_exit()
    found = _erase(settings, number)
    if not any(found.values()):
        click.echo("Nothing was found of that number.")
        return
    click.echo(f"Erased from {found['events']} event(s) of {found['calls']} call(s), with {found['marks']} mark(s).")


def _erase(settings: Settings, number: str) -> dict[str, Any]:
    clock = Clock()
    engine = engine_of(settings.database_url, clock)
    try:
        said = _ask(engine, "forget", {"number": number})
        if said is None:
            if engine.path is not None and not engine.path.exists():
                _end(f"DATABASE_URL: there is no journal at {engine.path}.")
            said = msgspec.to_builtins(asyncio.run(erase_offline(engine, clock, rules_of(settings), number)))
    except (NoNumber, JournalError, JournalUnavailable, ArchiveUnreadable) as error:
        _end(str(error))
    if "error" in said:
        _end(said["error"])
    return said


def _ask(engine: Engine, route: str, value: dict[str, Any]) -> dict[str, Any] | None:
    """The running server's answer, as soon as it has replayed its journal; `None` where none runs, or none need be
    asked, for the database may be written beside it.
    """
    while engine.path is not None:
        try:
            return control.ask(engine.path, route, value)
        except control.Starting:
            time.sleep(0.5)
    return None


def _end(text: str) -> NoReturn:
    click.echo(text, err=True)
    raise SystemExit(2) from None


def _settings_or_exit() -> Settings:
    try:
        return read_settings()
    except SettingsError as error:
        _end(str(error))


def _post(run: Any) -> None:
    try:
        asyncio.run(run)
    except (sender.SenderError, replay.CallListError) as error:
        _end(str(error))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main(prog_name="python -m wallboard")
