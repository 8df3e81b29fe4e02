"""Binary attachments: put in place of their placeholders in what comes in, and taken out of what goes out.

Socket.IO v5, "Packet encoding": ``{"_placeholder": true, "num": n}`` stands for the n-th of the
binary messages that follow the text packet.
"""

from __future__ import annotations

from typing import Any

from rtserver.errors import SocketViolation
from rtserver.socketio.packet import Packet

__all__ = ["Reassembly"]


class Reassembly:
    """A packet that waits for its attachments.

    The placeholders are found and checked at once, so that a packet that can't be completed is
    refused before anything is kept for it.

    Args:
        packet: As decoded, with at least one attachment.

    Raises:
        SocketViolation: The placeholders don't match the number of attachments.
    """

    __slots__ = ("_packet", "_received", "_slots")

    def __init__(self, packet: Packet) -> None:
        self._packet = packet
        self._received = 0
        self._slots = _find_placeholders(packet[3], packet[4])

    def add(self, attachment: bytes) -> Packet | None:
        """Put the next attachment in place. Returns the packet when it was the last one."""
        container, key = self._slots[self._received]
        container[key] = attachment
        self._received += 1
        if self._received < len(self._slots):
            return None
        kind, namespace, id_, data, _ = self._packet
        return kind, namespace, id_, data, 0


def _find_placeholders(data: Any, count: int) -> list[tuple[Any, Any]]:
    """Return, for each attachment, the list or dict that holds its placeholder, and the key there."""
    slots: list[tuple[Any, Any] | None] = [None] * count
    found = 0
    containers = [data]
    while containers:
        container = containers.pop()
        for key, value in container.items() if type(container) is dict else enumerate(container):
            if type(value) is list:
                containers.append(value)
            elif type(value) is dict:
                if value.get("_placeholder") is not True:
                    containers.append(value)
                    continue
                number = value.get("num")
                if type(number) is not int or not 0 <= number < count:
                    raise SocketViolation(
                        f"a placeholder for attachment {number!r} in a packet with {count} attachments"
                    )
                if slots[number] is not None:
                    raise SocketViolation(f"two placeholders for attachment {number}")
                slots[number] = (container, key)
                found += 1
    if found < count:
        raise SocketViolation(f"a packet with {count} attachments has placeholders for {found} of them")
    return [slot for slot in slots if slot is not None]
