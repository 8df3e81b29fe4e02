"""A Socket.IO server for Python that runs as a service.

import rtserver

sio = rtserver.Server()

@sio.event
async def message(sid, data):
    await sio.emit("message", data, skip_sid=sid)

sio.attach(app)  # any aiohttp application
"""

from importlib.metadata import version

from rtserver.cluster.emitter import BlockingEmitter, Emitter
from rtserver.cluster.redis.manager import RedisManager
from rtserver.cluster.redis.status import RedisStatus
from rtserver.engineio.handler import Handshake
from rtserver.errors import (
    ApiError,
    BackendError,
    ClusterViolation,
    ConfigError,
    ConnectionClosed,
    EmitterError,
    EngineRequestError,
    EngineViolation,
    EventRefused,
    HandshakeError,
    HttpError,
    PassageViolation,
    PlainViolation,
    ProtocolError,
    RtserverError,
    SocketViolation,
    StartError,
    TokenError,
    TooManyRooms,
    WebSocketViolation,
)
from rtserver.host import Server
from rtserver.server.answers import Answers
from rtserver.server.delivery.duplicates import DuplicateSuppression
from rtserver.server.delivery.history import History, HistoryEvent, HistoryPage
from rtserver.server.delivery.presence import Presence, PresencePage
from rtserver.server.delivery.slow_clients import Drop, SlowClientPolicy
from rtserver.server.handshake import SocketHandshake
from rtserver.server.interface.namespace import ServerNamespace
from rtserver.server.interface.operator import BroadcastOperator
from rtserver.server.interface.remote import RemoteSocket, Sockets
from rtserver.server.interface.socket import Socket
from rtserver.server.interface.socket_operator import SocketOperator
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.tracing.options import Tracing
from rtserver.transport.endpoint import WebSocket, websocket_handler
from rtserver.transport.engine_server import EngineServer
from rtserver.transport.hooks import RefusedRequest
from rtserver.websocket.deflate import DeflateOptions

__all__ = [
    "Answers",
    "ApiError",
    "BackendError",
    "BlockingEmitter",
    "BroadcastOperator",
    "ClusterViolation",
    "ConfigError",
    "ConnectionClosed",
    "ConnectionStateRecovery",
    "DeflateOptions",
    "Drop",
    "DuplicateSuppression",
    "Emitter",
    "EmitterError",
    "EngineRequestError",
    "EngineServer",
    "EngineViolation",
    "EventRefused",
    "Handshake",
    "HandshakeError",
    "History",
    "HistoryEvent",
    "HistoryPage",
    "HttpError",
    "PassageViolation",
    "PlainViolation",
    "Presence",
    "PresencePage",
    "ProtocolError",
    "RedisManager",
    "RedisStatus",
    "RefusedRequest",
    "RemoteSocket",
    "RtserverError",
    "Server",
    "ServerNamespace",
    "SlowClientPolicy",
    "Socket",
    "SocketHandshake",
    "SocketOperator",
    "SocketViolation",
    "Sockets",
    "StartError",
    "TokenError",
    "TooManyRooms",
    "Tracing",
    "WebSocket",
    "WebSocketViolation",
    "__version__",
    "websocket_handler",
]

__version__ = version("rtserver")
