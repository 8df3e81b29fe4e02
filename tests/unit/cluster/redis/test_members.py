"""What nodes have begins and ends in the background, and nothing of it is left behind."""

from __future__ import annotations

import asyncio

import pytest

from rtserver.cluster.redis.members import Members
from rtserver.errors import StartError
from tests.support.engine import until


class Connection:
    """Connects when a test lets it."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.may_connect = asyncio.Event()
        self.is_connected = False
        self.refusal: StartError | None = None
        if at_once:
            self.may_connect.set()

    async def start(self) -> None:
        await self.may_connect.wait()
        if self.refusal is not None:
            raise self.refusal
        self.is_connected = True

    async def close(self) -> None:
        self.is_connected = False


def members(**present: Connection) -> Members[Connection]:
    members: Members[Connection] = Members(Connection.close)
    members.present.update(present)
    return members


async def test_one_that_is_not_connected_yet_never_is_once_its_node_has_gone() -> None:
    connection = Connection()
    nodes = members(a=connection)
    nodes.begin(connection)
    await asyncio.sleep(0)
    assert nodes.remove("a") is connection
    assert nodes.present == {}
    assert nodes.leaving == {connection}
    connection.may_connect.set()
    await until(lambda: not nodes.leaving)
    assert not connection.is_connected


async def test_all_have_ended_when_it_has() -> None:
    connections = [Connection(at_once=True), Connection(at_once=True), Connection()]
    one, two, three = connections
    nodes = members(a=one, b=two, c=three)
    await nodes.start(one)
    await nodes.start(two)
    nodes.begin(three)
    await asyncio.sleep(0)
    nodes.remove("a")
    await nodes.close(Connection.close)
    three.may_connect.set()
    await asyncio.sleep(0)
    assert not any(each.is_connected for each in connections)
    assert not nodes.leaving


async def test_a_refusal_is_logged_where_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection(at_once=True)
    connection.refusal = StartError("the password is wrong")
    nodes = members(a=connection)
    with pytest.raises(StartError):
        await nodes.start(connection)
    assert caplog.text == ""
    nodes.begin(connection)
    await until(lambda: "the password is wrong" in caplog.text)
    await nodes.close(Connection.close)
