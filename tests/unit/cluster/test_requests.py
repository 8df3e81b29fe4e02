from __future__ import annotations

import asyncio

import pytest

from rtserver.cluster.bus import Census
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.namespaces import Namespaces
from rtserver.cluster.requests import Request, Requests
from tests.support.bus import Exchange, LoopBus
from tests.unit.server.harness import turns

THREE = Census(3, frozenset({"a", "b", "c"}))


async def waiting(request: Request, census: Census) -> asyncio.Task[None]:
    task = asyncio.ensure_future(request.wait(census))
    await turns()
    assert not task.done()
    return task


async def test_it_ends_when_all_have_answered() -> None:
    request = Request()
    request.answer("a", 1)
    task = await waiting(request, THREE)
    request.answer("b", 2)
    request.answer("c", 3)
    await task
    assert (request.answers, request.silent()) == ([1, 2, 3], ())


async def test_nobody_to_ask() -> None:
    await Request().wait(Census(0, frozenset()))


async def test_a_server_that_is_lost_is_not_waited_for_and_is_silent() -> None:
    request = Request()
    request.lost("a")  # even before the servers were counted
    task = await waiting(request, THREE)
    request.answer("b", 2)
    await turns()
    assert not task.done()
    request.lost("c")
    await task
    assert (request.answers, request.silent()) == ([2], ["a", "c"])


async def test_a_server_that_is_lost_after_its_answer_is_not_silent() -> None:
    request = Request()
    task = await waiting(request, Census(2, frozenset({"a", "b"})))
    request.answer("a", 1)
    request.lost("a")
    await turns()
    assert not task.done()
    request.answer("b", 2)
    await task
    assert request.silent() == ()


async def test_clients_of_a_server_that_is_lost_are_not_waited_for_and_are_owed() -> None:
    request = Request()
    task = await waiting(request, Census(2, frozenset({"a", "b"})))
    request.announce("a", 3)
    request.announce("b", 1)
    request.acknowledge("a", "yes")
    request.lost("a")
    await turns()
    assert not task.done()
    request.acknowledge("b", "no")
    await task
    assert (request.answers, request.owed, request.silent()) == (["yes", "no"], 2, ())


async def test_acknowledgments_may_overtake_their_number() -> None:
    request = Request()
    task = await waiting(request, Census(1, frozenset({"a"})))
    request.acknowledge("a", "yes")
    request.announce("a", 1)
    await task
    assert request.owed == 0


async def test_somebody_unknown_that_is_lost_changes_nothing() -> None:
    request = Request()
    task = await waiting(request, THREE)
    request.lost("d")
    request.answer("a", 1)
    request.answer("b", 1)
    await turns()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Asker:
    """A server whose questions a test answers."""

    def __init__(self, *others: str) -> None:
        self.exchange = Exchange()
        self.bus = LoopBus(self.exchange, "me")
        self.exchange.buses |= {uid: LoopBus(self.exchange, uid) for uid in ("me", *others)}
        for bus in self.exchange.buses.values():
            bus.is_deaf = True
        self.requests = Requests(self.bus, Namespaces(self.bus, lambda namespace: False))

    async def ask(self, kind: Kind, seconds: float = 60) -> asyncio.Task[Request]:
        asked = asyncio.create_task(self.requests.ask("/chat", kind, {"a": 1}, seconds))
        await turns()
        return asked

    def answer(self, uid: str, kind: Kind, **data: object) -> None:
        question, _ = self.exchange.sent[-1]
        message = Message(uid, "/chat", kind, {"requestId": question.data["requestId"], **data})
        self.requests.receivers[kind](message)


async def test_a_question_is_sent_and_answered() -> None:
    asker = Asker("a", "b")
    asked = await asker.ask(Kind.SERVER_SIDE_EMIT)
    [(question, room)] = asker.exchange.sent
    assert (question.uid, question.namespace, question.kind, room) == (
        "me",
        "/chat",
        Kind.SERVER_SIDE_EMIT,
        None,
    )
    assert question.data["a"] == 1
    assert (len(asker.requests), "/chat" in asker.bus.opened) == (1, True)
    asker.answer("a", Kind.SERVER_SIDE_ANSWER, packet="yes")
    asker.answer("b", Kind.SERVER_SIDE_ANSWER, packet="no", more=[1])
    assert (await asked).answers == ["yes", ("no", 1)]
    assert len(asker.requests) == 0
    asker.answer("b", Kind.SERVER_SIDE_ANSWER, packet="late")


async def test_clients_that_were_announced_are_waited_for() -> None:
    asker = Asker("a", "b")
    asked = await asker.ask(Kind.BROADCAST)
    asker.answer("a", Kind.CLIENT_COUNT, clientCount=1)
    asker.answer("b", Kind.CLIENT_COUNT, clientCount="many")
    await turns()
    assert not asked.done()
    asker.answer("a", Kind.CLIENT_ANSWER, packet="yes")
    assert (await asked).answers == ["yes"]


async def test_what_came_in_time_is_the_answer() -> None:
    asker = Asker("a", "b")
    asked = await asker.ask(Kind.FETCH, 0.05)
    asker.answer("a", Kind.FETCHED, sockets="none")
    request = await asked
    assert (request.answers, request.silent()) == ([[]], ["b"])


async def test_who_has_gone_is_not_waited_for_in_any_question() -> None:
    asker = Asker("a")
    questions = [await asker.ask(Kind.FETCH) for _ in range(2)]
    asker.requests.lost("a")
    assert [(await asked).silent() for asked in questions] == [["a"], ["a"]]
