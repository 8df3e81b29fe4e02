from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from rtserver.errors import HandshakeError
from rtserver.websocket.deflate import DeflateOptions, DeflateParameters
from rtserver.websocket.handshake import Accepted, accept, accept_key

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, 1.3
REQUEST = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def shake(
    *lines: tuple[str, str],
    without: str = "",
    method: str = "GET",
    version: tuple[int, int] = (1, 1),
    **options: Any,
) -> Accepted:
    """Handshake with REQUEST, its headers replaced by those of `lines`, which may repeat a name."""
    replaced = {name.lower() for name, _ in lines} | {without.lower()}
    headers = CIMultiDict(
        [(name, value) for name, value in REQUEST.items() if name.lower() not in replaced] + list(lines)
    )
    return accept(method, version, CIMultiDictProxy(headers), **options)


def refused(*lines: tuple[str, str], **options: Any) -> HandshakeError:
    with pytest.raises(HandshakeError) as caught:
        shake(*lines, **options)
    assert "\n" not in caught.value.message
    return caught.value


def test_the_example_of_rfc_6455_1_3() -> None:
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    accepted = shake()
    assert accepted == Accepted("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", None, None, accepted.response_headers)
    assert accepted.response_headers == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    }


@pytest.mark.parametrize("method", ["POST", "HEAD", "get", "OPTIONS"])
def test_another_method_is_405(method: str) -> None:
    error = refused(method=method)
    assert (error.status, error.headers) == (405, {"Allow": "GET"})
    assert error.message == f"a WebSocket handshake is a GET request, not {method!r}"


def test_http_versions() -> None:
    assert shake(version=(1, 2))
    for version in ((1, 0), (0, 9), (2, 0)):
        error = refused(version=version)
        assert error.status == 400
        assert error.message.endswith(f"needs HTTP/1.1, not HTTP/{version[0]}.{version[1]}")


def test_host() -> None:
    assert refused(without="Host").status == 400
    assert refused(("Host", "a"), ("Host", "b")).status == 400


@pytest.mark.parametrize(
    "lines",
    [
        [("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade")],
        [("Upgrade", "foo, websocket"), ("Connection", "UPGRADE")],
        [
            ("Upgrade", "foo"),
            ("Upgrade", "WEBSOCKET"),
            ("Connection", "close"),
            ("Connection", "a ,\tupgrade , b"),
        ],
    ],
)
def test_upgrade_and_connection_are_lists_of_tokens(lines: list[tuple[str, str]]) -> None:
    assert shake(*lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upgrade", "websockets"),
        ("Upgrade", "h2c"),
        ("Upgrade", "web,socket"),
        ("Connection", "keep-alive"),
        ("Connection", "upgrades, x-upgrade"),
    ],
)
def test_without_the_token_it_is_400(name: str, value: str) -> None:
    expected = {"Upgrade": "websocket", "Connection": "upgrade"}[name]
    error = refused((name, value))
    assert error.status == 400
    assert error.message.startswith(f"{name} is {value!r}, expected {expected!r}: ")
    assert refused(without=name).message.startswith(f"{name} is missing, expected {expected!r}: ")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",  # no padding
        "dGhlIHNhbXBsZSBub25jZQ= ",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZTE=",  # 17 bytes
        "dGhlIHNhbXBsZSBub25j",  # 15 bytes
        "dGhlIHNhbXBsZSBub25jMTIz",  # 24 characters, 18 bytes
        "dGhlIHNhb-BsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZé==",
        "dGhlIHNhbXBsZSBu\udc80b25jZ==",
        "x" * 9000,
    ],
)
def test_a_key_that_is_not_16_bytes_is_400(key: str) -> None:
    error = refused(("Sec-WebSocket-Key", key))
    assert error.status == 400
    assert error.message == (
        f"Sec-WebSocket-Key is {key[:100]!r}, expected one value, the base64 form of 16 bytes"
    )
    error.message.encode()


def test_one_key_is_needed() -> None:
    assert refused(without="Sec-WebSocket-Key").message.startswith("Sec-WebSocket-Key is missing, expected")
    assert refused(("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Key", KEY)).status == 400


@pytest.mark.parametrize("versions", [[], ["8"], ["014"], ["13", "13"], ["13, 8"], [""]])
def test_another_version_is_426(versions: list[str]) -> None:
    error = refused(
        *(("Sec-WebSocket-Version", version) for version in versions), without="Sec-WebSocket-Version"
    )
    assert (error.status, error.headers) == (426, {"Sec-WebSocket-Version": "13"})
    shown = repr(", ".join(versions)) if versions else "missing"
    assert error.message == f"Sec-WebSocket-Version is {shown}, expected 13: use a client of RFC 6455"


@pytest.mark.parametrize(
    ("supported", "offered", "chosen"),
    [
        (["b", "a"], ["a, b"], "b"),  # the server's order
        (["b", "a"], ["a", "b"], "b"),
        (["b", "a"], ["c , a"], "a"),
        (["b"], ["B"], None),
        (["b"], ["c"], None),
        (["b"], [], None),
        ([], ["b"], None),
        (["b"], [",, ,"], None),
    ],
)
def test_subprotocol(supported: list[str], offered: list[str], chosen: str | None) -> None:
    accepted = shake(*(("Sec-WebSocket-Protocol", value) for value in offered), subprotocols=supported)
    assert accepted.subprotocol == chosen
    assert accepted.response_headers.get("Sec-WebSocket-Protocol") == chosen


def test_extensions() -> None:
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=9")
    accepted = shake(offer, deflate=DeflateOptions())
    assert accepted.deflate == DeflateParameters(server_max_window_bits=9)
    assert accepted.response_headers["Sec-WebSocket-Extensions"] == offer[1]

    other = ("Sec-WebSocket-Extensions", "permessage-deflate; foo")
    assert shake(other, offer, deflate=DeflateOptions()).deflate == accepted.deflate
    assert shake(other, deflate=DeflateOptions()).deflate is None
    assert "Sec-WebSocket-Extensions" not in shake(other, deflate=DeflateOptions()).response_headers
    assert shake(offer).deflate is None  # off by default
    assert refused(("Sec-WebSocket-Extensions", "?"), deflate=DeflateOptions()).status == 400
