"""Masking of the payload that a client sends (RFC 6455, 5.3): the one place that XORs.

The `websockets` package has it in C, with SIMD instructions, as a public name. Where its wheel has no
compiled module, one XOR of two big integers does the same in Python, about ten times slower.
"""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["apply_mask", "xor_mask"]

_ORDER: Final = sys.byteorder


def xor_mask(data: bytes | bytearray | memoryview, mask: bytes | bytearray) -> bytes:
    """Mask or unmask `data` with the four bytes of `mask`, in pure Python."""
    size = len(data)
    repeated = (bytes(mask) * (size // 4 + 1))[:size]
    return (int.from_bytes(data, _ORDER) ^ int.from_bytes(repeated, _ORDER)).to_bytes(size, _ORDER)


try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without a compiled wheel
    apply_mask = xor_mask
