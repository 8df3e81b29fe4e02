"""Connecting and disconnecting, as the official JavaScript clients do it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from socketio.exceptions import ConnectionRefusedError as Refused

from .harness.cases import every_client, every_transport
from .harness.node import Node, Transport
from .harness.server import Hosting, make_server, recorded


@every_client
@every_transport
async def test_the_handler_sees_auth_query_and_headers(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(
        host.url,
        kind,
        transport,
        auth={"token": "ключ", "nested": [1, None]},
        query={"room": "a b&c", "page": "2"},
        extraHeaders={"X-Tenant": "acme"},
    )
    sid, environ, auth = await log.next("connect")
    assert sid == client.sid
    assert auth == {"token": "ключ", "nested": [1, None]}
    query = parse_qs(environ["QUERY_STRING"])
    assert (query["room"], query["page"], query["EIO"]) == (["a b&c"], ["2"], ["4"])
    assert environ["HTTP_X_TENANT"] == "acme"
    assert environ["PATH_INFO"] == "/socket.io/"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert sio.transport(sid) == transport.final
    assert await client.state() == {
        "id": sid,
        "connected": True,
        "recovered": False,
        "transport": transport.final,
    }


@every_client
@every_transport
async def test_a_refusal_carries_its_message_and_data(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()

    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        raise Refused("not today", {"code": 17, "retry": [1, "в"]})

    sio.on("connect", connect)
    host = await hosting.server(sio)
    manager = await node.manager(host.url, kind, transports=transport.names, reconnection=False)
    client = await manager.socket(auth={"token": "wrong"})
    (error,) = await client.next("connect_error")
    assert error == {"message": "not today", "data": {"code": 17, "retry": [1, "в"]}}
    assert client.log.all("connect") == []
    # The connection is still there for another try.
    assert (await client.state())["connected"] is False


@every_client
async def test_a_handler_that_returns_false_refuses(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server()

    async def connect(sid: str, environ: dict[str, Any]) -> bool:
        return False

    sio.on("connect", connect)
    host = await hosting.server(sio)
    client = await (await node.manager(host.url, kind, reconnection=False)).socket()
    (error,) = await client.next("connect_error")
    assert isinstance(error["message"], str)


@every_client
async def test_a_namespace_that_does_not_exist_is_refused(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server()
    recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind)
    other = await client.manager.socket("/nowhere")
    (error,) = await other.next("connect_error")
    assert isinstance(error["message"], str)
    assert (await client.state())["connected"] is True


@every_client
@every_transport
async def test_a_client_disconnects(node: Node, hosting: Hosting, kind: str, transport: Transport) -> None:
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    await client.disconnect()
    assert await log.next("disconnect") == [client.sid, "client disconnect"]
    assert await client.next("disconnect") == ["io client disconnect"]


@every_client
@every_transport
async def test_the_server_disconnects_a_client(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    await sio.emit("goodbye", "last words", to=client.sid)
    await sio.disconnect(client.sid)
    assert await client.next("goodbye") == ["last words"]
    assert await client.next("disconnect") == ["io server disconnect"]
    assert await log.next("disconnect") == [client.sid, "server disconnect"]


@every_client
@every_transport
async def test_a_lost_connection_is_a_transport_close(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    await client.manager.close_engine()
    sid, reason = await log.next("disconnect")
    assert (sid, reason) == (client.sid, "transport close")


@every_client
@every_transport
async def test_namespaces_share_one_connection(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    root_log = recorded(sio, "where")
    chat_log = recorded(sio, "where", namespace="/chat")
    admin_log = recorded(sio, "where", namespace="/admin-é")
    host = await hosting.server(sio)
    root = await node.connect(host.url, kind, transport)
    chat = await root.manager.socket("/chat", auth={"user": "ann"})
    admin = await root.manager.socket("/admin-é")
    await chat.connected()
    await admin.connected()
    assert len({root.sid, chat.sid, admin.sid}) == 3
    chat_sid, _, auth = await chat_log.next("connect")
    assert (chat_sid, auth) == (chat.sid, {"user": "ann"})
    for client, log in ((root, root_log), (chat, chat_log), (admin, admin_log)):
        assert await client.call("where", client.namespace) == [client.namespace]
        assert await log.next("where") == [client.sid, client.namespace]

    # One namespace ends, from either side; the others go on.
    await chat.disconnect()
    assert await chat_log.next("disconnect") == [chat.sid, "client disconnect"]
    await sio.disconnect(admin.sid, namespace="/admin-é")
    assert await admin.next("disconnect") == ["io server disconnect"]
    assert await root.call("where", "still here") == ["still here"]
    assert root_log.all("disconnect") == []

    # And may come back on the same connection.
    old = chat.sid
    await chat.connect()
    await chat.connected()
    assert chat.sid != old
    assert await chat.call("where", "again") == ["again"]

    # The connection's end is the end of all that is left.
    await root.manager.close_engine()
    assert await root_log.next("disconnect") == [root.sid, "transport close"]
    assert await chat_log.next("disconnect") == [chat.sid, "transport close"]
    assert len(admin_log.all("disconnect")) == 1
