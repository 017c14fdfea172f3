"""Signing in at an OpenID provider: a small real one over HTTP, with a key of its own, that can also tell lies."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.conftest import Server
from tests.signing import as_header, cookies_of

CLIENT, SECRET, PUBLIC = "wallboard", "a secret & more", "https://wall.example"
PAGE = {"Accept": "text/html"}


class Provider(ThreadingHTTPServer):
    """Signs in whoever `claims` says. `lies` change the claims, `key` signs, and every code is good once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.issuer = self.url
        self.right_key = self.key = RSAKey.generate_key(2048, parameters={"kid": "1"}, private=True)
        self.other_key = RSAKey.generate_key(2048, parameters={"kid": "1"}, private=True)
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.lies: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        self.codes: dict[str, dict[str, str]] = {}

    def tell_truth(self, **claims: Any) -> None:
        self.key, self.algorithm, self.lies = self.right_key, "RS256", {}
        self.claims = {"sub": "42", "preferred_username": "robin", "name": "Robin", "groups": ["staff"], **claims}

    def authorize(self, asked: dict[str, str]) -> str:
        """The address back, as the provider's page would send a browser to."""
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        client = base64.b64decode(authorization.partition(" ")[2]).decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or client != "wallboard:a%20secret%20%26%20more" or challenge != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        told = {name: value for name, value in (claims | self.claims | self.lies).items() if value is not None}
        header = {"alg": self.algorithm, "kid": "1"}
        registry = {"algorithms": [self.algorithm]}
        return {"id_token": jwt.encode(header, told, self.key, **registry), "access_token": "x", "token_type": "Bearer"}


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        issuer = self.server.issuer
        documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys", "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            },
            "/keys": {"keys": [self.server.right_key.as_dict(private=False)]},
        }  # fmt: skip
        self._answer(documents.get(self.path))

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._answer(self.server.token(form, self.headers.get("Authorization", "")))

    def _answer(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(400 if document is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider()
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    yield provider
    provider.shutdown()
    provider.server_close()


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("provider"),
        WALLBOARD_OIDC_ISSUER=provider.issuer,
        WALLBOARD_OIDC_CLIENT_ID=CLIENT,
        WALLBOARD_OIDC_CLIENT_SECRET=SECRET,
        WALLBOARD_PUBLIC_URL=PUBLIC,
        WALLBOARD_OIDC_ROLES="groups:wall-admins=admin; groups:staff=viewer; department:floor=supervisor",
    ).start()
    yield server
    server.close()


class Browser:
    """What a browser does of it: keeps cookies, goes to the provider, comes back."""

    def __init__(self, server: Server, provider: Provider) -> None:
        self.server, self.provider = server, provider
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> httpx.Response:
        answer = self.server.client.get(path, headers={**PAGE, "Cookie": as_header(self.cookies)})
        self.cookies = self.cookies | cookies_of(answer)
        return answer

    def leave(self) -> dict[str, str]:
        answer = self.get("/sign-in/provider?next=/supervisor/day")
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith(f"{self.provider.url}/authorize?")
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def come_back(self, address: str) -> httpx.Response:
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == PUBLIC
        return self.get(f"{parts.path}?{parts.query}")

    def sign_in(self) -> httpx.Response:
        return self.come_back(self.provider.authorize(self.leave()))


@pytest.fixture
def browser_of(server: Server, provider: Provider) -> Browser:
    provider.tell_truth()
    return Browser(server, provider)


def test_an_account_is_made_at_the_first_sign_in_and_leads_on(browser_of: Browser) -> None:
    answer = browser_of.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?kept=&next=%2Fsupervisor%2Fday")
    page = browser_of.get("/supervisor").text
    assert "<bdi>Robin</bdi>" in page
    assert "/supervisor/boards" not in page.partition('id="desk-nav"')[2].partition("</ul>")[0]


def test_the_role_follows_the_claim_at_each_sign_in_and_ends_what_was_open(browser_of: Browser) -> None:
    browser_of.sign_in()
    before = browser_of.cookies.copy()
    browser_of.provider.tell_truth(groups=["staff", "wall-admins"])
    other = Browser(browser_of.server, browser_of.provider)
    other.sign_in()
    assert other.get("/supervisor/people").status_code == 200
    browser_of.cookies = before
    assert browser_of.get("/supervisor").status_code == 303
    browser_of.provider.tell_truth(sub="43", preferred_username="sam", name="Sam", department="floor")
    sam = Browser(browser_of.server, browser_of.provider)
    sam.sign_in()
    assert (sam.get("/supervisor/boards").status_code, sam.get("/supervisor/people").status_code) == (200, 403)


def test_without_a_role_nobody_is_let_in(browser_of: Browser) -> None:
    browser_of.provider.tell_truth(sub="44", groups=["visitors"])
    answer = browser_of.sign_in()
    assert answer.status_code == 403
    assert "no access to this wallboard" in answer.text
    assert browser_of.get("/supervisor").status_code == 303


def test_a_name_that_an_account_here_has_is_not_taken_over(browser_of: Browser) -> None:
    browser_of.sign_in()
    browser_of.provider.tell_truth(sub="45", groups=["wall-admins"])
    answer = Browser(browser_of.server, browser_of.provider).sign_in()
    assert answer.status_code == 403
    assert "There is an account robin already." in answer.text


NOW = int(time.time())
LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-app"},
    "two audiences, signed for the other": {"aud": [CLIENT, "another-app"], "azp": "another-app"},
    "no audience": {"aud": None},
    "expired": {"iat": NOW - 7_200, "exp": NOW - 3_600},
    "no end": {"exp": None},
    "not yet": {"nbf": NOW + 86_400},
    "nobody": {"sub": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_for_this_sign_in_is_refused(browser_of: Browser, lie: str) -> None:
    browser_of.provider.lies = LIES[lie]
    answer = browser_of.sign_in()
    assert answer.status_code == 403
    assert "What the provider has signed does not count here." in answer.text
    assert browser_of.get("/supervisor").status_code == 303


@pytest.mark.parametrize("forged", ["another key", "the public key as a shared secret", "the client's secret"])
def test_a_token_that_the_provider_has_not_signed_is_refused(browser_of: Browser, forged: str) -> None:
    provider = browser_of.provider
    if forged == "another key":
        provider.key = provider.other_key
    else:
        public = b"".join(provider.right_key.as_pem(private=False).splitlines()[1:-1])
        secret = SECRET.encode() if "client" in forged else public
        provider.key, provider.algorithm = OctKey.import_key(secret), "HS256"
    answer = browser_of.sign_in()
    assert answer.status_code == 403
    assert browser_of.get("/supervisor").status_code == 303


def test_what_was_begun_elsewhere_or_is_told_twice_is_refused(browser_of: Browser) -> None:
    asked = browser_of.leave()
    address = browser_of.provider.authorize(asked)
    stranger = Browser(browser_of.server, browser_of.provider)
    assert stranger.come_back(address).status_code == 403, "no cookie: begun in another browser"
    stranger.leave()
    assert stranger.come_back(address).status_code == 403, "another browser's state"
    wrong = address.replace(asked["state"], "guessed")
    kept = browser_of.cookies.copy()
    assert browser_of.come_back(wrong).status_code == 403
    browser_of.cookies = kept
    assert browser_of.come_back(f"{address}&iss=https%3A%2F%2Fevil.example").status_code == 403
    browser_of.cookies = kept
    assert browser_of.come_back(address).status_code == 303
    browser_of.cookies = kept
    assert browser_of.come_back(address).status_code == 403, "a code is good once"


def test_the_page_for_signing_in_leads_there_and_the_log_has_no_code(browser_of: Browser) -> None:
    page = browser_of.get("/sign-in?next=/supervisor/day").text
    assert 'href="/sign-in/provider?next=/supervisor/day"' in page
    browser_of.sign_in()
    log = (browser_of.server.folder / "log").read_text()
    assert not any(code in log for code in ("code0", SECRET, "eyJ"))


def test_a_start_without_all_that_it_needs_says_so(idle_server: Server) -> None:
    idle_server._settings = {"WALLBOARD_OIDC_ISSUER": "https://login.example.com"}
    said = idle_server.run("check").stderr
    for name in ("WALLBOARD_OIDC_CLIENT_ID", "WALLBOARD_OIDC_ROLES", "WALLBOARD_PUBLIC_URL"):
        assert name in said
