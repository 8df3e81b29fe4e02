"""A backend over HTTP: it decides who is let in, answers events, and is told who has gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.clock import Clock
from rtserver.errors import BackendError, TooManyRooms
from rtserver.server.interface.socket import Socket
from rtserver.service.api.addresses import Addresses
from rtserver.service.logged import socket_fields
from rtserver.service.namespaces.claims import CLAIMS
from rtserver.service.webhooks.breaker import State
from rtserver.service.webhooks.counters import WebhookCounters
from rtserver.service.webhooks.delivery import Delivery
from rtserver.service.webhooks.elsewhere import Elsewhere
from rtserver.service.webhooks.lines import Lines
from rtserver.service.webhooks.messages import (
    ConnectAnswer,
    Emit,
    EventAnswer,
    claims_of,
    connect_request,
    disconnect_request,
    event_request,
    read,
)
from rtserver.service.webhooks.outbox import Outbox
from rtserver.service.webhooks.policy import Policy
from rtserver.service.webhooks.returning import NO_TOKENS, Tokens, forget_claims, settle

__all__ = ["Admission", "Backend"]


@dataclass(frozen=True, slots=True)
class Admission:
    """What a backend says of a client that it lets in.

    Args:
        claims: What is known of it, besides what its token says.
        rooms: Rooms that it enters.
        emits: Events that are sent then.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    rooms: tuple[str, ...] = ()
    emits: tuple[Emit, ...] = ()


class _Stay:
    """Sees to it that the backend is told of the end of a client that it may have let in.

    Args:
        backend: The backend.
        socket: The client.
    """

    __slots__ = ("_backend", "_is_asked", "_may_have_begun", "_reason", "_socket")

    def __init__(self, backend: Backend, socket: Socket) -> None:
        self._backend = backend
        self._socket = socket
        self._is_asked = True
        self._may_have_begun = False
        self._reason: str | None = None
        socket.on("disconnect", self._ended)

    def may_have_begun(self) -> None:
        """Take note that the backend may believe that the client is there."""
        self._may_have_begun = True

    def answered(self) -> None:
        """Take note that the backend isn't asked any more: of the end it is told behind that, and once."""
        self._is_asked = False
        self._tell()

    def _ended(self, reason: str) -> None:
        self._reason = reason
        self._tell()

    def _tell(self) -> None:
        if self._reason is not None and self._may_have_begun and not self._is_asked:
            self._backend.disconnect(self._socket, self._reason)


