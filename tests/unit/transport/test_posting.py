"""A POST with very many packets: when they are handed over, and when it is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.transport.posting import PACKETS_PER_TURN
from tests.support.engine import RawClient, Recorder, Served, serve, until

COUNT = 5 * PACKETS_PER_TURN + 1
NUMBERS = [str(number) for number in range(COUNT)]
BODY = "\x1e".join(["4" + number for number in NUMBERS]).encode()


def polling(served: Served) -> Any:
    session: Any = served.handler.session
    return session.carrier


def received(served: Served) -> list[str | bytes]:
    messages = served.handler.messages
    return [messages.get_nowait() for _ in range(messages.qsize())]


async def begin(served: Served) -> tuple[RawClient, str]:
    """Post so much that it takes several turns, and return in the first of them."""
    client, sid = await served.open_polling()
    begun = asyncio.Event()
    served.handler.on_message = lambda session, message: begun.set()
    client.request("POST", f"/engine.io/?EIO=4&transport=polling&sid={sid}", body=BODY)
    await begun.wait()
    served.handler.on_message = None
    return client, sid


async def test_others_have_their_turn_between_the_packets_of_one_post() -> None:
    async with serve() as served:
        client, _ = await begin(served)
        assert served.handler.messages.qsize() < COUNT
        assert polling(served).is_handing_over
        assert (await client.answer()).body == b"ok"
        assert received(served) == NUMBERS
        assert not polling(served).is_handing_over


async def test_no_turn_while_reading_is_paused() -> None:
    async with serve() as served:
        client, sid = await begin(served)
        polling(served).pause_reading()
        taken = served.handler.messages.qsize()
        for _ in range(5):
            await asyncio.sleep(0)
        assert served.handler.messages.qsize() == taken
        for _ in range(2):  # one turn at a time all the same
            polling(served).resume_reading()
            polling(served).pause_reading()
        polling(served).resume_reading()
        await asyncio.sleep(0)
        assert served.handler.messages.qsize() <= taken + PACKETS_PER_TURN
        assert (await client.answer()).body == b"ok"
        assert received(served) == NUMBERS
        assert (await client.push(sid, b"4behind")).body == b"ok"
        assert received(served) == ["behind"]


async def test_a_pause_in_the_last_turn_holds_the_answer_back() -> None:
    async with serve() as served:
        client, _ = await served.open_polling()
        served.handler.on_message = lambda session, message: (
            polling(served).pause_reading() if message == NUMBERS[-1] else None
        )
        client.request(
            "POST", f"/engine.io/?EIO=4&transport=polling&sid={served.handler.session.sid}", body=BODY
        )
        await until(lambda: polling(served).read_paused)
        answer = asyncio.create_task(client.answer())
        await asyncio.sleep(0)
        assert not answer.done()
        polling(served).resume_reading()
        assert (await answer).body == b"ok"
        assert received(served) == NUMBERS


async def test_a_second_post_meanwhile_ends_the_session() -> None:
    async with serve() as served:
        client, sid = await begin(served)
        polling(served).pause_reading()
        other = await served.connect()
        assert (await other.push(sid, b"4x")).status == 400
        assert (await client.answer()).body == b"ok"
        assert await served.handler.reasons.get() == "transport error"


@pytest.mark.parametrize("way", ["close", "lose"])
async def test_packets_that_wait_when_the_session_ends_are_dropped(way: str) -> None:
    async with serve() as served:
        client, _ = await begin(served)
        polling(served).pause_reading()
        taken = served.handler.messages.qsize()
        session: Any = served.handler.session
        session.close() if way == "close" else session.lose("lost")
        assert (await client.answer()).body == b"ok"
        assert served.handler.messages.qsize() == taken


async def test_a_wrong_packet_in_a_later_turn() -> None:
    async with serve() as served:
        client, sid = await served.open_polling()
        assert (await client.push(sid, BODY + b"\x1e2")).status == 400
        assert received(served) == NUMBERS
        assert await served.handler.reasons.get() == "parse error"


async def test_the_handler_fails_in_a_later_turn() -> None:
    def fail(session: Any, message: str | bytes) -> None:
        if message == NUMBERS[-1]:
            raise ValueError("broken")

    handler = Recorder()
    handler.on_message = fail
    async with serve(handler) as served:
        client, sid = await served.open_polling()
        assert (await client.push(sid, BODY)).status == 500
        assert await handler.reasons.get() == "server error"


async def test_no_upgrade_before_the_last_packet() -> None:
    async with serve() as served:
        client, sid = await begin(served)
        polling(served).pause_reading()
        websocket = await served.open_websocket(f"&sid={sid}")
        websocket.send("2probe")
        assert await websocket.packet() == "3probe"
        websocket.send("5")
        assert await websocket.close_code() == 1002
        polling(served).resume_reading()
        assert (await client.answer()).body == b"ok"
        assert received(served) == NUMBERS
