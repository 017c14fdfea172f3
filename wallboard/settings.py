"""The settings: names, units, defaults, and every bad value reported at once; knows no other module."""

from __future__ import annotations

import re
from datetime import time
from functools import cached_property
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_ORIGIN = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?::[0-9]{1,5})?"
)
Formula = Literal["default", "strict", "answered_only", "late_abandons", "abandons_credited"]
Meaning = tuple[Literal["queue_entered", "queue_timeout"], str]


class SettingsError(Exception):
    """One or more settings cannot be used; the text names each and says what it expects."""


def parse_meaning(text: str) -> Meaning:
    """`queue_entered:Sales` as ("queue_entered", "Sales"); ValueError with the expected form otherwise."""
    verb, colon, queue = text.strip().partition(":")
    queue = queue.strip()
    if not colon or not queue or len(queue) > 200:
        raise ValueError("expected queue_entered:<queue> or queue_timeout:<queue>")
    if verb.strip() == "queue_entered":
        return "queue_entered", queue
    if verb.strip() == "queue_timeout":
        return "queue_timeout", queue
    raise ValueError("expected queue_entered:<queue> or queue_timeout:<queue>")


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _components(value: object) -> object:
    """`name=queue_entered:Sales; other=queue_timeout:Sales` as a dict."""
    if not isinstance(value, str):
        return value
    meanings: dict[str, Meaning] = {}
    for item in filter(None, (part.strip() for part in value.split(";"))):
        name, equals, meaning = item.partition("=")
        if not equals or not name.strip():
            raise ValueError("expected name=queue_entered:<queue>; other=queue_timeout:<queue>")
        meanings[name.strip()] = parse_meaning(meaning)
    return meanings


