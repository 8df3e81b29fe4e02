from __future__ import annotations

import pytest

from rtserver.engineio.outgoing import Outgoing
from rtserver.server.recovery.brought import Brought, Missed

EVENTS = [Missed(f"a.{number}", Outgoing(b"text")) for number in (2, 3, 5)]


@pytest.mark.parametrize("offset", [None, "a.1"])
def test_the_offset_tells_how_far_the_client_got(offset: str | None) -> None:
    brought = Brought(offset, EVENTS)
    assert brought.bytes == 12
    assert brought.after(offset) == EVENTS
    assert brought.after("a.2") == EVENTS[1:]
    assert list(brought.after("a.5") or ()) == []
    assert brought.after("a.4") is None


def test_once_everything_was_received_the_last_offset_is_all_that_is_kept() -> None:
    brought = Brought("a.1", EVENTS)
    brought.received()
    assert brought.bytes == 0
    assert list(brought.after("a.5") or ()) == []
    assert brought.after("a.1") is brought.after("a.3") is None


def test_there_may_have_been_nothing() -> None:
    brought = Brought(None, [])
    brought.received()
    assert list(brought.after(None) or ()) == []
