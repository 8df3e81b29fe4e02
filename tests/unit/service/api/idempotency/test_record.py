from __future__ import annotations

import pytest

from rtserver.service.api.idempotency.record import Outcome, Record


@pytest.mark.parametrize(
    "record", [Record("0af3"), Record("0af3", Outcome(200, b'{"a": "\n"}')), Record("0a", Outcome(500, b""))]
)
def test_what_is_written_can_be_read(record: Record) -> None:
    assert Record.from_bytes(record.to_bytes()) == record


def test_what_was_written_by_half_is_none() -> None:
    data = Record("0af3", Outcome(200, b'{"a": 1}')).to_bytes()
    assert [Record.from_bytes(data[:end]) for end in range(len(data))] == [None] * len(data)
    assert Record.from_bytes(data + b"x") is None
