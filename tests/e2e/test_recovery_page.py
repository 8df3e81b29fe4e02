"""The examples of the page about clients that lose their connection."""

from __future__ import annotations

import json
import tomllib

import rtserver
from rtserver.service.delivery_settings import RecoverySettings
from tests.support.examples import example, run

from .harness.node import Node
from .harness.script import run_script
from .harness.server import Hosting

PAGE = "docs/recovery.md"
PROGRAM = """
const { io } = require("socket.io-client");
const shown = [];
const show = (messages) => {
  shown.push(...messages);
  if (shown.length === 1) socket.io.engine.close();
  if (shown.length === 2) {
    console.log(JSON.stringify({ shown, recovered: socket.recovered }));
    process.exit(0);
  }
};
"""


async def test_a_browser_catches_up_once(hosting: Hosting) -> None:
    server = run(PAGE, "server", rtserver=rtserver)
    sio = server["sio"]
    server["messages"].append("old")
    sio.on("disconnect", lambda sid: sio.start_background_task(server["say"], sid, "missed"))
    url = (await hosting.server(sio)).url
    program = f"const url = {json.dumps(url)};{PROGRAM}{example(PAGE, 'client')}"
    assert await run_script(program) == {"shown": ["old", "missed"], "recovered": True}


def test_the_options() -> None:
    chosen = rtserver.ConnectionStateRecovery(300, max_bytes=268_435_456)
    assert run(PAGE, "options", rtserver=rtserver)["sio"]._hub.settings.recovery == chosen
    settings = RecoverySettings(**tomllib.loads(example(PAGE, "config"))["recovery"])
    assert settings.enabled
    assert settings.max_disconnection_duration == chosen.max_disconnection_duration
    assert settings.max_bytes == chosen.max_bytes


async def test_clients_that_say_that_they_recover(hosting: Hosting, node: Node) -> None:
    sio = run(PAGE, "clients", rtserver=rtserver)["sio"]
    url = (await hosting.server(sio)).url
    able, unable = await node.connect(url, query={"recover": 1}), await node.connect(url)
    await sio.emit("news", 1)
    assert len(await able.next("news")) == 2
    assert len(await unable.next("news")) == 1
