from __future__ import annotations

from typing import Any

import pytest

from rtserver import Server
from rtserver.errors import ApiError
from rtserver.server.answers import Answers, Fetched, SocketDetails
from rtserver.server.target import Flags, Target
from rtserver.service.api.answers import Acks, Failed
from rtserver.service.api.commands import Commands
from rtserver.service.api.form import validated
from rtserver.service.api.requests import (
    Batch,
    Disconnect,
    Emit,
    GetHistory,
    GetPresence,
    Join,
    Leave,
    ListSockets,
)
from tests.unit.server.harness import FakeSession
from tests.unit.server.interface.cluster import ClusterManager


def commands(manager: ClusterManager, info: tuple[str, ...] = (), **options: Any) -> Commands:
    return Commands(Server(manager, **options), "user:{user}", info)


async def test_who_is_meant() -> None:
    manager = ClusterManager()
    some = {"rooms": ["a"], "users": ["ada", "eve"], "sockets": ["sid"]}
    request = {
        "to": some,
        "except": {"users": ["eve"]},
        "event": "news",
        "namespace": "/chat",
        "args": [1, 2],
    }
    answer = await commands(manager).emit(validated(Emit, {**request, "volatile": True}))
    assert (answer.in_touch, answer.acks) == (True, None)
    target = Target("/chat", ("a", "user:ada", "user:eve", "sid"), ("user:eve",))
    assert manager.asked == [("emit", target, ["news", 1, 2], Flags(volatile=True))]


async def test_nobody_is_not_everybody() -> None:
    manager = ClusterManager()
    await commands(manager).emit(validated(Emit, {"to": {"rooms": []}, "event": "news"}))
    await commands(manager).disconnect(validated(Disconnect, {"clients": {"users": []}}))
    assert [each[0] for each in manager.asked] == ["fetch"]


async def test_the_whole_cluster_is_told() -> None:
    manager = ClusterManager()
    made = commands(manager)
    clients: dict[str, Any] = {"clients": {"users": ["ada"]}}
    await made.join(validated(Join, {**clients, "rooms": ["x", "y"]}))
    await made.leave(validated(Leave, {**clients, "rooms": ["x"]}))
    await made.disconnect(validated(Disconnect, {**clients, "close": True}))
    target = Target("/", ("user:ada",), ())
    assert [each for each in manager.asked if each[0] != "fetch"] == [
        ("join", target, ("x", "y")),
        ("leave", target, ("x",)),
        ("disconnect", target, True),
    ]
    assert [each[0] for each in manager.asked[1::2]] == ["fetch"] * 3  # each is confirmed by the others


async def test_nodes_that_don_t_confirm_it_are_named() -> None:
    made = commands(ClusterManager(Fetched(silent=["node"])))
    request: dict[str, Any] = {"clients": "all", "rooms": ["x"]}
    assert (await made.join(validated(Join, request))).missing_nodes == ["node"]
    two = [{"command": "join", **request}, {"command": "leave", **request, "namespace": "/chat"}]
    results = (await made.batch(validated(Batch, {"commands": two}))).results
    assert [each.model_dump()["answer"] for each in results] == [{"missing_nodes": ["node"]}] * 2


async def test_acknowledgments_and_who_is_missing() -> None:
    answers = Answers(["yes", None, (1, b"x"), [2]], missing=["sid"], missing_count=3, silent=["node"])
    manager = ClusterManager(answers=answers)
    answer = await commands(manager).emit(
        validated(Emit, {"to": "all", "event": "question", "ack_timeout": 2.5})
    )
    assert answer.acks == Acks(
        answers=["yes", None, [1, b"x"], [2]], missing_clients=3, missing_nodes=["node"]
    )
    assert manager.asked[0][-1] == 2.5


def elsewhere(sid: str, **data: Any) -> SocketDetails:
    return SocketDetails(sid, {"address": "203.0.113.9", "issued": 1500}, [sid, "b", "a"], data)


async def test_clients_of_all_nodes_are_listed() -> None:
    others = [elsewhere(f"{number:02}", name="Ada", secret="x", file=open) for number in (3, 1, 2)]
    manager = ClusterManager(Fetched(others, ["node"]))
    made = commands(manager, ("name", "file", "none"))
    answer = await made.list_sockets(validated(ListSockets, {"limit": 2}))
    assert [each.id for each in answer.sockets] == ["01", "02"]
    assert (answer.count, answer.next, answer.missing_nodes) == (3, "02", ["node"])
    first = answer.sockets[0]
    assert (first.address, first.connected_at, first.rooms) == ("203.0.113.9", 1.5, ["a", "b"])
    assert first.info == {"name": "Ada", "file": None}
    rest = await made.list_sockets(validated(ListSockets, {"limit": 2, "after": "02"}))
    assert ([each.id for each in rest.sockets], rest.count, rest.next) == (["03"], 3, None)


async def test_presence() -> None:
    from rtserver import Presence  # noqa: PLC0415

    manager = ClusterManager(Fetched([elsewhere("01", name=open)], ["node"]))
    made = commands(manager, presence=Presence("chat:*", info=["name"]))
    answer = await made.presence(validated(GetPresence, {"room": "chat:1"}))
    assert (answer.members, answer.count, answer.missing_nodes) == ({"01": {"name": None}}, 1, ["node"])


async def test_rooms_without_presence_or_history() -> None:
    made = commands(ClusterManager())
    with pytest.raises(ApiError, match=r"room 'x' has no presence: the setting presence\.rooms must name it"):
        await made.presence(validated(GetPresence, {"room": "x"}))
    with pytest.raises(ApiError, match=r"room 'x' has no history: the setting history\.rooms must name it"):
        await made.history(validated(GetHistory, {"room": "x"}))


async def test_a_batch_goes_on_after_a_failure() -> None:
    server = Server()
    session = FakeSession(server._dispatch)
    session.join()
    deep: Any = []
    for _ in range(300):  # deeper than the API reads
        deep = [deep]
    batch = {
        "commands": [
            {"command": "join", "clients": "all", "rooms": ["x"]},
            {"command": "emit", "to": "all", "event": "a", "args": deep},
            {"command": "emit", "to": {"rooms": ["x"]}, "event": "b"},
            {"command": "leave", "clients": "all", "rooms": ["x"]},
            {"command": "disconnect", "clients": "all"},
        ]
    }
    answer = await Commands(server, "user:{user}", []).batch(validated(Batch, batch))
    assert [each.status for each in answer.results] == [200, 422, 200, 200, 200]
    failed = answer.results[1]
    assert isinstance(failed, Failed)
    assert failed.error.code == "invalid_request"
    assert session.take() == ['42["b"]', "41"]
