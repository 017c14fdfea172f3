"""Where a request comes from, and where it may lead: tables of what has been tried elsewhere."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.datastructures import Headers

from wallboard.access.origins import client_address, inside, is_within

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "2001:db8:aaaa::/48", "127.0.0.0/8")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # no proxy of ours: whatever it says
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["127.0.0.1, 198.51.100.1"], "198.51.100.1"),  # typed by the client, left of what was added
        ("10.1.2.3", ["192.0.2.7, 198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["192.0.2.7", "198.51.100.1"], "198.51.100.1"),  # two headers are one list
        ("10.1.2.3", ["198.51.100.1, 10.9.9.9"], "198.51.100.1"),  # two proxies of ours
        ("10.1.2.3", ["10.5.5.5, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.1.2.3", ["10.5.5.5"], "10.5.5.5"),
        ("10.1.2.3", ["198.51.100.1, nonsense"], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.1, "], "10.1.2.3"),
        ("10.1.2.3", [""], "10.1.2.3"),
        ("10.1.2.3", ["unknown, 198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.1.2.3", ["[2001:db8::5]:4711"], "2001:db8::5"),
        ("10.1.2.3", ["2001:db8::5"], "2001:db8::5"),
        ("2001:db8:aaaa::1", ["2001:db8::5"], "2001:db8::5"),
        ("::ffff:10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.1.2.3", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["fe80::1%eth0"], "fe80::1"),
        ("10.1.2.3", [", ".join(["10.0.0.1"] * 500)], "10.0.0.1"),
        (None, ["198.51.100.1"], None),
        ("", ["198.51.100.1"], None),
    ],
)
def test_the_rightmost_address_that_is_no_proxy_of_ours_counts(
    peer: str | None, forwarded: list[str], found: str | None
) -> None:
    headers = Headers(raw=[(b"x-forwarded-for", line.encode()) for line in forwarded])
    assert client_address(peer, headers, PROXIES) == found


def test_without_trusted_proxies_no_header_counts() -> None:
    headers = Headers({"X-Forwarded-For": "198.51.100.1", "X-Real-Ip": "198.51.100.2"})
    assert client_address("127.0.0.1", headers, ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "is_in"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("11.0.0.0", False), ("2001:db8:aaaa::9", True), (None, False)],
)
def test_an_address_lies_in_a_network(address: str | None, is_in: bool) -> None:
    assert is_within(address, PROXIES) is is_in


@pytest.mark.parametrize("address", ["/", "/supervisor", "/supervisor?q=a&b=c", "/boards/main#x", "/a/../b", "/%2fa"])
def test_signing_in_leads_on_to_where_somebody_was_going(address: str) -> None:
    assert inside(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "supervisor", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example", "/\r\nSet-Cookie: a=b", "https://evil.example", "https:evil.example", "javascript:alert(1)",
        "data:text/html,x", " /supervisor", "/ /evil.example", "/a\\b", "/\x00/evil", "/\u2028/evil", "?a=b",
        "/sign-in", "/sign-in?next=/", "/sign-out", "/claim", "/" + "a" * 2_000, "evil.example/", "@evil.example",
    ],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(address: str) -> None:
    assert inside(address) == "/"
