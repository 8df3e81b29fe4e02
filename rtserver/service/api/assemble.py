"""Build the API from the configuration."""

from __future__ import annotations

from rtserver.cluster.workers.place import Place
from rtserver.host import Server
from rtserver.service.api.commands import Commands
from rtserver.service.api.endpoint import Api
from rtserver.service.api.idempotency.files import FileStore
from rtserver.service.api.idempotency.memory import MemoryStore
from rtserver.service.api.idempotency.record import Store
from rtserver.service.api.idempotency.redis import RedisStore
from rtserver.service.api.idempotency.replays import Replays
from rtserver.service.api.keys import KeyRing
from rtserver.service.settings import Config

__all__ = ["api_of"]

FOLDER = "answers"
"""The workers' folder for what was answered to requests that may come again."""


def api_of(config: Config, server: Server, place: Place | None) -> Api:
    """Make the API.

    Args:
        config: The configuration.
        server: Whose clients it is about.
        place: Where this process is among the workers; None if it serves alone.
    """
    settings = config.api
    commands = Commands(server, settings.user_room, settings.info)
    keys = KeyRing(each.made() for each in settings.keys)

    def now() -> float:
        return server.eio.clock.now()

    store: Store
    if config.cluster.manager == "redis":
        store = RedisStore(config.cluster.url, config.cluster.key, settings.bounds())
    elif place is not None:
        store = FileStore(place.directory / FOLDER, settings.bounds())
    else:
        store = MemoryStore(settings.bounds(), now)
    return Api(commands, keys, settings.limits(), Replays(store), now)
