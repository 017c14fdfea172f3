"""One page of a headless Chromium, by the remote debugging protocol as even Chromium 69 speaks it; knows no board.

Today's drivers ask for more than those old builds have; so this speaks to the page's own socket, in a few lines.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

STARTS_WITHIN_SECONDS = 20.0
ANSWERS_WITHIN_SECONDS = 30.0
FLAGS = ("--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--no-first-run", "--remote-debugging-port=0", "--hide-scrollbars",
         "--mute-audio")  # fmt: skip


class DevtoolsError(Exception):
    """The browser did not start, went away or refused a command."""


class Browser:
    """A browser process with one page of `width`×`height`, its profile in `folder`.

    `may_sound` lets the page sound before anybody has touched it.
    """

    def __init__(
        self, program: Path, folder: Path, *, libraries: Path | None = None, width: int = 1920, height: int = 1080,
        may_sound: bool = True,
    ) -> None:  # fmt: skip
        path = f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}" if libraries and libraries.is_dir() else ""
        environment = dict(os.environ) | ({"LD_LIBRARY_PATH": path} if path else {})
        autoplay = "no-user-gesture-required" if may_sound else "document-user-activation-required"
        own = (f"--autoplay-policy={autoplay}", f"--user-data-dir={folder}", f"--window-size={width},{height}")
        command = [str(program), *FLAGS, *own, "about:blank"]
        self._log = (folder.parent / f"{folder.name}.log").open("w+")
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=self._log)
        try:
            self.page = Page(self._address())
        except (DevtoolsError, OSError):
            self._stop()
            raise

    def _address(self) -> str:
        """The page's socket; the browser says on its standard error where it listens."""
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            said = Path(self._log.name).read_text(errors="replace")
            if "DevTools listening on ws://" in said:
                host = said.split("DevTools listening on ws://", 1)[1].split("/", 1)[0]
                targets = httpx.get(f"http://{host}/json").json()
                return next(str(one["webSocketDebuggerUrl"]) for one in targets if one["type"] == "page")
            time.sleep(0.1)
        raise DevtoolsError(f"the browser did not start: {Path(self._log.name).read_text(errors='replace')[-600:]}")

    def close(self) -> None:
        self.page.close()
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Page:
    """One page; `errors` are its exceptions and the errors in its console."""

    def __init__(self, address: str) -> None:
        self.errors: list[str] = []
        self._last = 0
        self._socket = _opened(address)
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def go(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a script's expression, None while there is no page to evaluate it on."""
        try:
            result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        except DevtoolsError:
            return None
        return result["result"].get("value")

    def wait_for(self, expression: str, within: float) -> float | None:
        """Seconds until the expression is true; None if it is not within `within` seconds."""
        started = time.monotonic()
        while time.monotonic() - started < within:
            if self.evaluate(expression):
                return time.monotonic() - started
            time.sleep(0.05)
        return None

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def ask(self, method: str, **params: Any) -> Any:
        self._last += 1
        _send(self._socket, json.dumps({"id": self._last, "method": method, "params": params}).encode())
        while True:
            message = json.loads(_received(self._socket))
            if message.get("id") == self._last:
                if "error" in message:
                    raise DevtoolsError(f"{method}: {message['error']['message']}")
                return message["result"]
            self._note(message)

    def close(self) -> None:
        self._socket.close()

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            details = event["params"]["exceptionDetails"]
            self.errors.append(str(details.get("exception", {}).get("description") or details["text"]))
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            entry = event["params"]["entry"]
            self.errors.append(f"{entry['text']} {entry.get('url', '')}")


def _opened(address: str) -> socket.socket:
    url = urlsplit(address)
    connection = socket.create_connection((url.hostname, url.port), ANSWERS_WITHIN_SECONDS)
    key = base64.b64encode(os.urandom(16)).decode()
    head = (f"GET {url.path} HTTP/1.1", f"Host: {url.netloc}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "")  # fmt: skip
    connection.sendall("\r\n".join(head).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += _exactly(connection, 1)
    if b" 101 " not in answer:
        raise DevtoolsError("the page's socket does not open")
    return connection


def _send(connection: socket.socket, text: bytes) -> None:
    """One text frame; a client's frames are masked, if only with noughts."""
    size = struct.pack("!BQ", 0x80 | 127, len(text))
    connection.sendall(b"\x81" + size + bytes(4) + text)


def _received(connection: socket.socket) -> bytes:
    """One whole message, of one frame or of several."""
    message = b""
    while True:
        head, short = _exactly(connection, 2)
        size = short & 127
        if size == 126:
            size = struct.unpack("!H", _exactly(connection, 2))[0]
        elif size == 127:
            size = struct.unpack("!Q", _exactly(connection, 8))[0]
        payload = _exactly(connection, size)
        if head & 15 == 8:
            raise DevtoolsError("the browser closed the page's socket")
        if head & 15 in (0, 1, 2):
            message += payload
        if head & 0x80 and head & 15 < 8:
            return message


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise DevtoolsError("the browser went away")
        data += chunk
    return data
