"""What the supervisor does itself: most of it is carrying out, which `tests/e2e/test_workers.py` looks at."""

from __future__ import annotations

import logging

import pytest

from rtserver.service.log_settings import LogSettings
from rtserver.service.settings import Config
from rtserver.service.workers.plans import plan_of
from rtserver.service.workers.supervisor import Supervisor


@pytest.mark.usefixtures("_restore_logging")
def test_levels_of_loggers_go_with_the_configuration_that_had_them() -> None:
    before = Config(app="chat:setup", workers=2, log=LogSettings(levels={"rtserver.test.quiet": "error"}))
    after = Config(app="chat:setup", workers=2)
    supervisor = Supervisor(before, "rtserver.toml", lambda: after)
    supervisor._settle(plan_of(before))
    logging.getLogger("rtserver.test.quiet").setLevel("ERROR")
    supervisor._settle(plan_of(after))
    assert logging.getLogger("rtserver.test.quiet").level == logging.NOTSET
