from __future__ import annotations

import asyncio
from typing import Any

import pytest
from socketio.exceptions import ConnectionError as NotConnected
from socketio.exceptions import ConnectionRefusedError as Refused
from socketio.exceptions import DisconnectedError, TimeoutError

from rtserver import Server
from rtserver.testing import TestClient


def echo_server(**options: Any) -> Server:
    sio = Server(**options)

    @sio.event
    async def echo(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    return sio


async def test_events_and_answers() -> None:
    async with TestClient(echo_server()) as client:
        assert await client.call("echo") is None
        assert await client.call("echo", 1) == 1
        assert await client.call("echo", [1]) == [1]
        assert await client.call("echo", (1, {"a": b"\x00"})) == (1, {"a": b"\x00"})


@pytest.mark.parametrize("serializer", ["default", "msgpack"])
async def test_the_servers_own_codec_is_used(serializer: str) -> None:
    sio = echo_server(serializer=serializer)
    async with TestClient(sio, auth={"token": "ключ"}) as client:
        value = {"text": "☃", "bytes": [b"", b"\xff"], "number": 1.5, "none": None}
        assert await client.call("echo", value) == value
        with pytest.raises(TypeError, match="object"):
            await client.emit("echo", object())
        with pytest.raises(TypeError, match="object"):
            await sio.emit("event", object(), to=client.sid)
        await sio.emit("event", (1, b"2"), to=client.sid)
        assert await client.receive() == ("event", (1, b"2"))


async def test_a_handler_has_begun_when_emit_returns() -> None:
    sio = Server()
    begun: list[int] = []

    @sio.event
    async def number(sid: str, value: int) -> None:
        begun.append(value)
        await asyncio.sleep(0)

    async with TestClient(sio) as client:
        for value in range(3):
            await client.emit("number", value)
            assert begun[-1] == value


async def test_events_are_received_by_name_or_in_order() -> None:
    sio = Server()
    async with TestClient(sio) as client:
        for name, data in (("a", 1), ("b", (2, 3)), ("a", None)):
            await sio.emit(name, data)
        assert (await client.receive("b")).data == (2, 3)
        assert [await client.receive(), await client.receive()] == [("a", (1,)), ("a", ())]
        assert [event.name for event in client.received] == ["a", "b", "a"]
        waiting = asyncio.ensure_future(client.receive("late"))
        await asyncio.sleep(0)
        await sio.emit("late", "now")
        assert (await waiting).data == "now"


async def test_the_client_answers_the_server() -> None:
    sio = Server()
    async with TestClient(sio) as client:
        client.on("nothing", lambda: None)
        client.on("two", lambda first, second: (second, first))

        @client.on("later")
        async def later(data: bytes) -> list[bytes]:
            await asyncio.sleep(0)
            return [data]

        assert await sio.call("nothing", to=client.sid) is None
        assert await sio.call("two", (1, 2), to=client.sid) == (2, 1)
        assert await sio.call("later", b"x", to=client.sid) == [b"x"]
        assert [event.name for event in client.received] == ["nothing", "two", "later"]
        with pytest.raises(TimeoutError, match="no event came"):
            await client.receive(timeout=0)


@pytest.mark.parametrize("is_async", [False, True])
async def test_what_a_handler_of_the_client_raises_the_test_hears_of(is_async: bool) -> None:
    sio = Server()

    def plain() -> None:
        raise ValueError("the client's")

    async def later() -> None:
        await asyncio.sleep(0)
        plain()

    client = TestClient(sio)
    await client.connect()
    client.on("ask", later if is_async else plain)
    await sio.emit("ask")
    with pytest.raises(ValueError, match="the client's"):
        await client.settled()
    await sio.emit("ask")
    for _ in range(5):  # not `settled`, which would raise it
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="the client's"):
        await client.disconnect()
    assert client.disconnected == "client disconnect"


async def test_an_answer_that_cant_be_serialized_is_the_tests_error() -> None:
    sio = Server()
    async with TestClient(sio) as client:
        client.on("ask", object)
        await sio.emit("ask", callback=print)
        with pytest.raises(TypeError, match="object"):
            await client.settled()


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (Refused("no", {"code": 3}), {"message": "no", "data": {"code": 3}}),
        (Refused("no", 1, [2]), {"message": "no", "data": [1, [2]]}),
        (Refused(), {"message": "Connection rejected by server"}),
    ],
)
async def test_a_refusal_has_what_the_client_is_told(raised: Refused, told: object) -> None:
    sio = Server()

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        raise raised

    client = TestClient(sio)
    with pytest.raises(Refused) as refused:
        await client.connect()
    assert refused.value.error_args == told
    assert not client.connected
    with pytest.raises(Refused):  # it can try again
        await client.connect()


async def test_a_namespace_that_doesnt_exist_refuses() -> None:
    with pytest.raises(Refused, match="Invalid namespace"):
        await TestClient(Server(), namespace="/nowhere").connect()


