from __future__ import annotations

import builtins
import importlib
from typing import Any

import pytest

from rtserver.websocket import masking


@pytest.mark.parametrize("mask", [masking.apply_mask, masking.xor_mask])
def test_the_example_of_rfc_6455_5_7(mask: Any) -> None:
    assert mask(bytes.fromhex("7f9f4d5158"), bytes.fromhex("37fa213d")) == b"Hello"


@pytest.mark.parametrize("mask", [masking.apply_mask, masking.xor_mask])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 1001])
def test_every_byte_is_xored_with_the_byte_of_the_mask_at_its_place(mask: Any, size: int) -> None:
    data = bytes(i * 7 & 0xFF for i in range(size))
    key = b"\x01\x80\xfe\x33"
    assert mask(data, key) == bytes(byte ^ key[i % 4] for i, byte in enumerate(data))


def test_the_compiled_one_is_used_where_it_is_installed() -> None:
    assert masking.apply_mask is not masking.xor_mask


def test_without_it_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_speedups(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "websockets.speedups":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without_speedups)
        try:
            importlib.reload(masking)
            assert masking.apply_mask is masking.xor_mask
        finally:
            patch.undo()
            importlib.reload(masking)
    assert masking.apply_mask is not masking.xor_mask
