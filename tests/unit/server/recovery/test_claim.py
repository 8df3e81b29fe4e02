from __future__ import annotations

from typing import Any

import pytest

from rtserver.server.recovery.claim import Claim, split_claim


@pytest.mark.parametrize(
    ("auth", "claim", "rest"),
    [
        ({"pid": "secret", "offset": "7", "token": "t"}, Claim("secret", "7"), {"token": "t"}),
        ({"pid": "secret"}, Claim("secret", None), {}),
        ({"token": "t"}, None, {"token": "t"}),
        ({"offset": "7"}, None, {"offset": "7"}),
        ({"pid": 7, "offset": "7"}, None, {"pid": 7, "offset": "7"}),  # the application's own
        ({"pid": "secret", "offset": 7}, None, {"pid": "secret", "offset": 7}),
        ("text", None, "text"),
        (None, None, None),
    ],
)
def test_a_claim_is_kept_from_the_application(auth: Any, claim: Claim | None, rest: Any) -> None:
    assert split_claim(auth) == (claim, rest)
