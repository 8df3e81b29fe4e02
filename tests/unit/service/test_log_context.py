from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from rtserver.ids import veiled
from rtserver.service.log_context import LogContext
from rtserver.service.logs import JsonFormatter
from tests.unit.server.harness import SID, FakeSession, Harness, turns

logger = logging.getLogger("an.application")


class Logging:
    """A server whose lines a test reads."""

    def __init__(self, **settings: Any) -> None:
        self.harness = Harness(**settings)
        self.context = LogContext(self.harness.sio._dispatch)
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(JsonFormatter())

    def begin(self) -> None:
        logging.getLogger().addHandler(self.handler)
        self.context.begin()

    def end(self) -> None:
        self.context.end()
        logging.getLogger().removeHandler(self.handler)

    def session(self) -> FakeSession:
        return FakeSession(self.context)

    def lines(self) -> list[dict[str, Any]]:
        """Return what was logged, without what every line has."""
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        common = {"time", "level", "logger", "connection", "address"}
        return [{key: value for key, value in line.items() if key not in common} for line in lines]


@pytest.fixture
def one() -> Iterator[Logging]:
    one = Logging(namespaces=("/", "/b"))
    one.begin()
    yield one
    one.end()


@pytest.mark.parametrize("in_frames", [True, False])
async def test_an_application_s_lines_tell_whose_event_is_handled(one: Logging, in_frames: bool) -> None:
    @one.harness.sio.event
    async def work(sid: str) -> None:
        logger.error("first")
        await asyncio.sleep(0)
        logger.error("second")

    session = one.session()
    session.in_frames = in_frames
    sid = session.join()
    session.receive('2["work"]')
    logger.error("nobody's")
    await turns()
    whose = {"client": sid, "namespace": "/"}
    assert one.lines() == [
        {"message": "first", **whose},
        {"message": "nobody's"},
        {"message": "second", **whose, "event": "work"},
    ]
    assert json.loads(one.stream.getvalue().splitlines()[0])["connection"] == veiled(SID)


async def test_connect_and_disconnect_handlers_too(one: Logging) -> None:
    @one.harness.sio.event
    async def connect(sid: str, environ: object) -> None:
        logger.error("comes")
        await asyncio.sleep(0)
        logger.error("is here")

    @one.harness.sio.event
    async def disconnect(sid: str) -> None:
        logger.error("goes")

    session = one.session()
    session.receive("0")
    await turns()
    session.close()
    await turns()
    comes, is_here, goes = (json.loads(line) for line in one.stream.getvalue().splitlines())
    assert comes["client"] == is_here["client"]
    assert comes["namespace"] == is_here["namespace"] == "/"
    assert comes["connection"] == is_here["connection"] == goes["connection"] == veiled(SID)


async def test_a_field_of_the_line_s_own_stays(one: Logging) -> None:
    one.harness.sio.on("work", lambda sid: logger.error("x", extra={"client": "mine"}))
    session = one.session()
    session.join()
    session.receive('2["work"]')
    assert one.lines() == [{"message": "x", "client": "mine", "namespace": "/"}]


async def test_a_client_of_several_namespaces_is_known_by_its_connection(one: Logging) -> None:
    one.harness.sio.on("work", lambda sid: logger.error("x"))
    session = one.session()
    session.join()
    session.join("/b")
    session.receive('2["work"]')
    assert one.lines() == [{"message": "x"}]
    assert json.loads(one.stream.getvalue())["connection"] == veiled(SID)


async def test_another_thread_s_lines_are_nobody_s(one: Logging) -> None:
    done = asyncio.Event()

    async def work(sid: str) -> None:
        await asyncio.to_thread(logger.error, "elsewhere")
        done.set()

    one.harness.sio.on("work", work)
    session = one.session()
    session.join()
    session.receive('2["work"]')
    await done.wait()
    assert one.lines() == [{"message": "elsewhere"}]


def test_nothing_is_added_where_no_loop_runs(one: Logging) -> None:
    logger.error("x")
    assert one.lines() == [{"message": "x"}]
