from __future__ import annotations

import sys
from typing import Any

from rtserver.server.client import MAX_DROPPED, Client
from rtserver.server.namespace import Namespace
from rtserver.server.socket import NOWHERE, Socket

SESSION: Any = object()


def socket(client: Client, name: str) -> Socket:
    made = Socket(f"sid{name}", client, Namespace(name), NOWHERE)
    client.add(made)
    return made


def test_sockets_are_found_by_namespace() -> None:
    client = Client(SESSION)
    assert client.find("/") is None
    assert (client.socket, client.connecting) == (None, None)
    main, a, b = socket(client, "/"), socket(client, "/a"), socket(client, "/b")
    assert [client.find(name) for name in ("/", "/a", "/b", "/c")] == [main, a, b, None]
    assert list(client.sockets()) == [main, a, b]
    assert client.socket is main


def test_removing_the_first_socket_makes_another_the_first() -> None:
    client = Client(SESSION)
    main, a, b = socket(client, "/"), socket(client, "/a"), socket(client, "/b")
    client.remove(main)
    assert list(client.sockets()) == [a, b]
    client.remove(b)
    client.remove(b)
    assert (client.socket, client.others) == (a, None)
    client.remove(a)
    assert (client.socket, client.connecting) == (None, None)


def test_a_namespace_that_the_server_ended_is_remembered_until_it_is_joined_again() -> None:
    client = Client(SESSION)
    client.drop("/a")
    client.drop("/b")
    assert client.has_dropped("/a")
    socket(client, "/a")
    assert not client.has_dropped("/a")
    assert client.has_dropped("/b")


def test_an_idle_client_in_one_namespace_costs_two_small_objects_and_a_sid() -> None:
    client = Client(SESSION)
    made = socket(client, "/")
    gc_header = 16
    size = sys.getsizeof(client) + sys.getsizeof(made) + 2 * gc_header + sys.getsizeof("x" * 20)
    assert not hasattr(client, "__dict__")
    assert not hasattr(made, "__dict__")
    assert size < 450


def test_of_the_namespaces_that_the_server_ended_the_latest_are_remembered() -> None:
    client = Client(SESSION)
    for number in range(MAX_DROPPED + 1):
        client.drop(f"/{number}")
    assert not client.has_dropped("/0")
    assert client.has_dropped("/1")
    assert client.has_dropped(f"/{MAX_DROPPED}")


def test_what_is_being_decided_is_kept_until_it_is() -> None:
    client = Client(SESSION)
    made = Socket("sid", client, Namespace("/a"), NOWHERE)
    client.decide("/a", made)
    client.decide("/b", made)
    client.decided("/a")
    client.decided("/a")
    assert client.connecting == {"/b": made}
    client.decided("/b")
    assert client.connecting is None
    client.decided("/b")


def test_it_is_busy_while_handlers_run_or_acknowledgments_are_waited_for() -> None:
    client = Client(SESSION)
    assert not client.is_busy
    other = [socket(client, name) for name in ("/", "/a")][1]
    other.acks = {1: print}
    assert client.is_busy
    other.acks = None
    client.running = 1
    assert client.is_busy
    client.running = 0
    assert not client.is_busy
