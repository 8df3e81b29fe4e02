from __future__ import annotations

import pytest

from rtserver.admin.sessions import LIFETIME, Sessions


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.5

    def __call__(self) -> float:
        return self.now


def test_a_session_holds_for_a_day() -> None:
    time = Time()
    sessions = Sessions(b"secret", time)
    session = sessions.issue()
    assert session.startswith(f"{1_700_000_000 + LIFETIME}.")
    assert sessions.holds(session)
    time.now += LIFETIME - 1
    assert sessions.holds(session)
    time.now += 1
    assert not sessions.holds(session)


def test_another_server_with_the_same_secret_knows_it() -> None:
    session = Sessions(b"secret").issue()
    assert Sessions(b"secret").holds(session)
    assert not Sessions(b"another").holds(session)


def test_a_longer_session_can_not_be_made_of_one() -> None:
    end, _, signature = Sessions(b"secret").issue().partition(".")
    assert not Sessions(b"secret").holds(f"{int(end) + 1}.{signature}")


@pytest.mark.parametrize("sent", [None, "", ".", "1", "x.y", 7, ["1.2"], {"a": 1}, "1.é", "\ud800.x"])
def test_anything_else_is_no_session(sent: object) -> None:
    assert not Sessions(b"secret").holds(sent)
