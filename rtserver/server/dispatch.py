"""What every message of every client comes through: the four callbacks that Engine.IO calls.

    session -> codec -> socket -> handler, and back: acknowledgment -> codec -> session

An event whose handler doesn't suspend makes no task, no queue entry and no log call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from rtserver.engineio.handler import Session
from rtserver.errors import SocketViolation
from rtserver.server.client import Client, ClientSession
from rtserver.server.connecting import Connecting
from rtserver.server.delivery import send_queue
from rtserver.server.events import Events
from rtserver.server.flow import Flow
from rtserver.server.hub import Hub
from rtserver.server.leaving import Leaving
from rtserver.server.logged import clients_fields
from rtserver.server.ordered_start import HandlerTask
from rtserver.server.reasons import Reason, translate
from rtserver.socketio.attachments import Reassembly
from rtserver.socketio.packet import Packet, PacketType

__all__ = ["Dispatch"]

_EVENT = PacketType.EVENT


class Dispatch:
    """The Engine.IO handler of a Socket.IO server.

    Args:
        hub: The shared state.
        connecting: Lets clients join.
        leaving: Lets them leave.
        flow: Counts the handlers that suspend.
    """

    __slots__ = (
        "_connecting",
        "_decode",
        "_encode_ack",
        "_events",
        "_flow",
        "_hub",
        "_is_careful",
        "_leaving",
        "_start",
        "codec",
        "decode",
    )

    def __init__(self, hub: Hub, connecting: Connecting, leaving: Leaving, flow: Flow) -> None:
        self.codec = hub.codec
        self._hub = hub
        self._connecting = connecting
        self._leaving = leaving
        self._flow = flow
        self._events = Events(hub, flow)
        settings = hub.settings
        self._is_careful = flow.serial or settings.verbose or settings.duplicates is not None
        self._decode = hub.codec.decode
        self.decode: Callable[[bytes], Packet | str] = getattr(hub.codec, "decode_payload", bytes.decode)
        """Decode the packets of a WebSocket from their bytes, where the codec can."""
        self._encode_ack = hub.codec.encode_ack
        self._start: Callable[[Any], Any]

    # What Engine.IO calls.

    def connect(self, session: Session, /) -> None:
        """Take a new session."""
        self._start = self._events.start = self._hub.runtime().start
        session.context = client = Client(cast(ClientSession, session))
        client.careful = self._is_careful
        self._connecting.welcome(client)

    def message(self, session: Session, data: str | bytes, /) -> None:
        """Take one message of a client."""
        client: Client | None = session.context
        if client is None:
            return
        if client.careful:
            self._received(client, data)
            return
        try:
            packet = self._decode(data)
        except SocketViolation as violation:
            self._violated(client, violation)
            return
        self.packet(session, packet)

    def packet(self, session: Session, packet: Packet, /) -> None:  # noqa: PLR0912 - in one piece on purpose
        """Take one packet of a client.

        This is the way of nearly every message, in one piece: an event whose handler is known already.
        `_decoded` is the way of all others, and of clients marked as `careful`.
        """
        client: Client | None = session.context
        if client is None:
            return
        if client.careful:
            if client.partial is None:
                self._decoded(client, packet)
            else:
                self._violated(client, _between_attachments())
            return
        kind, name, ack_id, args, attachments = packet
        socket = client.socket
        if socket is not None and socket.namespace.name != name:
            socket = client.find(name)
        if socket is None or kind is not _EVENT or attachments:
            self._decoded(client, packet)
            return
        event = args[0]
        namespace = socket.namespace
        found = namespace.events.get(event)
        if found is None:
            self._decoded(client, packet)
            return
        namespace.received += 1
        function, is_async = found
        args[0] = socket.sid
        try:
            result = function(*args)
            if is_async:
                result = self._start(result)
                if result.__class__ is HandlerTask:
                    self._events.suspended(socket, result, event, ack_id)
                    return
            if ack_id is not None:
                if result is None:
                    result = ()
                elif result.__class__ is not tuple and not isinstance(result, tuple):
                    result = (result,)
                answer = self._encode_ack(name, ack_id, result)
                if answer.__class__ is bytes:
                    socket.recipient.send_text(answer)
                else:
                    socket.recipient.send_outgoing(answer)  # type: ignore[arg-type]
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises is logged
            self._events.failed(socket, event, error, ack_id)

    def disconnect(self, session: Session, reason: str, /) -> None:
        """Learn that a session has closed."""
        client: Client | None = session.context
        if client is None:
            return
        session.context = None
        if self._hub.recovery is not None:
            self._hub.recovery.lost(client)
        if self._flow.must_wait(client):
            self._flow.defer(client, partial(self._leaving.lose, client, translate(reason)))
        else:
            self._leaving.lose(client, translate(reason))

    def drain(self, session: Session, /) -> None:
        """Learn that a client that was slow takes packets again."""
        client: Client | None = session.context
        if client is not None:
            send_queue.drain(client)

    # What others ask of a client.

    def is_busy(self, session: Session, /) -> bool:
        """Tell whether something is under way with a client that would end with its session."""
        client: Client | None = session.context
        return client is not None and client.is_busy

    def running(self, client: Client, /) -> list[HandlerTask]:
        """Return the handlers of a client that have suspended, those of its connects and disconnects too."""
        tasks = self._hub.runtime().tasks
        return [
            task
            for task in tasks
            if isinstance(task, HandlerTask) and task.socket is not None and task.socket.client is client
        ]

    # Packets.

    def _received(self, client: Client, data: str | bytes) -> None:
        try:
            packet = self._decode(data) if client.partial is None else self._complete(client, data)
        except SocketViolation as violation:
            self._violated(client, violation)
            return
        if packet is not None:
            self._decoded(client, packet)

    def _decoded(self, client: Client, packet: Packet) -> None:
        try:
            if packet[4]:
                self._announced(client, packet)
            elif packet[0] is not PacketType.ACK and self._flow.must_wait(client):
                self._flow.defer(client, partial(self._deferred, client, packet))
            else:
                self._other(client, packet)
        except SocketViolation as violation:
            self._violated(client, violation)

    def _deferred(self, client: Client, packet: Packet) -> None:
        if client.reason is not None:
            return
        try:
            self._other(client, packet)
        except SocketViolation as violation:
            self._violated(client, violation)

    def _other(self, client: Client, packet: Packet) -> None:
        kind, name, ack_id, data, _ = packet
        if kind is PacketType.CONNECT:
            self._connecting.connect(client, name, data)
            return
        socket = client.find(name)
        if socket is None:
            if not client.has_dropped(name):
                raise _before_connect(kind, name)
        elif kind is _EVENT:
            self._events.received(socket, ack_id, data)
        elif kind is PacketType.ACK:
            self._events.acknowledged(socket, ack_id, data)
        elif kind is PacketType.DISCONNECT:
            self._leaving.leave(socket, Reason.CLIENT_DISCONNECT)
        else:
            raise SocketViolation(f"a packet of type {kind.name}, which only a server sends")

    def _announced(self, client: Client, packet: Packet) -> None:
        kind, name = packet[0], packet[1]
        if client.find(name) is None and not client.has_dropped(name):
            raise _before_connect(kind, name)
        client.partial = Reassembly(packet)
        client.careful = True

    def _complete(self, client: Client, data: str | bytes) -> Packet | None:
        if isinstance(data, str):
            raise _between_attachments()
        assert client.partial is not None
        packet = client.partial.add(data)
        if packet is not None:
            client.partial = None
            client.careful = self._is_careful or client.watched
        return packet

    def _violated(self, client: Client, violation: SocketViolation) -> None:
        hub = self._hub
        hub.counters.violations += 1
        sids = [socket.sid for socket in client.sockets()]
        # The session's own id isn't logged: who knows it can act as the client.
        hub.logger.warning(
            "disconnecting client %s at %s for %s",
            ", ".join(sids) or "without a sid",
            client.session.handshake.remote[0],
            violation,
            extra=clients_fields(client),
        )
        session = client.session
        if session.context is not None:
            self._flow.clear(client)
            self.disconnect(session, Reason.PARSE_ERROR)
        session.close(Reason.PARSE_ERROR)


def _before_connect(kind: PacketType, name: str) -> SocketViolation:
    return SocketViolation(f"a packet of type {kind.name} for namespace {name!r}, which the client isn't in")


def _between_attachments() -> SocketViolation:
    return SocketViolation("a text packet between a packet and its attachments")
