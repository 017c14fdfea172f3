"""Hostile bodies with the answer that each must get, in tables; knows no server and no board."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.samples import abandoned, answered, body, completed, missed, rang, summary

LARGEST = 256 * 1024
TIMES = ("call_start_at", "connected_at", "recorded_at")
TEXTS = ("caller_id", "caller_name", "user_number", "user_name", "queue_name", "dest_number")


class Case(NamedTuple):
    """One POST and the status that it must be answered with."""

    name: str
    raw: bytes
    status: int
    headers: Mapping[str, str] = {}


def corpus() -> list[Case]:
    """All of them, each under a name of its own, in the order in which they are to be sent."""
    makers = (_syntax, _encodings, _strings, _numbers, _depth, _keys, _times, _ids, _types, _arrays, _sizes, _headers)
    return [Case(f"{make.__name__.strip('_')}: {name}", *rest) for make in makers for name, *rest in make()]


Cases = Iterator[tuple[Any, ...]]


def packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def with_raw(token: bytes, field: str, event: dict[str, Any]) -> bytes:
    """The event with `field` written as `token`, which Python's own writer would not write so."""
    return packed(event | {field: "@@"}).replace(b'"@@"', token)


def _syntax() -> Cases:
    good = packed(rang(call="syntax"))
    broken = {
        "empty": b"",
        "space": b"  \n\t",
        "brace": b"{",
        "closing brace": b"}",
        "bracket": b"[",
        "comma": b",",
        "colon": b":",
        "quote": b'"',
        "backslash": b"\\",
        "nul": b"\0",
        "word": b"null",
        "true": b"true",
        "number": b"12",
        "minus": b"-",
        "string": b'"user_inbound"',
        "undefined": b"undefined",
        "None": b"None",
        "form": b"type=user_inbound&unique_call_id=1",
        "xml": b"<event type='user_inbound'/>",
        "yaml": b"type: x",
        "two objects": good + good,
        "two lines": good + b"\n" + good,
        "tail": good + b"x",
        "cut": good[:-1],
        "cut in a string": good[:30],
        "head": b"x" + good,
        "single quotes": good.replace(b'"', b"'"),
        "bare keys": b"{type:1}",
        "no colon": b'{"type" 1}',
        "no value": b'{"type":}',
        "no key": b"{:1}",
        "number as key": b"{1:2}",
        "trailing comma": b'{"type":1,}',
        "leading comma": b'{,"type":1}',
        "two commas": b'{"a":1,,"b":2}',
        "trailing comma in an array": b"[{},]",
        "comment": b'{"a":1}//x',
        "block comment": b"/*x*/{}",
        "hash comment": b"{} # x",
        "raw newline in a string": b'{"a":"x\ny"}',
        "raw tab in a string": b'{"a":"x\ty"}',
        "raw nul in a string": b'{"a":"x\0y"}',
        "bad escape": b'{"a":"\\x41"}',
        "short escape": b'{"a":"\\u12"}',
        "open string": b'{"a":"x',
        "wrong bracket": b'{"a":[1}',
        "ndjson": b"{}\n{}",
        "jsonp": b"callback({})",
        "NaN": b'{"a":NaN}',
        "Infinity": b'{"a":Infinity}',
        "-Infinity": b'{"a":-Infinity}',
        "nan": b'{"a":nan}',
        "True": b'{"a":True}',
        "hexadecimal": b'{"a":0x10}',
        "leading zero": b'{"a":012}',
        "plus": b'{"a":+1}',
        "bare point": b'{"a":.5}',
        "point without digits": b'{"a":1.}',
        "bare exponent": b'{"a":1e}',
        "NaN deep within": b'{"a":[{"b":[NaN]}]}',
    }
    yield from ((name, raw, 400) for name, raw in broken.items())
    yield from ((f"spaced by {space!r}", space + good + space, 200) for space in (b" ", b"\r\n", b"\t" * 999))
    yield "empty object", b"{}", 200


