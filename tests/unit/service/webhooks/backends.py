"""Backends without a network: what they answer is written by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rtserver.clock import Clock
from rtserver.errors import BackendError
from rtserver.server.interface.socket import Socket
from rtserver.server.manager import Manager
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.api.addresses import Addresses
from rtserver.service.webhooks.backend import Backend
from rtserver.service.webhooks.breaker import Breaker
from rtserver.service.webhooks.delivery import Delivery
from rtserver.service.webhooks.elsewhere import Elsewhere
from rtserver.service.webhooks.endpoint import Endpoint
from rtserver.service.webhooks.policy import Policy
from rtserver.service.webhooks.returning import NO_TOKENS, Tokens
from rtserver.service.webhooks.signing import Signer
from tests.unit.server.harness import FakeSession, Harness, ManualLoop, manual_clock, turns

__all__ = ["DOWN", "FAULT", "LOST", "FakeEndpoint", "Service", "deliver"]

DOWN = BackendError("backend_unavailable", "can't be reached", 0.0)
LOST = BackendError("backend_unavailable", "lost the connection")
FAULT = BackendError("backend_failed", "received the HTTP status 500")


class FakeEndpoint(Endpoint):
    """Takes requests, and answers each with the next outcome of a test; then with ``{}``.

    Attributes:
        outcomes: What comes next: an answer, or an error.
        requests: What was sent: its headers and what it says.
        go_on: While it is clear, no request is answered.
    """

    def __init__(self, *outcomes: Mapping[str, Any] | Exception) -> None:
        super().__init__("http://127.0.0.1/", 1)
        self.outcomes = list(outcomes)
        self.requests: list[tuple[Mapping[str, str], dict[str, Any]]] = []
        self.timeouts: list[float] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.requests]

    @property
    def said(self) -> list[tuple[Any, ...]]:
        """The type of each request, and what it is about."""
        return [
            (each["type"], *(each[key] for key in ("event", "args", "reason") if key in each))
            for _, each in self.requests
        ]

    async def post(self, body: bytes, headers: Mapping[str, str], timeout: float) -> bytes:  # noqa: ASYNC109
        self.requests.append((headers, orjson.loads(body)))
        self.timeouts.append(timeout)
        await self.go_on.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else {}
        if isinstance(outcome, Exception):
            raise outcome
        return orjson.dumps(outcome)


def deliver(endpoint: Endpoint, clock: Clock, **policy: Any) -> Delivery:
    """Make what sends requests to an endpoint; a breaker opens after three failures, for ten seconds."""
    return Delivery(endpoint, Signer([b"k" * 24]), Breaker(3, 10.0), Policy(**policy), lambda: clock)


class Service:
    """A server whose clients a backend decides about."""

    def __init__(
        self,
        *outcomes: Mapping[str, Any] | BackendError,
        headers: Sequence[str] = (),
        tells_ends: bool = True,
        max_rooms: int | None = None,
        recovery: ConnectionStateRecovery | None = None,
        tokens: Tokens = NO_TOKENS,
        manager: Manager | None = None,
        **policy: Any,
    ) -> None:
        self.loop: ManualLoop
        self.loop, self.clock = manual_clock()
        self.endpoint = FakeEndpoint(*outcomes)
        self.harness = Harness(manager=manager, clock=self.clock, max_rooms=max_rooms, recovery=recovery)
        self.sio = self.harness.sio
        self.delivery = deliver(self.endpoint, self.clock, **policy)
        self.backend = Backend(
            Addresses(self.sio, "user:{user}"),
            self.delivery,
            Policy(**policy),
            lambda: self.clock,
            headers=headers,
            tells_ends=tells_ends,
            tokens=tokens,
            elsewhere=None if manager is None else Elsewhere(self.sio),
        )

    async def connect(self, session: FakeSession | None = None) -> tuple[FakeSession, Any]:
        """Let a client connect. Returns it, with the answer that it got."""
        session = session or self.harness.session()
        session.receive("0")
        await turns(10)
        answer = session.sent.pop(0)
        assert isinstance(answer, str)
        return session, orjson.loads(answer[2:])

    async def socket(self) -> tuple[FakeSession, Socket]:
        """Let a client connect that is let in."""
        session, answer = await self.connect()
        return session, self.sio.socket(answer["sid"])
