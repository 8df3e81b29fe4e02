from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.engineio.handler import Handshake
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.delivery.history import History
from rtserver.server.delivery.slow_clients import policies
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.target import Flags, Target
from tests.unit.server.harness import Harness, manual_clock, turns
from tests.unit.server.recovery.client import Client

PYTHON = Handshake("GET", "/socket.io/", [(b"User-Agent", b"Python/3.11 aiohttp/3.14.0")])


@pytest.fixture
def harness() -> Harness:
    return Harness(recovery=ConnectionStateRecovery(), namespaces=("/", "/news"))


@pytest.fixture
async def client(harness: Harness) -> Client:
    return Client(harness).connect()


def kept(harness: Harness) -> tuple[int, int]:
    """Return how many sessions are occupied or waited for."""
    recovery = harness.sio._hub.recovery
    assert recovery is not None
    return len(recovery._occupants), len(recovery._waiting)


async def test_a_client_comes_back_to_its_id_rooms_data_and_what_it_missed(
    harness: Harness, client: Client
) -> None:
    sio, sid = harness.sio, client.sid
    await sio.enter_room(sid, "a")
    data = await sio.get_session(sid)
    data["name"] = "Ada"
    await sio.emit("received", 1)
    client.read()
    await sio.emit("lost on the way", 2)
    client.drop()
    await sio.emit("missed", 3, room="a")
    await sio.emit("for others", 4, room="b")
    await sio.emit("own", 5, to=sid)
    client.connect()
    assert client.recovered
    assert client.sid == sid
    assert sio.rooms(sid) == [sid, "a"]
    assert await sio.get_session(sid) is data
    await sio.emit("live", 6)
    assert client.read() == [
        ["received", 1],
        ["lost on the way", 2],
        ["missed", 3],
        ["own", 5],
        ["live", 6],
    ]
    assert (sio.counters.recoveries, sio.counters.recovered_events) == (1, 3)


async def test_the_answer_comes_before_what_was_missed(harness: Harness, client: Client) -> None:
    client.drop()
    await harness.sio.emit("missed", b"\x00")
    session = harness.session()
    session.receive(f'0{{"pid":"{client.pid}"}}')
    assert session.sent == [
        f'40{{"sid":"{client.sid}","pid":"{client.pid}"}}',
        '451-["missed",{"_placeholder":true,"num":0},"1"]',
        b"\x00",
    ]


async def test_a_client_gets_what_was_sent_to_rooms_while_it_was_in_them(
    harness: Harness, client: Client
) -> None:
    sio = harness.sio
    await sio.emit("before", room="a")
    await sio.enter_room(client.sid, "a")
    await sio.emit("inside", room="a")
    await sio.emit("excepted", skip_sid=["a"])
    await sio.leave_room(client.sid, "a")
    await sio.emit("after", room="a")
    await sio.emit("not excepted", skip_sid=["a"])
    client.drop().connect()
    assert client.read() == [["inside"], ["not excepted"]]


@pytest.mark.parametrize(
    ("reason", "recovered"),
    [
        ("transport close", True),
        ("transport error", True),
        ("ping timeout", True),
        ("slow client", True),
        ("parse error", False),
        ("forced close", False),
    ],
)
async def test_only_a_connection_that_was_lost_is_recovered(
    harness: Harness, client: Client, reason: str, recovered: bool
) -> None:
    client.drop(reason).connect()
    assert client.recovered is recovered
    assert kept(harness) == (1, 0)


async def test_who_said_good_bye_is_a_new_client(harness: Harness, client: Client) -> None:
    sid = client.sid
    client.session.receive("1")
    client.drop().connect()
    assert not client.recovered
    assert client.sid != sid


async def test_who_was_told_to_go_is_a_new_client(harness: Harness, client: Client) -> None:
    await harness.sio.disconnect(client.sid)
    client.drop().connect()
    assert not client.recovered


async def test_who_is_told_to_go_while_away_is_a_new_client(harness: Harness, client: Client) -> None:
    client.drop()
    await harness.sio.disconnect(client.sid)
    client.connect()
    assert not client.recovered


