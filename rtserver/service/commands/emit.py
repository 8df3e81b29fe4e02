"""``rtserver emit``: send an event to the clients of a cluster, from a shell."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rtserver.cluster.emitter import BlockingEmitter
from rtserver.errors import EmitterError, StartError
from rtserver.service.commands.values import JSON_HELP, read_value
from rtserver.service.config import load_config

__all__ = ["add"]

_EXAMPLES = """\
examples:
  rtserver emit news '{"title": "Hello"}' --config rtserver.toml
  rtserver emit said "to a room" --room lobby --namespace /chat --config rtserver.toml
"""


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "emit",
        help="send an event to clients, through Redis",
        description="Send an event to the clients of a cluster, through the Redis of its config file.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run)
    parser.add_argument("event", help="its name")
    parser.add_argument("arguments", nargs="*", type=read_value, metavar="ARGUMENT", help=JSON_HELP)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the config file of a server of the cluster"
    )
    parser.add_argument("--namespace", default="/", help='"/" by default')
    parser.add_argument(
        "--room",
        action="append",
        default=[],
        help="a room, or a client's id; may be repeated; all by default",
    )


def _run(options: argparse.Namespace) -> None:
    cluster = load_config(options.config).cluster
    if cluster.manager != "redis":
        raise StartError(f'emit: received cluster.manager = "{cluster.manager}", expected "redis"')
    emitter = BlockingEmitter(
        cluster.url,
        cluster.mode,
        key=cluster.key,
        subscription_mode=cluster.subscription_mode,
        max_length=cluster.max_length,
        stream_count=cluster.stream_count,
    )
    try:
        with emitter:
            target = emitter.of(options.namespace)
            chain = target.to(*options.room) if options.room else target
            chain.emit(options.event, *options.arguments)
    except (EmitterError, ValueError) as error:
        raise StartError(f"emit: {error}") from None
