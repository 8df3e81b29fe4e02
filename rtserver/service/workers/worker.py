"""What a worker's process does: it serves the connections that it is handed, until it is told to drain."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, cast

from pydantic import ValidationError

from rtserver.cluster.workers.place import Place, discard, hold
from rtserver.errors import ConfigError, StartError
from rtserver.service.assemble import Service
from rtserver.service.logs import configure_logging
from rtserver.service.monitoring.monitor import Monitor
from rtserver.service.process import (
    Stop,
    keep_freed_memory,
    loop_factory,
    raise_file_limit,
    spare_the_garbage_collector,
)
from rtserver.service.settings import Config
from rtserver.service.workers.control import (
    Alive,
    Begin,
    Channel,
    Drain,
    Failed,
    Leave,
    Measure,
    Measured,
    Message,
    Ready,
)

__all__ = ["main"]

logger = logging.getLogger("rtserver.service")

INTERVAL: Final = 0.5
"""Seconds between two signs of life."""
SETTLE: Final = 0.1
"""Seconds in which connections that were on their way can still open their session, before all are closed."""
_OK, _FAILURE, _BAD_CONFIG = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Serve as a worker.

    Args:
        arguments: The descriptor of the socket to the supervisor, and the kind of the event loop.

    Returns:
        The exit status, which is that of a single process.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # these are for the supervisor
    descriptor, loop = arguments
    end = socket.socket(fileno=int(descriptor))
    end.set_inheritable(False)
    with asyncio.Runner(loop_factory=loop_factory(cast(Literal["uvloop", "asyncio"], loop))) as runner:
        return runner.run(_run(end))


async def _run(end: socket.socket) -> int:
    return await Worker().run(end)


class Worker:
    """A worker, from the supervisor's first message to its end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin: asyncio.Future[Begin | None] = self._loop.create_future()
        self._stop = Stop()
        self._drain_time: float | None = None
        """Seconds that the supervisor gives the clients; None where it hasn't said."""
        self._heirs: list[str] = []
        """The workers that go on."""
        self._is_orphan = False
        self._channel: Channel
        self._monitor: Monitor | None = None

    async def run(self, end: socket.socket) -> int:
        """Serve.

        Args:
            end: This end of the connection to the supervisor.

        Returns:
            The exit status.
        """
        self._loop.add_signal_handler(signal.SIGTERM, self._terminated)
        self._channel = await Channel.over(end, self._receive, self._lost)
        try:
            begin = await self._begin
            return _OK if begin is None else await self._serve(begin)
        finally:
            self._stop.want("it has ended")  # that the channel ends now means nothing
            self._channel.close()

    async def _serve(self, begin: Begin) -> int:
        place = Place(Path(begin.directory), begin.name)
        try:
            config = Config(**begin.config)
            configure_logging(config.log, place.name)
            with hold(place.directory):
                await self._live(Service(config, place))
        except (ConfigError, ValidationError) as error:  # a file that it names has gone meanwhile
            self._channel.send(Failed(str(error), is_config=True))
            return _BAD_CONFIG
        except StartError as error:
            self._channel.send(Failed(str(error)))
            return _FAILURE
        finally:
            if self._is_orphan:
                discard(place.directory)
        return _OK

    async def _live(self, service: Service) -> None:
        try:
            await self._stop.unless_wanted(self._start(service))
            await self._stop.wait()
            await self._drain(service)
        finally:
            await self._stop.in_time(service.close())

    async def _start(self, service: Service) -> None:
        await service.prepare()
        self._monitor = service.monitor
        raise_file_limit()
        service.open_door()
        spare_the_garbage_collector()
        keep_freed_memory()
        self._report(service)
        self._channel.send(Ready())

    async def _drain(self, service: Service) -> None:
        if self._drain_time is None:
            self._drain_time = service.config.drain_time
        logger.info("draining: %s", self._stop.reason)
        await self._stop.unless_hurried(asyncio.sleep(SETTLE))
        await self._stop.unless_hurried(service.drain(self._drain_time, self._heirs))

    def _report(self, service: Service) -> None:
        """Tell the supervisor that the event loop runs, from now on."""
        if not self._channel.is_behind:
            self._channel.send(Alive(*service.load, service.troubles))
        self._loop.call_later(INTERVAL, self._report, service)

    # What happens.

    def _receive(self, message: Message) -> None:
        match message:
            case Begin() if not self._begin.done():
                self._begin.set_result(message)
            case Drain():
                if message.quick:
                    self._stop.hurry()
                self._drain_time = message.seconds
                self._heirs = message.heirs
                self._stop.want("the supervisor says so")
            case Measure() if self._monitor is not None:
                self._channel.send(Measured([each.as_data() for each in self._monitor.measure()]))

    def _lost(self) -> None:
        """The supervisor has gone: nobody brings connections any more."""
        if not self._stop.is_wanted:
            logger.error("the supervisor has gone")
        self._is_orphan = True
        if not self._begin.done():
            self._begin.set_result(None)
        self._stop.want("there is no supervisor any more")

    def _terminated(self) -> None:
        """Somebody has sent this process SIGTERM: drain, and be replaced."""
        if not self._stop.is_wanted:
            self._channel.send(Leave())
            self._stop.want("SIGTERM received")
