"""``rtserver bench``: a load test of a service that runs."""

from __future__ import annotations

import argparse
import json
import resource
import sys
from typing import Any, Final
from urllib.parse import urlsplit

from rtserver.errors import StartError
from rtserver.service.commands.values import read_json, read_namespace, read_positive, read_url

__all__ = ["add"]

SPARE: Final = 100
"""File descriptors that a process needs beside those of its connections."""
_EXAMPLES = """\
examples:
  rtserver bench http://127.0.0.1:8000 --connections 1000         connect, and stay for --duration
  rtserver bench http://127.0.0.1:8000 --emit echo                each client emits, and waits for its answer
  rtserver bench http://127.0.0.1:8000 --emit chat --expect said  one client emits, all get "said" for it

With --expect the application has to send the text that it was given on to the clients.
Clients use WebSocket. Each process of the load test can use one processor core.

exit status: 0 done, 1 no client could connect, or something went wrong, 2 wrong command line
"""


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "bench",
        help="load-test a running service: connects, answers or broadcasts, with latencies",
        description="Connect many clients to a running service, let them emit, and measure what comes back.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run, refuse=parser.error)
    parser.add_argument("url", type=read_url, help="where the service is, such as http://127.0.0.1:8000")
    parser.add_argument("--path", default="socket.io", help='the path of Socket.IO, "socket.io" by default')
    parser.add_argument("--namespace", type=read_namespace, default="/", help='"/" by default')
    parser.add_argument("--auth", type=read_json, metavar="JSON", help="what is sent as auth")
    parser.add_argument(
        "--connections", type=_whole, default=100, metavar="N", help="clients, 100 by default"
    )
    parser.add_argument("--emit", metavar="EVENT", help="what they emit; its handler has to return in time")
    parser.add_argument(
        "--expect", metavar="EVENT", help="what all of them receive for it, instead of answers"
    )
    parser.add_argument("--size", type=_whole, default=32, metavar="N", help="characters of its argument, 32")
    parser.add_argument(
        "--outstanding", type=_whole, default=1, metavar="N", help="events of a client without an answer, 1"
    )
    parser.add_argument(
        "--rate", type=read_positive, default=10.0, metavar="N", help="with --expect: events a second, 10"
    )
    parser.add_argument(
        "--duration", type=read_positive, default=10.0, metavar="SECONDS", help="10 by default"
    )
    parser.add_argument(
        "--processes", type=_whole, default=1, metavar="N", help="that the clients are spread over, 1"
    )
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("--json", action="store_true", help="print the figures for a program")


def _run(options: argparse.Namespace) -> None:
    from rtserver.service.bench.plan import Plan  # noqa: PLC0415 - what the other commands needn't load
    from rtserver.service.bench.processes import run  # noqa: PLC0415
    from rtserver.service.bench.report import as_data, report  # noqa: PLC0415

    url = urlsplit(options.url)
    if options.expect is not None and options.emit is None:
        options.refuse("received --expect without --emit, expected the event that is answered so")
    if options.processes > options.connections:
        options.refuse(f"received {options.processes} processes, expected as many as connections at most")
    _raise_limit(-(-options.connections // options.processes))
    plan = Plan(
        f"{url.scheme}://{url.netloc}/{options.path.strip('/')}/",
        connections=options.connections,
        emit=options.emit,
        expect=options.expect,
        namespace=options.namespace,
        auth="" if options.auth is None else json.dumps(options.auth),
        size=options.size,
        outstanding=options.outstanding,
        rate=options.rate,
        duration=options.duration,
        insecure=options.insecure,
    )
    result = run(plan, options.processes, _progress)
    if options.json:
        print(json.dumps(as_data(result)))
    else:
        print(*report(plan, result), sep="\n")
    if not result.connected or (plan.emit is not None and not result.answers.count):
        raise StartError(f"bench: {options.url}: {_reason(result.errors)}")


def _progress(connected: int, answers: int) -> None:
    print(f"{connected:,} clients, {answers:,} answers", file=sys.stderr, flush=True)


def _reason(errors: dict[str, int]) -> str:
    return max(errors, key=errors.__getitem__) if errors else "no answer has come"


def _raise_limit(connections: int) -> None:
    """Let each process have as many connections as it is to have.

    Raises:
        StartError: The system doesn't allow it.
    """
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise StartError(
            f"bench: {connections:,} connections of a process need {needed:,} file descriptors, and {hard:,}"
            " are allowed: raise the limit (ulimit -Hn), or take more --processes"
        )
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a whole number, 1 or more")
    return int(text)
