from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.namespaces.declaration import Event
from rtserver.service.namespaces.rate import EventRate

from .chat import NAME, OK, Chat, FakeBackend, Given, events, patterns


async def test_unknown_events_are_refused_and_counted() -> None:
    chat = Chat()
    client = await chat.connect()
    answer = await client.call("delete", 1)
    assert answer == {"code": "unknown_event", "message": "/chat takes no event named 'delete'"}
    long = await client.call("x" * 200)
    assert len(long["message"]) < 130
    assert chat.sio.counters.refused_events == 2


async def test_the_most_clients_that_may_come() -> None:
    chat = Chat(max_clients=2)
    first, _ = await chat.connect(), await chat.connect()
    with pytest.raises(Refusal) as refused:
        await chat.connect()
    assert refused.value.error_args == {
        "message": "/chat has 2 clients, the most that it takes",
        "data": {"code": "too_many_clients"},
    }
    await first.disconnect()
    await chat.connect()


async def test_claims_for_more_rooms_than_there_may_be() -> None:
    chat = Chat(join=patterns("team:{teams}"), max_rooms=2)
    assert chat.rooms(await chat.connect(teams=["a", "b"])) == {"team:a", "team:b"}
    with pytest.raises(Refusal) as refused:
        await chat.connect(teams=["a", "b", "c"])
    assert refused.value.error_args["data"] == {"code": "too_many_rooms"}
    assert not chat.sio.rooms("anyone", NAME)


async def test_two_long_lists_are_not_multiplied() -> None:
    chat = Chat(join=patterns("{a}:{b}"))
    with pytest.raises(Refusal):
        await chat.connect(a=list(range(2000)), b=list(range(2000)))


async def test_the_limit_of_the_whole_server() -> None:
    chat = Chat(join=patterns("team:{teams}"), server={"max_rooms": 1})
    with pytest.raises(Refusal) as refused:
        await chat.connect(teams=["a", "b"])
    assert refused.value.error_args["data"] == {"code": "too_many_rooms"}
    assert "max_rooms" not in refused.value.error_args["message"]


async def test_new_claims_change_the_rooms() -> None:
    chat = Chat(
        join=patterns("user:{sub}", "team:{teams}"),
        may_join=patterns("plans:{teams}:*", "chat:*"),
        public=("name",),
    )
    ada = await chat.connect(sub="ada", teams=["red", "blue"])
    for room in ("plans:red:x", "plans:blue:x", "chat:x"):
        assert await ada.call("join", room) == OK
    await chat.sio.enter_room(chat.sid(ada), "given otherwise", NAME)
    await chat.renew(ada, sub="ada", teams=["red", "green"], name="Ada")
    others = {"user:ada", "chat:x", "given otherwise"}
    assert chat.rooms(ada) == others | {"team:red", "team:green", "plans:red:x"}
    await chat.renew(ada)
    assert chat.rooms(ada) == {"chat:x", "given otherwise"}


async def test_a_room_that_was_left_is_not_entered_again_by_the_same_claims() -> None:
    rooms = patterns("team:{teams}")
    chat = Chat(join=rooms, may_leave=rooms)
    ada = await chat.connect(teams=["red", "blue"])
    assert await ada.call("leave", "team:red") == OK
    await chat.renew(ada, teams=["red", "blue"])
    assert chat.rooms(ada) == {"team:blue"}


async def test_new_claims_for_too_many_rooms_end_it() -> None:
    chat = Chat(join=patterns("team:{teams}"), max_rooms=2)
    ada = await chat.connect(teams=["red"])
    await chat.renew(ada, teams=["a", "b", "c"])
    await ada.settled()
    assert ada.disconnected == "server disconnect"


async def test_who_comes_back_with_other_claims_has_other_rooms() -> None:
    recovery = ConnectionStateRecovery(skip_middlewares=False)
    chat = Chat(
        join=patterns("team:{teams}"),
        may_join=patterns("plans:{teams}:*", "chat:*"),
        server={"connection_state_recovery": recovery},
    )
    ada = await chat.connect(teams=["red", "blue"])
    for room in ("plans:blue:x", "chat:x"):
        assert await ada.call("join", room) == OK
    sid = chat.sid(ada)
    ada.drop()
    ada.auth = {"teams": ["red", "green"]}
    await ada.connect()
    assert (ada.recovered, ada.sid) == (True, sid)
    assert chat.rooms(ada) == {"team:red", "team:green", "chat:x"}
    assert (await ada.call("join", "plans:blue:x"))["code"] == "not_allowed"


