from __future__ import annotations

import pytest

from rtserver.causes import cause


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ConnectionError("Error 111 connecting. Connection refused."),
            "Connection refused",
        ),
        (TimeoutError(), "TimeoutError"),
        (ValueError("a reason"), "a reason"),
    ],
)
def test_an_error_of_someone_else_s_stands_in_a_sentence(error: Exception, said: str) -> None:
    assert cause(error).endswith(said)
