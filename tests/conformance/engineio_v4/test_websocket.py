"""Sessions over a WebSocket."""

from __future__ import annotations

from typing import Any

import pytest
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from rtserver.engineio.handler import Session
from rtserver.engineio.outgoing import Outgoing, Uncompressed
from rtserver.websocket.deflate import DeflateOptions, deflate_once
from tests.conformance.engineio_v4.helpers import (
    WEBSOCKET,
    Serve,
)
from tests.support.engine import Recorder, frame, upgrade_request


async def test_text_and_binary(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client = await served.open_websocket()
        client.send("4hällo", b"\1\2\3\4", "4")
        assert await client.frame() == (1, "4hällo".encode())
        assert await client.frame() == (2, b"\1\2\3\4")
        assert await client.frame() == (1, b"4")


async def test_frames_right_behind_the_request(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client = await served.connect()
        client.write(upgrade_request(WEBSOCKET) + frame(1, b"4early") + frame(1, b"4bird")[:3])
        assert (await client.head()).status == 101
        assert (await client.packet())[0] == "0"
        assert await client.packet() == "4early"
        client.write(frame(1, b"4bird")[3:])
        assert await client.packet() == "4bird"


@pytest.mark.parametrize("packet", ["abc", "", "0", "2", "2probe", "5", "7", "b"])
async def test_unknown_packets_close_the_session(server: Serve, packet: str) -> None:
    async with server() as served:
        client = await served.open_websocket()
        client.send(packet, "4never seen")
        assert await client.close_code() == 1002
        assert await served.handler.reasons.get() == "parse error"
        assert served.handler.messages.empty()
        assert served.engine.counters.bad_packets == 1


async def test_a_close_packet(server: Serve) -> None:
    async with server() as served:
        client = await served.open_websocket()
        client.send("4a", "1", "4b")
        assert await client.close_code() == 1000
        assert await served.handler.reasons.get() == "transport close"
        assert served.handler.messages.qsize() == 1
        client.send_close()
        assert await client.at_end()


async def test_a_close_frame(server: Serve) -> None:
    async with server() as served:
        client = await served.open_websocket()
        client.send_close(1000)
        assert await client.close_code() == 1000
        assert await client.at_end()
        assert await served.handler.reasons.get() == "transport close"
        assert len(served.engine.sessions) == 0


async def test_the_connection_breaks(server: Serve) -> None:
    async with server() as served:
        client = await served.open_websocket()
        client.close()
        assert await served.handler.reasons.get() == "transport close"
        assert len(served.engine.sessions) == 0


async def test_the_server_closes(server: Serve) -> None:
    async with server() as served:
        client = await served.open_websocket()
        served.handler.session.send("last")
        served.handler.session.close()
        assert served.handler.reasons.get_nowait() == "forced close"
        assert await client.packet() == "4last"
        assert await client.close_code() == 1000
        client.send_close()
        assert await client.at_end()


async def test_a_client_that_does_not_answer_the_close_frame(server: Serve) -> None:
    async with server(close_timeout=0.05) as served:
        client = await served.open_websocket()
        served.handler.session.close()
        assert await client.close_code() == 1000
        assert await client.at_end()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (frame(3, b""), 1002),
        (frame(1, b"\xff"), 1007),
        (frame(1, b"4" * 101), 1009),
    ],
)
async def test_broken_frames(server: Serve, data: bytes, code: int) -> None:
    async with server(max_http_buffer_size=100) as served:
        client = await served.open_websocket()
        client.write(data)
        assert await client.close_code() == code
        assert await client.at_end()
        assert await served.handler.reasons.get() == "transport error"
        assert served.engine.counters.bad_packets == 1


async def test_the_handler_fails_in_message(server: Serve) -> None:
    def fail(session: Session, data: str | bytes) -> None:
        session.send("before")
        raise ValueError("internal secret")

    handler = Recorder()
    handler.on_message = fail
    async with server(handler) as served:
        client = await served.open_websocket()
        client.send("4a", "4b")
        assert await client.packet() == "4before"
        assert await client.close_code() == 1011
        assert await handler.reasons.get() == "server error"
        assert handler.messages.qsize() == 1


async def test_a_session_closed_while_its_messages_are_read(server: Serve) -> None:
    handler = Recorder()
    handler.on_message = lambda session, data: session.close()
    async with server(handler) as served:
        client = await served.open_websocket()
        client.send("4a", "4b", "4c")
        assert await client.close_code() == 1000
        assert handler.messages.qsize() == 1


async def test_reading_can_be_paused(server: Serve) -> None:
    async with server() as served:
        client = await served.open_websocket()
        session: Any = served.handler.session
        session.pause_reading()
        client.send("4a")
        await client.writer.drain()
        other = await served.connect()
        await other.get("/engine.io/")
        assert served.handler.messages.empty()
        session.resume_reading()
        assert await served.handler.messages.get() == "a"


