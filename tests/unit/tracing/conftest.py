from __future__ import annotations

import pytest

from tests.support import spans


@pytest.fixture(autouse=True)
def _exporting() -> None:
    spans.set_up()