async def test_who_is_taken_out_of_a_room_while_away_stays_out(harness: Harness, client: Client) -> None:
    sio = harness.sio
    for room in ("a", "b"):
        await sio.enter_room(client.sid, room)
    client.drop()
    await sio.leave_room(client.sid, "a")
    await sio.close_room("b")
    await sio.emit("missed", room="a")
    client.connect()
    assert client.recovered
    assert sio.rooms(client.sid) == [client.sid]
    assert client.received == []


async def test_a_disconnect_handler_can_turn_the_client_out(harness: Harness) -> None:
    @harness.sio.event
    async def disconnect(sid: str) -> None:
        await harness.sio.disconnect(sid)

    client = Client(harness).connect()
    assert not client.drop().connect().recovered
    assert kept(harness) == (1, 0)


async def test_rooms_that_a_disconnect_handler_leaves_come_back(harness: Harness) -> None:
    @harness.sio.event
    async def disconnect(sid: str) -> None:
        await harness.sio.leave_room(sid, "a")
        await harness.sio.save_session(sid, {"saved": "late"})

    client = Client(harness).connect()
    await harness.sio.enter_room(client.sid, "a")
    client.drop().connect()
    assert harness.sio.rooms(client.sid) == [client.sid, "a"]
    assert await harness.sio.get_session(client.sid) == {"saved": "late"}


async def test_handlers_are_told(harness: Harness) -> None:
    seen: list[Any] = []

    @harness.sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        seen.append((environ["rtserver.recovered"], auth))

    client = Client(harness).connect(token="t")
    assert harness.sio.get_environ(client.sid)["rtserver.recovered"] is False  # type: ignore[index]
    client.drop().connect(token="t")
    assert seen == [(False, {"token": "t"}), (True, {"token": "t"})]
    assert harness.sio.get_environ(client.sid)["rtserver.recovered"] is True  # type: ignore[index]


async def test_what_is_sent_while_the_handler_runs_comes_once_and_in_order(harness: Harness) -> None:
    allowed = asyncio.Event()

    @harness.sio.event
    async def connect(sid: str, environ: dict[str, Any]) -> None:
        await harness.sio.emit("from the handler", to=sid)
        await allowed.wait()

    client = Client(harness).connect()
    await harness.sio.emit("one")
    assert client.read() == []
    client.drop()  # before it was told that it is connected
    allowed.set()
    await turns()
    client.connect()
    await turns()
    assert client.read() == [["from the handler"]]

    client.drop()
    allowed.clear()
    await harness.sio.emit("two")
    client.connect()
    await harness.sio.emit("three")
    client.drop()
    await harness.sio.emit("four")
    client.connect()  # waits until the handler of the lost connection has ended
    assert kept(harness) == (1, 1)
    await harness.sio.emit("five")
    allowed.set()
    await turns(10)
    handled, events = ["from the handler"], client.read()[1:]
    assert client.recovered
    assert [event for event in events if event != handled] == [["two"], ["three"], ["four"], ["five"]]
    assert kept(harness) == (1, 0)


async def test_who_is_refused_can_not_come_back(harness: Harness, client: Client) -> None:
    answers = [False]

    async def connect(sid: str, environ: dict[str, Any]) -> bool:
        return answers.pop()

    await harness.sio.emit("missed")
    client.drop()
    harness.sio.on("connect", connect)
    client.connect()
    assert client.errors == [{"message": "Connection rejected by server"}]
    assert client.received == []
    assert kept(harness) == (0, 0)
    answers.append(True)
    client.drop().connect()
    assert not client.recovered


async def test_a_connection_that_is_dead_without_notice_is_replaced(harness: Harness, client: Client) -> None:
    left: list[str] = []
    harness.sio.on("disconnect", lambda sid, reason: left.append(reason))
    old = client.session
    await harness.sio.emit("swallowed", 1)
    old.take()
    client.connect()
    assert client.recovered
    assert client.read() == [["swallowed", 1]]
    assert not old.is_open
    assert left == ["transport close"]


