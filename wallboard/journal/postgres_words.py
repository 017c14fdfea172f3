"""What is wrong with PostgreSQL, in words that hold no address, no password and no row; knows no connection."""

from __future__ import annotations

import socket

import psycopg
from psycopg import errors

LEAST_VERSION = 13
READ_ONLY = "the database is read-only"
UNANSWERED = "the database does not answer"
_BY_KIND: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.DiskFull, "the database's disk is full"),
    (errors.ReadOnlySqlTransaction, READ_ONLY),
    (errors.LockNotAvailable, "another process keeps the database's lock"),
    (errors.TooManyConnections, "the database has no connection left"),
    (errors.AdminShutdown, "the database is restarting"),
    (errors.CrashShutdown, "the database is restarting"),
    (errors.CannotConnectNow, "the database is restarting"),
    (errors.IdleInTransactionSessionTimeout, "this process was too slow for the database"),
    (errors.QueryCanceled, UNANSWERED),
)
_BY_TEXT = (
    ("password authentication failed", "the password or the user name is wrong", "Correct them in the URL"),
    ("no password supplied", "it asks for a password and the URL has none", "Put it into the URL"),
    ("no pg_hba.conf entry", "it does not let this machine or this user in", "Let it in in its pg_hba.conf"),
    ("role ", "there is no such user", "Correct the URL, or make the user"),
    ("database ", "there is no such database", "Correct the URL, or make it with createdb"),
)
_UNREAD = "the URL cannot be read"
_NEVER_READ = "Write postgres://user:password@host:5432/database; in a password %2F is a slash, %40 an @, %23 a #"
_UNREAD_BY_LIBPQ = ("connection is bad: invalid ", f"[Errno {socket.EAI_SERVICE}]")  # no port, no mode
_RIGHTS = "Let its owner GRANT CREATE, USAGE ON SCHEMA public to this user, or use a database that is the user's own"
_WAIT = "Start it, or correct the address; a server that runs goes on by itself as soon as it answers"


class Unfit(psycopg.NotSupportedError):
    """A PostgreSQL that lacks what we use, or a database that cannot hold our text."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def words(error: Exception) -> str:
    """Why the last attempt failed, for a lamp and a log."""
    for kind, said in _BY_KIND:
        if isinstance(error, kind):
            return said
    if isinstance(error, psycopg.DataError):  # quotes what it was given
        return type(error).__name__
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    known = _known(error)
    if known is not None:
        return known[0]
    if isinstance(error, Unfit):
        return str(error)
    if isinstance(error, psycopg.OperationalError | OSError):
        return "the database cannot be reached"
    return type(error).__name__


def explain(error: Exception) -> str:
    """The whole message for whoever set DATABASE_URL: what is wrong, and what to do."""
    reason, remedy = _told(error)
    return f"DATABASE_URL: PostgreSQL cannot be used: {reason}.\n  {remedy}."


def is_passing(error: Exception) -> bool:
    """Whether it may be over in a moment without a hand on the settings."""
    if isinstance(error, Unfit | psycopg.ProgrammingError | errors.InsufficientPrivilege):
        return False
    return _known(error) is None


def _told(error: Exception) -> tuple[str, str]:
    if isinstance(error, Unfit):
        return str(error), error.remedy
    if isinstance(error, errors.InsufficientPrivilege | errors.InvalidSchemaName):
        return "this user may not make or use the wallboard's tables", _RIGHTS
    if isinstance(error, psycopg.ProgrammingError) and not error.diag.message_primary:
        return _UNREAD, _NEVER_READ
    return _known(error) or (words(error), _WAIT)


def _known(error: Exception) -> tuple[str, str] | None:
    """libpq tells only in its text why a connection was refused; a server that speaks another language is not known."""
    if not isinstance(error, psycopg.OperationalError):
        return None
    text = str(error)
    if any(part in text for part in _UNREAD_BY_LIBPQ):
        return _UNREAD, _NEVER_READ
    if "SSL was required" in text:
        return "it offers no TLS, which the URL asks for", "Switch ssl on there, or write another sslmode"
    for part, reason, remedy in _BY_TEXT:
        if f"FATAL:  {part}" in text or (part.startswith("no password") and part in text):
            return reason, remedy
    return None
