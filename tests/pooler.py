"""A real PgBouncer in front of the tests' PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.postgres import PASSWORD, USER, Postgres, as_another, free_port, give_away


@contextmanager
def pooling(postgres: Postgres, database: str, mode: str, folder: Path) -> Iterator[str]:
    """The URL of the database by way of a pooler in this mode."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    assert Path(program).exists(), "apt-get install pgbouncer"
    folder.mkdir()
    port, users, settings = free_port(), folder / "users", folder / "settings"
    users.write_text(f'"{USER}" "{PASSWORD}"\n')
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={postgres.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {users}\npool_mode = {mode}\n"
    )
    for path in (folder, users, settings):
        give_away(path)
    process = subprocess.Popen([*as_another(), program, "-q", str(settings)], stderr=subprocess.DEVNULL, cwd="/")
    url = database.replace(f":{postgres.port}/", f":{port}/")
    try:
        _answers(url)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "the pooler does not answer"
            time.sleep(0.05)
