"""The JSON API, health and metrics over HTTP; a handler translates and does nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wallboard.access.rules import MACHINES, OPEN, Way
from wallboard.clock import Clock
from wallboard.front import Front
from wallboard.intake import Intake
from wallboard.journal import Journal
from wallboard.screens import Screens
from wallboard.settings import Settings
from wallboard.state import state

_NO_STORE = {"Cache-Control": "no-store"}


class Api:
    """Everything that machines read."""

    def __init__(
        self, settings: Settings, intake: Intake, journal: Journal, clock: Clock, screens: Screens, front: Front
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._intake = intake
        self._journal = journal
        self._screens = screens
        self._front = front

    def routes(self) -> Iterator[Way]:
        yield Way("/api/v1/state", self.state, "GET", MACHINES)
        yield Way("/healthz", self.healthz, "GET", OPEN)
        yield Way("/readyz", self.readyz, "GET", OPEN)
        yield Way("/metrics", self.metrics, "GET", MACHINES)

    async def state(self, request: Request) -> Response:
        """200 the whole board · 401 without an API token · 503 while replaying."""
        if not self._intake.ready:
            return JSONResponse({"error": "unavailable", "detail": "The journal is being replayed."}, 503)
        document = state(
            self._intake.board,
            self._clock.now(),
            sequence=self._journal.head,
            webhooks=self._intake.counts(),
            journal={
                "epoch": self._journal.epoch,
                "trouble": self._journal.trouble,
                "spooled": self._journal.spooled.events if self._journal.spooled else 0,
            },
            formula=self._settings.service_level_formula,
            recording_hosts=self._settings.recording_hosts,
            types=self._intake.arrivals.limit(),
        )
        return Response(msgspec.json.encode(document), media_type="application/json", headers=_NO_STORE)

    async def healthz(self, request: Request) -> Response:
        """200 as long as the process answers."""
        return JSONResponse({"status": "alive", "boot": self._screens.boot, "build": self._screens.build})

    async def readyz(self, request: Request) -> Response:
        """200 if the journal is replayed and can be written · 503 with the reason."""
        reason = self._journal.trouble
        if not self._intake.ready:
            reason = reason or "the journal is being replayed"
        elif self._intake.closing:
            reason = "the server is stopping"
        if reason is not None:
            return JSONResponse({"status": "not ready", "reason": reason}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "ready", "sequence": self._journal.head})

    async def metrics(self, request: Request) -> Response:
        """200 Prometheus text · 401 without an API token."""
        registry = CollectorRegistry()
        for name, count in self._intake.counts().items():
            Counter(f"wallboard_webhooks_{name}", f"Webhooks {name}", registry=registry).inc(count)
        Gauge("wallboard_viewers", "Open board streams", registry=registry).set(self._screens.viewers)
        Gauge("wallboard_calls", "Calls held in memory", registry=registry).set(len(self._intake.board.calls))
        Gauge("wallboard_tasks", "Running asyncio tasks", registry=registry).set(len(asyncio.all_tasks()))
        Gauge("wallboard_sequence", "Last journal entry applied", registry=registry).set(self._journal.head)
        Gauge("wallboard_spooled", "Webhooks that wait in the spool, not on the board yet", registry=registry).set(
            self._journal.spooled.events if self._journal.spooled else 0
        )
        Gauge("wallboard_ready", "1 if the journal is replayed and writable", registry=registry).set(
            self._intake.ready and self._journal.trouble is None
        )
        self._measure_start(registry)
        self._measure_front(registry)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    def _measure_start(self, registry: CollectorRegistry) -> None:
        start = self._intake.start
        if start is None:
            return
        for name, said, value in (
            ("snapshot", "The entry whose snapshot the start went on from, 0 if it folded everything", start.snapshot),
            ("tail", "Journal entries that the start folded", start.tail),
            ("seconds", "How long the start took", start.seconds),
        ):
            Gauge(f"wallboard_start_{name}", said, registry=registry).set(value)

    def _measure_front(self, registry: CollectorRegistry) -> None:
        front = self._front
        for name, said, value in (
            ("connections", "Open connections", len(front)),
            ("connections_at_most", "More are not kept open", front.most_connections),
            ("viewers_at_most", "More streams are not opened", front.most_viewers),
            ("viewers_stalled", "Viewers that have not taken all they were sent", front.stalled),
        ):
            Gauge(f"wallboard_{name}", said, registry=registry).set(value)
        for name, said, value in (
            ("viewers_dropped", "Viewers that ended without having taken all they were sent", front.dropped),
            ("streams_refused", "Streams not opened because too many were", front.refused),
            ("connections_evicted", "Connections closed because their place was needed", front.evicted),
            ("requests_late", "Requests or first bytes that did not come in time", front.late),
            ("requests_oversized", "Requests with too large a head", front.oversized),
        ):
            Counter(f"wallboard_{name}", said, registry=registry).inc(value)
