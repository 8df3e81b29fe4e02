"""msgpack from peers: parsed within the memory that its size allows, and how deeply it is nested."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final

import msgpack
import orjson

from rtserver.socketio.packet import is_nested_deeper

__all__ = ["Unpacker", "is_deeper", "plain", "without_surrogates"]

SMALL: Final = 128
"""Bytes of a message whose headers can't announce enough to matter."""
AS_DATETIME: Final = 3
MAX_MEMBERS: Final = 16
"""Members of a map that are looked for."""

_ARRAYS_AND_MAPS: Final = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
_OTHER_BYTES: Final = bytes(set(range(256)) - set(_ARRAYS_AND_MAPS))

Hook = Callable[[int, bytes], Any]
"""Makes a value of an extension's type and bytes."""


class Unpacker:
    """Parses whole messages.

    An array's header may announce more elements than follow, and the parser makes room for them at
    once, in each of many nested arrays. So a message is run over first, without making anything of it:
    what has been run over whole takes no more than its size allows.
    """

    __slots__ = ("_scanner",)

    def __init__(self) -> None:
        self._scanner = _new_scanner()

    def unpack(self, data: bytes, hook: Hook) -> Any:
        """Parse one message; the timestamp of msgpack's specification becomes an aware `datetime`.

        Raises:
            ValueError: It is not msgpack, or not one whole message.
        """
        if len(data) > SMALL:
            self._scan(data)
        try:
            return msgpack.unpackb(data, ext_hook=hook, timestamp=AS_DATETIME)
        except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
            raise _not_msgpack(data, error) from None

    def marks(self, data: bytes) -> list[int]:
        """Return where the elements of an array begin, and where the last one ends, without parsing them.

        Raises:
            ValueError: It is not one whole array in msgpack.
        """
        scanner = self._scanner
        begin = scanner.tell()
        try:
            scanner.feed(data)
            count = scanner.read_array_header()
            marks = [scanner.tell() - begin]
            for _ in range(count):
                scanner.skip()
                marks.append(scanner.tell() - begin)
        except (ValueError, msgpack.UnpackException) as error:
            self._scanner = _new_scanner()
            raise _not_msgpack(data, error) from None
        if marks[-1] != len(data):
            self._scanner = _new_scanner()
            raise ValueError(f"{len(data) - marks[-1]} bytes behind the end of an array")
        return marks

    def members(self, data: bytes, inner: bytes | None = None) -> dict[bytes, slice]:
        """Return where the values of a map are, without parsing them.

        Args:
            data: The map.
            inner: The key, in msgpack, of a map within it, in whose place its members are returned.

        Returns:
            The values by their keys, both in msgpack.

        Raises:
            ValueError: It is not one whole map, or has a key twice, or more than a few members.
        """
        scanner = self._scanner
        begin = scanner.tell()
        found: dict[bytes, slice] = {}
        try:
            scanner.feed(data)
            waiting = scanner.read_map_header()
            while waiting:
                waiting -= 1
                start = scanner.tell() - begin
                scanner.skip()
                middle = scanner.tell() - begin
                key = data[start:middle]
                if key in found or len(found) >= MAX_MEMBERS:
                    raise ValueError(f"a key twice, or more than {MAX_MEMBERS} of them")
                if key == inner:
                    waiting += scanner.read_map_header()
                    continue
                scanner.skip()
                found[key] = slice(middle, scanner.tell() - begin)
            end = scanner.tell() - begin
        except (ValueError, msgpack.UnpackException) as error:
            self._scanner = _new_scanner()
            raise _not_msgpack(data, error) from None
        if end != len(data):
            self._scanner = _new_scanner()
            raise ValueError(f"{len(data) - end} bytes behind the end of a map")
        return found

    def _scan(self, data: bytes) -> None:
        scanner = self._scanner
        begin = scanner.tell()
        try:
            scanner.feed(data)
            scanner.skip()
        except (ValueError, msgpack.UnpackException) as error:
            self._scanner = _new_scanner()
            raise _not_msgpack(data, error) from None
        if scanner.tell() - begin != len(data):
            self._scanner = _new_scanner()
            raise ValueError(f"{begin + len(data) - scanner.tell()} bytes behind the end of a packet")


def _new_scanner() -> Any:
    return msgpack.Unpacker(max_buffer_size=0, read_size=1024)


def _not_msgpack(data: bytes, error: Exception) -> ValueError:
    return ValueError(f"not msgpack ({str(error) or type(error).__name__}): received {data[:20]!r}")


def is_deeper(data: bytes, value: Any, max_depth: int) -> bool:
    """Tell whether arrays and maps stand more than `max_depth` within each other.

    Args:
        data: The message.
        value: What was parsed from it.
        max_depth: The limit.
    """
    if len(data) <= max_depth or len(data.translate(None, _OTHER_BYTES)) <= max_depth:
        return False
    return is_nested_deeper(value, max_depth)


def plain(item: Any) -> Any:
    """Turn what msgpack doesn't know, but orjson does, into what stands in its JSON.

    An integer beyond 64 bits becomes the float that JavaScript would make of it.

    Raises:
        TypeError: orjson doesn't know it either.
    """
    if isinstance(item, int):
        try:
            return float(item)
        except OverflowError:
            return inf if item > 0 else -inf
    try:
        return orjson.loads(orjson.dumps(item))
    except TypeError:
        raise TypeError(f"an object of type {type(item).__name__} can't be serialized") from None


def without_surrogates(value: Any) -> Any:
    """Copy with lone surrogates replaced, which UTF-8 has no form for, as browsers do it."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, (list, tuple)) and not isinstance(value, msgpack.ExtType):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value
