"""A real PostgreSQL in a folder of its own, with fsync on, that can be stopped, killed and started again.

PostgreSQL refuses to run as root, so root's tests start it as another system user.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path
from typing import Any

import psycopg

USER, PASSWORD = "postgres", "not-a-secret"
_PLAIN = (
    "fsync=on", "listen_addresses=127.0.0.1", "max_connections=60", "shared_buffers=16MB", "autovacuum_naptime=5min",
    "log_min_messages=error", "wal_level=replica", "max_wal_size=256MB",
)  # fmt: skip
_PATIENCE_SECONDS = 30


class Postgres:
    """One server on `port`; `settings` are written as postgresql.conf has them."""

    def __init__(self, folder: Path, *settings: str, port: int | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = (*_PLAIN, *settings)
        self._environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

    def make(self) -> None:
        """A cluster with nothing in it, whose superuser is `USER`."""
        give_away(self.folder)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        give_away(secret)
        self.run(
            "initdb", "--no-sync", "--username", USER, "--pwfile", str(secret), "--auth", "scram-sha-256",
            "--encoding", "UTF8", "--locale", "C", "--pgdata", str(self.data),
        )  # fmt: skip

    def start(self, wrapper: Sequence[str] = (), **environment: str) -> None:
        self.begin(wrapper, **environment)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self.answers():
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)

    def begin(self, wrapper: Sequence[str] = (), **environment: str) -> None:
        """Starts it without waiting for it, by way of a command `wrapper`. `environment` is the server's alone."""
        settings = [word for setting in self._settings for word in ("-c", setting)]
        command = [_program("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.folder), *settings]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, *as_another(), *command], stdout=log, stderr=log, cwd="/", stdin=subprocess.DEVNULL,
                env=self._environment | environment, start_new_session=True,
            )  # fmt: skip

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """In an orderly way, and at once: whoever is connected is told so."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a machine that loses its power, but for what the kernel holds."""
        assert self.process is not None
        number = self.process.pid
        every = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        for each in (number, *map(int, every)):  # its servers are in sessions of their own
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.process.wait(_PATIENCE_SECONDS)

    def restart(self) -> None:
        self.stop()
        self.start()

    def set(self, **settings: str) -> None:
        """Changes settings of the running server, such as `default_transaction_read_only="on"`."""
        anyway = "-c default_transaction_read_only=off"
        with psycopg.connect(self.url("postgres"), autocommit=True, options=anyway) as to:
            for name, value in settings.items():
                to.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            to.execute("SELECT pg_reload_conf()")

    def url(self, database: str, user: str = USER, password: str = PASSWORD, scheme: str = "postgres") -> str:
        return f"{scheme}://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, tablespace: str = "pg_default") -> str:
        """The URL of a database with nothing in it."""
        name = f"wallboard_{secrets.token_hex(6)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE template0 TABLESPACE {tablespace}")
        return self.url(name)

    def do(self, statement: str, *parameters: object, database: str = "postgres") -> list[Any]:
        """What one statement of the superuser returns."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            done = connection.execute(statement.encode(), parameters or None)
            return done.fetchall() if done.description else []

    def kill_backends(self, url: str) -> int:
        """Ends all connections to a database as an operator would; how many there were."""
        name = url.rpartition("/")[2]
        ask = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        return len(self.do(ask, name))

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(_PATIENCE_SECONDS)

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs, to its end."""
        command = [*as_another(), _program(program), *arguments]
        done = subprocess.run(command, capture_output=True, cwd="/", check=False, env=self._environment)
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running(*settings: str) -> Iterator[Postgres]:
    """A PostgreSQL that is gone afterwards, with all that it held."""
    folder = Path(tempfile.mkdtemp(prefix="wallboard-postgres-"))
    server = Postgres(folder, *settings)
    try:
        server.make()
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    """Where PostgreSQL's program is: on the PATH, or where Debian and Ubuntu keep each version's."""
    newest = sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]), reverse=True)
    found = shutil.which(name) or next(iter(newest), None)
    assert found, f"no {name}: apt-get install postgresql"
    return found


def as_another() -> Sequence[str]:
    """What is put before a command that root must not run, and that must not outlive us."""
    mortal = ("setpriv", "--pdeathsig=KILL") if shutil.which("setpriv") else ()
    if os.geteuid() != 0:
        return mortal
    user = _another()
    return (*mortal, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--inh-caps=-all")


def _another() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("there is no system user named postgres or nobody")


def give_away(path: Path) -> None:
    """Lets PostgreSQL own it."""
    if os.geteuid() == 0:
        user = _another()
        os.chown(path, user.pw_uid, user.pw_gid)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
