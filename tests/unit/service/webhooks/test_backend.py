from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from rtserver.errors import BackendError
from rtserver.server.interface.socket import Socket
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.webhooks.backend import Admission
from rtserver.service.webhooks.messages import Emit
from tests.unit.server.harness import FakeSession, turns

from .backends import DOWN, FAULT, LOST, Service


class Guarded(Service):
    """One whose backend decides who is let in, and answers an event."""

    def __init__(self, *outcomes: Any, **settings: Any) -> None:
        super().__init__(*outcomes, **settings)
        self.sio.use(self.backend.admit)

        @self.sio.on("*")
        async def answer(event: str, sid: str, *args: Any) -> Any:
            return await self.backend.event(self.sio.socket(sid), event, args)


def messages(sent: list[str | bytes]) -> list[Any]:
    """Return the packets that a client got: type and ack id, then its content."""
    found = []
    for each in sent:
        assert isinstance(each, str)
        start = each.index("[")
        found.append((each[:start], orjson.loads(each[start:])))
    return found


# Who is let in.


async def test_a_client_is_let_in_with_claims_and_rooms() -> None:
    emit = [
        {"event": "hello", "args": [1]},
        {"event": "news", "to": {"rooms": ["lobby"]}},
        {"event": "other", "to": "all", "except": {"rooms": ["lobby"]}},
        {"event": "mine", "to": {"users": ["ada"]}},
    ]
    one = Guarded({"claims": {"role": "admin"}, "rooms": ["lobby", "user:ada"], "emit": emit})
    session, socket = await one.socket()
    assert socket.data["claims"] == {"role": "admin"}
    assert socket.rooms == {socket.id, "lobby", "user:ada"}
    assert messages(session.sent) == [("42", ["hello", 1]), ("42", ["news"]), ("42", ["mine"])]
    assert one.backend.counters.requests == {("connect", "ok"): 1}


async def test_claims_of_a_token_stay() -> None:
    one = Service({"claims": {"role": "admin"}})

    @one.sio.use
    def token(socket: Socket) -> None:
        socket.data["claims"] = {"sub": "ada", "role": "guest"}

    one.sio.use(one.backend.admit)
    _, socket = await one.socket()
    assert socket.data["claims"] == {"sub": "ada", "role": "admin"}
    assert one.endpoint.requests[0][1]["claims"] == {"sub": "ada", "role": "guest"}


async def test_more_rooms_than_a_client_may_enter() -> None:
    one = Guarded({"rooms": ["a", "b"]}, {}, {}, {"join": ["a", "b"]}, max_rooms=1)
    _, answer = await one.connect()
    assert answer["data"] == {"code": "too_many_rooms"}
    session, _ = await one.socket()
    session.receive('27["x"]')
    await turns(10)
    ((head, (error,)),) = messages(session.take())
    assert (head, error["code"]) == ("437", "too_many_rooms")


async def test_a_refusal() -> None:
    one = Guarded({"refuse": {"message": "Go away", "data": {"code": "banned"}}})
    session, answer = await one.connect()
    assert answer == {"message": "Go away", "data": {"code": "banned"}}
    assert one.backend.counters.requests == {("connect", "refused"): 1}
    session.close("transport close")
    await turns(10)
    assert one.endpoint.said == [("connect",)]  # it was never there: nobody is told of its end


@pytest.mark.parametrize("error", [DOWN, FAULT])
async def test_no_answer_is_a_refusal(error: BackendError, caplog: pytest.LogCaptureFixture) -> None:
    one = Guarded(error, retries=0)
    _, answer = await one.connect()
    assert answer == {"message": error.told, "data": {"code": error.code}}
    assert one.backend.counters.requests["connect", error.code] == 1
    assert f"namespace /: {error.code}: {error}" in caplog.text


async def test_it_isn_t_told_of_one_that_it_was_never_asked_about() -> None:
    one = Guarded(DOWN, retries=0)
    await one.connect()
    await turns(10)
    assert one.endpoint.said == [("connect",)]


async def test_an_answer_that_can_t_be_used_is_one_too() -> None:
    one = Guarded({"let_in": True})
    _, answer = await one.connect()
    assert answer["data"] == {"code": "backend_failed"}


async def test_what_connect_returns() -> None:
    one = Service({"claims": {"a": 1}, "rooms": ["r"], "emit": [{"event": "e"}]}, headers=["User-Agent"])
    session = one.harness.session()
    socket = one.sio.socket(session.join())
    assert await one.backend.connect(socket) == Admission({"a": 1}, ("r",), (Emit(event="e"),))
    assert one.endpoint.requests[0][1]["headers"] == {"user-agent": "tests"}
    assert socket.rooms == {socket.id}


