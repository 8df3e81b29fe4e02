from __future__ import annotations

import re

from rtserver.ids import new_sid, veiled


def test_ids() -> None:
    sids = {new_sid() for _ in range(1000)}
    assert len(sids) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", sid) for sid in sids)


def test_ids_of_one_of_several_processes() -> None:
    sids = {new_sid("a-_9") for _ in range(1000)}
    assert len(sids) == 1000
    assert all(re.fullmatch(r"a-_9[A-Za-z0-9_-]{16}", sid) for sid in sids)


def test_what_stands_for_an_id_in_logs() -> None:
    sids = [new_sid() for _ in range(1000)]
    shown = {veiled(sid) for sid in sids}
    assert len(shown) == 1000
    assert shown == {veiled(sid) for sid in sids}
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in shown)