async def test_claims_of_another_namespace_s_client_change_nothing() -> None:
    chat = Chat(join=patterns("team:{teams}"))
    chat.sio.on("connect", lambda sid, environ: True, "/other")
    ada = await chat.connect(teams=["red"])
    other = ada.namespace("/other")
    await other.connect()
    assert other.sid is not None
    await chat.namespace.renew(chat.sio.socket(other.sid, "/other"))
    assert chat.rooms(ada) == {"team:red"}


async def test_events_over_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Chat(may_join=patterns("chat:*"), rate=EventRate(0.001, 2))
    ada, bob = await chat.connect(), await chat.connect()
    answers: list[Any] = [await ada.call("join", f"chat:{number}") for number in range(3)]
    assert answers[:2] == [OK, OK]
    assert (answers[2]["code"], answers[2]["message"]) == ("rate_limited", "rate limit exceeded")
    assert 0 < answers[2]["retry_after"] <= 1000
    assert chat.rooms(ada) == {"chat:0", "chat:1"}
    assert await bob.call("join", "chat:0") == OK
    assert (await ada.call("unknown"))["code"] == "rate_limited"


async def test_a_backend_gives_claims_and_rooms_and_sends() -> None:
    backend = FakeBackend(Given({"team": "red", "sub": "ada"}, ["vip"], ["welcome"]))
    chat = Chat(backend, backend=True, join=patterns("user:{sub}", "team:{team}"), public=("sub",))
    client = await chat.connect(sub="eve", role="x")
    assert chat.rooms(client) == {"user:ada", "team:red", "vip"}
    assert (await client.receive("welcome")).args == ()
    session = await chat.sio.get_session(chat.sid(client), NAME)
    assert session == {"claims": {"team": "red", "sub": "ada", "role": "x"}, "user": {"sub": "ada"}}
    await chat.renew(client, sub="eve", team="blue")
    assert chat.rooms(client) == {"user:ada", "team:red", "vip"}


async def test_a_backend_refuses() -> None:
    backend = FakeBackend(refusal=Refusal("not today", {"code": "closed"}))
    chat = Chat(backend, backend=True, max_clients=1)
    for _ in range(2):  # who was refused has no place
        with pytest.raises(Refusal) as refused:
            await chat.connect()
        assert refused.value.error_args == {"message": "not today", "data": {"code": "closed"}}
    backend.refusal = None
    await chat.connect()


async def test_a_backend_answers_events() -> None:
    order = Event("order", backend=True)
    chat = Chat(FakeBackend(), events=events(order))
    client = await chat.connect()
    assert await client.call("order", (1, b"2")) == ("order", 1, b"2")
    assert (await client.call("other"))["code"] == "unknown_event"
    chat = Chat(FakeBackend(), events=events(order, replace(order, name="*")), may_join=patterns("chat:*"))
    client = await chat.connect()
    assert await client.call("other", 3) == ("other", 3)
    assert await client.call("join", "chat:x") == OK


async def test_an_event_named_like_all_others_speaks_for_nobody_else() -> None:
    chat = Chat(FakeBackend(), events=events(Event("*", backend=True)))
    ada, eve = await chat.connect(), await chat.connect()
    assert await eve.call("*", (chat.sid(ada), 1)) == ("*", chat.sid(ada), 1)
    chat = Chat()
    ada, eve = await chat.connect(), await chat.connect()
    answer = await eve.call("*", chat.sid(ada))
    assert answer["message"] == "/chat takes no event named '*'"


async def test_handlers_of_an_application_come_first() -> None:
    chat = Chat(events=events(Event("say", patterns("chat:*"))))
    chat.sio.on("say", lambda sid, text: text.upper(), NAME)
    chat.sio.on("connect", lambda sid, environ: None, NAME)
    client = await chat.connect()
    assert await client.call("say", "x") == "X"
