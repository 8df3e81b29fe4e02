from __future__ import annotations

import json
from typing import Any

import pytest

from rtserver import Server
from rtserver.admin.description import (
    described,
    described_peer,
    is_private,
    marked_data,
    room_name,
    shown,
    timestamp,
)
from rtserver.server.answers import SocketDetails
from rtserver.server.socket import Socket
from rtserver.testing import TestClient


async def internal(sio: Server, client: TestClient) -> Socket:
    socket = sio._hub.find("/", client.sid)
    assert socket is not None
    return socket


async def test_a_socket() -> None:
    sio = Server()
    headers = {"User-Agent": "tests", "Cookie": "id=1", "Authorization": "Bearer x"}
    query = {"room": "a", "access_token": "x"}
    async with TestClient(
        sio, auth={"secret": 1}, headers=headers, query=query, address=("203.0.113.7", 1)
    ) as client:
        await sio.enter_room(client.sid, "lobby")
        await sio.enter_room(client.sid, ("a", 1))
        await sio.save_session(client.sid, {"name": "Ada", "password": "x"})
        socket = await internal(sio, client)
        seen = described(socket)
        assert marked_data(socket) == {
            "name": "Ada",
            "password": "x",
            "_admin": {"clientId": seen["clientId"], "transport": "websocket"},
        }
    handshake = seen.pop("handshake")
    client_id = seen.pop("clientId")
    assert len(client_id) == 12
    assert client_id not in socket.client.session.sid
    assert seen == {
        "id": client.sid,
        "transport": "websocket",
        "nsp": "/",
        "data": {"name": "Ada", "password": "(hidden)"},
        "rooms": [client.sid, "lobby", "('a', 1)"],
    }
    assert handshake["address"] == "203.0.113.7"
    assert handshake["headers"] == {
        "host": "testserver",
        "user-agent": "tests",
        "cookie": "(hidden)",
        "authorization": "(hidden)",
    }
    assert handshake["query"] == {
        "EIO": "4",
        "transport": "websocket",
        "room": "a",
        "access_token": "(hidden)",
    }
    assert handshake["url"] == "/socket.io/?EIO=4&transport=websocket&room=a&access_token=(hidden)"
    assert set(handshake) == {*("address", "headers", "issued", "query", "secure", "time", "url", "xdomain")}


def test_a_socket_of_another_server() -> None:
    data = {"name": "Ada", "_admin": {"clientId": "abc", "transport": "polling"}}
    handshake = {"headers": {"cookie": "x"}, "auth": {"password": "x"}, "issued": 1000, "url": "/?a=1"}
    seen = described_peer("/chat", SocketDetails("one", handshake, ["one", "lobby"], data))
    assert seen["clientId"] == "abc"
    assert seen["transport"] == "polling"
    assert seen["nsp"] == "/chat"
    assert seen["data"] == {"name": "Ada"}
    assert seen["rooms"] == ["one", "lobby"]
    assert seen["handshake"]["headers"] == {"cookie": "(hidden)"}
    assert "auth" not in seen["handshake"]
    assert "_admin" in data


@pytest.mark.parametrize("mark", [None, "x", 7, {}])
def test_a_socket_of_a_server_without_the_admin_ui_is_a_client_for_itself(mark: object) -> None:
    seen = described_peer("/", SocketDetails("one", {}, ["one"], {"_admin": mark}))
    assert (seen["clientId"], seen["transport"], seen["data"]) == ("one", "", {})


class Account:
    """Something of an application's."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**53 + 1, "9007199254740993"),
        (1.5, 1.5),
        (float("nan"), "nan"),
        ("text", "text"),
        ("x" * 3000, "x" * 2000 + "…"),
        ("\ud800", "?"),
        (b"abc", "(3 bytes)"),
        ({"a": [1, (2,)], 3: {4}}, {"a": [1, [2]], "3": [4]}),
        ({"API-Key": 1, "refreshToken": 2}, {"API-Key": "(hidden)", "refreshToken": "(hidden)"}),
        (Account(), "(Account)"),
        (list(range(1000)), list(range(100))),
    ],
)
def test_what_is_shown_of_a_value(value: Any, expected: Any) -> None:
    assert shown(value) == expected


def test_what_is_in_itself_has_an_end() -> None:
    value: list[Any] = []
    value.append(value)
    assert len(json.dumps(shown(value))) < 100


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cookie", True), ("X-Api-Key", True), ("sec-websocket-key", False), ("tokens", True), ("host", False)],
)
def test_names_whose_values_are_hidden(name: str, expected: bool) -> None:
    assert is_private(name) is expected


def test_a_room_is_named_by_text() -> None:
    assert room_name(7) == "7"
    assert room_name("lobby") == "lobby"


def test_a_time_is_written_as_javascript_does() -> None:
    assert timestamp(1_700_000_000.1234) == "2023-11-14T22:13:20.123Z"
