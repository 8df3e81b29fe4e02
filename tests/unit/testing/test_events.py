from __future__ import annotations

import asyncio

import pytest

from rtserver.testing.events import Event, Inbox


def event(name: str, *args: object) -> Event:
    return Event(name, args)


def test_the_data_of_an_event_are_what_emit_takes() -> None:
    assert event("e").data is None
    assert event("e", [1]).data == [1]
    assert event("e", 1, 2).data == (1, 2)


def test_events_are_taken_in_order_or_by_name() -> None:
    inbox = Inbox()
    for each in (event("a", 1), event("b", 2), event("a", 3)):
        inbox.add(each)
    assert inbox.take("b") == ("b", (2,))
    assert inbox.take("b") is None
    assert inbox.take(None) == ("a", (1,))
    assert inbox.take("a") == ("a", (3,))
    assert inbox.take(None) is None


async def test_who_has_waited_longest_is_served_first() -> None:
    inbox = Inbox()
    named = asyncio.ensure_future(inbox.wait("b"))
    any_one, next_one = asyncio.ensure_future(inbox.wait(None)), asyncio.ensure_future(inbox.wait(None))
    await asyncio.sleep(0)
    for each in (event("a"), event("b"), event("c"), event("d")):
        inbox.add(each)
    assert [each.name for each in (await any_one, await named, await next_one)] == ["a", "b", "c"]
    assert inbox.take(None) == event("d")


async def test_who_gives_up_takes_nothing() -> None:
    inbox = Inbox()
    waiting = asyncio.ensure_future(inbox.wait("a"))
    await asyncio.sleep(0)
    waiting.cancel()
    inbox.add(event("a"))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert inbox.take("a") == event("a")


async def test_whoever_waits_hears_that_nothing_will_come() -> None:
    inbox = Inbox()
    waiting = asyncio.ensure_future(inbox.wait(None))
    await asyncio.sleep(0)
    inbox.fail(ValueError("the end"))
    with pytest.raises(ValueError, match="the end"):
        await waiting
