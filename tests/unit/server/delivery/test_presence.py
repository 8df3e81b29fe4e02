from __future__ import annotations

import json
from typing import Any

import pytest

from rtserver.cluster.memory import MemoryManager
from rtserver.server.answers import Fetched, SocketDetails
from rtserver.server.delivery.presence import Presence
from rtserver.server.target import Target
from tests.unit.server.harness import FakeSession, Harness, manual_clock, turns


async def entered(harness: Harness, name: str) -> tuple[FakeSession, str]:
    session = harness.session()
    sid = session.join()
    await harness.sio.save_session(sid, {"name": name, "secret": "x"})
    await harness.sio.enter_room(sid, "chat:1")
    return session, sid


def told(session: FakeSession) -> list[tuple[str, Any]]:
    events = [json.loads(str(packet).removeprefix("42")) for packet in session.take()]
    return [(event, data["info"]) for event, data in events]


async def test_members_are_listed_with_what_may_be_told_of_them() -> None:
    harness = Harness(presence=Presence("chat:*", info=("name", "absent")))
    _, ann = await entered(harness, "Ann")
    silent = harness.session().join()
    await harness.sio.enter_room(silent, "chat:1")
    page = await harness.sio.presence("chat:1")
    assert page == {ann: {"name": "Ann"}, silent: {}}
    assert (page.count, page.silent) == (2, ())
    assert await harness.sio.presence("chat:empty") == {}
    with pytest.raises(ValueError, match="room 'other' has no presence"):
        await harness.sio.presence("other")
    with pytest.raises(ValueError, match=r"Server\(presence="):
        await Harness().sio.presence("chat:1")


@pytest.mark.parametrize(("namespace", "told"), [("/", {}), ("/chat", {"name": "Ann"})])
async def test_a_namespace_may_tell_more_than_others(namespace: str, told: dict[str, str]) -> None:
    options = Presence("chat:*", info_in_namespaces={"/chat": ["name"]})
    harness = Harness(presence=options, namespaces=("*",))
    sid = harness.session().join(namespace)
    await harness.sio.save_session(sid, {"name": "Ann"}, namespace=namespace)
    await harness.sio.enter_room(sid, "chat:1", namespace=namespace)
    assert await harness.sio.presence("chat:1", namespace=namespace) == {sid: told}


async def test_no_more_members_are_listed_than_the_limit() -> None:
    harness = Harness(presence=Presence("chat:*", max_members=2))
    for name in "abc":
        await entered(harness, name)
    page = await harness.sio.presence("chat:1")
    assert (len(page), page.count) == (2, 3)


async def test_members_on_other_servers_are_listed_too() -> None:
    class Two(MemoryManager):
        alone = False

        async def fetch(self, target: Target, timeout: float) -> Fetched:  # noqa: ASYNC109
            return Fetched([SocketDetails("far", {}, [], {"name": "Far"})], ["node-3"])

    harness = Harness(manager=Two(), presence=Presence("chat:*", info=["name"]))
    _, ann = await entered(harness, "Ann")
    page = await harness.sio.presence("chat:1")
    assert page == {ann: {"name": "Ann"}, "far": {"name": "Far"}}
    assert page.silent == ("node-3",)


async def test_members_are_told_who_comes_and_goes() -> None:
    harness = Harness(presence=Presence("chat:*", info=["name"], announce=True))
    first, _ = await entered(harness, "Ann")
    await turns()
    second, sid = await entered(harness, "Bob")
    await turns()
    assert (told(first), told(second)) == ([("presence_join", {"name": "Bob"})], [])
    await harness.sio.leave_room(sid, "chat:1")
    assert (told(first), told(second)) == ([("presence_leave", {"name": "Bob"})], [])


async def test_who_leaves_at_once_was_never_announced() -> None:
    harness = Harness(presence=Presence("chat:*", announce=True))
    first, _ = await entered(harness, "Ann")
    await turns()
    second, _ = await entered(harness, "Bob")
    second.close()
    await turns()
    assert told(first) == []


async def test_who_comes_back_in_time_was_never_gone() -> None:
    loop, clock = manual_clock()
    harness = Harness(
        clock=clock, connect_timeout=None, presence=Presence("chat:*", info=["name"], announce=True, grace=5)
    )
    first, _ = await entered(harness, "Ann")
    _, sid = await entered(harness, "Bob")
    await turns()
    told(first)
    await harness.sio.leave_room(sid, "chat:1")
    loop.advance(4)
    await harness.sio.enter_room(sid, "chat:1")
    loop.advance(10)
    await turns()
    assert told(first) == []
    await harness.sio.leave_room(sid, "chat:1")
    loop.advance(6)
    assert told(first) == [("presence_leave", {"name": "Bob"})]
    assert len(clock) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_members": 0}, "max_members: received 0"), ({"grace": -1}, "grace: received -1")],
)
def test_limits(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Presence("*", **options)


async def test_a_session_that_cannot_be_told_does_not_keep_its_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = Harness(presence=Presence("chat:*", info=("name",), announce=True))
    session, sid = await entered(harness, "Ann")
    other, _ = await entered(harness, "Bob")
    await turns()
    other.take()
    await harness.sio.save_session(sid, {"name": object()})
    await harness.sio.enter_room(sid, "later")
    session.close()
    assert harness.sio._hub.find("/", sid) is None
    assert list(harness.sio._hub.namespaces["/"].rooms) == ["chat:1"]
    assert "the handler of 'presence_leave' failed" in caplog.text
    assert other.take() == []
