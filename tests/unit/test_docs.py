"""The documentation: its drawings are those of the code, its links lead somewhere, its commands are run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rtserver.engineio.session import TRANSITIONS
from tests.support.examples import pages, shells, untested

DOCS = Path(__file__).parents[2] / "docs"
NOT_RUN = 9
"""How many blocks of shell commands no test runs: they install packages, or need what no test machine has."""
COLUMNS = 119
"""How wide a line of prose may be."""


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


def test_the_files_on_the_way_of_a_byte_exist() -> None:
    drawing = (DOCS / "images" / "byte.svg").read_text()
    layers = re.findall(r">(\w+)/</text><text[^>]*>([^<]+)<", drawing)
    named = [(layer, name) for layer, names in layers for name in names.split(" · ")]
    assert len(named) > len(layers) > 0
    assert [each for each in named if not (DOCS.parent / "rtserver" / each[0] / each[1]).exists()] == []


def test_every_file_that_the_documentation_names_exists() -> None:
    root = DOCS.parent
    for page in (
        root / "README.md",
        root / "CHANGELOG.md",
        root / "benchmarks/README.md",
        *DOCS.glob("*.md"),
    ):
        for target in re.findall(r"\]\(([^)#:]+)[#)]", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} names {target}"


def test_every_link_to_a_section_leads_to_one() -> None:
    for page in (DOCS.parent / "README.md", *DOCS.glob("*.md")):
        for target, section in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target if target else page).read_text()
            assert section in headings(text), f"{page.name} names {target}#{section}"


def headings(text: str) -> set[str]:
    """Return what the headings of a page are called in links."""
    outside_of_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.+)$", outside_of_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_index_has_every_page_once() -> None:
    named = re.findall(r"^\| \[([\w-]+\.md)\]", (DOCS / "README.md").read_text(), re.MULTILINE)
    there = sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")
    assert sorted(named) == there, "docs/README.md should name each page in a row of its own"


@pytest.mark.parametrize("page", pages())
def test_prose_is_wrapped(page: str) -> None:
    """Tables, pictures and code can't be; examples in Python have ruff for their width."""
    outside_of_code = re.sub(
        r"^```.*?^```", "", (DOCS.parent / page).read_text(), flags=re.MULTILINE | re.DOTALL
    )
    prose = [line for line in outside_of_code.splitlines() if not line.startswith(("|", "<"))]
    assert [line for line in prose if len(line) > COLUMNS] == []


@pytest.mark.parametrize("page", pages())
def test_every_example_is_tested(page: str) -> None:
    assert untested(page) == 0, "put <!-- tested: NAME --> before each, and use it in a test of the page"


def test_shell_commands_are_run_or_say_why_not() -> None:
    """Each block of sh or console has a comment before it, see tests/support/examples.py."""
    silent = [
        shell.place
        for page in pages()
        for shell in shells(page)
        if not (shell.scene or shell.reason or shell.test)
    ]
    assert silent == [], (
        "put <!-- run: SCENE --> (tests/e2e/harness/scenes.py) or <!-- not run: REASON --> before it"
    )


def test_few_shell_commands_are_not_run() -> None:
    idle = [shell.place for page in pages() for shell in shells(page) if shell.reason]
    assert len(idle) <= NOT_RUN, f"find a way to run one of {idle}"
