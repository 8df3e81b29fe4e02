"""The chat's handlers against a server that notes what it is asked to do."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import socketio

from client_demo.app import ChatNamespace
from client_demo.chat import Chat

KEY = "0123456789abcdef"


class RecordingServer:
    """Stands where the Socket.IO server is: rooms are noted, and who would receive what."""

    def __init__(self) -> None:
        self.rooms: dict[str, set[str]] = {}
        self.received: list[tuple[str, str, Any]] = []  # (sid or "*", event, data)
        self.arrived = asyncio.Event()

    async def enter_room(self, sid: str, room: str, namespace: str | None = None) -> None:
        self.rooms.setdefault(room, set()).add(sid)

    async def leave_room(self, sid: str, room: str, namespace: str | None = None) -> None:
        self.rooms[room].discard(sid)

    async def emit(self, event: str, data: Any = None, **options: Any) -> None:
        room = options.get("to") or options.get("room")
        recipients = {"*"} if room is None else self.rooms.get(room, set()) - {options.get("skip_sid")}
        self.received += [(sid, event, data) for sid in sorted(recipients)]
        self.arrived.set()

    def start_background_task(self, target: Any, *arguments: Any) -> asyncio.Task[Any]:
        work: Coroutine[Any, Any, Any] = target(*arguments)
        return asyncio.get_running_loop().create_task(work)

    def events_of(self, sid: str) -> list[str]:
        return [event for recipient, event, _ in self.received if recipient == sid]

    def last(self, sid: str, event: str) -> Any:
        return [data for recipient, name, data in self.received if (recipient, name) == (sid, event)][-1]


@pytest.fixture
def server() -> RecordingServer:
    return RecordingServer()


@pytest.fixture
def app(server: RecordingServer) -> ChatNamespace:
    namespace = ChatNamespace("/", chat=Chat(), grace=0.0)
    namespace.server = server
    return namespace


async def enter(app: ChatNamespace, sid: str, nick: str, room: str = "lobby") -> Any:
    await app.trigger_event("connect", sid, {}, {"key": f"{KEY}-{sid}"})
    return await app.trigger_event("join", sid, {"room": room, "nick": nick})


async def test_join_answers_with_members_and_tells_the_others(
    app: ChatNamespace, server: RecordingServer
) -> None:
    await enter(app, "a", "Ada")
    answer = await enter(app, "b", " Bob ")
    assert answer["ok"] is True
    assert answer["you"]["nick"] == "Bob"
    assert [m["nick"] for m in answer["members"]] == ["Ada", "Bob"]
    assert answer["limits"] == {"file": 700_000, "text": 2_000}
    assert [m["nick"] for m in server.last("a", "members")["members"]] == ["Ada", "Bob"]
    notice = server.last("a", "notice")
    assert (notice["kind"], notice["nick"]) == ("joined", "Bob")
    assert "notice" not in server.events_of("b")


async def test_nobody_can_listen_to_another_by_naming_a_room_like_their_sid(
    app: ChatNamespace, server: RecordingServer
) -> None:
    await enter(app, "a", "Ada", room="b")
    assert "b" not in server.rooms


async def test_message_goes_to_the_others_and_is_acknowledged(
    app: ChatNamespace, server: RecordingServer
) -> None:
    await enter(app, "a", "Ada")
    await enter(app, "b", "Bob")
    picture = {"name": "c.png", "type": "image/png", "data": b"\x00\xff"}
    answer = await app.trigger_event(
        "message", "a", {"room": "lobby", "id": "m1", "text": "hi", "file": picture}
    )
    assert (answer["ok"], answer["id"], answer["others"]) == (True, "m1", 1)
    received = server.last("b", "message")
    assert (received["text"], received["from"]["nick"], received["number"]) == ("hi", "Ada", answer["number"])
    assert received["file"] == {"name": "c.png", "type": "image/png", "size": 2, "data": b"\x00\xff"}
    assert "message" not in server.events_of("a")
    again = await app.trigger_event("message", "a", {"room": "lobby", "id": "m1", "text": "hi"})
    assert again == answer
    assert server.events_of("b").count("message") == 1


async def test_history_has_no_bytes_and_fetch_brings_them(app: ChatNamespace) -> None:
    await enter(app, "a", "Ada")
    picture = {"name": "c.png", "type": "image/png", "data": b"\x00\xff"}
    sent = await app.trigger_event("message", "a", {"room": "lobby", "id": "m1", "file": picture})
    history = (await enter(app, "b", "Bob"))["history"]
    assert history[0]["file"] == {"name": "c.png", "type": "image/png", "size": 2}
    fetched = await app.trigger_event("fetch", "b", {"room": "lobby", "number": sent["number"]})
    assert fetched == {"ok": True, "data": b"\x00\xff"}


async def test_history_since_counts_in_this_run_of_the_server_only(app: ChatNamespace) -> None:
    first = await enter(app, "a", "Ada")
    sent = await app.trigger_event("message", "a", {"room": "lobby", "id": "m1", "text": "hi"})
    request = {"room": "lobby", "nick": "Ada", "since": sent["number"]}
    known = await app.trigger_event("join", "a", request | {"epoch": first["epoch"]})
    unknown = await app.trigger_event("join", "a", request | {"epoch": "another run"})
    assert (len(known["history"]), len(unknown["history"])) == (0, 1)


@pytest.mark.parametrize("event", ["join", "leave", "rename", "message", "fetch", "typing"])
@pytest.mark.parametrize("data", [(), (None,), ("text",), ([1],), ({},), ({"room": 5, "nick": {}},)])
async def test_a_wrong_request_is_answered_with_an_error(
    app: ChatNamespace, event: str, data: tuple[Any]
) -> None:
    await enter(app, "a", "Ada")
    answer = await app.trigger_event(event, "a", *data)
    assert answer["ok"] is False
    assert answer["error"]


async def test_a_flood_is_told_when_to_try_again(app: ChatNamespace) -> None:
    await enter(app, "a", "Ada")
    for i in range(29):
        assert (await app.trigger_event("message", "a", {"room": "lobby", "id": f"m{i}", "text": "x"}))["ok"]
    answer = await app.trigger_event("message", "a", {"room": "lobby", "id": "last", "text": "x"})
    assert answer["ok"] is False
    assert 0 < answer["retry_after"] <= 0.125


@pytest.mark.parametrize("auth", [{"key": "short"}, {"key": 1}])
async def test_a_wrong_key_is_refused_at_connect(app: ChatNamespace, auth: Any) -> None:
    with pytest.raises(socketio.exceptions.ConnectionRefusedError):
        await app.trigger_event("connect", "a", {}, auth)


async def test_connect_needs_no_key(app: ChatNamespace) -> None:
    await app.trigger_event("connect", "a", {})
    assert (await app.trigger_event("join", "a", {"room": "lobby", "nick": "Ada"}))["ok"]


async def test_rename_tells_every_room(app: ChatNamespace, server: RecordingServer) -> None:
    await enter(app, "a", "Ada")
    await enter(app, "b", "Bob")
    assert (await app.trigger_event("rename", "a", {"nick": "Bob"}))["field"] == "nick"
    assert await app.trigger_event("rename", "a", {"nick": "Countess"}) == {"ok": True, "nick": "Countess"}
    notice = server.last("b", "notice")
    assert (notice["kind"], notice["was"], notice["nick"]) == ("renamed", "Ada", "Countess")


async def test_typing_goes_to_the_others(app: ChatNamespace, server: RecordingServer) -> None:
    await enter(app, "a", "Ada")
    await enter(app, "b", "Bob")
    await app.trigger_event("typing", "a", {"room": "lobby", "active": True})
    assert server.last("b", "typing")["nick"] == "Ada"
    assert "typing" not in server.events_of("a")


async def test_leaving_takes_every_connection_out(app: ChatNamespace, server: RecordingServer) -> None:
    await enter(app, "a", "Ada")
    await enter(app, "b", "Bob")
    assert (await app.trigger_event("leave", "a", {"room": "lobby"}))["ok"]
    assert server.rooms["chat:lobby"] == {"b"}
    assert server.last("b", "notice")["kind"] == "left"
    assert (await app.trigger_event("message", "a", {"room": "lobby", "id": "m", "text": "x"}))["ok"] is False


async def test_a_lost_connection_keeps_the_seat_until_the_grace_is_over(
    app: ChatNamespace, server: RecordingServer
) -> None:
    await enter(app, "a", "Ada")
    await enter(app, "b", "Bob")
    await app.trigger_event("disconnect", "a", "transport close")
    assert server.last("b", "members")["members"][0]["online"] is False
    while "notice" not in server.events_of("b"):
        server.arrived.clear()
        await server.arrived.wait()
    assert server.last("b", "notice")["kind"] == "left"
    assert [m["nick"] for m in server.last("b", "members")["members"]] == ["Bob"]


async def test_who_comes_back_in_time_has_never_left(server: RecordingServer) -> None:
    app = ChatNamespace("/", chat=Chat(), grace=60.0)
    app.server = server
    await enter(app, "a", "Ada")
    await enter(app, "b", "Bob")
    await app.trigger_event("disconnect", "a", "ping timeout")
    await app.trigger_event("connect", "a2", {}, {"key": f"{KEY}-a"})
    assert server.last("b", "members")["members"][0]["online"] is True
    answer = await app.trigger_event("join", "a2", {"room": "lobby", "nick": "Ada"})
    assert answer["ok"]
    assert server.events_of("b").count("notice") == 0


async def test_who_leaves_on_purpose_is_gone_at_once(app: ChatNamespace, server: RecordingServer) -> None:
    await enter(app, "a", "Ada")
    await enter(app, "b", "Bob")
    await app.trigger_event("disconnect", "a", "client disconnect")
    assert server.last("b", "notice")["kind"] == "left"
    assert (await enter(app, "c", "Ada"))["ok"]


async def test_the_list_of_rooms_is_sent_once_for_many_changes(
    app: ChatNamespace, server: RecordingServer
) -> None:
    for name in "abc":
        await enter(app, name, name.upper(), room=name * 3)
    while "rooms" not in server.events_of("*"):
        server.arrived.clear()
        await server.arrived.wait()
    assert server.events_of("*").count("rooms") == 1
    assert [r["name"] for r in server.last("*", "rooms")] == ["lobby", "aaa", "bbb", "ccc"]
