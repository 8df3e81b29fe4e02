from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.redis import running_redis

# Neither is a fault of what is tested when the machine has other work to do.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that runs until the end. Whoever uses it chooses a key of its own."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url
