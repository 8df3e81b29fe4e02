"""The chat's handlers: an ordinary python-socketio namespace, served by rtserver.

Every request is answered with `{"ok": true, ...}` or `{"ok": false, "error": "..."}`, the latter with `field`
and `retry_after` (seconds) where they help. What the server sends by itself: `message`, `notice`, `members`
and `typing` to a room, `rooms` to everyone.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
from aiohttp import web

from client_demo import validation
from client_demo.chat import Chat, Person, Room
from client_demo.validation import Refused
from rtserver import Server, WebSocket, websocket_handler

__all__ = ["ChatNamespace", "setup"]

PERMANENT_ROOMS = ("lobby", "pictures", "random")
GRACE = 10.0  # seconds for which the seat of someone who lost the connection is kept
ROOM_LIST_DELAY = 0.15  # seconds over which changes of the list of rooms are gathered
_LEFT_ON_PURPOSE = frozenset({"client disconnect", "client namespace disconnect"})

logger = logging.getLogger(__name__)

Answer = dict[str, Any]
Handler = Callable[["ChatNamespace", str, object], Awaitable[Answer]]


def _answering(handler: Handler) -> Callable[..., Awaitable[Answer]]:
    """Answer a request that the chat refuses, or one without its argument, instead of raising."""

    async def answer(self: "ChatNamespace", sid: str, *arguments: object) -> Answer:
        try:
            return {"ok": True} | await handler(self, sid, arguments[0] if arguments else None)
        except Refused as refused:
            reply: Answer = {"ok": False, "error": refused.message}
            if refused.field is not None:
                reply["field"] = refused.field
            if refused.retry_after is not None:
                reply["retry_after"] = round(refused.retry_after, 3)
            return reply

    answer.__name__, answer.__doc__ = handler.__name__, handler.__doc__
    return answer


def _channel(room: str) -> str:
    """Name the Socket.IO room of a chat room: never one that a client could own, such as its sid."""
    return f"chat:{room}"


class ChatNamespace(socketio.AsyncNamespace):  # type: ignore[misc]
    """The chat in one namespace; its state lives in this process."""

    def __init__(
        self,
        namespace: str = "/",
        *,
        chat: Chat | None = None,
        grace: float = GRACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(namespace)
        self.chat = chat or Chat(PERMANENT_ROOMS)
        self._grace = grace
        self._clock = clock
        self._farewells: dict[str, asyncio.TimerHandle] = {}  # by the key of the person who may come back
        self._room_list_timer: asyncio.TimerHandle | None = None

    # Connections

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        """Admit a client; the key in its auth payload makes it the person it was before a reconnect."""
        try:
            key = auth.get("key") if isinstance(auth, dict) else None
            key = secrets.token_urlsafe(24) if key is None else validation.identity_key(key)
            person = self.chat.connect(sid, key, self._clock())
        except Refused as refused:
            raise socketio.exceptions.ConnectionRefusedError(refused.message) from None
        if (farewell := self._farewells.pop(key, None)) is not None:
            farewell.cancel()
        for name in person.rooms:
            await self._announce_members(self.chat.rooms[name])

    async def on_disconnect(self, sid: str, reason: str = "") -> None:
        """Keep the seat of someone who lost the connection for a while; say goodbye to one who left."""
        person = self.chat.disconnect(sid)
        if person is None or person.is_online:
            return
        if reason in _LEFT_ON_PURPOSE:
            await self._say_goodbye(person)
            return
        loop = asyncio.get_running_loop()
        self._farewells[person.key] = loop.call_later(self._grace, self._on_grace_over, person)
        for name in list(person.rooms):
            await self._announce_members(self.chat.rooms[name])

    def _on_grace_over(self, person: Person) -> None:
        self._farewells.pop(person.key, None)
        if not person.is_online:
            self.server.start_background_task(self._say_goodbye, person)

    async def _say_goodbye(self, person: Person) -> None:
        for room in self.chat.remove(person):
            await self._announce_members(room)
            await self._notice(room, "left", nick=person.nick)
        self._announce_rooms()

    # Requests

    @_answering
    async def on_join(self, sid: str, data: object) -> Answer:
        """Enter a room under a name; the answer has its members and what was said since message `since`."""
        request = validation.fields(data)
        person = self.chat.person(sid)
        name = validation.room_name(request.get("room"))
        nick = validation.nick(request.get("nick"))
        since = validation.sequence_number(request.get("since"))
        if request.get("epoch") != self.chat.epoch:
            since = 0
        joined = self.chat.join(person, name, nick, self._clock())
        room = joined.room
        await self.enter_room(sid, _channel(name))
        await self._announce_rename(person, joined.renamed_from, but=name if joined.is_new_member else None)
        if joined.is_new_member:
            await self._announce_members(room)
            await self._notice(room, "created" if joined.is_new_room else "joined", nick=nick, skip_sid=sid)
            self._announce_rooms()
        return {
            "room": name,
            "you": {"id": person.id, "nick": nick},
            "epoch": self.chat.epoch,
            "members": room.members_to_wire(),
            "history": self.chat.history(room, since),
            "gap": self.chat.has_gap(room, since),
            "limits": {"file": validation.MAX_FILE_SIZE, "text": validation.MAX_TEXT},
        }

    @_answering
    async def on_leave(self, sid: str, data: object) -> Answer:
        """Leave a room, with every connection of this person."""
        name = validation.room_name(validation.fields(data).get("room"))
        person = self.chat.person(sid)
        room = self.chat.leave(person, name)
        for connection in list(person.connections):
            await self.leave_room(connection, _channel(name))
        await self._announce_members(room)
        await self._notice(room, "left", nick=person.nick)
        self._announce_rooms()
        return {"room": name}

    @_answering
    async def on_rename(self, sid: str, data: object) -> Answer:
        """Take another name in every room."""
        nick = validation.nick(validation.fields(data).get("nick"))
        person = self.chat.person(sid)
        if nick != person.nick:
            await self._announce_rename(person, self.chat.rename(person, nick, self._clock()))
        return {"nick": nick}

    @_answering
    async def on_rooms(self, sid: str, data: object) -> Answer:
        """List the rooms."""
        return {"rooms": self.chat.rooms_to_wire()}

    @_answering
    async def on_message(self, sid: str, data: object) -> Answer:
        """Post a message, with a file or without; sent again with the same id it is answered as before."""
        request = validation.fields(data)
        person = self.chat.person(sid)
        name = validation.room_name(request.get("room"))
        message_id = validation.message_id(request.get("id"))
        file = None if request.get("file") is None else validation.attachment(request["file"])
        text = validation.text(request.get("text"), may_be_empty=file is not None)
        posted = self.chat.post(person, name, message_id, text, file=file, now=self._clock())
        others = sum(p.is_online for p in self.chat.rooms[name].members.values() if p is not person)
        if posted.message is not None:
            person.typing_in.pop(name, None)
            wire = posted.message.to_wire(name, with_data=True)
            await self.emit("message", wire, room=_channel(name), skip_sid=sid)
        return {"id": message_id, "number": posted.number, "at": posted.at, "others": others}

    @_answering
    async def on_fetch(self, sid: str, data: object) -> Answer:
        """Send the bytes of a file in the history."""
        request = validation.fields(data)
        room = self.chat.room_of(self.chat.person(sid), validation.room_name(request.get("room")))
        return {"data": self.chat.file(room, validation.sequence_number(request.get("number")))}

    @_answering
    async def on_typing(self, sid: str, data: object) -> Answer:
        """Tell the others in a room that this person types, or stopped."""
        request = validation.fields(data)
        person = self.chat.person(sid)
        name = validation.room_name(request.get("room"))
        is_active = validation.boolean(request.get("active"), "active")
        if self.chat.typing(person, name, is_active, self._clock()):
            notice = {"room": name, "id": person.id, "nick": person.nick, "active": is_active}
            await self.emit("typing", notice, room=_channel(name), skip_sid=sid)
        return {}

    @_answering
    async def on_probe(self, sid: str, data: object) -> Answer:
        """Answer at once: the client measures the round trip."""
        return {}

    # Announcements

    async def _announce_members(self, room: Room) -> None:
        members = {"room": room.name, "members": room.members_to_wire()}
        await self.emit("members", members, room=_channel(room.name))

    async def _announce_rename(self, person: Person, old: str, but: str | None = None) -> None:
        if not old:
            return
        for name in sorted(person.rooms - {but}):
            room = self.chat.rooms[name]
            await self._announce_members(room)
            await self._notice(room, "renamed", nick=person.nick, was=old)

    async def _notice(self, room: Room, kind: str, *, skip_sid: str | None = None, **details: str) -> None:
        notice = {"room": room.name, "kind": kind, "at": self._clock(), **details}
        await self.emit("notice", notice, room=_channel(room.name), skip_sid=skip_sid)

    def _announce_rooms(self) -> None:
        """Send everyone the list of rooms soon: one list for all changes of the next moment."""
        if self._room_list_timer is None:
            loop = asyncio.get_running_loop()
            self._room_list_timer = loop.call_later(ROOM_LIST_DELAY, self._on_room_list_due)

    def _on_room_list_due(self) -> None:
        self._room_list_timer = None
        self.server.start_background_task(self.emit, "rooms", self.chat.rooms_to_wire())


async def echo(ws: WebSocket) -> None:
    """Send back whatever comes, text or binary."""
    async for message in ws:
        await ws.send(message)


def setup(sio: Server, app: web.Application) -> None:
    """Put the chat on the server, and the plain WebSocket echo on the application that hosts it."""
    sio.register_namespace(ChatNamespace("/"))
    app.router.add_get("/echo", websocket_handler(echo))