async def test_the_websockets_package(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        async with websockets.connect(served.websocket_url, compression=None) as client:
            assert str(await client.recv())[0] == "0"
            for message in ("4text", b"\0" * 70_000, "4" + "é" * 40_000):
                await client.send(message)
                assert await client.recv() == message
        assert client.close_code == 1000
        assert await served.handler.reasons.get() == "transport close"


async def test_compressed(server: Serve) -> None:
    async with (
        server(Recorder(echo=True), per_message_deflate=True) as served,
        websockets.connect(served.websocket_url, compression="deflate") as client,
    ):
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        await client.recv()
        for message in ("4small", "4" + "large" * 1000, b"\0" * 70_000, "4" + "large" * 1000):
            await client.send(message)
            assert await client.recv() == message


async def test_not_compressed_unless_switched_on(server: Serve) -> None:
    async with server() as served, websockets.connect(served.websocket_url) as client:
        assert client.protocol.extensions == []


async def test_a_broadcast_to_compressing_clients_and_others(server: Serve) -> None:
    """Each gets what it agreed on, between messages of its own, which its compressor remembers."""
    handler = Recorder(echo=True)
    async with (
        server(handler, per_message_deflate=DeflateOptions(threshold=10)) as served,
        websockets.connect(served.websocket_url, compression="deflate") as first,
        websockets.connect(served.websocket_url, compression="deflate") as second,
        websockets.connect(served.websocket_url, compression=None) as plain,
    ):
        clients = (first, second, plain)
        for client in clients:
            await client.recv()
        for number in range(3):
            for client in (first, plain):
                await client.send(f"4own {number} " + "abc" * 100)
                assert await client.recv() == f"4own {number} " + "abc" * 100
            outgoing = Outgoing(b"4all " + b"abc" * 100, (b"\0" * 1000, b"short"))
            for session in handler.sessions:
                session.send_outgoing(outgoing)
            for client in clients:
                assert await client.recv() == "4all " + "abc" * 100
                assert await client.recv() == b"\0" * 1000
                assert await client.recv() == b"short"


async def test_a_broadcast_is_deflated_once_for_each_wire_form(
    server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three clients of two windows; then the same without compression."""
    calls = []

    def counting(payload: bytes, window_bits: int) -> bytes:
        calls.append(window_bits)
        return deflate_once(payload, window_bits)

    monkeypatch.setattr("rtserver.engineio.outgoing.deflate_once", counting)
    handler = Recorder()
    small = ClientPerMessageDeflateFactory(server_max_window_bits=10)
    async with (
        server(handler, per_message_deflate=DeflateOptions(threshold=10)) as served,
        websockets.connect(served.websocket_url, compression="deflate") as first,
        websockets.connect(served.websocket_url, compression="deflate") as second,
        websockets.connect(served.websocket_url, compression=None, extensions=[small]) as third,
        websockets.connect(served.websocket_url, compression=None) as plain,
    ):
        clients = (first, second, third, plain)
        for client in clients:
            await client.recv()
        for outgoing in (Outgoing(b"4" + b"abc" * 100), Uncompressed(b"4" + b"abc" * 100)):
            for session in handler.sessions:
                session.send_outgoing(outgoing)
            for client in clients:
                assert await client.recv() == "4" + "abc" * 100
        assert len(calls) == 2
        assert 10 in calls


class Decoder(Recorder):
    """A handler that decodes messages which begin with an exclamation mark itself."""

    def decode(self, payload: bytes, /) -> Any:
        return ("decoded", payload[2:].decode()) if payload[:2] == b"4!" else payload.decode()

    def packet(self, session: Session, packet: Any, /) -> None:
        self.messages.put_nowait(packet)


async def test_a_handler_that_decodes_messages_itself(server: Serve) -> None:
    async with server(Decoder()) as served:
        client = await served.open_websocket()
        client.send("4a", "4!b", b"!c", "4!" + "d" * 200)
        taken: list[Any] = [await served.handler.messages.get() for _ in range(4)]
        assert taken == ["a", ("decoded", "b"), b"!c", ("decoded", "d" * 200)]
        client.write(frame(1, b"4!\xff"))
        assert await client.close_code() == 1007
        assert await served.handler.reasons.get() == "transport error"


async def test_a_decoded_message_counts_as_one_before_and_after_a_session(server: Serve) -> None:
    async with server(Decoder()) as served:
        client = await served.open_websocket()
        client.send("4!a", "1", "4!b")
        assert await client.close_code() == 1000
        first: Any = await served.handler.messages.get()
        assert first == ("decoded", "a")
        assert served.handler.messages.empty()
        _, sid = await served.open_polling()
        client = await served.open_websocket(f"&sid={sid}")
        client.send("4!early")
        assert await client.close_code() == 1002
        assert served.handler.messages.empty()
