from __future__ import annotations

from rtserver.service.namespaces.answers import refusal, shown


def test_a_refusal_is_the_acknowledgment() -> None:
    assert refusal("busy", "try again", retry_after=1).args == (
        {"code": "busy", "message": "try again", "retry_after": 1},
    )


def test_what_a_client_sent_is_shown_cut() -> None:
    assert shown("chat:x") == "'chat:x'"
    assert shown("x" * 100_000) == "'" + "x" * 79 + "…"
