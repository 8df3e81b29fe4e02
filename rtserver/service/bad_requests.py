"""Requests that can't be read, in the log: whoever sends them doesn't choose how much is written there."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

__all__ = ["LOGGER", "demote"]

LOGGER = "aiohttp.server"


def demote(record: logging.LogRecord) -> bool:
    """Make one line at debug of the traceback that aiohttp logs as an error. It is a filter of its logger.

    Args:
        record: What is logged. Faults of the application are left as they are.
    """
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, web.RequestPayloadError | HttpProcessingError):
        return True
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    record.msg, record.args = "a request can't be read: %s", (type(error.__cause__ or error).__name__,)
    record.exc_info = record.exc_text = None
    return logging.getLogger(LOGGER).isEnabledFor(logging.DEBUG)
