"""Read the configuration: environment over file over defaults, and every problem at once.

The models in settings.py say what is allowed. This module merges the sources and turns each thing that
is wrong into one line with the key, the value received and what was expected.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource

from rtserver.errors import ConfigError
from rtserver.service.setting_types import describe, is_path, members, submodel
from rtserver.service.settings import Config

__all__ = ["environment_name", "load_config", "needs_file", "valid_keys"]

PREFIX = "RTSERVER_"
_LONGEST_VALUE = 80  # characters of a wrong value that an error line shows

# What is shown nowhere: values of such keys, and values with such a word in them.
_SECRET = re.compile(r"secret|password|token|(auth|api)(\.|_+)keys|cluster(\.|_+)url", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile("://.*@")

# What Kubernetes and Docker links put into the environment for a service that happens to be named rtserver.
_SERVICE_LINKS = re.compile(r"RTSERVER_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_\d+_(TCP|UDP)(_.*)?)")


@dataclass(frozen=True, slots=True)
class _Source:
    """Values from one place, and the way that place is named in an error line."""

    values: Mapping[str, Any]
    label: str

    def holds(self, path: Sequence[str | int]) -> bool:
        return _lookup(self.values, path) is not _MISSING


_MISSING = object()


class _Environment(EnvSettingsSource):
    """The environment's values. What isn't JSON stays text, so that it is reported with everything else."""

    def __init__(self) -> None:
        # Of a model no more is asked for than its fields and its configuration, which every model has.
        super().__init__(cast(type[BaseSettings], Config), env_prefix=PREFIX, env_nested_delimiter="__")

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return json.loads(value)
        except ValueError:
            return value


def load_config(file: Path | None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read and check the configuration.

    Args:
        file: The TOML file; without one, environment and defaults alone.
        overrides: Values of the command line by dotted key, which precede the environment.

    Raises:
        ConfigError: Lists everything that is wrong.
    """
    sources = [
        _Source(_nest(overrides or {}), "command line"),
        _Source(_Environment()(), "environment"),
        _Source(_read_toml(file) if file else {}, str(file or "configuration")),
    ]
    merged: dict[str, Any] = {}
    for source in reversed(sources):
        merged = _merge(merged, source.values)
    problems = list(_unknown_variables())
    try:
        config = Config(**merged)
    except ValidationError as error:
        problems += _problems(error, merged, sources)
    else:
        if not problems:
            return config
    raise ConfigError(problems)


def needs_file(file: Path | None) -> bool:
    """Tell whether there is nothing that a configuration could come from: no file, and no variable."""
    return file is None and not any(name.upper().startswith(PREFIX) for name in os.environ)


def valid_keys(model: type[BaseModel] = Config, above: str = "") -> list[str]:
    """List the dotted keys of all settings and tables."""
    keys = []
    for name, field in model.model_fields.items():
        keys.append(above + name)
        if inner := submodel(field):
            keys += valid_keys(inner[0], f"{above}{name}.")
    return keys


