from __future__ import annotations

from typing import Any

import pytest

from rtserver.service.namespaces.declaration import Event
from rtserver.service.namespaces.pattern import MAX_NAME
from rtserver.service.namespaces.relay import MOST_ROOMS
from rtserver.testing.client import TestClient

from .chat import NAME, OK, Chat, events, patterns

ROOMS: dict[str, Any] = {
    "join": patterns("user:{sub}", "team:{teams}"),
    "may_join": patterns("chat:*", "plans:{teams}:*"),
    "public": ("sub", "name"),
}


async def chat_with(event: Event, **more: Any) -> tuple[Chat, TestClient, TestClient]:
    chat = Chat(events=events(event), **(ROOMS | more))
    ada = await chat.connect(sub="ada", name="Ada", teams=["red", "blue"])
    return chat, ada, await chat.connect(sub="bob", teams=["blue"])


async def test_what_is_relayed_begins_with_its_sender() -> None:
    _, ada, bob = await chat_with(Event("say", patterns("chat:*")))
    for client in (ada, bob):
        await client.call("join", "chat:x")
    assert await ada.call("say", ("chat:x", {"n": 1}, b"\x00", None)) == OK
    assert (await bob.receive("say")).args == (
        {"sub": "ada", "name": "Ada"},
        "chat:x",
        {"n": 1},
        b"\x00",
        None,
    )
    assert await bob.call("say", ("chat:x", {"sub": "ada"})) == OK
    assert (await ada.receive("say")).args == ({"sub": "bob"}, "chat:x", {"sub": "ada"})
    await ada.settled()
    assert [event.name for event in ada.received] == ["say"]  # Bob's, and not its own


async def test_nothing_is_told_of_the_sender() -> None:
    _, ada, bob = await chat_with(Event("say", patterns("team:{teams}")), public=())
    assert await ada.call("say") == OK
    assert (await bob.receive("say")).args == ()


async def test_whoever_is_in_several_rooms_receives_it_once_and_the_sender_too() -> None:
    chat, ada, bob = await chat_with(Event("say", patterns("team:{teams}"), to_sender=True))
    too = await chat.connect(sub="ada", name="Ada", teams=["red", "blue"])
    assert await ada.call("say", 1) == OK
    for client in (ada, bob, too):
        assert (await client.receive("say")).args == ({"sub": "ada", "name": "Ada"}, 1)
        await client.settled()
        assert len(client.received) == 1


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), "invalid_arguments"),
        ((7,), "invalid_arguments"),
        ((["chat:x"],), "invalid_arguments"),
        ((b"chat:x",), "invalid_arguments"),
        (("chat:x",), "not_in_room"),
        (("team:blue",), "not_allowed"),
        (("user:bob",), "not_allowed"),
        (("plans:green:x",), "not_allowed"),
        (("chat:*",), "not_allowed"),
        (("",), "not_allowed"),
    ],
)
async def test_rooms_that_a_client_may_not_send_to(args: tuple[Any, ...], code: str) -> None:
    _, ada, _ = await chat_with(Event("say", patterns("chat:*", "plans:{teams}:*")))
    answer = await ada.call("say", args)
    assert answer["code"] == code
    assert "say" in answer["message"] or code == "not_in_room"


async def test_the_own_room_of_a_client_is_no_target() -> None:
    chat, ada, bob = await chat_with(Event("say", patterns("chat:*"), members_only=False))
    assert (await ada.call("say", chat.sid(bob)))["code"] == "not_allowed"
    assert (await ada.call("say", chat.sid(ada)))["code"] == "not_allowed"


async def test_who_need_not_be_in_a_room() -> None:
    _, ada, bob = await chat_with(Event("whisper", patterns("user:*"), members_only=False))
    assert await ada.call("whisper", ("user:bob", "psst")) == OK
    assert (await bob.receive("whisper")).args == ({"sub": "ada", "name": "Ada"}, "user:bob", "psst")


async def test_a_room_s_name_is_no_longer_than_one_that_may_be_joined() -> None:
    _, ada, _ = await chat_with(Event("whisper", patterns("user:*"), members_only=False))
    assert await ada.call("whisper", ("user:" + "x" * (MAX_NAME - 5), "psst")) == OK
    answer = await ada.call("whisper", ("user:" + "x" * (MAX_NAME - 4), "psst"))
    assert answer["code"] == "not_allowed"


async def test_rooms_by_claims_are_those_that_the_client_is_in() -> None:
    chat, ada, bob = await chat_with(Event("say", patterns("team:{teams}")))
    await chat.sio.leave_room(chat.sid(ada), "team:blue", NAME)
    assert await ada.call("say", 1) == OK
    await bob.settled()
    assert bob.received == []
    nobody = await chat.connect(sub="eve")
    assert (await nobody.call("say", 1))["code"] == "not_in_room"


async def test_two_long_lists_are_not_multiplied() -> None:
    many = list(range(1500))
    chat = Chat(events=events(Event("say", patterns("x:{a}:{b}"), members_only=False)))
    ada = await chat.connect(a=many, b=many)
    answer = await ada.call("say", 1)
    assert answer["code"] == "too_many_rooms"
    assert answer["message"] == (
        f"your claims name more than {MOST_ROOMS} rooms, the most that say may be for"
    )


async def test_volatile_events_are_left_out_for_who_is_not_ready() -> None:
    chat, ada, bob = await chat_with(Event("cursor", patterns("team:{teams}"), volatile=True))
    bob.stall()
    for number in range(3):
        assert await ada.call("cursor", number) == OK
    bob.resume()
    await chat.sio.emit("end", namespace=NAME)
    await bob.receive("end")
    assert [event.name for event in bob.received] == ["end"]
