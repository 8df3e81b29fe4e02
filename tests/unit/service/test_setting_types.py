from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from rtserver.service.setting_types import Expected, Folder, describe, is_path, members, submodel


class Inner(BaseModel):
    a: int = 1
    b: str = ""


class Outer(BaseModel):
    port: Annotated[int, Field(ge=0, le=9)] = 1
    above: float = Field(default=1, gt=0)
    name: str = Field(default="x", min_length=1)
    long: str | None = Field(default=None, min_length=3)
    text: str | None = None
    flag: bool = False
    kind: Literal["a", "b"] = "a"
    only: Literal["*"] = "*"
    kinds: list[Literal["a", "b"]] = Field(default=["a"], min_length=1)
    levels: dict[str, Literal["low", "high"]] = {}
    either: list[str] | Literal["*"] = "*"
    own: Annotated[str | None, Expected("a poem")] = None
    folder: Folder | None = None
    inner: Inner = Inner()
    inners: list[Inner] = []


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("port", "an integer, at least 0 and at most 9"),
        ("above", "a number, above 0"),
        ("name", "text that isn't empty"),
        ("long", "text of at least 3 characters"),
        ("text", "text"),
        ("flag", "true or false"),
        ("kind", 'one of "a", "b"'),
        ("only", '"*"'),
        ("kinds", 'a list that isn\'t empty, each item one of "a", "b"'),
        ("levels", 'a table, each value one of "low", "high"'),
        ("either", 'a list, each item text or "*"'),
        ("own", "a poem"),
        ("folder", "the path of a folder that exists"),
        ("inner", "a table with a, b"),
        ("inners", "a list, each item a table with a, b"),
    ],
)
def test_each_type_is_described(name: str, phrase: str) -> None:
    field = Outer.model_fields[name]
    assert describe(field.annotation, field.metadata) == phrase


def test_paths_are_known() -> None:
    assert [name for name, field in Outer.model_fields.items() if is_path(field)] == ["folder"]


def test_models_inside_are_found() -> None:
    found = {name: submodel(field) for name, field in Outer.model_fields.items()}
    assert {name: inner for name, inner in found.items() if inner} == {
        "inner": (Inner, False),
        "inners": (Inner, True),
    }


def test_members_of_nested_unions() -> None:
    assert members(Annotated[int | None, "x"] | str) == (int, type(None), str)
