from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtserver import Server
from rtserver.cluster.workers.place import Place
from rtserver.service.api.assemble import api_of
from rtserver.service.api.idempotency.files import FileStore
from rtserver.service.api.idempotency.memory import MemoryStore
from rtserver.service.api.idempotency.redis import RedisStore
from rtserver.service.api_settings import ApiKeySettings, ApiSettings
from rtserver.service.cluster_settings import ClusterSettings
from rtserver.service.settings import Config

KEYS = [ApiKeySettings(name="shop", key="a key that nobody guesses", scopes=["*"])]


@pytest.mark.parametrize(
    ("cluster", "is_worker", "store"),
    [
        (ClusterSettings(), False, MemoryStore),
        (ClusterSettings(), True, FileStore),
        (ClusterSettings(manager="redis"), False, RedisStore),
        (ClusterSettings(manager="redis"), True, RedisStore),
    ],
)
async def test_where_repeated_requests_meet(
    tmp_path: Path, cluster: ClusterSettings, is_worker: bool, store: type[Any]
) -> None:
    config = Config(app="chat:setup", api=ApiSettings(keys=KEYS), cluster=cluster)
    api = api_of(config, Server(), Place(tmp_path, "abcd") if is_worker else None)
    assert type(api._replays._store) is store
    await api.close(1)
