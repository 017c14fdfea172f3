"""The start of the server: its socket, its processes, and the end that starts it anew; knows no command, no route."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable
from functools import partial

import click
import uvicorn

from wallboard import __version__, control, workers
from wallboard.application import create_app
from wallboard.connection import Connection, prepare
from wallboard.journal.engines import Engine, engine_of
from wallboard.server import Server
from wallboard.settings import Settings

KEEP_ALIVE_SECONDS = 95
FAREWELL_SECONDS = 3
COLLECT_AFTER = (10_000, 5, 20)
"""Thousands of streams are a million objects, and looking through all of them stops everything: once a million
new ones. Never would keep what streams leave behind when they end, some hundred objects each, in cycles."""
SWITCH_SECONDS = 0.0005
"""A busy loop gives way to the journal's thread after this long; it asks some ten times a commit. With Python's 5 ms
a webhook waited 600 ms while thousands of screens connected. docs/decisions/2026-11-24-slow-and-greedy-clients.md"""


def run(settings: Settings, keep_alive: int, started: Callable[[], None] = lambda: None) -> None:
    """Listens, calls `started`, and serves until a signal ends it; SystemExit if the address cannot be had.

    `keep_alive` is how many seconds a connection may be without a request.
    """
    listening = _listen(settings)
    click.echo(f"wallboard {__version__} listens on http://{settings.host}:{listening.getsockname()[1]}")
    sys.stdout.flush()  # or every process that is forked says it once more
    started()
    work = partial(_work, settings, listening, keep_alive)
    if settings.web_concurrency == 1:
        work()
        return
    workers.run(settings.web_concurrency, work)


def _work(settings: Settings, listening: socket.socket, keep_alive: int) -> None:
    """One server process, on a socket that others may listen on as well."""
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        loop="uvloop",
        log_config=None,  # logs.py
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=FAREWELL_SECONDS,
    )
    door, shut = _operators_door(engine_of(settings.database_url))

    def ended() -> None:
        shut()
        if (app.state.journal.has_parted or app.state.starts_anew) and settings.web_concurrency == 1:
            os.execv(sys.executable, [sys.executable, "-m", "wallboard", *sys.argv[1:]])

    Server(config, ended).run(sockets=[listening, *([door] if door else [])])


def _operators_door(engine: Engine) -> tuple[socket.socket | None, Callable[[], None]]:
    """Where commands reach this server, and what shuts it; `None` where they write beside it."""
    if engine.path is None:
        return None, lambda: None
    door = control.listen(engine.path)
    return door, partial(control.remove, engine.path, door)


def _listen(settings: Settings) -> socket.socket:
    """The listening socket; one message and exit status 2 if the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        click.echo(
            f"HOST, PORT: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}.\n"
            "  Stop what listens there, or set PORT to a free one.",
            err=True,
        )
        raise SystemExit(2) from None
    prepare(listening)
    return listening
