"""TLS in front of a server on loopback, as a proxy on the internet would be; knows nothing of the board.

A television keeps the key of its pairing only where the connection is safe. The certificate is made anew each time.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

_PIECE = 64 * 1024
_FORWARDED = b"\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"


class Tls:
    """Listens on a free port until it is closed, and tells the server that its requests come from elsewhere."""

    def __init__(self, server: str, folder: Path) -> None:
        self._server = urlsplit(server)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*_certificate(folder))
        self._loop = asyncio.new_event_loop()
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._opened.wait(10)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        listening = self._loop.run_until_complete(
            asyncio.start_server(self._forward, "127.0.0.1", 0, ssl=self._context)
        )
        self._port: int = listening.sockets[0].getsockname()[1]
        self._opened.set()
        self._loop.run_forever()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner = await asyncio.open_connection(self._server.hostname, self._server.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass(reader, inner[1], is_request=True), _pass(inner[0], writer, is_request=False))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece.replace(b"\r\n", _FORWARDED, 1) if is_request and _begins(piece) else piece)
            await writer.drain()
    except OSError:
        pass
    writer.close()


def _begins(piece: bytes) -> bool:
    return piece.partition(b"\r\n")[0].endswith(b" HTTP/1.1")


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "tls.pem", folder / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
