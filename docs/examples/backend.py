"""A backend for rtserver's webhooks: a small chat, with nothing but Python's standard library.

It is told its port, and in WEBHOOK_SECRETS the secrets that it accepts, with spaces between them::

    WEBHOOK_SECRETS="whsec_…" python backend.py 9100
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import sys
import time
from collections import OrderedDict
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEYS = [base64.b64decode(secret.removeprefix("whsec_")) for secret in os.environ["WEBHOOK_SECRETS"].split()]
TOLERANCE = 300  # seconds that the two clocks, and the network, may differ by
MOST = 1_000_000  # bytes of a request
LOBBY = {"rooms": ["lobby"]}  # who is in it

answers: OrderedDict[str, bytes] = OrderedDict()  # by the ids of requests: one may come twice


def connect(client: dict[str, Any]) -> dict[str, Any]:
    """Decide whether a client is let in."""
    name = client["auth"].get("name") if isinstance(client["auth"], dict) else None
    if not name:
        return {"refuse": {"message": "Tell us your name", "data": {"code": "name_missing"}}}
    arrived = {"event": "arrived", "args": [name], "to": LOBBY}
    return {"claims": {"name": name}, "rooms": ["lobby"], "emit": [arrived]}


def event(client: dict[str, Any]) -> dict[str, Any]:
    """Answer an event."""
    name, args = client["claims"]["name"], client["args"]
    match client["event"], args:
        case "say", [str(text)]:
            others = {"to": LOBBY, "except": {"sockets": [client["sid"]]}}
            return {"ack": ["delivered"], "emit": [{"event": "said", "args": [name, text], **others}]}
        case "join", [str(room)]:
            return {"ack": [f"welcome to {room}"], "join": [room], "leave": ["lobby"]}
        case "reverse", [{"$bytes": str(data)}]:
            reverse = base64.b64decode(data)[::-1]
            return {"ack": [{"$bytes": base64.b64encode(reverse).decode()}]}
    return {"ack": [{"error": f"{client['event']} with {len(args)} arguments means nothing here"}]}


def disconnect(client: dict[str, Any]) -> dict[str, Any]:
    """Learn that a client has gone. This may come twice, and for a client that was never seen."""
    print("gone:", client["claims"].get("name"), client["reason"], flush=True)
    return {}


def is_genuine(id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    """Tell whether a request was signed with one of our secrets, and lately."""
    if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    signed = b".".join((id.encode(), timestamp.encode(), body))
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, sha256)) for key in KEYS]
    received = signatures.encode().split()
    # compare_digest takes the same time wherever two texts differ; "or" over all pairs is rotation.
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in received)


class Handler(BaseHTTPRequestHandler):
    """Takes requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Check a request, and answer it."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST:
            self.close_connection = True
            return self.reply(413, b"")
        body = self.rfile.read(int(length))
        id, timestamp, signatures = (
            self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not is_genuine(id, timestamp, signatures, body):
            return self.reply(401, b"")
        if id not in answers:
            message = json.loads(body)
            handle = {"connect": connect, "event": event, "disconnect": disconnect}[message["type"]]
            answers[id] = json.dumps(handle(message)).encode()
            if len(answers) > 10_000:
                answers.popitem(last=False)
        return self.reply(200, answers[id])

    def reply(self, status: int, body: bytes) -> None:
        """Send an answer, in one piece."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing but what is printed above."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
