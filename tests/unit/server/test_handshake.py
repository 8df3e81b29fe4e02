from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from rtserver.engineio.handler import Handshake as Request
from rtserver.server.handshake import SocketHandshake
from tests.unit.server.harness import Harness

REQUEST = Request(
    "GET",
    "/socket.io/?EIO=4&transport=websocket&name=Ada%20L&n=1&n=2&empty=",
    [(b"Host", b"chat.example"), (b"Cookie", b"a=1"), (b"Cookie", b"b=2"), (b"X", b"1"), (b"x", b"\xff")],
    remote=("203.0.113.7", 4711),
    secure=True,
    time=1795207245.574,
)


def of(request: Request, auth: str = "") -> SocketHandshake:
    harness = Harness()
    return harness.sio.socket(harness.session(request).join(auth=auth)).handshake


async def test_how_a_client_came_in() -> None:
    assert of(REQUEST, '{"token":1}') == SocketHandshake(
        headers={"host": "chat.example", "cookie": "a=1; b=2", "x": "1, \ufffd"},
        query={"EIO": "4", "transport": "websocket", "name": "Ada L", "n": "1", "empty": ""},
        auth={"token": 1},
        address="203.0.113.7",
        time=datetime(2026, 11, 20, 20, 40, 45, 574000, UTC),
        secure=True,
        xdomain=False,
        url=REQUEST.target,
    )


async def test_a_browser_on_a_page_sends_its_origin() -> None:
    assert of(Request("GET", "/", [(b"Origin", b"https://chat.example")])).xdomain


async def test_a_client_that_says_nothing_of_itself() -> None:
    assert of(REQUEST).auth == {}


async def test_other_servers_are_told_in_the_words_of_node() -> None:
    told = of(REQUEST, '{"token":1}').for_peer()
    assert told == {
        "headers": {"host": "chat.example", "cookie": "a=1; b=2", "x": "1, \ufffd"},
        "time": "Fri Nov 20 2026 20:40:45 GMT+0000 (Coordinated Universal Time)",
        "address": "203.0.113.7",
        "xdomain": False,
        "secure": True,
        "issued": 1795207245574,
        "url": REQUEST.target,
        "query": {"EIO": "4", "transport": "websocket", "name": "Ada L", "n": ["1", "2"], "empty": ""},
        "auth": {"token": 1},
    }
    assert SocketHandshake.from_peer(json.loads(json.dumps(told))) == of(REQUEST, '{"token":1}')


@pytest.mark.parametrize(
    "told", [{}, {"headers": None, "query": None, "auth": None, "issued": None, "url": None, "address": None}]
)
def test_another_server_may_leave_everything_out(told: dict[str, None]) -> None:
    nothing = SocketHandshake.from_peer(told)
    assert (nothing.headers, nothing.query, nothing.auth, nothing.address) == ({}, {}, {}, "")
    assert (nothing.issued, nothing.secure, nothing.xdomain, nothing.url) == (0, False, False, "")


def test_a_header_that_comes_as_a_list() -> None:
    told = {"headers": {"set-cookie": ["a=1", "b=2"]}}
    assert SocketHandshake.from_peer(told).headers == {"set-cookie": "a=1"}
