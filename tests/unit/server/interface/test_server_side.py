from __future__ import annotations

from typing import Any

import pytest

from rtserver.server.answers import Answers
from tests.unit.server.harness import Harness
from tests.unit.server.interface.cluster import ClusterManager


async def test_other_servers_are_reached_through_the_manager() -> None:
    manager = ClusterManager(answers=Answers(["pong"], silent=["deaf"]))
    sio = Harness(manager=manager).sio
    await sio.server_side_emit("ping", 1, 2)
    await sio.of("/chat").server_side_emit("ping")
    answers = await sio.of("/chat").server_side_emit_with_ack("ping", 3, timeout=2)
    assert (list(answers), answers.silent, answers.complete) == (["pong"], ("deaf",), False)
    await sio.server_side_emit_with_ack("ping")
    assert manager.asked == [
        ("server_side_emit", "/", ["ping", 1, 2]),
        ("server_side_emit", "/chat", ["ping"]),
        ("server_side_ask", "/chat", ["ping", 3], 2),
        ("server_side_ask", "/", ["ping"], 5.0),
    ]
    with pytest.raises(ValueError, match="disconnect"):
        await sio.server_side_emit("disconnect")


async def test_a_server_that_is_alone_reaches_nobody_not_even_itself() -> None:
    sio = Harness().sio
    seen: list[Any] = []
    sio.on_server_event("ping", seen.append)
    await sio.server_side_emit("ping", 1)
    answers = await sio.server_side_emit_with_ack("ping", 1)
    assert (answers, answers.complete, seen) == ([], True, [])


async def test_what_another_server_emits_reaches_the_handler_of_its_namespace() -> None:
    sio = Harness().sio

    @sio.on_server_event("ping")
    async def ping(number: int) -> int:
        return number + 1

    sio.of("/chat").on_server_event("ping", lambda number: number - 1)
    for namespace, expected in (("/", 2), ("/chat", 0)):
        answer = sio._local.server_side(namespace, ["ping", 1])
        assert answer is not None
        assert await answer == (expected,)
    assert await ping(1) == 2
