"""What the commands of the API do with a server: with its clients, wherever in the cluster they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from heapq import nsmallest

from rtserver.errors import ApiError
from rtserver.host import Server
from rtserver.ids import new_sid
from rtserver.server.answers import Answers
from rtserver.server.interface.remote import RemoteSocket
from rtserver.server.interface.socket import Socket
from rtserver.server.target import Target
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
        await self._change(request)
        return await self._confirmed(request.namespace)

    async def leave(self, request: Leave) -> Done:
        """Take clients out of rooms."""
        await self._change(request)
        return await self._confirmed(request.namespace)

    async def disconnect(self, request: Disconnect) -> Done:
        """Disconnect clients."""
        await self._change(request)
        return await self._confirmed(request.namespace)

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
        tried = [(each.namespace, await self._tried(each)) for each in request.commands]
        changed = list(dict.fromkeys(namespace for namespace, answer in tried if answer is None))
        confirmed = await asyncio.gather(*map(self._confirmed, changed))
        done = dict(zip(changed, confirmed, strict=True))
        results: list[Succeeded | Failed] = []
        for namespace, answer in tried:
            if isinstance(answer, ApiError):
                told = ErrorAnswer(code=answer.code, message=answer.message)
                results.append(Failed(status=answer.status, error=told))
            else:
                results.append(Succeeded(status=200, answer=answer or done[namespace]))
        return BatchAnswer(results=results)

    async def _tried(self, request: Emit | Join | Leave | Disconnect) -> EmitAnswer | ApiError | None:
        """Do one command of a batch. What has no answer yet is to be confirmed."""
        try:
            if isinstance(request, Emit):
                return await self.emit(request)
            await self._change(request)
        except ApiError as error:
            return error
        return None

    async def _change(self, request: Join | Leave | Disconnect) -> None:
        """Do it here, and tell the other nodes."""
        chain = self._chain(request.namespace, request.clients, request.except_)
        match request:
            case Join():
                await chain.sockets_join(request.rooms)
            case Leave():
                await chain.sockets_leave(request.rooms)
            case Disconnect():
                await chain.disconnect_sockets(request.close)

    async def _confirmed(self, namespace: str) -> Done:
        """Wait until the other nodes have done what they were told.

        They do what a node tells them in its order. So they are asked something, for clients that nobody has:
        whoever answers has done what came before. What another node is asked after that finds it done.
        """
        manager = self._server.manager
        if manager.alone:
            return Done(missing_nodes=[])
        nobody = Target(namespace, (new_sid(),))
        fetched = await manager.fetch(nobody, manager.request_timeout)
        return Done(missing_nodes=list(fetched.silent))

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
        answers=[json_value(each) for each in answers],
        missing_clients=answers.missing_count,
        missing_nodes=list(answers.silent),
    )


def _not_kept(what: str, room: str) -> ApiError:
    return ApiError(404, f"no_{what}", f"room {room!r} has no {what}: the setting {what}.rooms must name it")
