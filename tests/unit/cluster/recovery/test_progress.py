from __future__ import annotations

from rtserver.cluster.recovery.progress import MAX_SENDERS, Late, Progress


def test_each_server_counts_its_own_and_knows_how_far_the_others_are() -> None:
    progress = Progress("a")
    assert [progress.next(), progress.next()] == [("a", 1), ("a", 2)]
    progress.note(("b", 7))
    progress.note(("b", 6))  # on another way
    assert progress.vector() == {"a": 2, "b": 7}
    assert (progress.latest("b"), progress.latest("c")) == (7, 0)


def test_servers_that_come_and_go_are_forgotten() -> None:
    progress = Progress("a")
    for number in range(MAX_SENDERS + 5):
        progress.note((f"b{number}", 1))
        progress.note(("there all the time", number))
    vector = progress.vector()
    assert len(vector) == MAX_SENDERS
    assert "a" in vector
    assert "b0" not in vector
    assert vector["there all the time"] == MAX_SENDERS + 4


def test_what_a_client_has_already_is_known_until_the_first_that_it_has_not() -> None:
    progress, late = Progress("a"), Late()
    progress.note(("b", 3))
    late.expect("one", {"a": 5, "b": 5, "c": 0}, progress, 10.0)
    late.expect("two", {"b": 4}, progress, 10.0)
    late.expect("three", {"b": 3}, progress, 10.0)
    assert late.having(("c", 1)) == ()
    assert late.having(("b", 4)) == ["one", "two"]
    assert late.having(("b", 5)) == ["one"]
    assert late.having(("b", 6)) == []
    assert late.having(("b", 5)) == ()


def test_nothing_is_kept_for_longer_than_it_matters() -> None:
    late = Late()
    late.expect("one", {"b": 4}, Progress("a"), 10.0)
    late.expect("two", {"b": 4}, Progress("a"), 20.0)
    late.expire(10.0)
    assert late.having(("b", 1)) == ["two"]
    late.expire(20.0)
    assert len(late) == 0
