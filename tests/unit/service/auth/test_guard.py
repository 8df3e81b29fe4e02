from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from rtserver.server.interface.socket import Socket
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.auth import expiry
from rtserver.service.auth.guard import Guard
from rtserver.service.auth.keys import secret_key
from rtserver.service.auth.options import Expectations, Manners
from rtserver.service.auth.verifier import Verifier
from tests.support.tokens import SECRET, token
from tests.unit.server.harness import FakeSession, Harness, manual_clock, turns


class Guarded:
    """A server whose clients need tokens, and whose time a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.loop, clock = manual_clock()
        self.harness = Harness(clock=clock, **settings)
        self.start = time.time()
        monkeypatch.setattr(expiry, "time", SimpleNamespace(time=lambda: self.start + self.loop.now))
        verifier = Verifier([secret_key(SECRET, "HS256")], None, Expectations(leeway=0))
        self.guard = Guard(verifier, Manners(refresh_before=30), lambda: clock)
        self.harness.sio.use(self.guard.admit)
        self.session = self.harness.session()

    async def connect(self, session: FakeSession | None = None, /, **auth: Any) -> Any:
        """Connect, and return the answer."""
        session = session or self.session
        session.receive("0" + orjson.dumps(auth).decode())
        await turns(10)
        answer = session.sent.pop(0)
        assert isinstance(answer, str)
        return orjson.loads(answer[2:])

    async def advance(self, seconds: float) -> list[str | bytes]:
        """Let time pass. Returns what was sent to the client."""
        self.loop.advance(seconds)
        await turns(10)
        return self.session.take()


Make = Callable[..., Guarded]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return lambda **settings: Guarded(monkeypatch, **settings)


async def test_a_client_with_a_token_is_let_in_and_its_claims_are_its_session(make: Make) -> None:
    one = make()
    sid = (await one.connect(token=token(role="admin")))["sid"]
    claims = (await one.harness.sio.get_session(sid))["claims"]
    assert (claims["sub"], claims["role"]) == ("ada", "admin")


@pytest.mark.parametrize(
    ("auth", "answer"),
    [
        ({}, {"message": "A token is needed: send one", "data": {"code": "token_missing"}}),
        (
            {"token": "abc"},
            {"message": "The token isn't valid: send another one", "data": {"code": "token_invalid"}},
        ),
        (
            {"token": token(lifetime=-10)},
            {"message": "The token has expired: send a new one", "data": {"code": "token_expired"}},
        ),
        (
            {
                "token": token(lifetime=2_000_000, nbf=time.time() + 1_000_000)
            },  # made before the first test runs
            {"message": "The token isn't valid yet", "data": {"code": "token_not_yet_valid"}},
        ),
    ],
)
async def test_others_are_refused_with_a_code(make: Make, auth: dict[str, str], answer: Any) -> None:
    one = make()
    assert await one.connect(**auth) == answer
    assert one.guard.refused == 1


async def test_a_client_is_asked_for_a_new_token_and_stays(make: Make) -> None:
    one = make()
    sid = (await one.connect(token=token(lifetime=600)))["sid"]
    assert await one.advance(569) == []
    assert await one.advance(2) == ['421["token_refresh",{"expires_in":29}]']
    one.session.receive(f'31["{token(lifetime=1200, role="new")}"]')
    await turns(10)
    assert one.guard.refreshed == 1
    assert (await one.harness.sio.get_session(sid))["claims"]["role"] == "new"
    assert await one.advance(590) == []
    assert len(await one.advance(20)) == 1  # and again, before the new one expires


async def test_claims_that_others_have_added_or_changed_stay(make: Make) -> None:
    one = make()
    first = token(lifetime=600, role="admin", group="a", seat=1)
    session = await one.harness.sio.get_session((await one.connect(token=first))["sid"])
    session["claims"] |= {"role": "guest", "name": "Ada"}
    await one.advance(571)
    one.session.receive(f'31["{token(lifetime=1200, role="admin", group="b")}"]')
    await turns(10)
    claims = session["claims"]
    assert (claims["role"], claims["name"], claims["group"]) == ("guest", "Ada", "b")
    assert "seat" not in claims


@pytest.mark.parametrize(
    "answer",
    [None, "", '"\\ud800"', f'"{token(sub="eve", lifetime=1200)}"', '"abc"', f'"{token(lifetime=-1)}"', "7"],
)
async def test_one_that_has_none_to_give_is_disconnected(make: Make, answer: str | None) -> None:
    one = make()
    # what the guard then sleeps for is real time: let there be none left
    sid = (await one.connect(token=token(lifetime=60)))["sid"]
    await one.advance(31)
    if answer is not None:
        one.loop.advance(29)
        one.session.receive(f"31[{answer}]")
        one.loop.advance(2)
    else:
        one.loop.advance(31)
    await turns(20)
    assert one.session.take() == ["41"]
    assert one.guard.expired == 1
    with pytest.raises(KeyError):
        one.harness.sio.socket(sid)


async def test_a_failure_while_a_client_is_asked_ends_it_in_time(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make()
    await one.connect(token=token(lifetime=60))

    async def fail(given: str) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(one.guard._verifier, "verify", fail)
    await one.advance(31)
    one.loop.advance(29)
    one.session.receive('31["x"]')
    one.loop.advance(2)
    await turns(20)
    assert one.session.take() == ["41"]


async def test_one_whose_token_expires_before_it_is_let_in_isn_t(make: Make) -> None:
    one = make()
    go_on = asyncio.Event()

    @one.harness.sio.use
    async def backend(socket: Socket) -> None:
        await go_on.wait()

    one.session.receive("0" + orjson.dumps({"token": token(lifetime=20)}).decode())
    await one.advance(11)
    assert await one.advance(11) == ['44{"message":"Connection rejected by server"}']
    go_on.set()
    assert await one.advance(1) == []
    assert one.guard.expired == 1
    assert await one.harness.sio.fetch_sockets() == []


async def test_one_that_is_away_when_its_token_expires_may_come_back_with_another(make: Make) -> None:
    one = make(recovery=ConnectionStateRecovery(skip_middlewares=False))
    answer = await one.connect(token=token(lifetime=20))
    await one.advance(11)
    one.session.close("transport close")
    await one.advance(11)
    returned = await one.connect(one.harness.session(), pid=answer["pid"], token=token(lifetime=600))
    assert returned["sid"] == answer["sid"]


async def test_a_token_without_expiry_is_never_asked_for(make: Make) -> None:
    one = make()
    verifier = Verifier([secret_key(SECRET, "HS256")], None, Expectations(required=()))
    one.guard._verifier = verifier
    await one.connect(token=token(exp=None))
    assert await one.advance(100_000) == []


async def test_a_short_token_is_asked_for_at_half_of_its_life(make: Make) -> None:
    one = make()
    await one.connect(token=token(lifetime=20))
    assert await one.advance(9) == []
    assert len(await one.advance(2)) == 1


async def test_one_that_lasts_longer_than_a_timer_is_set_for(make: Make) -> None:
    one = make()
    await one.connect(token=token(lifetime=10_000))
    assert await one.advance(10_000 - 40) == []
    assert len(await one.advance(20)) == 1


async def test_nothing_is_left_of_a_client_that_has_gone(make: Make) -> None:
    one = make()
    await one.connect(token=token(lifetime=600))
    one.session.receive("1")
    assert len(one.guard._clock()) == 0
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, expiry.Expiry)]


async def test_one_that_is_refused_after_all_leaves_nothing(make: Make) -> None:
    one = make()

    @one.harness.sio.event
    async def connect(sid: str, environ: Any) -> bool:
        return False

    await one.connect(token=token(lifetime=600))
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, expiry.Expiry)]


@pytest.mark.parametrize(("sub", "is_back"), [("ada", True), ("user 7", False)])
async def test_the_user_of_the_token_counts_and_not_a_claim_that_was_put_in_its_place(
    make: Make, sub: str, is_back: bool
) -> None:
    one = make(recovery=ConnectionStateRecovery(skip_middlewares=False))

    @one.harness.sio.use
    def rename(socket: Socket) -> None:
        socket.data["claims"]["sub"] = "user 7"

    first = await one.connect(token=token())
    one.session.close("transport close")
    await turns(10)
    second = await one.connect(one.harness.session(), pid=first["pid"], token=token(sub=sub))
    assert (second.get("sid") == first["sid"]) is is_back


async def test_what_another_user_has_lost_can_t_be_had(make: Make) -> None:
    one = make(recovery=ConnectionStateRecovery(skip_middlewares=False))
    answer = await one.connect(token=token())
    one.session.close("transport close")
    await turns(10)
    eve = one.harness.session()
    stolen = {"pid": answer["pid"], "token": token(sub="eve")}
    assert (await one.connect(eve, **stolen))["data"] == {"code": "another_user"}
    assert (await one.connect(eve, **stolen))["sid"] != answer["sid"]


async def test_it_ends_while_clients_are_asked(make: Make) -> None:
    one = make()
    await one.connect(token=token(lifetime=60))
    await one.advance(31)
    await one.guard.close()
    assert not one.guard._tasks
