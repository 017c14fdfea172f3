"""What the desk's forms send and are answered, over HTTP; knows no form in particular."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from wallboard.access.visitors import visitor_of
from wallboard.fields import clean

LARGEST_FORM = 3 * 1024 * 1024
"""A file of 1 MB in any language: what is not ASCII takes three bytes for one in a form."""
_MOST_FIELDS = 8_000


class TooMuch(Exception):
    """What was sent is larger than anything that we ask for."""


class Fields:
    """What stands in a form, by the names of its fields."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        return self._values.get(name, [""])[0].strip()

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def pairs(self) -> Iterator[tuple[str, str]]:
        yield from ((name, value) for name, values in self._values.items() for value in values)


def fields_of_body(body: bytes) -> Fields:
    """What a browser sent; TooMuch if it has more fields than any form of ours."""
    try:
        return Fields(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise TooMuch from None


async def read_form(request: Request, largest: int = LARGEST_FORM) -> Fields:
    """What was sent; TooMuch if it is larger than any form of ours, or did not arrive whole."""
    return fields_of_body(await read_body(request, largest))


async def read_body(request: Request, largest: int) -> bytes:
    """What was sent, of at most `largest` bytes; TooMuch if it is larger, or did not arrive whole."""
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > largest:
                raise TooMuch
            chunks.append(chunk)
    except ClientDisconnect:
        raise TooMuch from None
    return b"".join(chunks)


def status_for(request: Request, status: int) -> int:
    """htmx shows nothing of an answer that is no 2xx: to it the same page comes as 200."""
    return 200 if "hx-request" in request.headers else status


def see(address: str) -> Response:
    """303: done, look there."""
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def who(request: Request) -> str:
    """Who is signed in; at a machine without accounts the name given there, if any, of at most 60 characters."""
    if (visitor := visitor_of(request)).name:
        return visitor.name
    return (clean(unquote(request.cookies.get("wallboard_name", ""))) or "")[:60]
