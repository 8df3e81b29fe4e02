"""The drawings in the documentation are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from rtserver.engineio.session import TRANSITIONS

DOCS = Path(__file__).parents[2] / "docs"


def session_diagram() -> str:
    """Draw the transition table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> OPENING", "    CLOSED --> [*]"]
    lines += [
        f"    {before.name} --> {after.name}: {event.name}" for (before, event), after in TRANSITIONS.items()
    ]
    return "\n".join(lines)


def test_the_session_diagram_is_drawn_from_the_transition_table() -> None:
    text = (DOCS / "architecture.md").read_text()
    found = re.search(r"<!-- session diagram -->\n```mermaid\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    assert found[1] == session_diagram()


def test_every_file_that_the_documentation_names_exists() -> None:
    root = DOCS.parent
    for page in (root / "README.md", *DOCS.glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} names {target}"
