from __future__ import annotations

from typing import Any

import pytest

from rtserver.server.delivery.history import JOINED, LEFT, History, HistoryPage, MemoryHistory, matches
from rtserver.server.target import Target
from tests.unit.server.harness import Harness, ManualLoop, manual_clock

X = Target("/", ("x",))


def store(**options: Any) -> tuple[MemoryHistory, ManualLoop]:
    loop, clock = manual_clock()
    return MemoryHistory(History(rooms="*", **options), lambda: clock, lambda: 1000.0 + loop.now), loop


def numbers(page: HistoryPage) -> list[Any]:
    return [event.args[0] for event in page]


def filled(count: int, **options: Any) -> MemoryHistory:
    history, _ = store(**options)
    for number in range(count):
        history.record(X, ["event", number])
    return history


def test_events_are_kept_by_room_with_their_time() -> None:
    history, loop = store()
    history.record(Target("/", ("x", "y"), ("sid",)), ["both", 1])
    loop.advance(2)
    history.record(X, ["one", {"a": 1}, b"2"])
    history.record(Target("/"), ["everyone"])
    history.record(Target("/other", ("x",)), ["elsewhere"])
    assert [event[1:] for event in history.read("/", "x")] == [
        ("both", (1,), 1000.0),
        ("one", ({"a": 1}, b"2"), 1002.0),
    ]
    assert [event.event for event in history.read("/", "y")] == ["both"]
    assert [event.event for event in history.read("/other", "x")] == ["elsewhere"]
    assert history.read("/", "nowhere") == []


def test_news_of_who_comes_and_goes_is_no_history() -> None:
    history, _ = store()
    for event in (JOINED, "said", LEFT):
        history.record(X, [event])
    assert [event.event for event in history.read("/", "x")] == ["said"]


def test_reading_goes_on_where_it_ended() -> None:
    history = filled(5)
    page = history.read("/", "x")
    assert (numbers(page), page.complete) == ([0, 1, 2, 3, 4], True)
    rest = history.read("/", "x", since=page[2].id)
    assert (numbers(rest), rest.complete) == ([3, 4], True)
    nothing = history.read("/", "x", since=page[4].id)
    assert (numbers(nothing), nothing.complete) == ([], True)
    newest = history.read("/", "x", limit=2)
    assert (numbers(newest), newest.complete) == ([3, 4], True)
    gap = history.read("/", "x", limit=2, since=page[0].id)
    assert (numbers(gap), gap.complete) == ([3, 4], False)


@pytest.mark.parametrize("since", ["", "0", "other-0", "-1", "other", "é-²"])
def test_an_id_of_no_event_here_gives_everything_and_says_so(since: str) -> None:
    page = filled(2).read("/", "x", since=since)
    assert (numbers(page), page.complete) == ([0, 1], False)


def test_any_epoch_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtserver.server.delivery.history.new_sid", lambda: "--a-b-c-d-e-f")
    history = filled(3)
    assert numbers(history.read("/", "x", since=history.read("/", "x")[1].id)) == [2]


def test_an_id_of_a_forgotten_or_future_event_says_so() -> None:
    history = filled(3)
    page = history.read("/", "x")
    future = page[0].id.replace("-0", "-99")
    assert not history.read("/", "x", since=future).complete
    for number in range(3, 120):
        history.record(X, ["event", number])
    late = history.read("/", "x", since=page[0].id)
    assert (len(late), late.complete) == (100, False)
    assert not history.read("/", "gone", since=page[0].id).complete


def test_the_number_and_the_bytes_of_events_are_bounded() -> None:
    assert numbers(filled(10, max_events=3).read("/", "x")) == [7, 8, 9]
    history, _ = store(max_bytes=100)
    for number in range(5):
        history.record(X, ["event", number, "x" * 30])
    assert numbers(history.read("/", "x")) == [3, 4]
    history.record(X, ["event", 5, "x" * 1000])
    assert history.read("/", "x") == []


def test_the_room_sent_to_least_recently_goes_first() -> None:
    history, _ = store(max_rooms=2)
    for room in ("a", "b", "a", "c"):
        history.record(Target("/", (room,)), ["event", room])
    assert [len(history.read("/", room)) for room in "abc"] == [2, 0, 1]


def test_events_are_forgotten_in_time_and_nothing_is_left() -> None:
    loop, clock = manual_clock()
    history = MemoryHistory(History("*", max_age=10), lambda: clock)
    history.record(X, ["event", 0])
    loop.advance(6)
    history.record(X, ["event", 1])
    loop.advance(5)
    assert numbers(history.read("/", "x")) == [1]
    loop.advance(6)
    assert (len(history), len(clock)) == (0, 0)
    history.record(X, ["event", 2])
    assert numbers(history.read("/", "x")) == [2]


def test_what_is_kept_does_not_change_any_more() -> None:
    history, _ = store()
    data = {"n": 1}
    history.record(X, ["event", data])
    data["n"] = 2
    assert numbers(history.read("/", "x")) == [{"n": 1}]


def test_namespaces_may_have_rooms_of_their_own() -> None:
    history = History("chat:*", in_namespaces={"/other": ["x"], "/none": []})
    found = [history.covers(name, room) for name in ("/", "/other", "/none") for room in ("chat:1", "x")]
    assert found == [True, False, False, True, False, False]


def test_patterns() -> None:
    assert matches("chat:*", "chat:1")
    assert not matches("chat:*", "other")
    assert matches(["a", "b*"], "b1")
    assert matches("b[1]?", "b[1]?")
    assert not matches("b[1]?", "b12")
    assert not matches("*", 7)


@pytest.mark.parametrize("name", ["max_events", "max_bytes", "max_age", "max_rooms"])
def test_limits_are_positive(name: str) -> None:
    options: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=f"{name}: received 0, expected a number greater than 0"):
        History("*", **options)


def test_no_more_is_replayed_than_is_kept() -> None:
    with pytest.raises(ValueError, match="replay: received 101, expected 0 to max_events, 100"):
        History("*", replay=101)


# In a server.


async def test_a_server_returns_and_replays_the_history_of_a_room() -> None:
    harness = Harness(history=History("chat:*"))
    sio = harness.sio
    session = harness.session()
    sid = session.join()
    await sio.emit("message", "one", room="chat:1")
    await sio.emit("message", ("two", 2), room=["chat:1", "chat:2"], skip_sid=sid)
    await sio.emit("message", "acknowledged", room="chat:1", callback=print)
    page = await sio.history("chat:1")
    assert [event[1:3] for event in page] == [("message", ("one",)), ("message", ("two", 2))]
    assert await sio.history("chat:1", since=page[0].id) == page[1:]
    assert await sio.replay(sid, "chat:1", limit=1) == page[1:]
    assert session.take() == ['42["message","two",2]']
    with pytest.raises(ValueError, match="room 'other' has no history"):
        await sio.history("other")
    with pytest.raises(KeyError, match="nobody"):
        await sio.replay("nobody", "chat:1")


async def test_who_enters_a_room_receives_its_newest_events_first() -> None:
    harness = Harness(history=History("chat:*", replay=2))
    sio = harness.sio

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        await sio.enter_room(sid, "chat:1")
        await sio.enter_room(sid, "other")

    for number in range(3):
        await sio.emit("message", number, room="chat:1")
    session = harness.session()
    session.receive("0")
    await sio.emit("message", 3, room="chat:1")
    assert session.take()[1:] == ['42["message",1]', '42["message",2]', '42["message",3]']


async def test_a_server_without_history_says_so() -> None:
    with pytest.raises(ValueError, match=r"Server\(history="):
        await Harness().sio.history("x")
