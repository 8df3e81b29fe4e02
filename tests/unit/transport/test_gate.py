from __future__ import annotations

import pytest

from rtserver.errors import EngineRequestError
from rtserver.transport import gate as module
from rtserver.transport.gate import Gate, GateLimits


class Door:
    """A gate whose time a test moves."""

    def __init__(self, **limits: float) -> None:
        self.now = 0.0
        self.gate = Gate(GateLimits(**limits), lambda: self.now)  # type: ignore[arg-type]

    def come(self, address: str = "203.0.113.7") -> None:
        self.gate.ask(address)
        self.gate.enter(address)

    def refused(self, address: str = "203.0.113.7") -> EngineRequestError:
        with pytest.raises(EngineRequestError) as caught:
            self.come(address)
        return caught.value


def test_clients_in_all() -> None:
    door = Door(connections=2)
    door.come("a")
    door.come("b")
    error = door.refused("c")
    assert (error.status, error.code, error.headers) == (503, 4, {"Retry-After": "10"})
    assert error.message == "Unavailable: the server has 2 clients, the most that it takes; try again in 10 s"
    door.gate.leave("a")
    door.come("c")
    assert door.gate.inside == 2
    assert door.gate.refused["connections"] == 1


def test_clients_of_one_address() -> None:
    door = Door(connections_per_address=2)
    door.come("a")
    door.come("a")
    assert door.refused("a").status == 429
    door.come("b")
    door.gate.leave("a")
    door.come("a")
    for address in ("a", "a", "b"):
        door.gate.leave(address)
    assert door.gate._addresses == {}


def test_handshakes_of_one_address() -> None:
    door = Door(handshakes_per_second=0.5, handshakes_burst=3)
    for _ in range(3):
        door.come()
    error = door.refused()
    assert (error.status, error.headers) == (429, {"Retry-After": "2"})
    assert "at most 0.5 new connections a second from one address" in error.message
    door.come("another")
    door.now = 2
    door.come()
    door.refused()
    door.now = 1000
    for _ in range(3):
        door.come()
    door.refused()


def test_addresses_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 10)
    door = Door(handshakes_per_second=1, handshakes_burst=2)
    for number in range(9):
        door.come(str(number))
    door.now = 1.5
    door.come("busy")
    door.come("busy")
    door.come("10")  # the others could have come anew since
    assert set(door.gate._allowances) == {"busy", "10"}
    for number in range(100):
        door.come(f"more-{number}")
    assert len(door.gate._allowances) <= 10


def test_what_isn_t_limited() -> None:
    door = Door()
    for _ in range(1000):
        door.come()
    assert door.gate.inside == 1000


def test_a_place_that_others_have_taken_meanwhile() -> None:
    door = Door(connections=1)
    door.gate.ask("a")
    door.gate.ask("b")
    door.gate.enter("a")
    with pytest.raises(EngineRequestError):
        door.gate.enter("b")
    assert door.gate.inside == 1


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    door = Door(connections_per_address=2)
    door.come("2001:db8::1")
    door.come("2001:db8::ffff:1")
    door.refused("2001:db8:0:0:8000::")
    door.come("2001:db8:0:1::1")
    for address in ("2001:db8::2", "2001:db8::3", "2001:db8:0:1::9"):
        door.gate.leave(address)
    assert door.gate._addresses == {}
