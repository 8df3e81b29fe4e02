from __future__ import annotations

import json
import logging
import re
import sys

import pytest
from aiohttp import web

from rtserver.service import bad_requests
from rtserver.service.log_settings import LogSettings
from rtserver.service.logs import ConsoleFormatter, JsonFormatter, configure_logging


def record(message: str, *args: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("rtserver.service", logging.WARNING, __file__, 1, message, args, None)
    made.created, made.msecs = 1_700_000_000.25, 250.0
    made.__dict__ |= fields
    return made


def fault() -> logging.LogRecord:
    made = record("failed")
    try:
        raise ValueError("no\nline of its own")
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)
    return made


class TestConsole:
    def test_an_entry_is_time_level_logger_message(self) -> None:
        line = ConsoleFormatter().format(record("port %d is in use", 80))
        assert re.fullmatch(
            r"2023-11-1\d \d\d:\d\d:20\.250 WARNING  rtserver\.service: port 80 is in use", line
        )

    def test_a_worker_has_its_name_there(self) -> None:
        line = ConsoleFormatter("k3Zp").format(record("hello"))
        assert line.endswith("WARNING  [k3Zp] rtserver.service: hello")
        assert json.loads(JsonFormatter("k3Zp").format(record("hello")))["worker"] == "k3Zp"
        assert "worker" not in json.loads(JsonFormatter().format(record("hello")))

    def test_a_line_break_can_not_forge_an_entry(self) -> None:
        text = ConsoleFormatter().format(
            record("event %s", "a\n2023-11-14 00:00:00.000 ERROR    x: y\r\x1b[2J")
        )
        first, second = text.split("\n")
        assert first.endswith("event a")
        assert second == r"    2023-11-14 00:00:00.000 ERROR    x: y\x0d\x1b[2J"

    def test_a_traceback_is_indented(self) -> None:
        lines = ConsoleFormatter().format(fault()).split("\n")
        assert lines[1] == "    Traceback (most recent call last):"
        assert all(line.startswith("    ") for line in lines[1:])


class TestJson:
    def test_an_entry_is_one_object(self) -> None:
        line = JsonFormatter().format(record("café %s", "\n", sid="abc", size=5))
        assert "\n" not in line
        assert json.loads(line) == {
            "time": "2023-11-14T22:13:20.250Z",
            "level": "warning",
            "logger": "rtserver.service",
            "message": "café \n",
            "sid": "abc",
            "size": 5,
        }

    def test_a_traceback_stays_on_the_line(self) -> None:
        line = JsonFormatter().format(fault())
        assert "\n" not in line
        assert "ValueError" in json.loads(line)["exception"]

    def test_what_json_has_no_type_for_is_written_as_text(self) -> None:
        assert json.loads(JsonFormatter().format(record("x", data=b"\x00")))["data"] == "b'\\x00'"


@pytest.mark.usefixtures("_restore_logging")
class TestConfigure:
    def test_a_level_is_taken_back_with_the_setting(self) -> None:
        before = LogSettings(levels={"rtserver.test.quiet": "error"})
        configure_logging(before)
        configure_logging(LogSettings(), before=before)
        assert logging.getLogger("rtserver.test.quiet").level == logging.NOTSET

    def test_levels(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure_logging(LogSettings(level="info", levels={"rtserver.test.quiet": "error"}))
        logging.getLogger("rtserver.loud").info("one")
        logging.getLogger("rtserver.loud").debug("two")
        logging.getLogger("rtserver.test.quiet").warning("three")
        logging.getLogger("rtserver.test.quiet").error("four")
        assert [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()] == ["one", "four"]

    def test_handlers_of_others_stay_unless_they_write_to_the_terminal(self) -> None:
        root, collector = logging.getLogger(), logging.NullHandler()
        terminal = logging.StreamHandler(sys.stderr)
        root.addHandler(collector)
        root.addHandler(terminal)
        configure_logging(LogSettings())
        configure_logging(LogSettings())
        assert collector in root.handlers
        assert terminal not in root.handlers
        assert sum(isinstance(each.formatter, ConsoleFormatter) for each in root.handlers) == 1

    def test_a_second_call_replaces_the_first(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure_logging(LogSettings())
        configure_logging(LogSettings(format="json"))
        logging.getLogger("rtserver.loud").info("one")
        (line,) = capsys.readouterr().err.splitlines()
        assert json.loads(line)["message"] == "one"

    def test_who_sends_what_can_t_be_read_fills_no_log(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure_logging(LogSettings())
        error = web.RequestPayloadError("no gzip")
        logging.getLogger(bad_requests.LOGGER).error("Unhandled exception", exc_info=error)
        assert capsys.readouterr().err == ""
