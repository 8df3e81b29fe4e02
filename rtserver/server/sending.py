"""How events are sent to a server's own clients: encoded once, then one call for each recipient."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.engineio.outgoing import Outgoing, Uncompressed
from rtserver.server import acks
from rtserver.server.acks import AckCallback
from rtserver.server.delivery.send_queue import SendQueue
from rtserver.server.delivery.slow_clients import Drop
from rtserver.server.hub import Hub, deliver
from rtserver.server.inquiry import Inquiry
from rtserver.server.namespace import Namespace
from rtserver.server.socket import NOWHERE, Socket, State
from rtserver.server.target import PLAIN, Flags, Target
from rtserver.server.written import Written
from rtserver.socketio.codec import Codec

__all__ = ["Sending", "recipients"]


class Sending:
    """Sends events to clients.

    Args:
        hub: The shared state.
    """

    __slots__ = ("_encode_one", "_hub")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        # For one recipient a codec may spare the object that holds a message's other wire forms.
        self._encode_one = getattr(hub.codec, "encode_event_text", hub.codec.encode_event)

    @property
    def codec(self) -> Codec:
        """What events are encoded with."""
        return self._hub.codec

    def encode(self, target: Target, args: Sequence[Any], offset: str) -> Outgoing:
        """Encode an event as clients that can recover are sent it."""
        if args.__class__ is Written:
            written: Any = args
            outgoing: Outgoing = written.with_offset(offset)
            return outgoing
        return self._hub.codec.encode_event(target.namespace, None, [*args, offset])

    def emit(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags = PLAIN,
        ack: AckCallback | None = None,
        recorded: Outgoing | None = None,
        *,
        recoverable: bool | None = None,
    ) -> None:
        """Send an event to those clients here that it is for."""
        namespace = self._hub.namespaces.get(target.namespace)
        if namespace is None:
            return
        members = recipients(namespace, target)
        if recoverable is not None:
            members = [socket for socket in members if (socket.recovery is not None) is recoverable]
        self._hub.counters.events_sent += len(members)
        if ack is not None:
            for socket in members:
                self._send_expecting(socket, args, flags, ack)
        elif members and flags is PLAIN and namespace.plain:
            outgoing = self._encode(target.namespace, args)
            for socket in members:
                socket.recipient.send_outgoing(outgoing)
        elif members:
            self._emit_in_forms(namespace, members, args, flags, recorded)

    def _emit_in_forms(
        self,
        namespace: Namespace,
        members: Collection[Socket],
        args: Sequence[Any],
        flags: Flags,
        recorded: Outgoing | None = None,
    ) -> None:
        """Send an event to clients, of which some can recover and have to know its offset."""
        recovery = self._hub.recovery
        able = [] if recovery is None else [socket for socket in members if socket.recovery is not None]
        if able and recovery is not None:
            if recorded is None:
                # They take a string at the end for an offset: it has to be one.
                is_stamped = isinstance(args[-1], str) or (recovery.store.stamps and not flags.volatile)
                offset = (recovery.store.offset(namespace.name),) if is_stamped else ()
                recorded = self._encode(namespace.name, [*args, *offset])
            self._send(namespace, able, recorded, args, flags)
        if len(able) < len(members):
            others = [socket for socket in members if socket.recovery is None] if able else members
            self._send(namespace, others, self._encode(namespace.name, args), args, flags)

    def _encode(self, namespace: str, args: Sequence[Any]) -> Outgoing:
        if args.__class__ is Written:
            written: Any = args
            outgoing: Outgoing = written.outgoing
            return outgoing
        return self._hub.codec.encode_event(namespace, None, args)

    def emit_to(
        self, socket: Socket, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> None:
        """Send an event to one client."""
        self._hub.counters.events_sent += 1
        if ack is not None:
            self._send_expecting(socket, args, flags, ack)
        elif flags is PLAIN and socket.namespace.plain:
            deliver(socket.recipient, self._encode_one(socket.namespace.name, None, args))
        else:
            self._settle()
            self._emit_in_forms(socket.namespace, (socket,), args, flags)

    async def call(
        self,
        socket: Socket,
        args: Sequence[Any],
        flags: Flags,
        timeout: float | None,  # noqa: ASYNC109 - on our clock
    ) -> Sequence[Any]:
        """Send an event to one client, and return the arguments of its acknowledgment.

        Args:
            socket: The client.
            args: The event's name, then its arguments.
            flags: How it is delivered.
            timeout: Seconds to wait; None to wait for as long as the client is connected.

        Raises:
            socketio.exceptions.TimeoutError: The client didn't answer in time, or isn't connected (any more).
            TypeError: An argument can't be serialized.
        """
        if socket.state in (State.LEAVING, State.GONE):
            raise NoAnswer(f"client {socket.sid} isn't connected")
        runtime = self._hub.runtime()
        answer = acks.Answer(runtime.loop, runtime.clock, timeout)
        ack_id = None
        try:
            ack_id = self._send_expecting(socket, args, flags, answer)
            return await answer.wait()
        except NoAnswer:
            self._hub.counters.ack_timeouts += 1
            raise
        finally:
            answer.close()
            acks.take(socket, ack_id)

    def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags = PLAIN,
        on_answer: Callable[[Any], None] | None = None,
    ) -> Inquiry:
        """Send an event that each of its recipients here is to acknowledge."""
        hub = self._hub
        inquiry = Inquiry(hub.runtime(), on_answer)
        self._settle()
        namespace = hub.namespaces.get(target.namespace)
        if namespace is None:
            return inquiry
        try:
            for socket in recipients(namespace, target):
                if socket.state is State.CONNECTED:
                    outgoing = hub.codec.encode_event(target.namespace, inquiry.expect(socket), args)
                    self._send(namespace, (socket,), outgoing, args, flags, has_key=False)
        except BaseException:
            inquiry.close()
            raise
        return inquiry

    def _send_expecting(self, socket: Socket, args: Sequence[Any], flags: Flags, ack: AckCallback) -> int:
        ack_id = acks.expect(socket, ack)
        try:
            namespace = socket.namespace
            if flags is PLAIN and namespace.plain:
                deliver(socket.recipient, self._encode_one(namespace.name, ack_id, args))
            else:
                self._settle()
                outgoing = self._hub.codec.encode_event(namespace.name, ack_id, args)
                self._send(namespace, (socket,), outgoing, args, flags, has_key=False)
        except BaseException:
            acks.take(socket, ack_id)
            raise
        return ack_id

    def _send(
        self,
        namespace: Namespace,
        members: Iterable[Socket],
        outgoing: Outgoing,
        args: Sequence[Any],
        flags: Flags,
        *,
        has_key: bool = True,
    ) -> None:
        """Send an event that has flags, or is for a namespace where there is more to do than sending it.

        Args:
            namespace: Whose clients it is for.
            members: Who it is for.
            outgoing: The event, encoded.
            args: The event's name, then its arguments.
            flags: How it is delivered.
            has_key: False for an event that wants an acknowledgment, whose place no other can take.
        """
        policy = namespace.slow_clients
        key = policy.key_of(args, flags) if has_key and policy is not None else None
        if not flags.compress:
            outgoing = Uncompressed(outgoing.text, outgoing.attachments)
        volatile = flags.volatile
        for socket in members:
            if socket.hooks is not None:
                socket.hooks.sent(self._hub, socket, args)
            recipient = socket.recipient
            if isinstance(recipient, SendQueue):
                recipient.send_event(outgoing, args[0], volatile, key)
            elif not volatile or (socket.state is State.CONNECTED and socket.client.session.writable):
                recipient.send_outgoing(outgoing)
            elif recipient is not NOWHERE:
                self._hub.dropped(socket, args[0], Drop.NOT_READY)

    def _settle(self) -> None:
        """Send clients what was emitted so far, where that is kept back until its offset is known."""
        if self._hub.recovery is not None:
            self._hub.recovery.store.settle()


def recipients(namespace: Namespace, target: Target) -> Collection[Socket]:
    """Return who is meant: a copy, as sending to a slow client may end it."""
    _, rooms, except_rooms = target
    members: Collection[Socket]
    if not rooms:
        members = namespace.sockets.values()
    elif len(rooms) == 1:
        members = namespace.members(rooms[0])
    else:
        members = namespace.union(rooms)
    if not except_rooms:
        return tuple(members)
    skipped = namespace.union(except_rooms)
    return [socket for socket in members if socket not in skipped]