def _encodings() -> Cases:
    text = json.dumps(rang(call="encodings", caller_name="Zoë Übel 😀 株式会社"), ensure_ascii=False)
    yield "utf-8", text.encode(), 200
    yield "utf-8 with its mark", b"\xef\xbb\xbf" + text.encode(), 200
    yield from ((code, text.encode(code), 400) for code in ("utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le"))
    yield "latin-1", '{"caller_name":"Zoë"}'.encode("latin-1"), 400
    yield "shift-jis", '{"caller_name":"株"}'.encode("shift-jis"), 400
    for name, odd in {
        "overlong slash": b"\xc0\xaf",
        "overlong nul": b"\xc0\x80",
        "lone continuation": b"\x80",
        "cut": b"\xe6\xa0",
        "surrogate": b"\xed\xa0\x80",
        "beyond unicode": b"\xf4\x90\x80\x80",
        "ff": b"\xff",
        "fe": b"\xfe\xff",
    }.items():
        yield name, b'{"caller_name":"' + odd + b'"}', 400
    yield "gzip without saying so", gzip.compress(text.encode(), mtime=0), 400
    yield "two marks", b"\xef\xbb\xbf\xef\xbb\xbf{}", 400
    for name, escape in {
        "lone high": "\\ud800",
        "lone low": "\\udc00",
        "swapped": "\\udc00\\ud800",
        "nul": "\\u0000",
        "pair": "\\ud83d\\ude00",
    }.items():
        yield f"escaped {name}", with_raw(f'"x{escape}y"'.encode(), "caller_name", rang(call=f"enc {name}")), 200
        yield f"escaped {name} as a key", b'{"' + escape.encode() + b'":1,"type":"odd key"}', 200


STRINGS = {
    "null": "null",
    "NULL": "NULL",
    "None": "None",
    "space": "   ",
    "newline": "a\r\nb",
    "frame": "\ndata: x\n\n",
    "nul": "a\0b",
    "bidi": "\u202eevil\u202c",
    "zero width": "a\u200bb\ufeff",
    "marks": "Z\u0363\u0364\u0365" * 60,
    "script": "<script>alert(1)</script>",
    "formula": "=HYPERLINK(1)",
    "quote": "\"'`",
    "template": "{{7*7}}${7*7}",
    "sql": "'; DROP TABLE deliveries;--",
    "percent": "%s%n%x",
    "path": "../../etc/passwd",
    "long": "x" * 5_000,
    "very long": "ü" * 40_000,
    "emoji": "👩‍👩‍👧‍👦" * 40,
    "line separator": "a\u2028b",
    "private": "\ue000\U0010ffff",
}


def _strings() -> Cases:
    for name, text in STRINGS.items():
        for field in TEXTS:
            yield f"{name} in {field}", packed(rang(call=f"s {name} {field}") | {field: text}), 200


def _numbers() -> Cases:
    tokens = {
        "zero": "0",
        "minus zero": "-0",
        "minus one": "-1",
        "float": "1.5",
        "tiny": "1e-400",
        "huge": "1e400",
        "minus huge": "-1e400",
        "exponent": "1e999999999",
        "2**53": "9007199254740993",
        "2**64": "18446744073709551616",
        "41 digits": "9" * 41,
        "5,000 digits": "9" * 5_000,
        "200,000 digits": "9" * 200_000,
        "long fraction": "0." + "1" * 9_000,
        "true": "true",
        "false": "false",
        "array": "[1]",
        "object": '{"a":1}',
        "text": '"12x"',
        "digits": '"187"',
        "underscore": '"1_0"',
        "infinity": '"inf"',
        "nan": '"nan"',
        "hexadecimal": '"0x10"',
        "arabic": '"\u0661\u0662"',
        "spaced": '" 12 "',
        "a year": "31622400",
        "an age": "99999999999",
        "long text": '"' + "9" * 9_000 + '"',
    }
    for name, token in tokens.items():
        for field in ("call_duration", "conversation_duration"):
            yield f"{name} as {field}", with_raw(token.encode(), field, completed(call=f"n {name} {field}")), 200
    for name in ("41 digits", "200,000 digits", "huge", "true", "float"):
        yield f"{name} as the id", with_raw(tokens[name].encode(), "unique_call_id", rang()), 200
        yield f"{name} as the agent", with_raw(tokens[name].encode(), "user_number", rang(call=f"n {name}")), 200


