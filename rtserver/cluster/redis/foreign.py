"""What python-socketio's managers publish, as `Message`: events of other programs for this cluster's clients.

Its ``RedisManager`` publishes JSON on one channel, ``socketio`` by default, whether or not it is write-only:

    {"method": "emit", "event": "news", "data": ["text"], "binary": false, "namespace": "/", "room": "r1",
     "skip_sid": null, "callback": null, "host_id": "8c4e926293844f1b8e6fd52e39564602"}

From version 5.15.1 on `data` is an array of arguments. 5.14.0 wrote a single argument as it is, and no
`binary`; so did 5.15.0, but with `binary`, so that an array of its is taken for several arguments. Up to 5.13
messages were pickled: whoever can write to Redis could have run any code in a server that loads them
(CVE-2025-61765). Such a message is never loaded here.

What can't be had: no one is told of acknowledgments (`callback`), which python-socketio has for servers only.
"""

from __future__ import annotations

import logging
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from rtserver.cluster.message import Kind, Message
from rtserver.errors import ClusterViolation, SocketViolation
from rtserver.socketio.attachments import Reassembly
from rtserver.socketio.packet import PacketType

__all__ = ["CHANNEL", "PythonFormat"]

logger = logging.getLogger("rtserver.cluster")

CHANNEL: Final = "socketio"
"""Where python-socketio's managers publish unless told otherwise."""
QUIET: Final = 60.0
"""Seconds for which nothing more is logged of pickled messages."""

_PICKLES: Final = (b"\x80", b"(", b"}")
"""How a pickled dict begins: protocol 2 and newer, 0, 1. No JSON does."""


class PythonFormat:
    """Reads the messages of one channel.

    Args:
        channel: Its name, for what is logged.
    """

    __slots__ = ("_channel", "_logged", "pickled")

    def __init__(self, channel: str = CHANNEL) -> None:
        self._channel = channel
        self._logged: float | None = None
        self.pickled = 0
        """How many pickled messages were refused."""

    def decode(self, body: bytes, now: float) -> Message | None:
        """Decode a message.

        Args:
            body: The message.
            now: The time in seconds, of any clock that doesn't go back.

        Returns:
            The message; None where there is nothing to do: it is for nobody, it is the answer to an event of
            another server, or it was refused because it is pickled.

        Raises:
            ClusterViolation: It can't be understood.
        """
        if body.startswith(_PICKLES) and body.endswith(b"."):
            self._refuse(now)
            return None
        try:
            loaded = orjson.loads(body)
        except ValueError as error:
            raise ClusterViolation(f"a message on {self._channel!r} that is not JSON: {error}") from None
        if not isinstance(loaded, dict):
            raise ClusterViolation(
                f"a message on {self._channel!r}: received {body[:40]!r}, expected an object with a method"
            )
        method = loaded.get("method")
        read = _METHODS.get(method) if isinstance(method, str) else None
        if read is None:
            raise ClusterViolation(
                f"a message on {self._channel!r}: received the method {method!r:.40}, "
                f"expected one of {', '.join(_METHODS)}"
            )
        translated = read(loaded)
        if translated is None:
            return None
        host, namespace = loaded.get("host_id"), loaded.get("namespace") or "/"
        if not isinstance(namespace, str):
            raise ClusterViolation(f"a namespace on {self._channel!r}: received {namespace!r:.40}")
        return Message(host if isinstance(host, str) else self._channel, namespace, *translated)

    def _refuse(self, now: float) -> None:
        self.pickled += 1
        if self._logged is None or now - self._logged >= QUIET:
            self._logged = now
            logger.warning(
                "refused a pickled message on the Redis channel %r, %d so far: pickles can run any code. "
                "Update the python-socketio that sends them to 5.15.1 or newer (CVE-2025-61765)",
                self._channel,
                self.pickled,
            )


Translated = tuple[Kind, dict[str, Any]] | None


def _emit(message: dict[str, Any]) -> Translated:
    rooms = _several(message, "room")
    if rooms == [] and message.get("room") is not None:
        return None
    opts = {"rooms": rooms, "except": _several(message, "skip_sid")}
    data = [message.get("event"), *_args(message)]
    return Kind.BROADCAST, {"packet": {"type": 2, "data": data}, "opts": opts}


def _several(message: dict[str, Any], key: str) -> list[Any]:
    value = message.get(key)
    return value if isinstance(value, list) else [] if value is None else [value]


def _args(message: dict[str, Any]) -> list[Any]:
    data = message.get("data")
    if message.get("binary"):
        data = _with_attachments(data)
    args = data if isinstance(data, list) and "binary" in message else [data]
    return [] if args == [None] else args  # `emit(event)` and `emit(event, None)` are the same there


def _with_attachments(data: Any) -> Any:
    """Put the attachments, which follow the arguments in base64, in place of their placeholders."""
    if not isinstance(data, list) or len(data) < 2:
        raise ClusterViolation(f"a binary event: received {data!r:.40}, expected its data and attachments")
    args = data[0] if isinstance(data[0], list) else [data[0]]
    try:
        attachments = [b64decode(each, validate=True) for each in data[1:]]
        packet = None
        reassembly = Reassembly((PacketType.BINARY_EVENT, "/", None, args, len(attachments)))
        for attachment in attachments:
            packet = reassembly.add(attachment)
    except (ValueError, TypeError, SocketViolation) as error:
        raise ClusterViolation(f"a binary event that can't be decoded: {error}") from None
    assert packet is not None
    return packet[3]


def _moving(kind: Kind) -> Callable[[dict[str, Any]], Translated]:
    def read(message: dict[str, Any]) -> Translated:
        return kind, {"opts": {"rooms": [message.get("sid")]}, "rooms": [message.get("room")]}

    return read


def _disconnect(message: dict[str, Any]) -> Translated:
    return Kind.DISCONNECT, {"opts": {"rooms": [message.get("sid")]}, "close": False}


def _close_room(message: dict[str, Any]) -> Translated:
    rooms = [message.get("room")]
    return Kind.LEAVE, {"opts": {"rooms": rooms}, "rooms": rooms}


_METHODS: Final[Mapping[str, Callable[[dict[str, Any]], Translated]]] = {
    "emit": _emit,
    "disconnect": _disconnect,
    "enter_room": _moving(Kind.JOIN),
    "leave_room": _moving(Kind.LEAVE),
    "close_room": _close_room,
    "callback": lambda message: None,
}
