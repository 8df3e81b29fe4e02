from __future__ import annotations

import re
from pathlib import Path

import pytest

from rtserver.errors import ConfigError
from rtserver.service.config import load_config, valid_keys
from rtserver.service.reference_page import configuration_page
from tests.support.examples import ROOT, example, shells, untested

PAGE = "docs/configuration.md"


def test_the_page_is_the_models_output() -> None:
    assert (ROOT / PAGE).read_text() == configuration_page(), "run: make docs"


def test_it_has_every_setting() -> None:
    text = configuration_page()
    for key in valid_keys():
        table, _, name = key.rpartition(".")
        section = re.search(
            rf"^## `?\[*{table or 'Above all tables'}\]*`?\n(.*?)(?=^## |\Z)", text, re.M | re.S
        )
        is_table = re.search(rf"^## `\[+{key}\]+`$", text, re.M)
        assert is_table or (section and f"\n| `{name}` | " in section[1]), key


def test_every_row_has_three_cells() -> None:
    rows = [
        line for line in configuration_page().partition("## Above")[2].splitlines() if line.startswith("|")
    ]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


def test_pages_are_linked_and_quotations_are_code() -> None:
    text = configuration_page()
    assert "([workers.md](workers.md))" in text
    assert '`"*"`: any page.' in text


def test_the_file_is_valid(tmp_path: Path) -> None:
    assert untested(PAGE) == 0
    file = tmp_path / "rtserver.toml"
    file.write_text(example(PAGE, "file"))
    assert load_config(file).listen.port == 9000


def test_the_mistakes_are_reported_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rtserver.toml").write_text(example(PAGE, "wrong"))
    with pytest.raises(ConfigError) as raised:
        load_config(Path("rtserver.toml"))
    (shown,) = shells(PAGE)
    assert shown.text.partition("\n")[2].strip() == str(raised.value)
