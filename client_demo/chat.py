"""The chat itself: rooms, people, history. No I/O, no clock of its own, and every collection is bounded."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from client_demo.validation import Attachment, Refused

__all__ = ["Chat", "Joined", "Limits", "Message", "Person", "Posted", "Room"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the chat holds at most: it has no disk and forgets the oldest first."""

    people: int = 1_000
    connections_per_person: int = 8
    rooms: int = 60
    rooms_per_person: int = 12
    members_per_room: int = 200
    history_per_room: int = 80
    remembered_ids_per_room: int = 400  # by which a message sent again is known
    file_bytes: int = 24_000_000  # of all rooms together
    burst: float = 30.0  # messages that a person may send at once ...
    messages_per_second: float = 8.0  # ... and then at this rate


@dataclass(slots=True)
class Person:
    """Someone in the chat, with any number of connections: none for a moment, while a client reconnects."""

    key: str
    id: str
    nick: str = ""
    connections: set[str] = field(default_factory=set)
    rooms: set[str] = field(default_factory=set)
    tokens: float = 0.0
    tokens_at: float = 0.0
    typing_in: dict[str, float] = field(default_factory=dict)  # since when, by room

    @property
    def is_online(self) -> bool:
        """Tell whether a connection of this person is open."""
        return bool(self.connections)

    def to_wire(self) -> dict[str, Any]:
        """Return what the others in a room may know."""
        return {"id": self.id, "nick": self.nick, "online": self.is_online}


@dataclass(slots=True)
class Message:
    """A message as the room keeps it; numbers rise through all rooms, none comes twice in a run."""

    number: int
    id: str
    at: float
    author_id: str
    author_nick: str
    text: str
    file: Attachment | None = None

    def to_wire(self, room: str, *, with_data: bool) -> dict[str, Any]:
        """Return the event's payload; history goes without the bytes, which a client then asks for."""
        wire: dict[str, Any] = {
            "room": room,
            "number": self.number,
            "id": self.id,
            "at": self.at,
            "from": {"id": self.author_id, "nick": self.author_nick},
            "text": self.text,
        }
        if self.file is not None:
            wire["file"] = {"name": self.file.name, "type": self.file.type, "size": self.file.size}
            if with_data:
                wire["file"]["data"] = self.file.data
        return wire


@dataclass(slots=True)
class Room:
    """A room: who is in it and what was said lately."""

    name: str
    is_permanent: bool = False
    members: dict[str, Person] = field(default_factory=dict)  # by the person's id
    history: OrderedDict[int, Message] = field(default_factory=OrderedDict)  # by number
    seen: OrderedDict[tuple[str, str], tuple[int, float]] = field(default_factory=OrderedDict)
    forgotten: int = 0  # the number of the last message that left the history

    def to_wire(self) -> dict[str, Any]:
        """Return the room's line in the list of rooms."""
        return {"name": self.name, "members": len(self.members), "permanent": self.is_permanent}

    def members_to_wire(self) -> list[dict[str, Any]]:
        """Return the members in the order of their names."""
        return [person.to_wire() for person in sorted(self.members.values(), key=lambda p: p.nick.casefold())]


