"""The table of the config file about other servers of the same cluster."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from rtserver.cluster.redis.channels import KEY
from rtserver.cluster.redis.client import connect
from rtserver.cluster.redis.foreign import CHANNEL
from rtserver.cluster.redis.forms import MAX_LENGTH, Mode, SubscriptionMode
from rtserver.cluster.redis.manager import RedisManager
from rtserver.cluster.redis.publisher import LIMIT
from rtserver.cluster.redis.subscriber import INTERVAL, PATIENCE
from rtserver.server.manager import PEER_TIMEOUT, Manager
from rtserver.service.section import Seconds, Section
from rtserver.service.setting_types import Expected

__all__ = ["ClusterSettings"]


def _checked_url(url: str) -> str:
    try:
        connect(url)
    except ValueError:  # what it says may have a part of the password
        raise ValueError(
            "the URL can't be read: expected one that begins with redis://, rediss://, unix://, "
            "redis+sentinel:// or redis+cluster://, with special characters of the password as in %2F"
        ) from None
    return url


RedisUrl = Annotated[str, AfterValidator(_checked_url), Expected("a URL of Redis")]


class ClusterSettings(Section):
    """Other servers, of Python or of Node.js, whose clients are in the same rooms (docs/redis.md)."""

    manager: Literal["memory", "redis"] = Field(
        default="memory",
        description='"memory": there are none; workers are joined all the same. "redis": Redis joins them.',
    )
    url: RedisUrl = Field(
        default="redis://127.0.0.1:6379",
        description="Where Redis is. RTSERVER_CLUSTER__URL keeps a password out of this file.",
    )
    mode: Mode = Field(
        default="pubsub", description="What carries the messages in Redis. It is the same on all servers."
    )
    key: str = Field(
        default=KEY,
        min_length=1,
        description="What the names of channels begin with, and that of the stream. The same on all servers.",
    )
    subscription_mode: SubscriptionMode = Field(
        default="dynamic",
        description='Which rooms have channels of their own in the mode "sharded". The same on all servers.',
    )
    max_length: int = Field(
        default=MAX_LENGTH, ge=1, description='Entries that the stream keeps, about, in the mode "streams".'
    )
    stream_count: int = Field(
        default=1,
        ge=1,
        description='How many streams the namespaces share in the mode "streams". The same on all servers.',
    )
    python_channel: str = Field(
        default=CHANNEL,
        description='Channel of python-socketio\'s managers, whose emits are for clients here. "": none.',
    )
    max_waiting: int = Field(
        default=LIMIT,
        ge=1,
        description="Bytes for other servers that wait while Redis is away. The oldest give way then.",
    )
    request_timeout: Seconds = Field(
        default=PEER_TIMEOUT,
        description="Seconds that other servers have for an answer where the application sets no time-out.",
    )
    heartbeat_interval: Seconds = Field(
        default=INTERVAL, description="Seconds between two messages of a server to itself, over Redis."
    )
    heartbeat_timeout: Seconds = Field(
        default=PATIENCE, description="Seconds that one may take until the connection is made again."
    )

    def client_manager(self) -> Manager | None:
        """Return the option of the Server; None for what it has by default."""
        if self.manager == "memory":
            return None
        options = self.model_dump(exclude={"manager", "python_channel"})
        return RedisManager(**options, python_channel=self.python_channel or None)
