"""uvicorn's server with its own way of letting connections in; knows nothing of what they say.

libuv accepts one connection in a turn of the loop and, once descriptors have run out, turns away everybody
who waits. Here some dozens are let in at a time, so that the PBX's new connection does not stand in line for
seconds behind thousands of viewers, and without a descriptor the others wait until there is one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn

_ADMITTED_A_TURN = 16
_BREATH_SECONDS = 0.05


class Server(uvicorn.Server):
    """Serves the sockets it is run with, and none of its own. `ended` is called when it has let go of them.

    After that uvicorn raises the signal that stopped it anew, so whoever ran it may never be returned to.
    """

    def __init__(self, config: uvicorn.Config, ended: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._ended = ended

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self._arriving: set[asyncio.Task[object]] = set()
        for listening in sockets or []:
            listening.setblocking(False)
            listening.listen(self.config.backlog)
            self._listen(listening)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in sockets or []:
            asyncio.get_running_loop().remove_reader(listening)
        await super().shutdown(sockets)
        self._ended()

    def _listen(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:  # not closed meanwhile
            asyncio.get_running_loop().add_reader(listening, self._admit, listening)

    def _admit(self, listening: socket.socket) -> None:
        try:
            for _ in range(_ADMITTED_A_TURN):
                self._welcome(listening.accept()[0], self._operators if _is_door(listening) else self._protocol)
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            # No descriptor or no memory for one more: asking again at once would only keep the loop busy.
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(_BREATH_SECONDS, self._listen, listening)

    def _welcome(self, accepted: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(protocol, accepted))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _operators(self) -> asyncio.Protocol:
        protocol = self._protocol()
        protocol.is_operators = True  # type: ignore[attr-defined]
        return protocol


def _is_door(listening: socket.socket) -> bool:
    """The operator's door is the only socket that is a file."""
    return listening.family == socket.AF_UNIX
