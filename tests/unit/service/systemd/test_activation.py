"""Sockets that systemd has opened."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtserver.errors import StartError
from rtserver.service.systemd.activation import activated_sockets

FIRST = 200
"""A descriptor that nobody else has here: the test's own are far below."""


@pytest.fixture
def passed() -> Iterator[list[socket.socket]]:
    """The sockets behind the descriptors from `FIRST` on, in the order in which the test adds them."""
    found: list[socket.socket] = []
    yield found
    for each in found:
        each.close()


def environment(*sockets: socket.socket | int, pid: int | None = None) -> dict[str, str]:
    """Place sockets as systemd does before it starts a process, and say so."""
    for number, each in enumerate(sockets, FIRST):
        os.dup2(each if isinstance(each, int) else each.fileno(), number)
    return {
        "LISTEN_PID": str(os.getpid() if pid is None else pid),
        "LISTEN_FDS": str(len(sockets)),
        "LISTEN_FDNAMES": "rtserver.socket",
        "PATH": "/bin",
    }


def test_sockets_of_all_kinds(passed: list[socket.socket], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s"))
        unix.listen()
        variables = environment(tcp, unix)
        passed += activated_sockets(variables, FIRST)
        assert variables == {"PATH": "/bin"}
        assert [each.getsockname() for each in passed] == [tcp.getsockname(), str(tmp_path / "s")]
    for each in passed:
        assert not each.get_inheritable()
        assert not each.getblocking()
    socket.create_connection(passed[0].getsockname(), timeout=5).close()  # it is still listened on


@pytest.mark.parametrize("pid", [1, None])
def test_sockets_for_another_process_or_none(pid: int | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        variables = environment(tcp, pid=1) if pid else {}
        assert activated_sockets(variables, FIRST) == []
        assert "LISTEN_FDS" not in variables
    if pid:
        os.close(FIRST)


def test_a_connection() -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(StartError) as caught:
        activated_sockets(environment(one), FIRST)
    assert str(caught.value) == (
        f"socket activation: descriptor {FIRST} is the socket of one connection, expected a listening socket;"
        " the socket unit needs ListenStream= and Accept=no"
    )


def test_datagrams() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        pytest.raises(StartError, match="SOCK_DGRAM"),
    ):
        activated_sockets(environment(udp), FIRST)


def test_what_is_no_socket(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(StartError, match=r"is no socket \("):
        activated_sockets(environment(file.fileno()), FIRST)
    os.close(FIRST)


def test_a_number_that_is_none() -> None:
    with pytest.raises(StartError, match="LISTEN_FDS: received 'two', expected the number"):
        activated_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "two"})
