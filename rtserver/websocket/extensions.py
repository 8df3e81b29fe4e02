"""The grammar of `Sec-WebSocket-Extensions` (RFC 6455, 9.1)."""

from __future__ import annotations

import re
from typing import Final

from rtserver.errors import HandshakeError

__all__ = ["Extension", "parse_extensions"]

Extension = tuple[str, tuple[tuple[str, str | None], ...]]
"""A name and its parameters, each with its value, None where it has none."""

_CHAR: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_NAME: Final = re.compile(rf"[ \t]*({_CHAR}+)[ \t]*")
# "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to
# the 'token' ABNF."
_PARAMETER: Final = re.compile(
    rf';[ \t]*({_CHAR}+)[ \t]*(?:=[ \t]*(?:({_CHAR}+)|"((?:\\?{_CHAR})+)")[ \t]*)?'
)
_EMPTY: Final = re.compile(r"[ \t]*(?:,|\Z)")


def parse_extensions(header: str) -> list[Extension]:
    """Return what a client offers, in its order.

    Args:
        header: The value of the header; of several header lines, their values joined with commas.

    Raises:
        HandshakeError: 400, the value doesn't follow the grammar.
    """
    extensions: list[Extension] = []
    position = 0
    while position < len(header):
        if empty := _EMPTY.match(header, position):  # RFC 9110, 5.6.1.2: empty elements are ignored
            position = empty.end()
            continue
        name = _NAME.match(header, position)
        if name is None:
            raise _malformed(header, position)
        position = name.end()
        parameters = []
        while parameter := _PARAMETER.match(header, position):
            key, token, quoted = parameter.groups()
            parameters.append((key, token if quoted is None else quoted.replace("\\", "")))
            position = parameter.end()
        if position < len(header):
            if header[position] != ",":
                raise _malformed(header, position)
            position += 1
        extensions.append((name[1], tuple(parameters)))
    return extensions


def _malformed(header: str, position: int) -> HandshakeError:
    return HandshakeError(
        400,
        f"Sec-WebSocket-Extensions is malformed at {header[position : position + 20]!r}:"
        " expected names and parameters such as 'permessage-deflate; client_max_window_bits'",
    )
