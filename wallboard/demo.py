"""What the demo adds to a server: a simulated call centre in a process of its own, and the addresses to open."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from urllib.request import urlopen

import click

from wallboard import simulator


def addresses_of(url: str, api_token: str) -> str:
    return (
        f"\n  The wallboard   {url}/boards/main"
        f"\n  The desk        {url}/supervisor"
        f"\n  The setup page  {url}/setup"
        f"\n  The state       curl -H 'Authorization: Bearer {api_token}' {url}/api/v1/state"
        "\n\nA simulated call centre posts its webhooks to it. No login: only this machine can look. Ctrl+C ends it.\n"
    )


class Feeding:
    """Starts the simulator in a process of its own once the board answers."""

    def __init__(self, command: list[str], secrets_of_it: dict[str, str], url: str, addresses: str) -> None:
        self._command = command
        self._environment = os.environ | secrets_of_it  # not in the arguments, which everybody on the machine can read
        self._url = url
        self._addresses = addresses
        self._process: subprocess.Popen[str] | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._start_when_ready, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _start_when_ready(self) -> None:
        while not self._ended.is_set() and not self._answers():
            time.sleep(0.1)
        self._process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # Before this the day so far is being posted, which is no sight to open the board on.
            if line.startswith(simulator.OPEN):
                click.echo(self._addresses)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self._url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
