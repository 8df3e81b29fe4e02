from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from aiohttp import web

from rtserver.errors import ConnectionClosed
from rtserver.transport.endpoint import WebSocket, websocket_handler
from rtserver.transport.reading_turns import COMPRESSED_TURN, TURN
from rtserver.websocket.deflate import DeflateOptions
from tests.support.engine import RawClient, frame, listening, message_frame, until, upgrade_request

Function = Callable[[WebSocket], Awaitable[None]]


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


@asynccontextmanager
async def endpoint(function: Function, **options: Any) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/ws", websocket_handler(function, **options))
    async with listening(app) as (_, port):
        yield port


async def connect(port: int, headers: str = "", behind: bytes = b"") -> RawClient:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    await client.upgrade("/ws", headers, behind)
    return client


class Held:
    """A function that hands its WebSocket to the test, and ends when told."""

    def __init__(self) -> None:
        self.ws: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()
        self.end = asyncio.Event()

    async def __call__(self, ws: WebSocket) -> None:
        self.ws.set_result(ws)
        await self.end.wait()


async def test_messages() -> None:
    async with endpoint(echo) as port:
        client = await connect(port)
        client.write(frame(1, "hällo".encode()) + frame(2, b"\1\2") + frame(1, b""))
        assert await client.frame() == (1, "hällo".encode())
        assert await client.frame() == (2, b"\1\2")
        assert await client.frame() == (1, b"")


async def test_messages_right_behind_the_request() -> None:
    async with endpoint(echo) as port:
        client = await connect(port, behind=message_frame("early"))
        assert await client.frame() == (1, b"early")


async def test_the_websockets_package() -> None:
    async with (
        endpoint(echo, compression=True, subprotocols=["b", "a"]) as port,
        websockets.connect(
            f"ws://127.0.0.1:{port}/ws",
            compression="deflate",
            subprotocols=[websockets.Subprotocol("a"), websockets.Subprotocol("b")],
        ) as client,
    ):
        assert client.subprotocol == "b"
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        for message in ("text", "compressed " * 1000, b"\0" * 100_000):
            await client.send(message)
            assert await client.recv() == message


async def test_compression_is_off_by_default() -> None:
    async with endpoint(echo) as port, websockets.connect(f"ws://127.0.0.1:{port}/ws") as client:
        assert client.protocol.extensions == []


