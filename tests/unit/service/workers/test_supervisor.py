"""What the supervisor does itself: most of it is carrying out, which `tests/e2e/test_workers.py` looks at."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from rtserver.errors import StartError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.log_settings import LogSettings
from rtserver.service.settings import Config
from rtserver.service.workers.plans import plan_of
from rtserver.service.workers.supervisor import Supervisor, supervise


def test_workers_that_have_nowhere_to_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    def create() -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/dev/shm/rtserver-workers-x")

    monkeypatch.setattr("rtserver.service.workers.supervisor.create", create)
    config = Config(app="chat:setup", workers=2, listen=ListenSettings(port=0))
    expected = "can't be made: /dev/shm/rtserver-workers-x: No space left on device; /dev/shm, or the folder"
    with pytest.raises(StartError, match=expected):
        supervise(config, "rtserver.toml", lambda: config)


@pytest.mark.usefixtures("_restore_logging")
def test_levels_of_loggers_go_with_the_configuration_that_had_them() -> None:
    before = Config(app="chat:setup", workers=2, log=LogSettings(levels={"rtserver.test.quiet": "error"}))
    after = Config(app="chat:setup", workers=2)
    supervisor = Supervisor(before, "rtserver.toml", lambda: after)
    supervisor._settle(plan_of(before))
    logging.getLogger("rtserver.test.quiet").setLevel("ERROR")
    supervisor._settle(plan_of(after))
    assert logging.getLogger("rtserver.test.quiet").level == logging.NOTSET
