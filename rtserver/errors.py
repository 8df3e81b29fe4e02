"""Every exception of rtserver, as one tree.

    RtserverError
    ├── ConfigError              a configuration that can't be served; lists every problem at once
    ├── StartError               a service that can't start: its application, its address
    ├── HttpError                an HTTP request that is refused: status, one-line reason, headers
    │   ├── HandshakeError       a WebSocket opening handshake that breaks RFC 6455, 4.2
    │   ├── EngineRequestError   an Engine.IO request that is refused, with the protocol's code
    │   └── ApiError             a request of the HTTP API that is refused, with a code for programs
    ├── ProtocolError            a peer that broke a protocol on an open connection
    │   ├── WebSocketViolation   RFC 6455 or RFC 7692; carries the one close code it maps to
    │   ├── EngineViolation      an Engine.IO packet or payload that can't be decoded, or isn't allowed now
    │   ├── SocketViolation      a Socket.IO packet that can't be decoded, or isn't allowed now
    │   ├── PlainViolation       a plain WebSocket client's message that isn't one; carries its close code
    │   ├── ClusterViolation     a message of another server of the cluster that can't be understood
    │   └── PassageViolation     a message with a connection, of another process, that can't be understood
    ├── TokenError               a client's token that isn't valid; carries the code that the client is told
    ├── BackendError             a backend that gave no answer that can be used; carries the client's code
    ├── EmitterError             what an emitter sent, and Redis didn't take
    ├── TooManyRooms             a client that can't enter one more room; its handler's event is answered so
    ├── EventRefused             an event that a socket's middleware doesn't let through
    └── ConnectionClosed         a send or receive on a WebSocket that has closed

What a message of these says stays on the server (logs) unless the class says that it is sent to the
peer. What applications of python-socketio catch (``ConnectionRefusedError``, ``TimeoutError``,
``DisconnectedError``) are that package's own classes, in ``socketio.exceptions``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "ApiError",
    "BackendError",
    "ClusterViolation",
    "ConfigError",
    "ConnectionClosed",
    "EmitterError",
    "EngineRequestError",
    "EngineViolation",
    "EventRefused",
    "HandshakeError",
    "HttpError",
    "PassageViolation",
    "PlainViolation",
    "ProtocolError",
    "RtserverError",
    "SocketViolation",
    "StartError",
    "TokenError",
    "TooManyRooms",
    "WebSocketViolation",
]


class RtserverError(Exception):
    """The root of the tree."""


class ConfigError(RtserverError):
    """A configuration that can't be served.

    Args:
        problems: One line for each problem: the key, the value received, what was expected.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StartError(RtserverError):
    """A service that can't start, though its configuration is valid. The message is one line."""


class HttpError(RtserverError):
    """An HTTP request that is refused. The message is sent to the client.

    Args:
        status: The HTTP status code.
        message: One line that says what was received, what was expected and what to do.
        headers: Response headers that the status calls for, such as ``Allow``.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers: Mapping[str, str] = headers or {}


class HandshakeError(HttpError):
    """A WebSocket opening handshake that can't be accepted (RFC 6455, 4.2.2). Sent to the client."""


class EngineRequestError(HttpError):
    """An Engine.IO request that is refused (Engine.IO v4, "Error handling"). Sent to the client as JSON.

    Args:
        code: The protocol's error code, 0 to 5.
        message: The text beside the code.
        status: The HTTP status, 400 unless the code calls for another.
        headers: Response headers that the status calls for.
        context: What was wrong, for ``connection_error`` hooks. It isn't sent.
    """

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.context: Mapping[str, Any] = context or {}


