from __future__ import annotations

import gc
import logging
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from rtserver.errors import StartError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.run import run
from rtserver.service.settings import Config

APPLICATION = """\
import asyncio, gc, os, resource, signal

seen = {}

async def setup(server, host):
    async def observe():
        while not gc.get_freeze_count():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        seen["loop"] = type(asyncio.get_running_loop()).__module__
        seen["files"] = resource.getrlimit(resource.RLIMIT_NOFILE)
        os.kill(os.getpid(), signal.SIGTERM)

    async def close(host):
        seen["closed"] = True

    host.on_cleanup.append(close)
    server.start_background_task(observe)
"""


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "run_demo.py").write_text(APPLICATION)
    thresholds, files = gc.get_threshold(), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(500, files[1]), files[1]))
    yield tmp_path
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    sys.modules.pop("run_demo", None)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_it_runs_until_a_signal(
    application: Path, caplog: pytest.LogCaptureFixture, loop: Literal["uvloop", "asyncio"]
) -> None:
    config = Config(app="run_demo:setup", app_dir=str(application), loop=loop, listen=ListenSettings(port=0))
    with caplog.at_level(logging.INFO, "rtserver.service"):
        run(config, "a test", lambda: config)
    seen = sys.modules["run_demo"].seen
    assert seen["loop"].partition(".")[0] == loop
    assert seen["files"][0] == seen["files"][1]
    assert seen["closed"]
    assert [record.message.partition(" http")[0] for record in caplog.records][2:] == [
        "listening on",
        "stopping: SIGTERM received",
        "stopped",
    ]
    assert gc.get_freeze_count() > 0


def test_a_loop_that_isnt_installed(application: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    config = Config(app="run_demo:setup", app_dir=str(application))
    with pytest.raises(
        StartError, match=r'^loop: "uvloop" isn\'t installed; install it or set loop = "asyncio"$'
    ):
        run(config, "a test", lambda: config)


def test_what_was_prepared_is_ended_when_it_cant_listen(application: Path) -> None:
    listen = ListenSettings(host="203.0.113.1", port=0)
    (application / "run_demo.py").write_text(APPLICATION.replace("server.start_background_task(observe)", ""))
    config = Config(app="run_demo:setup", app_dir=str(application), listen=listen)
    with pytest.raises(StartError, match="no such address"):
        run(config, "a test", lambda: config)
    assert sys.modules["run_demo"].seen == {"closed": True}


MEMORY = """\
import asyncio, gc, os, resource, signal
from rtserver.service.run import run
from rtserver.service.settings import Config
from rtserver.service.listen_settings import ListenSettings

async def setup(server, host):
    async def observe():
        while not gc.get_freeze_count():
            await asyncio.sleep(0.01)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(100):
            messages = [b"x" * (size * 1000) for size in (64, 90, 100, 120, 150, 500)]
            del messages
        print("faults", resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
        os.kill(os.getpid(), signal.SIGTERM)

    server.start_background_task(observe)

config = Config(app="__main__:setup", listen=ListenSettings(port=0))
run(config, "a test", lambda: config)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other ways")
def test_memory_of_large_messages_is_not_given_back_each_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=60, check=True
    )
    faults = int(done.stdout.removeprefix("faults "))
    assert faults < 2000  # 100 times 1 MB are 25,000 pages
