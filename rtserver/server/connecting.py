"""How a client asks for a namespace: CONNECT packets, and what comes instead of them.

Socket.IO v5, "Connection to a namespace". Where Node's server and python-socketio's differ, the client
decides: the official clients were written for Node's.

- An unknown namespace is answered with Node's ``Invalid namespace``.
- A second CONNECT for a namespace that the client is in already closes the connection, as in Node. One
  that comes while the first is being decided is ignored: a browser application that connects,
  disconnects and connects again at once sends two, and one answer serves both.
- A client that lost its connection may come back to what it was: `rtserver.server.recovery.recovery`.

Whether it is let in is decided in `rtserver.server.admission`; how it leaves is in `rtserver.server.leaving`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from rtserver.clock import Timer
from rtserver.errors import SocketViolation
from rtserver.ids import new_sid
from rtserver.server import old_clients
from rtserver.server.admission import UNKNOWN, Admission
from rtserver.server.client import Client
from rtserver.server.hub import Hub
from rtserver.server.leaving import Leaving
from rtserver.server.recovery.claim import split_claim
from rtserver.server.socket import Held

__all__ = ["Connecting"]

TOO_MANY: Final = {"message": "Too many namespaces", "data": {"code": "too_many_namespaces"}}


class Connecting:
    """The coming of sockets, for all clients of a server.

    Args:
        hub: The shared state.
        admission: Decides who is let in.
        leaving: Answers who can't be.
    """

    __slots__ = ("_admission", "_hub", "_leaving")

    def __init__(self, hub: Hub, admission: Admission, leaving: Leaving) -> None:
        self._hub = hub
        self._admission = admission
        self._leaving = leaving

    def welcome(self, client: Client) -> None:
        """Take a new client: an old one joins the main namespace without asking for it."""
        self._watch(client)
        if old_clients.is_old(client):
            self._hub.runtime().loop.call_soon(self._join_main, client)  # the session isn't open yet

    def connect(self, client: Client, name: str, auth: Any) -> None:
        """Take a CONNECT packet.

        Raises:
            SocketViolation: The client is in that namespace already.
        """
        hub = self._hub
        if client.find(name) is not None:
            raise SocketViolation(f"a second CONNECT for namespace {name!r}")
        if client.connecting is not None and name in client.connecting:
            return
        if not hub.accepts(name) and not hub.may_accept(name):
            self._leaving.turn_away(client, name, UNKNOWN)
            return
        if client.namespaces >= hub.settings.max_namespaces:
            hub.counters.namespaces_refused += 1
            self._leaving.turn_away(client, name, TOO_MANY)
            return
        recovery = hub.recovery
        if recovery is not None and recovery.suits(client):
            claim, auth = split_claim(auth)
            recovery.open(client, name, claim, partial(self._admission.begin, auth=auth))
            return
        sid = new_sid()
        if old_clients.is_old(client):
            sid = old_clients.sid_for(client, name)
            leaving = hub.find(name, sid)
            if leaving is not None:  # back with the same id: first its disconnect handler ends
                self._leaving.after(leaving, partial(self._return, client, name, auth))
                return
        self._admission.begin(hub.open(name, sid, client, Held(hub.settings.max_held)), auth)

    def _join_main(self, client: Client) -> None:
        may_join = client.reason is None and client.session.is_open
        if may_join and client.find(old_clients.MAIN) is None:  # it may have asked for it in its first chunk
            self.connect(client, old_clients.MAIN, None)

    def _return(self, client: Client, name: str, auth: Any) -> None:
        if client.reason is None:
            self.connect(client, name, auth)

    def _watch(self, client: Client) -> None:
        """Disconnect `client` if it has joined no namespace in time."""
        timeout = self._hub.settings.connect_timeout
        if timeout is not None:
            client.timer = Timer(self._hub.runtime().clock, partial(self._overdue, client))
            client.timer.set(timeout)

    def _overdue(self, client: Client) -> None:
        if client.connecting:  # that its handler takes long is not the client's fault
            self._watch(client)
        else:
            client.timer = None
            self._hub.counters.connect_timeouts += 1
            client.session.close("connect timeout")
