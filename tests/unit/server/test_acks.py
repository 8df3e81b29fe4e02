from __future__ import annotations

import asyncio
from typing import Any

import pytest
from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.server import acks
from rtserver.server.acks import Answer
from rtserver.server.namespace import Namespace
from rtserver.server.socket import NOWHERE, Socket
from tests.unit.server.harness import manual_clock

CLIENT: Any = None


def socket() -> Socket:
    return Socket("sid", CLIENT, Namespace("/"), NOWHERE)


def test_ids_count_up_and_are_never_used_twice() -> None:
    it = socket()
    assert [acks.expect(it, print) for _ in range(3)] == [1, 2, 3]
    for ack_id in (1, 2, 3):
        assert acks.take(it, ack_id) is print
    assert it.acks is None
    assert acks.expect(it, print) == 4


def test_an_ack_is_taken_once_and_unknown_ones_are_nothing() -> None:
    it = socket()
    assert acks.take(it, 1) is None
    ack_id = acks.expect(it, print)
    assert acks.take(it, 99) is None
    assert acks.take(it, None) is None
    assert acks.take(it, ack_id) is print
    assert acks.take(it, ack_id) is None


async def test_an_answer_returns_what_it_is_called_with() -> None:
    _, clock = manual_clock()
    answer = Answer(asyncio.get_running_loop(), clock, 5)
    answer(1, 2)
    answer(3)
    assert await answer.wait() == (1, 2)
    answer.close()
    assert len(clock) == 0


async def test_an_answer_fails_at_its_deadline() -> None:
    loop, clock = manual_clock()
    answer = Answer(asyncio.get_running_loop(), clock, 5)
    loop.advance(4.9)
    loop.advance(0.2)
    with pytest.raises(NoAnswer, match="5 seconds"):
        await answer.wait()


async def test_abandoning_fails_answers_and_forgets_callbacks() -> None:
    _, clock = manual_clock()
    it = socket()
    answer = Answer(asyncio.get_running_loop(), clock, None)
    acks.expect(it, answer)
    acks.expect(it, print)
    acks.abandon(it)
    assert it.acks is None
    with pytest.raises(NoAnswer, match="left"):
        await answer.wait()
