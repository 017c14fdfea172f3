"""A server that is told with each request who asks: for what each of them may see, signing in aside.

    python -m tests.visited serve
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request

from wallboard import application
from wallboard.__main__ import main
from wallboard.access.gate import Gate
from wallboard.access.visitors import Role, Visitor

HEADER = "x-visitor"


def told(role: Role, *boards: str) -> dict[str, str]:
    """The header of a request by somebody of this role who is limited to these boards, or to none."""
    visitor = Visitor(role=role, key="told", name="Robin", boards=frozenset(boards) if boards else None)
    return {HEADER: msgspec.json.encode(visitor).decode()}


class ToldGate(Gate):
    """Believes what it is told."""

    def visitor(self, request: Request) -> Visitor:
        said = request.headers.get(HEADER)
        return msgspec.json.decode(said, type=Visitor) if said else super().visitor(request)


if __name__ == "__main__":
    vars(application)["Gate"] = ToldGate
    main(prog_name="python -m tests.visited")
