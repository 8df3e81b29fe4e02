from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from rtserver.service import bad_requests


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("RTSERVER_"):
            monkeypatch.delenv(name)


@pytest.fixture
def _restore_logging() -> Iterator[None]:
    """Leave the log as it was, and loggers below "rtserver.test" without a level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.getLogger(bad_requests.LOGGER).removeFilter(bad_requests.demote)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("rtserver.test"):
            logging.getLogger(name).setLevel(logging.NOTSET)
