from __future__ import annotations

import asyncio
import socket

from rtserver.transport.handover.passage import Origin
from rtserver.transport.handover.relayed import RelayedTransport

ORIGIN = Origin(("10.1.2.3", 5000), ("10.0.0.1", 443), True)


async def test_it_tells_of_the_client() -> None:
    transport = RelayedTransport(asyncio.Transport({"socket": "inner"}), ORIGIN)
    assert transport.get_extra_info("peername") == ("10.1.2.3", 5000)
    assert transport.get_extra_info("sockname") == ("10.0.0.1", 443)
    assert transport.get_extra_info("sslcontext") is True
    assert transport.get_extra_info("ssl_object") is None
    assert transport.get_extra_info("socket") == "inner"
    assert transport.get_extra_info("other", 7) == 7
    plain = RelayedTransport(asyncio.Transport(), ORIGIN._replace(secure=False))
    assert plain.get_extra_info("sslcontext") is None


async def test_it_is_the_transport_otherwise() -> None:
    ours, other = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=other)
    loop = asyncio.get_running_loop()
    inner, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
    transport = RelayedTransport(inner, ORIGIN)
    protocol = asyncio.Protocol()
    transport.set_protocol(protocol)
    assert inner.get_protocol() is transport.get_protocol() is protocol
    transport.set_write_buffer_limits(high=1000, low=10)
    assert transport.get_write_buffer_limits() == inner.get_write_buffer_limits() == (10, 1000)
    transport.pause_reading()
    assert transport.is_reading() is inner.is_reading() is False
    transport.resume_reading()
    assert transport.is_reading() is True
    transport.write(b"a")
    transport.writelines([b"b", b"c"])
    assert await reader.readexactly(3) == b"abc"
    assert transport.get_write_buffer_size() == 0
    assert transport.can_write_eof() is True
    transport.write_eof()
    assert await reader.read() == b""
    transport.close()
    assert transport.is_closing() is inner.is_closing() is True
    transport.abort()
    writer.close()
