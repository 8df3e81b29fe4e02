from __future__ import annotations

from rtserver.engineio.handler import Handshake, Session
from rtserver.engineio.outgoing import Outgoing
from rtserver.testing.session import MemorySession, messages


class Handler:
    """The server's side: notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.pause_after: str | bytes | None = None

    def connect(self, session: Session, /) -> None:
        session.context = self

    def message(self, session: Session, data: str | bytes, /) -> None:
        self.told.append(data)
        if data == self.pause_after:
            assert isinstance(session, MemorySession)
            session.pause_reading()

    def disconnect(self, session: Session, reason: str, /) -> None:
        self.told.append(("disconnect", reason))

    def drain(self, session: Session, /) -> None:
        self.told.append("drain")


class Fixture:
    def __init__(self, max_buffer_size: int = 100) -> None:
        self.handler = Handler()
        self.arrived: list[str | bytes] = []
        self.closed: list[str] = []
        self.session = MemorySession(
            self.handler,
            Handshake("GET", "/"),
            self.arrived.append,
            self.closed.append,
            max_buffer_size=max_buffer_size,
        )


def test_a_packet_is_the_messages_that_it_travels_as() -> None:
    assert messages(b"42[1]") == ["2[1]"]
    assert messages(Outgoing(b"451-[]", (b"a", b"b"))) == ["51-[]", b"a", b"b"]
    assert messages(Outgoing(b"", (b"a",))) == [b"a"]


def test_what_is_sent_arrives_in_order() -> None:
    each = Fixture()
    each.session.send_text(b'42["\xc3\xa9"]')
    each.session.send_outgoing(Outgoing(b"451-[]", (b"part",)))
    each.session.send("message")
    assert each.arrived == ['2["é"]', "51-[]", b"part", "message"]


def test_a_stalled_client_takes_nothing_until_it_resumes() -> None:
    each = Fixture()
    assert each.session.writable
    each.session.stall()
    assert (each.session.writable, each.session.congested) == (False, True)
    each.session.send_text(b"4\xc3\xa9")
    each.session.send(b"12345")
    assert (each.arrived, each.session.buffered) == ([], 7)
    each.session.resume()
    assert (each.arrived, each.session.buffered) == (["é", b"12345"], 0)
    assert each.session.writable
    assert each.handler.told == ["drain"]
    each.session.resume()
    assert each.handler.told == ["drain"], "it had not stalled"
    each.session.stall()
    each.session.resume()
    assert each.handler.told == ["drain"] * 2, "the layer above may hold something back"


def test_a_client_that_stalls_too_long_is_disconnected() -> None:
    each = Fixture(max_buffer_size=10)
    each.session.stall()
    each.session.send(b"x" * 10)
    assert each.session.is_open
    each.session.send(b"x")
    assert each.handler.told == [("disconnect", "slow client")]
    assert each.closed == ["slow client"]
    assert each.session.buffered == 0
    each.session.resume()
    each.session.send("late")
    assert each.arrived == []


def test_a_session_closes_once_and_then_is_silent() -> None:
    each = Fixture()
    each.session.close()
    each.session.close("again")
    each.session.send("late")
    each.session.receive("late")
    assert each.handler.told == [("disconnect", "forced close")]
    assert each.closed == ["forced close"]
    assert (each.arrived, each.session.writable) == ([], False)


def test_what_comes_while_the_server_doesnt_read_waits_in_order() -> None:
    each = Fixture()
    each.session.pause_reading()
    for message in ("1", b"2", "3"):
        each.session.receive(message)
    assert each.handler.told == []
    each.handler.pause_after = b"2"
    each.session.resume_reading()
    assert each.handler.told == ["1", b"2"]
    each.session.resume_reading()
    assert each.handler.told == ["1", b"2", "3"]