# Who has gone.


async def test_the_backend_is_told_of_the_end() -> None:
    one = Guarded({"claims": {"name": "Ada"}})
    session, _ = await one.socket()
    session.close("transport close")
    await turns(10)
    assert one.endpoint.said == [("connect",), ("disconnect", "transport close")]
    assert one.endpoint.requests[1][1]["claims"] == {"name": "Ada"}


async def test_unless_it_doesn_t_want_to_be() -> None:
    one = Guarded(tells_ends=False)
    session, _ = await one.socket()
    session.close("transport close")
    await turns(10)
    assert one.endpoint.said == [("connect",)]


@pytest.mark.parametrize("error", [LOST, FAULT])
async def test_it_is_told_of_one_that_it_may_have_let_in(error: BackendError) -> None:
    one = Guarded(error)
    await one.connect()
    await turns(10)
    assert one.endpoint.said == [("connect",), ("disconnect", "server disconnect")]


async def test_one_that_goes_before_the_answer() -> None:
    one = Guarded()
    one.endpoint.go_on.clear()
    session = one.harness.session()
    session.receive("0")
    await turns()
    session.close("transport close")
    await turns()
    one.endpoint.go_on.set()
    await turns(10)
    assert [each[0] for each in one.endpoint.said] == ["connect", "disconnect"]


async def test_one_that_the_application_refuses_after_all() -> None:
    one = Guarded()

    @one.sio.event
    async def connect(sid: str, environ: Any) -> bool:
        return False

    await one.connect()
    await turns(10)
    assert [each[0] for each in one.endpoint.said] == ["connect", "disconnect"]


async def test_one_that_is_sent_away_before_the_answer() -> None:
    one = Guarded()
    one.endpoint.go_on.clear()
    session = one.harness.session()
    session.receive("0")
    await turns()
    (sid,) = one.sio._hub.namespaces["/"].sockets
    await one.sio.disconnect(sid)
    one.endpoint.go_on.set()
    await turns(10)
    assert [each[0] for each in one.endpoint.said] == ["connect", "disconnect"]


async def test_claims_that_can_t_be_said(caplog: pytest.LogCaptureFixture) -> None:
    one = Guarded()
    session, socket = await one.socket()
    socket.data["claims"] = {"since": object()}
    session.close("transport close")
    await turns(10)
    assert one.backend.counters.lost == 1
    assert "can't be written as JSON" in caplog.text


class Returning(Guarded):
    """One whose client loses its connection, and comes back to its state."""

    def __init__(self, *outcomes: Any) -> None:
        super().__init__(*outcomes, recovery=ConnectionStateRecovery(skip_middlewares=False), retries=0)
        self.pid = ""

    async def come(self) -> tuple[FakeSession, dict[str, Any]]:
        """Let the client connect. Returns it, and what it is told."""
        session = self.harness.session()
        session.receive("0" + orjson.dumps({"pid": self.pid} if self.pid else {}).decode())
        await turns(10)
        answer: dict[str, Any] = orjson.loads(str(session.take()[0])[2:])
        self.pid = answer.get("pid", "")
        return session, answer

    async def go(self, session: FakeSession) -> None:
        session.close("transport close")
        await turns(10)

    async def later(self) -> list[Any]:
        """Let time pass. Returns of which requests the backend was told in all, by their types."""
        self.loop.advance(60)
        await turns(10)
        return [each[0] for each in self.endpoint.said]


async def test_one_that_comes_back_isn_t_gone() -> None:
    one = Returning({}, FAULT)
    await one.go((await one.come())[0])
    await one.come()
    assert await one.later() == ["connect", "disconnect", "connect"]
    assert one.endpoint.requests[-1][1]["recovered"] is True


@pytest.mark.parametrize("outcome", [DOWN, FAULT, {"refuse": {"message": "no"}}])
async def test_one_that_comes_back_and_isn_t_let_in_is(outcome: Any) -> None:
    one = Returning({}, FAULT, outcome)
    await one.go((await one.come())[0])
    assert "sid" not in (await one.come())[1]
    assert await one.later() == ["connect", "disconnect", "connect", "disconnect"]
    assert one.backend.counters.queued == 0


