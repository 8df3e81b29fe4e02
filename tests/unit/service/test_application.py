from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rtserver.errors import StartError
from rtserver.host import Server
from rtserver.service.application import load_application, set_up_application

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module of an application; what it imports is forgotten after the test."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("demo_"):
            del sys.modules[name]


def refusal(import_path: str, folder: Path) -> str:
    with pytest.raises(StartError) as caught:
        load_application(import_path, folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


class TestLoad:
    def test_a_function(self, write: Write, tmp_path: Path) -> None:
        write("demo_a.py", "def setup(server): return 5")
        found = load_application("demo_a:setup", tmp_path)
        assert not isinstance(found, Server)
        assert found(None) == 5

    def test_a_server(self, write: Write, tmp_path: Path) -> None:
        write("demo_b.py", "from rtserver.host import Server\nserver = Server()")
        assert isinstance(load_application("demo_b:server", tmp_path), Server)

    def test_an_attribute_in_a_package_in_a_class(self, write: Write, tmp_path: Path) -> None:
        write("demo_c/__init__.py", "")
        write("demo_c/inner.py", "class Chat:\n    @staticmethod\n    def setup(server): return 6")
        found = load_application("demo_c.inner:Chat.setup", tmp_path)
        assert callable(found)
        assert found(None) == 6

    @pytest.mark.parametrize("import_path", ["demo_none:setup", "demo_none.inner:setup"])
    def test_a_module_that_isnt_there(self, write: Write, tmp_path: Path, import_path: str) -> None:
        assert refusal(import_path, tmp_path) == (
            f"app: can't import \"{import_path}\": ModuleNotFoundError: No module named 'demo_none'"
            f"; looked in {tmp_path} first (app_dir)"
        )

    def test_an_import_in_it_that_fails(self, write: Write, tmp_path: Path) -> None:
        write("demo_d.py", "\nimport demo_helper")
        write("demo_helper.py", "\n\nfrom os import no_such_name")
        message = refusal("demo_d:setup", tmp_path)
        assert message.startswith('app: can\'t import "demo_d:setup": ImportError: cannot import name')
        assert message.endswith(f"({tmp_path}/demo_helper.py, line 3)")

    def test_a_fault_of_its_own(self, write: Write, tmp_path: Path) -> None:
        write("demo_e.py", "x = 1\ny = 1 / 0")
        assert refusal("demo_e:setup", tmp_path) == (
            'app: can\'t import "demo_e:setup": ZeroDivisionError: division by zero'
            f" ({tmp_path}/demo_e.py, line 2)"
        )

    def test_a_syntax_error(self, write: Write, tmp_path: Path) -> None:
        write("demo_f.py", "x = 1\ndef f(:\n")
        assert refusal("demo_f:setup", tmp_path) == (
            f'app: can\'t import "demo_f:setup": SyntaxError: invalid syntax ({tmp_path}/demo_f.py, line 2)'
        )

    def test_an_attribute_that_isnt_there(self, write: Write, tmp_path: Path) -> None:
        write("demo_g.py", "")
        assert refusal("demo_g:setup", tmp_path) == (
            f'app: can\'t import "demo_g:setup": {tmp_path}/demo_g.py defines no "setup"'
        )

    def test_something_else(self, write: Write, tmp_path: Path) -> None:
        write("demo_h.py", "setup = 5")
        assert refusal("demo_h:setup", tmp_path) == (
            'app: "demo_h:setup" is of type int, expected a rtserver.Server or a function that receives one'
        )


class TestSetUp:
    async def received(self, function: Callable[..., Any]) -> None:
        await set_up_application("chat:setup", function, self.server, self.host)

    @pytest.fixture(autouse=True)
    async def _make(self) -> None:
        self.server, self.host = Server(), web.Application()

    async def test_one_parameter(self) -> None:
        seen: list[object] = []
        await self.received(seen.append)
        assert seen == [self.server]

    async def test_two_parameters_and_async(self) -> None:
        seen: list[object] = []

        async def setup(server: object, host: object = None) -> None:
            seen.extend([server, host])

        await self.received(setup)
        assert seen == [self.server, self.host]

    async def test_an_optional_keyword_is_left_alone(self) -> None:
        seen: list[object] = []

        def setup(server: object, *, rooms: int = 3) -> None:
            seen.extend([server, rooms])

        await self.received(setup)
        assert seen == [self.server, 3]

    async def test_a_wrong_number_of_parameters(self) -> None:
        with pytest.raises(StartError) as caught:
            await self.received(lambda a, b, c: None)
        assert str(caught.value) == (
            'app: "chat:setup" has the parameters (a, b, c), expected one (the Server)'
            " or two (the Server and the aiohttp Application)"
        )

    async def test_an_exception(self) -> None:
        async def setup(server: object) -> None:
            raise TypeError("no\nroom")

        with pytest.raises(StartError) as caught:
            await self.received(setup)
        line = setup.__code__.co_firstlineno + 1
        assert str(caught.value) == f'app: "chat:setup" failed: TypeError: no room ({__file__}, line {line})'
