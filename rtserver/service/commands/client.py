"""``rtserver client``: a Socket.IO client for the terminal, that listens, emits and waits for answers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any, Final

import socketio

from rtserver.errors import StartError
from rtserver.service.commands.terminal import typed_lines
from rtserver.service.commands.values import (
    JSON_HELP,
    printed,
    read_json,
    read_namespace,
    read_url,
    read_value,
)

__all__ = ["add"]

TIMEOUT: Final = 10.0
"""Seconds that the namespace may take to let the client in, and an acknowledgment."""
_EXAMPLES = """\
examples:
  rtserver client http://127.0.0.1:8000                       listen, and emit what is typed: chat "Hello!"
  rtserver client http://127.0.0.1:8000 --emit chat '"Hello!"'  emit, print the acknowledgment, and end
  rtserver client https://chat.example --namespace /admin --auth '{"token": "…"}'

Typed lines are an event's name and its arguments, each as JSON, with blanks between them. The answer to an
event is printed behind "<-", events of the server behind their names.
"""


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "client",
        help="connect as a client: listen, emit, wait for acknowledgments",
        description="Connect to a Socket.IO server and print what it sends, one event a line.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=lambda options: asyncio.run(_Client(options).run()))
    parser.add_argument("url", type=read_url, help="where the server is, such as http://127.0.0.1:8000")
    parser.add_argument("--path", default="socket.io", help='the path of Socket.IO, "socket.io" by default')
    parser.add_argument("--namespace", type=read_namespace, default="/", help='"/" by default')
    parser.add_argument("--auth", type=read_json, metavar="JSON", help="what is sent as auth")
    parser.add_argument("--transport", choices=["polling", "websocket"], help="both, if omitted")
    parser.add_argument(
        "--emit",
        nargs="+",
        metavar=("EVENT", "ARGUMENT"),
        help=f"emit this, print the answer, end: {JSON_HELP}",
    )


class _Client:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._namespace: str = options.namespace
        self._gone = asyncio.Event()
        """Set when the connection has ended for good."""
        self._refusal = ""
        self._client = socketio.AsyncClient(reconnection=options.emit is None)

    async def run(self) -> None:
        options, client = self._options, self._client
        client.on("*", self._received, namespace=self._namespace)
        client.on("connect", self._connected, namespace=self._namespace)
        client.on("disconnect", self._disconnected, namespace=self._namespace)
        client.on("connect_error", self._refused, namespace=self._namespace)
        try:
            await client.connect(
                options.url,
                auth=options.auth,
                namespaces=[self._namespace],
                socketio_path=options.path,
                transports=[options.transport] if options.transport else None,
                wait_timeout=TIMEOUT,
            )
        except (socketio.exceptions.ConnectionError, ValueError) as error:
            await client.disconnect()  # frees what it has opened
            reason = self._refusal or f"{error}; is a Socket.IO server there, at the path {options.path}?"
            raise StartError(f"client: {options.url}: {reason}") from None
        try:
            if options.emit is not None:
                await self._emit(options.emit[0], [read_value(each) for each in options.emit[1:]])
            else:
                await self._converse()
        finally:
            await client.disconnect()

    async def _converse(self) -> None:
        """Emit what is typed, until the input ends or the server has gone for good."""
        typed = asyncio.create_task(self._read())
        gone = asyncio.create_task(self._gone.wait())
        await asyncio.wait([typed, gone], return_when=asyncio.FIRST_COMPLETED)
        typed.cancel()
        gone.cancel()

    async def _read(self) -> None:
        async for line in typed_lines(sys.stdin.fileno()):
            if line.strip():
                event, *arguments = _words(line.strip())
                try:
                    await self._emit(event, [read_value(each) for each in arguments])
                except StartError as error:
                    print(f"-- {error}", flush=True)

    async def _emit(self, event: str, arguments: list[Any]) -> None:
        answer = asyncio.create_task(
            self._client.call(event, tuple(arguments), namespace=self._namespace, timeout=TIMEOUT)
        )
        gone = asyncio.create_task(self._gone.wait())
        await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not answer.done():
            answer.cancel()
            raise StartError(f"no answer to {event}: the connection has ended")
        try:
            print("<-", printed(answer.result()), flush=True)
        except socketio.exceptions.BadNamespaceError:
            raise StartError(f"{event} can't be sent: there is no connection") from None
        except socketio.exceptions.TimeoutError:
            raise StartError(
                f"no answer to {event} within {TIMEOUT:g} seconds: either no handler is registered for it,"
                " or it hasn't returned, or it has failed; the server's log says which"
            ) from None

    def _received(self, event: str, *arguments: Any) -> None:
        print(event, *map(printed, arguments), flush=True)

    def _connected(self) -> None:
        sid = self._client.get_sid(self._namespace)
        print(f"-- connected to {self._namespace} as {sid} over {self._client.transport()}", flush=True)

    def _refused(self, error: Any) -> None:
        if self._client.eio.state == "connected":
            self._refusal = f"{self._namespace} refuses the connection: {printed(error)}"
        elif isinstance(error, dict) and "message" in error:
            self._refusal = f"the server refuses the request: {error['message']}"

    def _disconnected(self, reason: str) -> None:
        print(f"-- disconnected: {reason}", flush=True)
        if reason == self._client.reason.SERVER_DISCONNECT or self._options.emit is not None:
            self._gone.set()


def _words(line: str) -> list[str]:
    """Split a line at its blanks, but not within strings, arrays and objects of JSON."""
    words, depth, quoted, escaped = [""], 0, False, False
    for character in line:
        if character.isspace() and not depth and not quoted:
            if words[-1]:
                words.append("")
            continue
        words[-1] += character
        if escaped:
            escaped = False
        elif quoted:
            escaped = character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth = max(depth - 1, 0)
    return [word for word in words if word]
