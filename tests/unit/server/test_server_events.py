from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.server.server_events import ServerEvents
from tests.unit.server.harness import Harness, turns


async def test_the_handler_is_called_at_once_and_answers() -> None:
    events = ServerEvents(Harness().sio._hub)
    seen: list[Any] = []

    def plain(*args: Any) -> Any:
        seen.append(args)
        return args or None

    events.add("/", "event", plain)
    events.add("/", "one", lambda: [1, 2])
    answer = events.call("/", ["event", 1, 2])
    assert seen == [(1, 2)]
    assert answer is not None
    assert await answer == (1, 2)
    for event, expected in (("event", ()), ("one", ([1, 2],))):
        answer = events.call("/", [event])
        assert answer is not None
        assert await answer == expected


async def test_it_runs_to_its_end_whether_or_not_that_is_awaited() -> None:
    events = ServerEvents(Harness().sio._hub)
    ended: list[str] = []

    async def suspending() -> str:
        await asyncio.sleep(0)
        ended.append("ended")
        return "answer"

    events.add("/", "event", suspending)
    assert events.call("/", ["event"]) is not None
    await turns()
    assert ended == ["ended"]
    answer = events.call("/", ["event"])
    assert answer is not None
    assert await answer == ("answer",)


async def test_one_that_fails_gives_no_answer_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    hub = Harness().sio._hub
    events = ServerEvents(hub)

    async def broken() -> None:
        raise ValueError("broken")

    events.add("/chat", "event", broken)
    answer = events.call("/chat", ["event"])
    assert answer is not None
    assert await answer is None
    assert hub.counters.handler_errors == 1
    assert "'event', sent by another server, failed in namespace /chat" in caplog.text


async def test_events_belong_to_a_namespace_and_have_one_handler() -> None:
    events = ServerEvents(Harness().sio._hub)
    events.add("/chat", "event", lambda: "old")
    events.add("/chat", "event", lambda: "new")
    assert events.call("/", ["event"]) is None
    assert events.call("/chat", ["else"]) is None
    answer = events.call("/chat", ["event"])
    assert answer is not None
    assert await answer == ("new",)
