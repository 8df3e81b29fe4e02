"""A message on its way out, encoded at most once for each wire form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from rtserver.engineio.packet import SEPARATOR
from rtserver.engineio.payload import encode_binary
from rtserver.websocket import frames
from rtserver.websocket.deflate import deflate_once
from rtserver.websocket.frames import Opcode

__all__ = ["Outgoing", "Uncompressed"]

Form = TypeVar("Form")


class Outgoing:
    """One message, of one text packet and any attachments, encoded once for each wire form in use.

    A broadcast hands the same object to every recipient; each form is made when the first of them asks.

    Args:
        text: The text packet, type character included; empty for a message of binary parts alone.
        attachments: Binary messages that follow the text packet.
    """

    __slots__ = ("_deflated", "_forms", "_polling", "_websocket", "attachments", "text")

    compress: ClassVar[bool] = True
    """Whether it may be compressed, where that was agreed on."""

    def __init__(self, text: bytes, attachments: Sequence[bytes] = ()) -> None:
        self.text = text
        self.attachments = attachments
        self._websocket: bytes | None = None
        self._polling: bytes | None = None
        self._deflated: dict[int, bytes] | None = None
        self._forms: dict[Callable[..., Any], Any] | None = None

    @property
    def websocket(self) -> bytes:
        """The frames of all parts, one after another."""
        encoded = self._websocket
        if encoded is None:
            encoded = frames.encode_text(self.text) if self.text else b""
            if self.attachments:
                encoded = b"".join([encoded, *map(frames.encode_binary, self.attachments)])
            self._websocket = encoded
        return encoded

    def deflated(self, window_bits: int, threshold: int) -> bytes:
        """Return the frames of all parts, those of at least `threshold` bytes compressed.

        Each part is compressed on its own, so that the frames suit every recipient; one whose own
        compressor keeps its history between messages must forget it (`Deflater.reset`).

        Args:
            window_bits: The ``server_max_window_bits`` that was agreed with the recipient.
            threshold: The smallest part that is compressed, in bytes; the same for all recipients.
        """
        if len(self.text) < threshold and all(len(part) < threshold for part in self.attachments):
            return self.websocket
        if self._deflated is None:
            self._deflated = {}
        encoded = self._deflated.get(window_bits)
        if encoded is None:
            parts = [_frame(Opcode.TEXT, self.text, window_bits, threshold)] if self.text else []
            parts += [_frame(Opcode.BINARY, part, window_bits, threshold) for part in self.attachments]
            encoded = self._deflated[window_bits] = b"".join(parts)
        return encoded

    @property
    def polling(self) -> bytes:
        """The packets of all parts, with separators between them and none at the end."""
        if not self.attachments:
            return self.text
        encoded = self._polling
        if encoded is None:
            packets = [self.text] if self.text else []
            packets += map(encode_binary, self.attachments)
            encoded = self._polling = SEPARATOR.join(packets)
        return encoded

    def form(self, make: Callable[[Outgoing], Form]) -> Form:
        """Return what `make` makes of this message, made when the first recipient asks.

        For the wire forms of those few clients that speak something else than Engine.IO v4.
        """
        forms = self._forms
        if forms is None:
            forms = self._forms = {}
        if make not in forms:
            forms[make] = make(self)
        return forms[make]  # type: ignore[no-any-return]

    def __len__(self) -> int:
        """Return the bytes of all parts, before any framing."""
        return len(self.text) + sum(map(len, self.attachments))


class Uncompressed(Outgoing):
    """A message that is sent as it is, also to recipients with whom compression was agreed on."""

    __slots__ = ()

    compress = False

    def deflated(self, window_bits: int, threshold: int) -> bytes:
        """Return the frames of all parts, none of them compressed."""
        return self.websocket

    def form(self, make: Callable[[Outgoing], Form]) -> Form:
        """Return what `make` makes of this message. A message that it makes is sent as it is, too."""
        made: Any = super().form(make)
        if made.__class__ is Outgoing:
            assert self._forms is not None
            made = self._forms[make] = Uncompressed(made.text, made.attachments)
        return made  # type: ignore[no-any-return]


def _frame(opcode: Opcode, payload: bytes, window_bits: int, threshold: int) -> bytes:
    if len(payload) < threshold:
        return frames.encode(opcode, payload)
    return frames.encode(opcode, deflate_once(payload, window_bits), rsv1=True)