@dataclass(frozen=True, slots=True)
class Joined:
    """What a join changed."""

    room: Room
    is_new_member: bool
    is_new_room: bool
    renamed_from: str  # "" when the name stayed


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that was accepted; `message` is None when it had been accepted before."""

    number: int
    at: float
    message: Message | None


class Chat:
    """All rooms and people. Methods raise `Refused` and then have changed nothing."""

    def __init__(self, permanent_rooms: Iterable[str] = ("lobby",), limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.epoch = secrets.token_hex(6)  # numbers of another run of the server mean nothing here
        self.rooms: dict[str, Room] = {name: Room(name, is_permanent=True) for name in permanent_rooms}
        self.people: dict[str, Person] = {}  # by key
        self.file_bytes = 0
        self._by_connection: dict[str, Person] = {}
        self._files: OrderedDict[int, Attachment] = OrderedDict()  # those with bytes, by message number
        self._last_number = 0

    # People

    def connect(self, connection: str, key: str, now: float) -> Person:
        """Note a connection of the person with this key, a new one if the key is unknown."""
        person = self.people.get(key)
        if person is None:
            if len(self.people) >= self.limits.people:
                raise Refused("The chat is full at the moment. Please try again later.")
            person_id = hashlib.sha256(key.encode()).hexdigest()[:12]
            person = Person(key, person_id, tokens=self.limits.burst, tokens_at=now)
            self.people[key] = person
        elif len(person.connections) >= self.limits.connections_per_person:
            raise Refused("You have the chat open too often. Please close a tab.")
        person.connections.add(connection)
        self._by_connection[connection] = person
        return person

    def person(self, connection: str) -> Person:
        """Return who speaks on a connection."""
        try:
            return self._by_connection[connection]
        except KeyError:
            raise Refused("This connection is closed.") from None

    def disconnect(self, connection: str) -> Person | None:
        """Forget a connection; return its person, who may still have others."""
        person = self._by_connection.pop(connection, None)
        if person is not None:
            person.connections.discard(connection)
        return person

    def remove(self, person: Person) -> list[Room]:
        """Forget a person who is gone for good; return the rooms that lost a member and still exist."""
        left = [self.leave(person, name) for name in sorted(person.rooms)]
        self.people.pop(person.key, None)
        return [room for room in left if room.name in self.rooms]

    def rename(self, person: Person, nick: str, now: float) -> str:
        """Give a person another name in all their rooms; return the old one."""
        for name in person.rooms:
            self._check_nick(self.rooms[name], person, nick)
        self._take_token(person, now)
        old, person.nick = person.nick, nick
        return old

    @staticmethod
    def _check_nick(room: Room, person: Person, nick: str) -> None:
        wanted = nick.casefold()
        for other in room.members.values():
            if other is not person and other.nick.casefold() == wanted:
                raise Refused(f"“{other.nick}” is taken in #{room.name}. Please choose another name.", "nick")

    # Rooms

    def room_of(self, person: Person, name: str) -> Room:
        """Return a room that this person is in."""
        if name not in person.rooms:
            raise Refused(f"You are not in #{name}.", "room")
        return self.rooms[name]

    def join(self, person: Person, name: str, nick: str, now: float) -> Joined:
        """Put a person into a room, which is made if need be; joining again is harmless."""
        room = self.rooms.get(name)
        is_new_room = room is None
        if room is None:
            if len(self.rooms) >= self.limits.rooms:
                raise Refused("There are too many rooms. Please join one of them.", "room")
            room = Room(name)
        is_new_member = person.id not in room.members
        if is_new_member:
            if len(room.members) >= self.limits.members_per_room:
                raise Refused(f"#{name} is full.", "room")
            if len(person.rooms) >= self.limits.rooms_per_person:
                raise Refused("You are in too many rooms. Please leave one first.", "room")
        self._check_nick(room, person, nick)
        renamed_from = ""
        if nick != person.nick:
            renamed_from = self.rename(person, nick, now)
        elif is_new_member:
            self._take_token(person, now)
        self.rooms[name] = room
        room.members[person.id] = person
        person.rooms.add(name)
        return Joined(room, is_new_member, is_new_room, renamed_from)

    def leave(self, person: Person, name: str) -> Room:
        """Take a person out of a room; the last one to leave closes it, unless it is permanent."""
        room = self.room_of(person, name)
        del room.members[person.id]
        person.rooms.discard(name)
        person.typing_in.pop(name, None)
        if not room.members and not room.is_permanent:
            for number in list(room.history):
                self._forget(room, number)
            del self.rooms[name]
        return room

    def rooms_to_wire(self) -> list[dict[str, Any]]:
        """Return the list of rooms: the permanent ones, then the others by name."""
        rooms = sorted(self.rooms.values(), key=lambda room: (not room.is_permanent, room.name))
        return [room.to_wire() for room in rooms]

    # Messages

    def post(
        self,
        person: Person,
        room_name: str,
        message_id: str,
        text: str,
        *,
        file: Attachment | None,
        now: float,
    ) -> Posted:
        """Accept a message into a room's history, or recognize it as one that was accepted before."""
        room = self.room_of(person, room_name)
        before = room.seen.get((person.id, message_id))
        if before is not None:
            return Posted(*before, message=None)
        self._take_token(person, now)
        self._last_number += 1
        message = Message(self._last_number, message_id, now, person.id, person.nick, text, file)
        room.seen[person.id, message_id] = (message.number, now)
        if len(room.seen) > self.limits.remembered_ids_per_room:
            room.seen.popitem(last=False)
        room.history[message.number] = message
        if len(room.history) > self.limits.history_per_room:
            self._forget(room, next(iter(room.history)))
        if file is not None:
            self._keep(message.number, file)
        return Posted(message.number, now, message)

    def history(self, room: Room, since: int = 0) -> list[dict[str, Any]]:
        """Return the room's messages after a number, oldest first, without the bytes of files."""
        return [m.to_wire(room.name, with_data=False) for m in room.history.values() if m.number > since]

    def has_gap(self, room: Room, since: int) -> bool:
        """Tell whether messages after this number are missing in the history."""
        return 0 < since < room.forgotten

    def file(self, room: Room, number: int) -> bytes:
        """Return the bytes of a file in the room's history."""
        message = room.history.get(number)
        if message is None or message.file is None or message.file.data is None:
            raise Refused("This file is no longer kept.", "number")
        return message.file.data

    def typing(self, person: Person, room_name: str, is_active: bool, now: float) -> bool:
        """Note that a person types or stopped; tell whether to pass it on (once a second at most)."""
        self.room_of(person, room_name)
        if not is_active:
            return person.typing_in.pop(room_name, None) is not None
        if now - person.typing_in.get(room_name, 0.0) < 1.0:
            return False
        person.typing_in[room_name] = now
        return True

    def _take_token(self, person: Person, now: float) -> None:
        rate = self.limits.messages_per_second
        person.tokens = min(self.limits.burst, person.tokens + max(0.0, now - person.tokens_at) * rate)
        person.tokens_at = now
        if person.tokens < 1.0:
            raise Refused(
                "That was a lot at once. One moment, please.", retry_after=(1.0 - person.tokens) / rate
            )
        person.tokens -= 1.0

    def _keep(self, number: int, file: Attachment) -> None:
        self._files[number] = file
        self.file_bytes += file.size
        while self.file_bytes > self.limits.file_bytes:
            self._release(next(iter(self._files)))

    def _release(self, number: int) -> None:
        file = self._files.pop(number, None)
        if file is not None:
            self.file_bytes -= file.size
            file.data = None

    def _forget(self, room: Room, number: int) -> None:
        del room.history[number]
        room.forgotten = max(room.forgotten, number)
        self._release(number)
