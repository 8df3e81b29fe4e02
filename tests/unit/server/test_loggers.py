from __future__ import annotations

import logging
from typing import Any

import pytest

from rtserver.server.loggers import choose_logger


def bare(name: str) -> tuple[str, logging.Logger]:
    """Make a logger in a hierarchy that nobody has set up."""
    logger = logging.getLogger(f"rtserver.tests.{name}")
    logger.propagate = False
    return logger.name, logger


def test_false_leaves_the_logger_as_it_is() -> None:
    name, logger = bare("false")
    for wanted in (False, None):
        assert choose_logger(name, wanted) is logger
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)


def test_true_shows_what_is_logged() -> None:
    name, logger = bare("true")
    for _ in range(2):
        assert choose_logger(name, True) is logger
    assert len(logger.handlers) == 1
    assert logger.isEnabledFor(logging.INFO)


def test_true_adds_no_handler_where_there_is_one() -> None:
    name, logger = bare("handled")
    logger.addHandler(logging.NullHandler())
    choose_logger(name, True)
    assert len(logger.handlers) == 1


def test_a_logger_is_used_as_it_is() -> None:
    mine = logging.getLogger("mine")
    assert choose_logger("rtserver.server", mine) is mine


@pytest.mark.parametrize("wanted", ["INFO", 20, print])
def test_what_is_no_logger(wanted: Any) -> None:
    with pytest.raises(
        TypeError, match=r"logger: received .*, expected True, False or one like logging.Logger"
    ):
        choose_logger("rtserver.tests.wrong", wanted)


def test_an_adapter_is_a_logger() -> None:
    adapter: Any = logging.LoggerAdapter(logging.getLogger("rtserver.tests.adapted"), {})
    assert choose_logger("rtserver.tests.other", adapter) is adapter
