"""Print the configuration's reference: a TOML file with every setting, made from the models."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rtserver.service.config import environment_name
from rtserver.service.setting_types import describe, submodel
from rtserver.service.settings import Config

__all__ = ["default_config", "toml_value"]

_WIDTH = 100
_HEAD = """\
# rtserver: every setting with its documentation and default, as "rtserver default-config" prints it.
#
# Keep only what you change: a setting that is left out has the value shown here. One that is commented out
# is not set, and the value beside it is an example. Sizes are in bytes, times in seconds, and paths are
# relative to this file's folder.
#
# The environment precedes the file. The variable of a setting is its name after RTSERVER_, with two
# underscores after the table's name: {example}=9000. Lists are written as JSON.
# "rtserver check-config --config FILE" checks a file without serving it.
"""


def default_config(model: type[BaseModel] = Config) -> str:
    """Make a TOML file that holds every setting of a model, documented, at its default."""
    lines = [_HEAD.format(example=environment_name("listen.port")).rstrip()]
    for name, field in model.model_fields.items():
        if submodel(field) is None:
            lines += ["", *_setting(name, field)]
    for name, field in model.model_fields.items():
        if table := submodel(field):
            lines += ["", *_table(name, *table)]
    return "\n".join(lines) + "\n"


def _table(name: str, model: type[BaseModel], repeated: bool, absent: bool = False) -> Iterator[str]:
    """Write a table; commented out if there is none of it: one that is repeated, and all that are in it."""
    absent = absent or repeated
    yield ""
    yield from _comment(model.__doc__ or "")
    yield f"{'# ' if absent else ''}{f'[[{name}]]' if repeated else f'[{name}]'}"
    for key, field in model.model_fields.items():
        if submodel(field) is None:
            yield ""
            yield from _setting(key, field, absent)
    for key, field in model.model_fields.items():
        if table := submodel(field):
            yield from _table(f"{name}.{key}", *table, absent)


def _setting(name: str, field: FieldInfo, absent: bool = False) -> Iterator[str]:
    expected = describe(field.annotation, field.metadata)
    yield from _comment(field.description or "")
    yield from _comment(f"Value: {expected}.")
    required = field.is_required()
    example = field.examples[0] if field.examples else None
    if required or field.default is None:
        yield f"{'' if required and not absent else '# '}{name} = {toml_value(example)}"
    else:
        yield f"{'# ' if absent else ''}{name} = {toml_value(field.default)}"
        if example is not None:
            yield f"# {name} = {toml_value(example)}"


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def toml_value(value: Any) -> str:
    """Write a default as TOML. Strings, numbers, booleans and lists of them are written as in JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1_000_000:
        return f"{value:_}"
    return json.dumps(value)
