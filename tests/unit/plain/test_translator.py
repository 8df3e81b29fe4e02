from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import msgpack
import pytest

from rtserver.engineio.counters import Counters
from rtserver.engineio.outgoing import Outgoing
from rtserver.plain.json_form import JsonForm
from rtserver.plain.msgpack_form import MsgpackForm
from rtserver.plain.translator import Recoverable, Translator
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.msgpack_codec import MsgpackCodec
from rtserver.socketio.packet import Limits, Packet


def reverse(packet: bytes) -> bytes:
    return b"4" + packet.decode()[:0:-1].encode()


class ReversingCodec:
    """A codec of an application's own: the default one's packets, in reverse."""

    def __init__(self) -> None:
        self._codec = JsonCodec()

    def decode(self, data: str | bytes) -> Packet:
        assert isinstance(data, str)
        return self._codec.decode(data[::-1])

    def encode_event(self, namespace: str, id: int | None, args: Sequence[Any]) -> Outgoing:
        return Outgoing(reverse(self._codec.encode_event(namespace, id, args).text))

    def encode_ack(self, namespace: str, id: int, args: Sequence[Any]) -> bytes:
        packet = self._codec.encode_ack(namespace, id, args)
        assert isinstance(packet, bytes)
        return reverse(packet)

    def connect(self, namespace: str, payload: Any = None) -> bytes:
        return reverse(self._codec.connect(namespace, payload))

    def connect_error(self, namespace: str, data: Any) -> bytes:
        return reverse(self._codec.connect_error(namespace, data))

    def disconnect(self, namespace: str) -> bytes:
        return reverse(self._codec.disconnect(namespace))


CODECS = {
    "json": JsonCodec(),
    "module": JsonCodec(json_module=json),
    "msgpack": MsgpackCodec(),
    "strict": JsonCodec(Limits(max_depth=1, max_event_name=1, max_attachments=0)),
    "own": ReversingCodec(),
}
codecs = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
CASES: list[tuple[Any, dict[str, Any]]] = [
    (lambda codec: codec.connect("/", {"sid": "s"}), {"type": "connected", "sid": "s"}),
    (lambda codec: codec.connect("/é", {"sid": "s"}), {"type": "connected", "namespace": "/é", "sid": "s"}),
    (
        lambda codec: codec.connect_error("/chat", {"message": "no", "data": {"a": 1}}),
        {"type": "error", "namespace": "/chat", "message": "no", "data": {"a": 1}},
    ),
    (lambda codec: codec.disconnect("/"), {"type": "disconnect"}),
    (lambda codec: codec.disconnect("/chat"), {"type": "disconnect", "namespace": "/chat"}),
    (lambda codec: codec.encode_ack("/", 0, []), {"type": "ack", "id": 0, "data": []}),
    (
        lambda codec: codec.encode_ack('/"\\', 12, [[], "é]"]),
        {"type": "ack", "namespace": '/"\\', "id": 12, "data": [[], "é]"]},
    ),
    (lambda codec: codec.encode_event("/", None, ["hi"]), {"type": "event", "event": "hi", "data": []}),
    (
        lambda codec: codec.encode_event("/", 7, ["hi", {"a": [1, None]}, "x"]),
        {"type": "event", "event": "hi", "id": 7, "data": [{"a": [1, None]}, "x"]},
    ),
    (
        lambda codec: codec.encode_event("/12", 7, ['],"\\', "],"]),
        {"type": "event", "namespace": "/12", "event": '],"\\', "id": 7, "data": ["],"]},
    ),
    (
        lambda codec: codec.encode_event("/", None, ["é\n", [], ""]),
        {"type": "event", "event": "é\n", "data": [[], ""]},
    ),
]


def whole(message: Outgoing) -> str | bytes:
    return message.text.decode() if message.text else message.attachments[0]


def outgoing(packet: bytes | Outgoing) -> Outgoing:
    return packet if isinstance(packet, Outgoing) else Outgoing(packet)


@codecs
@pytest.mark.parametrize(("make", "message"), CASES)
def test_every_packet_in_both_forms(codec: Any, make: Any, message: dict[str, Any]) -> None:
    packet = outgoing(make(codec))
    text = Translator(codec, JsonForm(), Counters()).translate(packet)
    assert text.attachments == ()
    assert json.loads(text.text) == message
    assert list(json.loads(text.text)) == list(message)
    binary = Translator(codec, MsgpackForm(), Counters()).translate(packet)
    assert binary.text == b""
    assert msgpack.unpackb(binary.attachments[0]) == message


