"""docs/interface.md: its examples run, and its table names what there is."""

from __future__ import annotations

import re

import pytest

from rtserver import Server, Socket
from rtserver.testing import TestClient
from tests.support.examples import ROOT, run

PAGE = "docs/interface.md"


def player(sio: Server, *rooms: str, namespace: str = "/") -> TestClient:
    return TestClient(sio, auth={"rooms": rooms}, namespace=namespace)


def test_the_table_names_what_there_is() -> None:
    rows = re.findall(r"^\| `io\.to.*?(?=^$)", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)[0]
    ours = "\n".join(row.split(" | ")[1] for row in rows.strip().split("\n"))
    for owner, name in re.findall(r"(sio|socket)\.(\w+)", ours):
        assert hasattr(Server if owner == "sio" else Socket, name), name
    for name in re.findall(r"\)\.(\w+)", ours):
        assert hasattr(Server, name), name
    assert ours.count("sio.") > 15
    assert ours.count("socket.") > 20


async def test_chains() -> None:
    names = run(PAGE, "chains")
    sio = names["sio"]
    async with (
        player(sio, "board") as one,
        player(sio, "board") as two,
        player(sio, "board", "judges") as judge,
    ):
        await one.emit("move", (1, 2))
        assert (await two.receive("moved")).args == (1, 2)
        assert (await judge.receive("moved")).args == (1, 2)
        await sio.to("board").emit("moved", (1, 2))
        await sio.emit("moved", (1, 2))
        assert [(await one.receive("moved")).args for _ in range(2)] == [([1, 2],), (1, 2)]
        await names["close_the_board"]()
        assert (await two.receive("closed")).args == ("Thank you for playing.",)
        assert "closed" not in [event.name for event in judge.received]
        assert await sio.in_("board").fetch_sockets() == []


async def test_acknowledgments() -> None:
    names = run(PAGE, "chains", "acknowledgments")
    sio = names["sio"]
    async with player(sio, "board") as one, player(sio, "board") as two:
        one.on("vote", lambda question: "yes")
        two.on("vote", lambda question: "no")
        one.on("ping", lambda: "pong")
        assert await names["vote"]("Again?") == {"yes": 1, "no": 1, "missing": 0}
        assert await names["is_there"](one.sid)
        sid = two.sid
    with pytest.raises(KeyError, match="is connected to namespace '/' here"):
        await names["is_there"](sid)


async def test_a_client_that_leaves_instead_of_answering() -> None:
    names = run(PAGE, "chains", "acknowledgments")
    async with player(names["sio"], "board") as one:

        @one.on("ping")
        async def leave() -> None:
            await one.disconnect()

        @one.on("vote")
        async def leave_too(question: str) -> None:
            await one.disconnect()

        sid = one.sid
        assert not await names["is_there"](sid)
        await one.connect()
        assert await names["vote"]("Again?") == {"yes": 0, "no": 0, "missing": 1}


async def test_sockets() -> None:
    names = run(PAGE, "chains", "sockets")
    async with player(names["sio"], "board") as one, player(names["sio"], "board") as two:
        assert await one.call("rename", "Grace") == ("127.0.0.1", ["board"])
        await two.call("rename", "Ada")
        assert await names["names"]("board") == ["Ada", "Grace"]


async def test_what_is_attached_to_one_socket(capsys: pytest.CaptureFixture[str]) -> None:
    sio = run(PAGE, "chains", "attached")["sio"]
    async with TestClient(sio, auth={"may_delete": True}, namespace="/admin") as root:
        assert await root.call("delete", " a.txt ") == {"deleted": "a.txt"}
        await sio.of("/admin").emit("news", 1)
        assert capsys.readouterr().out == "received delete (' a.txt ',)\nsent news (1,)\n"
    async with TestClient(sio, auth={}, namespace="/admin") as guest:
        assert await guest.call("delete", "a.txt") == {"error": "not allowed"}


async def test_a_server_without_others() -> None:
    names = run(PAGE, "chains", "servers")
    async with player(names["sio"]):
        assert await names["all_connections"]() == (1, ())
        answer = names["sio"]._local.server_side("/", ["connections"])
        assert await answer == (1,)
