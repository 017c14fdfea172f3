"""The whole board as the values of `GET /api/v1/state` (interface.md); knows no HTTP and no HTML."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from wallboard import figures
from wallboard.agents import Agent
from wallboard.board import Board
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.ledger import TRIGGERS, Ledger
from wallboard.limits import Limit
from wallboard.offers import Offer
from wallboard.recordings import playable
from wallboard.settings import Formula
from wallboard.standing import Standing
from wallboard.totals import AgentSums, Day, VisitSums
from wallboard.usual import Health

ENDED_CALLS = 200


def state(
    board: Board,
    now: datetime,
    *,
    sequence: int,
    webhooks: dict[str, Any],
    journal: dict[str, Any],
    formula: Formula,
    recording_hosts: tuple[str, ...] = (),
    types: Limit | None = None,
) -> dict[str, Any]:
    """The document of interface.md. Instants carry the board's offset; durations are seconds.

    A recording is told only where it lies at one of `recording_hosts`. `limits` says by kind how many names are told
    apart and how often another came today; `types` is the intake's.
    """
    board.settle(now)
    zone = board.rules.zone
    today = board.rules.day_of(now)
    day = board.day(today)
    limits: list[tuple[str, Limit | None]] = [*board.limits(today).items(), ("types", types)]

    def iso(moment: datetime | None) -> str | None:
        return moment.astimezone(zone).isoformat(timespec="milliseconds") if moment else None

    live = board.live_calls()
    new = board.new_voicemails()
    standing = board.standing
    presumed = [call for call in board.presumed_calls()[:ENDED_CALLS] if board.rules.day_of(call.started_at) == today]
    ended = sorted(
        [*presumed, *board.ended_calls(today, ENDED_CALLS)],
        key=lambda call: call.ended_at or call.last_received_at,
        reverse=True,
    )[:ENDED_CALLS]

    in_time = board.rules.thresholds.service_level_ms // 1000

    def level(sums: VisitSums) -> float | None:
        return figures.service_level(sums, formula, in_time)

    def places(kind: str) -> list[dict[str, Any]]:
        names = sorted({p.name for p in (*board.places, *day.visits, *standing) if p.kind == kind}, key=str.casefold)
        return [_place(Place(kind, name), day, standing, level, iso) for name in names]  # type: ignore[arg-type]

    return {
        "as_of": iso(now),
        "day": today.isoformat(),
        "time_zone": str(zone),
        "sequence": sequence,
        "totals": {
            "inbound": {
                "offered": day.offered,
                "answered": day.answered,
                "missed": day.missed,
                "open": day.open,
                "presumed_ended": day.presumed_ended,
            },
            "outbound": {"placed": day.placed, "answered": day.placed_answered},
            "voicemails": {"today": day.voicemails.total(), "new": new.total()},
        },
        "calls": [_call(board, call, iso, recording_hosts) for call in (*live, *ended)],
        "agents": [
            _agent(board, agent, day.agents.get(agent.key), iso)
            for agent in sorted(board.agents.values(), key=lambda agent: agent.key)
        ],
        "queues": places("queue"),
        "ring_groups": places("ring_group"),
        "voicemail_boxes": [
            {"number": box, "today": day.voicemails[box], "new": new[box]}
            for box in sorted({*day.voicemails, *new}, key=lambda box: box or "")
        ],
        "callbacks": {"open": board.callers.open()},
        "components": [{"name": name, "today": n} for name, n in sorted(day.components.items()) if n],
        "limits": {name: {"most": limit.most, "beyond": limit.beyond} for name, limit in limits if limit},
        "webhooks": {"last_event_at": iso(board.last_event_at), **webhooks},
        "journal": {**journal, "lost_today": sum(day.losses), "mended_today": len(day.losses)},
        "ledger": _ledger(board.book.ledger(today, now), day.presumed_ended),
        "pbx": {"last_event_at": iso(board.last_event_at), **_pbx(board.pbx.health(board.last_event_at, now))},
    }


_Iso = Callable[[datetime | None], str | None]
_Level = Callable[[VisitSums], float | None]


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _offer(call: Call, offer: Offer, presumed: bool) -> dict[str, Any]:
    offer_state = "ended" if presumed else call.offer_state(offer)
    return {"agent": offer.agent, "state": offer_state, "result": call.result(offer)}


def _named(call: Call, kind: str) -> str | None:
    """The queue or ring group to show: where the call was answered, else where it stands, else the last."""
    visits = [place for place in call.visits if place.kind == kind]
    answered = [place for place in visits if call.is_answered(place)]
    standing = [place for place in visits if place in call.standing]
    best = answered or standing or visits
    return best[-1].name if best else None


def _call(board: Board, call: Call, iso: _Iso, hosts: tuple[str, ...]) -> dict[str, Any]:
    presumed = board.is_presumed(call)
    current = "ended" if presumed else call.state()
    over = current == "ended" and not presumed
    return {
        "id": call.id,
        "direction": "inbound" if call.is_inbound else "outbound",
        "state": current,
        "outcome": call.outcome() if over else None,
        "caller_number": call.caller_number,
        "caller_name": call.caller_name,
        "dialled_number": call.dialled_number,
        "queue": _named(call, "queue"),
        "ring_group": _named(call, "ring_group"),
        "offers": [_offer(call, offer, presumed) for offer in call.offers.values()],
        "started_at": iso(call.started_at),
        "answered_at": iso(call.answered_at),
        "ended_at": iso(call.ended_at),
        "talk_seconds": _seconds(call.talk_ms),
        "voicemail": bool(call.voicemails),
        "recording": playable(call.recording, hosts),
        "presumed_ended": presumed,
    }


def _agent(board: Board, agent: Agent, today: AgentSums | None, iso: _Iso) -> dict[str, Any]:
    sums = today or AgentSums()
    return {
        "number": agent.key,
        "name": agent.name,
        "state": agent.state,
        "since": iso(agent.since),
        "calls": [board.calls[key].id for key in agent.calls],
        "today": {
            "answered": sums.answered,
            "missed": sums.missed,
            "outbound": sums.outbound,
            "talk_seconds": sums.talk_ms / 1000,
        },
    }


def _place(place: Place, day: Day, standing: dict[Place, Standing], level: _Level, iso: _Iso) -> dict[str, Any]:
    now = standing.get(place, Standing())
    return {
        "name": place.name,
        "waiting": now.waiting,
        "ringing": now.ringing,
        "talking": now.talking,
        "longest_wait_since": iso(now.longest_wait_since),
        "today": _visit_figures(day.visits.get(place) or VisitSums(), level),
    }


def _visit_figures(sums: VisitSums, level: _Level) -> dict[str, Any]:
    return {
        "offered": sums.offered,
        "answered": sums.answered,
        "abandoned": sums.abandoned,
        "unanswered": sums.unanswered,
        "open": sums.open,
        "short_abandoned": sums.short_abandoned,
        "service_level": level(sums),
        "abandon_rate": figures.abandon_rate(sums),
        "average_speed_of_answer": figures.average_speed_of_answer(sums),
        "average_handle_time": figures.average_handle_time(sums),
        "longest_wait_today": figures.longest_wait_today(sums),
    }


def _ledger(sums: Ledger, presumed_ended: int) -> dict[str, Any]:
    return {
        "calls_complete": sums.calls_complete,
        "calls_incomplete": sums.calls_incomplete,
        "calls_without_end": sums.calls_without_end,
        "summaries_without_offers": sums.summaries_without_offers,
        "offers_without_answer": sums.offers_without_answer,
        "offers_without_completion": sums.offers_without_completion,
        "duplicates": sums.duplicates,
        "presumed_ended": presumed_ended,
        "triggers": [
            {"type": name, "expected": sums.expected[name], "missing": sums.missing[name]} for name in TRIGGERS
        ],
    }


def _pbx(health: Health) -> dict[str, Any]:
    return {
        "state": health.state,
        "expected_events": _rounded(health.expected_events),
        "clock_offset_seconds": _rounded(health.clock_offset_seconds),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
