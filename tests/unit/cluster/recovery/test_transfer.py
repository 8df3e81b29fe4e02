"""What the property test doesn't come upon: servers that are silent, gone, or ask at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.cluster.bus import Census
from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.recovery import transfer
from rtserver.server.recovery.options import ConnectionStateRecovery
from tests.support.engine import until
from tests.support.links import LinkBus, Links
from tests.unit.server.harness import Harness, turns
from tests.unit.server.recovery.client import Client


class Servers:
    def __init__(self) -> None:
        self.links = Links(3)
        self.managers = [ClusterManager(LinkBus(self.links, number)) for number in range(3)]
        self.harnesses = [
            Harness(manager=manager, recovery=ConnectionStateRecovery()) for manager in self.managers
        ]

    async def start(self) -> None:
        for harness in self.harnesses:
            await harness.sio.start()

    async def flow(self) -> None:
        """Let everything arrive."""
        await turns()
        while self.links.deliver(0):
            await turns()

    def kinds(self, sender: int, receiver: int) -> list[Kind]:
        """Return what is on its way."""
        return [message.kind for message in self.links.on_the_way(sender, receiver)]

    async def client(self) -> Client:
        """Return one that was lost from the first server."""
        return Client(self.harnesses[0]).connect().drop()

    def come(self, client: Client, number: int) -> None:
        client.move(self.harnesses[number]).open()

    def transfers(self, number: int) -> Any:
        return self.managers[number]._receivers[Kind.TAKE].__self__  # type: ignore[attr-defined]


@pytest.fixture
async def servers() -> Servers:
    made = Servers()
    await made.start()
    return made


async def test_the_server_that_the_client_names_is_asked_alone(servers: Servers) -> None:
    client = await servers.client()
    servers.come(client, 1)
    await turns()
    assert (servers.kinds(1, 0), servers.kinds(1, 2)) == ([Kind.LOCATE], [])
    await servers.flow()
    client.read()
    assert client.recovered


async def test_where_it_went_on_the_others_are_asked(servers: Servers) -> None:
    client = await servers.client()
    servers.come(client, 1)
    await servers.flow()
    client.read()
    client.drop()  # it has got no event from there: it still names the first
    servers.come(client, 2)
    await servers.flow()
    client.read()
    assert client.recovered


async def test_who_is_known_nowhere_needn_t_wait(servers: Servers) -> None:
    client = Client(servers.harnesses[1])
    client.pid = "server0.forged"
    client.connect()
    await servers.flow()
    client.read()
    assert client.sid
    assert not client.recovered
    assert servers.harnesses[1].sio.counters.recoveries_unknown == 1
    assert servers.transfers(1)._questions == {}


async def test_who_is_refused_is_asked_for_once(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    client = await servers.client()
    client.offset = "server0.999999"
    servers.come(client, 1)
    await servers.flow()
    client.read()
    assert client.sid
    assert not client.recovered
    assert servers.harnesses[0].sio.counters.recoveries_unknown == 1
    assert caplog.text == ""


@pytest.mark.parametrize("pid", ["forged", "server0." + 200 * "x"])
async def test_nobody_is_asked_for_what_is_no_pid(servers: Servers, pid: str) -> None:
    client = Client(servers.harnesses[1])
    client.pid = pid
    client.connect()
    assert client.sid
    assert not servers.links.deliver(0)


async def test_a_server_that_is_silent_costs_so_much_time(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transfer, "HINT_TIMEOUT", 0.02)
    monkeypatch.setattr(transfer, "PEER_TIMEOUT", 0.05)
    client = await servers.client()
    servers.come(client, 1)
    await until(lambda: bool(client.session.sent))
    client.read()
    assert not client.recovered
    assert "no answer in time" in caplog.text
    assert str(client.pid) not in caplog.text
    assert servers.transfers(1)._questions == {}
    await servers.flow()  # answers that nobody waits for


async def test_servers_of_node_are_not_waited_for_for_long(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def census(namespace: str) -> Census:
        return Census(3, frozenset(("server0", "server2")))

    monkeypatch.setattr(transfer, "HINT_TIMEOUT", 0.05)
    monkeypatch.setattr(servers.managers[1]._bus, "census", census)
    client = Client(servers.harnesses[1])
    client.pid = "server0.forged"
    client.connect()
    while not client.session.sent:
        await servers.flow()
    client.read()
    assert client.sid
    assert not client.recovered
    assert caplog.text == ""


async def test_who_asks_while_the_session_is_on_its_way_gets_it_from_there(servers: Servers) -> None:
    client = await servers.client()
    servers.come(client, 1)
    await turns()
    servers.links.deliver_from(1, 0)
    servers.links.deliver_from(0, 1)
    await turns()
    assert servers.kinds(1, 0) == [Kind.TAKE]
    client.drop()
    servers.links.deliver_from(1, 0)  # the first one has given it away
    servers.come(client, 2)
    await turns()
    servers.links.deliver_from(2, 0)
    servers.links.deliver_from(0, 2)  # LOCATED; then it asks everyone, before TAKEN comes to the second
    servers.links.deliver_from(0, 2)
    await turns()
    servers.links.deliver_from(2, 1)
    servers.links.deliver_from(2, 0)
    await servers.flow()
    client.read()
    assert client.recovered


async def test_of_two_that_find_it_at_once_the_later_one_goes_after_it(servers: Servers) -> None:
    client = await servers.client()
    first = client.session
    servers.come(client, 1)
    await turns()
    servers.links.deliver_from(1, 0)
    earlier = client.session
    servers.come(client, 2)
    await turns()
    servers.links.deliver_from(2, 0)
    servers.links.deliver_from(0, 1)
    servers.links.deliver_from(0, 2)
    await turns()
    assert servers.kinds(1, 0) == servers.kinds(2, 0) == [Kind.TAKE]
    servers.links.deliver_from(1, 0)
    await servers.flow()
    client.read()
    assert client.recovered
    assert not first.is_open
    assert not earlier.is_open


async def test_what_can_not_be_serialized_makes_a_new_client(
    servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    sio = servers.harnesses[0].sio
    client = Client(servers.harnesses[0]).connect()
    await sio.save_session(client.sid, {"lock": asyncio.Lock()})
    client.drop()
    servers.come(client, 1)
    await servers.flow()
    client.read()
    assert not client.recovered
    assert "can't go to another server" in caplog.text


@pytest.mark.parametrize("kind", [Kind.LOCATE, Kind.TAKE])
async def test_a_question_that_can_not_be_understood_is_counted(servers: Servers, kind: Kind) -> None:
    servers.managers[0].receive(Message("server1", "/", kind, {"requestId": "1"}))
    assert servers.managers[0].violations == 1


@pytest.mark.parametrize("kind", [Kind.LOCATED, Kind.TAKEN])
@pytest.mark.parametrize("id", ["of no question", 7, None, []])
async def test_an_answer_that_nobody_waits_for_is_nothing(servers: Servers, kind: Kind, id: Any) -> None:
    servers.managers[0].receive(Message("server1", "/", kind, {"requestId": id}))
    assert servers.managers[0].violations == 0


async def test_where_recovery_is_off_events_have_no_number_and_questions_no_answer() -> None:
    links = Links(2)
    managers = [ClusterManager(LinkBus(links, number)) for number in range(2)]
    harnesses = [Harness(manager=manager) for manager in managers]
    for harness in harnesses:
        await harness.sio.start()
    await harnesses[0].sio.emit("event")
    [message] = links.on_the_way(0, 1)
    assert "seq" not in message.data["opts"]
    managers[1].receive(Message("server0", "/", Kind.LOCATE, {"requestId": "1"}))
    assert not links.on_the_way(1, 0)
