"""Processes that tell their number to whoever connects, for tests/test_workers.py: `-m tests.crew PORT COUNT`."""

from __future__ import annotations

import os
import signal
import socket
import sys

from wallboard import workers


def main() -> None:
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))

    def serve() -> None:
        signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
        while True:
            accepted, _ = listening.accept()
            with accepted:
                accepted.sendall(b"%d %d" % (os.getppid(), os.getpid()))

    workers.run(int(sys.argv[2]), serve)


if __name__ == "__main__":
    main()
