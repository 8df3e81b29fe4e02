from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver import Server
from rtserver.testing import TestClient
from rtserver.testing.connection import Connection
from rtserver.testing.events import Event
from rtserver.testing.handlers import Handlers


@pytest.fixture
def connection() -> Connection:
    return TestClient(Server())._connection


def test_the_handler_of_an_event_is_called(connection: Connection) -> None:
    handlers = Handlers(connection)
    answers: list[Any] = []
    handlers.add("add", lambda a, b: a + b)
    assert not handlers.handle(Event("other", ()), answers.append)
    assert handlers.handle(Event("add", (1, 2)), answers.append)
    assert answers == [3]


async def test_an_async_handler_answers_later(connection: Connection) -> None:
    handlers = Handlers(connection)
    answers: list[Any] = []

    async def later() -> str:
        await asyncio.sleep(0)
        return "late"

    handlers.add("later", later)
    assert handlers.handle(Event("later", ()), answers.append)
    assert answers == []
    await connection.settle()
    assert answers == ["late"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_what_it_raises_is_kept(connection: Connection, is_async: bool) -> None:
    handlers = Handlers(connection)

    def fails() -> None:
        raise ValueError("no")

    async def fails_later() -> None:
        fails()

    handlers.add("event", fails_later if is_async else fails)
    assert handlers.handle(Event("event", ()), print)
    await connection.settle()
    with pytest.raises(ValueError, match="no"):
        connection.check()
    connection.check()  # once


async def test_an_answer_that_cant_be_sent_is_kept(connection: Connection) -> None:
    handlers = Handlers(connection)

    def send(result: Any) -> None:
        raise TypeError("can't be serialized")

    handlers.add("event", object)
    handlers.handle(Event("event", ()), send)
    with pytest.raises(TypeError):
        connection.check()