async def test_of_two_that_claim_the_same_the_later_has_it(harness: Harness, client: Client) -> None:
    leaving = asyncio.Event()

    @harness.sio.event
    async def disconnect(sid: str) -> None:
        await leaving.wait()

    client.drop()
    twin, sid = Client(harness), client.sid
    twin.pid = client.pid
    client.connect()
    twin.connect()
    assert kept(harness) == (2, 1)  # the session that is going, and a new one for who came first
    leaving.set()
    await turns()
    client.read()
    twin.read()
    assert (client.recovered, twin.recovered) == (False, True)
    assert twin.sid == sid
    assert client.sid != sid


async def test_who_waits_and_goes_leaves_nothing_behind(harness: Harness, client: Client) -> None:
    leaving = asyncio.Event()

    @harness.sio.event
    async def disconnect(sid: str) -> None:
        await leaving.wait()

    client.drop().connect()
    client.session.receive(f'0{{"pid":"{client.pid}"}}')  # asks twice
    client.drop()
    leaving.set()
    await turns()
    assert kept(harness) == (0, 0)
    assert client.connect().recovered


async def test_who_waits_for_one_that_says_good_bye_is_a_new_client() -> None:
    harness = Harness(recovery=ConnectionStateRecovery(), serial=True)
    working = asyncio.Event()

    @harness.sio.event
    async def work(sid: str) -> None:
        await working.wait()

    client = Client(harness).connect()
    old = client.session
    client.session.receive('2["work"]', "1")
    client.connect()
    assert old.closed_for == "transport close"
    assert kept(harness) == (1, 1)
    working.set()
    await turns()
    client.read()
    assert not client.recovered
    assert kept(harness) == (1, 0)


@pytest.mark.parametrize("auth", [{"pid": "forged"}, {"offset": "forged"}, {"offset": "999"}])
async def test_a_wrong_claim_makes_a_new_client(
    harness: Harness, client: Client, auth: dict[str, str]
) -> None:
    pid, sid = client.pid, client.sid
    client.drop().connect(**auth)
    assert client.errors == []
    assert (client.pid != pid, client.sid != sid) == (True, True)
    assert harness.sio.counters.recoveries_unknown == 1


async def test_a_session_belongs_to_its_namespace(harness: Harness) -> None:
    news = Client(harness, "/news").connect()
    main = Client(harness).connect()
    main.pid = news.pid
    assert not main.drop().connect().recovered
    assert news.session.is_open
    assert news.drop().connect().recovered


async def test_a_window_ends() -> None:
    loop, clock = manual_clock()
    harness = Harness(clock=clock, recovery=ConnectionStateRecovery(60.0))
    client = Client(harness).connect()
    client.drop()
    loop.advance(61)
    assert not client.connect().recovered
    assert harness.sio.counters.recoveries_expired == 1


async def test_who_has_missed_more_than_can_be_sent_is_a_new_client() -> None:
    harness = Harness(recovery=ConnectionStateRecovery(), max_held=200)
    client = Client(harness).connect()
    client.drop()
    await harness.sio.emit("missed", 90 * "x")
    assert not client.connect().recovered
    assert harness.sio.counters.recoveries_too_old == 1


async def test_clients_that_can_not_recover_get_no_offset(harness: Harness, client: Client) -> None:
    python = harness.session(PYTHON)
    sid = python.join()
    await harness.sio.emit("news", "x")
    await harness.sio.emit("own", to=sid)
    assert python.take() == ['42["news","x"]', '42["own"]']
    assert client.session.take() == ['42["news","x","1"]']
    python.close("transport close")
    again = harness.session(PYTHON)
    again.receive('0{"pid":"x"}')
    assert "pid" not in str(again.sent)
    assert harness.sio.counters.recoveries_unknown == 0


