"""``rtserver emit`` sends as its config file says. With a real Redis: tests/e2e/test_commands.py."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from rtserver.cluster.emitter import BlockingEmitter
from rtserver.service.cli import main
from rtserver.service.commands import emit

SETTINGS = {
    "mode": "streams",
    "key": "shop",
    "subscription_mode": "static",
    "max_length": 500,
    "stream_count": 3,
}


def test_the_emitter_is_told_all_that_the_servers_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "rtserver.toml"
    lines = [f"{name} = {value!r}" for name, value in SETTINGS.items()]
    config.write_text("\n".join(["app = 'app:setup'", "[cluster]", 'manager = "redis"', *lines]))
    emitter = MagicMock()
    monkeypatch.setattr(emit, "BlockingEmitter", emitter)
    assert main(["emit", "news", "--config", str(config)]) == 0
    told: dict[str, Any] = inspect.signature(BlockingEmitter).bind(*emitter.call_args.args).arguments
    told |= emitter.call_args.kwargs
    assert told == {"url": "redis://127.0.0.1:6379", **SETTINGS}
    known = inspect.signature(BlockingEmitter).parameters.keys() - {"options"}
    assert told.keys() == known
