"""The peers: how each is found on this machine, started, and known to be ready."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.deployment import Group
from benchmarks.generator import BUILD, BuildError, compile_program
from benchmarks.processes import free_port, pinned, stop

__all__ = [
    "ONE_PROCESS",
    "OURS",
    "PEERS",
    "START_TIMEOUT",
    "UNGUARDED",
    "Launch",
    "Peer",
    "ServerError",
    "Unavailable",
    "running",
]

HERE = Path(__file__).parent / "peers"
MODULES = HERE / "node_modules"
OURS = "rtserver"
ONE_PROCESS = "one-process"
UNGUARDED = "unguarded"
START_TIMEOUT = 30.0
"""Seconds until a peer has to listen."""


class Unavailable(Exception):
    """This peer can't run on this machine; the message says why."""


class ServerError(Exception):
    """A peer that should run did not; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a peer is started here.

    Args:
        command: Its command line.
        version: What runs, for the record.
    """

    command: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Peer:
    """One server of the comparison.

    Args:
        name: What ``--peers`` takes.
        label: What the table shows.
        find: Returns how to start it, or raises `Unavailable`.
        groups: The comparisons that it takes part in.
        omits: Generator modes that it doesn't speak.
        is_deployed: Whether it is deployed as a scenario wants: with workers, or guarded.
        only_full: Whether a quick run does without it, unless it is named.
    """

    name: str
    label: str
    find: Callable[[], Launch]
    groups: frozenset[Group] = frozenset({Group.SERVERS})
    omits: frozenset[str] = frozenset()
    is_deployed: bool = False
    only_full: bool = False


def find_ours() -> Launch:
    if not (HERE.parent.parent / "rtserver" / "service" / "cli.py").exists():
        raise Unavailable("rtserver/service/cli.py is missing")
    command = (sys.executable, "-m", "rtserver", "serve", "--config", str(HERE / "rtserver.toml"))
    return Launch(command, f"rtserver {version('rtserver')}, {python_version()}")


def find_python_socketio() -> Launch:
    packages = ", ".join(f"{name} {version(name)}" for name in ("python-socketio", "aiohttp", "uvloop"))
    return Launch((sys.executable, str(HERE / "python_socketio.py")), f"{packages}, {python_version()}")


def find_node() -> Launch:
    node = shutil.which("node")
    if node is None:
        raise Unavailable("node is not installed")
    return Launch(
        (node, str(HERE / "node.mjs")), f"socket.io {npm_version('socket.io')}, Node.js {output_of(node)}"
    )


def find_bun() -> Launch:
    engine = npm_version("@socket.io/bun-engine")
    # The executable of the platform's package, or where the package `bun` has moved it when it was installed.
    for executable in (*MODULES.glob("@oven/bun-*/bin/bun"), MODULES / ".bin" / "bun"):
        try:
            found = output_of(str(executable))
        except Unavailable:
            continue
        command = (str(executable), str(HERE / "bun.mjs"))
        return Launch(command, f"socket.io {npm_version('socket.io')}, bun-engine {engine}, Bun {found}")
    raise Unavailable("no executable of Bun in benchmarks/peers/node_modules runs on this machine")


def find_floor() -> Launch:
    try:
        program = compile_program("floor", [HERE / "floor.c"])
    except BuildError as error:
        raise Unavailable(str(error)) from error
    return Launch((str(program),), "C, one epoll loop, no layers")


JOINED = frozenset({Group.SERVERS, Group.CLUSTERS})

PEERS = (
    Peer(OURS, "rtserver", find_ours, frozenset(Group), is_deployed=True),
    Peer(
        "python-socketio",
        "python-socketio",
        find_python_socketio,
        JOINED,
        omits=frozenset({"elsewhere"}),
    ),
    Peer("node", "Node.js", find_node, JOINED),
    Peer("bun", "Bun engine", find_bun),
    Peer("floor", "floor (C)", find_floor, omits=frozenset({"polling", "idle"}), only_full=True),
    Peer(ONE_PROCESS, "rtserver, one process", find_ours, frozenset({Group.WORKERS})),
    Peer(UNGUARDED, "rtserver, unguarded", find_ours, frozenset({Group.GUARDED})),
)


def python_version() -> str:
    return f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"


def npm_version(package: str) -> str:
    try:
        text = (MODULES / package / "package.json").read_text()
    except FileNotFoundError:
        raise Unavailable(f'npm package "{package}" is not installed (npm ci in benchmarks/peers)') from None
    found = re.search(r'"version": "([^"]+)"', text)
    return found[1] if found else "unknown"


def output_of(executable: str) -> str:
    try:
        run = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{executable} --version: {error}") from error
    return run.stdout.strip()


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that listens."""

    pid: int
    port: int


@contextmanager
def running(
    peer: Peer,
    launch: Launch,
    core: int,
    ping_interval: float,
    *,
    deployment: Mapping[str, str],
    number: int,
) -> Iterator[Running]:
    """Run one server of a peer on one core until the block ends.

    Args:
        peer: The peer.
        launch: How it is started.
        core: The core.
        ping_interval: Seconds between two heartbeats.
        deployment: What it has to know of the other processes, for its environment.
        number: Which of the servers it is, for its log.

    Raises:
        ServerError: It ended, or did not listen in time.
    """
    port = free_port()
    log = BUILD / "logs" / f"{peer.name}-{number}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "PORT": str(port),
        "PING_INTERVAL": f"{ping_interval:g}",
        "RTSERVER_LISTEN__PORT": str(port),
        "RTSERVER_ENGINE__PING_INTERVAL": f"{ping_interval:g}",
        "NODE_ENV": "production",
        **deployment,
    }
    with log.open("w") as output, pinned(core):
        process = subprocess.Popen(
            launch.command,
            env=environment,
            cwd=HERE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        wait_until_it_listens(peer, process, port, log)
        yield Running(process.pid, port)
    finally:
        stop(process)


def wait_until_it_listens(peer: Peer, process: subprocess.Popen[str], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        if process.poll() is not None:
            raise ServerError(f"{peer.label} ended with status {process.returncode}: {last_lines(log)}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{peer.label} did not listen in {START_TIMEOUT:g} s: {last_lines(log)}"
                ) from None
            time.sleep(0.02)
        else:
            return


def last_lines(log: Path) -> str:
    """Return the end of a log in one line."""
    return " | ".join(log.read_text(errors="replace").strip().splitlines()[-3:]) or "its log is empty"
