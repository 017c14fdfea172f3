"""One body's bytes as JSON objects, strictly, or the reason why not; knows no field of the vendor's."""

from __future__ import annotations

import json
from hashlib import blake2b
from itertools import chain
from typing import Annotated, Any

import msgspec

DEEPEST = 32
MOST_EVENTS = 1_000

Body = dict[str, Any]


class Unreadable(Exception):
    """A body that goes into quarantine; `str()` is the reason, without a word of the body."""


def decode(raw: bytes) -> list[Body]:
    """The event objects of one body, an array of events being several; `Unreadable` tells what is wrong."""
    body = _flat(raw) or _plain(raw)
    return _examined(raw) if body is None else [body]


def _flat(raw: bytes) -> Body | None:
    """What nearly every body is, in a third of the time again: an object of texts and whole numbers only."""
    if b"\\" in raw:
        return None
    try:
        body: Body = _FLAT.decode(raw)
        return body if _ENCODED.encode(body).count(b'"') == raw.count(b'"') else None
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        return None


def _plain(raw: bytes) -> Body | None:
    """What most others are: one object without an escape. `None` if it may be anything else.

    msgspec is as strict as we are, but of duplicate keys it keeps the last: then fewer quotation marks come out of it
    than went in. And it makes a fraction of a number beyond 64 bits, so whatever may be one goes the long way.
    """
    if b"\\" in raw or raw.count(b"{") + raw.count(b"[") > DEEPEST or _LONG_NUMBER in raw.translate(_DIGITS):
        return None
    try:
        body = _PLAIN.decode(raw)
        return body if _ENCODED.encode(body).count(b'"') == raw.count(b'"') else None
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        return None


def _examined(raw: bytes) -> list[Body]:
    try:
        text = raw.decode("utf-8-sig")
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    except RecursionError:
        raise Unreadable(f"nested deeper than {DEEPEST}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON (at character {error.pos})") from None
    events = value if isinstance(value, list) else [value]
    if len(events) > MOST_EVENTS:
        raise Unreadable(f"an array of more than {MOST_EVENTS} events")
    if not all(isinstance(event, dict) for event in events):
        raise Unreadable("not a JSON object or an array of objects")
    if text.count("{") + text.count("[") > DEEPEST and _depth(value) > DEEPEST:
        raise Unreadable(f"nested deeper than {DEEPEST}")
    return events


def fingerprint(body: Body) -> int:
    """64 bits that are equal for equal content, however it was spaced or ordered."""
    try:
        content = _SORTED.encode(body)
    except (UnicodeEncodeError, OverflowError):  # half a surrogate pair, or a number of more than 64 bits
        content = _ENCODER.encode(body).encode()
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def _unique(pairs: list[tuple[str, Any]]) -> Body:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise Unreadable("duplicate keys")
    return body


def _no_constant(name: str) -> float:
    raise Unreadable(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    # Python refuses to convert more than 4,300 digits; no number of ours has more than 20.
    return int(digits) if len(digits) <= 40 else float(digits[:300])


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_DIGITS, _LONG_NUMBER = bytes.maketrans(b"123456789", b"0" * 9), b"0" * 19
_INTEGER = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # a longer one goes the long way
_FLAT = msgspec.json.Decoder(dict[str, str | _INTEGER | None])
_PLAIN, _ENCODED = msgspec.json.Decoder(Body), msgspec.json.Encoder()
_SORTED = msgspec.msgpack.Encoder(order="sorted")


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while deepest <= DEEPEST:
        # A tuple, not `dict | list`: a body may have 100,000 values, and a union is asked ten times slower.
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            break
        deepest += 1
        level = list(
            chain.from_iterable(item.values() if isinstance(item, dict) else item for item in containers if item)
        )
    return deepest
