from __future__ import annotations

from rtserver.engineio.outgoing import Outgoing
from rtserver.server.socket import NOWHERE, Held


def test_held_messages_keep_their_order() -> None:
    held = Held(100)
    held.send_text(b'42["a"]')
    message = Outgoing(b'451-["b",{"_placeholder":true,"num":0}]', [b"data"])
    held.send_outgoing(message)
    assert [each.text for each in held.outgoing] == [b'42["a"]', message.text]
    assert not held.overflowed


def test_more_than_the_limit_is_not_held_at_all() -> None:
    held = Held(10)
    held.send_text(b"x" * 10)
    assert not held.overflowed
    held.send_outgoing(Outgoing(b"", [b"y"]))
    held.send_text(b"z")
    assert held.overflowed
    assert held.outgoing == []


def test_nowhere_takes_everything() -> None:
    NOWHERE.send_text(b"x")
    NOWHERE.send_outgoing(Outgoing(b"x"))