class Backend:
    """A backend.

    Args:
        addresses: Finds the clients that its events are for.
        delivery: Makes the requests.
        policy: How it is asked.
        clock: Returns the clock of the running loop.
        headers: Names of headers of a client's request that it is told.
        tells_ends: Whether it is told when a client that it has let in has gone.
        tokens: What clients show before.
        elsewhere: Other processes, to which clients may come back; None if they don't come back.
    """

    def __init__(
        self,
        addresses: Addresses,
        delivery: Delivery,
        policy: Policy,
        clock: Callable[[], Clock],
        *,
        headers: Sequence[str] = (),
        tells_ends: bool = True,
        tokens: Tokens = NO_TOKENS,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._addresses = addresses
        self._tells_ends = tells_ends
        self._tokens = tokens
        self._delivery = delivery
        self._headers = tuple(name.lower() for name in headers)
        self._lines = Lines(policy.max_client_waiting)
        self._outbox = Outbox(delivery, policy, clock)
        self._elsewhere = elsewhere
        if elsewhere is not None:
            elsewhere.listen(self._take_back)

    @property
    def counters(self) -> WebhookCounters:
        """What is counted of its requests."""
        return self._delivery.counters

    @property
    def is_let_alone(self) -> bool:
        """Whether it doesn't answer, so that nothing is asked for a while."""
        return self._delivery.breaker.state is not State.CLOSED

    @property
    def times_let_alone(self) -> int:
        """How often that began."""
        return self._delivery.breaker.opened

    async def connect(self, socket: Socket) -> Admission:
        """Ask whether a client is let in. If it is, the backend is told by itself when it has gone.

        Args:
            socket: The client, which isn't connected yet.

        Raises:
            socketio.exceptions.ConnectionRefusedError: The backend refuses it, or gives no answer that can be
                used. What the client is told has a code in its data then. So it has for one that has come
                back as another user.
        """
        stay = _Stay(self, socket) if self._tells_ends else None
        try:
            answer = await self._ask(socket, stay)
        finally:
            if stay is not None:
                stay.answered()
        await settle(socket, {**claims_of(socket), **answer.claims}, answer.rooms, self._tokens.user)
        return Admission(answer.claims, tuple(answer.rooms), tuple(answer.emit))

    async def event(self, socket: Socket, event: str, args: Sequence[Any]) -> tuple[Any, ...]:
        """Let the backend answer an event, behind the earlier ones of the same client.

        Args:
            socket: The client.
            event: The event's name.
            args: Its arguments.

        Returns:
            The arguments of the acknowledgment: what the backend says, or an object with ``code`` and
            ``message`` if it gives no answer that can be used.

        Raises:
            TooManyRooms: The client can't enter the rooms that the backend says.
        """
        try:
            async with self._lines.turn(_key(socket)):
                body = await self._delivery.ask(event_request(socket, event, args))
                answer = read(EventAnswer, body)
                self._count("event", "ok")
                await socket.leave(answer.leave)
                await socket.join(answer.join)
                await self.emit(socket, answer.emit)
        except BackendError as error:
            self._failed(socket, "event", error)
            return ({"code": error.code, "message": error.told},)
        return tuple(answer.ack)

    def disconnect(self, socket: Socket, reason: str) -> None:
        """Tell the backend that a client has gone, behind its last events, and again until it has taken it.

        For clients that came through `connect` that is done already.

        Args:
            socket: The client.
            reason: Why it has gone.
        """
        try:
            body = disconnect_request(socket, reason)
        except BackendError as error:
            self.counters.lost += 1
            self._failed(socket, "disconnect", error)
            return
        key = _key(socket)
        self._lines.after(key, lambda: self._outbox.add(key, body))

    async def admit(self, socket: Socket) -> None:
        """Let a client in, if the backend does, with the claims and rooms that it says: a middleware.

        Args:
            socket: The client.

        Raises:
            socketio.exceptions.ConnectionRefusedError: It isn't let in.
        """
        admission = await self.connect(socket)
        socket.data[CLAIMS] = {**claims_of(socket), **admission.claims}
        try:
            await socket.join(admission.rooms)
        except TooManyRooms as error:
            raise Refusal(error.answer["message"], {"code": error.answer["code"]}) from None
        await self.emit(socket, admission.emits)

    async def emit(self, socket: Socket, emits: Sequence[Emit]) -> None:
        """Send what a backend wants sent.

        Args:
            socket: The client that it was asked about.
            emits: The events.
        """
        for each in emits:
            if each.to is None:
                await socket.emit(each.event, *each.args)
            else:
                chain = self._addresses.chain(socket.namespace, each.to, each.except_)
                await chain.emit(each.event, *each.args)

    async def close(self, patience: float) -> None:
        """Tell the backend what it is still to be told, as far as there is time, and close the connections.

        Args:
            patience: The seconds that there are.
        """
        await self._outbox.close(patience)
        await self._delivery.close()

    async def _ask(self, socket: Socket, stay: _Stay | None) -> ConnectAnswer:
        if socket.recovered:
            forget_claims(socket, self._tokens)
            if stay is not None and await self._returned(socket):
                stay.may_have_begun()  # the backend believes that it was there all the time
        try:
            body = await self._delivery.ask(
                connect_request(socket, self._headers, self._tokens.shown(socket.namespace))
            )
            answer = read(ConnectAnswer, body)
        except BackendError as error:
            self._failed(socket, "connect", error)
            if stay is not None and error.retry_after is None:
                stay.may_have_begun()
            raise Refusal(error.told, {"code": error.code}) from None
        if answer.refuse is not None:
            self._count("connect", "refused")
            raise answer.refuse.as_exception()
        self._count("connect", "ok")
        if stay is not None:
            stay.may_have_begun()
        return answer

    async def _returned(self, socket: Socket) -> bool:
        """See to it that the backend isn't told that a client has gone which is back.

        Returns:
            Whether it may not have been told.
        """
        namespace, sid = _key(socket)
        is_untold = self._take_back(namespace, sid)
        if self._elsewhere is not None and self._elsewhere.exists:
            await self._elsewhere.tell(namespace, sid)
            return True
        return is_untold

    def _take_back(self, namespace: str, sid: str) -> bool:
        """Don't tell the backend that a client has gone. Returns whether it was to be told."""
        key = namespace, sid
        return self._lines.withdraw(key) or self._outbox.withdraw(key)

    def _count(self, type: str, result: str) -> None:
        self.counters.requests[type, result] += 1

    def _failed(self, socket: Socket, type: str, error: BackendError) -> None:
        self._count(type, error.code)
        what = f"{type} of client {socket.id}, namespace {socket.namespace}"
        self._delivery.failed(what, error, socket_fields(socket))


def _key(socket: Socket) -> tuple[str, str]:
    """Return what the same client has when it comes back."""
    return socket.namespace, socket.id
