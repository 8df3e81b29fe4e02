from __future__ import annotations

import pytest

from rtserver.cluster.redis.streams.names import StreamNames


def test_one_stream() -> None:
    assert StreamNames("socket.io").of("/my-namespace") == "socket.io"


@pytest.mark.parametrize(
    ("namespace", "names"),
    [
        ("/", ("1", "2", "3", "5")),
        ("/my-namespace", ("-1", "0", "-3", "-6")),  # nothing of Node's reads the negative ones
        ("/chat", ("1", "1", "3", "4")),
        ("/news", ("0", "0", "2", "3")),
        ("/é☘😀", ("1", "1", "1", "1")),
    ],
)
def test_several_are_chosen_from_as_by_node(namespace: str, names: tuple[str, ...]) -> None:
    of_each = tuple(StreamNames("s", count).of(namespace) for count in (2, 3, 4, 7))
    assert of_each == tuple(f"s-{name}" for name in names)
