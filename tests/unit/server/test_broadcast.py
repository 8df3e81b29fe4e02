from __future__ import annotations

from typing import Any

from rtserver.engineio.outgoing import Outgoing
from tests.unit.server.harness import Harness


async def test_a_broadcast_is_encoded_once_for_all() -> None:
    harness = Harness()
    seen: list[Outgoing] = []
    for _ in range(3):
        session = harness.session()
        session.join()
        session.send_outgoing = seen.append  # type: ignore[method-assign]
    assert harness.sio._local.emit("/", ["event"]) == 3
    assert len(seen) == 3
    assert len({id(outgoing) for outgoing in seen}) == 1


async def test_nothing_is_encoded_for_nobody() -> None:
    harness = Harness()
    unserializable: list[Any] = ["event", object()]
    assert harness.sio._local.emit("/", unserializable) == 0
    harness.session().join()
    assert harness.sio._local.emit("/", unserializable, ["nobody"]) == 0


async def test_what_a_manager_asks_of_the_clients_here() -> None:
    harness = Harness()
    local = harness.sio._local
    session = harness.session()
    sid = session.join()
    assert local.has_client("/", sid)
    assert not local.has_client("/other", sid)
    assert local.enter_room("/", sid, "x")
    assert harness.sio.rooms(sid) == [sid, "x"]
    assert local.leave_room("/", sid, "x")
    assert harness.sio.rooms(sid) == [sid]
    assert not local.enter_room("/", "nobody", "x")
    assert not local.leave_room("/", "nobody", "x")
    local.enter_room("/", sid, "x")
    local.close_room("/", "x")
    local.close_room("/other", "x")
    assert harness.sio.rooms(sid) == [sid]
    assert local.disconnect("/", "nobody") is None
    assert local.disconnect("/", sid) is None
    assert session.take() == ["41"]
    assert not local.has_client("/", sid)
