from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from rtserver.errors import StartError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.listening import open_listeners


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class TestSockets:
    def test_a_free_port(self) -> None:
        listeners = open_listeners(ListenSettings(port=0))
        (made,) = listeners.sockets
        with made:
            port = made.getsockname()[1]
            assert port > 0
            assert listeners.urls(secure=False) == [f"http://127.0.0.1:{port}"]
            assert listeners.urls(secure=True) == [f"https://127.0.0.1:{port}"]
            listeners.remove_file()  # there is none
            socket.create_connection(("127.0.0.1", port), timeout=5).close()

    def test_ipv6(self) -> None:
        if not has_ipv6():
            pytest.skip("this machine has no IPv6")
        listeners = open_listeners(ListenSettings(host="::1", port=0))
        (made,) = listeners.sockets
        with made:
            assert listeners.urls(secure=False) == [f"http://[::1]:{made.getsockname()[1]}"]

    def test_every_address_of_the_machine(self) -> None:
        if not has_ipv6():
            pytest.skip("this machine has no IPv6")
        made = open_listeners(ListenSettings(host="::", port=0)).sockets
        with ExitStack() as stack:
            for each in made:
                stack.enter_context(each)
            port = made[0].getsockname()[1]
            for address in ("127.0.0.1", "::1"):
                client = stack.enter_context(socket.create_connection((address, port), timeout=5))
                (listener,) = [each for each in made if each.family == client.family]
                listener.setblocking(True)
                accepted, peer = listener.accept()
                accepted.close()
                assert peer[0] == address  # not ::ffff:127.0.0.1

    def test_a_machine_without_ipv6(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def make(*_: object, **__: object) -> socket.socket:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

        monkeypatch.setattr(socket, "socket", make)
        with pytest.raises(StartError, match="can't listen on ::1 port 80: this machine has no addresses of"):
            open_listeners(ListenSettings(host="::1", port=80))

    def test_every_address_of_a_name_has_the_same_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*_: object, **__: object) -> Sequence[object]:
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("127.0.0.1", 0)), (*kind, ("127.0.0.2", 0)), (*kind, ("127.0.0.2", 0))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        made = open_listeners(ListenSettings(host="both.example", port=0)).sockets
        with ExitStack() as stack:
            for each in made:
                stack.enter_context(each)
            (first, port), (second, same) = (each.getsockname() for each in made)
            assert (first, second) == ("127.0.0.1", "127.0.0.2")
            assert port == same

    def test_the_others_are_closed_when_one_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*_: object, **__: object) -> Sequence[object]:
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("127.0.0.1", 0)), (*kind, ("203.0.113.1", 0))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(StartError, match=r"203\.0\.113\.1 port \d+: this machine has no such address"):
            open_listeners(ListenSettings(host="both.example", port=0))

    def test_a_name_that_has_no_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*_: object, **__: object) -> Sequence[object]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(StartError) as caught:
            open_listeners(ListenSettings(host="nowhere.example"))
        assert str(caught.value) == (
            'listen.host: "nowhere.example" can\'t be resolved: Name or service not known;'
            " give an address of this machine"
        )

    def test_a_port_that_needs_rights(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def bind(_self: socket.socket, _address: object) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(socket.socket, "bind", bind)
        with pytest.raises(StartError, match=r"port 80: permission denied; ports below 1024"):
            open_listeners(ListenSettings(port=80))


class TestUnixSocket:
    def test_it_is_made_and_removed(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        listeners = open_listeners(ListenSettings(unix_socket=str(path)))
        (made,) = listeners.sockets
        with made:
            assert stat.S_ISSOCK(path.stat().st_mode)
            assert listeners.urls(secure=False) == [f"unix:{path}"]
        listeners.remove_file()
        assert not path.exists()

    @pytest.mark.parametrize("mode", ["660", "666"])
    def test_who_may_connect(self, tmp_path: Path, mode: str) -> None:
        """Whatever is the umask: nginx, as another user, needs the right to write."""
        path = tmp_path / "s"
        before = os.umask(0o077)
        try:
            (made,) = open_listeners(ListenSettings(unix_socket=str(path), unix_socket_mode=mode)).sockets
        finally:
            os.umask(before)
        with made:
            assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)

    def test_one_that_nobody_listens_on_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        (made,) = open_listeners(ListenSettings(unix_socket=str(path))).sockets
        made.close()

    def test_one_that_is_in_use_is_left_alone(self, tmp_path: Path) -> None:
        settings = ListenSettings(unix_socket=str(tmp_path / "s"))
        (made,) = open_listeners(settings).sockets
        with made, pytest.raises(StartError, match="it is in use"):
            open_listeners(settings)

    def test_a_file_is_left_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "s"
        file.write_text("precious")
        with pytest.raises(StartError, match="it is in use"):
            open_listeners(ListenSettings(unix_socket=str(file)))
        assert file.read_text() == "precious"
