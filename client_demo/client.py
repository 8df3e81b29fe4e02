"""Chat from the terminal: `python -m client_demo.client --room lobby --name Ada`.

What is typed is done in order. Without a connection it waits, and is sent once when the connection is back: a
message keeps its id until the server has answered, and the server knows the id again.
"""

import argparse
import asyncio
import getpass
import mimetypes
import secrets
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import socketio

from rtserver.service.commands.terminal import typed_lines

__all__ = ["ChatClient", "main"]

ANSWER_TIMEOUT = 10.0  # seconds
PAUSE_AFTER_TIMEOUT = 1.0
REMEMBERED_IDS = 500
HELP = "/join ROOM, /nick NAME, /who, /send FILE, /quit; anything else is said in the room"


class OfflineError(Exception):
    """The connection went away before the server answered."""


@dataclass(slots=True)
class Message:
    """A message to be sent, with its id from the beginning."""

    text: str
    file: dict[str, Any] | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(12))


@dataclass(frozen=True, slots=True)
class Join:
    """A change of rooms to be made."""

    room: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A change of names to be made."""

    nick: str


class ChatClient:
    """A person in one room.

    Args:
        url: The server's address.
        nick: The name to begin with.
        room: The room to begin with.
        show: Receives each line that a person should read.
        options: Passed to `socketio.AsyncClient`, such as `reconnection_delay`.
    """

    def __init__(
        self, url: str, nick: str, room: str, show: Callable[[str], None] = print, **options: Any
    ) -> None:
        self.nick = nick
        self.room = room
        self._url = url
        self._show = show
        self._key = secrets.token_urlsafe(24)  # a reconnect is the same person with it
        self._todo: deque[Message | Join | Rename] = deque()
        self._members: list[dict[str, Any]] = []
        self._seen: deque[str] = deque(maxlen=REMEMBERED_IDS)
        self._position: dict[str, Any] = {}  # the last message known, in which run of the server
        self._is_online = False
        self._is_joined = False
        self._is_refused = False  # until another name or room is asked for
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._closed = asyncio.Event()
        self._requests: set[asyncio.Future[dict[str, Any]]] = set()
        self._sio = socketio.AsyncClient(handle_sigint=False, **options)
        for handler in (self.connect, self.disconnect, self.connect_error):
            self._sio.on(handler.__name__, handler)
        for event in ("message", "notice", "members"):
            self._sio.on(event, getattr(self, f"_on_{event}"))

    # What a person does

    async def run(self) -> None:
        """Connect, stay connected and send what is typed, until `quit` or until the server turns us away."""
        work = asyncio.create_task(self._work())
        try:
            await self._sio.connect(self._url, auth={"key": self._key}, retry=True)
            await self._closed.wait()
        except socketio.exceptions.ConnectionError as error:
            self._show(f"-- {error}")
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self._sio.shutdown()

    def quit(self) -> None:
        """End `run`."""
        self._closed.set()

    async def done(self) -> None:
        """Wait until all that was typed is done, or can't be because the server refuses our name or room."""
        await self._idle.wait()

    async def typed(self, line: str) -> None:
        """Do what a line says: a command, or a message to the room."""
        command, _, argument = line.strip().partition(" ")
        argument = argument.strip()
        if not command:
            return
        if not command.startswith("/"):
            self._add(Message(line.strip()))
        elif command == "/join" and argument:
            self._add(Join(argument))
        elif command == "/nick" and argument:
            self._add(Rename(argument))
        elif command == "/send" and argument:
            await self._send_file(Path(argument))
        elif command == "/who" and not self._is_joined:
            self._show("-- in no room at the moment")
        elif command == "/who":
            names = (m["nick"] + ("" if m["online"] else " (reconnecting)") for m in self._members)
            self._show(f"-- in #{self.room}: {', '.join(names)}")
        elif command == "/quit":
            if self._todo:
                self._show(f"-- {len(self._todo)} not sent")
            self.quit()
        else:
            self._show(f"-- {HELP}")

    async def _send_file(self, path: Path) -> None:
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            self._show(f"-- {path}: {error.strerror}")
            return
        mime_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        self._add(Message("", {"name": path.name, "type": mime_type, "data": data}))

    def _add(self, action: Message | Join | Rename) -> None:
        if self._is_refused and not isinstance(action, Message):
            # The server has turned down our name or room: this is what the rest waits for.
            if isinstance(action, Join):
                self.room = action.room
            else:
                self.nick = action.nick
            self._is_refused = False
        else:
            self._todo.append(action)
            self._idle.clear()
            if not self._is_joined and isinstance(action, Message):
                self._show(f"      … {_summary(action)} (waiting for the connection)")
        self._wake.set()

    # What the connection does; the names are those of its events

    async def connect(self) -> None:
        """Let the work go on: it joins the room first."""
        self._is_online = True
        self._show(f"-- connected to {self._url} ({self._sio.transport()})")
        self._wake.set()

    async def disconnect(self, reason: str) -> None:
        """End requests that can no longer be answered; what they asked for is asked again later."""
        self._is_online = self._is_joined = self._is_refused = False
        for request in self._requests:
            if not request.done():
                request.set_exception(OfflineError(reason))
        if reason == self._sio.reason.SERVER_DISCONNECT:
            self._show("-- the server closed the connection")
            self.quit()
        elif not self._closed.is_set():
            self._show(f"-- connection lost ({reason}), trying again")

    async def connect_error(self, reason: object) -> None:
        """Say why a connection could not be made."""
        message = reason.get("message", reason) if isinstance(reason, dict) else reason
        self._show(f"-- can't connect: {message}")

    async def _request(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._requests.add(answer)
        try:
            await self._sio.emit(event, data, callback=lambda reply: _complete(answer, reply))
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await answer
        except socketio.exceptions.SocketIOError as error:
            raise OfflineError(str(error)) from error
        finally:
            self._requests.discard(answer)

    # What is to be done, one after another

    async def _work(self) -> None:
        while True:
            if not self._todo or self._is_refused:
                self._idle.set()
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._is_online and not self._is_refused and (self._todo or not self._is_joined):
                    await self._do_next()
            except OfflineError:
                continue  # `connect` wakes us
            except TimeoutError:
                await asyncio.sleep(PAUSE_AFTER_TIMEOUT)
                self._wake.set()

    async def _do_next(self) -> None:
        if not self._is_joined:
            self._is_joined = await self._join(self.room)
            self._is_refused = not self._is_joined
            return
        action = self._todo[0]
        match action:
            case Message():
                is_done = await self._deliver(action)
            case Rename(nick):
                is_done = await self._rename(nick)
            case Join(room):
                is_done = await self._change_room(room)
        if is_done:
            self._todo.popleft()

    async def _join(self, room: str) -> bool:
        position = self._position if room == self.room else {}
        answer = await self._request("join", {"room": room, "nick": self.nick, **position})
        if not answer["ok"]:
            self._show(f"-- {answer['error']}")
            return False
        self.room, self.nick = answer["room"], answer["you"]["nick"]
        self._members = answer["members"]
        self._position = {"epoch": answer["epoch"], "since": position.get("since", 0)}
        self._show(f"-- in #{self.room} as {self.nick}, with {_names(self._members, but=self.nick)}")
        for message in answer["history"]:
            await self._on_message(message)
        return True

    async def _change_room(self, room: str) -> bool:
        old = self.room
        if await self._join(room) and self.room != old:
            await self._request("leave", {"room": old})
        return True

    async def _rename(self, nick: str) -> bool:
        answer = await self._request("rename", {"nick": nick})
        if answer["ok"]:
            self.nick = answer["nick"]
        else:
            self._show(f"-- {answer['error']}")
        return True

    async def _deliver(self, message: Message) -> bool:
        request = {"room": self.room, "id": message.id, "text": message.text, "file": message.file}
        answer = await self._request("message", request)
        if answer["ok"]:
            self._remember(message.id, answer["number"])
            others = answer["others"]
            readers = f"delivered to {others}" if others else "delivered, nobody else is here"
            self._show(f"{_time(answer['at'])} ✓ {_summary(message)} ({readers})")
        elif "retry_after" in answer:
            await asyncio.sleep(answer["retry_after"])
            return False
        else:
            self._show(f"      ✗ {_summary(message)} ({answer['error']})")
        return True

    # What the server tells

    async def _on_message(self, message: dict[str, Any]) -> None:
        if message["room"] != self.room or message["id"] in self._seen:
            return
        self._remember(message["id"], message["number"])
        parts = [message["text"]] if message["text"] else []
        if (file := message.get("file")) is not None:
            parts.append(f"[{file['name']}, {file['size']:,} bytes]")
        lines = _printable(" ".join(parts)).replace("\n", "\n        ")
        self._show(f"{_time(message['at'])} {_printable(message['from']['nick'])}: {lines}")

    async def _on_notice(self, notice: dict[str, Any]) -> None:
        words = {"joined": "joined", "created": "opened the room", "left": "left"}
        if notice["room"] != self.room:
            return
        if notice["kind"] == "renamed":
            self._show(f"-- {notice['was']} is now {notice['nick']}")
        elif notice["kind"] in words:
            self._show(f"-- {notice['nick']} {words[notice['kind']]}")

    async def _on_members(self, change: dict[str, Any]) -> None:
        if change["room"] == self.room:
            self._members = change["members"]

    def _remember(self, message_id: str, number: int) -> None:
        self._seen.append(message_id)
        self._position["since"] = max(number, self._position.get("since", 0))


def _complete(future: asyncio.Future[dict[str, Any]], reply: dict[str, Any]) -> None:
    if not future.done():
        future.set_result(reply)


def _printable(text: str) -> str:
    """Leave out what a terminal would take for commands; the server lets no control characters in either."""
    return "".join(c for c in text if c.isprintable() or c == "\n")


def _summary(message: Message) -> str:
    return message.text if message.file is None else f"[{message.file['name']}]"


def _names(members: list[dict[str, Any]], but: str) -> str:
    return ", ".join(m["nick"] for m in members if m["nick"] != but) or "nobody else"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%H:%M")


async def _chat(options: argparse.Namespace) -> None:
    client = ChatClient(options.url, options.name, options.room)

    async def read() -> None:
        async for line in typed_lines(sys.stdin.fileno()):
            await client.typed(line)
        await client.done()
        client.quit()

    reading = asyncio.create_task(read())
    try:
        await client.run()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def main() -> None:
    """Chat until /quit, the end of the input or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m client_demo.client", description=f"Chat. Type {HELP}.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server (default: %(default)s)")
    parser.add_argument("--room", default="lobby", help="the room to join (default: %(default)s)")
    parser.add_argument("--name", default=getpass.getuser(), help="your name (default: %(default)s)")
    try:
        asyncio.run(_chat(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
