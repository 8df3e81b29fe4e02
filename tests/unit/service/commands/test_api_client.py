from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rtserver.errors import StartError
from rtserver.service.commands.api_client import post, read_key


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[int, bytes]]] = {
        "/ok": (200, b'{"in_touch": true}'),
        "/refused": (403, b'{"code": "scope_missing", "message": "this key is for join"}'),
        "/other": (404, b"<html>"),
        "/page": (200, b"<html>"),
    }
    received: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.headers["Authorization"], json.loads(body)))
        status, answer = self.answers[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_answer(url: str) -> None:
    assert post(f"{url}/ok", "secret", {"to": "all"}) == {"in_touch": True}
    assert Handler.received[-1] == ("Bearer secret", {"to": "all"})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/refused", "this key is for join"),
        (
            "/other",
            "answered with the HTTP status 404, and isn't rtserver's API: that is where the service listens,"
            " below api.path, if it has [[api.keys]]",
        ),
        ("/page", "the answer isn't rtserver's; expected the URL of an API, as in /api"),
    ],
)
def test_what_goes_wrong_is_said(url: str, path: str, message: str) -> None:
    with pytest.raises(StartError) as caught:
        post(url + path, "secret", {})
    assert str(caught.value) == f"{url}{path}: {message}"


@pytest.mark.parametrize("nowhere", ["http://127.0.0.1:1/emit", "nonsense"])
def test_nobody_answers(nowhere: str) -> None:
    with pytest.raises(StartError, match=nowhere):
        post(nowhere, "secret", {})


def test_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "api.key"
    file.write_text(" secret\n")
    assert read_key(file) == "secret"
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))
    assert read_key(Path("-")) == "typed"
    with pytest.raises(StartError, match=r"--key-file: .*none can't be read: No such file"):
        read_key(tmp_path / "none")
    file.write_bytes(b"\xff")
    with pytest.raises(StartError, match="it isn't text"):
        read_key(file)
