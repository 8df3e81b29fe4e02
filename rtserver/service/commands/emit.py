"""``rtserver emit``: send an event to the clients of a cluster, from a shell."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rtserver.cluster.emitter import BlockingEmitter
from rtserver.errors import EmitterError, StartError
from rtserver.service.commands.api_client import post, read_key
from rtserver.service.commands.values import (
    JSON_HELP,
    printed,
    read_namespace,
    read_positive,
    read_url,
    read_value,
)
from rtserver.service.config import load_config, needs_file

__all__ = ["add"]

_EXAMPLES = """\
examples:
  rtserver emit news '{"title": "Hello"}' --config rtserver.toml
  rtserver emit said "to a room" --room lobby --namespace /chat --config rtserver.toml
  rtserver emit news '{"title": "Hello"}' --api http://127.0.0.1:8000/api --key-file api.key
  rtserver emit question "There?" --user ada --ack 5 --api http://127.0.0.1:8000/api --key-file api.key

With --config it goes through the Redis of the file, and the file of any server will do. With --api a service
is asked, whose config file has the key. With --ack each acknowledgment is printed, as JSON.
"""


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "emit",
        help="send an event to clients, through Redis or the HTTP API",
        description="Send an event to clients, through the Redis of a cluster or the HTTP API of a service.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run, refuse=parser.error)
    parser.add_argument("event", help="its name")
    parser.add_argument("arguments", nargs="*", type=read_value, metavar="ARGUMENT", help=JSON_HELP)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the config file of a server of the cluster"
    )
    parser.add_argument(
        "--api", type=read_url, metavar="URL", help="the HTTP API of a service, instead of Redis"
    )
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help='the key for --api; "-" reads it from standard input'
    )
    parser.add_argument("--namespace", type=read_namespace, default="/", help='"/" by default')
    parser.add_argument(
        "--room",
        action="append",
        default=[],
        help="a room, or a client's id; may be repeated; all by default",
    )
    parser.add_argument(
        "--user", action="append", default=[], help="with --api: a user; may be repeated, and beside --room"
    )
    parser.add_argument(
        "--ack",
        type=read_positive,
        metavar="SECONDS",
        help="with --api: wait so long for acknowledgments, print them",
    )


def _run(options: argparse.Namespace) -> None:
    if options.api is not None:
        _ask(options)
    elif options.user or options.ack is not None or options.key_file is not None:
        options.refuse("--user, --ack and --key-file need --api")
    elif needs_file(options.config):
        options.refuse("expected --config, a server's file with the Redis of the cluster, or --api")
    else:
        _publish(options)


def _ask(options: argparse.Namespace) -> None:
    """Let a service do it."""
    if options.key_file is None:
        options.refuse("--api needs --key-file, a file with a key of [[api.keys]]")
    some = {"rooms": options.room, "users": options.user}
    body = {
        "namespace": options.namespace,
        "to": some if options.room or options.user else "all",
        "event": options.event,
        "args": options.arguments,
        "ack_timeout": options.ack,
    }
    answer = post(f"{options.api.rstrip('/')}/emit", read_key(options.key_file), body, options.ack or 0)
    acks = answer.get("acks")
    if acks is None:
        return
    for each in acks["answers"]:
        print(printed(each))
    if acks["missing_clients"] or acks["missing_nodes"]:
        nodes = f", {len(acks['missing_nodes'])} servers" if acks["missing_nodes"] else ""
        raise StartError(f"emit: no answer from {acks['missing_clients']} clients{nodes}")


def _publish(options: argparse.Namespace) -> None:
    """Give it to Redis."""
    cluster = load_config(options.config).cluster
    if cluster.manager != "redis":
        raise StartError(
            f'emit: received cluster.manager = "{cluster.manager}", expected "redis", or --api with its URL'
        )
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
