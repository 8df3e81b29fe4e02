from __future__ import annotations

from typing import Any

import orjson
import pytest

from rtserver.server.interface.socket import Socket
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.webhooks.returning import Tokens
from tests.unit.server.harness import turns

from .backends import Service


class Returned(Service):
    """One whose only client loses its connection and comes back.

    Attributes:
        shown: The claims of the token that it shows; None for no token.
    """

    def __init__(self, *outcomes: Any, shown: dict[str, Any] | None = None, user: str = "name") -> None:
        recovery = ConnectionStateRecovery(skip_middlewares=False)
        tokens = Tokens(() if shown is None else ("/",), "token", user)
        super().__init__(*outcomes, recovery=recovery, tokens=tokens)
        self.shown = shown
        if shown is not None:
            self.sio.use(self._show)
        self.sio.use(self.backend.admit)

    def _show(self, socket: Socket) -> None:
        assert self.shown is not None
        socket.data["claims"] = dict(self.shown)

    async def come(self, pid: str | None = None) -> tuple[Any, Any]:
        session = self.harness.session()
        session.receive("0" if pid is None else "0" + orjson.dumps({"pid": pid}).decode())
        await turns(10)
        return session, orjson.loads(str(session.take()[0])[2:])

    async def come_back(self) -> tuple[Any, Socket]:
        """Return what the client was told when it came first, and the socket of its second connection."""
        session, first = await self.come()
        session.close("transport close")
        await turns(10)
        _, second = await self.come(first["pid"])
        return first, self.sio.socket(second["sid"])


async def test_only_the_new_answer_s_claims_and_rooms_count() -> None:
    one = Returned(
        {"claims": {"name": "ada", "role": "admin"}, "rooms": ["user:ada", "admins"]},
        {},  # that it has gone
        {"claims": {"name": "ada"}, "rooms": ["user:ada"]},
    )
    first, socket = await one.come_back()
    assert (socket.id, socket.recovered) == (first["sid"], True)
    assert socket.data["claims"] == {"name": "ada"}
    assert socket.rooms == {socket.id, "user:ada"}
    assert one.endpoint.requests[-1][1]["claims"] == {}


async def test_rooms_from_elsewhere_stay() -> None:
    one = Returned({"rooms": ["given"]})
    session, first = await one.come()
    await one.sio.socket(first["sid"]).join("chosen")
    session.close("transport close")
    await turns(10)
    _, second = await one.come(first["pid"])
    assert one.sio.socket(second["sid"]).rooms == {first["sid"], "chosen"}


@pytest.mark.parametrize("shown", [None, {"sub": "1"}])
async def test_another_user_isn_t_let_into_the_first_one_s_place(shown: dict[str, Any] | None) -> None:
    root, eve = ({"claims": {"name": name}, "rooms": [f"user:{name}"]} for name in ("root", "eve"))
    one = Returned(root, {}, eve, {}, eve, shown=shown)
    session, first = await one.come()
    session.close("transport close")
    await turns(10)
    await one.sio.emit("secret", to="user:root")
    session, refused = await one.come(first["pid"])
    assert refused["data"] == {"code": "another_user"}
    assert session.take() == []
    assert one.endpoint.said[-1] == ("disconnect", "server disconnect")
    session, second = await one.come(first["pid"])
    assert second["sid"] != first["sid"]
    socket = one.sio.socket(second["sid"])
    assert (socket.recovered, socket.rooms) == (False, {socket.id, "user:eve"})
    assert session.take() == []


async def test_one_of_whom_nothing_is_known_any_more_is_a_new_client() -> None:
    one = Returned({"claims": {"name": "ada"}, "rooms": ["user:ada"]})
    session, first = await one.come()
    await one.sio.save_session(first["sid"], {"chosen": True})
    session.close("transport close")
    await turns(10)
    _, refused = await one.come(first["pid"])
    assert refused["data"] == {"code": "another_user"}


async def test_claims_of_a_token_are_those_that_it_has_now() -> None:
    one = Returned(
        {"claims": {"name": "ada", "role": "admin"}},
        {},
        {"claims": {"name": "ada"}},
        shown={"sub": "1", "role": "guest"},
    )
    _, socket = await one.come_back()
    assert socket.data["claims"] == {"sub": "1", "role": "guest", "name": "ada"}
    assert one.endpoint.requests[-1][1]["claims"] == {"sub": "1", "role": "guest"}


@pytest.mark.parametrize(
    ("namespaces", "shown"), [((), None), (("*",), "jwt"), (["/a"], "jwt"), (["/"], None)]
)
def test_where_tokens_are_shown(namespaces: Any, shown: str | None) -> None:
    assert Tokens(namespaces, "jwt").shown("/a") == shown


async def test_a_token_that_was_verified_isn_t_passed_on() -> None:
    one = Returned(shown={"sub": "1"})
    one.harness.session().receive('0{"room":7,"token":"hush"}')
    await turns(10)
    assert one.endpoint.requests[0][1]["auth"] == {"room": 7}
