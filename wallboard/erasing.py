"""One caller taken out of every body: the number, the name, and what else tells of them; knows no journal, no file.

Bodies are rewritten, not deleted, so that the numbers of every day stay right. A call is the caller's if one of its
events says so; what its other events say of the caller goes as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import phonenumbers

from wallboard.bodies import Body, Unreadable, decode
from wallboard.callbacks.phone import key_of
from wallboard.fields import clean
from wallboard.journal import ERASED, Delivery

_CALLER = ("caller_id", "from_number")
_DIALLED = ("dest_number", "to_number")
_NAMES = ("caller_name", "from_name")
_AGENT = ("user_number", "exten", "user_name", "to_name")
_TOLD_OF_THEM = ("emails", "email_subject", "email_message", "audio_file", "call_recording_link")
_MEANT = {
    "type", "unique_call_id", "call_start_at", "start_at", "connected_at", "recorded_at", "call_duration",
    "conversation_duration", "status", "queue_name", "ring_group_name", "component_name",
}  # fmt: skip
"""What says which call, where and when: never the caller."""
_EXTENSION_DIGITS = 6
_BETWEEN_BYTES, _BETWEEN = rb"[^0-9A-Za-z\"]{0,3}", r"[\s().\-/]{0,3}"


class NoNumber(Exception):
    """Not a telephone number; the text says what one looks like."""


class Counted(msgspec.Struct):
    """What was found of a caller."""

    events: int = 0
    calls: int = 0
    marks: int = 0


class Eraser:
    """Finds first, then rewrites: `find` wants every delivery before `rewrite` is asked of any."""

    def __init__(self, number: str, country: str) -> None:
        """NoNumber for what nobody can ring."""
        key = key_of(number.strip(), country)
        if key is None:
            raise NoNumber("That is no telephone number: write one such as +61290000001 or 0290000001.")
        self.key = key
        self._country = country
        self._is_extension = len(key) <= _EXTENSION_DIGITS
        self._needle = re.compile(_BETWEEN_BYTES.join(digit.encode() for digit in _significant(key)))
        self._written = re.compile(_ways_of_writing(key))
        self._ids_needle: re.Pattern[bytes] | None = None
        self.counted = Counted()
        self.ids: set[str] = set()
        self.names: set[str] = set()

    def begin(self) -> None:
        """Everything is to be rewritten from the start: counts it anew. What was found stays found."""
        self.counted = Counted(calls=len(self.ids))

    def take_up(self, learnt: Eraser) -> None:
        """What a copy of this one has found and counted."""
        self.ids, self.names, self.counted = learnt.ids, learnt.names, learnt.counted
        self._ids_needle = None

    @property
    def known(self) -> int:
        """Grows with everything that is found."""
        return len(self.ids) + len(self.names)

    # --- finding -------------------------------------------------------------------------------------

    def find(self, delivery: Delivery) -> None:
        """Notes the ids of the caller's calls, and the names under which they rang."""
        if delivery.remark is not None or not self._may_name(delivery.body):
            return
        for body in _bodies(delivery):
            if self._is_theirs(body):
                if (id := _text(body.get("unique_call_id"))) is not None and id not in self.ids:
                    self.ids.add(id)
                    self._ids_needle = None
                    self.counted.calls += 1
                self.names.update(self._names_in(body))

    def _may_name(self, raw: bytes) -> bool:
        return self._needle.search(raw) is not None or b"\\u00" in raw

    def _is_theirs(self, body: Body) -> bool:
        """The number stands where the other party of the call does."""
        numbers = [body.get(name) for name in _CALLER]
        kind = str(body.get("type"))
        if "outbound" in kind:
            numbers += [body.get(name) for name in _DIALLED]
        if kind == "webhook_component_event":
            numbers += [body.get("user_number"), body.get("exten")]
        return any(self.is_number(number) for number in numbers)

    def _names_in(self, body: Body) -> Iterator[str]:
        fields = _NAMES + (("user_name", "to_name") if body.get("type") == "webhook_component_event" else ())
        for name in (_text(body.get(field)) for field in fields):
            if name is not None and self.number_in(name) is False:
                yield name.casefold()

    # --- rewriting -----------------------------------------------------------------------------------

    def rewrite(self, delivery: Delivery) -> Delivery | None:
        """The same without the caller; `None` if it says nothing of them."""
        if delivery.remark is not None:
            return self._remark(delivery)
        if not self._may_name(delivery.body) and not self._may_be_of_their_calls(delivery.body):
            return None
        try:
            value = decode(delivery.body)
        except Unreadable:
            return self._unreadable(delivery)
        bodies = [self.erased(body) for body in value]
        changed = sum(before != after for before, after in zip(value, bodies, strict=True))
        if not changed:
            return None
        self.counted.events += changed
        is_array = delivery.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        return msgspec.structs.replace(delivery, body=msgspec.json.encode(bodies if is_array else bodies[0]))

    def _may_be_of_their_calls(self, raw: bytes) -> bool:
        if not self.ids:
            return False
        if self._ids_needle is None:
            self._ids_needle = re.compile(b"|".join(re.escape(id.encode("utf-8", "replace")) for id in self.ids))
        return self._ids_needle.search(raw) is not None

    def _unreadable(self, delivery: Delivery) -> Delivery | None:
        """What is in quarantine cannot be taken apart, so it goes as a whole."""
        text = delivery.body.decode("utf-8", "replace")
        if not self.number_in(text) and not any(name in text.casefold() for name in self.names):
            return None
        self.counted.events += 1
        return msgspec.structs.replace(delivery, body=b"(erased)")

    def _remark(self, delivery: Delivery) -> Delivery | None:
        """A mark on the caller becomes nothing; a note on another one that tells of them loses its words."""
        if delivery.remark != "caller_marked":
            return None
        said: dict[str, Any] = msgspec.json.decode(delivery.body)
        if self.is_marked(str(said.get("caller"))):
            self.counted.marks += 1
            return msgspec.structs.replace(delivery, body=b"{}", remark=ERASED)
        if self.number_in(str(said.get("text", ""))):
            self.counted.marks += 1
            return msgspec.structs.replace(delivery, body=msgspec.json.encode({**said, "text": ""}))
        return None

    def is_marked(self, caller: str) -> bool:
        """Whether a mark is on the caller, or on a call of theirs that showed no number."""
        return caller == self.key or caller.removeprefix("call:").partition("\n")[0] in self.ids

    def erased(self, body: Body) -> Body:
        """The body without the caller; the same where it says nothing of them."""
        is_of_their_call = _text(body.get("unique_call_id")) in self.ids
        is_theirs = self._is_theirs(body)
        says_no_number = not any(_text(body.get(name)) for name in _CALLER)
        is_of_them = is_theirs or (is_of_their_call and says_no_number)
        return {
            name: None if self._tells(name, value, body, is_of_them, is_of_their_call) else value
            for name, value in body.items()
        }

    def _tells(self, name: str, value: object, body: Body, is_of_them: bool, is_of_their_call: bool) -> bool:
        if name in _MEANT or value is None:
            return False
        if name in _AGENT and body.get("type") != "webhook_component_event":
            return False
        if is_of_them and name in (*_NAMES, *_TOLD_OF_THEM):
            return True
        if is_of_them and name in _AGENT:
            return True
        if self._holds_number(name, value):
            return True
        return is_of_their_call and self._holds_name(value)

    def _holds_number(self, name: str, value: object) -> bool:
        if isinstance(value, dict):
            return any(self._holds_number(inner, item) for inner, item in value.items())
        if isinstance(value, list):
            return any(self._holds_number(name, item) for item in value)
        if name in (*_CALLER, *_DIALLED, *_AGENT):
            return self.is_number(value)
        return self.number_in(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else False

    def _holds_name(self, value: object) -> bool:
        if isinstance(value, dict):
            return any(map(self._holds_name, value.values()))
        if isinstance(value, list):
            return any(map(self._holds_name, value))
        return isinstance(value, str) and any(name in (clean(value) or "").casefold() for name in self.names)

    # --- numbers -------------------------------------------------------------------------------------

    def is_number(self, value: object) -> bool:
        """Whether a field's whole value is the caller's number, or holds it beside other signs."""
        text = _text(value)
        if text is None:
            return False
        return key_of(text, self._country) == self.key or self.number_in(text)

    def number_in(self, text: str) -> bool:
        """Whether the number stands anywhere in a text, however it is written. An extension may be any number."""
        return not self._is_extension and self._written.search(text) is not None


def _significant(key: str) -> str:
    """The digits that stand in every way of writing a number."""
    if not key.startswith("+"):
        return key
    return phonenumbers.national_significant_number(phonenumbers.parse(key))


def _ways_of_writing(key: str) -> str:
    """A pattern of the number with or without its country and a leading nought, alone among digits."""
    digits = _BETWEEN.join(_significant(key))
    if not key.startswith("+"):
        return rf"(?<!\d){digits}(?!\d)"
    country = str(phonenumbers.parse(key).country_code)
    prefix = rf"(?:(?:\+|0011|00)?{_BETWEEN}{country}{_BETWEEN})?(?:\(?0\)?{_BETWEEN})?"
    return rf"(?<!\d){prefix}{digits}(?!\d)"


def _bodies(delivery: Delivery) -> list[Body]:
    try:
        return decode(delivery.body)
    except Unreadable:
        return []


def _text(value: object) -> str | None:
    """As the board reads it: `None` where there is nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return clean(value) if isinstance(value, str) else None
