from __future__ import annotations

from typing import Any

import pytest

from rtserver.server.delivery.slow_clients import Drop, SlowClientPolicy, policies, policy_of
from rtserver.server.target import PLAIN, Flags

CONFLATE = SlowClientPolicy("conflate")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"action": "forget"},
            "received 'forget', expected one of disconnect, drop_oldest_volatile, conflate",
        ),
        ({"action": "drop_oldest_volatile", "max_volatile": 0}, "max_volatile: received 0"),
        ({"action": "conflate", "events": "price"}, "events: received 'price', expected a list"),
        ({"events": ["price"]}, "'conflate' only, which is 'disconnect'"),
        ({"action": "drop_oldest_volatile", "key": print}, "which is 'drop_oldest_volatile'"),
    ],
)
def test_wrong_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SlowClientPolicy(**options)


def test_a_policy_for_all_namespaces() -> None:
    found = policies("conflate")
    assert policy_of(found, "/") == policy_of(found, "/prices") == CONFLATE


def test_policies_by_namespace() -> None:
    found = policies({"/": "disconnect", "/prices": CONFLATE, "*": "drop_oldest_volatile"})
    assert policy_of(found, "/") is None
    assert policy_of(found, "/prices") is CONFLATE
    assert policy_of(found, "/other") == SlowClientPolicy("drop_oldest_volatile")
    assert policy_of(policies({}), "/") is None
    assert policy_of(policies("disconnect"), "/") is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("no", "action: received 'no'"),
        ({"prices": "conflate"}, "received namespace 'prices', expected /prices"),
    ],
)
def test_wrong_policies(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        policies(given)


def by_symbol(event: str, args: Any) -> str | None:
    return f"{event} {args[0]}" if event == "price" else None


@pytest.mark.parametrize(
    ("policy", "args", "flags", "key"),
    [
        (CONFLATE, ["price", "A"], PLAIN, None),
        (CONFLATE, ["price", "A"], Flags(key="k"), "k"),
        (SlowClientPolicy("conflate", key=by_symbol), ["price", "A"], PLAIN, "price A"),
        (SlowClientPolicy("conflate", key=by_symbol), ["price", "A"], Flags(key="k"), "k"),
        (SlowClientPolicy("conflate", key=by_symbol), ["chat", "hello"], PLAIN, None),
        (SlowClientPolicy("conflate", key=by_symbol, events=["chat"]), ["chat", "hello"], PLAIN, "chat"),
        (SlowClientPolicy("conflate", events=["chat"]), ["chat", "hello"], PLAIN, "chat"),
        (SlowClientPolicy("conflate", events=["chat"]), ["price"], PLAIN, None),
    ],
)
def test_the_key_of_an_event(policy: SlowClientPolicy, args: Any, flags: Flags, key: str | None) -> None:
    assert policy.key_of(args, flags) == key


def test_reasons_are_words() -> None:
    assert [str(each) for each in Drop] == ["not ready", "queue full", "buffer full", "conflated"]
