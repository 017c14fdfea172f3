"""Where a request comes from: the machine itself, a page of ours, another site's; knows no token and no account.

Whoever sits at the machine is told by a request from loopback, to a loopback name, that no proxy has forwarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

Network = IPv4Network | IPv6Network

_SAFE = ("GET", "HEAD", "OPTIONS")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_LONGEST_PATH = 2_000
_NOWHERE = ("/sign-in", "/sign-out", "/claim")
"""After signing in these would only be asked again."""


def is_at_the_machine(peer: str | None, headers: Mapping[str, str]) -> bool:
    """From loopback, to a loopback name (no rebound DNS name), and not through a proxy."""
    if peer is None or not is_loopback(peer) or any(name in headers for name in _FORWARDED):
        return False
    return is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname or "")


def is_from_our_page(method: str, headers: Mapping[str, str]) -> bool:
    """True unless another site's page may have sent this; browsers say where a request comes from."""
    if method in _SAFE or headers.get("authorization", "").lower().startswith("bearer "):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(request: Request) -> str:
    """The address that the reader sees in the browser. A proxy's word for the scheme is taken, for links to show."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    return f"{scheme if scheme in ('http', 'https') else 'http'}://{request.headers.get('host', 'localhost')}"


def inside(address: str, otherwise: str = "/") -> str:
    """A path of ours to go on to, as somebody's link asked for it; `otherwise` for all that might lead elsewhere.

    Browsers take `\\` for `/`, and leave out tabs and line ends before they look at the rest.
    """
    is_path = address.startswith("/") and not address.startswith("//") and "\\" not in address
    if not is_path or not address.isprintable() or " " in address or len(address) > _LONGEST_PATH:
        return otherwise
    return otherwise if address.startswith(_NOWHERE) else address


def client_address(peer: str | None, headers: Headers, trusted: Iterable[Network]) -> str | None:
    """Who has sent this: the rightmost address of X-Forwarded-For that none of our own proxies has.

    Each proxy adds at the right whom it heard; what stands left of the first that is not trusted, anybody may have
    typed. Without trusted proxies it is the peer, whatever the headers say.
    """
    trusted = tuple(trusted)
    told = [part.strip() for line in headers.getlist("x-forwarded-for") for part in line.split(",")]
    address = _parsed(peer)
    while address is not None and told and is_within(str(address), trusted):
        before = _parsed(told.pop())
        if before is None:  # not an address: the proxy that wrote it is the last that we know of
            break
        address = before
    return None if address is None else str(address)


def is_within(address: str | None, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks; an IPv4 address in IPv6 clothing counts as what it is."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(text: str | None) -> IPv4Address | IPv6Address | None:
    """`192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`."""
    bare = (text or "").strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def network_of(address: str | None) -> str:
    """An IPv4 address as it is, an IPv6 address without its last half."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
