from __future__ import annotations

from pathlib import Path

import pytest

from rtserver.service.cli import main
from rtserver.service.reference import default_config
from rtserver.service.reference_page import configuration_page


def test_default_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["default-config"]) == 0
    assert capsys.readouterr().out == default_config()
    assert main(["default-config", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == configuration_page()


def test_check_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "good.toml"
    file.write_text('app = "chat:setup"')
    assert main(["check-config", "--config", str(file)]) == 0
    assert capsys.readouterr() == (f"{file}: valid\n", "")
    file.write_text('app = "chat:setup"\nlop = 1')
    assert main(["check-config", "--config", str(file)]) == 2
    assert capsys.readouterr() == ("", f"{file}: lop: unknown setting (received 1); did you mean loop?\n")


def test_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--port", "many"])
    assert caught.value.code == 2
    assert "argument --port: invalid int value: 'many'" in capsys.readouterr().err
