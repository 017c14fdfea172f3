"""A second PostgreSQL that follows another one, whose commits wait for it; it can be promoted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.conftest import wait_until
from tests.postgres import PASSWORD, USER, Postgres, give_away

_NAME = "second"


class Standby(Postgres):
    """In a folder of its own; `primary` runs."""

    def __init__(self, folder: Path, primary: Postgres) -> None:
        super().__init__(folder, "wal_retrieve_retry_interval=200ms")
        self._primary = primary

    def make(self) -> None:
        give_away(self.folder)
        at = f"host=127.0.0.1 port={self._primary.port} user={USER} password={PASSWORD} application_name={_NAME}"
        self.run(
            "pg_basebackup", "--dbname", at, "--pgdata", str(self.data), "--write-recovery-conf", "--no-sync",
            "--checkpoint", "fast",
        )  # fmt: skip

    def is_waited_for(self) -> bool:
        return self._primary.do("SELECT sync_state FROM pg_stat_replication") == [("sync",)]

    def promote(self) -> None:
        """Returns when it can be written to."""
        assert self.do("SELECT pg_promote()") == [(True,)]


@contextmanager
def following(primary: Postgres) -> Iterator[Standby]:
    """While it lasts, no commit of the primary returns before the standby has it on its disk. The primary may be killed
    meanwhile, and runs afterwards, alone and as it was.
    """
    folder = Path(tempfile.mkdtemp(prefix="wallboard-standby-"))
    standby = Standby(folder, primary)
    try:
        standby.make()
        standby.start()
        primary.set(synchronous_standby_names=_NAME)
        wait_until(standby.is_waited_for, "the primary waits for it")
        yield standby
    finally:
        with suppress(psycopg.OperationalError):
            primary.set(synchronous_standby_names="")
        if standby.process is not None and standby.process.poll() is None:
            standby.kill()
        shutil.rmtree(folder, ignore_errors=True)
        if primary.process is not None and primary.process.poll() is not None:
            primary.start()
            primary.set(synchronous_standby_names="")