def _depth() -> Cases:
    for depth, status in ((31, 200), (32, 400), (33, 400), (990, 400), (100_000, 400)):
        yield f"{depth} arrays in an object", b'{"a":' + b"[" * depth + b"]" * depth + b"}", status
    for depth, status in ((31, 200), (32, 200), (33, 400), (5_000, 400), (40_000, 400)):
        yield f"{depth} objects", b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1), status
    yield "deep in an array of events", b'[{},{"a":' + b"[" * 31 + b"]" * 31 + b"}]", 400
    yield "never closed", b"[" * LARGEST, 400
    yield "never closed objects", b'{"a":' * 50_000, 400
    yield "brackets in a string", packed(rang(call="depth", caller_name="[{" * 1_000)), 200


def _keys() -> Cases:
    yield "twice", b'{"type":"user_inbound","type":"voicemail"}', 400
    yield "twice with one value", b'{"type":"x","type":"x"}', 400
    yield "twice deep within", b'{"a":[{"b":{"c":1,"c":2}}]}', 400
    yield "twice, once escaped", b'{"type":"x","\\u0074ype":"y"}', 400
    yield "twice in the second of two", b'[{"type":"x"},{"a":1,"a":1}]', 400
    yield "empty", b'{"":1}', 200
    yield "by case", packed(rang(call="keys") | {"Type": "voicemail", "TYPE": "x"}), 200
    yield "both dialects", packed(rang(call="keys 2") | {"exten": "1009", "from_number": "x", "start_at": "y"}), 200
    yield "__proto__", packed(rang(call="keys 3") | {"__proto__": {"type": "x"}, "constructor": 1, "__class__": 1}), 200
    yield "10,000", packed(rang(call="keys 4") | {f"k{n}": n for n in range(10_000)}), 200
    yield "long", packed({"k" * 200_000: 1, "type": "long key"}), 200


INSTANTS = (
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2019-10-01T15:31:15.000Z",
    "2038-01-19T03:14:08Z",
    "2199-12-31T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T23:59:60Z",
    "2026-11-23T25:00:00Z",
    "2026-11-23",
    "20261123T120000Z",
    "2026-W48-1",
    "2026-327",
    "12:00:00",
    "23/11/2026 12:00",
    "Mon, 23 Nov 2026 12:00:00 GMT",
    "1795435200",
    "now",
    "2026-11-23T12:00:00+99:99",
    "2026-11-23T12:00:00 Australia/Sydney",
    "2026-11-23T12:00:00.123456789Z",
    "2026-11-23t12:00:00z",
    "2026-11-23T12:00:00\u221205:00",
    "\u0662\u0660\u0662\u0666-11-23T12:00:00Z",
    "2026-10-04T02:30:00",
    "2" * 5_000,
)


ODD_TIMES: tuple[Any, ...] = (0, 1795435200, 1795435200000, -1, 1.5, True, [], {})


def _times() -> Cases:
    for n, text in enumerate(INSTANTS):
        for field in TIMES:
            event = completed(call=f"t {n} {field}") | {field: text}
            yield f"{text[:40]!a} as {field}", packed(event | {"type": "voicemail"} if field[0] == "r" else event), 200
    for field in TIMES:
        for value in ODD_TIMES:
            yield f"{value!r} as {field}", packed(completed(call=f"t {value}") | {field: value}), 200


def _ids() -> Cases:
    odd: tuple[Any, ...] = (
        None,
        "",
        "null",
        "  ",
        0,
        -1,
        1.5,
        True,
        [],
        ["1"],
        {"id": 1},
        "0",
        "00",
        "1\n2",
        "x" * 9_000,
        "../x",
        "<id>",
        '" onload="x',
        "\u202e1",
        "１２３",
        "1#2",
        "null ",
        " 77 ",
    )
    yield from ((f"{value!r:.40}", packed(rang() | {"unique_call_id": value}), 200) for value in odd)
    yield "none", packed({key: value for key, value in rang().items() if key != "unique_call_id"}), 200


def _types() -> Cases:
    odd: tuple[Any, ...] = (
        None,
        "",
        1,
        True,
        [],
        {},
        ["user_inbound"],
        "USER_INBOUND",
        "user_inbound ",
        "user_inbound\0",
        "user_inbound_missed",
        "toString",
        "__init__",
        "<type>",
        "x" * 9_000,
    )
    yield from ((f"{value!r:.40}", packed(rang(call=f"type {value!r:.9}") | {"type": value}), 200) for value in odd)
    yield from ((f"unknown {n}", packed({"type": f"unknown {n}", "unique_call_id": "1"}), 200) for n in range(60))
    for kind in (
        "user_inbound",
        "queue_call",
        "ring_group_call",
        "voicemail",
        "recording_outbound",
        "webhook_component_event",
    ):
        yield f"{kind} and nothing else", packed({"type": kind, "unique_call_id": f"bare {kind}"}), 200


