"""The HTTP API of a service, with the official client: its commands, and the examples of its page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import example, said

from .harness.api import ApiClient
from .harness.command import Commands
from .harness.node import Node, NodeSocket

PAGE = "docs/http-api.md"
KEY = "a key that nobody guesses, 32 characters long"
ROOMS = """
[history]
rooms = ["chat:*"]
[presence]
rooms = ["chat:*"]
info = ["name"]
"""


@pytest.fixture
def commands(commands: Commands, tmp_path: Path) -> Commands:
    commands.write(app=example(PAGE, "app"))
    (tmp_path / "api.key").write_text(f"{KEY}\n")
    return commands


async def serve(commands: Commands, more: str = "", **env: str) -> str:
    variables = {f"RTSERVER_{name.upper()}": value for name, value in env.items()}
    return await (await commands.serve(example(PAGE, "config") + more, env=variables)).url()


@asynccontextmanager
async def service(commands: Commands, more: str = "", **env: str) -> AsyncIterator[ApiClient]:
    url = await serve(commands, more, **env)
    async with ApiClient(url, KEY) as api:
        yield api


async def client(node: Node, api: ApiClient, name: str, **options: Any) -> NodeSocket:
    return await node.connect(api.url.removesuffix("/api"), auth={"name": name}, **options)


async def test_the_page_s_batch(node: Node, commands: Commands) -> None:
    async with service(commands) as api:
        ada = await client(node, api, "ada")
        results = (await api.post("batch", **json.loads(example(PAGE, "batch")))).ok["results"]
        assert [each["status"] for each in results] == [200, 200]
        assert await ada.next("joined") == ["ada"]


async def test_the_page_s_answers(node: Node, commands: Commands) -> None:
    async with service(commands, api__info='["name"]') as api:
        ada = await client(node, api, "ada")
        await ada.answer("question", "yes")
        acks = json.loads(example(PAGE, "acks"))
        asked = await api.post("emit", to={"users": ["ada"]}, event="question", ack_timeout=20)
        assert asked.ok == acks
        shown = json.loads(example(PAGE, "sockets"))
        found = (await api.post("sockets", clients={"users": ["ada"]})).ok
        (shown_one,), (one,) = shown.pop("sockets"), found.pop("sockets")
        assert found == shown
        assert (one.keys(), one["rooms"]) == (shown_one.keys(), shown_one["rooms"])
        to = json.loads(example(PAGE, "to"))
        await api.post("emit", to=to, event="news", args=[1])
        assert await ada.next("news") == [1]
        refused = await api.post("emit", to={"rooms": "lobby"}, event="news")
        assert (refused.status, refused.body) == (422, json.loads(said(PAGE, "invalid")))


async def test_who_is_meant(node: Node, commands: Commands) -> None:
    async with service(commands) as api:
        ada, ada_too, eve = [await client(node, api, name) for name in ("ada", "ada", "eve")]
        await api.post("join", clients={"sockets": [eve.sid, ada.sid]}, rooms=["lobby"])
        for number, (to, except_, receivers) in enumerate(
            (
                ("all", None, [ada, ada_too, eve]),
                ({"users": ["ada"]}, None, [ada, ada_too]),
                ({"rooms": ["lobby"]}, None, [ada, eve]),
                ({"sockets": [eve.sid]}, None, [eve]),
                ({"rooms": ["lobby"], "users": ["ada"]}, None, [ada, ada_too, eve]),
                ("all", {"users": ["ada"]}, [eve]),
                ({"rooms": ["lobby"]}, {"sockets": [eve.sid]}, [ada]),
                ({"rooms": []}, None, []),
            )
        ):
            more = {} if except_ is None else {"except": except_}
            assert (await api.post("emit", to=to, event="number", args=[number], **more)).ok["in_touch"]
            await api.post("emit", to="all", event="done")
            for each in (ada, ada_too, eve):
                await each.next("done")
                got = [args for event, args in each.log.history if event == "number"]
                assert (got[-1:] == [[number]]) is (each in receivers), to


async def test_clients_come_and_go(node: Node, commands: Commands) -> None:
    async with service(commands, ROOMS, api__info='["name"]') as api:
        ada, eve = [await client(node, api, name) for name in ("ada", "eve")]
        await api.post("join", clients={"users": ["ada"]}, rooms=["chat:1", "chat:2"])
        await api.post("leave", clients="all", rooms=["chat:2"])
        listed = (await api.post("sockets", clients={"users": ["ada"]})).ok
        (one,) = listed.pop("sockets")
        assert listed == {"count": 1, "next": None, "missing_nodes": []}
        assert one.pop("connected_at") > 1_700_000_000
        assert one == {
            "id": ada.sid,
            "rooms": ["chat:1", "user:ada"],
            "address": "127.0.0.1",
            "info": {"name": "ada"},
        }
        assert (await api.post("presence", room="chat:1")).ok == {
            "members": {ada.sid: {"name": "ada"}},
            "count": 1,
            "missing_nodes": [],
        }
        await api.post("disconnect", clients={"users": ["eve"]})
        assert await eve.next("disconnect") == ["io server disconnect"]
        assert (await api.post("sockets")).ok["count"] == 1


async def test_a_list_of_clients_has_pages(node: Node, commands: Commands) -> None:
    async with service(commands) as api:
        sids = sorted([(await client(node, api, f"user {number}")).sid for number in range(5)])
        found: list[str] = []
        after = None
        while True:
            page = (await api.post("sockets", limit=2, after=after)).ok
            assert page["count"] == 5
            found += [each["id"] for each in page["sockets"]]
            after = page["next"]
            if after is None:
                break
            assert after == found[-1]
        assert found == sids


async def test_history(commands: Commands) -> None:
    async with service(commands, ROOMS) as api:
        for number in range(3):
            await api.post("emit", to={"rooms": ["chat:1"]}, event="said", args=[number, {"$bytes": "AQI="}])
        events = (await api.post("history", room="chat:1")).ok["events"]
        assert [each["args"] for each in events] == [[number, {"$bytes": "AQI="}] for number in range(3)]
        page = (await api.post("history", room="chat:1", since=events[1]["id"])).ok
        assert (page["complete"], [each["event"] for each in page["events"]]) == (True, ["said"])
        assert len((await api.post("history", room="chat:1", limit=1)).ok["events"]) == 1
        refused = await api.post("history", room="lobby")
        assert (refused.status, refused.body["code"]) == (404, "no_history")


async def test_bytes_and_acknowledgments(node: Node, commands: Commands) -> None:
    async with service(commands) as api:
        ada, eve, mute = [await client(node, api, name) for name in ("ada", "eve", "mute")]
        await eve.answer("question")
        await mute.never_answer("question")
        args = [{"$bytes": "AQI="}, {"$$bytes": 1}]
        some = {"users": ["ada", "eve"]}
        acks = (await api.post("emit", to=some, event="question", args=args, ack_timeout=20)).ok["acks"]
        assert sorted(acks["answers"], key=str) == [None, args]
        assert await ada.next("question") == [b"\x01\x02", {"$bytes": 1}]
        acks = (await api.post("emit", to="all", event="question", ack_timeout=0.2)).ok["acks"]
        assert (acks["missing_clients"], acks["missing_nodes"]) == (1, [])


async def test_a_repeated_request_is_done_once(node: Node, commands: Commands) -> None:
    async with service(commands) as api:
        ada = await client(node, api, "ada")
        order = {"to": {"users": ["ada"]}, "event": "order", "args": [1], "ack_timeout": 20}
        first, *others = await asyncio.gather(*(api.post("emit", "one", **order) for _ in range(4)))
        assert all(each.body == first.body for each in others)
        assert first.ok["acks"]["answers"] == [1]
        replayed = [each.headers.get("Idempotent-Replayed") for each in (first, *others)]
        assert sorted(map(str, replayed)) == ["None", "true", "true", "true"]
        other = await api.post("emit", "one", **{**order, "args": [2]})
        assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")
        refused = await api.post("emit", "two", to="all")
        assert (refused.status, refused.body["message"]) == (422, "event is missing")
        await api.post("emit", "two", **{**order, "args": [3]})
        orders = [args for event, args in ada.log.history if event == "order"]
        assert orders == [[1], [3]]


KEYS = """
[[api.keys]]
name = "reader"
key = "sha256:{digest}"
scopes = ["sockets"]
namespaces = ["/", "/other"]
[[api.keys]]
name = "slow"
key = "{slow}"
scopes = ["*"]
namespaces = ["*"]
commands_per_second = 0.001
commands_burst = 3
"""
READER = "another key that nobody guesses"
SLOW = "the key of a backend that does little"


async def test_keys(commands: Commands) -> None:
    more = KEYS.format(digest=sha256(READER.encode()).hexdigest(), slow=SLOW)
    url = await serve(commands, more)
    for key, status, code in ((None, 401, "key_missing"), ("x" * 40, 401, "key_unknown")):
        async with ApiClient(url, key) as api:
            refused = await api.post("sockets")
            assert (refused.status, refused.body["code"]) == (status, code)
            assert refused.headers["WWW-Authenticate"] == 'Bearer realm="rtserver"'
    async with ApiClient(url, READER) as api:
        assert (await api.post("sockets", namespace="/other")).ok["count"] == 0
        refused = await api.post("sockets", namespace="/admin")
        assert (refused.status, refused.body["code"]) == (403, "namespace_forbidden")
        for command, fields in (
            ("emit", {"to": "all", "event": "news"}),
            ("batch", {"commands": [{"command": "emit", "to": "all", "event": "news"}]}),
        ):
            refused = await api.post(command, None, **fields)
            assert (refused.status, refused.body["code"]) == (403, "scope_missing")
    async with ApiClient(url, SLOW) as api:
        emit = {"command": "emit", "to": "all", "event": "news"}
        assert (await api.post("batch", commands=[emit] * 5)).status == 200  # larger than the bucket
        refused = await api.post("sockets")
        assert (refused.status, refused.body["code"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 2000
    async with ApiClient(url, KEY) as api:
        assert (await api.post("sockets")).status == 200


async def test_requests_that_are_none(commands: Commands) -> None:
    async with service(commands, api__max_body="1000") as api:
        for body, status, code in (
            ("{", 400, "invalid_json"),
            ("[]", 400, "invalid_json"),
            (b'"\xff"', 400, "invalid_json"),
            ("[" * 500, 400, "invalid_json"),
            ('{"args": "' + "x" * 1000 + '"}', 413, "too_large"),
            ('{"to": "all", "event": "x", "args": [{"$bytes": 5}]}', 422, "invalid_request"),
        ):
            refused = await api.send("emit", body)
            assert (refused.status, refused.body["code"]) == (status, code), body
        refused = await api.send("emit", "{}", Content_Type="text/plain")
        assert (refused.status, refused.body["code"]) == (415, "unsupported_media_type")
        refused = await api.post("emit", "a b", to="all", event="x")
        assert (refused.status, refused.body["code"]) == (400, "invalid_request")
        assert (await api.post("nothing")).status == 404
        refused = await api.send("openapi.json", "{}")
        assert (refused.status, refused.headers["Allow"]) == (405, "GET")


async def test_from_the_shell(node: Node, commands: Commands) -> None:
    async with service(commands) as api:
        ada = await client(node, api, "ada")
        given = ("--api", api.url, "--key-file", "api.key")

        async def emit(*arguments: str) -> tuple[int, str, str]:
            return await (await commands.start("emit", *arguments)).end()

        assert await emit("news", "[1]", "text", *given) == (0, "", "")
        assert await ada.next("news") == [[1], "text"]
        assert await emit("question", "?", "--user", "ada", "--ack", "20", *given) == (0, '"?"\n', "")
        status, _, errors = await emit("connect", *given)
        assert (status, "emit: event: an event can't be named 'connect'" in errors) == (1, True)
        status, _, errors = await emit("news", "--user", "ada", "--config", "rtserver.toml")
        assert (status, "--user, --ack and --key-file need --api" in errors) == (2, True)
        status, _, errors = await emit("news", *given[:2])
        assert (status, "--api needs --key-file" in errors) == (2, True)


async def test_what_isn_t_asked_for_isn_t_there(commands: Commands) -> None:
    command = await commands.serve('app = "app:setup"\n')
    async with ApiClient(await command.url(), KEY) as api, api._http.get(f"{api.url}/openapi.json") as answer:
        assert answer.status == 404
