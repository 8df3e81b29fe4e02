"""An event that came from another server in the text in which clients are sent it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from rtserver.engineio.outgoing import Outgoing
from rtserver.socketio.json_codec import JsonCodec

__all__ = ["Written", "write"]

_END = b"]"
"""What the text of every event ends with: its name and arguments are a JSON array."""


class Written(Sequence[Any]):
    """The name and arguments of an event. They are decoded when somebody looks at them, which few do.

    Args:
        text: The text packet, with the type characters of Engine.IO and Socket.IO.
        codec: What has encoded it.
    """

    __slots__ = ("_args", "_codec", "outgoing")

    def __init__(self, text: bytes, codec: JsonCodec) -> None:
        self._codec = codec
        self._args: list[Any] | None = None
        self.outgoing = Outgoing(text)
        """The event as it is sent."""

    def with_offset(self, offset: str) -> Outgoing:
        """Return the event as clients that can recover are sent it.

        Args:
            offset: Its last argument. There is nothing in it that JSON writes otherwise.
        """
        return Outgoing(b'%b,"%b"]' % (self.outgoing.text[: -len(_END)], offset.encode()))

    def _decoded(self) -> list[Any]:
        if self._args is None:
            _, _, _, args, _ = self._codec.decode_own(self.outgoing.text[1:].decode())
            self._args = args
        return self._args

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Return the name, or an argument."""
        return self._decoded()[index]

    def __len__(self) -> int:
        """Return how many there are, with the name."""
        return len(self._decoded())

    def __repr__(self) -> str:
        """Return them as a list has it."""
        return repr(self._decoded())


def write(codec: JsonCodec, namespace: str, args: Sequence[Any]) -> bytes | None:
    """Encode an event in the text from which a `Written` is made; None if it can't be.

    Raises:
        TypeError: An argument can't be serialized.
    """
    packet = codec.encode_event_text(namespace, None, args)
    return packet if isinstance(packet, bytes) and packet.endswith(_END) else None
