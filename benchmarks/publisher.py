"""Publish events for rooms at a steady rate, as a server of a cluster does.

    python -m benchmarks.publisher URL MODE SECONDS RATE ROOMS PAYLOAD

Prints a line when it begins, and at the end how many were published, in how many seconds, and how often a
subscriber heard one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.channels import KEY
from rtserver.cluster.redis.forms import MAX_LENGTH, form_of

__all__ = ["main"]

UID = "0123456789abcdef"
TURN = 0.01
"""Seconds between two batches."""


def main(arguments: Sequence[str]) -> None:
    """Publish until the time is up."""
    url, mode, *numbers = arguments
    seconds, rate, rooms, payload = map(float, numbers)
    kind, _, subscription = mode.partition("-")
    form = form_of(kind, KEY, "static" if subscription else "dynamic", MAX_LENGTH)
    commands = [
        form.tell(event(f"room {number}", int(payload)), f"room {number}") for number in range(int(rooms))
    ]
    client = Redis.from_url(url)
    client.ping()
    print("publishing", flush=True)
    published = heard = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        pipeline: Any = client.pipeline(transaction=False)
        for _ in range(int(elapsed * rate) - published):
            pipeline.execute_command(*commands[published % len(commands)])
            published += 1
        heard += sum(each for each in pipeline.execute() if isinstance(each, int))  # a stream's are ids
        time.sleep(TURN)
    print(json.dumps({"published": published, "heard": heard, "seconds": time.monotonic() - began}))


def event(room: str, payload: int) -> Message:
    """Return an event for a room."""
    data: dict[str, Any] = {
        "opts": {"rooms": [room], "except": [], "flags": {}},
        "packet": {"type": 2, "data": ["news", "x" * payload]},
    }
    return Message(UID, "/", Kind.BROADCAST, data)


if __name__ == "__main__":
    main(sys.argv[1:])
