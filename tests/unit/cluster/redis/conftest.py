from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.redis import running_redis
from tests.unit.cluster.redis.nodes import Nodes


@pytest.fixture(scope="package")
def other_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a second Redis."""
    with running_redis(tmp_path_factory.mktemp("other-redis")) as url:
        yield url


@pytest.fixture
async def nodes(shared_redis: str, other_redis: str) -> AsyncIterator[Nodes]:
    """Two nodes, a and b."""
    nodes = Nodes(a=shared_redis, b=other_redis)
    yield nodes
    await nodes.close()
