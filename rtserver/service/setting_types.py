"""The kinds of value a setting can have, each with the words that say what is expected of it."""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

__all__ = [
    "Expected",
    "Folder",
    "ImportPath",
    "NewPath",
    "ReadableFile",
    "UrlPath",
    "describe",
    "is_path",
    "members",
    "submodel",
]


@dataclass(frozen=True, slots=True)
class Expected:
    """The words for a kind of value, in the reference and in error lines.

    Args:
        phrase: Completes the sentence "expected ...".
    """

    phrase: str


class _PathMarker:
    """Marks a setting that is a path. In a config file it is relative to the file's own folder."""


def _folder(value: str) -> str:
    if not Path(value).is_dir():
        raise ValueError
    return value


def _readable_file(value: str) -> str:
    if not (Path(value).is_file() and os.access(value, os.R_OK)):
        raise ValueError
    return value


def _new_path(value: str) -> str:
    if not Path(value).parent.is_dir():
        raise ValueError
    return value


def _import_path(value: str) -> str:
    module, colon, attribute = value.partition(":")
    parts = [*module.split("."), *attribute.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise ValueError
    return value


def _url_path(value: str) -> str:
    if not re.fullmatch(r"/?[A-Za-z0-9._~-]*(/[A-Za-z0-9._~-]+)*/?", value):
        raise ValueError
    return value


Folder = Annotated[str, _PathMarker(), AfterValidator(_folder), Expected("the path of a folder that exists")]
ReadableFile = Annotated[
    str, _PathMarker(), AfterValidator(_readable_file), Expected("the path of a file that can be read")
]
NewPath = Annotated[
    str, _PathMarker(), AfterValidator(_new_path), Expected("the path of a file in a folder that exists")
]
ImportPath = Annotated[
    str, AfterValidator(_import_path), Expected('an import path, "package.module:attribute"')
]
UrlPath = Annotated[
    str, AfterValidator(_url_path), Expected("a URL path of letters, digits and . _ ~ - between slashes")
]


def describe(annotation: Any, metadata: Sequence[object] = ()) -> str:  # noqa: PLR0911
    """Say what values a type allows, as it completes the sentence "expected ..."."""
    if typing.get_origin(annotation) is Annotated:
        annotation, *inner = typing.get_args(annotation)
        limits = [limit for item in inner if isinstance(item, FieldInfo) for limit in item.metadata]
        metadata = [*limits, *inner, *metadata]
    for item in metadata:
        if isinstance(item, Expected):
            return item.phrase
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(describe(member, metadata) for member in arguments if member is not types.NoneType)
    if origin is Literal:
        choices = ", ".join(f'"{choice}"' for choice in arguments)
        return f"one of {choices}" if len(arguments) > 1 else choices
    if origin is list:
        return f"a list{_describe_length(metadata, 'items')}, each item {describe(arguments[0])}"
    if origin is dict:
        return f"a table, each value {describe(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a table with {', '.join(annotation.model_fields)}"
    if annotation is bool:
        return "true or false"
    if annotation is str:
        return f"text{_describe_length(metadata, 'characters')}"
    return _describe_number({int: "an integer", float: "a number"}[annotation], metadata)


def _describe_length(metadata: Sequence[object], unit: str) -> str:
    least = max((item.min_length for item in metadata if isinstance(item, annotated_types.MinLen)), default=0)
    if least > 1:
        return f" of at least {least} {unit}"
    return " that isn't empty" if least else ""


def _describe_number(noun: str, metadata: Sequence[object]) -> str:
    limits = []
    for item in metadata:
        match item:
            case annotated_types.Ge():
                limits.append(f"at least {item.ge}")
            case annotated_types.Gt():
                limits.append(f"above {item.gt}")
            case annotated_types.Le():
                limits.append(f"at most {item.le}")
    return f"{noun}, {' and '.join(limits)}" if limits else noun


def members(annotation: Any) -> tuple[Any, ...]:
    """Take a type apart as far as it says who may stand in its place: ``X | None`` has X and None."""
    if typing.get_origin(annotation) is Annotated:
        return members(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return tuple(inner for part in typing.get_args(annotation) for inner in members(part))
    return (annotation,)


def is_path(field: FieldInfo) -> bool:
    """Tell whether a setting is a path, which a config file gives relative to its own folder."""
    markers = list(field.metadata)
    for member in typing.get_args(field.annotation):
        markers += getattr(member, "__metadata__", ())
    return any(isinstance(marker, _PathMarker) for marker in markers)


def submodel(field: FieldInfo) -> tuple[type[BaseModel], bool] | None:
    """Find the model that a field holds, and whether it holds a list of them."""
    for annotation in members(field.annotation):
        repeated = typing.get_origin(annotation) is list
        inner = typing.get_args(annotation)[0] if repeated else annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, repeated
    return None
