"""What a scanner sees of a real server: every page that can be reached, and what a stranger would try."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.conftest import API_TOKEN, Server
from tests.samples import answered_call
from wallboard import __version__

STRANGER = {"X-Forwarded-For": "203.0.113.9"}
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
DOORS = ["/", "/tv", "/diag", "/setup", "/supervisor", "/supervisor/tvs/pair", "/boards/main", "/no-such-page"]
LINK = re.compile(r"""(?:href|src|action|hx-get)=["']([^"'#]*)""")
HOST = "wall.example"
TELLING = re.compile(
    rf"uvicorn|starlette|python(?! -m wallboard)|httptools|traceback|line \d+|{re.escape(__version__)}", re.I
)
UNSAFE_MARKUP = {
    "a script in the page": re.compile(r"<script(?![^>]*\bsrc=)", re.I),
    "a style in the page": re.compile(r"<style|\sstyle\s*=", re.I),
    "a handler in the page": re.compile(r"<[^>]+\son[a-z]+\s*=", re.I),
    "htmx that evaluates": re.compile(r"\shx-(?:on|vals=.js:|vars)", re.I),
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
}
ALWAYS = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("scanner")).start()
    server.post(answered_call("c1"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def crawled(server: Server) -> dict[str, httpx.Response]:
    """Every page that whoever sits at the machine is led to; but of one kind, two are enough."""
    seen: dict[str, httpx.Response] = {}
    kinds: Counter[str] = Counter()
    waiting = list(DOORS)
    while waiting:
        path = waiting.pop()
        if path in seen or kinds[kind(path)] >= 2:
            continue
        kinds[kind(path)] += 1
        answer = seen[path] = server.client.get(path, headers=PAGE)
        if "html" not in answer.headers.get("content-type", ""):
            continue
        for found in LINK.findall(answer.text):
            target = urlsplit(urljoin(server.url + path, html.unescape(found)))
            assert target.netloc in ("", urlsplit(server.url).netloc), f"{path} leads to {target.netloc}"
            if not target.path.endswith("/stream"):
                waiting.append(target.path + (f"?{target.query}" if target.query else ""))
    return seen


def kind(path: str) -> str:
    """The address without days, names and numbers; of a question only what is asked for."""
    parts = urlsplit(path)
    if parts.path.startswith("/static/"):
        return parts.path
    plain = re.sub(r"\d{4}-\d\d-\d\d|draft-\w+|/calls/.*", "…", parts.path)
    return f"{plain}?{'&'.join(sorted(part.partition('=')[0] for part in parts.query.split('&')))}"


def flaws(path: str, answer: httpx.Response) -> list[str]:
    headers = answer.headers
    always = ALWAYS | ({"x-frame-options": "SAMEORIGIN"} if path.startswith("/boards/draft-") else {})
    wrong = [f"{name}: {headers.get(name)}" for name, value in always.items() if headers.get(name) != value]
    rules = dict(part.strip().split(" ", 1) for part in headers.get("content-security-policy", "x y").split(";"))
    wrong += [f"policy {name}: {rules.get(name)}" for name, value in POLICY.items() if rules.get(name) != value]
    wrong += ["referrer"] if headers.get("referrer-policy") not in ("no-referrer", "same-origin") else []
    wrong += ["unsafe policy"] if "unsafe" in headers.get("content-security-policy", "") else []
    wrong += [f"{name} is told" for name in ("server", "x-powered-by", "via", "etag-of") if name in headers]
    if not path.startswith(("/static/", "/healthz", "/readyz")) and headers.get("cache-control") != "no-store":
        wrong.append(f"cached: {headers.get('cache-control')}")
    if answer.content and "content-type" not in headers:
        wrong.append("of no type")
    if "permissions-policy" not in headers:
        wrong.append("no permissions policy")
    location = headers.get("location", "/")
    wrong += [f"leads to {location}"] if not re.match(r"/(?![/\\])", location) else []
    wrong += [f"cookie {cookie}" for cookie in headers.get_list("set-cookie") if not is_well_kept(cookie)]
    return [f"{path}: {what}" for what in wrong]


def is_well_kept(cookie: str) -> bool:
    """What says who somebody is; a name that somebody has typed for the others to read is no secret."""
    if cookie.startswith("wallboard_name="):
        return "SameSite" in cookie
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    return (
        cookie.startswith("__Host-")
        and {"secure", "httponly", "path=/"} <= parts
        and any("samesite" in p for p in parts)
    )


def test_every_answer_is_walled(crawled: dict[str, httpx.Response]) -> None:
    assert len(crawled) > 60
    assert [flaw for path, answer in crawled.items() for flaw in flaws(path, answer)] == []


def test_every_link_leads_somewhere(crawled: dict[str, httpx.Response]) -> None:
    broken = {path: answer.status_code for path, answer in crawled.items() if answer.status_code >= 400}
    broken = {path: status for path, status in broken.items() if status != 405}  # what a form posts to
    assert {path: status for path, status in broken.items() if path not in ("/no-such-page", "/sign-in")} == {}


def test_no_page_has_a_script_or_a_style_in_it(crawled: dict[str, httpx.Response]) -> None:
    pages = {path: answer.text for path, answer in crawled.items() if "html" in answer.headers.get("content-type", "")}
    assert [
        f"{path}: {what}" for path, page in pages.items() for what, sign in UNSAFE_MARKUP.items() if sign.search(page)
    ] == []


def test_htmx_evaluates_nothing_on_any_page_that_has_it(crawled: dict[str, httpx.Response]) -> None:
    with_htmx = {
        path: answer.text
        for path, answer in crawled.items()
        if "/vendor/htmx.js" in answer.text and "<html" in answer.text
    }
    assert {"/boards/main", "/supervisor"} <= set(with_htmx)
    for path, page in with_htmx.items():
        for said in (
            '"allowEval":false',
            '"allowScriptTags":false',
            '"selfRequestsOnly":true',
            '"includeIndicatorStyles":false',
        ):
            assert said in page, path


@pytest.mark.parametrize(
    "path",
    [
        *DOORS,
        "/tv/pairing",
        "/healthz",
        "/readyz",
        "/api/v1/state",
        "/metrics",
        "/boards/main/tiles",
        "/supervisor/stream",
        "/boards/main/stream",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_stranger_is_refused_politely_whatever_the_method(server: Server, path: str, method: str) -> None:
    answer = server.client.request(method, path, headers={**STRANGER, "X-Secret-Echo": "echo-me"})
    assert flaws(path, answer) == []
    assert "echo-me" not in answer.text
    if method not in ("GET", "HEAD"):
        assert answer.status_code in (403, 404, 405, 501) or (method == "POST" and path == "/tv/pairing")
    assert "access-control-allow-origin" not in answer.headers
    assert not TELLING.search(answer.text) or answer.status_code == 200


TRIES = [
    "/static/",
    "/static",
    "/static/vendor/",
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static//etc/passwd",
    "/static/%00",
    "/.env",
    "/.git/config",
    "/wallboard.db",
    "/server-status",
    "/actuator",
    "/docs",
    "/openapi.json",
    "/admin",
    "/phpinfo.php",
    "/boards/..%2f..%2fetc",
    "/boards/%3Cscript%3Ealert(1)%3C/script%3E",
    "/supervisor/day/2026-13-45",
    "/supervisor/calls/%0d%0aSet-Cookie:%20x=1",
    "/%0d%0aSet-Cookie:%20x=1",
    "//evil.example/",
    "//evil.example/%2f..",
    "/\\evil.example",
    "/https://evil.example/",
    "/boards//evil.example",
    "/tv?next=//evil.example",
    "/?next=https://evil.example",
    "/boards/main?x=" + "a" * 4000,
    "/" + "a" * 8000,
    "/boards/" + "%F0%9F%98%80" * 20,
    "/supervisor/tvs/%00",
    "/tvs/%ff%fe",
    "/supervisor?q=%00%ff",
    "/supervisor/day?day=%00",
]


@pytest.mark.parametrize("path", TRIES, ids=lambda path: path[:40])
@pytest.mark.parametrize("who", ["stranger", "at the machine"])
def test_what_a_scanner_tries_brings_nothing(server: Server, path: str, who: str) -> None:
    with httpx.Client(timeout=10) as client:
        request = client.build_request("GET", server.url, headers={**PAGE, **(STRANGER if who == "stranger" else {})})
        request.extensions["target"] = path.encode()
        answer = client.send(request)
    assert answer.status_code < 500
    assert flaws(path if path.startswith("/static/") else "/", answer) == []
    assert "set-cookie" not in answer.headers
    assert not re.search(r"root:x:|Index of|Directory listing|<script>alert|create_app\(", answer.text)
    if answer.status_code >= 400:
        assert not TELLING.search(answer.text)


def test_an_error_of_ours_tells_nothing(server: Server) -> None:
    """Requests that never reach the application are answered by hand, and say as little."""
    import socket

    for sent in (
        b"GARBAGE\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"a" * 40_000 + b"\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            raw.sendall(sent)
            answer = b""
            while part := raw.recv(65536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 4")
        assert not TELLING.search(answer.decode().replace("HTTP/1.1", ""))
        head = answer.decode().lower()
        for name in (
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "content-security-policy: default-src 'none'",
        ):
            assert name in head


def test_through_tls_browsers_are_told_to_stay_there(server: Server) -> None:
    forwarded = {**STRANGER, "X-Forwarded-Proto": "https"}
    for path in ("/tv", "/static/pair.css", "/api/v1/state", "/no-such-page"):
        assert server.client.get(path, headers=forwarded).headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in server.client.get("/tv").headers


def test_a_machine_gets_no_cookie(server: Server) -> None:
    token = {**STRANGER, "Authorization": f"Bearer {API_TOKEN}"}
    for path in ("/boards/main", "/api/v1/state", "/metrics", "/"):
        assert "set-cookie" not in server.client.get(path, headers=token).headers
