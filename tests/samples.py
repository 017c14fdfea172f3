"""Bodies as the PBX sends them, one function an event, with today's times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Body = dict[str, Any]
START = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def at(seconds: float, start: datetime = START) -> str:
    """`seconds` after the start, as the PBX writes it."""
    return (start + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def body(type: str, call: str = "1001", **fields: Any) -> Body:
    common = {
        "type": type,
        "unique_call_id": call,
        "caller_id": "+61290000001",
        "caller_name": "ACME Pty Ltd",
        "dest_number": "+61380000000",
        "call_start_at": at(0),
    }
    return common | fields


def rang(agent: str = "1002", call: str = "1001", queue: str | None = "Sales", **fields: Any) -> Body:
    return body("user_inbound", call, user_number=agent, user_name=f"Agent {agent}", queue_name=queue, **fields)


def answered(
    agent: str = "1002", call: str = "1001", after: float = 14, queue: str | None = "Sales", **fields: Any
) -> Body:
    return rang(agent, call, queue, **fields) | {"type": "user_inbound_answered", "connected_at": at(after)}


def completed(agent: str = "1002", call: str = "1001", after: float | None = 14, lasted: float = 201,
              talk: float = 187, queue: str | None = "Sales", **fields: Any) -> Body:  # fmt: skip
    return rang(agent, call, queue, **fields) | {
        "type": "user_inbound_completed",
        "connected_at": "null" if after is None else at(after),
        "call_duration": lasted,
        "conversation_duration": str(talk),
    }


def missed(agent: str = "1001", call: str = "1001", lasted: float = 12, queue: str | None = "Sales") -> Body:
    return completed(agent, call, after=None, lasted=lasted, talk=0, queue=queue)


def summary(call: str = "1001", status: str | None = "answered", agent: str | None = "1002", after: float | None = 14,
            lasted: float = 201, talk: float = 187, queue: str = "Sales", **fields: Any) -> Body:  # fmt: skip
    return body("queue_call", call, queue_name=queue, status=status, user_number=agent,
                connected_at=None if after is None else at(after), call_duration=lasted,
                conversation_duration=talk, **fields)  # fmt: skip


def abandoned(call: str = "1001", lasted: float = 21, queue: str = "Sales") -> Body:
    return summary(call, "abandoned", None, None, lasted, 0, queue)


def answered_call(call: str = "1001", agent: str = "1002") -> list[Body]:
    """A call in the queue Sales: answered after 14 s, 187 s of talk."""
    return [rang(agent, call), answered(agent, call), completed(agent, call), summary(call, agent=agent)]
