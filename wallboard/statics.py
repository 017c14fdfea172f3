"""Styles and scripts, answered from memory as they stood at the start; knows no page.

A screen that loads its wall asks for three files instead of fourteen, and thousands of screens that come back after a
new build cost neither a file nor a packing each.
"""

from __future__ import annotations

import gzip
import hashlib
from mimetypes import guess_type
from pathlib import Path

import msgspec
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

WALL = ("timers", "morph", "plan", "turns", "fit", "identity", "moves", "alarms", "care", "keeper", "tv")
"""The scripts of the wall, in the order in which they run: `wall.js`."""
_PACKED_FROM = 1_000
_FOR_EVER, _ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"


class _File(msgspec.Struct, frozen=True):
    body: bytes
    packed: bytes | None
    kind: str
    tag: str


def wall(folder: Path) -> bytes:
    """The wall's scripts as one."""
    return b"\n".join((folder / f"{name}.js").read_bytes() for name in WALL)


class Statics:
    """GET of what stands in `folder`, and of `wall.js`; 404 for all else, 405 for other methods.

    A file asked for as of this `build` (?v=) need not be asked for again; otherwise 304 to who has it.
    """

    def __init__(self, folder: Path, build: str) -> None:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        self._build = build
        self._files = {name: _read(name, path.read_bytes()) for name, path in files.items()}
        self._files["wall.js"] = _read("wall.js", wall(folder))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        file = self._files.get(scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/"))
        if file is None:
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        await self._answer(file, request)(scope, receive, send)

    def _answer(self, file: _File, request: Request) -> Response:
        headers = {
            "ETag": file.tag,
            "Cache-Control": _FOR_EVER if request.query_params.get("v") == self._build else _ASK_AGAIN,
            "Vary": "Accept-Encoding",
        }
        if file.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if file.packed is not None and _takes_gzip(request.headers):
            return Response(file.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.kind)
        return Response(file.body, headers=headers, media_type=file.kind)


def _takes_gzip(headers: Headers) -> bool:
    return "gzip" in headers.get("accept-encoding", "")


def _read(name: str, body: bytes) -> _File:
    packed = gzip.compress(body, 9, mtime=0) if len(body) >= _PACKED_FROM else None
    kind = guess_type(name)[0] or "application/octet-stream"
    return _File(body, packed, kind, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
