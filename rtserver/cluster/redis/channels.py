"""The names of channels, as Node's adapters have them.

A namespace, a room or a server's id stands between number signs. A name that has one itself makes a channel
that could be another's: which namespace a message is for is therefore read from the message, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["KEY", "Channels"]

KEY: Final = "socket.io"
"""What the names begin with, unless both sides choose something else."""
_GLOB: Final = re.compile(r"([*?\[\]\\^])")


class Channels(NamedTuple):
    """The channels of one cluster.

    Args:
        key: What the names begin with: the adapters' ``key`` or ``channelPrefix``.
    """

    key: str = KEY

    def events(self, namespace: str, room: str | None = None) -> str:
        """Name the channel of events for everyone, or for one room."""
        channel = f"{self.key}#{namespace}#"
        return channel if room is None else f"{channel}{_sound(room)}#"

    def rooms_of(self, channel: str) -> Iterator[tuple[str, str]]:
        """Return the namespaces and rooms whose channel of events this may be."""
        namespace, *rest = channel[len(self.key) + 1 : -1].split("#")
        for index, part in enumerate(rest):
            yield namespace, "#".join(rest[index:])
            namespace = f"{namespace}#{part}"

    def all_events(self, namespace: str) -> str:
        """Return the pattern of both kinds of channels."""
        return _GLOB.sub(r"\\\1", self.events(namespace)) + "*"

    def server(self, namespace: str, uid: str) -> str:
        """Name the channel of what is for one server only."""
        return self.events(namespace, uid)

    def requests(self, namespace: str) -> str:
        """Name the channel of requests of the pub/sub adapter."""
        return f"{self.key}-request#{namespace}#"

    def responses(self, namespace: str, uid: str | None = None) -> str:
        """Name the channel of responses of the pub/sub adapter, to all servers or to one."""
        channel = f"{self.key}-response#{namespace}#"
        return channel if uid is None else f"{channel}{uid}#"


def _sound(name: str) -> str:
    """Return a name as JavaScript writes it: half of a surrogate pair has no form in UTF-8."""
    return name if name.isascii() else name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
