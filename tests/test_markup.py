"""What strangers type, in a real Chromium under the project's policy: text it was and text it stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page

from tests.conftest import TOKEN, Server, wait_until
from tests.samples import Body, completed, rang
from wallboard.limits import MOST
from wallboard.parse import EVENT_TYPES

ELEMENTS = (
    "<script>alert(1)</script>",
    "<script src=//evil.example/x.js></script>",
    "<script type=module>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=//evil.example/i.png>",
    "<svg onload=alert(1)>",
    "<svg><script href=data:,alert(1) /></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=//evil.example/o></object>",
    "<embed src=//evil.example/e>",
    "<video src=//evil.example/v autoplay></video>",
    "<audio src=x onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<link rel=stylesheet href=//evil.example/c.css>",
    "<base href=//evil.example/>",
    "<body onpageshow=alert(1)>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<style>@import '//evil.example/s.css'</style>",
    "<style>*{display:none!important}</style>",
    "<form action=//evil.example><button autofocus>x</button></form>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "<div hx-get=/setup hx-trigger=load>",
    "<div hx-on:htmx:load=alert(1)>",
    "<p id=board-notice hx-swap-oob=true>evil</p>",
)
BREAKERS = ("", '">', "'>", "</h3></li>", "-->", "]]>", "</script></title></textarea></bdi>")
PLAIN = (
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "` onload=`alert(1)",
    "javascript:alert(1)",
    "data:text/html,<b>x",
    "{{7*7}}",
    "{% include 'base.html' %}",
    "${alert(1)}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{{ self.__init__.__globals__ }}",
    "[[x]]",
    "&lt;b&gt;",
    "&amp;amp;",
    "&#60;script&#62;",
    "&#x3c;b&#x3e;",
    "\\u003cscript\\u003e",
    "\\x3cb\\x3e",
    "%3Cscript%3E",
    "+ADw-script+AD4-",
    "<",
    ">",
    "<>",
    "</",
    "<!--",
    "<!DOCTYPE html>",
    "<![CDATA[x]]>",
    "<?xml version='1.0'?>",
    "&",
    "&;",
    '"',
    "'",
    "`",
    "\\",
    "/",
    "=",
    "#",
    "a{b:url(//evil.example)}",
    "expression(alert(1))",
    "x;background:url(//evil.example/b)",
    "=HYPERLINK(1)",
    "@import x",
    "<IMG SRC=X ONERROR=ALERT(1)>",
    "<img\tsrc=x\nonerror=alert(1)>",
    "<scr\0ipt>alert(1)</scr\0ipt>",
    "<script\u2028>alert(1)</script>",
    "\u202e<script>alert(1)</script>",
    "\ufeff<b>x</b>",
    "a\r\n\r\nevent: tiles\r\ndata: <script>alert(1)</script>",
    "\nid: evil\n\nretry: 1",
    "＜script＞alert(1)＜/script＞",
    "‹script›",
    "ſcript",
    "<ſcript>alert(1)</ſcript>",
    "\u00a0<b>\u00a0",
    "<b>" * 90,
    "😀<b>",
    "Zoë O’Hara & Sons <sales>",
    "call 0290 000 001 <now>",
    "__proto__",
    "constructor",
    "null;",
    "-alert(1)-",
    "';alert(1)//",
)
PAYLOADS = tuple(dict.fromkeys([*(breaker + element for element in ELEMENTS for breaker in BREAKERS), *PLAIN]))
UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def cleaned(typed: str) -> str:
    """As documented: one line, control and bidi characters gone, at most 200 characters."""
    return " ".join(UNSEEN.sub(" ", typed).split())[:200].rstrip()


def masked(text: str) -> str:
    """As documented: of a run of five or more digits the last three are left."""
    return re.sub(r"\+?\d(?:[\s().\-/]*\d){4,}", lambda run: "…" + re.sub(r"\D", "", run[0])[-3:], text)


class Watched:
    """A page, and everything that it did which could be the work of a payload."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self._server = server
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("dialog", self._dismiss)
        page.on("console", lambda message: self.said.append(f"{message.type} {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error {error}"))
        page.on("popup", lambda popup: self.said.append(f"popup {popup.url}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def _dismiss(self, dialog: Dialog) -> None:
        self.said.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def misdeeds(self) -> list[str]:
        own = re.compile(r"/(setup(/seen)?|boards/main(/stream|/tiles)?|tvs/[0-9a-f]{16}|static/[\w./-]+)")
        strange = [
            url for url in self.asked if not (url.startswith(self._server.url) and own.fullmatch(urlsplit(url).path))
        ]
        return [*self.said, *strange, *([] if self.page.evaluate("document.title").strip() else ["the title is gone"])]

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.page.evaluate(
            "s => Array.from(document.querySelectorAll(s), e => e.textContent)", selector
        )
        return found

    def marks(self, name: str) -> list[str]:
        found: list[str] = self.page.evaluate(
            "n => Array.from(document.querySelectorAll(`[${n}]`), e => e.getAttribute(n))", name
        )
        return found


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    yield Watched(context.new_page(), server)
    context.close()


def typed_everywhere(n: int, payload: str) -> Body:
    """A ring that has the payload in every field, its number beside it where it must be told from the others."""
    fields = dict.fromkeys(
        ("caller_id", "caller_name", "dest_number", "user_name", "queue_name", "ring_group_name"), payload
    )
    return (
        rang(call=f"{n} {payload}") | fields | {"user_number": f"{n} {payload}", "emails": payload, "status": payload}
    )


def test_there_are_two_hundred_payloads_and_room_for_all() -> None:
    assert len({cleaned(payload) for payload in PAYLOADS}) >= 200


def batches() -> list[tuple[str, ...]]:
    """As many payloads at a time as the board tells queues apart."""
    whole = tuple({cleaned(payload): payload for payload in PAYLOADS}.values())
    return [whole[n : n + MOST["queues"]] for n in range(0, len(whole), MOST["queues"])]


@pytest.mark.parametrize("batch", range(len(batches())))
def test_the_board_shows_it_as_typed(watched: Watched, server: Server, batch: int) -> None:
    payloads = batches()[batch]
    watched.page.goto(f"{server.url}/boards/main")
    watched.page.wait_for_selector("html[data-link=live]", state="attached")
    bodies = [typed_everywhere(n, payload) for n, payload in enumerate(payloads)]
    for n in range(0, len(bodies), 50):
        assert server.post(bodies[n : n + 50]).json()["accepted"] == len(bodies[n : n + 50])
    names = sorted(cleaned(payload) for payload in payloads)
    wait_until(lambda: len(watched.marks("data-agent")) == len(payloads), "every agent is on the board")
    for _ in ("pushed", "loaded"):
        assert sorted(watched.marks("data-queue")) == sorted(watched.marks("data-ring-group")) == names
        assert (
            sorted(watched.texts(".visit[data-queue] h3"))
            == sorted(watched.texts(".visit[data-ring-group] h3"))
            == names
        )
        assert sorted(watched.texts(".agent h3")) == names
        assert sorted(watched.marks("data-agent")) == sorted(cleaned(f"{n} {p}") for n, p in enumerate(payloads))
        callers = sorted(f"{masked(name)} {masked(name)}" for name in names)
        assert sorted(text for text in watched.texts(".agent .whom bdi")) == callers
        assert len(watched.marks("data-call")) == min(60, len(payloads))
        assert watched.misdeeds() == []
        watched.page.reload()
        watched.page.wait_for_selector("html[data-link=live]", state="attached")


def test_the_setup_page_shows_it_as_typed(watched: Watched, server: Server) -> None:
    watched.page.goto(f"{server.url}/setup")
    bodies: list[Body] = []
    for n in range(50):
        chosen = PAYLOADS[n::50]
        bodies.append(
            {"type": chosen[0], "unique_call_id": chosen[0], **{f"field {k}": text for k, text in enumerate(chosen)}}
        )
    bodies += [dict.fromkeys(completed(), PAYLOADS[n]) | {"type": kind} for n, kind in enumerate(EVENT_TYPES)]
    bodies += [{"type": "user_inbound", **{payload: payload for payload in PAYLOADS[:50]}}]
    assert server.post(bodies).status_code == 200
    for n in range(0, len(PAYLOADS), 12):
        assert server.post("\n".join(PAYLOADS[n : n + 12]).encode()).status_code == 400
        component = json.dumps(rang() | {"type": "webhook_component_event", "component_name": "x"}).encode()
        meaning = PAYLOADS[n].encode().replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
        headers = [(b"X-Pbx-Token", TOKEN.encode()), (b"X-Wallboard-Meaning", b"queue_entered:" + meaning)]
        assert server.client.post("/webhooks/pbx", content=component, headers=headers).status_code == 200
    watched.page.wait_for_selector('tr[data-type="voicemail"][data-seen=yes]', state="attached", timeout=10_000)
    for _ in ("swapped in", "loaded"):
        types = watched.marks("data-type")
        assert {cleaned(payload) for payload in PAYLOADS[:50]} < set(types)
        shown = [json.loads(text) for text in watched.texts("tr[data-type] pre") if text.endswith("}")]
        values = {value for body in shown for value in body.values()}
        assert {masked(payload) for payload in PAYLOADS if "\r" not in payload} <= values
        assert "".join(watched.texts("main td pre")).count("<script>") > 20
        assert watched.misdeeds() == []
        watched.page.reload()
