"""A client on a bare socket: what it sends is bytes, and it reads only when it is told to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

__all__ = ["UPGRADE", "RawClient", "frame", "raw_client"]

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(opcode: int, payload: bytes) -> bytes:
    """Write a client's frame, masked with zeros: the payload stays as it is."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, 0xFE]) + size.to_bytes(2)
    else:
        head = bytes([0x80 | opcode, 0xFF]) + size.to_bytes(8)
    return head + bytes(4) + payload


def payload_of(data: bytes) -> tuple[int, int] | None:
    """Return where the payload of the first frame starts and ends; None while it isn't whole."""
    if len(data) < 2:
        return None
    start, size = 2, data[1]
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(data) < start:
            return None
        size = int.from_bytes(data[2:start])
    return (start, start + size) if start + size <= len(data) else None


class RawClient:
    """A Socket.IO client on a bare socket with small buffers, which does only what it is told."""

    def __init__(self, sock: socket.socket, sid: str) -> None:
        self.sock = sock
        self.sid = sid
        self.loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.sock, data)

    async def close_frame(self) -> bytes:
        """Read until the server's close frame or, where there is none, its end."""
        received = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(5):
                while b"\x88" not in received and (data := await self.loop.sock_recv(self.sock, 1 << 20)):
                    received += data
        return received[received.find(b"\x88") :]

    async def messages(self) -> AsyncIterator[str]:
        """Read the server's text messages, one after another."""
        received = b""
        while True:
            data = await self.loop.sock_recv(self.sock, 1 << 20)
            assert data, "the server has ended the connection"
            received += data
            while (payload := payload_of(received)) is not None:
                start, end = payload
                if received[0] == 0x81:
                    yield received[start:end].decode()
                received = received[end:]


@asynccontextmanager
async def raw_client(port: int, auth: str = "") -> AsyncIterator[RawClient]:
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, UPGRADE + frame(1, f"40{auth}".encode()))
        received = b""
        async with asyncio.timeout(10):
            while not (b'40{"sid":"' in received and received.endswith(b'"}')):
                received += await loop.sock_recv(sock, 4096)
        yield RawClient(sock, received.rsplit(b'40{"sid":"', 1)[1].removesuffix(b'"}').decode())
