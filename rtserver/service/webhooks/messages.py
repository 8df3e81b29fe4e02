"""What is said to a backend and what it may answer, in JSON: bytes as ``{"$bytes": "<base64>"}``."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.errors import BackendError, PlainViolation
from rtserver.plain.tagging import tag, untag
from rtserver.server.interface.socket import Socket
from rtserver.service.api.requests import EventName, Except, Recipients
from rtserver.service.namespaces.claims import CLAIMS
from rtserver.socketio.json_text import dumps, is_too_deep, loads

__all__ = [
    "ConnectAnswer",
    "Emit",
    "EventAnswer",
    "Refused",
    "claims_of",
    "connect_request",
    "disconnect_request",
    "event_request",
    "read",
]

MAX_DEPTH: Final = 100
"""Lists and objects within each other that an answer may have."""

Answer = TypeVar("Answer", bound=BaseModel)


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Refused(_Message):
    """Why a client isn't let in: what it is told."""

    message: str
    data: Any = None

    def as_exception(self) -> Refusal:
        """Return what a middleware raises to say so."""
        return Refusal(self.message) if self.data is None else Refusal(self.message, self.data)


class Emit(_Message):
    """An event that the backend wants sent: to the client itself, unless it says to whom else."""

    event: EventName
    args: list[Any] = []
    to: Recipients | None = None
    except_: Except = None


class ConnectAnswer(_Message):
    """What a backend answers about a client that wants to connect."""

    refuse: Refused | None = None
    claims: dict[str, Any] = {}
    rooms: list[str] = []
    emit: list[Emit] = []


class EventAnswer(_Message):
    """What a backend answers to an event."""

    ack: list[Any] = []
    join: list[str] = []
    leave: list[str] = []
    emit: list[Emit] = []


def claims_of(socket: Socket) -> dict[str, Any]:
    """Return what is known of a client: the claims of its token, and those that the backend gave it."""
    claims = socket.data.get(CLAIMS)
    return claims if isinstance(claims, dict) else {}


def connect_request(socket: Socket, headers: Sequence[str], token: str | None = None) -> bytes:
    """Write what the backend is told of a client that wants to connect.

    Args:
        socket: The client.
        headers: Names, in lower case, of headers of its request that are passed on.
        token: What its token is called in auth and query, which isn't passed on; None if it shows none.

    Raises:
        BackendError: It has said something that JSON can't say.
    """
    handshake = socket.handshake
    return _write(
        {
            "type": "connect",
            **_who(socket),
            "auth": _without(token, handshake.auth),
            "recovered": socket.recovered,
            "address": handshake.address,
            "secure": handshake.secure,
            "query": _without(token, dict(handshake.query)),
            "headers": {name: handshake.headers[name] for name in headers if name in handshake.headers},
        },
        "auth",
    )


def event_request(socket: Socket, event: str, args: Sequence[Any]) -> bytes:
    """Write what the backend is told of an event.

    Args:
        socket: The client that has sent it.
        event: Its name.
        args: Its arguments.

    Raises:
        BackendError: They have something in them that JSON can't say.
    """
    return _write({"type": "event", **_who(socket), "event": event, "args": list(args)}, "args")


def disconnect_request(socket: Socket, reason: str) -> bytes:
    """Write what the backend is told of a client that has gone.

    Args:
        socket: The client.
        reason: Why it has gone.

    Raises:
        BackendError: Its claims have something in them that JSON can't say.
    """
    return _write({"type": "disconnect", **_who(socket), "reason": reason})


def read(model: type[Answer], body: bytes) -> Answer:
    """Read an answer.

    Args:
        model: What it may be.
        body: The body as received; nothing stands for an empty object.

    Raises:
        BackendError: It is something else.
    """
    if not body:
        return model()
    if is_too_deep(body, MAX_DEPTH):
        raise _unusable(f"it is nested deeper than {MAX_DEPTH} levels")
    try:
        value = loads(body.decode())
    except ValueError as error:
        raise _unusable(f"expected JSON: {error}") from None
    if type(value) is not dict:
        raise _unusable("expected a JSON object")
    try:
        if b"bytes" in body:
            untag({key: value[key] for key in ("ack", "emit") if key in value})
        return model.model_validate(value)
    except PlainViolation as error:
        raise _unusable(error.reason) from None
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise _unusable(f"{where}: {problem['msg']}") from None


def _unusable(problem: str) -> BackendError:
    return BackendError("backend_failed", f"received an answer that can't be used: {problem}")


def _who(socket: Socket) -> dict[str, Any]:
    return {"namespace": socket.namespace, "sid": socket.id, "claims": claims_of(socket)}


def _without(name: str | None, said: Any) -> Any:
    """Return what a client has said without the value of this name."""
    if name is None or not isinstance(said, dict) or name not in said:
        return said
    return {key: value for key, value in said.items() if key != name}


def _write(message: dict[str, Any], key: str = "") -> bytes:
    """Write a request.

    Args:
        message: What is said.
        key: Where in it there may be bytes.
    """
    found: list[bytes] = []
    try:
        text = dumps(message, found)
        if key and (found or b'bytes"' in text):  # it has bytes, or what looks like them
            part = deepcopy({key: message[key]})  # the original may be in use elsewhere
            tag(part)
            text = dumps({**message, **part}, [])
    except TypeError as error:
        raise BackendError("backend_failed", f"the request can't be written as JSON: {error}") from None
    return text
