from __future__ import annotations

from typing import Any

import pytest

from rtserver import RedisManager, Server

URL = "redis://127.0.0.1:1"


def test_a_server_takes_it() -> None:
    Server(client_manager=RedisManager(URL))
    Server(client_manager=RedisManager(URL, redis_options={"socket_timeout": 1}, client_name="app"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "pub/sub"}, "received the mode 'pub/sub', expected one of pubsub, sharded"),
        ({"subscription_mode": "none"}, "received the subscription mode 'none'"),
        ({"url": "http://127.0.0.1"}, "received the Redis URL 'http://127.0.0.1'"),
    ],
)
def test_what_it_does_not_know_is_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RedisManager(**{"url": URL, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": "news"}, "no parameter 'channel': .* is `python_channel`"),
        ({"write_only": True}, "no parameter 'write_only': .*`rtserver.Emitter`"),
        ({"logger": True}, "no parameter 'logger': the logger is `rtserver.cluster`"),
    ],
)
def test_parameters_of_python_socketio_that_have_other_names(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        RedisManager(URL, **options)
