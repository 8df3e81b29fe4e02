"""Which stream a namespace has, where there is more than one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["StreamNames"]

_BITS: Final = 32
_SIGN: Final = 2 ** (_BITS - 1)


@dataclass(frozen=True, slots=True)
class StreamNames:
    """The streams of one cluster.

    Args:
        name: The name of the one stream, or what the names of several begin with.
        count: How many there are. A namespace has one of them, chosen by the hash of its name.
    """

    name: str
    count: int = 1

    def of(self, namespace: str) -> str:
        """Return the stream to which Node's adapter writes what is for a namespace, and so we do.

        Its hash may be negative, and so may be the remainder: then it writes to a stream such as
        ``socket.io--3``, and none of its servers reads that. Ours do.
        """
        if self.count == 1:
            return self.name
        hashed = _hash(namespace)
        remainder = abs(hashed) % self.count
        return f"{self.name}-{-remainder if hashed < 0 else remainder}"


def _hash(text: str) -> int:
    """Return the hash that the adapter computes: of UTF-16, in 32 bits with a sign."""
    units = text.encode("utf-16-le", "surrogatepass")
    value = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = (value * 31 + (high << 8 | low)) % 2**_BITS
    return value - 2**_BITS if value >= _SIGN else value
