"""Log lines: for people on a terminal, or one JSON object per line for a log collector.

Both escape what a client could use to forge a line of its own: a record is always one entry, however
many line breaks the text in it has.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TextIO

from rtserver.service import bad_requests
from rtserver.service.log_settings import LogSettings

__all__ = ["ConsoleFormatter", "JsonFormatter", "configure_logging"]

# Control characters but for tab and line feed: they could move a terminal's cursor or hide text.
_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)] if chr(code) not in "\t\n"}
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure_logging(settings: LogSettings, worker: str = "", before: LogSettings | None = None) -> None:
    """Send every log record to the standard error stream in the format and at the levels that are set.

    Loggers that exist already keep working. Handlers of the root logger that write to the terminal, too, are
    taken off; those that lead elsewhere stay.

    Args:
        settings: The settings.
        worker: The name of this process, where there are several, for each entry.
        before: The settings that held until now: loggers that have a level by them alone lose it.
    """
    handler = _Handler(sys.stderr)
    handler.setFormatter(JsonFormatter(worker) if settings.format == "json" else ConsoleFormatter(worker))
    root = logging.getLogger()
    for present in root.handlers[:]:
        if isinstance(present, _Handler) or getattr(present, "stream", None) in (sys.stderr, sys.stdout):
            root.removeHandler(present)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    for name in before.levels if before is not None else ():
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, level in settings.levels.items():
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger(bad_requests.LOGGER).addFilter(bad_requests.demote)
    logging.captureWarnings(True)


class _Handler(logging.StreamHandler[TextIO]):
    """What is set up here, and taken off when it is set up anew."""


class ConsoleFormatter(logging.Formatter):
    """One entry for people: ``2026-01-31 12:00:00.000 INFO     rtserver.service: message``, in local time.

    Further lines of a message or of a traceback are indented, so that no text can pass for an entry.

    Args:
        worker: The name of this process, which stands before the logger then: ``[k3Zp] rtserver.service``.
    """

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self._worker = f"[{worker}] " if worker else ""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as text."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            text += "\n" + record.stack_info
        text = text.translate(_CONTROLS).replace("\n", "\n    ")
        seconds = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return f"{seconds}.{int(record.msecs):03d} {record.levelname:<8} {self._worker}{record.name}: {text}"


class JsonFormatter(logging.Formatter):
    """One JSON object on one line: time (UTC), level, logger, message, and the call's ``extra``.

    Args:
        worker: The name of this process, for the key ``worker``.
    """

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self._worker = {"worker": worker} if worker else {}

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as JSON."""
        moment = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._worker,
        }
        entry |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = record.stack_info
        return json.dumps(entry, ensure_ascii=False, default=str)
