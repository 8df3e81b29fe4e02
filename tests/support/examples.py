"""The examples of the documentation: code blocks, and the comments in front of them.

- ``<!-- tested: NAME -->``: code, which the tests of its page use by this name.
- ``<!-- run: SCENE -->``: shell commands, which ``tests/e2e/test_documented_commands.py`` runs in the scene
  of that name. The blocks of a page with the same scene are one story, and run one after another.
- ``<!-- not run: REASON -->``: shell commands that no test can run, and programs for other servers.
- ``<!-- said: NAME -->``: what a program says in a case that the tests of its page make.

Shell commands that need more than a scene are ``tested`` by their page's own tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "ROOT",
    "Shell",
    "applied",
    "example",
    "execute",
    "pages",
    "run",
    "said",
    "said_pattern",
    "shells",
    "untested",
]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Shell:
    """Shell commands on a page: a block of ``sh``, or of ``console``, which shows what they print as well.

    Args:
        place: Page and line.
        text: The block.
        shows_output: Whether it is ``console``: commands stand behind ``$``, and what they print below.
        scene: Where it is run; empty if it isn't run by a scene.
        reason: Why it isn't run; empty if it is.
        test: The name that its page's tests call it by; empty if they don't.
    """

    place: str
    text: str
    shows_output: bool
    scene: str = ""
    reason: str = ""
    test: str = ""


def pages() -> list[str]:
    """Return the pages that users read, relative to the repository."""
    return ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]


def example(page: str, name: str) -> str:
    """Return the code block of this name on a page, whose path is relative to the repository."""
    text = (ROOT / page).read_text()
    found = re.search(rf"<!-- tested: {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"{page} has no example named {name}"
    return found[1]


def run(page: str, *names: str, **given: Any) -> dict[str, Any]:
    """Run examples in Python, as one program, and return what they define.

    Args:
        page: The page.
        names: The examples, in their order.
        given: What is defined before.
    """
    return execute("\n".join(example(page, name) for name in names), page, **given)


def execute(code: str, page: str, **given: Any) -> dict[str, Any]:
    """Run code of a page that isn't an example as it stands; otherwise as `run` does."""
    defined = dict(given)
    exec(compile(code, page, "exec", dont_inherit=True), defined)
    return defined


def said(page: str, name: str) -> str:
    """Return what a page says is said in the case of this name."""
    found = re.search(rf"<!-- said: {name} -->\n```\w+\n(.*?)\n```", (ROOT / page).read_text(), re.DOTALL)
    assert found is not None, f"{page} has nothing named {name}"
    return found[1]


def said_pattern(page: str, name: str) -> str:
    """Return an expression for what a page says is said, in which … stands for anything."""
    return re.escape(said(page, name)).replace("…", ".+")


def applied(diff: str, before: str) -> str:
    """Apply a diff whose lines all belong to the beginning of `before`."""
    lines = diff.splitlines()
    old = [line[1:] for line in lines if line[0] in " -"]
    new = [line[1:] for line in lines if line[0] in " +"]
    assert before.splitlines()[: len(old)] == old
    return "\n".join(new + before.splitlines()[len(old) :])


def untested(page: str) -> int:
    """Return how many blocks of code of a page, shell commands aside, have neither a name nor a reason."""
    text = (ROOT / page).read_text()
    kinds = r"```(?:python|toml|diff|js|mjs|html|http|json)"
    marks = r"<!-- (?:tested|file|said|not run): \w[^\n]*\n"
    return len(re.findall(rf"^{kinds}", text, re.MULTILINE)) - len(
        re.findall(rf"^{marks}{kinds}", text, re.MULTILINE)
    )


def shells(page: str) -> Iterator[Shell]:
    """Find the shell commands of a page, in their order."""
    text = (ROOT / page).read_text()
    blocks = r"^(?:<!-- (run|not run|tested): ([^\n]+) -->\n)?```(sh|bash|shell|console)\n(.*?)^```$"
    for block in re.finditer(blocks, text, re.MULTILINE | re.DOTALL):
        mark, words, kind, commands = block.groups(default="")
        place = f"{page}:{text.count(chr(10), 0, block.start(3)) + 1}"
        yield Shell(
            place,
            commands,
            kind == "console",
            scene=words if mark == "run" else "",
            reason=words if mark == "not run" else "",
            test=words if mark == "tested" else "",
        )