async def test_the_application_says_who_can_recover() -> None:
    options = ConnectionStateRecovery(clients=lambda handshake: "resume" in handshake.query)
    harness = Harness(recovery=options)
    harness.session().join()
    session = harness.session(Handshake("GET", "/socket.io/?resume=1"))
    session.receive("0")
    assert '"pid":' in str(session.sent)


async def test_a_client_of_an_old_protocol_is_told_no_pid(harness: Harness) -> None:
    session = harness.session()
    session.protocol = 3
    session.receive("0")
    assert len(session.sent) == 1
    assert "pid" not in str(session.sent)


async def test_what_is_not_sent_again_has_no_offset_and_looks_like_none(
    harness: Harness, client: Client
) -> None:
    answers: list[Any] = []
    await harness.sio.emit("one", 1)
    await harness.sio.emit("asked", "x", callback=answers.append)
    harness.sio.manager.emit(Target("/"), ["volatile", 2], Flags(volatile=True))
    harness.sio.manager.emit(Target("/"), ["volatile", "x"], Flags(volatile=True))
    harness.sio.manager.emit(Target("/"), ["volatile"], Flags(volatile=True))
    assert client.session.sent == [
        '42["one",1,"1"]',
        '421["asked","x"]',
        '42["volatile",2]',
        '42["volatile","x","1"]',  # the client takes any string at the end for an offset
        '42["volatile","1"]',
    ]


async def test_an_emit_here_only_is_kept_too_where_the_server_is_alone(
    harness: Harness, client: Client
) -> None:
    client.drop()
    await harness.sio.emit("here", ignore_queue=True)
    assert client.connect().read() == [["here"]]


async def test_what_cannot_be_sent_is_not_recorded(harness: Harness, client: Client) -> None:
    client.drop()
    with pytest.raises(TypeError):
        await harness.sio.emit("x", object())
    await harness.sio.emit("y")
    assert client.connect().read() == [["y"]]


async def test_others_may_have_entered_the_room_of_a_client_that_is_away(
    harness: Harness, client: Client
) -> None:
    other = Client(harness).connect()
    client.drop()
    await harness.sio.enter_room(other.sid, client.sid)
    client.connect()
    await harness.sio.emit("both", 1, to=client.sid)
    assert client.read() == other.read() == [["both", 1]]


async def test_always_connect() -> None:
    harness = Harness(recovery=ConnectionStateRecovery(), always_connect=True)
    harness.sio.on("connect", lambda sid, environ: None)
    client = Client(harness).connect()
    client.drop()
    await harness.sio.emit("missed")
    assert client.connect().read() == [["missed"]]


async def test_the_end_of_the_server_forgets_everything(harness: Harness, client: Client) -> None:
    client.drop()
    await harness.sio.start()
    await harness.sio.shutdown()
    assert not client.connect().recovered


async def test_what_a_socket_or_a_chain_sends_is_kept(harness: Harness, client: Client) -> None:
    sio, socket = harness.sio, harness.sio.socket(client.sid)
    await sio.local.to("a").sockets_leave("a")
    client.drop()
    await socket.emit("by the old socket", 1)
    await sio.to(client.sid).emit("by a chain", 2)
    await sio.local.emit("here", 3)
    client.connect()
    assert sio.socket(client.sid).recovered
    assert not socket.connected
    await sio.socket(client.sid).emit("by the new socket", 4)
    await sio.socket(client.sid).volatile.emit("volatile", 5)
    assert client.read() == [
        ["by the old socket", 1],
        ["by a chain", 2],
        ["here", 3],
        ["by the new socket", 4],
        ["volatile", 5],
    ]


async def test_a_socket_that_has_left_can_be_turned_out(harness: Harness, client: Client) -> None:
    socket = harness.sio.socket(client.sid)
    client.drop()
    await socket.disconnect()
    client.connect()
    assert not client.recovered
    client.drop().connect()
    await socket.disconnect()  # the one of long ago
    assert client.session.is_open
    assert client.drop().connect().recovered


