"""What the server sends, in the form of a plain WebSocket client.

The server encodes every message once, with its one codec. Here that is decoded again and encoded in the
form, once for all recipients of a broadcast. The codec that nearly all servers have writes JSON, as the
JSON form does: there the arguments are copied as they stand, and only what is before them is written anew.

    42/chat,7["news","text",{"n":1}]
    {"type":"event","namespace":"/chat","event":"news","id":7,"data":["text",{"n":1}]}
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final

import orjson

from rtserver.engineio.counters import Counters
from rtserver.engineio.outgoing import Outgoing
from rtserver.plain.form import Form
from rtserver.plain.json_form import JsonForm
from rtserver.plain.tagging import TAG
from rtserver.socketio.attachments import Reassembly
from rtserver.socketio.codec import Codec
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.packet import Packet, PacketType

__all__ = ["Recoverable", "Translator"]

logger = logging.getLogger("rtserver.plain")

NOTHING: Final = Outgoing(b"")

_EVENT = re.compile(
    rb'42(?:(/[^,]*),)?([0-9]*)\[("(?:[^"\\]|\\.)*")(?:,|(?=\]))'  # ... and the arguments, to the end
)
_ACK = re.compile(rb"43(?:(/[^,]*),)?([0-9]+)(?=\[)")
_TAGGED: Final = f'{TAG}"'.encode()


class Recoverable(Outgoing):
    """The message that tells a client that it can come back to its state, if it loses the connection."""

    __slots__ = ()


class Translator:
    """Translates into one form, for one server.

    To a client that can recover, the server adds an argument to the events that count for that: a string at
    the end, the offset. It does so wherever the last argument would be a string already, so that no other
    string is taken for an offset. In the forms it has a key of its own.

    Args:
        codec: The server's.
        form: The clients'.
        counters: Where what can't be translated is counted.
        has_offsets: Whether this is for clients that can recover.
    """

    __slots__ = ("_copies", "_counters", "_decode", "_has_offsets", "form", "recoverable")

    def __init__(self, codec: Codec, form: Form, counters: Counters, *, has_offsets: bool = False) -> None:
        self.form = form
        self._has_offsets = has_offsets
        self.recoverable: Translator = (
            self if has_offsets else Translator(codec, form, counters, has_offsets=True)
        )
        """The one for clients that have been sent a `Recoverable`."""
        self._counters = counters
        self._copies = isinstance(codec, JsonCodec) and isinstance(form, JsonForm)
        # A codec's limits are for clients. One that isn't ours may have no other way than `decode`.
        self._decode: Callable[[str | bytes], Packet] = getattr(codec, "decode_own", codec.decode)

    def translate(self, outgoing: Outgoing) -> Outgoing:
        """Return the message to send instead; an empty one where that isn't possible, which is logged."""
        text, attachments = outgoing.text, outgoing.attachments
        try:
            if self._copies and not attachments:
                message = _copied(text, self._has_offsets)
                if message is not None:
                    return Outgoing(message)
            return self._translated(self._packet(outgoing))
        except Exception:
            self._counters.untranslatable += 1
            logger.exception(
                "a message has no form in %s, clients of which don't get it: %r",
                self.form.subprotocol,
                (text or attachments[0])[:80],
            )
            return NOTHING

    def _translated(self, packet: Packet) -> Outgoing:
        kind, _, id_, data, _ = packet
        may_have_offset = self._has_offsets and kind is PacketType.EVENT and id_ is None and len(data) > 1
        offset = data.pop() if may_have_offset and type(data[-1]) is str else None
        message = self.form.encode(packet, offset)
        if kind is PacketType.CONNECT and "pid" in data:
            return Recoverable(message.text, message.attachments)
        return message

    def _packet(self, outgoing: Outgoing) -> Packet:
        # The text begins with the type of the Engine.IO packet.
        parts = iter(outgoing.attachments)
        packet = self._decode(outgoing.text[1:].decode() if outgoing.text else next(parts))
        if packet[4]:
            reassembly = Reassembly(packet)
            for part in parts:
                complete = reassembly.add(part)
                if complete is not None:
                    return complete
        return packet


def _copied(text: bytes, has_offsets: bool) -> bytes | None:
    """Return the message of an event or ack, its arguments copied; None for all else.

    Where an argument may look like tagged bytes, it has to be gone through.
    """
    if _TAGGED in text:
        return None
    match = _EVENT.match(text)
    if match is not None:
        namespace, id_, name = match.groups()
        head = b'{"type":"event",%b"event":%b,' % (_namespace(namespace), name)
        arguments = text[match.end() :]
        if id_:
            head += b'"id":%b,' % id_
        elif has_offsets and arguments.endswith(b'"]'):
            begin = arguments.rfind(b'"', 0, -2)
            if begin > 0 and arguments[begin - 1 : begin] != b",":
                return None
            head += b'"offset":%b,' % arguments[begin:-1]
            arguments = arguments[: max(begin - 1, 0)] + b"]"
        return b'%b"data":[%b}' % (head, arguments)
    match = _ACK.match(text)
    if match is not None:
        namespace, id_ = match.groups()
        return b'{"type":"ack",%b"id":%b,"data":%b}' % (_namespace(namespace), id_, text[match.end() :])
    return None


def _namespace(name: bytes | None) -> bytes:
    return b"" if name is None else b'"namespace":%b,' % orjson.dumps(name.decode())
