from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.redis import running_redis


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that runs until the end. Whoever uses it chooses a key of its own."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url
