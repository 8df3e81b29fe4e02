from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtserver.errors import ConfigError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.monitoring_settings import MetricsSettings
from rtserver.service.settings import Config
from rtserver.service.workers.members import Patience
from rtserver.service.workers.plans import check_reload, plan_of


def config(listen: dict[str, Any] | None = None, **settings: Any) -> Config:
    return Config(app="chat:setup", listen=ListenSettings(**(listen or {})), **settings)


def test_a_plan() -> None:
    made = config(
        workers=3, worker_start_timeout=50.0, worker_timeout=4.0, drain_time=30.0, shutdown_timeout=5.0
    )
    plan = plan_of(made)
    assert (plan.config, plan.count) == (made, 3)
    assert plan.patience == Patience(start=50, silence=4, drain=65)


@pytest.mark.parametrize("settings", [{"workers": 7}, {"loop": "asyncio"}, {"listen": {"path": "io"}}])
def test_what_can_change(settings: dict[str, Any]) -> None:
    check_reload(config(), config(**settings))


def test_what_can_not(tmp_path: Path) -> None:
    (tmp_path / "c.pem").touch()
    listen = {"host": "::1", "port": 1, "backlog": 2, "tls_certificate": str(tmp_path / "c.pem")}
    new = config(listen, metrics=MetricsSettings(enabled=True))
    again = "; stop the service and start it again"
    with pytest.raises(ConfigError) as caught:
        check_reload(config(), new)
    assert caught.value.problems == (
        f"listen.host: received '::1', expected '127.0.0.1'{again}",
        f"listen.port: received 1, expected 8000{again}",
        f"listen.backlog: received 2, expected 1024{again}",
        f"metrics.enabled: the supervisor, which answers for all workers, can't change it{again}",
        f"listen.tls_certificate: TLS can't be switched on or off{again}",
    )