@pytest.mark.parametrize("skips", [True, False])
async def test_middleware_is_skipped_where_it_is_wanted(skips: bool) -> None:
    harness = Harness(recovery=ConnectionStateRecovery(skip_middlewares=skips))
    seen = []
    harness.sio.use(lambda socket: seen.append(socket.recovered))
    client = Client(harness).connect()
    client.drop().connect()
    assert client.recovered
    assert seen == ([False] if skips else [False, True])


async def test_a_client_that_is_lost_again_while_middleware_runs_may_still_come_back() -> None:
    harness = Harness(recovery=ConnectionStateRecovery(skip_middlewares=False))
    go_on = asyncio.Event()

    @harness.sio.use
    async def wait(socket: Any) -> None:
        if socket.recovered:
            await go_on.wait()

    client = Client(harness).connect()
    await harness.sio.enter_room(client.sid, "room")
    client.drop().connect().drop()
    go_on.set()
    await turns()
    await harness.sio.emit("missed", room="room")
    client.connect()
    await turns()
    assert client.read() == [["missed"]]
    assert client.recovered


async def test_history_is_not_replayed_to_who_comes_back() -> None:
    harness = Harness(recovery=ConnectionStateRecovery(), history=History("a*", replay=10))
    client = Client(harness).connect()
    await harness.sio.emit("old", "text", room="a1")
    await harness.sio.enter_room(client.sid, "a1")
    await turns()
    assert client.read() == [["old", "text"]]
    client.drop()
    await harness.sio.emit("missed", room="a1")
    await harness.sio.emit("old", room="a2")
    client.connect()
    await harness.sio.enter_room(client.sid, "a2")
    await turns()
    assert client.read() == [["old", "text"], ["missed"], ["old"]]


async def test_a_newer_event_of_a_key_overtakes_nothing() -> None:
    harness = Harness(recovery=ConnectionStateRecovery(), slow_clients=policies("conflate"))
    client = Client(harness).connect()
    client.session.congested = True
    for number, key in enumerate("aba", 1):
        harness.sio.manager.emit(Target("/"), ["state", key, number], Flags(key=key))
    client.session.congested = False
    client.session.handler.drain(client.session)
    assert client.session.take() == ['42["state","b",2,"2"]', '42["state","a",3,"3"]']


async def test_a_broadcast_is_encoded_once_for_those_who_recover_and_once_for_the_others(
    harness: Harness,
) -> None:
    seen: dict[str, list[Outgoing]] = {"able": [], "unable": []}
    for _ in range(2):
        able = Client(harness).connect().session
        able.send_outgoing = seen["able"].append  # type: ignore[method-assign]
        unable = harness.session(PYTHON)
        unable.join()
        unable.send_outgoing = seen["unable"].append  # type: ignore[method-assign]
    await harness.sio.emit("event")
    assert [outgoing.text for outgoing in seen["able"]] == [b'42["event","1"]'] * 2
    assert [outgoing.text for outgoing in seen["unable"]] == [b'42["event"]'] * 2
    assert [len({id(outgoing) for outgoing in forms}) for forms in seen.values()] == [1, 1]


async def test_the_secret_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    harness = Harness(recovery=ConnectionStateRecovery(), verbose=True)
    client = Client(harness).connect()
    pid = client.pid
    client.drop().connect()
    client.session.receive("9")
    assert len(caplog.messages) > 2
    assert pid is not None
    assert pid not in caplog.text


async def test_nobody_gets_a_part_only_where_a_handler_holds_up_the_end() -> None:
    loop, clock = manual_clock()
    harness = Harness(clock=clock, recovery=ConnectionStateRecovery(60.0), unnoticed=10.0, serial=True)
    working = asyncio.Event()

    @harness.sio.event
    async def work(sid: str) -> None:
        await working.wait()

    client = Client(harness).connect()
    client.session.receive('2["work"]')
    await harness.sio.emit("lost on the way")
    client.drop()
    loop.advance(100)
    working.set()
    await turns()
    assert not client.connect().recovered
    assert harness.sio.counters.recoveries_too_old == 1
