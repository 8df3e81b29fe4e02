"""One application, moved by one import: the same is seen on python-socketio's server and on ours.

Each scenario runs on both. What clients and handlers saw, in each one's order, must be equal. Where
ours differs by intent a scenario doesn't look: what a `connect` handler emits arrives behind the
CONNECT packet, not before it; a namespace that doesn't exist is refused with the words of Node's server
("Invalid namespace"), not with none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any

import pytest
import socketio
from aiohttp import web

import rtserver

from .harness.events import EventLog
from .harness.node import Node
from .harness.server import Hosting
from .harness.transcript import Clients, Transcript

Scenario = Callable[[rtserver.Server, EventLog, Clients], Awaitable[None]]


async def trace(make: Callable[..., Any], scenario: Scenario, node: Node, hosting: Hosting) -> Transcript:
    """Run a scenario, and return what was seen."""
    sio = make(**OPTIONS.get(scenario, {}))
    log = EventLog("the server")
    app = web.Application()
    sio.attach(app)
    host = await hosting.app(app)
    clients = Clients(node, host.url)
    await scenario(sio, log, clients)
    seen = clients.transcript(log)
    await clients.disconnect()
    return seen


async def outcome(log: EventLog, name: str, awaitable: Awaitable[Any]) -> None:
    """Note what a call came to."""
    try:
        log.add(name, await awaitable)
    except Exception as error:  # noqa: BLE001 - its class is what is compared
        log.add(name, type(error).__name__)


async def handlers_of_every_shape(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    @sio.event
    def connect(sid: str, environ: dict[str, Any]) -> None:
        log.add("connect")

    @sio.event
    def disconnect(sid: str) -> None:
        log.add("disconnect")

    @sio.on("named")
    async def other_name(sid: str, data: Any) -> Any:
        return data

    @sio.on("with spaces", namespace="/")
    async def spaces(sid: str, *args: Any) -> Any:
        return len(args)

    @sio.on("*")
    async def anything(event: str, sid: str, *args: Any) -> Any:
        log.add("anything", event, sid, *args)
        return (event, *args)

    @sio.event
    def plain(sid: str) -> dict[str, int]:
        return {"plain": 1}

    @sio.event
    def broken(sid: str, one: Any) -> None:
        raise RuntimeError

    client = await clients.connect()
    await client.emit("broken", 1)
    await client.emit("broken", 1, 2)  # an argument too many
    for event, *args in (
        ("named", 1),
        ("with spaces", 1, 2),
        ("plain",),
        ("undefined", b"x", None),
        ("later",),
    ):
        log.add("answer", event, await client.call(event, *args))
    await client.disconnect()
    await log.next("disconnect")


async def catch_all_namespaces(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    @sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: dict[str, Any], auth: Any) -> None:
        log.add("connect", namespace, auth)

    @sio.on("*", namespace="*")
    async def anything(event: str, namespace: str, sid: str, *args: Any) -> Any:
        log.add("anything", event, namespace, *args)
        return [event, namespace]

    @sio.on("known", namespace="*")
    async def known(namespace: str, sid: str, *args: Any) -> Any:
        return ["known", namespace]

    client = await clients.connect("/any", {"a": 1})
    other = await clients.connect("/other")
    for each in (client, other):
        for event in ("known", "unknown"):
            log.add("answer", await each.call(event, 1))


async def class_namespaces(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    class Chat(socketio.AsyncNamespace):  # type: ignore[misc]
        async def on_connect(self, sid: str, environ: dict[str, Any]) -> None:
            await self.enter_room(sid, "lobby")
            log.add("rooms", sorted(room for room in self.rooms(sid) if room != sid))

        def on_disconnect(self, sid: str) -> None:
            log.add("disconnect", sid)

        async def on_say(self, sid: str, text: str) -> str:
            await self.emit("said", text, room="lobby", skip_sid=sid)
            await self.send("sent", to=sid)
            return "ok"

        async def on_close(self, sid: str) -> None:
            await self.close_room("lobby")
            await self.emit("nobody", room="lobby")

    sio.register_namespace(Chat("/chat"))
    ann, bob = await clients.connect("/chat"), await clients.connect("/chat")
    log.add("answer", await ann.call("say", "hello"))
    await bob.next("said")
    await ann.emit("close")
    log.add("answer", await ann.call("say", "anyone?"))
    await ann.disconnect()
    await log.next("disconnect")


async def refusals(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> Any:
        refused = socketio.exceptions.ConnectionRefusedError
        log.add("connect", auth)
        match auth["how"]:
            case "false":
                return False
            case "bare":
                raise refused
            case "text":
                raise refused("no entry")
            case "data":
                raise refused("no entry", {"code": 3})
            case "more":
                raise refused("no entry", 1, 2)
            case "true":
                return True
        return None

    sio.on("connect", connect)
    sio.on("disconnect", lambda sid, reason: log.add("disconnect", reason))
    for how in ("false", "bare", "text", "data", "more"):
        client = await clients.open(auth={"how": how})
        await client.next("connect_error")
    for how in ("true", "none"):
        await clients.connect(auth={"how": how})


async def emits_in_connect_and_disconnect_handlers(
    sio: rtserver.Server, log: EventLog, clients: Clients
) -> None:
    @sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        await sio.save_session(sid, {"n": auth["n"]})
        await sio.enter_room(sid, "all")
        await sio.emit("joined", auth["n"], room="all", skip_sid=sid)

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        session = await sio.get_session(sid)
        log.add("disconnect", session["n"], reason, "all" in sio.rooms(sid))
        await sio.emit("left", session["n"], room="all", skip_sid=sid)

    ann = await clients.connect(auth={"n": 1})
    bob = await clients.connect(auth={"n": 2})
    await ann.next("joined")
    await bob.disconnect()
    await ann.next("left")
    await sio.disconnect(ann.sid)
    await ann.next("disconnect")


async def sessions(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    @sio.event
    async def add(sid: str, key: str, value: Any) -> Any:
        async with sio.session(sid) as session:
            session[key] = value
        return await sio.get_session(sid)

    client = await clients.connect()
    log.add("answer", await client.call("add", "a", 1))
    log.add("answer", await client.call("add", "b", [2]))
    await sio.save_session(client.sid, {"new": True})
    log.add("session", await sio.get_session(client.sid))
    await outcome(log, "unknown client", sio.get_session("nobody"))


async def calls_and_callbacks(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    client, other = await clients.connect(), await clients.connect()
    for args in (None, (), "one", ("two", "args"), ["list"], {"a": b"b"}, 0, False, ""):
        log.add("call", await sio.call("echo", args, to=client.sid))
    done = asyncio.Event()

    async def called(*args: Any) -> None:
        log.add("called", *args)
        done.set()

    await sio.emit("echo", ("x", 1), to=client.sid, callback=called)
    await done.wait()
    await client.never_answer("silence")
    await outcome(log, "silence", sio.call("silence", to=client.sid, timeout=0.1))
    await outcome(log, "nobody", sio.call("echo", to="nobody", timeout=0.1))
    await outcome(log, "to all", sio.call("echo", timeout=0.1))
    del other


async def rooms(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    @sio.event
    async def settle(sid: str) -> None:
        return None

    one, two, three = await clients.connect(), await clients.connect(), await clients.connect()
    await sio.enter_room(one.sid, "a")
    await sio.enter_room(two.sid, "a")
    await sio.enter_room(two.sid, 7)
    await sio.enter_room(three.sid, 7)
    await sio.emit("a", 1, room="a")
    await sio.emit("number", 2, room=7)
    await sio.emit("list", 3, to=["a", 7])
    await sio.emit("skip one", 4, skip_sid=one.sid)
    await sio.emit("skip two", 5, skip_sid=[one.sid, two.sid])
    await sio.emit("both", 6, to="a", room=7)
    await sio.send("message", to=one.sid)
    await sio.send({"json": 1}, skip_sid=one.sid)
    await sio.emit("none", None)
    await sio.emit("empty tuple", ())
    await sio.emit("tuple", (1, None))
    await sio.emit("nested", [(1, 2), {"t": (3,)}])
    await sio.leave_room(one.sid, "a")
    await sio.leave_room(one.sid, "never entered")
    await sio.emit("a again", 7, room="a")
    await sio.close_room(7)
    await sio.emit("closed", 8, room=7)
    await sio.emit("elsewhere", 9, namespace="/elsewhere")
    for client in (one, two, three):
        await client.call("settle")
        log.add("rooms", sorted(str(room) for room in sio.rooms(client.sid) if room != client.sid))


async def unknown_clients(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    await clients.connect()
    await outcome(log, "disconnect", sio.disconnect("nobody"))
    await outcome(log, "emit", sio.emit("x", to="nobody"))
    await outcome(log, "leave_room", sio.leave_room("nobody", "room"))
    await outcome(log, "close_room", sio.close_room("no room"))
    for name in ("rooms", "transport", "get_environ"):

        async def call(name: str = name) -> Any:
            return getattr(sio, name)("nobody")

        await outcome(log, name, call())


async def always_connect(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    @sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> Any:
        await sio.emit("in connect", to=sid)
        return auth["welcome"]

    good = await clients.connect(auth={"welcome": True})
    await good.next("in connect")


async def one_handler_after_another(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    @sio.event
    async def slow(sid: str, number: int) -> int:
        log.add("begin", number)
        await asyncio.sleep(0.01 * (3 - number))
        log.add("end", number)
        return number

    client = await clients.connect()
    answers = await asyncio.gather(*(client.call("slow", number) for number in range(3)))
    log.add("answers", answers)


async def background_tasks(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    async def work(number: int, *, name: str) -> str:
        await sio.sleep(0)
        await sio.emit("progress", number)
        return f"{name} done"

    client = await clients.connect()
    task = sio.start_background_task(work, 1, name="work")
    log.add("result", await task)
    await client.next("progress")


async def data_of_every_kind(sio: rtserver.Server, log: EventLog, clients: Clients) -> None:
    class Colour(IntEnum):
        RED = 1

    class Name(str):
        __slots__ = ()

    client = await clients.connect()
    values: dict[str, Any] = {
        "tuple inside": [(1, 2), {"a": (3, [4])}],
        "integer keys": {1: "one", 2: {3: "three"}},
        "other keys": {None: 1, True: 2, 1.5: 3},
        "great integers": [2**53 - 1, 2**63, 2**64 + 1, -(2**70)],
        "enumeration": [Colour.RED, {"colour": Colour.RED}],
        "subclasses": [Name("name"), OrderedDict(b=1, a=2), defaultdict(int, a=1)],
        "floats": [1.0, -0.0, 1e22, 1e-7, 123456789.123456789],
        "half a pair": "\ud83d!",
        "escapes": "</script>\u2028\x7f\x00",
        "bytes": [b"bytes", {"a": [b""]}],
        "binary and great": [b"x", 2**70, {5: b"y"}],
    }
    for name, value in values.items():
        await outcome(log, name, sio.emit(name, value, to=client.sid))
    await sio.call("settle", to=client.sid, timeout=10)


OPTIONS: dict[Scenario, dict[str, Any]] = {
    catch_all_namespaces: {"namespaces": "*"},
    sessions: {"namespaces": ["/"]},
    calls_and_callbacks: {"namespaces": ["/"]},
    unknown_clients: {"namespaces": ["/"]},
    background_tasks: {"namespaces": ["/"]},
    data_of_every_kind: {"namespaces": ["/"]},
    always_connect: {"always_connect": True},
    one_handler_after_another: {"async_handlers": False},
}

SCENARIOS: list[Scenario] = [
    handlers_of_every_shape,
    catch_all_namespaces,
    class_namespaces,
    refusals,
    emits_in_connect_and_disconnect_handlers,
    sessions,
    calls_and_callbacks,
    rooms,
    unknown_clients,
    always_connect,
    one_handler_after_another,
    background_tasks,
    data_of_every_kind,
]


@pytest.mark.filterwarnings("default")  # python-socketio's own
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_the_same_is_seen(scenario: Scenario, node: Node, hosting: Hosting) -> None:
    def theirs(**given: Any) -> Any:
        return socketio.AsyncServer(async_mode="aiohttp", **given)

    expected = await trace(theirs, scenario, node, hosting)
    assert await trace(rtserver.Server, scenario, node, hosting) == expected
