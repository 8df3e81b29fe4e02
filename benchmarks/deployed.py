"""Peers as a scenario wants them: one server, a cluster of them, or workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.deployment import Deployment, Mode
from benchmarks.guarded import environment as guards
from benchmarks.processes import family
from benchmarks.quotas import QuotaError, limited
from benchmarks.redis import Redis, RedisError, redis_server
from benchmarks.servers import START_TIMEOUT, Launch, Peer, Running, ServerError, running

__all__ = ["Deployed", "deployed"]


@dataclass(frozen=True, slots=True)
class Deployed:
    """Servers that listen.

    Args:
        servers: The servers.
        redis: What joins them.
        workers: The processes that serve, where they are more than the servers.
        unlimited: Why each process has a whole core in spite of the quota; empty if it hasn't.
    """

    servers: tuple[Running, ...]
    redis: Redis | None = None
    workers: tuple[int, ...] = ()
    unlimited: str = ""

    @property
    def ports(self) -> list[int]:
        """Where clients connect."""
        return [server.port for server in self.servers]

    @property
    def pids(self) -> list[int]:
        """Everything that serves, Redis included."""
        found = [pid for server in self.servers for pid in family(server.pid)]
        return [*found, self.redis.pid] if self.redis is not None else found


@contextmanager
def deployed(
    peer: Peer, launch: Launch, core: int, ping_interval: float, deployment: Deployment
) -> Iterator[Deployed]:
    """Run a peer until the block ends, everything of it on one core.

    Raises:
        ServerError: It ended, or did not listen in time.
    """
    workers = deployment.workers if peer.is_deployed else 1
    environment = {"RTSERVER_WORKERS": str(workers)} if workers > 1 else {}
    if deployment.guarded and peer.is_deployed:
        environment |= guards()
    with ExitStack() as stack:
        redis = None
        if deployment.mode is not None:
            try:
                redis = stack.enter_context(redis_server(core))
            except RedisError as error:
                raise ServerError(str(error)) from error
            environment |= joined(deployment.mode, redis.url)
        servers = tuple(
            stack.enter_context(
                running(peer, launch, core, ping_interval, deployment=environment, number=number)
            )
            for number in range(deployment.nodes)
        )
        serving = wait_for_workers(servers[0], workers) if workers > 1 else ()
        unlimited = ""
        if deployment.quota is not None:
            try:
                stack.enter_context(limited(serving or [servers[0].pid], deployment.quota))
            except QuotaError as error:
                unlimited = str(error)
        yield Deployed(servers, redis, serving, unlimited)


def joined(mode: Mode, url: str) -> dict[str, str]:
    """Return what tells a server of a cluster how it is joined: ours by its settings."""
    ours, _, subscription = mode.partition("-")
    return {
        "CLUSTER_MODE": mode,
        "REDIS_URL": url,
        "RTSERVER_CLUSTER__MANAGER": "redis",
        "RTSERVER_CLUSTER__MODE": ours,
        "RTSERVER_CLUSTER__SUBSCRIPTION_MODE": subscription or "dynamic",
        "RTSERVER_CLUSTER__URL": url,
    }


def wait_for_workers(supervisor: Running, count: int) -> tuple[int, ...]:
    """Return the ids of a server's workers, once there are so many.

    Raises:
        ServerError: They didn't come.
    """
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        found = tuple(family(supervisor.pid)[1:])
        if len(found) >= count:
            return found
        if time.monotonic() > deadline:
            raise ServerError(f"{len(found)} of {count} workers started in {START_TIMEOUT:g} s")
        time.sleep(0.02)
