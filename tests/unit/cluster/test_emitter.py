"""What emitters send, taken where it is handed to Redis. With a real one: tests/e2e/test_emitters.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import RedisClusterException

from rtserver.cluster.emitter import BlockingEmitter, Emitter, EmitterNamespace
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.forms import Command
from rtserver.errors import EmitterError

NOWHERE = "unix:///nonexistent/redis.sock"


class Sent:
    """Keeps messages as they are, in place of a form."""

    def __init__(self) -> None:
        self.messages: list[tuple[Message, str | None]] = []
        self.emitter: EmitterNamespace[int] = EmitterNamespace("/", self, self._send)

    def tell(self, message: Message, room: str | None) -> Command:
        self.messages.append((message, room))
        return ()

    def reply(self, uid: str, message: Message) -> Command:
        raise AssertionError("emitters are asked nothing")

    def _send(self, commands: Sequence[Command]) -> int:
        return len(commands)

    def last(self) -> tuple[str, Kind, dict[str, Any], str | None]:
        message, room = self.messages[-1]
        assert message.uid == "emitter"
        return message.namespace, message.kind, dict(message.data), room


@pytest.fixture
def sent() -> Sent:
    return Sent()


def opts(*rooms: Any, without: Sequence[Any] = (), **flags: Any) -> dict[str, Any]:
    return {"rooms": list(rooms), "except": list(without), "flags": flags}


def test_an_event_for_everyone(sent: Sent) -> None:
    assert sent.emitter.emit("ev", 1, (2, 3)) == 1
    packet = {"type": 2, "data": ["ev", 1, (2, 3)]}
    assert sent.last() == ("/", Kind.BROADCAST, {"packet": packet, "opts": opts()}, None)


def test_a_chain(sent: Sent) -> None:
    sent.emitter.to("r1").except_("x", ["y"]).volatile.compress(False).conflate("k").emit("ev")
    _, _, data, room = sent.last()
    assert room == "r1"
    assert data["opts"] == opts("r1", without=["x", "y"], volatile=True, compress=False, conflate="k")


def test_a_chain_changes_none(sent: Sent) -> None:
    base = sent.emitter.to("r1")
    base.to("r2").volatile.emit("ev")
    assert (sent.last()[2]["opts"], sent.last()[3]) == (opts("r1", "r2", volatile=True), None)
    base.emit("ev")
    assert sent.last()[2]["opts"] == opts("r1")
    sent.emitter.emit("ev")
    assert sent.last()[2]["opts"] == opts()


def test_an_empty_list_of_rooms_is_nobody(sent: Sent) -> None:
    assert sent.emitter.to([]).emit("ev") == 0
    assert sent.emitter.in_([]).disconnect_sockets() == 0
    assert sent.messages == []


def test_rooms_can_have_numbers_for_names(sent: Sent) -> None:
    sent.emitter.to(12).emit("ev")
    assert (sent.last()[2]["opts"]["rooms"], sent.last()[3]) == ([12], "12")


def test_operations(sent: Sent) -> None:
    chain = sent.emitter.in_("r1")
    chain.sockets_join("r2", ["r3"])
    assert sent.last() == ("/", Kind.JOIN, {"opts": opts("r1"), "rooms": ["r2", "r3"]}, "r1")
    chain.sockets_leave("r2")
    assert sent.last() == ("/", Kind.LEAVE, {"opts": opts("r1"), "rooms": ["r2"]}, "r1")
    chain.disconnect_sockets(close=True)
    assert sent.last() == ("/", Kind.DISCONNECT, {"opts": opts("r1"), "close": True}, "r1")
    sent.emitter.server_side_emit("hello", 1)
    assert sent.last() == ("/", Kind.SERVER_SIDE_EMIT, {"packet": ["hello", 1]}, None)


@pytest.mark.parametrize("name", ["/chat", "chat"])
def test_namespaces(sent: Sent, name: str) -> None:
    chat = sent.emitter.of(name)
    chat.emit("ev")
    assert sent.last()[0] == "/chat"
    chat.server_side_emit("ev")
    assert sent.last()[0] == "/chat"


def test_reserved_names(sent: Sent) -> None:
    with pytest.raises(ValueError, match="disconnect"):
        sent.emitter.emit("disconnect")
    with pytest.raises(ValueError, match="connect"):
        sent.emitter.server_side_emit("connect")


async def test_redis_that_is_away_is_an_error() -> None:
    async with Emitter(NOWHERE) as emitter:
        with pytest.raises(EmitterError, match="Redis didn't take"):
            await emitter.emit("ev")
    with BlockingEmitter(NOWHERE) as blocking, pytest.raises(EmitterError, match="Redis didn't take"):
        blocking.emit("ev")


def test_what_cant_be_serialized_is_an_error() -> None:
    with BlockingEmitter(NOWHERE) as emitter, pytest.raises(TypeError, match="object of type object"):
        emitter.emit("ev", object())


def test_another_mode() -> None:
    with pytest.raises(ValueError, match="received the mode 'cluster'"):
        BlockingEmitter(NOWHERE, "cluster")  # type: ignore[arg-type]


async def test_a_cluster_that_can_not_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*command: object) -> None:
        raise RedisClusterException("no node can be reached")

    async with Emitter(NOWHERE) as emitter:
        monkeypatch.setattr(emitter._client, "execute_command", refuse)
        with pytest.raises(EmitterError, match="no node can be reached"):
            await emitter.emit("ev")
    with BlockingEmitter(NOWHERE) as blocking:
        monkeypatch.setattr(blocking._client, "execute_command", refuse)
        with pytest.raises(EmitterError, match="no node can be reached"):
            blocking.emit("ev")
