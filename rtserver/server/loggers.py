"""Loggers from python-socketio's ``logger`` parameter, which is a bool or a logger."""

from __future__ import annotations

import logging

__all__ = ["choose_logger"]


def choose_logger(name: str, wanted: bool | logging.Logger | None) -> logging.Logger:
    """Return the logger to use.

    Args:
        name: The logger of the layer.
        wanted: A logger to use instead. True to show what that layer logs from INFO on, also where the
            application hasn't set logging up. False or None to leave it as it is.

    Raises:
        TypeError: It is something else.
    """
    if wanted is not None and not isinstance(wanted, bool):
        if not callable(getattr(wanted, "isEnabledFor", None)):
            raise TypeError(f"logger: received {wanted!r}, expected True, False or one like logging.Logger")
        return wanted
    logger = logging.getLogger(name)
    if wanted:
        if not logger.isEnabledFor(logging.INFO):
            logger.setLevel(logging.INFO)
        if not logger.hasHandlers():
            logger.addHandler(logging.StreamHandler())
    return logger
