from __future__ import annotations

from rtserver.engineio import packet
from rtserver.engineio.packet import PACKET_TYPES, PacketType


def test_the_number_of_a_type_is_its_character() -> None:
    assert [(kind.name, kind.character) for kind in PacketType] == [
        ("OPEN", "0"),
        ("CLOSE", "1"),
        ("PING", "2"),
        ("PONG", "3"),
        ("MESSAGE", "4"),
        ("UPGRADE", "5"),
        ("NOOP", "6"),
    ]
    assert frozenset("0123456") == PACKET_TYPES


def test_packets_without_content() -> None:
    assert (packet.CLOSE, packet.PING, packet.PONG, packet.UPGRADE, packet.NOOP) == (
        b"1",
        b"2",
        b"3",
        b"5",
        b"6",
    )
    assert (packet.PING_PROBE, packet.PONG_PROBE, packet.SEPARATOR) == (b"2probe", b"3probe", b"\x1e")
