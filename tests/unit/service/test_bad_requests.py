from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from rtserver.service.bad_requests import LOGGER, demote

CHUNK = b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
NO_GZIP = b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("path", [b"/", b"/read"])
@pytest.mark.parametrize("rest", [CHUNK, NO_GZIP])
async def test_a_request_that_can_t_be_read_is_one_line_at_debug(
    path: bytes, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    app.router.add_post("/", answer)
    app.router.add_post("/read", read)
    logger = logging.getLogger(LOGGER)
    logger.addFilter(demote)
    try:
        for level, most in ((logging.INFO, 0), (logging.DEBUG, 2)):  # read, and what is left of it
            caplog.clear()
            with caplog.at_level(level, LOGGER):
                await ask(app, b"POST %b HTTP/1.1\r\nHost: x\r\n%b" % (path, rest))
            lines = [each for each in caplog.records if each.name == LOGGER]
            assert len(lines) <= most
            assert bool(lines) is (level == logging.DEBUG)
            for line in lines:
                assert (line.levelname, line.exc_info) == ("DEBUG", None)
                assert line.getMessage().startswith("a request can't be read: ")
    finally:
        logger.removeFilter(demote)


async def answer(request: web.Request) -> web.Response:
    return web.Response()


async def read(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def ask(app: web.Application, request: bytes) -> None:
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
        await writer.wait_closed()


def test_faults_of_the_application_stay_errors() -> None:
    for error in (ValueError("no"), ConnectionResetError("its database"), None):
        found = (type(error), error, None) if error else None
        record = logging.LogRecord(LOGGER, logging.ERROR, __file__, 1, "Error handling request", (), found)
        assert demote(record)
        assert (record.levelno, record.exc_info) == (logging.ERROR, found)
