"""The examples of the page about slow clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rtserver
from rtserver.service.config import load_config
from rtserver.service.server_options import server_options
from rtserver.testing import TestClient
from tests.support.examples import example, run

PAGE = "docs/slow-clients.md"


async def received(client: Any) -> list[tuple[Any, ...]]:
    """Return the arguments of what has come up to an event named end."""
    found = []
    while (event := await client.receive()).name != "end":
        found.append(event.args)
    return found


async def test_volatile() -> None:
    names = run(PAGE, "volatile")
    sio = names["sio"]
    async with TestClient(sio) as one, TestClient(sio) as two:
        await one.emit("point", (1, 2))
        assert (await two.receive("pointer")).args[1:] == (1, 2)
        two.stall()
        await one.emit("point", (3, 4))
        await one.settled()
        two.resume()
        await sio.emit("end")
        assert await received(two) == []
        assert sio.counters.drops == {"not ready": 1}


async def test_drop() -> None:
    names = run(PAGE, "drop", rtserver=rtserver)
    async with TestClient(names["sio"], namespace="/meters") as client:
        client.stall()
        for level in range(150):
            await names["tell"](level)
        client.resume()
        await names["sio"].emit("end", namespace="/meters")
        assert await received(client) == [(level,) for level in range(50, 150)]
        assert names["sio"].counters.drops == {"queue full": 50}


async def test_conflate() -> None:
    names = run(PAGE, "conflate", rtserver=rtserver)
    async with TestClient(names["sio"], namespace="/prices") as client:
        client.stall()
        for price in range(10):
            await names["quote"]("A", price)
            await names["quote"]("B", -price)
        client.resume()
        await names["sio"].emit("end", namespace="/prices")
        assert await received(client) == [("A", 9), ("B", -9)]


async def test_keys() -> None:
    sio = run(PAGE, "keys", rtserver=rtserver)["sio"]
    async with TestClient(sio, namespace="/prices") as client:
        client.stall()
        for number in range(3):
            await sio.emit("price", ("A", number), namespace="/prices")
            await sio.emit("status", number, namespace="/prices")
        await sio.emit("chat", ("A", 9), namespace="/prices")
        client.resume()
        await sio.emit("end", namespace="/prices")
        assert await received(client) == [("A", 2), (2,), ("A", 9)]


async def test_setup() -> None:
    sio = rtserver.Server(namespaces=["/prices"])
    run(PAGE, "setup", rtserver=rtserver)["setup"](sio)
    async with TestClient(sio, namespace="/prices") as client:
        client.stall()
        for number in range(3):
            await sio.emit("price", number, namespace="/prices")
        client.resume()
        await sio.emit("end", namespace="/prices")
        assert await received(client) == [(2,)]


async def test_config(tmp_path: Path) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text(example(PAGE, "config"))
    options = server_options(load_config(file))
    assert options["slow_clients"] == {"/prices": "conflate", "*": "disconnect"}
    rtserver.Server(**options)


async def test_counted(capsys: pytest.CaptureFixture[str]) -> None:
    sio = run(PAGE, "counted", rtserver=rtserver)["sio"]
    async with TestClient(sio) as client:
        client.stall()
        await sio.volatile.emit("event")
        sid = next(iter(await sio.of("/").fetch_sockets())).id
        assert capsys.readouterr().out == f"{sid} in / was not sent event: not ready\n"
        client.resume()
