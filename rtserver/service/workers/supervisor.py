"""The process before the workers: it starts them, accepts for them, watches them, and ends with the last one.

It runs no code of the application and reads nothing of what clients send, so that little can go wrong here.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from rtserver.cluster.workers.place import Place, create, discard, hold
from rtserver.errors import ConfigError, RtserverError, StartError
from rtserver.service.announcement import announce
from rtserver.service.ending import longest_end
from rtserver.service.listening import Listeners, open_listeners
from rtserver.service.logs import configure_logging
from rtserver.service.monitoring.internal import internal_server
from rtserver.service.process import raise_file_limit
from rtserver.service.settings import Config
from rtserver.service.systemd.notify import Notifier
from rtserver.service.tls.certificate import valid_context
from rtserver.service.tls.context import tls_context
from rtserver.service.workers import actions, control
from rtserver.service.workers.acceptor import Acceptor
from rtserver.service.workers.actions import Action
from rtserver.service.workers.child import Child, End
from rtserver.service.workers.fleet import Fleet
from rtserver.service.workers.members import Member, Plan, State
from rtserver.service.workers.overview import Asked, Overview
from rtserver.service.workers.plans import check_reload, plan_of

__all__ = ["supervise"]

logger = logging.getLogger("rtserver.service")


def supervise(config: Config, source: str, load: Callable[[], Config]) -> None:
    """Serve with several processes until SIGINT or SIGTERM.

    Args:
        config: The configuration.
        source: Where it came from, for the log.
        load: Reads it again.

    Raises:
        ConfigError: The TLS files can't be used.
        StartError: The application, the event loop or the address can't be used.
    """
    asyncio.run(Supervisor(config, source, load).run())


class Supervisor:
    """Carries out what the fleet says, and tells it what happens.

    Args:
        config: The configuration.
        source: Where it came from, for the log.
        load: Reads it again.
    """

    def __init__(self, config: Config, source: str, load: Callable[[], Config]) -> None:
        self._config = config
        self._source = source
        self._load = load
        self._fleet = Fleet(plan_of(config))
        self._children: dict[Member, Child] = {}
        self._failures: dict[Member, control.Failed] = {}
        """What workers have said of why they can't serve."""
        self._ends: dict[Member, End] = {}
        """How workers have ended that the fleet is about to be told of."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._stops = 0
        """How often the operator has asked for the end."""
        self._error: RtserverError | None = None
        """Why the service can't run."""
        self._settled: Plan | None = None
        """What was announced last."""
        self._urls: list[str] = []
        self._ending: asyncio.TimerHandle | None = None
        """Fires when the workers are told to end."""
        self._systemd = Notifier.of_environment()
        self._directory: Path
        self._listeners: Listeners
        self._acceptor: Acceptor[Member]
        self._overview = Overview(self._askable)

    async def run(self) -> None:
        """Serve until a signal, or until it is clear that this can't be done."""
        secure = tls_context(self._config.listen) is not None
        raise_file_limit()
        self._listeners = open_listeners(self._config.listen)
        self._urls = self._listeners.urls(secure)
        self._acceptor = Acceptor(self._listeners.sockets, secure=secure)
        internal = internal_server(self._config, self._overview)
        try:
            if internal is not None:
                await internal.start()
            self._directory = _meeting_place()
            try:
                with hold(self._directory):
                    self._handle_signals()
                    await self._watch()
            finally:
                await self._clear()
        finally:
            self._stop_listening()
            self._systemd.close()
            if internal is not None:
                await internal.close()
        if self._error is not None:
            raise self._error
        logger.info("stopped")

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._act(self._fleet.begin(loop.time()))
        while self._fleet.members or not self._is_stopping:
            self._act(self._fleet.look(loop.time()))
            self._changed.clear()
            try:
                async with asyncio.timeout(self._fleet.pause(loop.time())):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _clear(self) -> None:
        """Leave nothing behind, whatever has happened."""
        for child in self._children.values():
            child.kill()
        if self._tasks:
            await asyncio.wait(self._tasks)
        discard(self._directory)

    @property
    def _is_stopping(self) -> bool:
        return self._stops > 0 or self._error is not None

    # Signals.

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number.name)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _stop(self, name: str) -> None:
        self._stops += 1
        loop = asyncio.get_running_loop()
        if self._stops == 1:
            logger.info("stopping: %s received", name)
            self._systemd.stopping(f"{name} received", longest_end(self._config))
            self._overview.is_stopping = True
            self._ending = loop.call_later(self._config.drain_delay, self._end)
        else:
            logger.info("stopping at once: %s received again", name)
            self._end()
            self._act(self._fleet.hurry(loop.time()))

    def _end(self) -> None:
        """Accept nobody any more, and let the workers drain."""
        assert self._ending is not None
        self._ending.cancel()
        self._stop_listening()
        self._act(self._fleet.stop(asyncio.get_running_loop().time()))

    def _stop_listening(self) -> None:
        self._acceptor.close()
        self._listeners.remove_file()

    def _reload(self) -> None:
        if self._is_stopping:
            return
        logger.info("SIGHUP received: reading the configuration again")
        self._systemd.reloading()
        try:
            config = self._load()
            check_reload(self._config, config)
            valid_context(config.listen)
        except ConfigError as error:
            logger.error("the present configuration stays, because the new one can't be used:\n%s", error)
            self._tell_ready(refused=True)
            return
        logger.info("the configuration is valid: the workers are replaced, one after the other")
        self._act(self._fleet.reload(plan_of(config), asyncio.get_running_loop().time()))

    # What the fleet says.

    def _act(self, wanted: Iterable[Action]) -> None:
        for action in wanted:
            self._carry_out(action)
        if self._fleet.is_complete and self._fleet.plan is not self._settled:
            self._settle(self._fleet.plan)
        self._changed.set()

    def _carry_out(self, action: Action) -> None:
        member = action.member
        child = self._children.get(member)
        match action:
            case actions.Start():
                task = asyncio.create_task(self._live(member))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case actions.Drain():
                self._acceptor.remove(member)
                if child is not None:
                    self._drain(member, child)
            case actions.Kill():
                if child is not None:
                    logger.error("%s is killed: %s", _name(member, child), action.reason)
                    child.kill()
            case actions.Postpone():
                logger.error("%s; another one follows in %g seconds", self._ends[member], action.seconds)
            case actions.Reject():
                logger.error("the configuration from before stays: with the new one, %s", self._ends[member])
                self._tell_ready(refused=True)
            case actions.GiveUp():
                self._error = self._ends[member].error()

    def _settle(self, plan: Plan) -> None:
        """Every worker serves, and has the same configuration."""
        if self._settled is None:
            announce(plan.config, self._source, self._urls, plan.count)
        else:
            configure_logging(plan.config.log, before=self._config.log)
            logger.info("every worker has the new configuration")
        self._settled = plan
        self._config = plan.config
        self._tell_ready()

    def _tell_ready(self, *, refused: bool = False) -> None:
        status = f"listening on {' and '.join(self._urls)}; workers: {self._fleet.plan.count}"
        self._systemd.ready(status, refused=refused)

    def _drain(self, member: Member, child: Child) -> None:
        quick = self._stops > 1
        seconds = 0 if quick or self._error else member.plan.config.drain_time
        heirs = (
            []
            if self._is_stopping
            else [other.place.name for it, other in self._children.items() if it.state is State.SERVING]
        )
        child.channel.send(control.Drain(seconds, quick, heirs))

    # What happens to a worker.

    async def _live(self, member: Member) -> None:
        """See a worker's process through its life."""
        end = await self._serve(member)
        if member.state is State.DRAINING and self._error is None:
            logger.log(logging.WARNING if end.status else logging.INFO, "%s", end)
        self._ends[member] = end
        self._act(self._fleet.ended(member, asyncio.get_running_loop().time()))
        del self._ends[member]

    async def _serve(self, member: Member) -> End:
        """Start a worker's process, and wait for its end."""
        place = Place.new(self._directory)
        try:
            child = await Child.start(place, member.plan.config, partial(self._receive, member))
        except OSError as error:
            return End(f"worker {member.slot}", 1, control.Failed(f"no process can be started: {error}"))
        self._children[member] = child
        self._overview.started()
        if member.state is State.DRAINING:  # since a moment ago
            self._drain(member, child)
        status = await child.wait()
        del self._children[member]
        self._overview.gone(place.name)
        self._acceptor.remove(member)
        place.clear()
        return End(_name(member, child), status, self._failures.pop(member, None))

    def _askable(self) -> dict[str, Asked]:
        """Return the workers that can tell their metrics, by their names."""
        return {
            child.place.name: Asked(member.slot, member.state is State.DRAINING, child.channel.send)
            for member, child in self._children.items()
            if member.state is not State.STARTING
        }

    def _receive(self, member: Member, message: control.Message) -> None:
        now = asyncio.get_running_loop().time()
        match message:
            case control.Ready() if member.state is State.STARTING:
                child = self._children[member]
                logger.info("%s serves", _name(member, child))
                self._acceptor.add(member, child.place.door)
                self._act(self._fleet.ready(member, now))
            case control.Alive():
                self._fleet.heard(member, now)
                self._acceptor.report(member, message.connections, message.taken)
                self._overview.heard(self._children[member].place.name, message.troubles)
            case control.Measured():
                self._overview.measured(self._children[member].place.name, message)
            case control.Leave():
                self._acceptor.remove(member)
                self._act(self._fleet.leaves(member, now))
                self._drain(member, self._children[member])
            case control.Failed():
                self._failures[member] = message


def _meeting_place() -> Path:
    """Make the directory of the workers.

    Raises:
        StartError: It can't be made.
    """
    try:
        return create()
    except OSError as error:
        raise StartError(
            f"workers: the directory in which they meet can't be made: {error.filename}: {error.strerror};"
            " /dev/shm, or the folder for temporary files (TMPDIR), must be writable"
        ) from None


def _name(member: Member, child: Child) -> str:
    return f"worker {member.slot} ({child.place.name}, process {child.pid})"
