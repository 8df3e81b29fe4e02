"""Programs in JavaScript that single pages show, with the server that they are for."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rtserver
from tests.support.examples import example, run

from .harness.script import run_script
from .harness.server import Hosting, make_server


async def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(AssertionError, match="Error: there is no such article"):
        await run_script('console.log(1); throw new Error("there is no such article");')


async def test_a_client_that_sends_again(hosting: Hosting) -> None:
    page = "docs/retries.md"
    stored: list[dict[str, Any]] = []

    async def store(data: dict[str, Any]) -> None:
        stored.append(data)

    url = (await hosting.server(run(page, "server", rtserver=rtserver, store=store)["sio"])).url
    answer = await run_script(f"""
        const connect = require("socket.io-client");
        const io = (options) => connect({json.dumps(url)}, options);
        {example(page, "client")}
        socket.emit("order", {{ packetId: crypto.randomUUID(), article: 8 }}, (error, answer) => {{
          console.log(JSON.stringify([error, answer]));
          socket.close();
        }});
    """)
    assert answer == [None, "taken"]
    assert [data["article"] for data in stored] == [7, 8]


async def test_a_client_of_2_x(hosting: Hosting) -> None:
    page = "docs/old-clients.md"
    url = (await hosting.server(run(page, "server")["sio"])).url
    program = example(page, "client").replace("socket.io-client", "socket.io-client-2")
    sid = await run_script(f"""
        {program.replace("http://127.0.0.1:8000", url)}
        socket.on("error", (error) => {{ throw new Error(error); }});
        socket.on("connect", () => {{
          console.log(JSON.stringify(socket.id));
          socket.close();
        }});
    """)
    assert sid.startswith("/admin#")


async def test_a_client_with_msgpack(hosting: Hosting) -> None:
    sio = make_server(serializer="msgpack")
    sio.on("echo", lambda sid, value: value)
    url = (await hosting.server(sio)).url
    program = example("docs/parsers.md", "msgpack").replace("http://127.0.0.1:8000", url)
    answer = await run_script(
        f"""
        {program}
        console.log(JSON.stringify(await socket.timeout(10_000).emitWithAck("echo", {{ a: [1, "é"] }})));
        socket.close();
        """,
        is_module=True,
    )
    assert answer == {"a": [1, "é"]}