@pytest.mark.parametrize("name", ["json", "module", "msgpack", "strict"])
def test_bytes_and_what_looks_like_them(name: str) -> None:
    codec: Any = CODECS[name]
    packet = outgoing(
        codec.encode_event("/chat", 3, ["a", b"\1\2", {"$bytes": {"b": b""}}, {"_placeholder": 1}])
    )
    text = Translator(codec, JsonForm(), Counters()).translate(packet)
    assert text.text == (
        b'{"type":"event","namespace":"/chat","event":"a","id":3,"data":'
        b'[{"$bytes":"AQI="},{"$$bytes":{"b":{"$bytes":""}}},{"_placeholder":1}]}'
    )
    (binary,) = Translator(codec, MsgpackForm(), Counters()).translate(packet).attachments
    assert msgpack.unpackb(binary)["data"] == [b"\1\2", {"$bytes": {"b": b""}}, {"_placeholder": 1}]


@codecs
def test_what_looks_like_bytes_without_any(codec: Any) -> None:
    packet = codec.encode_event("/", None, ["a", {"$bytes": 1}])
    assert Translator(codec, JsonForm(), Counters()).translate(packet).text == (
        b'{"type":"event","event":"a","data":[{"$$bytes":1}]}'
    )


def test_arguments_are_copied_as_they_stand() -> None:
    translator = Translator(JsonCodec(), JsonForm(), Counters())
    assert translator.translate(Outgoing(b'42/n,1["a",not parsed]')).text == (
        b'{"type":"event","namespace":"/n","event":"a","id":1,"data":[not parsed]}'
    )
    assert translator.translate(Outgoing(b"43/n,1[not parsed]")).text == (
        b'{"type":"ack","namespace":"/n","id":1,"data":[not parsed]}'
    )


@pytest.mark.parametrize("form", [JsonForm(), MsgpackForm()], ids=["json", "msgpack"])
@pytest.mark.parametrize(
    "packet",
    [
        Outgoing(b"49"),
        Outgoing(b"42[]"),
        Outgoing(b'451-["a",{"_placeholder":true,"num":1}]', (b"",)),
    ],
)
def test_what_cannot_be_translated(packet: Outgoing, form: Any, caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    translator = Translator(JsonCodec(), form, counters)
    with caplog.at_level(logging.ERROR, "rtserver.plain"):
        assert translator.translate(packet).websocket == b""
    assert counters.untranslatable == 1
    assert "clients of which don't get it" in caplog.text


# Clients that can recover.


@codecs
@pytest.mark.parametrize("form", [JsonForm(), MsgpackForm()], ids=["json", "msgpack"])
def test_a_pid_leads_to_the_translator_for_offsets(codec: Any, form: Any) -> None:
    translator = Translator(codec, form, Counters())
    without = translator.translate(outgoing(codec.connect("/", {"sid": "s"})))
    assert type(without) is Outgoing
    message = translator.translate(outgoing(codec.connect("/", {"sid": "s", "pid": "p"})))
    assert type(message) is Recoverable
    assert translator.recoverable is not translator
    assert translator.recoverable.recoverable is translator.recoverable


@codecs
@pytest.mark.parametrize("form", [JsonForm(), MsgpackForm()], ids=["json", "msgpack"])
@pytest.mark.parametrize(
    ("args", "offset", "data"),
    [
        (["a", "12"], "12", []),
        (["a", 1, "12"], "12", [1]),
        (["a", "x", "12"], "12", ["x"]),
        (["a", 'x,"', "12"], "12", ['x,"']),
        (["a", {"b": "c"}, "1-0"], "1-0", [{"b": "c"}]),
        (["a", {"$bytes": 1}, "12"], "12", [{"$bytes": 1}]),
        (["a", "x", 'an "odd", one'], 'an "odd", one', ["x"]),
        (["a"], None, []),
        (["a", 1], None, [1]),
        (["a", "x", ["y"]], None, ["x", ["y"]]),
    ],
)
def test_the_offset_has_a_key_of_its_own(
    codec: Any, form: Any, args: list[Any], offset: str | None, data: list[Any]
) -> None:
    translator = Translator(codec, form, Counters()).recoverable
    packet = form.decode(whole(translator.translate(codec.encode_event("/", 7, args))))
    assert packet[3] == args, "an event with an id has none"
    message = whole(translator.translate(codec.encode_event("/", None, args)))
    found = json.loads(message) if isinstance(message, str) else msgpack.unpackb(message)
    expected = {"type": "event", "event": "a"} | ({} if offset is None else {"offset": offset})
    if isinstance(message, str):
        found = {
            **found,
            "data": [{"$bytes": 1} if each == {"$$bytes": 1} else each for each in found["data"]],
        }
    assert found == expected | {"data": data}
