from __future__ import annotations

import asyncio

import pytest

from rtserver.cluster.bus import Census
from rtserver.cluster.requests import Request, Requests
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
    requests = Requests()
    request = requests.open("1")
    request.lost("a")  # even before the servers were counted
    task = await waiting(request, THREE)
    request.answer("b", 2)
    await turns()
    assert not task.done()
    requests.lost("c")
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
