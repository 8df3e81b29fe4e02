from __future__ import annotations

from rtserver.cluster.redis.channels import Channels


def test_the_names_are_those_of_nodes_adapters() -> None:
    channels = Channels()
    assert channels.events("/") == "socket.io#/#"
    assert channels.events("/chat", "r1") == "socket.io#/chat#r1#"
    assert channels.server("/", "a4d9938857504fe0") == "socket.io#/#a4d9938857504fe0#"
    assert channels.requests("/") == "socket.io-request#/#"
    assert channels.responses("/") == "socket.io-response#/#"
    assert channels.responses("/", "bTrh2X") == "socket.io-response#/#bTrh2X#"
    assert Channels("app").requests("/") == "app-request#/#"


def test_the_pattern_matches_no_other_namespace() -> None:
    assert Channels().all_events("/chat") == "socket.io#/chat#*"
    assert Channels().all_events("/a*[b]?") == r"socket.io#/a\*\[b\]\?#*"


def test_half_of_a_surrogate_pair_is_written_as_javascript_does() -> None:
    assert Channels().events("/", "a\ud800b") == "socket.io#/#a\ufffdb#"
    assert Channels().events("/", "grün \U0001f600") == "socket.io#/#grün \U0001f600#"


def test_a_channel_may_be_that_of_several_rooms() -> None:
    channels = Channels("k")
    assert list(channels.rooms_of(channels.events("/"))) == []
    assert list(channels.rooms_of(channels.events("/", "r"))) == [("/", "r")]
    assert list(channels.rooms_of("k#/a#b#c#")) == [("/a", "b#c"), ("/a#b", "c")]
