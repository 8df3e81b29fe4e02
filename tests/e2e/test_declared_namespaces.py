"""Namespaces that are declared in the config file, with the service and the official client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.tokens import SECRET, token

from .harness.api import ApiClient
from .harness.command import Commands
from .harness.node import Node, NodeSocket, Transport
from .harness.redis import RedisServer

CONFIG = """
[auth]
namespaces = ["*"]
leeway = 0

[[auth.keys]]
algorithm = "HS256"
secret_file = "token.secret"

[[namespaces]]
name = "/chat"
join = ["user:{sub}", "team:{teams}"]
may_join = ["chat:*", "project:{teams}:*"]
public = ["sub", "name"]
history = ["chat:*"]
presence = ["chat:*"]

[namespaces.limits]
rooms = 6

[[namespaces.events]]
name = "message"
relay = ["chat:*", "project:{teams}:*"]

[[namespaces.events]]
name = "note"
relay = ["team:{teams}"]
to_sender = true

[[namespaces.events]]
name = "whisper"
relay = ["user:*"]
members_only = false

[[namespaces.events]]
name = "cursor"
relay = ["chat:*"]
volatile = true
"""
EVE: dict[str, Any] = {"sub": "eve", "name": "Eve", "teams": ["red"]}
ADA: dict[str, Any] = {"sub": "ada", "name": "Ada", "teams": ["red", "blue"]}
BOB: dict[str, Any] = {"sub": "bob", "name": "Bob", "teams": ["blue"]}
OK = [{"ok": True}]


@pytest.fixture
def commands(commands: Commands, tmp_path: Path) -> Commands:
    (tmp_path / "token.secret").write_bytes(SECRET)
    return commands


async def serve(commands: Commands, text: str = CONFIG, *options: str) -> str:
    return await (await commands.serve(text, *options)).url()


@pytest.fixture
async def url(commands: Commands) -> str:
    return await serve(commands)


async def connect(node: Node, url: str, claims: dict[str, Any], **options: Any) -> NodeSocket:
    return await node.connect(url, namespace="/chat", auth={"token": token(**claims)}, **options)


def code(answer: list[Any]) -> str:
    (error,) = answer
    assert error["message"]
    return str(error["code"])


async def test_who_is_in_a_room_receives_what_is_relayed_to_it(node: Node, url: str) -> None:
    ada, bob, eve = [await connect(node, url, claims) for claims in (ADA, BOB, EVE)]
    assert [await client.call("join", "chat:x") for client in (ada, bob)] == [OK, OK]
    assert await ada.call("message", "chat:x", "hello", b"\x00\x01") == OK
    assert await bob.next("message") == [{"sub": "ada", "name": "Ada"}, "chat:x", "hello", b"\x00\x01"]
    assert code(await eve.call("message", "chat:x", "let me in")) == "not_in_room"
    assert await bob.call("leave", "chat:x") == OK
    assert await bob.call("leave", "chat:x") == OK
    assert await ada.call("message", "chat:x", "is anyone here?") == OK
    await ada.emit("note", "the last")
    assert await bob.next("note") == [{"sub": "ada", "name": "Ada"}, "the last"]
    assert [name for name, _ in bob.log.history].count("message") == 1


async def test_a_claim_that_is_a_list_leads_into_a_room_for_each(node: Node, url: str) -> None:
    ada, bob, eve = [await connect(node, url, claims) for claims in (ADA, BOB, EVE)]
    assert await ada.call("note", 1) == OK
    for client in (ada, bob, eve):
        assert await client.next("note") == [{"sub": "ada", "name": "Ada"}, 1]
    assert await bob.call("note", 2) == OK
    for client in (ada, bob):
        assert await client.next("note") == [{"sub": "bob", "name": "Bob"}, 2]
    assert await bob.call("whisper", "user:eve", 3) == OK
    assert await eve.next("whisper") == [{"sub": "bob", "name": "Bob"}, "user:eve", 3]
    assert [name for name, _ in eve.log.history].count("note") == 1


async def test_what_is_not_declared_is_refused_with_a_reason(node: Node, url: str) -> None:
    ada = await connect(node, url, ADA)
    assert await ada.call("delete", 1) == [
        {"code": "unknown_event", "message": "/chat takes no event named 'delete'"}
    ]
    assert await ada.call("join", "user:bob") == [
        {"code": "not_allowed", "message": "you may not join 'user:bob'"}
    ]
    for args in ((), (7,), ("chat:x", 1), ({"room": "chat:x"},), (b"chat:x",)):
        assert code(await ada.call("join", *args)) == "invalid_arguments"
    for name in ("message", "leave", "presence", "history"):
        assert code(await ada.call(name)) == "invalid_arguments"
        assert code(await ada.call(name, ["chat:x"])) == "invalid_arguments"
    assert code(await ada.call("presence", "chat:x")) == "not_in_room"
    assert code(await ada.call("history", "chat:x")) == "not_in_room"
    assert code(await ada.call("leave", "user:ada")) == "not_allowed"
    assert code(await ada.call("presence", "user:ada")) == "not_allowed"
    await ada.emit("delete", 2)
    assert await ada.call("join", "chat:x") == OK


async def test_rooms_that_a_client_may_not_join(node: Node, url: str) -> None:
    eve = await connect(node, url, EVE)
    for room in (
        *(
            "user:bob",
            "user:*",
            "user:",
            "*",
            "",
            ":",
            "chat:",
            "chat",
            "chat:*",
            "chat:x:y",
            "project:blue:x",
        ),
        *("project:*:x", "project:red:*", "project:red", "project:{teams}:x", "project:red:a:b", "CHAT:x"),
        *("team:blue", "team:red:x", "chat:\n", "chat:\u0000", "x" * 100_000, "chat:" + "x" * 255),
    ):
        assert code(await eve.call("join", room)) == "not_allowed", room
    assert await eve.call("join", "project:red:x") == OK


async def test_a_name_that_is_made_up_leads_into_no_other_s_room(node: Node, url: str) -> None:
    ada, bob = await connect(node, url, ADA), await connect(node, url, BOB)
    mallories = [
        await connect(node, url, {**EVE, "sub": sub})
        for sub in ("*", "bob:", "bob:x", ":bob", "", "%62ob", "bob\n", "{sub}", "user:bob", "b*")
    ]
    assert await ada.call("whisper", "user:bob", "for Bob alone") == OK
    assert (await bob.next("whisper"))[2] == "for Bob alone"
    assert await ada.call("note", "for all") == OK
    for mallory in mallories:
        await mallory.next("note")
        assert "whisper" not in [name for name, _ in mallory.log.history]


async def test_a_list_that_is_made_up_leads_into_no_other_s_room(node: Node, url: str) -> None:
    bob = await connect(node, url, BOB)
    lists: list[Any] = ["*", ["*"], "blue:x", ":", {"blue": 1}, True, [["blue"]], 1.5, "blue%"]
    mallories = [await connect(node, url, {**EVE, "teams": teams}) for teams in lists]
    for mallory in mallories:
        for room in ("project:blue:x", "project:*:x", "project:blue:x:y", "project::x", "project:True:y:x"):
            assert code(await mallory.call("join", room)) == "not_allowed"
    assert await bob.call("note", "for the blue") == OK
    await bob.next("note")
    assert await bob.call("whisper", "user:eve", "for Eve") == OK
    for mallory in mallories:
        await mallory.next("whisper")
        assert "note" not in [name for name, _ in mallory.log.history]


async def test_the_own_room_of_another_client_cannot_be_entered(node: Node, url: str) -> None:
    bob, eve = await connect(node, url, BOB), await connect(node, url, {**EVE, "sub": "chat"})
    for room in (bob.sid, f"chat:{bob.sid}", f"user:{bob.sid}"):
        await eve.call("join", room)
        await eve.call("message", room, 1)
        await eve.call("whisper", room, 1)
    assert await bob.call("note", "still alone") == OK
    await bob.next("note")
    assert not {"message", "whisper"} & {name for name, _ in bob.log.history}


async def test_nobody_can_pretend_to_be_another_sender(node: Node, url: str) -> None:
    bob, eve = await connect(node, url, BOB), await connect(node, url, EVE)
    assert await eve.call("whisper", "user:bob", {"sub": "ada"}, {"sub": "ada"}) == OK
    sender, room, *rest = await bob.next("whisper")
    assert (sender, room) == ({"sub": "eve", "name": "Eve"}, "user:bob")
    assert rest == [{"sub": "ada"}, {"sub": "ada"}]
    assert code(await eve.call("whisper", {"sub": "ada"}, "user:bob")) == "invalid_arguments"


async def test_history_and_presence(node: Node, url: str) -> None:
    ada, bob = await connect(node, url, ADA), await connect(node, url, BOB)
    for client in (ada, bob):
        assert await client.call("join", "chat:x") == OK
        assert await client.call("join", "chat:y") == OK
    for number in range(3):
        assert await ada.call("message", "chat:x", number) == OK
    assert await ada.call("cursor", "chat:x", 1, 2) == OK
    (answer,) = await bob.call("presence", "chat:x")
    assert answer == {
        "ok": True,
        "count": 2,
        "members": {
            ada.sid: {"user": {"sub": "ada", "name": "Ada"}},
            bob.sid: {"user": {"sub": "bob", "name": "Bob"}},
        },
    }
    (answer,) = await bob.call("history", "chat:x")
    assert (answer["ok"], answer["complete"]) == (True, True)
    assert [(event["event"], event["args"][2]) for event in answer["events"]] == [
        ("message", number) for number in range(3)
    ]
    (later,) = await bob.call("history", "chat:x", {"since": answer["events"][0]["id"], "limit": 5})
    assert later["events"] == answer["events"][1:]
    (newest,) = await bob.call("history", "chat:x", {"limit": 1})
    assert newest["events"] == answer["events"][2:]
    for options in ({"limit": 0}, {"limit": True}, {"limit": "1"}, {"since": 1}, {"last": 1}, 7, None):
        assert code(await bob.call("history", "chat:x", options)) == "invalid_arguments"
    (answer,) = await bob.call("history", "chat:y")
    assert answer["events"] == []


async def test_rooms_that_are_too_many(node: Node, url: str) -> None:
    ada = await connect(node, url, ADA)
    for number in range(3):
        assert await ada.call("join", f"chat:{number}") == OK
    assert code(await ada.call("join", "chat:3")) == "too_many_rooms"
    assert await ada.call("join", "chat:2") == OK
    assert await ada.call("leave", "chat:2") == OK
    assert await ada.call("join", "chat:3") == OK
    manager = await node.manager(url, transports=["websocket"], reconnection=False)
    crowd = await manager.socket("/chat", {"token": token(sub="crowd", teams=list(range(6)))})
    (error,) = await crowd.next("connect_error")
    assert error["data"] == {"code": "too_many_rooms"}


async def test_only_declared_namespaces_are_there(node: Node, url: str) -> None:
    manager = await node.manager(url, transports=["websocket"], reconnection=False)
    for namespace in ("/", "/other", "/chat/x"):
        (error,) = await (await manager.socket(namespace, {"token": token()})).next("connect_error")
        assert error["message"] == "Invalid namespace"
    (error,) = await (await manager.socket("/chat")).next("connect_error")
    assert error["data"] == {"code": "token_missing"}


async def test_every_transport(node: Node, url: str) -> None:
    clients = [await connect(node, url, ADA, transport=transport) for transport in Transport]
    for sender in clients:
        assert await sender.call("note", sender.sid) == OK
        for receiver in clients:
            assert (await receiver.next("note"))[1] == sender.sid


async def test_a_new_token_takes_its_user_out_of_rooms(node: Node, commands: Commands) -> None:
    url = await serve(commands)
    ada, bob = [await connect(node, url, {**claims, "lifetime": 8}) for claims in (ADA, BOB)]
    for client in (ada, bob):
        assert await client.call("join", "project:blue:plans") == OK
        assert await client.call("join", "chat:x") == OK
    await bob.answer("token_refresh", token(**BOB))
    await ada.answer("token_refresh", token(sub="ada", name="Ada L.", teams=["red", "green"]))
    await ada.next("token_refresh")  # when half of its time is up
    while await ada.call("message", "project:blue:plans", "until the new token was taken") == OK:
        pass
    assert await bob.call("message", "project:blue:plans", "secret") == OK
    assert await bob.call("note", "for the blue") == OK
    assert await bob.call("message", "chat:x", "the last") == OK
    assert (await ada.next("message"))[1:] == ["chat:x", "the last"]
    assert {"sub": "bob", "name": "Bob"} not in [args[0] for name, args in ada.log.history if name == "note"]
    green = await connect(node, url, {**EVE, "teams": ["green"]})
    assert await green.call("note", "hello, green") == OK
    assert (await ada.next("note"))[1] == "hello, green"


async def test_workers(node: Node, commands: Commands) -> None:
    url = await serve(commands, CONFIG, "--workers", "2")
    clients = [await connect(node, url, ADA) for _ in range(4)]
    for client in clients:
        assert await client.call("join", "chat:x") == OK
    for sender in clients:
        assert await sender.call("message", "chat:x", sender.sid) == OK
        for receiver in clients:
            if receiver is not sender:
                assert (await receiver.next("message"))[2] == sender.sid
    (answer,) = await clients[0].call("presence", "chat:x")
    assert answer["count"] == 4


async def test_services_that_redis_joins(node: Node, commands: Commands, tmp_path: Path) -> None:
    async with RedisServer(tmp_path) as redis:
        text = f'{CONFIG}\n[cluster]\nmanager = "redis"\nurl = "{redis.url}"\n'
        urls = [await serve(commands, text) for _ in range(2)]
        ada, bob = [await connect(node, url, claims) for url, claims in zip(urls, (ADA, BOB), strict=True)]
        for client in (ada, bob):
            assert await client.call("join", "chat:x") == OK
        assert await ada.call("message", "chat:x", "hello", b"\x00") == OK
        assert await bob.next("message") == [{"sub": "ada", "name": "Ada"}, "chat:x", "hello", b"\x00"]
        assert await bob.call("note", "for the blue") == OK
        assert (await ada.next("note"))[1] == "for the blue"
        (answer,) = await bob.call("presence", "chat:x")
        assert {each["user"]["sub"] for each in answer["members"].values()} == {"ada", "bob"}


async def test_the_http_api_reaches_users_whatever_their_names(node: Node, commands: Commands) -> None:
    key = "a key that nobody guesses, 32 characters long"
    keys = f'\n[[api.keys]]\nname = "test"\nkey = "{key}"\nscopes = ["*"]\nnamespaces = ["/chat"]\n'
    url = await serve(commands, CONFIG + keys)
    ada = await connect(node, url, ADA)
    other = await connect(node, url, {**ADA, "sub": "ada:x%3A*"})
    async with ApiClient(url, key) as api:
        for name in ("ada:x%3A*", "ada"):
            await api.post("emit", namespace="/chat", to={"users": [name]}, event="hello", args=[name])
    assert await other.next("hello") == ["ada:x%3A*"]
    assert await ada.next("hello") == ["ada"]


async def test_an_application_beside_it(node: Node, commands: Commands) -> None:
    commands.write(
        app="def setup(sio):\n"
        "    @sio.event(namespace='/chat')\n"
        "    async def whoami(sid):\n"
        "        return (await sio.get_session(sid, '/chat'))['claims']['sub']\n"
        "    @sio.event\n"
        "    async def echo(sid, value):\n"
        "        return value\n"
    )
    url = await serve(commands, 'app = "app:setup"\n' + CONFIG)
    ada = await connect(node, url, ADA)
    assert await ada.call("whoami") == ["ada"]
    assert code(await ada.call("echo", 1)) == "unknown_event"
    other = await node.connect(url, auth={"token": token()})
    assert await other.call("echo", 1) == [1]


async def test_a_server_that_the_application_has_made_is_refused(commands: Commands) -> None:
    commands.write(app="import rtserver\nsio = rtserver.Server()\n")
    command = await commands.serve('app = "app:sio"\n[[namespaces]]\nname = "/chat"\n')
    status, _, errors = await command.end()
    assert status == 1
    assert 'namespaces: app = "app:sio" is a Server that is made already' in errors
    assert "name a function that receives the Server instead" in errors


async def test_what_is_declared_is_said_when_it_starts(commands: Commands) -> None:
    command = await commands.serve('[[namespaces]]\nname = "/chat"\n[[namespaces]]\nname = "/news"\n')
    await command.line("declared namespaces: /chat, /news")
    await command.url()
