"""Print the configuration's reference as a page: docs/configuration.md, made from the models."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rtserver.service.config import environment_name
from rtserver.service.reference import toml_value
from rtserver.service.setting_types import describe, submodel
from rtserver.service.settings import Config

__all__ = ["configuration_page"]

_HEAD = """\
# Configuration

Every setting of `rtserver serve`: what it does, its default, and which values it takes. Sizes are in bytes,
times in seconds. `rtserver default-config` prints the same as a file to start from, which is
[config/rtserver.toml](../config/rtserver.toml).

## A file

Write down what differs from the defaults, and nothing else. Only `app` has none:

<!-- tested: file -->
```toml
# rtserver.toml
app = "chat:setup"

[listen]
port = 9000

[engine]
cors_allowed_origins = ["https://chat.example"]
```

The file is [TOML](https://toml.io). Paths in it are relative to its own folder, and the application is
imported from there.

## Where a value comes from

1. the command line: `rtserver serve --port 9000`
2. the environment: `{example}=9000`
3. the file that `--config` names
4. the default

The first one that has the setting counts. A variable is named `RTSERVER_`, the table, two underscores and
the setting, all in capitals; a setting above all tables has no table in its variable: `RTSERVER_WORKERS=4`.
Lists and tables are written as JSON:
`{origins}='["https://chat.example"]'`. So a service in a container needs no file, and
a password stands in none.

## When something is wrong

A setting that doesn't exist is an error, as is a value of the wrong kind: a typing mistake is never taken
for a default. All mistakes are listed at once, each with the place that it comes from:

<!-- tested: wrong -->
```toml
app = "chat:setup"

[listen]
prot = 9000

[engine]
ping_interval = "25s"
```

<!-- run: a wrong file -->
```console
$ rtserver check-config --config rtserver.toml
rtserver.toml: listen.prot: unknown setting (received 9000); did you mean listen.port?
rtserver.toml: engine.ping_interval: received "25s", expected a number, above 0 and at most 86400
```

`check-config` imports nothing, so it can run where the application can't. `serve` checks in the same way
before it starts. Values of settings with `secret`, `password` or `token` in their names are never shown.
"""


def configuration_page() -> str:
    """Make a Markdown page that documents every setting."""
    head = _HEAD.format(
        example=environment_name("listen.port"), origins=environment_name("engine.cors_allowed_origins")
    )
    tables = list(_tables(Config, ""))
    lines = [head, "## Tables", "", "| table | what it is about |", "| --- | --- |"]
    lines.append("| [above all tables](#above-all-tables) | The application, and how it runs. |")
    for name, model, repeated in tables:
        lines.append(
            f"| [`{_title(name, repeated)}`](#{name.replace('.', '')}) | {_text(model.__doc__ or '')} |"
        )
    lines += ["", "## Above all tables", "", *_settings(Config)]
    for name, model, repeated in tables:
        lines += ["", f"## `{_title(name, repeated)}`", "", _text(model.__doc__ or ""), ""]
        lines += _settings(model)
    return "\n".join(lines) + "\n"


def _tables(model: type[BaseModel], above: str) -> Iterator[tuple[str, type[BaseModel], bool]]:
    for key, field in model.model_fields.items():
        if table := submodel(field):
            yield above + key, *table
            yield from _tables(table[0], f"{above}{key}.")


def _title(name: str, repeated: bool) -> str:
    return f"[[{name}]]" if repeated else f"[{name}]"


def _settings(model: type[BaseModel]) -> Iterator[str]:
    """Write the settings of a table, without those of the tables within it."""
    yield "| setting | default | what it does |"
    yield "| --- | --- | --- |"
    for key, field in model.model_fields.items():
        if submodel(field) is None:
            yield f"| `{key}` | {_default(field)} | {_meaning(field)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "not set" if field.default is None else _code(toml_value(field.default))


def _meaning(field: FieldInfo) -> str:
    expected = describe(field.annotation, field.metadata)
    sentences = [_text(field.description or ""), _text(f"{expected[0].upper()}{expected[1:]}.")]
    if field.examples:
        sentences.append(f"Example: {_code(toml_value(field.examples[0]))}")
    return "<br>".join(sentences)


def _text(text: str) -> str:
    """Write a text of the models as Markdown: its quotations as code, the pages that it names as links."""
    parts = re.split(r"(\"[^\"]*\"|`[^`]*`)", " ".join(text.split()))
    return "".join(
        _code(part.strip("`")) if number % 2 else _plain(part) for number, part in enumerate(parts)
    )


def _plain(text: str) -> str:
    return re.sub(r"\bdocs/(\S+\.md)", r"[\1](\1)", text.replace("|", r"\|").replace("*", r"\*"))


def _code(text: str) -> str:
    return "`" + text.replace("|", r"\|") + "`"  # a bar ends a cell, also within code
