"""The table of the config file about Socket.IO: namespaces, handlers, and what a packet may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from rtserver.server.delivery.slow_clients import Action, policies
from rtserver.service.section import Section
from rtserver.service.setting_types import Expected, Folder
from rtserver.socketio.packet import Limits

__all__ = ["SocketSettings"]

_LIMITS = Limits()


def _checked_policies(given: dict[str, Action]) -> dict[str, Action]:
    policies(given)
    return given


Policies = Annotated[
    dict[str, Action],
    AfterValidator(_checked_policies),
    Expected('a table of these by namespace, "*" for all others'),
]


class SocketSettings(Section):
    """Socket.IO: namespaces, handlers, and what a packet may hold."""

    namespaces: list[str] | Literal["*"] = Field(
        default=["/"],
        description='Namespaces that clients may connect to, besides those with handlers. "*": any.',
    )
    serializer: Literal["default", "msgpack"] = Field(
        default="default",
        description='Packet format: "default" is JSON. Clients of "msgpack" use socket.io-msgpack-parser.',
    )
    always_connect: bool = Field(
        default=False,
        description="Whether a client is told that it is connected before the connect handler has decided.",
    )
    cleanup_empty_child_namespaces: bool = Field(
        default=False,
        description="Whether a namespace of a pattern or a predicate is forgotten with its last client.",
    )
    async_handlers: bool = Field(
        default=True,
        description="Whether handlers of one client may run concurrently. They start in order either way.",
    )
    serve_client: bool | Folder = Field(
        default=False,
        description="Whether to serve the browser client, socket.io.js, under the path of Socket.IO. true:"
        " the one that npm has installed in the working directory or above it. A path: its folder, dist.",
    )
    slow_clients: Action | Policies = Field(
        default="disconnect",
        description="What is done with events for a client that takes them too slowly: as soon as more than"
        ' engine.max_buffer_size would have to wait, it is disconnected. "drop_oldest_volatile": volatile'
        ' events wait, too, and the oldest make room. "conflate": of the events with the same key only the'
        " newest waits.",
    )
    max_running_handlers: int = Field(
        default=1000,
        ge=1,
        description="Handlers of one client that may be running or waiting until reading from it pauses.",
    )
    max_namespaces: int = Field(
        default=1000, ge=1, description="Namespaces that one client may be in. It is refused by one more."
    )
    max_rooms: int | None = Field(
        default=None,
        ge=1,
        description="Rooms that one client may be in, in each namespace, besides its own. Not set: any.",
        examples=[100],
    )
    max_depth: int = Field(
        default=_LIMITS.max_depth,
        ge=1,
        le=1000,
        description="How deeply lists and objects may be nested.",
    )
    max_event_name: int = Field(
        default=_LIMITS.max_event_name, ge=1, description="Longest event name, in characters."
    )
    max_attachments: int = Field(
        default=_LIMITS.max_attachments, ge=0, description="Most binary attachments that one packet may have."
    )
