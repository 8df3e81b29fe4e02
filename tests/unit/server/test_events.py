"""The long way of an event gives what the short way gives.

What only the long way does has tests of its own: `interface/test_socket_hooks.py`, and
`delivery/test_duplicates.py`, and those of serial handlers in `test_dispatch.py`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from rtserver.server.reasons import Reason
from tests.unit.server.harness import Harness, turns

EVENTS = [
    '21["plain",1,"two"]',
    '2["plain"]',
    '22["several"]',
    '23["nothing"]',
    '24["suspends",{"a":[]}]',
    '2["suspends",0]',
    '25["fails"]',
    '26["fails late"]',
    '27["cannot be sent"]',
    '28["cancels itself"]',
    '29["picture"]',
    '210["unknown"]',
    '211["every",1]',
    '212["call back"]',
    '31["answer"]',
    '31["late"]',
    '213["plain",2]',
]


async def seen(careful: bool, caplog: pytest.LogCaptureFixture) -> tuple[Any, ...]:
    """Let a client send all of them, and return what came of it."""
    harness = Harness()
    sio = harness.sio
    called: list[Any] = []

    @sio.on("plain")
    def plain(sid: str, *args: Any) -> Any:
        called.append(args)
        return args[0] if args else None

    @sio.on("suspends")
    async def suspends(sid: str, value: Any) -> Any:
        await asyncio.sleep(0)
        called.append(value)
        return value

    @sio.on("fails late")
    async def fails_late(sid: str) -> None:
        await asyncio.sleep(0)
        raise ValueError("late")

    @sio.on("cancels itself")
    async def cancels_itself(sid: str) -> None:
        raise asyncio.CancelledError

    @sio.on("call back")
    async def call_back(sid: str) -> None:
        await sio.emit("question", to=sid, callback=called.append)

    sio.on("several", lambda sid: (1, [2]))
    sio.on("nothing", lambda sid: None)
    sio.on("fails", lambda sid: 1 / 0)
    sio.on("cannot be sent", lambda sid: object())
    sio.on("picture", lambda sid: b"\x00")
    session = harness.session()
    sid = session.join()
    session.context.careful = careful
    caplog.clear()
    for _ in range(2):  # the short way begins when a handler is known
        session.receive(*EVENTS)
        await turns()
    counters = sio.counters
    return (
        session.take(),
        called,
        [record.getMessage().replace(sid, "SID") for record in caplog.records],
        (counters.handler_errors, counters.unhandled_events, counters.unknown_acks),
    )


async def test_the_long_way_gives_what_the_short_way_gives(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    short = await seen(False, caplog)
    assert await seen(True, caplog) == short
    sent, called, logged, counted = short
    assert (len(sent), len(called), len(logged)) == (18, 11, 6)
    assert counted == (6, 4, 3)


@pytest.mark.parametrize("careful", [False, True])
async def test_a_reserved_name_is_a_violation(careful: bool) -> None:
    harness = Harness()
    session = harness.session()
    session.join()
    session.context.careful = careful
    session.receive('2["disconnect"]')
    assert session.closed_for == Reason.PARSE_ERROR
