"""RFC 6455 (WebSocket) and RFC 7692 (permessage-deflate), without I/O.

handshake   a parsed request head -> what the 101 response says, or why not
origins     which pages' requests are among them
protocol    bytes of one connection -> messages, and the frames that answer them
message     a message that arrives in parts; utf8 checks it, masking unmasks it
frames      the bytes of frames to send
deflate     negotiation, compression; extensions is the grammar of its header
"""

from rtserver.websocket.deflate import (
    DeflateOptions,
    DeflateParameters,
    Deflater,
    Inflater,
    deflate_once,
    negotiate,
)
from rtserver.websocket.frames import (
    CloseCode,
    Opcode,
    encode,
    encode_binary,
    encode_close,
    encode_text,
    is_valid_close_code,
)
from rtserver.websocket.handshake import Accepted, Headers, accept, accept_key
from rtserver.websocket.masking import apply_mask
from rtserver.websocket.origins import AllowedOrigins, check_origin, check_patterns, is_allowed_origin
from rtserver.websocket.protocol import Connection, State

__all__ = [
    "Accepted",
    "AllowedOrigins",
    "CloseCode",
    "Connection",
    "DeflateOptions",
    "DeflateParameters",
    "Deflater",
    "Headers",
    "Inflater",
    "Opcode",
    "State",
    "accept",
    "accept_key",
    "apply_mask",
    "check_origin",
    "check_patterns",
    "deflate_once",
    "encode",
    "encode_binary",
    "encode_close",
    "encode_text",
    "is_allowed_origin",
    "is_valid_close_code",
    "negotiate",
]
