from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from rtserver.cluster.recovery.journal import SEGMENTS, Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "W.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal(path, max_bytes=400, max_events=40, window=8.0, now=0.0, head=lambda: [b"head"])
    yield made
    made.close()


def segments(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}.*"))}


def test_what_is_written_is_there_at_once(journal: Journal, path: Path) -> None:
    journal.write(b"record")
    journal.write_event(b"event", 0.0)
    assert segments(path) == {"W.journal.1": b"headrecordevent"}


def test_nobody_else_may_read_it(journal: Journal, path: Path) -> None:
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize(("size", "count"), [(50, 2), (1, 10)])
def test_segments_are_bounded_by_bytes_and_by_number(
    journal: Journal, path: Path, size: int, count: int
) -> None:
    for _ in range(20 * count):
        journal.write_event(size * b"x", 0.0)
    kept = segments(path)
    assert len(kept) == SEGMENTS + 1
    assert all(body == b"head" + size * count * b"x" for body in kept.values())
    assert "W.journal.20" in kept


def test_what_is_too_old_goes_until_nothing_is_left(journal: Journal, path: Path) -> None:
    journal.write_event(b"event", 0.0)
    journal.age(1.9)
    assert segments(path) == {"W.journal.1": b"headevent"}
    for now in range(2, 10):
        journal.age(float(now))
    assert b"headevent" in segments(path).values()
    journal.age(10.0)
    assert set(segments(path).values()) == {b"head"}
    last = max(segments(path))
    journal.age(1000.0)
    assert max(segments(path)) == last  # nothing is written for nothing


def test_a_segment_that_was_begun_for_its_age_costs_no_other(journal: Journal, path: Path) -> None:
    for number in range(10):
        journal.write_event(100 * b"x", 0.1 * number)
    kept = b"".join(segments(path).values()).count(b"x")
    for now in (2.0, 4.0, 6.0):
        journal.age(now)
    assert b"".join(segments(path).values()).count(b"x") >= kept - 100 >= 400


def test_its_end_is_noted(journal: Journal, path: Path) -> None:
    os.utime(path, (1, 1))
    journal.touch()
    assert path.stat().st_mtime > 1
    os.utime(path, (1, 1))
    journal.close()
    assert path.stat().st_mtime > 1
    journal.write(b"late")
    journal.age(100.0)
    assert segments(path) == {"W.journal.1": b"head"}


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), 3])
def test_a_server_goes_on_without_a_journal(
    journal: Journal, path: Path, failure: OSError | int, caplog: pytest.LogCaptureFixture
) -> None:
    effect = {"side_effect": failure} if isinstance(failure, OSError) else {"return_value": failure}
    with patch("os.write", **effect):
        journal.write(b"record")
    assert not journal.is_open
    assert "ends here" in caplog.text
    journal.write_event(500 * b"x", 0.0)
    journal.write_event(500 * b"x", 0.0)
    assert list(path.parent.iterdir()) == []


def test_a_server_goes_on_where_no_segment_can_be_begun(
    journal: Journal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal.write_event(100 * b"x", 0.0)
    with patch("os.open", side_effect=OSError(errno.EMFILE, "Too many open files")):
        journal.write_event(b"event", 0.0)
    assert not journal.is_open
    assert "ends here: Too many open files" in caplog.text
    assert list(path.parent.iterdir()) == []


def test_what_is_no_event_is_bounded_too(journal: Journal, path: Path) -> None:
    for now in range(100):
        journal.write(50 * b"x")
        journal.age(float(now))
    kept = segments(path)
    assert len(kept) == 4  # one begun every three seconds, and the window has eight
    assert all(len(body) <= len(b"head") + 150 for body in kept.values())


def test_what_is_no_event_costs_no_event(journal: Journal, path: Path) -> None:
    journal.write_event(b"event", 0.0)
    for _ in range(10):
        journal.write(200 * b"x")
        journal.age(1.0)
    kept = segments(path)
    assert len(kept) == 11
    assert kept["W.journal.1"].startswith(b"headevent")


def test_a_long_head_is_no_reason_for_another(path: Path) -> None:
    journal = Journal(path, max_bytes=400, max_events=40, window=8.0, now=0.0, head=lambda: [500 * b"x"])
    journal.age(1.0)
    journal.close()
    assert list(segments(path)) == ["W.journal.1"]
