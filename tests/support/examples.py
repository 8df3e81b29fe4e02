"""The examples of the documentation: code blocks behind a comment `<!-- tested: name -->`."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["ROOT", "example", "untested"]

ROOT = Path(__file__).parents[2]


def example(page: str, name: str) -> str:
    """Return the code block of this name on a page, whose path is relative to the repository."""
    text = (ROOT / page).read_text()
    found = re.search(rf"<!-- tested: {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"{page} has no example named {name}"
    return found[1]


def untested(page: str) -> int:
    """Return how many Python, TOML and diff blocks of a page have no name."""
    text = (ROOT / page).read_text()
    kinds = r"```(?:python|toml|diff)"
    blocks = len(re.findall(rf"^{kinds}", text, re.MULTILINE))
    return blocks - len(re.findall(rf"^<!-- tested: \w[^\n]*\n{kinds}", text, re.MULTILINE))
