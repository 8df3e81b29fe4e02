"""From polling to a WebSocket, with nothing lost, doubled or reordered."""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance.engineio_v4.helpers import (
    POLLING,
    WEBSOCKET,
    Serve,
    error,
    live,
    probe,
    until_polling_is_held,
)
from tests.support.engine import Recorder, until, upgrade_request


async def test_in_good_order(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        websocket = await probe(served, sid)
        assert served.handler.session.transport_name == "polling"
        assert (await client.poll(sid)).body == b"6"
        websocket.send("5")
        websocket.send("4hello")
        assert await websocket.packet() == "4hello"
        assert served.handler.session.transport_name == "websocket"
        assert served.engine.counters.upgrades == 1


async def test_a_held_get_is_released_by_the_probe(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        await probe(served, sid)
        assert (await poll).body == b"6"


async def test_packets_sent_meanwhile_go_with_the_next_poll(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        await probe(served, sid)
        served.handler.session.send("meanwhile")
        assert (await client.poll(sid)).body == b"4meanwhile"


async def test_packets_sent_meanwhile_go_over_the_websocket(server: Serve) -> None:
    async with server() as served:
        _, sid = await served.open_polling()
        websocket = await probe(served, sid)
        session = served.handler.session
        session.send("one")
        session.send(b"two")
        websocket.send("5")
        assert await websocket.frame() == (1, b"4one")
        assert await websocket.frame() == (2, b"two")
        session.send("three")
        assert await websocket.frame() == (1, b"4three")


async def test_polling_goes_on_until_the_upgrade(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        await probe(served, sid)
        assert (await client.push(sid, b"4still here")).body == b"ok"
        assert (await client.poll(sid)).body == b"4still here"


async def test_polling_is_refused_behind_the_upgrade(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        websocket = await probe(served, sid)
        websocket.send("5", "4x")
        await websocket.packet()
        assert (await client.poll(sid)).json() == error(3, "the session uses websocket")
        assert (await client.push(sid, b"4y")).json() == error(3, "the session uses websocket")
        websocket.send("4z")
        assert await websocket.packet() == "4z"


async def test_a_get_held_against_the_protocol(server: Serve) -> None:
    """A client that polls on behind the probe's answer gets its poll back."""
    async with server() as served:
        client, sid = await served.open_polling()
        websocket = await served.open_websocket(f"&sid={sid}")
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        websocket.send("2probe", "5")
        assert await websocket.packet() == "3probe"
        assert (await poll).body == b"6"


async def test_a_second_websocket(server: Serve) -> None:
    async with server(Recorder(echo=True)) as served:
        _, sid = await served.open_polling()
        websocket = await probe(served, sid)
        second = await served.open_websocket(f"&sid={sid}")
        assert await second.close_code() == 1008
        websocket.send("5")
        third = await served.open_websocket(f"&sid={sid}")
        assert await third.close_code() == 1008
        websocket.send("4x")
        assert await websocket.packet() == "4x"


@pytest.mark.parametrize("packets", [["5"], ["4x"], ["2probe", "2probe"], ["2probe", "4x"], ["2"], [b"x"]])
async def test_a_bad_probe_leaves_polling(server: Serve, packets: list[str | bytes]) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        websocket = await served.open_websocket(f"&sid={sid}")
        websocket.send(*packets)
        assert await websocket.close_code() == 1002
        await client.push(sid, b"4x")
        assert (await client.poll(sid)).body == b"4x"
        assert served.engine.counters.upgrades_failed == 1
        await probe(served, sid)


@pytest.mark.parametrize("probed", [False, True])
async def test_a_websocket_that_breaks_leaves_polling(server: Serve, probed: bool) -> None:
    async with server(Recorder(echo=True)) as served:
        client, sid = await served.open_polling()
        websocket = await (probe(served, sid) if probed else served.open_websocket(f"&sid={sid}"))
        websocket.close()
        await until(lambda: served.engine.counters.upgrades_failed)
        await client.push(sid, b"4x")
        assert (await client.poll(sid)).body == b"4x"
        assert served.handler.reasons.empty()


async def test_an_upgrade_that_takes_too_long(server: Serve) -> None:
    async with server(Recorder(echo=True), upgrade_timeout=0.05) as served:
        client, sid = await served.open_polling()
        websocket = await probe(served, sid)
        assert await websocket.close_code() == 1008
        await client.push(sid, b"4x")
        assert (await client.poll(sid)).body == b"4x"


async def test_the_time_out_is_over_with_the_upgrade(server: Serve) -> None:
    async with server(Recorder(echo=True), upgrade_timeout=0.1, ping_interval=0.3) as served:
        _, sid = await served.open_polling()
        websocket = await probe(served, sid)
        websocket.send("5")
        assert await websocket.packet() == "2"  # the ping comes later than the time-out would have
        websocket.send("4x")
        assert await websocket.packet() == "4x"


async def test_the_session_closes_meanwhile(server: Serve) -> None:
    async with server() as served:
        _, sid = await served.open_polling()
        websocket = await probe(served, sid)
        served.handler.session.close()
        assert await websocket.close_code() == 1000


async def test_not_allowed(server: Serve) -> None:
    async with server(allow_upgrades=False) as served:
        _, sid = await served.open_polling()
        client = await served.connect()
        client.write(upgrade_request(f"{WEBSOCKET}&sid={sid}"))
        assert (await client.answer()).json() == error(3, "upgrades are switched off")


async def test_under_load_in_both_directions(server: Serve) -> None:
    """Nothing is lost, doubled or reordered, whenever the upgrade happens."""
    handler = Recorder()
    async with server(handler) as served:
        client, sid = await served.open_polling()
        pusher = await served.connect()
        received: list[str] = []
        upgraded = asyncio.Event()
        target = f"{POLLING}&sid={sid}"

        async def poll() -> None:
            while not upgraded.is_set():
                answer = await client.get(target)
                assert answer.status == 200
                received.extend(p for p in answer.body.decode().split("\x1e") if p[0] == "4")

        async def push() -> None:
            number = 0
            while not upgraded.is_set():
                assert (await pusher.push(sid, b"4c%d\x1e4c%d" % (number, number + 1))).body == b"ok"
                number += 2
            counts["client"] = number

        async def emit() -> None:
            while counts["server"] < 3000:
                for _ in range(3):
                    handler.session.send(f"s{counts['server']}")
                    counts["server"] += 1
                await asyncio.sleep(0)

        counts = {"client": 0, "server": 0}
        emitting = asyncio.ensure_future(emit())
        requests = [asyncio.ensure_future(poll()), asyncio.ensure_future(push())]
        await until(lambda: counts["server"] >= 500)
        websocket = await probe(served, sid)
        upgraded.set()
        await asyncio.gather(*requests)
        first = counts["client"]
        websocket.send("5", *[f"4c{first + number}" for number in range(100)])
        await emitting
        while len(received) < 3000:
            received.append(await websocket.packet())
        assert received == [f"4s{number}" for number in range(3000)]
        total = first + 100
        assert [await handler.messages.get() for _ in range(total)] == [f"c{n}" for n in range(total)]
        assert handler.messages.empty()


async def test_reading_stays_paused(server: Serve) -> None:
    async with server() as served:
        _, sid = await served.open_polling()
        websocket = await probe(served, sid)
        live(served).pause_reading()
        websocket.send("5")
        await until(lambda: live(served).transport_name == "websocket")
        websocket.send("4x")
        await served.open_polling()
        assert served.handler.messages.empty()
        live(served, 0).resume_reading()
        assert await served.handler.messages.get() == "x"
