"""Requests over real connections, to a server that writes what a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from rtserver.errors import BackendError
from rtserver.service.webhooks.endpoint import Endpoint


class Peer:
    """An HTTP server that writes bytes as they are."""

    def __init__(self) -> None:
        self.answer: bytes | None = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.requests: list[bytes] = []
        self.connections = 0
        self.max_bytes = 1000
        self.trust: ssl.SSLContext | None = None
        self._server: asyncio.Server
        self._endpoints: list[Endpoint] = []

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http{'s' if tls else ''}://{host}:{port}/hook"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head + await reader.readexactly(2))
                if self.answer is None:
                    await reader.read()
                elif not self.answer:
                    break
                else:
                    writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def post(self, timeout: float = 20) -> bytes:  # noqa: ASYNC109
        if not self._endpoints:
            self._endpoints.append(Endpoint(self.url, self.max_bytes, self.trust))
        return await self._endpoints[0].post(b"{}", {"webhook-id": "msg_1"}, timeout)

    async def stop(self) -> None:
        for endpoint in self._endpoints:
            await endpoint.close()
        self._server.close()
        await self._server.wait_closed()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.start()
    yield peer
    await peer.stop()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_what_is_sent(peer: Peer) -> None:
    assert await peer.post() == b""
    request = peer.requests[0].decode()
    assert request.startswith("POST /hook HTTP/1.1\r\n")
    assert request.endswith("\r\n\r\n{}")
    for line in ("webhook-id: msg_1", "content-type: application/json", "accept-encoding: identity"):
        assert f"\r\n{line}\r\n" in request.lower()


async def test_an_answer_and_a_connection_for_many(peer: Peer) -> None:
    peer.answer = http("200 OK", b'{"a":1}')
    assert [await peer.post() for _ in range(3)] == [b'{"a":1}'] * 3
    assert peer.connections == 1


async def test_cookies_aren_t_kept(peer: Peer) -> None:
    peer.url = peer.url.replace("127.0.0.1", "localhost")  # those of an address are never kept
    peer.answer = http("200 OK", b"{}", "Set-Cookie: a=b")
    await peer.post()
    await peer.post()
    assert b"cookie" not in peer.requests[1].lower()


@pytest.mark.parametrize(
    ("answer", "code", "message", "retry_after"),
    [
        (http("500 Oops"), "backend_failed", "received the HTTP status 500, expected 200 or 204", None),
        (http("404 No"), "backend_failed", "received the HTTP status 404", None),
        (http("201 Created"), "backend_failed", "received the HTTP status 201", None),
        (
            http("302 There", b"", "Location: http://127.0.0.1:1/"),
            "backend_failed",
            "received the HTTP status 302, expected 200 or 204; redirects aren't followed",
            None,
        ),
        (http("200 OK", b"x" * 1001), "backend_failed", "more than 1000 bytes", None),
        (http("200 OK", b"", f"X: {'x' * 20_000}"), "backend_failed", "received no HTTP answer", None),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "backend_failed", "received no HTTP answer", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "backend_failed", "", None),
        (b"", "backend_unavailable", "lost the connection", None),
        (http("502 Bad Gateway"), "backend_unavailable", "received the HTTP status 502", None),
        (http("504 Gateway Timeout"), "backend_unavailable", "received the HTTP status 504", None),
        (http("503 Unavailable"), "backend_unavailable", "received the HTTP status 503", 0.0),
        (http("503 Unavailable", b"", "Retry-After: 7"), "backend_unavailable", "503", 7.0),
        (http("429 Slower", b"", "Retry-After: Fri, 1 Jan 2027"), "backend_unavailable", "429", 0.0),
        (http("429 Slower", b"", "Retry-After: 9999999"), "backend_unavailable", "429", 0.0),
    ],
)  # fmt: skip
async def test_what_is_no_answer(
    peer: Peer, answer: bytes, code: str, message: str, retry_after: float | None
) -> None:
    peer.answer = answer
    with pytest.raises(BackendError) as caught:
        await peer.post()
    assert (caught.value.code, caught.value.retry_after) == (code, retry_after)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(peer.requests) == 1


async def test_an_answer_that_ends_too_early(peer: Peer) -> None:
    peer.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"
    with pytest.raises(BackendError) as caught:
        await peer.post(0.5)
    assert caught.value.code == "backend_timeout"


async def test_no_answer(peer: Peer) -> None:
    peer.answer = None
    with pytest.raises(BackendError, match=r"no answer within 0\.1 s") as caught:
        await peer.post(0.1)
    assert (caught.value.code, caught.value.retry_after) == ("backend_timeout", None)


async def test_nobody_listens(peer: Peer) -> None:
    await peer.stop()
    with pytest.raises(BackendError, match="can't be reached") as caught:
        await peer.post()
    assert (caught.value.code, caught.value.retry_after) == ("backend_unavailable", 0.0)


async def test_a_host_that_can_t_be_named() -> None:
    endpoint = Endpoint(f"http://{'x' * 64}.example/", 1)
    with pytest.raises(BackendError, match="the request can't be made") as caught:
        await endpoint.post(b"{}", {}, 20)
    assert (caught.value.code, caught.value.retry_after) == ("backend_failed", None)
    await endpoint.close()


async def test_compressed_answers_aren_t_taken_apart(peer: Peer) -> None:
    peer.answer = http("200 OK", b"\x1f\x8b compressed", "Content-Encoding: gzip")
    assert await peer.post() == b"\x1f\x8b compressed"


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_the_backend_s_certificate(is_trusted: bool) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    tls, trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    (authority if is_trusted else stranger).configure_trust(trust)
    peer = Peer()
    peer.trust = trust
    await peer.start(tls)
    if is_trusted:
        assert await peer.post() == b""
    else:
        with pytest.raises(BackendError, match="TLS: ") as caught:
            await peer.post()
        assert (caught.value.code, caught.value.retry_after) == ("backend_unavailable", 0.0)
    await peer.stop()


async def test_a_proxy_of_the_environment_isn_t_used(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    assert await peer.post() == b""


async def test_one_that_was_never_opened_can_be_closed() -> None:
    await Endpoint("http://127.0.0.1:1/", 1).close()