def environment_name(key: str) -> str:
    """Name the environment variable of a dotted key."""
    return PREFIX + key.upper().replace(".", "__")


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise ConfigError([f"{file}: can't be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{file}: isn't UTF-8 text: wrong byte at offset {error.start}"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{file}: isn't valid TOML: {error}"]) from None
    folder = file.absolute().parent
    _anchor_paths(Config, values, folder)
    values.setdefault("app_dir", str(folder))
    return values


def _anchor_paths(model: type[BaseModel], values: Mapping[str, Any], folder: Path) -> None:
    """Make the paths of a config file absolute: they are relative to its own folder."""
    for name, field in model.model_fields.items():
        value = values.get(name)
        inner = submodel(field)
        if inner:
            tables = value if isinstance(value, list) else [value]
            for table in tables:
                if isinstance(table, dict):
                    _anchor_paths(inner[0], table, folder)
        elif isinstance(value, str) and is_path(field):
            assert isinstance(values, dict)
            values[name] = os.path.normpath(folder / value)


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *tables, last = key.split(".")
        table = nested
        for name in tables:
            table = table.setdefault(name, {})
        table[last] = value
    return nested


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def _lookup(values: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return values


def _problems(error: ValidationError, merged: Mapping[str, Any], sources: Sequence[_Source]) -> Iterator[str]:
    seen = set()
    for detail in error.errors(include_url=False):
        path, expected = _locate(detail)
        if path in seen:
            continue  # one value that fits no member of a union is one problem
        seen.add(path)
        source = next((source for source in sources if source.holds(path)), sources[-1])
        if not path:  # settings that don't go together
            yield f"{sources[-1].label}: {detail['ctx']['error']}"
            continue
        key = _dotted(path)
        if source.label == "environment":
            key = environment_name(key)
        where = f"{source.label}: {key}"
        value = _lookup(merged, path)
        shown = _show(key, value)
        if detail["type"] == "extra_forbidden":
            yield f"{where}: unknown setting (received {shown}); {_suggest(key)}"
        elif value is _MISSING:
            yield f"{where}: missing, expected {expected}"
        elif detail["type"] == "value_error" and (message := str(detail["ctx"]["error"])):
            yield f"{where}: {message}"
        else:
            yield f"{where}: received {shown}, expected {expected}"


def _locate(detail: ErrorDetails) -> tuple[tuple[str | int, ...], str]:
    """Find the key that an error is about, and the words for what is expected there.

    Pydantic's location goes on below the key into members of unions; those steps are left off.
    """
    path: list[str | int] = []
    annotation: Any = Config
    metadata: Sequence[object] = ()
    for step in detail["loc"]:
        choices = [choice for choice in members(annotation) if choice is not types.NoneType]
        if len(choices) != 1:
            break
        (choice,) = choices
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            path.append(step)
            field = choice.model_fields.get(str(step))
            if field is None:
                break
            annotation, metadata = field.annotation, field.metadata
        elif typing.get_origin(choice) in {list, dict}:
            path.append(step)
            annotation, metadata = typing.get_args(choice)[-1], ()
        else:
            break
    return tuple(path), describe(annotation, metadata)


def _dotted(path: Sequence[str | int]) -> str:
    key = ""
    for step in path:
        if isinstance(step, int):
            key += f"[{step}]"
        else:
            name = step if re.fullmatch(r"[\w-]+", step) else json.dumps(step)
            key += f".{name}" if key else name
    return key


def _show(key: str, value: Any) -> str:
    """Write a wrong value as TOML writes it, cut where it is long; not one that may have a secret in it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if _SECRET.search(key) or _SECRET.search(text) or _PASSWORD_IN_URL.search(text):
        return "(not shown)"
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def _unknown_variables() -> Iterator[str]:
    """Look for top-level variables that name no setting; the models refuse those below a table."""
    for name, value in os.environ.items():
        upper = name.upper()
        if not upper.startswith(PREFIX) or _SERVICE_LINKS.fullmatch(upper):
            continue
        if upper == "RTSERVER_PORT" and "://" in value:
            continue  # a service link too: tcp://10.0.0.1:80
        if upper.removeprefix(PREFIX).split("__")[0].lower() not in Config.model_fields:
            yield f"environment: {name}: unknown setting (received {_show(name, value)}); {_suggest(name)}"


def _suggest(key: str) -> str:
    """Name the likeliest setting, in the way the wrong one was named: as a key or as a variable."""
    is_variable = key.upper().startswith(PREFIX)
    if is_variable:
        key = key[len(PREFIX) :].lower().replace("__", ".")
    nearest = _nearest(re.sub(r"\[\d+\]", "", key))
    if nearest is None:
        return '"rtserver default-config" lists the settings'
    return f"did you mean {environment_name(nearest) if is_variable else nearest}?"


def _nearest(key: str) -> str | None:
    """Find the key that is alike as a whole, or in its last part when that stands in the wrong table."""

    def likeness(candidate: str) -> float:
        whole = difflib.SequenceMatcher(None, key, candidate).ratio()
        last = difflib.SequenceMatcher(None, key.rpartition(".")[2], candidate.rpartition(".")[2]).ratio()
        return max(whole, 0.95 * last)

    best = max(valid_keys(), key=likeness)
    return best if likeness(best) >= 0.6 else None