def _networks(value: object) -> object:
    """`192.0.2.0/24, 2001:db8::1` as networks."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(word.strip(), strict=False) for word in value.split(",") if word.strip())
    except ValueError:
        raise ValueError("expected networks such as 192.0.2.0/24, 2001:db8::/32, comma-separated") from None


def _roles(value: object) -> object:
    """`groups:wall-admins=admin; groups:staff=viewer` as (claim, value, role)."""
    if not isinstance(value, str):
        return value
    roles: list[tuple[str, str, str]] = []
    for item in filter(None, (part.strip() for part in value.split(";"))):
        told, _, role = item.rpartition("=")
        claim, _, expected = told.partition(":")
        if role.strip() not in ("viewer", "supervisor", "admin") or not claim.strip() or not expected.strip():
            raise ValueError("expected claim:value=role; …, such as groups:wallboard-admins=admin; groups:staff=viewer")
        roles.append((claim.strip(), expected.strip(), role.strip()))
    return tuple(roles)


OidcRole = Literal["viewer", "supervisor", "admin"]
OidcRoles = Annotated[tuple[tuple[str, str, OidcRole], ...], NoDecode, BeforeValidator(_roles)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
Tokens = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Timeout = Annotated[int, Field(ge=1, le=604_800)]


class Settings(BaseSettings):
    """What the environment (or a `.env` file) says; interface.md has the table. Secrets stay out of `repr`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    host: str = Field("127.0.0.1", validation_alias="HOST")
    port: int = Field(8000, ge=0, le=65_535, validation_alias="PORT")
    database_url: str = Field("sqlite:///wallboard.db", validation_alias="DATABASE_URL", repr=False)
    web_concurrency: int = Field(1, ge=1, validation_alias="WEB_CONCURRENCY")
    pbx_tokens: Tokens = Field((), validation_alias="WALLBOARD_PBX_TOKENS", repr=False)
    api_tokens: Tokens = Field((), validation_alias="WALLBOARD_API_TOKENS", repr=False)
    pbx_addresses: Networks = Field((), validation_alias="WALLBOARD_PBX_ADDRESSES")
    trusted_proxies: Networks = Field((), validation_alias="WALLBOARD_TRUSTED_PROXIES")
    secret_key: str | None = Field(None, min_length=32, validation_alias="WALLBOARD_SECRET_KEY", repr=False)
    public_url: str | None = Field(None, validation_alias="WALLBOARD_PUBLIC_URL")
    oidc_issuer: str | None = Field(None, validation_alias="WALLBOARD_OIDC_ISSUER")
    oidc_client_id: str | None = Field(None, validation_alias="WALLBOARD_OIDC_CLIENT_ID")
    oidc_client_secret: str | None = Field(None, validation_alias="WALLBOARD_OIDC_CLIENT_SECRET", repr=False)
    oidc_roles: OidcRoles = Field((), validation_alias="WALLBOARD_OIDC_ROLES")
    time_zone: str = Field("UTC", validation_alias="WALLBOARD_TIME_ZONE")
    country: str | None = Field(None, validation_alias="WALLBOARD_COUNTRY")
    day_starts_at: time = Field(time(0), validation_alias="WALLBOARD_DAY_STARTS_AT")
    service_level_seconds: Seconds = Field(20, validation_alias="WALLBOARD_SERVICE_LEVEL_SECONDS")
    short_abandon_seconds: Seconds = Field(5, validation_alias="WALLBOARD_SHORT_ABANDON_SECONDS")
    service_level_formula: Formula = Field("default", validation_alias="WALLBOARD_SERVICE_LEVEL_FORMULA")
    service_level_target: float = Field(0.8, ge=0, le=1, validation_alias="WALLBOARD_SERVICE_LEVEL_TARGET")
    ringing_timeout_seconds: Timeout = Field(180, validation_alias="WALLBOARD_RINGING_TIMEOUT_SECONDS")
    waiting_timeout_seconds: Timeout = Field(1800, validation_alias="WALLBOARD_WAITING_TIMEOUT_SECONDS")
    talking_timeout_seconds: Timeout = Field(14_400, validation_alias="WALLBOARD_TALKING_TIMEOUT_SECONDS")
    components: Annotated[dict[str, Meaning], NoDecode, BeforeValidator(_components)] = Field(
        default_factory=dict, validation_alias="WALLBOARD_COMPONENTS"
    )
    boards_file: Path | None = Field(None, validation_alias="WALLBOARD_BOARDS_FILE")
    frame_ancestors: Tokens = Field((), validation_alias="WALLBOARD_FRAME_ANCESTORS")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", validation_alias="WALLBOARD_LOG_LEVEL"
    )
    recording_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = Field(
        (), validation_alias="WALLBOARD_RECORDING_HOSTS"
    )
    spool: Path | None = Field(None, validation_alias="WALLBOARD_SPOOL")
    retention_days: int = Field(30, ge=1, le=3650, validation_alias="WALLBOARD_RETENTION_DAYS")

    @field_validator("spool", mode="before")
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        return value or None

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no IANA time zone; write one such as Australia/Sydney") from None
        return name

    @field_validator("country")
    @classmethod
    def _known_country(cls, name: str | None) -> str | None:
        if name and name.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{name!r} is no country; write its two letters, such as AU")
        return name.upper() if name else None

    @field_validator("oidc_issuer")
    @classmethod
    def _secure(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if url and not (parts.netloc and (parts.scheme == "https" or (parts.scheme == "http" and here))):
            raise ValueError("expected the provider's https address, such as https://login.example.com")
        return url or None

    @field_validator("public_url")
    @classmethod
    def _bare_address(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "https://example")
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
            raise ValueError("expected the address of the start page, such as https://wallboard.example.com")
        return f"{parts.scheme}://{parts.netloc}" if url else None

    @field_validator("day_starts_at", mode="before")
    @classmethod
    def _clock_time(cls, value: object) -> object:
        try:
            return time.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError("expected a time of day such as 00:00 or 06:00") from None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
            return url
        if url.startswith(("postgres://", "postgresql://")):
            return url
        raise ValueError(
            "expected sqlite:///<file>, such as sqlite:///wallboard.db, or postgres://user:password@host:5432/database"
        )

    @field_validator("pbx_tokens", "api_tokens")
    @classmethod
    def _long_enough(cls, tokens: tuple[str, ...]) -> tuple[str, ...]:
        if any(not token.isascii() or not token.isprintable() for token in tokens):
            raise ValueError("a token may hold printable ASCII only")
        return tokens

    @field_validator("frame_ancestors")
    @classmethod
    def _https_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no https origin; write one such as https://signage.example.com")
        return origins

    @field_validator("recording_hosts")
    @classmethod
    def _known_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host.lower()):
                raise ValueError(f"{host!r} is no host; write names such as pbx.example.com or *.example.com")
        return tuple(host.lower() for host in hosts)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The board's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def is_sqlite(self) -> bool:
        """Whether the journal is a file of this machine, which one process alone may hold."""
        return self.database_url.startswith("sqlite:///")

    @property
    def sqlite_path(self) -> Path:
        """The journal's file: `sqlite:///a.db` is relative, `sqlite:////srv/a.db` absolute."""
        return Path(self.database_url.removeprefix("sqlite:///"))


