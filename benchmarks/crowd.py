"""Viewers in a process of their own: raw sockets and one epoll, which count and note when what was there; show nothing.

A frame is there when its last byte is. Of each frame only the mark is looked at, a number that grows with every change:
the sequence in our event ids, `mark:` in the peers' data.
"""

from __future__ import annotations

import gc
import multiprocessing
import select
import socket
import time
from array import array
from multiprocessing.connection import Connection
from typing import Any, cast

import msgspec

from benchmarks import machine

END = b"\n\n"
BUFFER = 256 * 1024
AT_A_TIME = 64
PATIENCE_SECONDS = 20.0


class Watch(msgspec.Struct, frozen=True):
    """Where to look, and how to know a frame. `mark` stands before the number, `after` it."""

    port: int
    request: bytes
    mark: bytes
    after: bytes


class Seen(msgspec.Struct):
    """What the viewers have got since the last `reset`; of each read the number before and after it, and when."""

    before: array[int]
    after: array[int]
    frames: array[int]
    at: array[float]
    last: list[int]
    received: int
    closed: int


class Crowd:
    """The viewers, seen from the process that posts."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_live, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def open(self, watch: Watch, count: int, stalled: int = 0) -> None:
        """Returns when all have got the first bytes of their streams; `stalled` ones never read."""
        self._ask(("open", watch, count, stalled))

    def reset(self) -> None:
        self._ask(("reset",))

    def slowest(self) -> int:
        """The number up to which every viewer has seen all."""
        return int(self._ask(("slowest",)))

    def seen(self) -> Seen:
        return cast(Seen, self._ask(("seen",)))

    def close(self) -> None:
        self._pipe.send(("quit",))
        self._process.join(10)

    def _ask(self, what: tuple[Any, ...]) -> Any:
        self._pipe.send(what)
        if not self._pipe.poll(60):
            raise SystemExit(f"the viewers do not answer: {what[0]}")
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Viewer:
    __slots__ = ("held", "number", "opened", "socket")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.held = b""
        self.number = 0
        self.opened = False


class _Room:
    """All viewers of this process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._viewers: dict[int, _Viewer] = {}
        self._stalled: list[socket.socket] = []
        self._buffer = bytearray(BUFFER)
        self._mark = self._after = b""
        self._closed = 0
        self.reset()

    def reset(self) -> None:
        self._noted = array("q"), array("q"), array("q"), array("d")
        self._received = 0

    def run(self) -> None:
        while True:
            for descriptor, _ in self._epoll.poll():
                viewer = self._viewers.get(descriptor)
                if viewer is not None:
                    self._read(viewer)
                    continue
                what = self._pipe.recv()
                if what[0] == "quit":
                    return
                try:
                    self._pipe.send(self._answer(what))
                except Exception as error:  # noqa: BLE001 - told to whoever asked
                    self._pipe.send(error)

    def _answer(self, what: tuple[Any, ...]) -> object:
        match what[0]:
            case "open":
                self._open(*what[1:])
                return None
            case "reset":
                self.reset()
                return None
            case "slowest":
                return min((viewer.number for viewer in self._viewers.values()), default=0)
        last = [viewer.number for viewer in self._viewers.values()]
        return Seen(*self._noted, last, self._received, self._closed)

    def _open(self, watch: Watch, count: int, stalled: int) -> None:
        self._mark, self._after = watch.mark, watch.after
        for done in range(0, count, AT_A_TIME):
            fresh = [self._enter(watch) for _ in range(min(AT_A_TIME, count - done))]
            self._wait_for(fresh)
        for _ in range(stalled):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", watch.port))
            one.sendall(watch.request)
            self._stalled.append(one)
        gc.freeze()

    def _enter(self, watch: Watch) -> _Viewer:
        opened = socket.create_connection(("127.0.0.1", watch.port), timeout=PATIENCE_SECONDS)
        opened.sendall(watch.request)
        opened.setblocking(False)
        viewer = self._viewers[opened.fileno()] = _Viewer(opened)
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        return viewer

    def _wait_for(self, fresh: list[_Viewer]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not all(viewer.opened for viewer in fresh):
            if time.monotonic() > until:
                raise TimeoutError("a viewer got no first byte")
            for descriptor, _ in self._epoll.poll(1):
                if descriptor in self._viewers:
                    self._read(self._viewers[descriptor])

    def _read(self, viewer: _Viewer) -> None:
        buffer = self._buffer
        try:
            size = viewer.socket.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._leave(viewer)
            return
        self._received += size
        if not viewer.opened:
            if not buffer.startswith(b"HTTP/1.1 200"):
                raise ValueError(bytes(buffer[:60]))
            viewer.opened = True
        if viewer.held or buffer.rfind(END, max(0, size - 4), size) < 0:
            self._read_on(viewer, viewer.held + bytes(buffer[:size]))
            return
        self._note(viewer, buffer, size)

    def _read_on(self, viewer: _Viewer, held: bytes) -> None:
        """What did not end with a frame's end."""
        end = held.rfind(END)
        if end >= 0:
            self._note(viewer, held, end)
        rest = held[end + len(END) :] if end >= 0 else held
        viewer.held = rest if len(rest) > len(b"\r\n") else b""

    def _note(self, viewer: _Viewer, data: bytes | bytearray, size: int) -> None:
        frames = data.count(self._mark, 0, size)
        if not frames:
            return
        at = data.rfind(self._mark, 0, size) + len(self._mark)
        number = int(data[at : data.find(self._after, at)])
        before, after, many, when = self._noted
        before.append(viewer.number)
        after.append(number)
        many.append(frames)
        when.append(time.monotonic())
        viewer.number = number

    def _leave(self, viewer: _Viewer) -> None:
        self._epoll.unregister(viewer.socket.fileno())
        self._viewers.pop(viewer.socket.fileno())
        viewer.socket.close()
        self._closed += 1


def _live(pipe: Connection) -> None:
    machine.raise_limit()
    _Room(pipe).run()
