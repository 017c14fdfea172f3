"""The key that signs what browsers keep, given or made once, as a fold of a remark; knows no cookie.

Made only when somebody signs in for the first time. Of two that were made at once, the first in the journal stands,
so all processes sign alike.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from itsdangerous import BadSignature, Signer

from wallboard.intake import Intake
from wallboard.people.accounts import Hear

MADE = "secret_made"


class Secret:
    """`given` is WALLBOARD_SECRET_KEY, where it is set."""

    def __init__(self, given: str | None) -> None:
        self._given = given
        self._made: str | None = None

    @property
    def remarks(self) -> Mapping[str, Hear]:
        """What the intake is to hand over, by name."""
        return {MADE: self._hear_made}

    async def ensure(self, intake: Intake) -> None:
        """Makes the key if there is none; JournalUnavailable."""
        if self._given is None and self._made is None:
            await intake.remark(MADE, {"secret": secrets.token_urlsafe(32)})

    def sign(self, value: str, purpose: str) -> str:
        """What only this server could have written, for this purpose; after `ensure`."""
        signer = self._signer(purpose)
        assert signer is not None, "ensure() comes first"
        return signer.sign(value).decode()

    def derived(self, purpose: str) -> bytes:
        """Bytes that all processes have alike and nobody else can know; none before `ensure`."""
        signer = self._signer(purpose)
        return b"" if signer is None else signer.get_signature(b"")

    def read(self, signed: str, purpose: str) -> str | None:
        """What was signed; `None` if it was not by this key and for this purpose."""
        signer = self._signer(purpose)
        if signer is None or not signed.isascii():
            return None
        try:
            return signer.unsign(signed).decode()
        except BadSignature:
            return None

    def _signer(self, purpose: str) -> Signer | None:
        key = self._given or self._made
        if key is None:
            return None
        return Signer(key, salt=f"wallboard {purpose}", key_derivation="hmac", digest_method=hashlib.sha256)

    def _hear_made(self, value: dict[str, Any], at: datetime) -> None:
        self._made = self._made or str(value["secret"])