def read_settings(*, env_file: str | None = ".env", **overrides: object) -> Settings:
    """The settings from the environment, `overrides` by field name on top; SettingsError lists every bad one."""
    try:
        return Settings(_env_file=env_file, **overrides)  # type: ignore[call-arg,arg-type]
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def require_serving(settings: Settings) -> None:
    """SettingsError with every reason why a server must not start with these settings."""
    problems = []
    if not settings.pbx_tokens:
        problems.append(
            "WALLBOARD_PBX_TOKENS: not set, so nobody could post webhooks. Make a secret with\n"
            "    python3 -c 'import secrets; print(secrets.token_urlsafe(32))'\n"
            "  put it into WALLBOARD_PBX_TOKENS (or a .env file), and type the same into the PBX."
        )
    if settings.web_concurrency > 1 and settings.is_sqlite:
        problems.append(
            f"WEB_CONCURRENCY: is {settings.web_concurrency}, but the SQLite journal serves one process only, "
            "for each would hold a part of the truth. Set WEB_CONCURRENCY=1, or DATABASE_URL to a PostgreSQL."
        )
    if settings.spool is not None and settings.is_sqlite:
        problems.append(
            "WALLBOARD_SPOOL: is for a journal in PostgreSQL, and DATABASE_URL names SQLite's file, which is on this "
            "machine's disk already. Leave WALLBOARD_SPOOL out, or set DATABASE_URL to a PostgreSQL."
        )
    problems += _missing_for_oidc(settings)
    if problems:
        raise SettingsError(_listed(problems))


def _missing_for_oidc(settings: Settings) -> list[str]:
    if settings.oidc_issuer is None:
        return []
    needed = {
        "WALLBOARD_OIDC_CLIENT_ID": (settings.oidc_client_id, "the name that the provider knows this wallboard by"),
        "WALLBOARD_OIDC_ROLES": (
            settings.oidc_roles,
            "who may come: groups:wallboard-admins=admin; groups:staff=viewer",
        ),
        "WALLBOARD_PUBLIC_URL": (settings.public_url, "where the provider sends browsers back to"),
    }
    problems = [
        f"{name}: not set, but WALLBOARD_OIDC_ISSUER needs it: {what}"
        for name, (value, what) in needed.items()
        if not value
    ]
    if find_spec("authlib") is None:
        problems.append("WALLBOARD_OIDC_ISSUER: needs authlib; pip install -r requirements-oidc.txt")
    return problems


def _explain(error: ValidationError) -> str:
    return _listed([f"{_name(item['loc'])}: {_reason(item['msg'])}" for item in error.errors()])


def _listed(problems: list[str]) -> str:
    head = "The settings cannot be used:" if len(problems) == 1 else "These settings cannot be used:"
    return "\n".join([head, *(f"- {problem}" for problem in problems)])


def _name(location: tuple[int | str, ...]) -> str:
    first = str(location[0]) if location else "settings"
    field = Settings.model_fields.get(first)
    alias = field.validation_alias if field is not None else first
    return alias if isinstance(alias, str) else first


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")
