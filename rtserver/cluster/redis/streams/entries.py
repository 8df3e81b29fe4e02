"""The entries of a stream, as @socket.io/redis-streams-adapter has them, from and to `Message`.

    uid  3a9acb922455989f
    nsp  /
    type 3
    data {"packet":{"type":2,"data":["news"]},"opts":{"rooms":["r1"],"except":[],"flags":{}}}

Where there are bytes in it, ``data`` is msgpack in base64, which never begins with a brace. The fields before
it tell whom an entry concerns: what is for others is never decoded.

Our servers number their entries, in a field ``seq`` behind these: so it is known which were sent twice, or
never came. Node's adapter ignores a field that it doesn't know.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rtserver.cluster.head import rooms_of
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.wire import dump, load
from rtserver.errors import ClusterViolation

__all__ = ["Entry", "Fields", "encode", "is_durable", "number_of", "read"]

Fields = Mapping[bytes, bytes]
"""An entry, as Redis returns it."""

_NUMBERED: Final = {str(int(kind)).encode(): kind for kind in Kind if kind <= Kind.CLOSE}
_DURABLE: Final = frozenset({Kind.BROADCAST, Kind.JOIN, Kind.LEAVE, Kind.DISCONNECT})
MAX_DIGITS: Final = 16


class Entry(NamedTuple):
    """One entry, whose data hasn't been looked at yet."""

    uid: str
    namespace: str
    kind: Kind
    data: bytes
    seq: int | None = None
    """Its number among those of its sender, from 1; None where that doesn't number them."""

    def fields(self) -> tuple[str | bytes, ...]:
        """Return the names and values of its fields, as ``XADD`` takes them."""
        kind = str(int(self.kind))
        fields = ("uid", self.uid, "nsp", self.namespace, "type", kind, "data", self.data)
        return fields if self.seq is None else (*fields, "seq", str(self.seq))

    @property
    def rooms(self) -> Sequence[Any] | None:
        """The rooms that an event is for, read without decoding it; None where that can't be told."""
        return rooms_of(self._body()) if self.kind is Kind.BROADCAST else None

    def _body(self) -> bytes:
        data = self.data
        if not data or data.startswith(b"{"):
            return data
        try:
            return b64decode(data)
        except ValueError as error:
            raise ClusterViolation(f"an entry's data: received {data[:40]!r}: {error}") from None

    def message(self) -> Message:
        """Decode the data.

        Raises:
            ClusterViolation: It can't be decoded.
        """
        body = self._body()
        loaded: Any = load(body) if self.data else {}
        if not isinstance(loaded, dict):
            raise ClusterViolation(f"an entry's data: received {self.data[:40]!r}, expected an object")
        return Message(self.uid, self.namespace, self.kind, loaded)


def is_durable(message: Message) -> bool:
    """Tell whether a message goes to the stream.

    What servers are to answer at once, or not at all, goes to pub/sub; so do heartbeats.
    """
    return message.kind in _DURABLE and "requestId" not in message.data


def encode(message: Message, seq: int | None = None) -> Entry:
    """Make the entry of a message.

    Args:
        message: The message.
        seq: Its number among those of its sender; None for senders that don't number theirs.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    uid, namespace, kind, data = message
    dumped = dump(data)
    if not dumped.startswith(b"{"):
        dumped = b64encode(dumped)
    return Entry(uid, namespace, kind, dumped, seq)


def read(fields: Fields) -> Entry:
    """Read the fields of an entry.

    Raises:
        ClusterViolation: It isn't an entry of a server or an emitter.
    """
    try:
        uid, namespace = fields[b"uid"].decode(), fields[b"nsp"].decode()
        kind = _NUMBERED[fields[b"type"]]
    except (KeyError, UnicodeDecodeError):
        raise ClusterViolation(
            f"an entry of the stream: received {dict(fields)!r:.120}, expected uid, nsp and a type from 1 to "
            f"{int(Kind.CLOSE)}"
        ) from None
    return Entry(uid, namespace, kind, fields.get(b"data", b""), number_of(fields))


def number_of(fields: Fields) -> int | None:
    """Return an entry's number among those of its sender; None where it has none."""
    seq = fields.get(b"seq", b"")
    return int(seq) if seq.isdigit() and len(seq) <= MAX_DIGITS else None