async def test_the_server_disconnects() -> None:
    sio = Server()
    client = TestClient(sio)
    await client.connect()
    sid = client.sid
    waiting = asyncio.ensure_future(client.receive("never"))
    calling = asyncio.ensure_future(client.call("unknown"))
    await asyncio.sleep(0)
    await sio.emit("bye")
    await sio.disconnect(sid)
    for each in (waiting, calling):
        with pytest.raises(DisconnectedError, match="disconnected from '/': server disconnect"):
            await each
    assert (client.connected, client.disconnected, client.sid) == (False, "server disconnect", sid)
    assert (await client.receive()).name == "bye"  # it came before
    with pytest.raises(DisconnectedError):
        await client.receive()
    await client.connect()
    assert (client.connected, client.disconnected) == (True, None)
    assert client.sid != sid
    await client.disconnect()
    await client.disconnect()


async def test_a_client_that_isnt_connected_says_what_to_do() -> None:
    client = TestClient(Server())
    for attempt in (client.emit("event"), client.call("event"), client.receive()):
        with pytest.raises(DisconnectedError, match=r"connect\(\) it"):
            await attempt
    assert "not connected yet" in repr(client)


async def test_connecting_twice_is_an_error() -> None:
    async with TestClient(Server()) as client:
        with pytest.raises(NotConnected, match="already"):
            await client.connect()


async def test_reserved_names_are_refused() -> None:
    async with TestClient(echo_server()) as client:
        with pytest.raises(ValueError, match="'connect' is reserved"):
            await client.emit("connect")
        assert await client.call("echo", "still there") == "still there"


async def test_what_the_protocol_forbids_disconnects_as_in_production() -> None:
    async with TestClient(echo_server(max_depth=5)) as client:
        await client.emit("echo", [[[[[["deep"]]]]]])
        with pytest.raises(DisconnectedError, match="parse error"):
            await client.call("echo")


async def test_an_event_that_a_client_cant_decode_ends_the_connection() -> None:
    sio = echo_server(max_attachments=1)
    async with TestClient(sio) as client:
        await sio.emit("pictures", [b"1", b"2"])
        with pytest.raises(DisconnectedError, match=r"parse error .*its codec can't decode.*attachments"):
            await client.receive()


async def test_a_call_that_nothing_answers_times_out() -> None:
    async with TestClient(Server(), timeout=0.01) as client:
        with pytest.raises(TimeoutError, match=r"no answer to 'unknown' came \(waited 0.01 s\)"):
            await client.call("unknown")
        with pytest.raises(TimeoutError, match=r"no 'event' came; the last events were \[\]"):
            await client.receive("event", timeout=0)


async def test_a_decision_that_takes_too_long() -> None:
    sio = Server()
    gone: list[str] = []

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        await asyncio.sleep(0.02)

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        gone.append(reason)

    client = TestClient(sio)
    with pytest.raises(TimeoutError, match="the server didn't decide about '/'"):
        await client.connect(timeout=0)
    await client.settled()
    assert gone == ["transport close"]


async def test_the_wait_of_a_stalled_client_is_explained() -> None:
    async with TestClient(echo_server()) as client:
        client.stall()
        with pytest.raises(TimeoutError, match=r"the client has stalled: resume\(\) it"):
            await client.call("echo", timeout=0)
        client.resume()
        assert await client.call("echo", 1) == 1


async def test_a_failed_test_says_more_than_its_client() -> None:
    sio = Server()

    def fails() -> None:
        raise ValueError("the client's")

    async def failing_test() -> None:
        async with TestClient(sio) as client:
            client.on("ask", fails)
            await sio.emit("ask")
            await asyncio.sleep(0)
            raise AssertionError("the test's")

    with pytest.raises(AssertionError, match="the test's"):
        await failing_test()


@pytest.mark.parametrize("auth", [None, {"token": "t"}])
async def test_a_client_that_has_lost_its_connection_recovers(auth: Any) -> None:
    sio = echo_server(connection_state_recovery=True)
    seen: list[Any] = []
    sio.on("connect", lambda sid, environ, auth: seen.append(auth))
    async with TestClient(sio, auth=auth) as client:
        sid = client.sid
        await sio.emit("news", "one")
        assert (await client.receive("news")).args == ("one",)
        client.drop()
        await sio.emit("news", "two")
        await sio.emit("news")
        await client.connect()
        assert (client.recovered, client.sid) == (True, sid)
        assert (await client.receive("news")).args == ("two",)
        assert (await client.receive("news")).args == ()
        await client.disconnect()
        await client.connect()
        assert (client.recovered, client.sid != sid) == (False, True)
    assert seen == [auth] * 3


async def test_an_event_that_doesnt_count_for_recovery_keeps_its_arguments() -> None:
    sio = echo_server(connection_state_recovery=True)
    async with TestClient(sio) as client:
        await sio.emit("kept")
        await sio.volatile.emit("news", "text")
        await sio.volatile.emit("42")
        assert [await client.receive() for _ in range(3)] == [("kept", ()), ("news", ("text",)), ("42", ())]


async def test_a_string_at_the_end_is_no_offset_where_nothing_is_kept() -> None:
    sio = echo_server()
    async with TestClient(sio) as client:
        await sio.emit("news", "one")
        assert (await client.receive("news")).args == ("one",)
        client.drop()
        await client.connect()
        assert not client.recovered
