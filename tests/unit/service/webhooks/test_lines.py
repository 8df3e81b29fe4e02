from __future__ import annotations

import asyncio

import pytest

from rtserver.errors import BackendError
from rtserver.service.webhooks.lines import Lines
from tests.unit.server.harness import turns


class Client:
    """Clients with things to do, whose end a test decides."""

    def __init__(self, most: int = 10) -> None:
        self.lines = Lines(most)
        self.log: list[str] = []
        self.ada, self.eve = "ada", "eve"
        self.go_on = asyncio.Event()

    async def do(self, name: str, is_eve: bool = False) -> None:
        async with self.lines.turn(self.eve if is_eve else self.ada):
            self.log.append(name)
            await self.go_on.wait()
            self.log.append(f"{name} done")


async def test_one_after_another() -> None:
    client = Client()
    tasks = [asyncio.create_task(client.do(name)) for name in "abc"]
    await turns()
    assert client.log == ["a"]
    client.go_on.set()
    await asyncio.gather(*tasks)
    assert client.log == ["a", "a done", "b", "b done", "c", "c done"]
    assert len(client.lines) == 0


async def test_clients_don_t_wait_for_each_other() -> None:
    client = Client()
    tasks = [asyncio.create_task(client.do("a")), asyncio.create_task(client.do("b", is_eve=True))]
    await turns()
    assert client.log == ["a", "b"]
    assert len(client.lines) == 2
    client.go_on.set()
    await asyncio.gather(*tasks)


async def test_no_more_than_so_many_wait() -> None:
    client = Client(1)
    tasks = [asyncio.create_task(client.do(name)) for name in "ab"]
    await turns()
    with pytest.raises(BackendError, match="1 events of the client wait already") as caught:
        await client.do("c")
    assert (caught.value.code, caught.value.retry_after) == ("backend_busy", 0.0)
    other = asyncio.create_task(client.do("d", is_eve=True))
    client.go_on.set()
    await asyncio.gather(*tasks, other)
    await client.do("e")
    assert len(client.lines) == 0


async def test_one_that_fails_or_is_given_up_lets_the_next_one_go() -> None:
    client = Client()
    first, second, third = (asyncio.create_task(client.do(name)) for name in "abc")
    await turns()
    first.cancel()
    second.cancel()
    await turns()
    assert client.log == ["a", "c"]
    client.go_on.set()
    await third
    assert len(client.lines) == 0


async def test_after_the_last_one() -> None:
    client = Client()
    client.lines.after(client.ada, lambda: client.log.append("at once"))
    tasks = [asyncio.create_task(client.do(name)) for name in "ab"]
    await turns()
    client.lines.after(client.ada, lambda: client.log.append("the end"))
    client.go_on.set()
    await asyncio.gather(*tasks)
    assert client.log == ["at once", "a", "a done", "b", "b done", "the end"]


async def test_what_was_to_come_after_the_last_one_can_be_withdrawn() -> None:
    client = Client()
    assert not client.lines.withdraw(client.ada)
    task = asyncio.create_task(client.do("a"))
    await turns()
    assert not client.lines.withdraw(client.ada)
    client.lines.after(client.ada, lambda: client.log.append("the end"))
    assert client.lines.withdraw(client.ada)
    client.go_on.set()
    await task
    assert client.log == ["a", "a done"]
