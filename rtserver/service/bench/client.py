"""A client that does no more than a load test needs: WebSocket only, and it reads as little as it can."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Final

import aiohttp

from rtserver.service.bench.latencies import Latencies
from rtserver.service.bench.plan import Plan

__all__ = ["BenchClient", "Refused", "Tally"]

MARK: Final = "rtserver-bench:"
"""Comes before the time, in nanoseconds, at which an event was emitted: the application sends it to all."""
_PING, _PONG = "2", "3"


class Refused(Exception):
    """A client that wasn't let in. The message says why."""


class Tally:
    """What the clients of a process see, while it is measured."""

    def __init__(self) -> None:
        self.is_running = False
        """Whether clients go on emitting, and what they see counts."""
        self.answers = Latencies()
        self.errors: Counter[str] = Counter()


class BenchClient:
    """One connection.

    Args:
        plan: The load test.
        tally: Takes what the client sees.
    """

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self._plan = plan
        self._tally = tally
        self._socket: aiohttp.ClientWebSocketResponse
        self._space = "" if plan.namespace == "/" else f"{plan.namespace},"
        self._ack = f"43{self._space}"
        self._expected = f"42{self._space}[{json.dumps(plan.expect)}," if plan.expect is not None else None
        self._arguments = f"[{json.dumps(plan.emit)},{json.dumps('x' * plan.size)}]"
        self._pending: dict[int, float] = {}
        self._latest = 0

    async def open(self, http: aiohttp.ClientSession) -> None:
        """Connect, and join the namespace.

        Raises:
            Refused: It isn't let in.
        """
        try:
            async with asyncio.timeout(self._plan.patience):
                url = f"{self._plan.url}?EIO=4&transport=websocket"
                self._socket = await http.ws_connect(url, max_msg_size=0, ssl=not self._plan.insecure)
                if not (await self._read()).startswith("0"):
                    raise Refused("what answers isn't a Socket.IO server")
                await self._socket.send_str(f"40{self._space}{self._plan.auth}")
                answer = await self._read()
        except TimeoutError:
            raise Refused(f"no answer within {self._plan.patience:g} s") from None
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(f"HTTP status {error.status}") from None
        except aiohttp.ClientConnectorError as error:
            raise Refused(error.strerror or str(error)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Refused(str(error) or type(error).__name__) from None
        if not answer.startswith("40"):
            raise Refused(f"the namespace refuses it: {_message(answer)}")

    async def listen(self) -> None:
        """Take what the server sends, until it closes the connection or this is cancelled."""
        async for message in self._socket:
            text = message.data
            if text == _PING:
                await self._socket.send_str(_PONG)
            elif not isinstance(text, str):
                continue
            elif text.startswith(self._ack):
                await self._answered(text)
            elif self._expected is not None and text.startswith(self._expected):
                self._reached(text)
            elif text.startswith("41"):
                break
        if self._tally.is_running:
            self._tally.errors[self._closed()] += 1

    async def emit(self) -> None:
        """Emit one event, and begin to wait for its acknowledgment."""
        self._latest += 1
        self._pending[self._latest] = time.perf_counter()
        await self._socket.send_str(f"42{self._space}{self._latest}{self._arguments}")

    async def emit_to_all(self) -> None:
        """Emit one event with the time in it."""
        text = f"{MARK}{time.monotonic_ns()}:".ljust(self._plan.size, "x")
        await self._socket.send_str(f"42{self._space}{json.dumps([self._plan.emit, text])}")

    async def close(self) -> None:
        """Leave."""
        await self._socket.close()

    @property
    def waiting(self) -> int:
        """How many acknowledgments haven't come yet."""
        return len(self._pending)

    async def _read(self) -> str:
        message = await self._socket.receive()
        while message.data == _PING:
            await self._socket.send_str(_PONG)
            message = await self._socket.receive()
        if not isinstance(message.data, str):
            raise Refused(self._closed())
        return message.data

    def _closed(self) -> str:
        code = self._socket.close_code
        return "the service closed the connection" + (f" with code {code}" if code else "")

    async def _answered(self, text: str) -> None:
        start = text.index("[")
        sent = self._pending.pop(int(text[len(self._ack) : start]))
        if not self._tally.is_running:
            return
        if text.startswith('{"code":"', start + 1):
            self._tally.errors[f"answered with an error: {_message(text)}"] += 1
        self._tally.answers.record(time.perf_counter() - sent)
        await self.emit()

    def _reached(self, text: str) -> None:
        _, mark, rest = text.partition(MARK)
        if mark:
            then = int(rest.partition(":")[0])
            self._tally.answers.record((time.monotonic_ns() - then) / 1e9)


def _message(packet: str) -> str:
    """Return what the server says in a refusal or in an error, which is an object with a message in it."""
    start = packet.find("{")
    try:
        found, _ = json.JSONDecoder().raw_decode(packet, start)
        return str(found["message"])
    except (ValueError, KeyError):
        return packet[:80]
