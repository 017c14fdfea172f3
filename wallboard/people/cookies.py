"""The cookies of a browser that signs in; knows no account, no route and no page.

`__Host-` holds a browser to Secure, to this host alone, and to the whole of it. The device cookie says which
accounts this browser has signed in to before, and opens nothing.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.requests import Request
from starlette.responses import Response

from wallboard.people.accounts import id_of
from wallboard.people.secret import Secret
from wallboard.people.sessions import LASTS

SESSION, DEVICE = "__Host-wallboard_session", "__Host-wallboard_device"
AWAY = "__Host-wallboard_provider"
_DEVICE_SECONDS = 400 * 86_400
"""Browsers keep none for longer."""
_MOST_NAMES = 5


class Cookies:
    """Reads and sets them. A value that this server has not signed is as good as none."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def session(self, request: Request) -> str | None:
        """The code of the session."""
        return self._secret.read(request.cookies.get(SESSION, ""), "session")

    def device(self, request: Request, name: str) -> str:
        """The browser's id, if it has signed in to the account `name` before, else empty."""
        id, marks = self._known(request)
        return id if _mark(name) in marks else ""

    def remember(self, request: Request, answer: Response, code: str, name: str) -> None:
        """This browser is signed in with the session `code` to the account `name`."""
        id, marks = self._known(request)
        others = [mark for mark in marks if mark != _mark(name)]
        known = " ".join([id or secrets.token_hex(16), _mark(name), *others[: _MOST_NAMES - 1]])
        _set(answer, SESSION, self._secret.sign(code, "session"), int(LASTS.total_seconds()))
        _set(answer, DEVICE, self._secret.sign(known, "device"), _DEVICE_SECONDS)

    def take_along(self, answer: Response, said: str, seconds: int) -> None:
        """What the browser has to bring back from the OpenID provider."""
        _set(answer, AWAY, self._secret.sign(urlsafe_b64encode(said.encode()).decode(), "provider"), seconds)

    def brought_back(self, request: Request) -> str | None:
        value = self._secret.read(request.cookies.get(AWAY, ""), "provider")
        return None if value is None else urlsafe_b64decode(value).decode()

    def arrived(self, answer: Response) -> None:
        answer.delete_cookie(AWAY, path="/", secure=True, httponly=True, samesite="lax")

    def forget(self, answer: Response) -> None:
        answer.delete_cookie(SESSION, path="/", secure=True, httponly=True, samesite="lax")

    def _known(self, request: Request) -> tuple[str, list[str]]:
        id, *marks = (self._secret.read(request.cookies.get(DEVICE, ""), "device") or "").split(" ")
        return id, marks


def _mark(name: str) -> str:
    """An account as the device cookie has it."""
    return id_of(name)[:16]


def _set(answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
