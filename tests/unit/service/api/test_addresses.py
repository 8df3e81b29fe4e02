from __future__ import annotations

from typing import Any

import pytest

from rtserver.service.api.addresses import Addresses
from rtserver.service.api.requests import Some
from tests.unit.server.harness import Harness


@pytest.mark.parametrize(
    ("recipients", "others", "found"),
    [
        ("all", None, "abc"),
        (Some(rooms=["lobby"]), None, "ab"),
        (Some(users=["ada"]), None, "c"),
        (Some(rooms=["lobby"], users=["ada"]), Some(sockets=["a"]), "bc"),
        (Some(sockets=["a", "c"]), None, "ac"),
        (Some(rooms=[]), None, ""),
        ("all", Some(rooms=["lobby"]), "c"),
    ],
)
async def test_who_is_meant(recipients: Any, others: Some | None, found: str) -> None:
    harness = Harness()
    sids = {name: harness.session().join() for name in "abc"}
    for name, room in (("a", "lobby"), ("b", "lobby"), ("c", "user:ada")):
        await harness.sio.enter_room(sids[name], room)

    def known(some: Any) -> Any:
        """Put ids in the place of names."""
        if not isinstance(some, Some) or not some.sockets:
            return some
        return some.model_copy(update={"sockets": [sids[name] for name in some.sockets]})

    chain = Addresses(harness.sio, "user:{user}").chain("/", known(recipients), known(others))
    reached = {socket.id for socket in await chain.fetch_sockets()}
    assert reached == {sids[name] for name in found}
