from __future__ import annotations

import re

from rtserver.ids import new_sid


def test_ids() -> None:
    sids = {new_sid() for _ in range(1000)}
    assert len(sids) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", sid) for sid in sids)
