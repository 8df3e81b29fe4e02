from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from rtserver.service.config import load_config
from rtserver.service.reference import default_config
from rtserver.service.section import Section
from rtserver.service.setting_types import submodel
from rtserver.service.settings import Config

CONFIG = Path(__file__).parents[3] / "config"


def test_the_documented_file_is_the_models_output() -> None:
    committed = (CONFIG / "rtserver.toml").read_text()
    assert committed == default_config(), "run: make docs"


def test_it_is_a_valid_file_that_changes_nothing() -> None:
    config = load_config(CONFIG / "rtserver.toml")
    assert config == Config(app="application:setup", app_dir=str(CONFIG))


def test_its_examples_are_valid_too(tmp_path: Path) -> None:
    """Uncomment what is commented out. Paths of examples exist on no machine, so those stay."""
    lines = []
    for line in default_config().splitlines():
        example = line.removeprefix("# ")
        is_setting = example != line and (" = " in example or example.startswith("["))
        if not is_setting or any(folder in line for folder in ("/srv/", "/etc/", "/run/secrets/")):
            lines.append(line)
            continue
        if lines and lines[-1].partition(" = ")[0] == example.partition(" = ")[0]:
            lines.pop()  # the default, which the example replaces
        lines.append(example)
    text = "\n".join(lines).replace("/run/rtserver/", f"{tmp_path}/")
    (tmp_path / "static").mkdir()
    file = tmp_path / "rtserver.toml"
    file.write_text(text)
    config = load_config(file)
    assert config.engine.cookie == "io"
    assert config.static[0].prefix == "/"
    assert config.log.levels == {"rtserver.transport": "debug"}
    assert config.auth.keys[0].id == "2026-11"
    assert config.namespaces[0].events[0].relay == ["chat:*"]


def test_it_has_every_setting() -> None:
    check_that_it_has(Config, "", default_config())


def check_that_it_has(model: type[BaseModel], above: str, section: str) -> None:
    for name, field in model.model_fields.items():
        table = submodel(field)
        if table is None:
            assert f"\n{name} = " in section or f"\n# {name} = " in section
            continue
        inner, is_repeated = table
        head = f"[[{above}{name}]]" if is_repeated else f"[{above}{name}]"
        below = re.split(rf"\n(?:# )?{re.escape(head)}\n", section, maxsplit=1)[-1]
        check_that_it_has(inner, f"{above}{name}.", below.partition("\n\n\n")[0])


def documented(model: type[BaseModel]) -> list[tuple[str, str | None]]:
    found = []
    for name, field in model.model_fields.items():
        table = submodel(field)
        found += documented(table[0]) if table else [(name, field.description)]
    return found


@pytest.mark.parametrize(("name", "description"), documented(Config))
def test_every_setting_is_documented(name: str, description: str | None) -> None:
    assert description, name
    assert description.endswith("."), name


@pytest.mark.parametrize("name", ["production.toml"])
def test_the_files_to_start_from_are_valid(name: str) -> None:
    load_config(CONFIG / name)


def test_the_development_file_names_the_demo() -> None:
    values = tomllib.loads((CONFIG / "development.toml").read_text())
    assert values["app"] == "client_demo.app:setup"
    assert (CONFIG / values["app_dir"] / "client_demo" / "app.py").is_file()


class Inner(Section):
    """What is in it."""

    size: int = Field(default=3, description="A size.")


class Outer(Section):
    """One of several."""

    name: str = Field(description="A name.", examples=["x"])
    kinds: list[str] = Field(default=[], description="Kinds.", examples=[["a"]])
    inner: Inner = Inner()


class Several(BaseModel):
    several: list[Outer] = []


def test_a_table_that_may_be_repeated_is_commented_out_with_all_that_is_in_it() -> None:
    settings = [line for line in default_config(Several).splitlines() if "[" in line or "=" in line]
    assert settings[-6:] == [
        "# [[several]]",
        '# name = "x"',
        "# kinds = []",
        '# kinds = ["a"]',
        "# [several.inner]",
        "# size = 3",
    ]
