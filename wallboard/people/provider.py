"""Signs people in at an OpenID provider: authorization code with PKCE, state and nonce; knows no account and no page.

The only module that imports authlib, and only when a provider is set. An ID token counts if the provider's own key has
signed it, for us, for this browser's sign-in, and not too long ago.
"""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from wallboard.access.visitors import Role
from wallboard.clock import Clock
from wallboard.settings import Settings

DONE = "/sign-in/provider/done"
_SCOPE = "openid email profile"
_PATIENCE_SECONDS = 5.0
_KEPT_SECONDS = 600.0
_LEEWAY_SECONDS = 60
# What is signed with a secret that both sides know, or not at all, is not signed by the provider.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_ROLES = (Role.ADMIN, Role.SUPERVISOR, Role.VIEWER)


class Refused(Exception):
    """The provider, or what it sent, does not let anybody in; the text says why, and nothing of what was sent."""


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser takes along to the provider and must bring back; `until` is in seconds since the epoch."""

    state: str
    nonce: str
    verifier: str
    goes_on: str
    until: float


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who has signed in there. `role` is `None` for whom the settings give none."""

    subject: str
    name: str
    shown: str
    role: Role | None


class Provider:
    """The one that WALLBOARD_OIDC_ISSUER names. Needs the settings that `require_serving` asks for."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        import authlib.oidc.core  # noqa: F401 - a start without it must fail, not a sign-in

        self._issuer = settings.oidc_issuer or ""
        self._client_id = settings.oidc_client_id or ""
        self._client_secret = settings.oidc_client_secret
        self._roles = settings.oidc_roles
        self._back = f"{settings.public_url}{DONE}"
        self._clock = clock
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._read_at = -_KEPT_SECONDS

    async def leave(self, goes_on: str) -> tuple[str, Leaving]:
        """The provider's address to send the browser to, and what it must bring back; Refused."""
        now = self._clock.now().timestamp()
        leaving = Leaving(
            state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48),
            goes_on=goes_on, until=now + _KEPT_SECONDS,
        )  # fmt: skip
        metadata = await self._described()
        return self._address(metadata["authorization_endpoint"], leaving), leaving

    async def came_back(self, told: dict[str, str], leaving: Leaving | None) -> Person:
        """Who it is, by what stands in the address that the provider sent the browser to; Refused."""
        if leaving is None or self._clock.now().timestamp() > leaving.until:
            raise Refused("Signing in took too long, or was begun in another browser. Try again.")
        if not secrets.compare_digest(told.get("state", "").encode(), leaving.state.encode()):
            raise Refused("This sign-in was not begun here. Try again.")
        if told.get("iss", self._issuer) != self._issuer or "error" in told or not told.get("code"):
            raise Refused("The provider did not sign you in. Try again.")
        token = await self._token(told["code"], leaving.verifier)
        return self._person(await self._claims(token, leaving.nonce))

    def _address(self, endpoint: str, leaving: Leaving) -> str:
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        return str(
            prepare_grant_uri(
                endpoint,
                client_id=self._client_id,
                response_type="code",
                redirect_uri=self._back,
                scope=_SCOPE,
                state=leaving.state,
                nonce=leaving.nonce,
                code_challenge=create_s256_code_challenge(leaving.verifier),
                code_challenge_method="S256",
            )
        )

    async def _token(self, code: str, verifier: str) -> dict[str, Any]:
        metadata = await self._described()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._back, "code_verifier": verifier}
        auth = httpx.Auth()
        if self._client_secret is None:
            form["client_id"] = self._client_id
        else:
            auth = httpx.BasicAuth(quote(self._client_id, safe=""), quote(self._client_secret, safe=""))
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, auth=auth) as client:
                answer = await client.post(metadata["token_endpoint"], data=form)
            token = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            token = None
        if not isinstance(token, dict):
            raise Refused("The provider did not confirm the sign-in. Try again.")
        return token

    async def _claims(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        from joserfc.errors import JoseError

        try:
            return self._read(token, nonce)
        except JoseError:
            if time.monotonic() - self._read_at < 1:
                raise Refused("What the provider has signed does not count here.") from None
        self._read_at = -_KEPT_SECONDS  # its keys may have changed
        await self._described()
        try:
            return self._read(token, nonce)
        except JoseError:
            raise Refused("What the provider has signed does not count here.") from None

    def _read(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import DecodeError
        from joserfc.jwk import KeySet
        from joserfc.jws import JWSRegistry

        signed = token.get("id_token")
        if not isinstance(signed, str):
            raise DecodeError("no id_token")
        told = self._metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        registry = JWSRegistry(algorithms=[one for one in told if one in _ALGORITHMS], strict_check_header=False)
        try:
            decoded = jwt.decode(signed, KeySet.import_key_set(self._keys), registry=registry)
        except (ValueError, TypeError, KeyError):
            raise DecodeError("unreadable") from None
        options = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
            "sub": {"essential": True},
        }
        params = {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(decoded.claims, decoded.header, options, params)
        claims.validate(now=int(self._clock.now().timestamp()), leeway=_LEEWAY_SECONDS)
        return dict(claims)

    def _person(self, claims: dict[str, Any]) -> Person:
        subject = str(claims["sub"])
        address = claims.get("email") if claims.get("email_verified") is not False else None
        name = str(address or claims.get("preferred_username") or f"id-{subject}")
        return Person(
            subject=f"{self._issuer} {subject}",
            name=name,
            shown=str(claims.get("name") or claims.get("preferred_username") or name.partition("@")[0]),
            role=self._role(claims),
        )

    def _role(self, claims: dict[str, Any]) -> Role | None:
        """The highest that any of the settings' `claim:value=role` gives."""
        given = {role for claim, value, role in self._roles if value in _values(claims.get(claim, []))}
        return next((role for role in _ROLES if role.value in given), None)

    async def _described(self) -> dict[str, Any]:
        """The provider's addresses, and its keys, read anew every ten minutes; Refused."""
        if time.monotonic() - self._read_at < _KEPT_SECONDS:
            return self._metadata
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
                found = await client.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
                metadata = found.raise_for_status().json()
                keys = (await client.get(metadata["jwks_uri"])).raise_for_status().json()
                addresses = (metadata["authorization_endpoint"], metadata["token_endpoint"])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
            raise Refused("The provider cannot be reached right now. Try again in a minute.") from None
        if metadata.get("issuer") != self._issuer or not all(isinstance(one, str) for one in addresses):
            raise Refused("The provider calls itself otherwise than WALLBOARD_OIDC_ISSUER.")
        self._metadata, self._keys, self._read_at = metadata, keys, time.monotonic()
        return self._metadata


def _values(claim: object) -> list[str]:
    """A claim may be one word or a list of them."""
    return [str(one) for one in claim] if isinstance(claim, list) else [str(claim)]
