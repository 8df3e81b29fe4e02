from __future__ import annotations

from typing import Any

import pytest

from rtserver.errors import SocketViolation
from rtserver.socketio.attachments import Reassembly
from rtserver.socketio.packet import Packet, PacketType


def place(number: Any) -> dict[str, Any]:
    return {"_placeholder": True, "num": number}


def packet(data: Any, count: int) -> Packet:
    return PacketType.EVENT, "/admin", 7, data, count


def test_one() -> None:
    reassembly = Reassembly(packet(["a", place(0)], 1))
    assert reassembly.add(b"x") == (PacketType.EVENT, "/admin", 7, ["a", b"x"], 0)


def test_at_any_depth_and_in_any_order() -> None:
    reassembly = Reassembly(packet(["a", {"b": [place(2), {"c": place(0)}]}, [[place(1)]], "z"], 3))
    assert reassembly.add(b"0") is None
    assert reassembly.add(b"1") is None
    complete = reassembly.add(b"2")
    assert complete is not None
    assert complete[3] == ["a", {"b": [b"2", {"c": b"0"}]}, [[b"1"]], "z"]


def test_deep_data_takes_no_recursion() -> None:
    data: list[Any] = [place(0)]
    for _ in range(50_000):
        data = [data]
    complete = Reassembly(packet(["a", data], 1)).add(b"x")
    assert complete is not None
    inner = complete[3][1]
    while isinstance(inner, list):
        outer, inner = inner, inner[0]
        outer.clear()
    assert inner == b"x"


def test_what_only_resembles_a_placeholder_stays() -> None:
    data = ["a", {"_placeholder": False, "num": 0}, {"_placeholder": 1, "num": 0}, {"num": 0}, place(0)]
    complete = Reassembly(packet(data, 1)).add(b"x")
    assert complete is not None
    assert complete[3][1:4] == [{"_placeholder": False, "num": 0}, {"_placeholder": 1, "num": 0}, {"num": 0}]


@pytest.mark.parametrize("number", [1, -1, 10**30, 0.0, "0", None, True, False, [], {}])
def test_illegal_numbers(number: Any) -> None:
    with pytest.raises(
        SocketViolation, match=r"a placeholder for attachment .* in a packet with 1 attachments"
    ):
        Reassembly(packet(["a", place(number)], 1))


def test_a_placeholder_without_a_number() -> None:
    with pytest.raises(SocketViolation, match="a placeholder for attachment None"):
        Reassembly(packet(["a", {"_placeholder": True}], 1))


def test_twice_the_same() -> None:
    with pytest.raises(SocketViolation, match="two placeholders for attachment 0"):
        Reassembly(packet(["a", place(0), place(0)], 2))


def test_missing() -> None:
    with pytest.raises(SocketViolation, match="a packet with 3 attachments has placeholders for 1 of them"):
        Reassembly(packet(["a", place(1)], 3))
