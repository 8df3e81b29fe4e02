import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import deployed as module
from benchmarks import servers
from benchmarks.deployed import deployed, joined, wait_for_workers
from benchmarks.deployment import ALONE, Deployment, Group
from benchmarks.redis import RedisError, redis_server
from benchmarks.servers import Launch, Peer, Running, ServerError

SERVER = """
import json, os, socket
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print(json.dumps(dict(os.environ)), flush=True)
while True:
    listener.accept()[0].close()
"""
LAUNCH = Launch((sys.executable, "-c", SERVER), "1")


def find() -> Launch:
    return LAUNCH


PEER = Peer("fake", "Fake", find)


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "BUILD", tmp_path)


def environment(folder: Path, number: int = 0) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "logs" / f"fake-{number}.log").read_text())
    return found


def test_one_server_is_told_of_nothing_else(tmp_path: Path) -> None:
    with deployed(PEER, LAUNCH, 0, 5, ALONE) as found:
        assert (len(found.ports), found.redis, found.workers) == (1, None, ())
        assert found.pids == [found.servers[0].pid]
    told = environment(tmp_path)
    assert told["PING_INTERVAL"] == "5"
    assert not [name for name in told if "CLUSTER" in name or name in ("REDIS_URL", "RTSERVER_WORKERS")]


def test_servers_of_a_cluster_have_a_redis_and_a_port_each(tmp_path: Path) -> None:
    cluster = Deployment(Group.CLUSTERS, nodes=2, mode="sharded-static")
    with deployed(PEER, LAUNCH, 0, 5, cluster) as found:
        assert len(set(found.ports)) == 2
        assert found.redis is not None
        assert found.pids == [*(server.pid for server in found.servers), found.redis.pid]
        expected = joined("sharded-static", found.redis.url)
    for number in range(2):
        assert expected.items() <= environment(tmp_path, number).items()


def test_ours_has_a_mode_and_a_subscription_mode() -> None:
    for mode, ours, subscription in (
        ("pubsub", "pubsub", "dynamic"),
        ("sharded", "sharded", "dynamic"),
        ("sharded-static", "sharded", "static"),
    ):
        told = joined(mode, "redis://host")  # type: ignore[arg-type]
        assert told["RTSERVER_CLUSTER__MODE"] == ours
        assert told["RTSERVER_CLUSTER__SUBSCRIPTION_MODE"] == subscription


def test_only_a_peer_that_is_deployed_is_asked_for_workers(tmp_path: Path) -> None:
    with deployed(PEER, LAUNCH, 0, 5, Deployment(Group.WORKERS, workers=2)) as found:
        assert found.workers == ()
    assert "RTSERVER_WORKERS" not in environment(tmp_path)


@pytest.mark.parametrize("is_deployed", [True, False])
def test_only_such_a_peer_is_guarded(tmp_path: Path, is_deployed: bool) -> None:
    peer = Peer("fake", "Fake", find, is_deployed=is_deployed)
    with deployed(peer, LAUNCH, 0, 5, Deployment(Group.GUARDED, guarded=True)):
        pass
    assert ("RTSERVER_METRICS__ENABLED" in environment(tmp_path)) == is_deployed


@pytest.fixture
def parent() -> Iterator[int]:
    """A process with two children."""
    code = "import os, time; os.fork() and os.fork(); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, process_group=0)
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    yield process.pid
    subprocess.run(["kill", "--", f"-{process.pid}"], check=True)
    process.wait()
    process.stdout.close()


def test_workers_are_the_children(parent: int) -> None:
    workers = wait_for_workers(Running(parent, 1), 2)
    assert len(workers) == 2
    assert parent not in workers


def test_workers_that_do_not_come(parent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_TIMEOUT", 0.05)
    with pytest.raises(ServerError, match=r"2 of 3 workers started in 0\.05 s"):
        wait_for_workers(Running(parent, 1), 3)


def test_a_cluster_without_redis_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)
    with pytest.raises(RedisError, match="not installed"), redis_server(0):
        pass
    with (
        pytest.raises(ServerError, match="not installed"),
        deployed(PEER, LAUNCH, 0, 5, Deployment(Group.CLUSTERS, mode="pubsub")),
    ):
        pass
