from __future__ import annotations

import json

import pytest

from rtserver.server.written import Written, write
from rtserver.socketio.json_codec import JsonCodec

CODEC = JsonCodec()


def test_an_event_is_written_as_clients_are_sent_it() -> None:
    assert write(CODEC, "/", ["chat", {"n": 1}]) == b'42["chat",{"n":1}]'
    assert write(CODEC, "/a", ["chat"]) == b'42/a,["chat"]'
    assert write(CODEC, "/", ["picture", b"\x00"]) is None


def test_an_engine_that_ends_its_text_otherwise_is_not_used() -> None:
    class Module:
        loads = staticmethod(json.loads)

        @staticmethod
        def dumps(value: object, *, separators: tuple[str, str]) -> str:
            return json.dumps(value) + "\n"

    assert write(JsonCodec(json_module=Module), "/", ["chat"]) is None


@pytest.mark.parametrize("codec", [CODEC, JsonCodec(json_module=json)])
@pytest.mark.parametrize("namespace", ["/", "/a"])
def test_it_is_a_sequence_of_name_and_arguments(codec: JsonCodec, namespace: str) -> None:
    args = ["chat", {"n": [1, None]}, "é\ud800", 2**70 * 1.0]
    text = write(codec, namespace, args)
    assert text is not None
    written = Written(text, codec)
    assert (list(written), len(written), written[0], written[1:]) == (args, 4, "chat", args[1:])
    assert repr(written) == repr(args)
    assert (written.outgoing.text, written.outgoing.attachments) == (text, ())


def test_nothing_is_decoded_for_an_offset() -> None:
    written = Written(b'42["chat",not even JSON]', CODEC)
    assert written.with_offset("abc.1").text == b'42["chat",not even JSON,"abc.1"]'
    assert Written(b'42/a,["chat"]', CODEC).with_offset("1").text == b'42/a,["chat","1"]'
