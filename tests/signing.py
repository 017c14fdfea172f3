"""Accounts for the tests: made as people make them, and signed in, over HTTP or in a browser."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

import httpx
from playwright.sync_api import Browser, BrowserContext, ViewportSize

from tests.conftest import Server

OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "four words in a row"


@dataclass
class People:
    """The accounts of one server: `admin`, `supervisor` and `viewer`, and others that `add` makes.

    `staff.client("admin")` is an httpx client, `staff.browser(browser, "viewer")` a browser's context, signed in.
    """

    server: Server
    _clients: list[httpx.Client] = field(default_factory=list)

    def claim(self) -> People:
        """The first account, which needs no link on loopback."""
        form = {"do": "set", "name": "admin", "shown": "The admin", "password": PASSWORD}
        answer = self.server.client.post("/claim", data=form, headers=OUR_PAGE)
        assert answer.status_code == 303, answer.text
        return self

    def add(self, name: str, role: str, *, boards: list[str] | None = None) -> str:
        """Another account, its link used; the name that others read is `The <name>`."""
        form = {"name": name, "shown": f"The {name}", "role": role, "limit": "chosen" if boards is not None else "all"}
        answer = self.client("admin").post("/supervisor/people", data={**form, "board": boards or []})
        assert answer.status_code == 200, answer.text
        self.use(code_in(answer.text))
        return name

    def use(self, code: str, password: str = PASSWORD) -> None:
        form = {"do": "set", "code": code, "password": password}
        answer = self.server.client.post("/claim", data=form, headers=OUR_PAGE)
        assert answer.status_code == 303, answer.text

    def cookies(self, name: str, password: str = PASSWORD) -> dict[str, str]:
        """The cookies of a browser that has just signed in."""
        answer = self.sign_in(name, password)
        assert answer.status_code == 303, answer.text
        return cookies_of(answer)

    def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        form = {"name": name, "password": password}
        return self.server.client.post("/sign-in", data=form, headers={**OUR_PAGE, **headers})

    def client(self, name: str) -> httpx.Client:
        """Closed with the server. httpx keeps no Secure cookie for http, so the header is written here."""
        headers = {"Cookie": as_header(self.cookies(name)), **OUR_PAGE, "Accept": "text/html"}
        client = httpx.Client(base_url=self.server.url, headers=headers, timeout=10)
        self._clients.append(client)
        return client

    def browser(
        self,
        browser: Browser,
        name: str,
        viewport: ViewportSize | None = None,
        *,
        scheme: str = "dark",
        bypass_csp: bool = False,
    ) -> BrowserContext:
        """A context of its own, signed in through the page."""
        context = browser.new_context(
            viewport=viewport or {"width": 1280, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            base_url=self.server.url,
            bypass_csp=bypass_csp,
        )
        page = context.new_page()
        page.goto("/sign-in")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.click("button")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.close()
        return context

    def close(self) -> None:
        for client in self._clients:
            client.close()


def people(server: Server) -> People:
    """An admin, a supervisor and a viewer of a server that has no account yet; `close` it with the server."""
    made = People(server).claim()
    made.add("supervisor", "supervisor")
    made.add("viewer", "viewer")
    return made


def code_in(page: str) -> str:
    """The code of the link that a page shows once."""
    found = re.search(r"/claim#([\w-]+)", html.unescape(page))
    assert found, page
    return found[1]


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    pairs = (line.split(";")[0].partition("=") for line in answer.headers.get_list("set-cookie"))
    return {name: value for name, _, value in pairs}


def as_header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
