"""RFC 6455 and RFC 7692, without I/O."""

from rtserver.websocket.frames import CloseCode, Opcode, encode, encode_binary, encode_close, encode_text
from rtserver.websocket.protocol import Connection, State

__all__ = [
    "CloseCode",
    "Connection",
    "Opcode",
    "State",
    "encode",
    "encode_binary",
    "encode_close",
    "encode_text",
]
