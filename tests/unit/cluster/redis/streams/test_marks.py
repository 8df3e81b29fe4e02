from __future__ import annotations

from rtserver.cluster.redis.streams.marks import Mark, Marks
from rtserver.cluster.redis.streams.offsets import Offset, StreamId


def test_the_last_mark_before_a_time() -> None:
    marks = Marks(3)
    assert marks.before(9.0) is None
    offsets = [Offset(StreamId(number, 0)) for number in range(5)]
    for time, offset in enumerate(offsets):
        marks.add(time, offset)
    assert marks.before(9.0) == Mark(4, offsets[4])
    assert marks.before(3.5) == Mark(3, offsets[3])
    assert marks.before(1.0) is None  # only three are kept
