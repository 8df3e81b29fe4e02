import json
from typing import Any

import pytest

from benchmarks import publisher
from benchmarks.elsewhere import check_subscriptions
from benchmarks.generator import LoadError


@pytest.mark.parametrize(("mode", "heard"), [("sharded", 0), ("sharded-static", 100), ("pubsub", 100)])
def test_figures_of_a_server_that_hears_what_it_should(mode: Any, heard: int) -> None:
    check_subscriptions(mode, {"published": 100, "heard": heard})
    with pytest.raises(LoadError, match=f"of 100 events in mode {mode}"):
        check_subscriptions(mode, {"published": 100, "heard": heard + 1})


class FakePipeline:
    def __init__(self, channels: list[str]) -> None:
        self._channels = channels
        self._count = 0

    def execute_command(self, name: str, channel: str, body: bytes) -> None:
        assert name in ("PUBLISH", "SPUBLISH")
        assert b"room " in body
        self._channels.append(channel)
        self._count += 1

    def execute(self) -> list[int]:
        count, self._count = self._count, 0
        return [1] * count


@pytest.mark.parametrize(("mode", "channels"), [("pubsub", 3), ("sharded", 3), ("sharded-static", 1)])
def test_the_publisher_keeps_its_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str, channels: int
) -> None:
    published: list[str] = []

    class FakeRedis:
        @classmethod
        def from_url(cls, url: str) -> "FakeRedis":
            return cls()

        def ping(self) -> None:
            assert not published

        def pipeline(self, transaction: bool) -> FakePipeline:
            return FakePipeline(published)

    monkeypatch.setattr(publisher, "Redis", FakeRedis)
    publisher.main(["redis://host", mode, "0.1", "1000", "3", "20"])
    first, last = capsys.readouterr().out.splitlines()
    assert first == "publishing"
    told = json.loads(last)
    assert told["published"] == told["heard"] == len(published)
    assert 0 < told["published"] <= 1000 * told["seconds"]
    assert len(set(published)) == channels
