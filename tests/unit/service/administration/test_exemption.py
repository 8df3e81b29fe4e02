from __future__ import annotations

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver import Server, Socket
from rtserver.service.administration.exemption import exempt
from rtserver.testing import TestClient


async def refuse(socket: Socket) -> None:
    raise Refusal("no")


async def test_one_namespace_is_left_out() -> None:
    sio = Server(namespaces="*")
    sio.use(exempt("/admin", refuse), namespace="*")
    async with TestClient(sio, namespace="/admin") as admin:
        assert admin.connected
    for name in ("/", "/administrators"):
        with pytest.raises(Refusal):
            await TestClient(sio, namespace=name).connect()
