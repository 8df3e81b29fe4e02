"""A client that recovers, on sessions that exist in memory only."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.server.harness import FakeSession, Harness


class Client:
    """A client that does what the official one does."""

    def __init__(self, harness: Harness, namespace: str = "/") -> None:
        self._harness = harness
        self._path = "" if namespace == "/" else f"{namespace},"
        self.pid: str | None = None
        self.sid = ""
        self.offset: str | None = None
        self.recovered = False
        self.joined = False
        self.received: list[list[Any]] = []
        self.errors: list[Any] = []
        self.attachments: list[bytes] = []
        self.session: FakeSession

    def connect(self, **auth: Any) -> Client:
        """Open a connection, send what is known of the one before, and read what is answered at once."""
        self.open(**auth)
        self.read()
        return self

    def open(self, **auth: Any) -> None:
        """Open a connection, and send what is known of the one before."""
        self.session = self._harness.session()
        self.joined = False
        if self.pid is not None:
            claim = {"pid": self.pid} | ({} if self.offset is None else {"offset": self.offset})
            auth = claim | auth
        self.session.receive(f"0{self._path}{json.dumps(auth) if auth else ''}")

    def move(self, harness: Harness) -> Client:
        """Come to another server from now on."""
        self._harness = harness
        return self

    def read(self) -> list[list[Any]]:
        """Take what was sent, and return all events so far, without their offsets."""
        for packet in self.session.take():
            if isinstance(packet, bytes):
                self.attachments.append(packet)
                continue
            kind, data = packet[:2], packet[2:].removeprefix(self._path)
            if kind == "40":
                answer = json.loads(data)
                self.joined = True
                self.recovered = self.pid is not None and answer["pid"] == self.pid
                self.pid, self.sid = answer["pid"], answer["sid"]
            elif kind == "42":
                args = json.loads(data)
                if isinstance(args[-1], str):
                    self.offset = args.pop()
                self.received.append(args)
            elif kind == "44":
                self.errors.append(json.loads(data))
        return self.received

    def drop(self, reason: str = "transport close") -> Client:
        """Lose the connection, with everything that wasn't read."""
        self.session.close(reason)
        self.session.take()
        return self
