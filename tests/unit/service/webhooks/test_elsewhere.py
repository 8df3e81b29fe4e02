from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from rtserver.cluster.clustered import ClusterManager
from rtserver.server.recovery.options import ConnectionStateRecovery
from tests.support.bus import Exchange, LoopBus
from tests.unit.server.harness import FakeSession, turns

from .backends import DOWN, FAULT, Service

TURNS = 40  # a session crosses from one server to the other meanwhile


class Two:
    """Two processes, whose clients come back to either."""

    def __init__(self) -> None:
        exchange = Exchange()
        self.first, self.second = (
            Service(
                manager=ClusterManager(LoopBus(exchange, uid)),
                recovery=ConnectionStateRecovery(skip_middlewares=False),
                retries=0,
            )
            for uid in ("first", "second")
        )
        for each in (self.first, self.second):
            each.sio.use(each.backend.admit)

    async def come(self, service: Service, pid: str | None = None) -> tuple[FakeSession, dict[str, Any]]:
        """Let a client connect. Returns it, and what it is told."""
        session = service.harness.session()
        session.receive("0" + orjson.dumps({} if pid is None else {"pid": pid}).decode())
        await turns(TURNS)
        answer: dict[str, Any] = orjson.loads(str(session.take()[0])[2:])
        return session, answer

    async def later(self) -> None:
        for each in (self.first, self.second):
            each.loop.advance(60)
        await turns(TURNS)


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    two = Two()
    for each in (two.first, two.second):
        await each.sio.start()
    yield two
    for each in (two.first, two.second):
        await each.sio.shutdown()


@pytest.mark.parametrize("outcome", [{}, DOWN, {"refuse": {"message": "no"}}])
async def test_one_that_is_back_elsewhere_isn_t_gone(two: Two, outcome: Any) -> None:
    two.first.endpoint.outcomes = [{}, FAULT]
    two.second.endpoint.outcomes = [outcome]
    session, first = await two.come(two.first)
    session.close("transport close")
    await turns(TURNS)
    assert two.first.backend.counters.queued == 1
    _, second = await two.come(two.second, first["pid"])
    assert (second.get("sid") == first["sid"]) is (outcome == {})
    assert two.first.backend.counters.queued == 0
    await two.later()
    assert [each[0] for each in two.first.endpoint.said] == ["connect", "disconnect"]
    ended = [] if outcome == {} else ["disconnect"]  # by the process that didn't let it in
    assert [each[0] for each in two.second.endpoint.said] == ["connect", *ended]
