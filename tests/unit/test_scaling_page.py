"""The examples of the page about many processes and machines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rtserver.service.config import load_config
from tests.support.examples import ROOT, example, run

PAGE = "docs/scaling.md"


def test_a_machine_of_a_cluster(tmp_path: Path) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text(example(PAGE, "machine"))
    config = load_config(file)
    assert config.workers == "auto"
    assert (config.cluster.manager, config.cluster.mode) == ("redis", "sharded")
    assert config.recovery.enabled


def test_the_plan_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    run(PAGE, "plan")
    printed = re.search(r"<!-- printed: plan -->\n```\n(.*?)```", (ROOT / PAGE).read_text(), re.DOTALL)
    assert printed is not None
    assert capsys.readouterr().out == printed[1]
