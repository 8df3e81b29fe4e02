"""What the commands of the API do with a server: with its clients, wherever in the cluster they are."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import Any

from rtserver.errors import ApiError
from rtserver.host import Server
from rtserver.server.answers import Answers
from rtserver.server.interface.remote import RemoteSocket
from rtserver.server.interface.socket import Socket
from rtserver.service.api.addresses import Addresses
from rtserver.service.api.answers import (
    Acks,
    BatchAnswer,
    Done,
    EmitAnswer,
    ErrorAnswer,
    Failed,
    HistoryAnswer,
    PresenceAnswer,
    RoomEvent,
    SocketInfo,
    SocketsAnswer,
    Succeeded,
)
from rtserver.service.api.form import json_value
from rtserver.service.api.requests import (
    Batch,
    Disconnect,
    Emit,
    GetHistory,
    GetPresence,
    Join,
    Leave,
    ListSockets,
)
from rtserver.service.cluster import in_touch

__all__ = ["Commands"]


class Commands:
    """The commands, each a method from its request to its answer.

    Args:
        server: The server.
        user_room: The room that has a user's connections, with "{user}" in it.
        info: Keys of a client's session that `list_sockets` tells.
    """

    def __init__(self, server: Server, user_room: str, info: Sequence[str]) -> None:
        self._server = server
        self._chain = Addresses(server, user_room).chain
        self._info = info

    async def emit(self, request: Emit) -> EmitAnswer:
        """Send an event, and wait for acknowledgments where that is asked for."""
        chain = self._chain(request.namespace, request.to, request.except_)
        if request.volatile:
            chain = chain.volatile
        acks = None
        try:
            if request.ack_timeout is None:
                await chain.emit(request.event, *request.args)
            else:
                timed = chain.timeout(request.ack_timeout)
                acks = _acks(await timed.emit_with_ack(request.event, *request.args))
        except (TypeError, ValueError) as error:
            raise ApiError(422, "invalid_request", str(error)) from None
        return EmitAnswer(in_touch=in_touch(self._server), acks=acks)

    async def join(self, request: Join) -> Done:
        """Put clients into rooms."""
        await self._chain(request.namespace, request.clients, request.except_).sockets_join(request.rooms)
        return self._done()

    async def leave(self, request: Leave) -> Done:
        """Take clients out of rooms."""
        await self._chain(request.namespace, request.clients, request.except_).sockets_leave(request.rooms)
        return self._done()

    async def disconnect(self, request: Disconnect) -> Done:
        """Disconnect clients."""
        chain = self._chain(request.namespace, request.clients, request.except_)
        await chain.disconnect_sockets(request.close)
        return self._done()

    async def list_sockets(self, request: ListSockets) -> SocketsAnswer:
        """List clients, a page of them."""
        found = await self._chain(request.namespace, request.clients, request.except_).fetch_sockets()
        rest = [each for each in found if request.after is None or each.id > request.after]
        page = nsmallest(request.limit, rest, key=lambda each: each.id)
        return SocketsAnswer(
            sockets=[self._described(each) for each in page],
            count=len(found),
            next=page[-1].id if len(page) < len(rest) else None,
            missing_nodes=list(found.silent),
        )

    async def presence(self, request: GetPresence) -> PresenceAnswer:
        """Tell who is in a room."""
        try:
            page = await self._server.presence(request.room, request.namespace)
        except ValueError:
            raise _not_kept("presence", request.room) from None
        members = {sid: json_value(info) for sid, info in page.items()}
        return PresenceAnswer(members=members, count=page.count, missing_nodes=list(page.silent))

    async def history(self, request: GetHistory) -> HistoryAnswer:
        """Return what was sent to a room."""
        try:
            page = await self._server.history(
                request.room, request.namespace, limit=request.limit, since=request.since
            )
        except ValueError:
            raise _not_kept("history", request.room) from None
        events = [
            RoomEvent(id=each.id, event=each.event, args=json_value(each.args), time=each.time)
            for each in page
        ]
        return HistoryAnswer(events=events, complete=page.complete)

    async def batch(self, request: Batch) -> BatchAnswer:
        """Do several commands, one after another, those after one that has failed included."""
        results: list[Succeeded | Failed] = []
        for each in request.commands:
            try:
                results.append(Succeeded(status=200, answer=await self._one(each)))
            except ApiError as error:
                told = ErrorAnswer(code=error.code, message=error.message)
                results.append(Failed(status=error.status, error=told))
        return BatchAnswer(results=results)

    async def _one(self, request: Emit | Join | Leave | Disconnect) -> EmitAnswer | Done:
        match request:
            case Emit():
                return await self.emit(request)
            case Join():
                return await self.join(request)
            case Leave():
                return await self.leave(request)
            case Disconnect():
                return await self.disconnect(request)

    def _done(self) -> Done:
        return Done(in_touch=in_touch(self._server))

    def _described(self, socket: Socket | RemoteSocket) -> SocketInfo:
        handshake, data = socket.handshake, socket.data
        return SocketInfo(
            id=socket.id,
            rooms=sorted(str(room) for room in socket.rooms if room != socket.id),
            address=handshake.address,
            connected_at=handshake.time.timestamp(),
            info={key: json_value(data[key]) for key in self._info if key in data},
        )


def _acks(answers: Answers) -> Acks:
    return Acks(
        answers=[_arguments(each) for each in answers],
        missing_clients=answers.missing_count,
        missing_nodes=list(answers.silent),
    )


def _arguments(answer: Any) -> list[Any]:
    """Return the arguments of an acknowledgment: none, one or several are told apart by their type."""
    if answer is None:
        return []
    return [json_value(each) for each in answer] if isinstance(answer, tuple) else [json_value(answer)]


def _not_kept(what: str, room: str) -> ApiError:
    return ApiError(404, f"no_{what}", f"room {room!r} has no {what}: the setting {what}.rooms must name it")