def _arrays() -> Cases:
    events = [{"type": "voicemail", "unique_call_id": f"array {n}"} for n in range(1_001)]
    yield "none", b"[]", 200
    yield "500 calls", packed([abandoned(call=f"array call {n}") for n in range(500)]), 200
    yield "1,000", packed(events[:1_000]), 200
    yield "1,001", packed(events), 400
    yield "80,000 empty objects", b"[" + b"{}," * 79_999 + b"{}]", 400
    yield "empty objects", b"[" + b"{}," * 999 + b"{}]", 200
    yield "the same 500 times", packed([rang(call="array")] * 500), 200
    yield "in an array", packed([[rang()]]), 400
    yield from (
        (f"and {odd}", packed([rang()])[:-1] + b"," + odd.encode() + b"]", 400)
        for odd in ("1", '"x"', "null", "true", "[]", "1.5")
    )
    yield "100,000 numbers in a field", packed({"type": "wide", "a": [0] * 100_000}), 200
    yield "80,000 arrays in a field", b'{"type":"wide","a":[' + b"[]," * 80_000 + b"[]]}", 200
    yield "10,000 floats in a field", b'{"type":"wide","a":[' + b"1.7976931348623157e308," * 10_000 + b"1]}", 200


def _sizes() -> Cases:
    def of(size: int, event: dict[str, Any]) -> bytes:
        return packed(event | {"x": "y" * (size - len(packed(event | {"x": ""})))})

    yield "as large as may be", of(LARGEST, rang(call="large")), 200
    yield "one byte more", of(LARGEST + 1, rang(call="large")), 413
    yield "a megabyte", b" " * 1_000_000, 413
    yield "spaces", b" " * LARGEST, 400
    yield "a tree", packed(_tree(12)), 200
    yield "escapes", b'{"type":"wide","a":"' + b"\\u00e4" * 40_000 + b'"}', 200
    yield "digits", packed(rang(call="large 2", caller_name="0290 000 001 " * 15_000)), 200
    yield "nearly numbers", packed(rang(call="large 3", caller_name="1((((" * 50_000)), 200


def _tree(depth: int) -> dict[str, Any]:
    return {"a": _tree(depth - 1), "b": _tree(depth - 1)} if depth else {}


def _headers() -> Cases:
    good = packed(rang(call="headers"))
    for code in ("gzip", "br", "deflate", "identity", ""):
        yield f"Content-Encoding {code!r}", good, 415, {"Content-Encoding": code}
    for kind in ("text/plain", "image/png", "application/x-www-form-urlencoded", "multipart/form-data", "", "\xff"):
        yield f"Content-Type {kind!r}", good, 200, {"Content-Type": kind}
    component = packed(body("webhook_component_event", "headers 2", component_name="x"))
    for meaning in (
        "",
        "x",
        "queue_entered:",
        "queue_entered:" + "q" * 4_000,
        "queue_left:Sales",
        ":",
        "queue_entered:null",
        "queue_entered:<script>",
        "queue_entered:\xff\xfe",
    ):
        yield f"X-Wallboard-Meaning {meaning!r:.40}", component, 200, {"X-Wallboard-Meaning": meaning}


def queues(names: int, events: int = 500) -> Iterator[list[dict[str, Any]]]:
    """Arrays that name so many queues, each in a call of its own: most abandoned, every tenth rings."""
    bodies = [
        rang(f"{n % 40}", f"many {n}", f"Queue {n}") if n % 10 == 0 else abandoned(f"many {n}", queue=f"Queue {n}")
        for n in range(names)
    ]
    return (bodies[n : n + events] for n in range(0, names, events))


def ring_all(phones: int, call: str = "ring all") -> list[dict[str, Any]]:
    """One call that rings so many phones at once, until one is answered."""
    agents = [f"7{n:03}" for n in range(phones)]
    others = [missed(agent, call, 14) for agent in agents[1:]]
    rings = [rang(agent, call) for agent in agents]
    first = agents[0]
    return [*rings, answered(first, call), *others, completed(first, call), summary(call, agent=first)]
