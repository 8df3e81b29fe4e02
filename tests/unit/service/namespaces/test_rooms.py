from __future__ import annotations

from typing import Any

import pytest

import rtserver
from rtserver.service.namespaces.declaration import Event

from .chat import NAME, OK, Chat, events, patterns


async def test_joining_and_leaving() -> None:
    chat = Chat(may_join=patterns("chat:*", "team:{teams}"), may_leave=patterns("chat:*"))
    client = await chat.connect(teams=["red"])
    assert await client.call("join", "chat:x") == OK
    assert await client.call("join", "chat:x") == OK
    assert await client.call("join", "team:red") == OK
    assert chat.rooms(client) == {"chat:x", "team:red"}
    assert await client.call("leave", "chat:x") == OK
    assert await client.call("leave", "chat:x") == OK
    assert (await client.call("leave", "team:red"))["code"] == "not_allowed"
    assert (await client.call("join", "team:blue"))["code"] == "not_allowed"
    assert chat.rooms(client) == {"team:red"}


async def test_the_own_room_is_neither_joined_nor_left_nor_asked_about() -> None:
    chat = Chat(may_join=patterns("chat:*"), may_leave=patterns("chat:*"))
    ada, bob = await chat.connect(), await chat.connect()
    for room in (chat.sid(ada), chat.sid(bob)):
        assert (await ada.call("join", room))["code"] == "not_allowed"
        assert (await ada.call("leave", room))["code"] == "not_allowed"
    for event in ("presence", "history"):
        assert (await ada.call(event, chat.sid(bob)))["code"] == "not_in_room"
        assert (await ada.call(event, chat.sid(ada)))["code"] == "not_allowed"


async def test_the_most_rooms_that_there_may_be() -> None:
    chat = Chat(may_join=patterns("chat:*"), may_leave=patterns("chat:*"), max_rooms=2)
    client = await chat.connect()
    answers = [await client.call("join", f"chat:{number}") for number in range(3)]
    assert answers[:2] == [OK, OK]
    assert answers[2] == {
        "code": "too_many_rooms",
        "message": "you are in 2 rooms, the most that there may be: leave one",
    }
    assert await client.call("join", "chat:1") == OK


@pytest.mark.parametrize("event", ["join", "leave", "presence", "history"])
@pytest.mark.parametrize("args", [(), (None,), (7,), ({"room": "x"},), ("x", {}, 1), (b"x",)])
async def test_arguments_that_are_wrong(event: str, args: tuple[Any, ...]) -> None:
    client = await Chat(may_join=patterns("chat:*")).connect()
    answer = await client.call(event, args)
    assert answer["code"] == "invalid_arguments"
    assert answer["message"].startswith("received ")
    assert "expected the name of a room" in answer["message"]


async def test_who_is_in_a_room() -> None:
    presence = rtserver.Presence([], info=["user"], in_namespaces={NAME: ["chat:*"]})
    chat = Chat(may_join=patterns("chat:*", "other:*"), public=("sub",), server={"presence": presence})
    ada, bob = await chat.connect(sub="ada", secret=1), await chat.connect(sub="bob")
    for client in (ada, bob):
        await client.call("join", "chat:x")
    assert await bob.call("presence", "chat:x") == {
        "ok": True,
        "count": 2,
        "members": {chat.sid(ada): {"user": {"sub": "ada"}}, chat.sid(bob): {"user": {"sub": "bob"}}},
    }
    assert (await bob.call("presence", "chat:y"))["code"] == "not_in_room"
    await bob.call("join", "other:x")
    assert await bob.call("presence", "other:x") == {
        "code": "not_allowed",
        "message": "nobody is told who is in 'other:x'",
    }


async def test_what_was_sent_to_a_room() -> None:
    history = rtserver.History([], in_namespaces={NAME: ["chat:*"]})
    chat = Chat(
        may_join=patterns("chat:*", "other:*"),
        public=("sub",),
        events=events(Event("say", patterns("chat:*"))),
        server={"history": history},
    )
    ada = await chat.connect(sub="ada")
    await ada.call("join", "chat:x")
    for number in range(3):
        await ada.call("say", ("chat:x", number))
    answer = await ada.call("history", "chat:x")
    assert (answer["ok"], answer["complete"]) == (True, True)
    assert [(each["event"], each["args"]) for each in answer["events"]] == [
        ("say", [{"sub": "ada"}, "chat:x", number]) for number in range(3)
    ]
    first, _, last = answer["events"]
    assert (await ada.call("history", ("chat:x", {"limit": 1})))["events"] == [last]
    assert (await ada.call("history", ("chat:x", {"since": first["id"]})))["events"] == answer["events"][1:]
    assert (await ada.call("history", ("chat:x", {"since": "made up"})))["complete"] is False
    await ada.call("join", "other:x")
    assert (await ada.call("history", "other:x"))["message"] == "nothing is kept of what is sent to 'other:x'"


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"limit": -1}, {"limit": True}, {"limit": "1"}, {"since": 7}, {"other": 1}, 7, None, []],
)
async def test_options_that_are_wrong(options: Any) -> None:
    chat = Chat(may_join=patterns("chat:*"))
    client = await chat.connect()
    await client.call("join", "chat:x")
    answer = await client.call("history", ("chat:x", options))
    assert answer["code"] == "invalid_arguments"
    assert "expected an object with limit" in answer["message"]
