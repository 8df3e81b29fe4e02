from __future__ import annotations

from rtserver.service.ending import longest_drain, longest_end
from rtserver.service.settings import Config


def test_every_setting_of_the_end_counts() -> None:
    config = Config(app="chat:setup", drain_delay=5, drain_time=60, shutdown_timeout=7)
    assert longest_drain(config) == 60 + 5 * 7 + 10
    assert longest_end(config) == 5 + longest_drain(config) + 10
