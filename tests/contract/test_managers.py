"""What every manager does, whatever it carries messages with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.cluster import namespaces
from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.requests import Request
from rtserver.ids import new_sid
from tests.contract.conftest import Join, received
from tests.support.engine import until
from tests.unit.server.harness import Harness


async def test_an_event_reaches_everyone_or_a_room_or_all_but_some(join: Join) -> None:
    cluster = await join()
    one, two = cluster.first.session(), cluster.second.session()
    one_sid, two_sid = one.join(), two.join()
    sio = cluster.first.sio
    await sio.emit("event", {"a": [1, None]})
    assert await received(one) == await received(two) == ['42["event",{"a":[1,null]}]']
    await cluster.second.sio.enter_room(two_sid, "x")
    await sio.emit("room", room="x")
    assert await received(two) == ['42["room"]']
    await sio.emit("others", skip_sid=two_sid)
    assert await received(one) == ['42["others"]']
    await sio.emit("one", to=two_sid)
    assert await received(two) == ['42["one"]']
    assert one_sid != two_sid
    assert one.take() == two.take() == []


async def test_bytes_survive(join: Join) -> None:
    cluster = await join()
    two = cluster.second.session()
    two.join()
    await cluster.first.sio.emit("event", {"picture": b"\x00\xff"})
    text, attachment = await received(two, 2)
    assert attachment == b"\x00\xff"
    assert str(text).startswith('451-["event",')


async def test_namespaces_are_apart(join: Join) -> None:
    cluster = await join(namespaces="*")
    two = cluster.second.session()
    two.join("/a")
    two.join("/b")
    await cluster.first.sio.emit("event", namespace="/b")
    assert await received(two) == ['42/b,["event"]']


async def test_a_namespace_that_was_shut_is_opened_again(
    join: Join, monkeypatch: pytest.MonkeyPatch, shared_redis: str
) -> None:
    monkeypatch.setattr(namespaces, "MAX_IDLE", 0)
    cluster = await join(namespaces="*")
    name = f"/{new_sid()}"
    for number in range(3):
        await until(lambda: not channels_of(shared_redis, name))
        one, two = cluster.first.session(), cluster.second.session()
        one.join(name)
        two.join(name)
        async with asyncio.timeout(10):
            while len(await cluster.first.sio.of(name).fetch_sockets()) < 2:
                pass  # Redis takes a subscription when it does
        await cluster.first.sio.emit("event", number, namespace=name)
        assert await received(two) == [f'42{name},["event",{number}]']
        one.close()
        two.close()


def channels_of(url: str, namespace: str) -> list[bytes]:
    """Return the channels of a namespace to which anyone is subscribed in Redis."""
    with redis.Redis.from_url(url) as client:
        return [
            channel
            for command in ("PUBSUB CHANNELS", "PUBSUB SHARDCHANNELS")
            for channel in client.execute_command(command)
            if namespace.encode() in channel
        ]


async def test_order_is_kept(join: Join) -> None:
    cluster = await join()
    two = cluster.second.session()
    two.join()
    for number in range(200):
        await cluster.first.sio.emit("event", number)
    assert await received(two, 200) == [f'42["event",{number}]' for number in range(200)]


async def test_clients_are_put_into_rooms_and_out_from_anywhere(join: Join) -> None:
    cluster = await join()
    sio, other = cluster.first.sio, cluster.second.sio
    two = cluster.second.session()
    sid = two.join()
    await sio.enter_room(sid, "x")
    await until(lambda: other.rooms(sid) == [sid, "x"])
    await sio.in_("x").sockets_join("y", "z")
    await until(lambda: other.rooms(sid) == [sid, "x", "y", "z"])
    await sio.leave_room(sid, "x")
    await until(lambda: other.rooms(sid) == [sid, "y", "z"])
    await sio.in_("y").sockets_leave("z")
    await until(lambda: other.rooms(sid) == [sid, "y"])
    await sio.close_room("y")
    await until(lambda: other.rooms(sid) == [sid])


async def test_clients_are_disconnected_from_anywhere(join: Join) -> None:
    cluster = await join()
    one, two = cluster.second.session(), cluster.second.session()
    one_sid, two_sid = one.join(), two.join()
    await cluster.first.sio.disconnect(one_sid)
    assert await received(one) == ["41"]
    await cluster.first.sio.in_(two_sid).disconnect_sockets(close=True)
    await until(lambda: not two.is_open)


async def test_a_call_is_answered_by_a_client_anywhere(join: Join) -> None:
    cluster = await join()
    two = cluster.second.session()
    sid = two.join()
    call = asyncio.ensure_future(cluster.first.sio.call("question", 1, to=sid, timeout=5))
    assert await received(two) == ['421["question",1]']
    two.receive('31["an","answer"]')
    assert list(await call) == ["an", "answer"]
    with pytest.raises(NoAnswer):
        await cluster.first.sio.call("question", to="nobody", timeout=5)


async def test_a_callback_is_called_with_the_answer_of_a_client_anywhere(join: Join) -> None:
    cluster = await join()
    two = cluster.second.session()
    two.join()
    answers: list[Any] = []
    await cluster.first.sio.emit("question", callback=lambda *args: answers.append(args))
    assert await received(two) == ['421["question"]']
    two.receive('31["answer"]')
    await until(lambda: answers == [("answer",)])


async def test_everyone_answers_a_broadcast(join: Join) -> None:
    cluster = await join()
    one, two = cluster.first.session(), cluster.second.session()
    one.join()
    two.join()
    asked = asyncio.ensure_future(cluster.first.sio.timeout(5).emit_with_ack("question"))
    for session, answer in ((one, "a"), (two, "b")):
        assert await received(session) == ['421["question"]']
        session.receive(f'31["{answer}"]')
    answers = await asked
    assert (sorted(answers), answers.complete) == (["a", "b"], True)


async def test_who_does_not_answer_is_missing(join: Join) -> None:
    cluster = await join()
    one, two = cluster.first.session(), cluster.second.session()
    one.join()
    two.join()
    asked = asyncio.ensure_future(cluster.first.sio.timeout(0.5).emit_with_ack("question"))
    await received(one)
    await received(two)
    one.receive('31["a"]')
    answers = await asked
    assert (list(answers), answers.missing_count, answers.complete) == (["a"], 1, False)


async def test_an_answer_may_have_several_arguments(join: Join) -> None:
    cluster = await join()
    two = cluster.second.session()
    sid = two.join()
    asking, answers = cluster.first.sio, ('31["a",[1]]', '31[["a",1]]', "31[]")
    asked = asyncio.ensure_future(asking.call("question", to=sid, timeout=5))
    assert await received(two) == ['421["question"]']
    two.receive('31["a",[1]]')
    assert await asked == ("a", [1])
    for id, (answer, expected) in enumerate(zip(answers, [("a", [1]), ["a", 1], None], strict=True), 2):
        asked = asyncio.ensure_future(asking.to(sid).timeout(5).emit_with_ack("question"))
        assert await received(two) == [f'42{id}["question"]']
        two.receive(answer.replace("31", f"3{id}", 1))
        assert await asked == [expected]


async def test_a_callback_takes_several_arguments(join: Join) -> None:
    cluster = await join()
    two = cluster.second.session()
    sid = two.join()
    seen: list[Any] = []
    await cluster.first.sio.emit("question", to=sid, callback=lambda *args: seen.append(args))
    assert await received(two) == ['421["question"]']
    two.receive('31["a",[1]]')
    await until(lambda: seen)
    assert seen == [("a", [1])]


async def test_a_server_that_leaves_is_waited_for_no_longer(join: Join) -> None:
    cluster = await join()
    if cluster.is_one:
        return
    two = cluster.second.session()
    two.join()
    async with asyncio.timeout(10):
        while not await cluster.first.sio.fetch_sockets():
            pass  # Redis takes a subscription when it does
        asked = asyncio.ensure_future(cluster.first.sio.timeout(60).emit_with_ack("question"))
        await received(two)
        await until(lambda: [each.owed for each in pending(cluster.first)] == [1])
        await cluster.second.sio.shutdown()
        answers = await asked
    assert (list(answers), answers.missing_count, answers.complete) == ([], 1, False)


def pending(harness: Harness) -> list[Request]:
    """Return the requests of a server that are under way."""
    manager = harness.sio.manager
    assert isinstance(manager, ClusterManager)
    return list(manager._requests._pending.values())


async def test_sockets_are_fetched_from_everywhere(join: Join) -> None:
    cluster = await join()
    one, two = cluster.first.session(), cluster.second.session()
    one_sid = one.join("/", '{"user":"ann"}')
    two_sid = two.join("/", '{"user":"bob"}')
    await cluster.second.sio.save_session(two_sid, {"name": "Bob"})
    await cluster.second.sio.enter_room(two_sid, "x")
    sockets = await cluster.first.sio.fetch_sockets()
    assert {socket.id for socket in sockets} == {one_sid, two_sid}
    [socket] = await cluster.first.sio.in_("x").fetch_sockets()
    assert (socket.id, set(socket.rooms), socket.data) == (two_sid, {two_sid, "x"}, {"name": "Bob"})
    assert socket.handshake.auth == {"user": "bob"}
    assert socket.handshake.headers["user-agent"] == "tests"
    assert sockets.silent == ()


async def test_local_means_this_server(join: Join) -> None:
    cluster = await join()
    one, two = cluster.first.session(), cluster.second.session()
    one_sid = one.join()
    two.join()
    sockets = await cluster.first.sio.local.fetch_sockets()
    assert (one_sid in {socket.id for socket in sockets}, len(sockets)) == (True, 2 if cluster.is_one else 1)


async def test_nothing_is_left_of_requests(join: Join) -> None:
    cluster = await join()
    two = cluster.second.session()
    two.join()
    sio = cluster.first.sio
    await sio.fetch_sockets()
    await sio.timeout(0.1).emit_with_ack("question")
    sockets = [
        socket
        for harness in cluster.servers
        for namespace in harness.sio._hub.namespaces.values()
        for socket in namespace.sockets.values()
    ]
    await until(lambda: all(socket.acks is None for socket in sockets))
