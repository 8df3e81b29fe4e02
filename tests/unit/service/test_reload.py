"""What a single process takes over of a configuration that has changed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from rtserver.errors import ConfigError
from rtserver.service.assemble import Service
from rtserver.service.engine_settings import EngineSettings
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.log_settings import LogSettings
from rtserver.service.reload import changes, reload
from rtserver.service.settings import Config
from tests.support.certificates import CertificateFiles

pytestmark = pytest.mark.usefixtures("_restore_logging")


def config(**settings: Any) -> Config:
    return Config(app="chat:setup", **settings)


def test_the_log_and_the_times_of_the_end() -> None:
    service = Service(config(log=LogSettings(levels={"rtserver.test.one": "debug"})))
    logging.getLogger("rtserver.test.one").setLevel("DEBUG")
    log = LogSettings(level="warning", format="json", levels={"rtserver.test.other": "error"})
    new = config(drain_time=5, drain_delay=2, shutdown_timeout=7, log=log)
    reload(service, lambda: new)
    assert service.config == new
    assert logging.getLogger("rtserver.test.one").level == logging.NOTSET
    assert logging.getLogger("rtserver.test.other").level == logging.ERROR
    assert logging.getLogger().level == logging.WARNING


def test_what_needs_a_new_start_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(config())
    reload(service, lambda: config(workers=2, drain_time=3, engine=EngineSettings(ping_interval=5)))
    assert service.config == config(drain_time=3)
    assert (
        "engine.ping_interval, workers: changed, which takes effect when the service is"
        in capsys.readouterr().err
    )


def test_a_wrong_configuration_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(config())

    def load() -> Config:
        raise ConfigError(["rtserver.toml: lop: unknown setting"])

    reload(service, load)
    assert service.config == config()
    assert (
        "the present configuration stays, because the new one can't be used:\nrtserver.toml: lop: unknown"
        in caplog.text
    )


class TestTls:
    def test_files_of_other_names(self, tmp_path: Path) -> None:
        files = CertificateFiles(tmp_path)
        service = Service(config(listen=ListenSettings(**files.settings)))
        assert service.certificate is not None
        for path in (files.certificate, files.key):
            path.rename(path.with_suffix(".new"))
        new = ListenSettings(
            tls_certificate=str(files.certificate.with_suffix(".new")),
            tls_key=str(files.key.with_suffix(".new")),
            tls_reload_interval=1,
        )
        reload(service, lambda: config(listen=new))
        assert service.config.listen == new
        service.certificate.renew()

    def test_a_broken_certificate_changes_nothing(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = CertificateFiles(tmp_path)
        old = config(listen=ListenSettings(**files.settings))
        service = Service(old)
        files.certificate.write_text("broken")
        reload(service, lambda: config(drain_time=3, listen=ListenSettings(**files.settings)))
        assert service.config == old
        assert "the present configuration stays" in caplog.text
        assert "expected a PEM certificate and its unencrypted key" in caplog.text

    def test_it_cant_be_switched_on(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        service = Service(config())
        files = CertificateFiles(tmp_path)
        reload(service, lambda: config(listen=ListenSettings(**files.settings)))
        assert service.config == config()
        assert "listen.tls_certificate, listen.tls_key: changed" in capsys.readouterr().err


def test_changes() -> None:
    assert list(changes(config(), config())) == []
    old, new = config(workers=2), config(app_dir="/", log=LogSettings(level="error"))
    assert list(changes(old, new)) == ["app_dir", "workers", "log.level"]
