"""A function of ours called in a process of its own, at low priority; knows not what it does.

What reads a whole journal is pure Python: in a thread it would take the interpreter from the webhooks.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from wallboard.logs import set_up_apart

_ROOT = Path(__file__).resolve().parents[2]
_NICER = 10
P = ParamSpec("P")
T = TypeVar("T")


class ApartFailed(Exception):
    """The process came to no result; the text says why, as far as it could tell."""


def give_way(pid: int) -> None:
    """To everything else, and from its first moment: what a process imports takes it longer than much of its work."""
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function`, which stands in a module of ours, returns; blocking. ApartFailed."""
    command = [sys.executable, "-m", "wallboard.journal.apart"]
    question = pickle.dumps((function, args, kwargs))
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        give_way(process.pid)
        said, _ = process.communicate(question)
    if process.returncode:
        raise ApartFailed(said.decode("utf-8", "replace") or "it ended before its time")
    answer: T = pickle.loads(said)
    return answer


def main() -> None:
    """Reads the question from stdin and writes the answer to stdout, where nothing else may go meanwhile."""
    set_up_apart()
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        function, args, kwargs = pickle.load(sys.stdin.buffer)
        try:
            result = pickle.dumps(function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            answer.write(type(error).__name__.encode())
            raise SystemExit(1) from None
        answer.write(result)


if __name__ == "__main__":
    main()