async def test_one_that_comes_back_and_is_sent_away_before_the_answer_is_gone_once() -> None:
    one = Returning({}, FAULT)
    await one.go((await one.come())[0])
    one.endpoint.go_on.clear()
    one.harness.session().receive("0" + orjson.dumps({"pid": one.pid}).decode())
    await turns(10)
    (sid,) = one.sio._hub.namespaces["/"].sockets
    await one.sio.disconnect(sid)
    await turns(10)
    assert await one.later() == ["connect", "disconnect", "connect"]  # it believes what it is told last
    one.endpoint.go_on.set()
    await turns(10)
    assert await one.later() == ["connect", "disconnect", "connect", "disconnect"]
    assert one.backend.counters.queued == 0


async def test_one_that_comes_back_while_an_event_of_it_is_answered_isn_t_gone() -> None:
    one = Returning()
    session, _ = await one.come()
    one.endpoint.go_on.clear()
    session.receive('2["slow"]')
    await turns()
    await one.go(session)
    session = one.harness.session()
    session.receive("0" + orjson.dumps({"pid": one.pid}).decode())
    one.endpoint.go_on.set()
    await turns(10)
    session.receive('2["next"]')
    await turns(10)
    assert await one.later() == ["connect", "event", "connect", "event"]
    await one.go(session)
    assert (await one.later())[4:] == ["disconnect"]


# Events.


async def test_an_event_is_answered() -> None:
    one = Guarded(
        {},
        {
            "ack": ["delivered", 2],
            "join": ["a"],
            "emit": [{"event": "said", "args": ["x"], "to": {"rooms": ["a"]}}],
        },
        {"leave": ["a", "b"]},
    )
    session, socket = await one.socket()
    session.receive('27["say","x"]')
    await turns(10)
    assert socket.rooms == {socket.id, "a"}
    assert messages(session.take()) == [("42", ["said", "x"]), ("437", ["delivered", 2])]
    session.receive('28["go"]')
    await turns(10)
    assert socket.rooms == {socket.id}
    assert messages(session.take()) == [("438", [])]
    assert one.endpoint.said == [("connect",), ("event", "say", ["x"]), ("event", "go", [])]


async def test_no_answer_is_an_error_in_the_acknowledgment() -> None:
    one = Guarded({}, FAULT)
    session, _ = await one.socket()
    session.receive('27["say"]', '2["say"]')
    await turns(10)
    assert messages(session.take()) == [
        ("437", [{"code": "backend_failed", "message": "The backend failed"}])
    ]
    assert one.backend.counters.requests == {
        ("connect", "ok"): 1,
        ("event", "backend_failed"): 1,
        ("event", "ok"): 1,
    }


async def test_the_events_of_a_client_keep_their_order_and_its_end_comes_last() -> None:
    one = Guarded()
    ada, _ = await one.socket()
    eve, _ = await one.socket()
    one.endpoint.go_on.clear()
    ada.receive('2["a"]', '2["b"]')
    eve.receive('2["c"]')
    await turns()
    ada.close("transport close")
    await turns()
    assert one.endpoint.said[2:] == [("event", "a", []), ("event", "c", [])]
    one.endpoint.go_on.set()
    await turns(20)
    assert one.endpoint.said[4:] == [("event", "b", []), ("disconnect", "transport close")]


async def test_a_client_that_sends_too_much_is_told_so() -> None:
    one = Guarded(max_client_waiting=1)
    session, _ = await one.socket()
    one.endpoint.go_on.clear()
    session.receive('21["a"]', '22["b"]', '23["c"]')
    await turns()
    ((head, (error,)),) = messages(session.take())
    assert (head, error["code"]) == ("433", "backend_busy")
    one.endpoint.go_on.set()
    await turns(20)
    assert [each[1] for each in one.endpoint.said[1:]] == ["a", "b"]


async def test_a_client_that_has_gone_enters_no_rooms() -> None:
    one = Guarded({}, {"join": ["a"], "emit": [{"event": "said"}]})
    session, socket = await one.socket()
    one.endpoint.go_on.clear()
    session.receive('2["a"]')
    await turns()
    session.close("transport close")
    one.endpoint.go_on.set()
    await turns(20)
    assert socket.rooms == set()
    assert "a" not in one.sio._hub.namespaces


async def test_the_end() -> None:
    one = Guarded()
    session, _ = await one.socket()
    session.close("transport close")
    async with asyncio.timeout(20):
        await one.backend.close(60)
    assert one.endpoint.said[-1] == ("disconnect", "transport close")


async def test_what_is_told_of_it() -> None:
    one = Service(*[LOST] * 3)
    socket = one.sio.socket(one.harness.session().join())
    assert (one.backend.is_let_alone, one.backend.times_let_alone) == (False, 0)
    for _ in range(3):
        await one.backend.event(socket, "x", ())
    assert (one.backend.is_let_alone, one.backend.times_let_alone) == (True, 1)
