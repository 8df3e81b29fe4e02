from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtserver.errors import ConfigError
from rtserver.service.config import load_config
from rtserver.service.namespace_settings import NamespaceSettings
from rtserver.service.server_options import server_options
from tests.support.tokens import SECRET

TOKENS = f"""
[auth]
namespaces = ["*"]
[[auth.keys]]
algorithm = "HS256"
secret = {json.dumps(SECRET.decode())}
"""
CHAT = '[[namespaces]]\nname = "/chat"\n'
WEBHOOKS = f"""
[webhooks]
url = "http://127.0.0.1:9100"
secrets = ["whsec_{"x" * 40}"]
namespaces = ["/chat"]
"""
EVENT = '[[namespaces.events]]\nname = "say"\n'


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "rtserver.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


def test_no_application_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text(CHAT)
    config = load_config(file)
    assert config.app is None
    assert [each.name for each in config.namespaces] == ["/chat"]
    file.write_text(WEBHOOKS)
    config = load_config(file)
    assert config.app is None
    assert server_options(config)["namespaces"] == ["/chat"]
    file.write_text('app = "chat:setup"\n' + CHAT)
    assert load_config(file).app == "chat:setup"


@pytest.mark.parametrize("text", ["", "namespaces = []", "namespaces = []\nwebhooks = {}"])
def test_something_is_served(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == [
        'app: missing, expected an import path, "package.module:attribute"; or none, where [[namespaces]] or'
        " webhooks.namespaces say what is served"
    ]


def test_what_may_be_joined_may_be_left_unless_it_is_said_otherwise() -> None:
    rooms = NamespaceSettings(name="/", may_join=["chat:*"]).declaration()
    assert rooms.may_leave == rooms.may_join
    assert NamespaceSettings(name="/", may_join=["chat:*"], may_leave=[]).declaration().may_leave == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'join = ["user:{sub"]',
            'join[0]: received "user:{sub", expected a claim in braces to be all of a part',
        ),
        ('join = ["lobby", "team-{team}"]', 'join[1]: received "team-{team}", expected a claim in braces'),
        ('join = ["chat:*"]', 'join[0]: received "chat:*", expected a room without *: nobody chooses what'),
        ('may_join = ["*"]', 'may_join[0]: received "*", expected a fixed part before it, such as "room:*"'),
        ('may_join = ["chat:"]', 'may_join[0]: received "chat:", expected a name whose parts between colons'),
        ("may_join = [7]", 'may_join[0]: received 7, expected a pattern of rooms, such as "chat:*"'),
        ('may_jion = ["chat:*"]', "may_jion: unknown setting (received"),
        ("[namespaces.limits]\nrooms = 0", "limits.rooms: received 0, expected an integer, at least 1"),
        (f'{EVENT}relay = ["a:b*"]', 'events[0].relay[0]: received "a:b*", expected * to be all of a part'),
        ('[[namespaces.events]]\nname = ""', 'events[0].name: received "", expected text that isn\'t empty'),
    ],
)
def test_a_value_that_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(tmp_path, CHAT + text)
    assert found.startswith(f"namespaces[0].{problem}")


@pytest.mark.parametrize("name", ["chat", "", "/a:b", "/a b", "/*"])
def test_a_name_that_is_wrong(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, f"[[namespaces]]\nname = {json.dumps(name)}")
    assert found == (
        f'namespaces[0].name: received {json.dumps(name)}, expected "/", or "/" before letters, digits and'
        " . _ ~ - /"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CHAT + CHAT, "is declared 2 times, expected it once"),
        (
            CHAT + "backend = true",
            "has backend = true, expected webhooks.url, the backend's address, as well",
        ),
        (
            CHAT + EVENT + "backend = true",
            "has backend = true, expected webhooks.url, the backend's address",
        ),
        (
            CHAT + 'join = ["user:{sub}"]',
            'has the claim "sub", and its clients have none: name the namespace in',
        ),
        (CHAT + 'public = ["sub"]', 'has the claim "sub", and its clients have none'),
        (CHAT + EVENT, ': the event "say" goes nowhere: set relay, to name the rooms, or backend = true'),
        (CHAT + EVENT + 'relay = ["chat:*"]', ': the event "say" is relayed to "chat:*", where nobody is'),
        (
            CHAT + EVENT.replace("say", "token_refresh") + 'relay = ["chat:*"]',
            ': the event "token_refresh" can\'t be declared: clients answer it with their tokens',
        ),
        (CHAT + 'may_leave = ["chat:*"]', ': may_leave has "chat:*", where nobody is'),
        (
            CHAT + 'join = ["user:{sub}"]\nmay_join = ["user:*"]' + TOKENS,
            ': "user:{sub}" and "user:*" can be the same room by different claims',
        ),
    ],
)
def test_what_contradicts_itself(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith('namespaces: "/chat"')
    assert found.removeprefix('namespaces: "/chat"').strip().startswith(problem.strip())


def test_an_event_that_is_declared_twice(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, CHAT + EVENT + EVENT)
    assert found == 'namespaces[0]: events: received "say" 2 times, expected it once'


def test_clients_are_in_before_it_is_decided(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, CHAT + "[socket]\nalways_connect = true")
    assert found.startswith("socket.always_connect lets clients into [[namespaces]] before it is decided")


def test_an_application_may_put_clients_into_rooms(tmp_path: Path) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text('app = "chat:setup"\n' + CHAT + EVENT + 'relay = ["chat:*"]')
    assert load_config(file).namespaces[0].events[0].name == "say"


@pytest.mark.parametrize("text", ["backend = true\n", '[[namespaces.events]]\nname = "*"\nbackend = true\n'])
def test_a_backend_may_put_clients_into_rooms(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rtserver.toml"
    webhooks = WEBHOOKS.replace("/chat", "/other")
    file.write_text(webhooks + CHAT + text + EVENT + 'relay = ["lobby"]')
    assert load_config(file).namespaces[0].events[-1].name == "say"
