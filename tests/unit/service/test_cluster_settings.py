from __future__ import annotations

import pytest
from pydantic import ValidationError

from rtserver.cluster.redis.manager import BUSES, RedisManager
from rtserver.service.cluster_settings import ClusterSettings


def test_alone_by_default() -> None:
    assert ClusterSettings().client_manager() is None


def test_redis() -> None:
    settings = ClusterSettings(manager="redis", url="redis://127.0.0.1:1", key="app", python_channel="")
    assert isinstance(settings.client_manager(), RedisManager)


@pytest.mark.parametrize("mode", BUSES)
def test_every_mode_can_be_chosen(mode: str) -> None:
    settings = ClusterSettings.model_validate({"manager": "redis", "mode": mode})
    assert isinstance(settings.client_manager(), RedisManager)


@pytest.mark.parametrize("url", ["http://x", "redis://:se/cret@127.0.0.1", "redis+sentinel://host"])
def test_a_url_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ClusterSettings(url=url)
    [error] = caught.value.errors()
    assert "the URL can't be read: expected one that begins with redis://" in error["msg"]
    assert "cret" not in error["msg"]
