from __future__ import annotations

import logging
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry import trace

from rtserver import ConfigError, Tracing
from rtserver.service.config import load_config
from rtserver.service.server_options import server_options
from rtserver.service.settings import Config
from rtserver.service.tracing.endpoint import TracedEndpoint
from rtserver.service.tracing_settings import TracingSettings
from rtserver.service.webhooks.endpoint import Endpoint

ON = TracingSettings(enabled=True)


async def handle(request: web.Request) -> web.Response:
    return web.Response()


def test_off_by_default() -> None:
    settings = TracingSettings()
    assert settings.options() is None
    assert settings.around(handle) is handle
    assert settings.endpoint() is Endpoint
    assert server_options(Config(app="a:b"))["tracing"] is False


def test_what_it_makes() -> None:
    assert ON.options() == Tracing()
    assert TracingSettings(enabled=True, traceparent=["auth"], one_trace=True).options() == Tracing(
        ("auth",), one_trace=True
    )
    assert ON.around(handle) is not handle
    assert ON.endpoint() is TracedEndpoint
    assert server_options(Config(app="a:b", tracing=ON))["tracing"] == Tracing()


def test_it_has_to_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    file = tmp_path / "rtserver.toml"
    file.write_text('app = "a:b"\n[tracing]\nenabled = true\n')
    with pytest.raises(ConfigError) as refused:
        load_config(file)
    [problem] = refused.value.problems
    assert problem.endswith("tracing: opentelemetry-api isn't installed: pip install 'rtserver[tracing]'")
    file.write_text('app = "a:b"\n[tracing]\nenabled = false\n')
    load_config(file)


def test_an_unknown_place_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text('app = "a:b"\n[tracing]\ntraceparent = ["query"]\n')
    with pytest.raises(ConfigError, match=r'traceparent.* received "query", expected .*"headers", "auth"'):
        load_config(file)


@pytest.mark.parametrize("settings", [ON, TracingSettings()])
@pytest.mark.parametrize("provider", [trace.ProxyTracerProvider(), trace.NoOpTracerProvider()])
def test_spans_that_go_nowhere_are_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    settings: TracingSettings,
    provider: Any,
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with caplog.at_level(logging.WARNING):
        settings.warn()
    wanted = settings.enabled and isinstance(provider, trace.ProxyTracerProvider)
    assert [record.message[:38] for record in caplog.records] == (
        ["tracing: nothing exports the spans: st"] if wanted else []
    )
