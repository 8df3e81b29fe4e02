"""The API as HTTP: which requests are let in, and how they are answered."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from rtserver.errors import ApiError
from rtserver.service.api.answers import ErrorAnswer
from rtserver.service.api.commands import Commands
from rtserver.service.api.form import read_object, validated, written
from rtserver.service.api.idempotency.record import Outcome
from rtserver.service.api.idempotency.replays import Replays
from rtserver.service.api.keys import Key, KeyRing
from rtserver.service.api.limits import ApiLimits
from rtserver.service.api.openapi import document
from rtserver.service.api.operations import OPERATIONS, Operation, commands_of
from rtserver.service.api.rates import Rates
from rtserver.service.monitoring.families import Family
from rtserver.socketio.json_text import dumps

__all__ = ["Api"]

logger = logging.getLogger("rtserver.api")

Handler = Callable[[web.Request], Awaitable[web.Response]]

READ_TIMEOUT: Final = 30.0
"""Seconds that the body of a request may take."""
RUN_TIMEOUT: Final = 90.0
"""Seconds that a request may take in all: longer than it may wait for acknowledgments."""
IDEMPOTENCY: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")
_NO_STORE: Final = {"Cache-Control": "no-store"}


class Api:
    """Serves the API from inside an aiohttp application.

    Args:
        commands: Does what is asked for.
        keys: Who may ask.
        limits: How much.
        replays: Recognises requests that are sent again.
        now: Returns the time in seconds.
    """

    def __init__(
        self,
        commands: Commands,
        keys: KeyRing,
        limits: ApiLimits,
        replays: Replays,
        now: Callable[[], float],
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._limits = limits
        self._replays = replays
        self._rates = Rates(now)
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closing = False
        self.answered: Counter[str] = Counter()
        """How many requests were answered, by ``ok`` or the code of the error."""

    def attach(
        self, app: web.Application, path: str, around: Callable[[Handler], Handler] | None = None
    ) -> None:
        """Add the routes.

        Args:
            app: Where to.
            path: Below which path, with or without slashes at its ends.
            around: Puts something around the handler of each route; nothing if omitted.
        """
        base = f"/{path.strip('/')}"
        text = dumps(document(base), [])

        async def describe(request: web.Request) -> web.Response:
            return web.Response(body=text, content_type="application/json")

        def route(operation: Operation) -> None:
            async def answer(request: web.Request) -> web.Response:
                return await self._answer(request, operation)

            app.router.add_post(f"{base}/{operation.name}", answer if around is None else around(answer))

        for operation in OPERATIONS:
            route(operation)
        app.router.add_get(f"{base}/openapi.json", describe)
        app.router.add_route("*", f"{base}/{{rest:.*}}", self._unknown)

    def families(self) -> list[Family]:
        """Return the metrics."""
        help = "Requests of the HTTP API."
        return [Family.of("rtserver_api_requests", "counter", help, self.answered, "result")]

    async def close(self, seconds: float) -> None:
        """Refuse requests from now on, and end.

        Args:
            seconds: How long those that are being done are waited for.
        """
        self._is_closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self._replays.close()

    # One request.

    async def _answer(self, request: web.Request, operation: Operation) -> web.Response:
        try:
            key = self._keys.find(request.headers.get("Authorization"))
            self._rates.admit(key)
            with self._place():
                outcome, is_repeated = await self._admitted(request, operation, key)
        except ApiError as error:
            # not the message: it may have a part of what was to be sent
            logger.info("refused %s from %s: %s", operation.name, request.remote, error.code)
            return self._refusal(error)
        self.answered["ok" if outcome.status == 200 else _code_of(outcome)] += 1
        headers = {**_NO_STORE, REPLAYED: "true"} if is_repeated else _NO_STORE
        return web.Response(
            status=outcome.status, body=outcome.body, content_type="application/json", headers=headers
        )

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Take a place for a request, and give it back.

        Raises:
            ApiError: There is none.
        """
        most = self._limits.running
        if self._is_closing:
            raise _busy("this process is about to end")
        if self._running >= most:
            raise _busy(f"{most} requests are being done, the most at a time")
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _admitted(self, request: web.Request, operation: Operation, key: Key) -> tuple[Outcome, bool]:
        body = await self._read(request)
        wanted = validated(operation.request, read_object(body))
        commands = commands_of(wanted)
        for each in commands:
            key.check(each.scope, each.namespace)
        self._rates.charge(key, len(commands))
        name = request.headers.get(IDEMPOTENCY)
        if name is None or not operation.is_change:
            return await self._run(operation, wanted), False
        if not _IDEMPOTENCY_KEY.fullmatch(name):
            raise ApiError(
                400,
                "invalid_request",
                f"{IDEMPOTENCY}: expected 1 to 255 printable characters, without blanks",
            )
        return await self._replays.do(
            sha256(f"{key.name}\n{name}".encode()).hexdigest(),
            sha256(operation.name.encode() + b"\n" + body).hexdigest(),
            lambda: self._run(operation, wanted),
        )

    async def _run(self, operation: Operation, wanted: BaseModel) -> Outcome:
        """Do what is wanted. A failure in the middle is an outcome, too: a part may have been done."""
        try:
            async with asyncio.timeout(RUN_TIMEOUT):
                return Outcome(200, written(await operation.run(self._commands, wanted)))
        except ApiError:
            raise
        except TimeoutError:
            return _failure(504, "timeout", f"it wasn't done within {RUN_TIMEOUT:g} s, or only a part of it")
        except Exception:
            logger.exception("%s failed", operation.name)
            return _failure(500, "internal_error", "it failed, or a part of it; the service's log says why")

    async def _read(self, request: web.Request) -> bytes:
        if request.content_type != "application/json":
            raise ApiError(
                415,
                "unsupported_media_type",
                f"received {request.content_type}, expected the header Content-Type: application/json",
            )
        if "Content-Encoding" in request.headers:
            raise ApiError(
                415, "unsupported_media_type", "received a header Content-Encoding; send the body as it is"
            )
        most, body = self._limits.body, bytearray()
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > most:
                        raise ApiError(
                            413, "too_large", f"received more than {most} bytes; send less at a time"
                        )
        except TimeoutError:
            raise ApiError(
                408, "too_slow", f"the request's body didn't come within {READ_TIMEOUT:g} s"
            ) from None
        except (web.RequestPayloadError, ConnectionError):
            raise ApiError(400, "invalid_request", "the request's body broke off") from None
        return bytes(body)

    async def _unknown(self, request: web.Request) -> web.Response:
        name = request.match_info["rest"]
        allowed = "GET" if name == "openapi.json" else "POST"
        if name == "openapi.json" or any(name == each.name for each in OPERATIONS):
            message = f"received {request.method}, expected {allowed}"
            return self._refusal(ApiError(405, "wrong_method", message, {"Allow": allowed}))
        names = ", ".join(each.name for each in OPERATIONS)
        return self._refusal(ApiError(404, "not_found", f"expected one of {names}, or openapi.json"))

    def _refusal(self, error: ApiError) -> web.Response:
        self.answered[error.code] += 1
        status, body = _failure(error.status, error.code, error.message)
        headers = {**_NO_STORE, **error.headers}
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _failure(status: int, code: str, message: str) -> Outcome:
    return Outcome(status, written(ErrorAnswer(code=code, message=message)))


def _busy(why: str) -> ApiError:
    return ApiError(503, "busy", f"{why}; try again", {"Retry-After": "1"})


def _code_of(outcome: Outcome) -> str:
    return {500: "internal_error", 504: "timeout"}[outcome.status]