async def test_compression_with_options() -> None:
    options = DeflateOptions(server_no_context_takeover=True, threshold=0)
    async with endpoint(echo, compression=options) as port:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        answer = await client.upgrade("/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        assert "server_no_context_takeover" in answer.headers["sec-websocket-extensions"]


async def test_request_and_subprotocol() -> None:
    async def tell(ws: WebSocket) -> None:
        await ws.send(f"{ws.request.query['room']} {ws.subprotocol}")

    async with endpoint(tell, subprotocols=("chat",)) as port:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        await client.upgrade("/ws?room=1", "Sec-WebSocket-Protocol: other, chat\r\n")
        assert await client.frame() == (1, b"1 chat")
        plain = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        await plain.upgrade("/ws?room=2")
        assert await plain.frame() == (1, b"2 None")


class TestRefused:
    async def test_not_a_handshake(self) -> None:
        async with endpoint(echo) as port:
            client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
            answer = await client.get("/ws")
            assert answer.status == 400
            assert b"Upgrade is missing" in answer.body
            client.request("POST", "/ws", body=b"")
            answer = await client.answer()
            assert (answer.status, answer.headers["allow"]) == (405, "GET")

    async def test_another_version(self) -> None:
        async with endpoint(echo) as port:
            client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
            client.write(upgrade_request("/ws").replace(b"Version: 13", b"Version: 8"))
            answer = await client.answer()
            assert (answer.status, answer.headers["sec-websocket-version"]) == (426, "13")

    @pytest.mark.parametrize(
        ("allowed", "origin", "status"),
        [
            (None, "http://127.0.0.1", 101),
            (None, "http://evil.example", 403),
            ("*", "http://evil.example", 101),
            (["https://app.example"], "https://app.example", 101),
            (["https://app.example"], "http://127.0.0.1", 403),
        ],
    )
    async def test_origins(self, allowed: Any, origin: str, status: int) -> None:
        async with endpoint(echo, allowed_origins=allowed) as port:
            client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
            client.write(upgrade_request("/ws", f"Origin: {origin}\r\n"))
            assert (await client.head()).status == status


class TestClosing:
    async def test_the_function_returns(self) -> None:
        async def hello(ws: WebSocket) -> None:
            await ws.send("hello")

        async with endpoint(hello) as port:
            client = await connect(port)
            assert await client.frame() == (1, b"hello")
            assert await client.close_code() == 1000
            client.send_close()
            assert await client.at_end()

    async def test_the_function_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        async def fail(ws: WebSocket) -> None:
            raise ValueError("internal secret")

        async with endpoint(fail) as port:
            client = await connect(port)
            opcode, payload = await client.frame()
            assert (opcode, payload) == (8, b"\x03\xf3")
            assert "the handler of /ws failed" in caplog.text

    async def test_the_function_closes(self) -> None:
        async def close(ws: WebSocket) -> None:
            await ws.close(4001, "bye")
            codes.append((ws.close_code, ws.close_reason))
            with pytest.raises(ConnectionClosed, match="4001: bye"):
                await ws.send("more")
            with pytest.raises(ConnectionClosed):
                await ws.receive()
            await ws.close()
            done.set()

        codes: list[Any] = []
        done = asyncio.Event()
        async with endpoint(close) as port:
            client = await connect(port)
            assert await client.frame() == (8, b"\x0f\xa1bye")
            client.write(frame(8, b"\x0f\xa1bye"))
            assert await client.at_end()
            await done.wait()
            assert codes == [(4001, "bye")]

    async def test_a_close_code_that_may_not_be_sent(self) -> None:
        async def close(ws: WebSocket) -> None:
            with pytest.raises(ValueError, match="1005"):
                await ws.close(1005)
            await ws.send("open")

        async with endpoint(close) as port:
            client = await connect(port)
            assert await client.frame() == (1, b"open")

    async def test_the_client_closes(self) -> None:
        async def listen(ws: WebSocket) -> None:
            received.extend([message async for message in ws])
            received.append(ws.close_code)
            done.set()

        received: list[Any] = []
        done = asyncio.Event()
        async with endpoint(listen) as port:
            client = await connect(port)
            client.write(message_frame("last") + frame(8, b"\x03\xe9away"))
            assert await client.close_code() == 1001
            assert await client.at_end()
            await done.wait()
            assert received == ["last", 1001]

    async def test_the_connection_breaks(self) -> None:
        async def listen(ws: WebSocket) -> None:
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive()
            codes.append((caught.value.code, ws.close_code))
            done.set()

        codes: list[Any] = []
        done = asyncio.Event()
        async with endpoint(listen) as port:
            client = await connect(port)
            client.close()
            await done.wait()
            assert codes == [(1006, 1006)]

    @pytest.mark.parametrize(("data", "code"), [(b"\x81\x00", 1002), (frame(1, b"\xff"), 1007)])
    async def test_a_violation(self, data: bytes, code: int) -> None:
        async with endpoint(echo) as port:
            client = await connect(port)
            client.write(data)
            assert await client.close_code() == code
            assert await client.at_end()

    async def test_a_message_that_is_too_large(self) -> None:
        async with endpoint(echo, max_message_size=10) as port:
            client = await connect(port)
            client.send("x" * 10)
            assert await client.frame() == (1, b"x" * 10)
            client.send("x" * 11)
            assert await client.close_code() == 1009

    async def test_a_client_that_does_not_answer_the_close_frame(self) -> None:
        async def end(ws: WebSocket) -> None: ...

        async with endpoint(end, close_timeout=0.1) as port:
            client = await connect(port)
            assert await client.close_code() == 1000
            assert await client.at_end()

    async def test_the_server_ends(self) -> None:
        app = web.Application()
        app.router.add_get("/ws", websocket_handler(echo))
        async with asyncio.timeout(10), listening(app) as (runner, port):
            client = await connect(port)
            ending = asyncio.ensure_future(runner.cleanup())
            assert await client.close_code() == 1001
            client.send_close(1001)
            assert await client.at_end()
            await ending

    async def test_the_server_ends_without_the_clients_answer(self) -> None:
        app = web.Application()
        app.router.add_get("/ws", websocket_handler(echo, close_timeout=0.1))
        async with asyncio.timeout(10), listening(app) as (runner, port):
            client = await connect(port)
            await runner.cleanup()
            assert await client.close_code() == 1001

    async def test_a_function_that_does_not_end_is_cancelled(self) -> None:
        async def stay(ws: WebSocket) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        cancelled = asyncio.Event()
        app = web.Application()
        app.router.add_get("/ws", websocket_handler(stay, close_timeout=0.1))
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        client = await connect(runner.addresses[0][1])
        await runner.cleanup()
        await cancelled.wait()
        await client.end()


class TestFlowControl:
    async def test_reading_pauses_while_the_function_is_behind(self) -> None:
        held = Held()
        async with endpoint(held) as port:
            client = await connect(port)
            ws = await held.ws
            total = 2_000
            sent = asyncio.ensure_future(self.send(client, total))
            shell: Any = ws._shell
            await until(lambda: not shell._is_reading)
            for _ in range(200):
                await asyncio.sleep(0)
            assert not sent.done()
            assert len(shell._messages) < total
            for number in range(total):
                message = await ws.receive()
                assert isinstance(message, str)
                assert message.startswith(f"{number} ")
            await sent
            held.end.set()

    async def send(self, client: RawClient, total: int) -> None:
        for number in range(total):
            client.send(f"{number} " + "x" * 10_000)
            await client.writer.drain()

    @pytest.mark.parametrize(("compression", "turn"), [(False, TURN), (True, COMPRESSED_TURN)])
    async def test_others_have_their_turn_while_one_sends_much_at_once(
        self, compression: bool, turn: int
    ) -> None:
        held = Held()
        async with endpoint(held, compression=compression) as port:
            await connect(port, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
            ws = await held.ws
            frames = [message_frame(f"{number:04}") for number in range(10_000)]
            ws._shell.data_received(b"".join(frames))
            assert len(ws._shell._messages) == turn // len(frames[0])
            assert [await ws.receive() for _ in frames] == [f"{number:04}" for number in range(10_000)]
            held.end.set()

    async def test_send_waits_for_a_slow_client(self) -> None:
        held = Held()
        async with endpoint(held) as port:
            client = await connect(port)
            client.stop_reading()
            ws = await held.ws
            sent = 0

            async def send() -> None:
                nonlocal sent
                for _ in range(2_000):
                    await ws.send(b"x" * 10_000)
                    sent += 1

            sending = asyncio.ensure_future(send())
            shell: Any = ws._shell
            await until(lambda: shell.write_paused)
            stopped = sent
            for _ in range(200):
                await asyncio.sleep(0)
            assert sent <= stopped + 1
            client.go_on_reading()
            for _ in range(2_000):
                assert len((await client.frame())[1]) == 10_000
            await sending
            held.end.set()

    async def test_a_waiting_send_ends_with_the_connection(self) -> None:
        held = Held()
        async with endpoint(held) as port:
            client = await connect(port)
            client.stop_reading()
            ws = await held.ws
            sending = asyncio.ensure_future(self.flood(ws))
            shell: Any = ws._shell
            await until(lambda: shell.write_paused)
            client.abort()
            with pytest.raises(ConnectionClosed):
                await sending
            held.end.set()

    async def flood(self, ws: WebSocket) -> None:
        while True:
            await ws.send(b"x" * 100_000)

    async def test_senders_that_do_not_wait_are_bounded(self) -> None:
        held = Held()
        async with endpoint(held, max_buffer_size=1_000_000) as port:
            client = await connect(port)
            client.stop_reading()
            ws = await held.ws
            results = await asyncio.gather(
                *[ws.send(b"x" * 100_000) for _ in range(200)], return_exceptions=True
            )
            assert any(isinstance(result, ConnectionClosed) for result in results)
            held.end.set()

    async def test_one_receiver_at_a_time(self) -> None:
        held = Held()
        async with endpoint(held) as port:
            client = await connect(port)
            ws = await held.ws
            first = asyncio.ensure_future(ws.receive())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="two tasks"):
                await ws.receive()
            client.send("x")
            assert await first == "x"
            held.end.set()


class TestPings:
    async def test_they_measure_the_latency(self) -> None:
        held = Held()
        async with endpoint(held, ping_interval=0.05, ping_timeout=5) as port:
            client = await connect(port)
            ws = await held.ws
            assert ws.latency is None
            opcode, payload = await client.frame()
            assert opcode == 9
            client.write(frame(10, payload))
            await until(lambda: ws.latency is not None)
            assert ws.latency is not None
            assert 0 <= ws.latency < 5
            held.end.set()

    async def test_no_answer(self) -> None:
        async with endpoint(echo, ping_interval=0.05, ping_timeout=0.05) as port:
            client = await connect(port)
            assert (await client.frame())[0] == 9
            assert await client.at_end()

    async def test_a_client_that_is_not_read_from_is_not_taken_for_dead(self) -> None:
        go_on = asyncio.Event()

        async def slow(ws: WebSocket) -> None:
            async for message in ws:
                await go_on.wait()
                await ws.send(message)

        async with endpoint(slow, ping_interval=0.05, ping_timeout=0.5) as port:
            client = await connect(port)
            client.send(*map(str, range(100)))
            for _ in range(3):
                opcode, payload = await client.frame()
                assert opcode == 9
                client.write(frame(10, payload))
            go_on.set()
            received: list[bytes] = []
            while len(received) < 100:
                opcode, payload = await client.frame()
                if opcode == 9:
                    client.write(frame(10, payload))
                else:
                    received.append(payload)
            assert received == [b"%d" % number for number in range(100)]

    async def test_they_go_on(self) -> None:
        async with endpoint(echo, ping_interval=0.06, ping_timeout=0.05) as port:
            client = await connect(port)
            payloads = set()
            for _ in range(3):
                opcode, payload = await client.frame()
                assert opcode == 9
                payloads.add(payload)
                client.write(frame(10, payload))
            assert len(payloads) == 3

    async def test_none(self) -> None:
        held = Held()
        async with endpoint(held, ping_interval=None) as port:
            await connect(port)
            shell: Any = (await held.ws)._shell
            assert shell._timer is None
            held.end.set()

    async def test_a_clients_pings_are_answered(self) -> None:
        async with endpoint(echo) as port:
            client = await connect(port)
            client.write(frame(9, b"are you there"))
            assert await client.frame() == (10, b"are you there")


async def test_nothing_stays_of_a_connection() -> None:
    async with endpoint(echo) as port:
        for _ in range(3):
            client = await connect(port)
            client.send_close()
            assert await client.close_code() == 1000
            assert await client.at_end()
            await client.end()
        for _ in range(10):
            await asyncio.sleep(0)
        gc.collect()
        assert [each for each in gc.get_objects() if isinstance(each, WebSocket)] == []


async def test_response_hooks_are_run() -> None:
    async def hook(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Hooked"] = "yes"

    app = web.Application()
    app.router.add_get("/ws", websocket_handler(echo))
    app.on_response_prepare.append(hook)
    async with listening(app) as (_, port):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        answer = await client.upgrade("/ws")
        assert answer.headers["x-hooked"] == "yes"