class ApiError(HttpError):
    """A request of the HTTP API that is refused. Sent to the backend as JSON.

    Args:
        status: The HTTP status code.
        code: What is wrong, for a program.
        message: What was received, what was expected and what to do.
        headers: Response headers that the status calls for.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code


class ProtocolError(RtserverError):
    """A peer that broke a protocol on an open connection."""


class WebSocketViolation(ProtocolError):
    """A frame that breaks RFC 6455 or RFC 7692.

    Args:
        code: The close code that the peer is told (RFC 6455, 7.4.1).
        reason: At most 123 bytes of UTF-8, sent in the close frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class EngineViolation(ProtocolError):
    """An Engine.IO packet or payload that can't be decoded, or that the session's state doesn't allow."""


class SocketViolation(ProtocolError):
    """A Socket.IO packet that can't be decoded, or that the protocol forbids at this point."""


class PlainViolation(ProtocolError):
    """A message of a plain WebSocket client that can't be decoded, or isn't a message of its protocol.

    Args:
        code: The close code that the client is told (RFC 6455, 7.4.1).
        reason: What was received and what was expected, sent in the close frame as far as it fits.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class ClusterViolation(ProtocolError):
    """A message of another server of the cluster that can't be understood. It is counted and left out."""


class PassageViolation(ProtocolError):
    """What another process sent with a connection that it handed over can't be understood. It is closed."""


class TokenError(RtserverError):
    """A client's token that isn't valid. What was wrong with it in detail stays on the server.

    Args:
        code: What the client is told, for its program: ``token_missing``, ``token_invalid``,
            ``token_expired``, ``token_not_yet_valid``, ``key_unknown`` or ``another_user``.
        detail: What was wrong.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code

    @property
    def told(self) -> str:
        """The sentence that the client is told."""
        return {
            "token_missing": "A token is needed: send one",
            "token_expired": "The token has expired: send a new one",
            "token_not_yet_valid": "The token isn't valid yet",
            "another_user": "Another user may have lost this connection: connect again, as a new client",
        }.get(self.code, "The token isn't valid: send another one")


class BackendError(RtserverError):
    """A backend that gave no answer, or none that can be used. What happened in detail stays on the server.

    Args:
        code: What the client is told, for its program: ``backend_timeout``, ``backend_unavailable``,
            ``backend_busy`` or ``backend_failed``.
        detail: What happened.
        retry_after: Seconds after which the same request may be made again, because the backend hasn't taken
            this one; None if it may have.
    """

    def __init__(self, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.retry_after = retry_after

    @property
    def told(self) -> str:
        """The sentence that the client is told."""
        return {
            "backend_timeout": "The backend didn't answer in time: try again later",
            "backend_unavailable": "The backend can't be reached: try again later",
            "backend_busy": "Too much waits for the backend: try again later",
        }.get(self.code, "The backend failed")


class EmitterError(RtserverError):
    """What an emitter sent, and Redis didn't take: it can't be reached, or refuses. Clients may miss it."""


class TooManyRooms(RtserverError):
    """A client that is in as many rooms as it may be (``max_rooms`` of the Server), and can't enter another.

    Where a handler raises it, or lets it through, `answer` is sent to the client as the acknowledgment, if
    it wants one.

    Args:
        sid: The client.
        most: Rooms that a client may be in, besides its own.
    """

    def __init__(self, sid: str, most: int) -> None:
        super().__init__(f"client {sid} is in {most} rooms, the most of max_rooms: let it leave one first")
        self.answer = {
            "code": "too_many_rooms",
            "message": f"you are in {most} rooms, the most that a client may be in: leave one first",
        }


class EventRefused(RtserverError):
    """An event that goes no further: what the middleware of a socket raises (`Socket.use`).

    Its arguments are sent to the client as the acknowledgment, if it wants one. Without arguments there is no
    acknowledgment, as in Node.
    """


class ConnectionClosed(RtserverError):
    """A send or receive on a WebSocket that has closed.

    Args:
        code: The close code received or sent; 1006 where the connection ended without one (RFC 6455, 7.1.5).
        reason: The reason beside it, empty when there was none.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the connection is closed ({code}{': ' + reason if reason else ''})")
        self.code = code
        self.reason = reason
