"""The operator's door: a socket beside the database, for commands on the same machine; knows no command.

Whoever may open that file may read the journal as well, so who comes through it is the operator. Only such requests get
to what stands under `/operator/`: for all others there is nothing.
"""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/operator/"
_LONGEST_PATH = 100
_STARTING, _ANSWER_SECONDS = 503, 3_600
_MARK = "operator"
log = structlog.get_logger()


class Starting(Exception):
    """The server is replaying its journal; it is to be asked again in a moment."""


def path_of(database: Path) -> Path:
    """The socket's place, such as `wallboard.db.control`."""
    return database.with_name(f"{database.name}.control")


def mark(state: MutableMapping[str, Any]) -> None:
    """Says of a request, in its scope's `state`, that it came through the operator's door."""
    state[_MARK] = True


def is_operator(scope: Scope) -> bool:
    """True if the request came through the operator's door; no header and no address can say so."""
    return scope.get("state", {}).get(_MARK) is True


class OperatorsOnly:
    """404 for what is asked under `/operator/` by anybody else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["path"].startswith(PREFIX) and not is_operator(scope):
            app = JSONResponse({"error": "not_found", "detail": "There is nothing here."}, 404)
        await app(scope, receive, send)


def listen(database: Path) -> socket.socket | None:
    """The listening socket; `None` where there can be none, and then commands need the server stopped.

    One that a killed server has left is replaced; one that another server listens on is left alone.
    """
    path = path_of(database)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _short(path) as short:
            if _is_left_behind(short):
                path.unlink(missing_ok=True)
            listening.bind(short)
    except OSError as error:
        listening.close()
        log.warning("no command can reach this server", reason=error.strerror or str(error))
        return None
    finally:
        os.umask(before)
    return listening


def remove(database: Path, listening: socket.socket | None) -> None:
    """Takes the socket's file away again."""
    if listening is not None:
        with suppress(OSError):
            path_of(database).unlink()


def ask(database: Path, route: str, value: dict[str, Any]) -> dict[str, Any] | None:
    """POSTs `value` to `/operator/<route>` of the server that runs on this database and returns its answer, which has
    an `error` where it refused. `None` where no server runs; Starting while it replays its journal.
    """
    body = msgspec.json.encode(value)
    connection = http.client.HTTPConnection("localhost", timeout=_ANSWER_SECONDS)
    try:
        connection.sock = _connected(path_of(database))
    except OSError:
        return None
    try:
        connection.request("POST", PREFIX + route, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said: dict[str, Any] = msgspec.json.decode(answer.read())
    finally:
        connection.close()
    if answer.status == _STARTING:
        raise Starting
    return said


def _connected(path: Path) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(_ANSWER_SECONDS)
    try:
        with _short(path) as short:
            connected.connect(short)
    except OSError:
        connected.close()
        raise
    return connected


def _is_left_behind(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The same place under a name that a socket's address has room for: 108 bytes, and folders lie deep."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
