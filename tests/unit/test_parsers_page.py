"""The codec of docs/parsers.md: it keeps what the page says that a codec must keep."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver import Server, SocketViolation
from rtserver.testing import TestClient
from tests.support.examples import ROOT, example, run

PAGE = "docs/parsers.md"


NAMES = run(PAGE, "codec")
CODEC = NAMES["CompactCodec"]()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_the_parser_is_the_one_that_the_end_to_end_tests_use() -> None:
    assert example(PAGE, "parser") == (ROOT / "tests/e2e/node/parsers/compact.js").read_text()


@given(st.lists(json_values, max_size=4), st.none() | st.integers(0, 10**15))
def test_what_is_encoded_is_decoded(args: list[Any], ack_id: int | None) -> None:
    outgoing = CODEC.encode_event("/chat", ack_id, ["event", *args])
    assert CODEC.decode(outgoing.text[1:].decode()) == (2, "/chat", ack_id, ["event", *args], 0)


@given(st.text() | st.binary())
def test_anything_at_all_is_a_packet_or_a_violation(message: str | bytes) -> None:
    with contextlib.suppress(SocketViolation):
        assert len(CODEC.decode(message)) == 5


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ('[2,"/",null,["e"]', "not a packet"),
        ('[2,"/",null]', "not a packet"),
        ("null", "not a packet"),
        ('[2,"/",null,[{"$bytes":"?"}]]', "not a packet"),
        ("[" * 100_000, "not a packet"),
        ('[2,"/",null,["e",' + "[" * 127 + "0" + "]" * 127 + "]]", None),
        ('[2,"/",null,["e",' + "[" * 128 + "0" + "]" * 128 + "]]", "deeper than 128 levels"),
        ('[7,"/",null,["e"]]', "unknown packet type 7"),
        ('[2,"/",null,["connect"]]', "reserved"),
    ],
)
def test_what_a_client_may_not_send(message: str, said: str | None) -> None:
    if said is None:
        CODEC.decode(message)
        return
    with pytest.raises(SocketViolation, match=said):
        CODEC.decode(message)


async def test_a_server_with_it() -> None:
    sio = NAMES["sio"]
    assert isinstance(sio, Server)

    @sio.event
    async def echo(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    async with TestClient(sio, auth={"token": b"\x00"}) as client:
        assert await client.call("echo", (1, [b"\xff"], "é")) == (1, [b"\xff"], "é")
        for wrong in (object(), float("nan")):
            with pytest.raises(TypeError):
                await sio.emit("event", wrong)
