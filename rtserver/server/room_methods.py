"""What an application asks of rooms: their history, who is in them, what happens to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from rtserver.server.answers import Fetched
from rtserver.server.delivery.history import HistoryPage, HistoryStore, Replay
from rtserver.server.delivery.presence import Announcer, Presence, PresencePage
from rtserver.server.hub import Hub
from rtserver.server.local import Local
from rtserver.server.manager import Manager
from rtserver.server.namespace import Room
from rtserver.server.registration import MAIN
from rtserver.server.room_events import RoomHandler
from rtserver.server.socket import Socket
from rtserver.server.target import Target

__all__ = ["RoomMethods"]

Function = TypeVar("Function", bound=Callable[..., Any])


class RoomMethods:
    """The methods of a server that concern rooms as such."""

    manager: Manager
    _hub: Hub
    _local: Local
    _history: HistoryStore | None
    _presence: Presence | None

    def _set_up_rooms(self) -> None:
        """Take up what the settings ask for, once there is a manager."""
        history, self._presence = self._hub.settings.history, self._hub.settings.presence
        self._history = None if history is None else self.manager.keep_history(history, self._hub.clock)
        if self._history is not None and history is not None and history.replay:
            self._hub.observe(None, Replay(self._hub, self._history, history, self._send_page))
        if self._presence is not None and self._presence.announce:
            self._hub.observe(None, Announcer(self._hub, self._presence, self.manager.emit))

    # History.

    async def history(
        self,
        room: Room,
        namespace: str | None = None,
        *,
        limit: int | None = None,
        since: str | None = None,
    ) -> HistoryPage:
        """Return what was sent to a room lately, the oldest first.

        Args:
            room: The room.
            namespace: The namespace, the main one if omitted.
            limit: Events to return at most, the newest; None for all.
            since: The id of the last event that is known already; None for none.

        Raises:
            ValueError: The room has no history: see the option `history` of the server.
        """
        options = self._hub.settings.history
        if self._history is None or options is None or not options.covers(namespace or MAIN, room):
            raise ValueError(
                f"room {room!r} has no history: Server(history=rtserver.History(rooms=...)) must name it"
            )
        page = self._history.read(namespace or MAIN, room, limit, since)
        return await page if inspect.isawaitable(page) else page

    async def replay(
        self,
        sid: str,
        room: Room,
        namespace: str | None = None,
        *,
        limit: int | None = None,
        since: str | None = None,
    ) -> HistoryPage:
        """Send a room's history to one client that is connected here; the arguments are those of `history`.

        Returns:
            What was sent.

        Raises:
            KeyError: The client isn't connected here.
            ValueError: The room has no history.
        """
        page = await self.history(room, namespace, limit=limit, since=since)
        socket = self._hub.find(namespace or MAIN, sid)
        if socket is None:
            raise KeyError(f"no client {sid!r} is connected to namespace {namespace or MAIN!r} here")
        self._send_page(socket, page)
        return page

    def _send_page(self, socket: Socket, page: HistoryPage) -> None:
        for _, event, args, _ in page:
            self._local.emit_to(socket, [event, *args])

    # Presence.

    async def presence(self, room: Room, namespace: str | None = None) -> PresencePage:
        """Return who is in a room, on every server of the cluster.

        Args:
            room: The room.
            namespace: The namespace, the main one if omitted.

        Raises:
            ValueError: The room has no presence: see the option `presence` of the server.
        """
        options = self._presence
        if options is None or not options.covers(namespace or MAIN, room):
            raise ValueError(
                f"room {room!r} has no presence: Server(presence=rtserver.Presence(rooms=...)) must name it"
            )
        target = Target(namespace or MAIN, (room,))
        told = partial(options.of, target.namespace)
        members = {socket.sid: told(socket.data) for socket in self._local.sockets(target)}
        others = (
            Fetched()
            if self.manager.alone
            else await self.manager.fetch(target, self.manager.request_timeout)
        )
        members |= {details.sid: told(details.data) for details in others.sockets}
        listed = members
        if len(members) > options.max_members:
            listed = {sid: members[sid] for sid in list(members)[: options.max_members]}
        return PresencePage(listed, len(members), others.silent)

    # What happens to rooms.

    @overload
    def on_room(
        self, event: str, handler: None = None, namespace: str | None = None
    ) -> Callable[[Function], Function]: ...

    @overload
    def on_room(self, event: str, handler: Callable[..., Any], namespace: str | None = None) -> None: ...

    def on_room(
        self, event: str, handler: Callable[..., Any] | None = None, namespace: str | None = None
    ) -> Any:
        """Register a handler for what happens to rooms here, or return a decorator that does.

        Args:
            event: ``"create-room"`` or ``"delete-room"``, called with the room; ``"join-room"`` or
                ``"leave-room"``, called with the room and the client's sid. A client's own room, which bears
                its sid, has these events, too.
            handler: A plain function, called when it happens, or an ``async def``.
            namespace: The namespace, the main one if omitted; ``"*"`` for every namespace.

        Raises:
            ValueError: There is no such event.
        """

        def register(function: Function) -> Function:
            observer = RoomHandler(self._hub, event, function)
            self._hub.observe(
                None if namespace == "*" else namespace or MAIN,
                observer,
                early=event in ("create-room", "leave-room"),
            )
            return function

        if handler is None:
            return register
        register(handler)
        return None
