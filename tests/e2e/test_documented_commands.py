"""The shell commands of README and docs, run as a reader would run them."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest

from tests.support.examples import Shell, pages, shells

from .harness.scenes import SCENES
from .harness.stage import Stage


def stories() -> list[list[Shell]]:
    """Return the blocks that are run one after another: those of a page that have the same scene."""
    found = []
    for page in pages():
        shown = sorted((shell for shell in shells(page) if shell.scene), key=lambda shell: shell.scene)
        found += [list(blocks) for _, blocks in groupby(shown, key=lambda shell: shell.scene)]
    return found


@pytest.mark.timeout(300)  # a story is many commands, each of which is a start of Python
@pytest.mark.parametrize("story", stories(), ids=lambda story: f"{story[0].place} ({story[0].scene})")
async def test_the_commands_of(story: list[Shell], tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    try:
        await SCENES[story[0].scene](stage)
        for shell in story:
            await stage.run(shell)
    finally:
        await stage.close()
