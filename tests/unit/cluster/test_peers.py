from __future__ import annotations

from rtserver.cluster.peers import EXPIRY, REMEMBERED, Peers


def test_who_beats_is_alive_who_stops_is_dead_and_then_forgotten() -> None:
    peers = Peers()
    peers.heard("a", 0)
    peers.heard("b", EXPIRY)
    assert peers.sort(EXPIRY, 0) == (["a", "b"], [])
    assert peers.sort(EXPIRY + 1, 0) == (["b"], ["a"])
    assert peers.sort(REMEMBERED + 1, 0) == ([], ["b"])
    assert peers.sort(0, 0) == (["b"], [])


def test_who_says_goodbye_is_forgotten() -> None:
    peers = Peers()
    peers.heard("a", 0)
    peers.left("a")
    peers.left("nobody")
    assert peers.sort(0, 0) == ([], [])


def test_silence_says_nothing_while_nothing_is_heard_of_anyone() -> None:
    peers = Peers()
    peers.heard("a", 0)
    assert peers.sort(1000, 1000 - EXPIRY) == (["a"], [])
