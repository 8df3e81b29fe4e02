from __future__ import annotations

import pytest

from rtserver.cluster.redis.hearing import Hearing


def test_it_is_deaf_until_messages_arrive(caplog: pytest.LogCaptureFixture) -> None:
    hearing = Hearing()
    hearing.begin(10)
    assert (hearing.is_hearing, hearing.deaf_seconds(10.5)) == (False, 0.5)
    hearing.again(10.5)
    assert (hearing.is_hearing, hearing.since, hearing.deaf_seconds(20)) == (True, 10.5, 0.5)
    assert caplog.messages == []


def test_a_late_beginning_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    hearing = Hearing()
    hearing.begin(10)
    hearing.again(15)
    assert caplog.messages == ["Redis: messages of other servers arrive; for 5.0 s they did not"]


def test_a_connection_that_ends_is_deaf_from_then_on(caplog: pytest.LogCaptureFixture) -> None:
    hearing = Hearing()
    hearing.begin(0)
    hearing.again(0)
    hearing.prove(4, 4.25)
    hearing.lose(10, "reset")
    assert (hearing.lag, hearing.deaf_since) == (0.25, 10)
    hearing.lose(11, "refused")
    hearing.again(13)
    hearing.lose(20, "reset")
    assert hearing.deaf_seconds(21) == 4
    [first, second, back, last] = caplog.messages
    assert "is lost: reset. What they send is missed until it is back" in first
    assert "is lost: refused" in second
    assert back == "Redis: messages of other servers arrive; for 3.0 s they did not"
    assert last == first


def test_without_an_echo_it_was_deaf_since_the_last_one() -> None:
    hearing = Hearing()
    hearing.begin(0)
    hearing.again(1)
    hearing.prove(4, 4.25)
    hearing.doubt()
    hearing.lose(11, "no heartbeat")
    assert hearing.deaf_since == 4
    hearing.again(12)
    hearing.doubt()
    hearing.lose(20, "no heartbeat")
    assert hearing.deaf_since == 12
