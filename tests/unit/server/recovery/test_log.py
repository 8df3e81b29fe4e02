from __future__ import annotations

from rtserver.engineio.outgoing import Outgoing
from rtserver.server.recovery.log import EventLog
from rtserver.server.target import Target


def log_of(*targets: Target, max_packets: int = 100, max_bytes: int = 1000) -> EventLog:
    """Make a log of events of ten bytes, sent at the times 1, 2, 3..."""
    log = EventLog(max_packets, max_bytes)
    for number, target in enumerate(targets, 1):
        log.append(target, Outgoing(b"0123456789"), float(number))
    return log


def positions(log: EventLog, after: int, *rooms: str, namespace: str = "/") -> list[int]:
    return [event.position for event in log.after(after, namespace, rooms)]


def test_what_a_client_missed_is_found_by_its_rooms() -> None:
    log = log_of(
        Target("/"), Target("/", ("a",)), Target("/", ("b",)), Target("/", ("a", "b", "a")), Target("/other")
    )
    assert positions(log, 0) == [1]
    assert positions(log, 0, "a") == [1, 2, 4]
    assert positions(log, 0, "a", "b") == [1, 2, 3, 4]
    assert positions(log, 2, "a", "b") == [3, 4]
    assert positions(log, 5, "a") == []
    assert positions(log, 0, "a", namespace="/other") == [5]


def test_time_takes_the_oldest() -> None:
    log = log_of(*[Target("/", ("a",))] * 3)
    log.expire(2.5)
    assert (log.first, log.last, len(log), log.bytes) == (3, 3, 1, 10)
    assert positions(log, 0, "a") == [3]
    assert (log.cut, log.cut_at, log.evicted) == (2, 2.0, 0)
    log.expire(9.0)
    assert (log.first, log.last, len(log), log.bytes, log.oldest) == (4, 3, 0, 0, None)
    assert not log._rooms


def test_the_number_of_events_is_bounded() -> None:
    log = log_of(*[Target("/")] * 5, max_packets=3)
    assert (len(log), log.first, log.evicted) == (3, 3, 2)
    assert (log.cut, log.cut_at) == (2, 2.0)


def test_their_bytes_are_bounded() -> None:
    log = log_of(*[Target("/")] * 5, max_bytes=25)
    assert (len(log), log.bytes, log.cut) == (2, 20, 3)
    log.append(Target("/"), Outgoing(b"x" * 26), 6.0)
    assert (len(log), log.bytes, log.cut) == (0, 0, 6)


def test_positions_go_on_after_everything_was_forgotten() -> None:
    log = log_of(Target("/"), Target("/", ("a",)))
    log.clear()
    assert (len(log), log.bytes, log.first) == (0, 0, 3)
    log.append(Target("/", ("a",)), Outgoing(b"x"), 3.0)
    assert positions(log, 0, "a") == [3]


def test_the_position_of_a_time() -> None:
    log = log_of(*[Target("/")] * 5, max_packets=3)
    assert [log.before(time) for time in (0.0, 3.0, 3.5, 4.0, 9.0)] == [2, 2, 3, 3, 5]
    assert EventLog(1, 1).before(1.0) == 0
