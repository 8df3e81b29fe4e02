from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.redis.streams.offsets import START, Offset, StreamId, parse_id, parse_offset

ID = StreamId(1795207251637, 2)
NODES = re.compile(r"^[0-9]+-[0-9]+$")
"""What Node's adapter takes for an offset."""


def test_an_offset_is_an_id_as_node_has_it() -> None:
    assert str(Offset(ID)) == "1795207251637-2"
    assert parse_offset("1795207251637-2") == Offset(ID)
    assert NODES.match(str(Offset(ID)))


def test_an_offset_beyond_the_stream_is_none_of_nodes() -> None:
    offset = Offset(ID, 17, "3a9acb922455989f")
    assert str(offset) == "1795207251637-2~3a9acb922455989f~17"
    assert parse_offset(str(offset)) == offset
    assert not NODES.match(str(offset))


@pytest.mark.parametrize(
    "text",
    [
        *["", "1", "1-", "-1", "1-2-3", "1-2\n", "1-²", f"{2**64}-0", f"0-{2**64}", f"{'1' * 21}-0"],
        *["1-2~", "1-2~u", "1-2~u~", "1-2~~3", "1-2~u~x", "1-2~u~3~4", f"1-2~u~{'1' * 17}"],
        f"1-2~{'u' * 65}~1",
    ],
)
def test_what_no_client_was_told(text: str) -> None:
    assert parse_offset(text) is None
    if "~" not in text:
        assert parse_id(text) is None


numbers = st.integers(0, 2**64 - 1)
ids = st.builds(StreamId, numbers, numbers)


@given(ids, st.integers(0, 10**16 - 1))
def test_whatever_was_told_is_read(id: StreamId, seq: int) -> None:
    offset = Offset(id, seq, "server") if seq else Offset(id)
    assert parse_offset(str(offset)) == offset


@given(ids, ids, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_positions_grow_as_offsets_do(one: StreamId, two: StreamId, first: int, second: int) -> None:
    before, after = sorted([(one, first), (two, second)])
    positions = [Offset(*place, "u").position for place in (before, after)]
    assert positions == sorted(positions)
    assert Offset.at(positions[0], "u") == Offset(*before, "u")


def test_nothing_is_before_the_start() -> None:
    assert Offset(START).position == 0
    assert StreamId(0, 1) > START
