"""The threat model: the tests that it names exist, each attack has one, and its configuration is one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from rtserver.service.config import load_config
from tests.support.examples import ROOT, example
from tests.support.tokens import pem

PAGE = "docs/security.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ATTACKS = [
    line
    for table in re.findall(r"^\| attack .*?\n\n", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    for line in table.strip().splitlines()[2:]
]


@cache
def names_in(path: str) -> set[str]:
    """Return the names of the tests in a file, those of classes too."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    functions = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return {each.name for each in functions if each.name.startswith("test_")}


def test_there_are_attacks() -> None:
    assert len(ATTACKS) > 30


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda line: line.split("|")[1].strip()[:60])
def test_the_tests_that_prove_it_exist(attack: str) -> None:
    _, _, met, proofs, _ = attack.split("|")
    assert met.strip()
    named = NAMED.findall(proofs)
    assert named, "no test proves it"
    assert NAMED.sub("", proofs).replace(",", "").strip() == "", "something else than tests"
    for path, name in named:
        assert (ROOT / "tests" / path).is_file(), f"there is no tests/{path}"
        assert name in names_in(path), f"tests/{path} has no {name}"


def test_the_configuration_is_one(tmp_path: Path) -> None:
    (tmp_path / "login.pem").write_bytes(pem("ES256"))
    (tmp_path / "rtserver.toml").write_text(example(PAGE, "config"))
    config = load_config(tmp_path / "rtserver.toml")
    assert config.limits.gate() is not None
    assert config.limits.events() is not None
    assert config.auth.namespaces
