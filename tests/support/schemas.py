"""Values that a JSON Schema allows, as far as pydantic writes it: for tests that walk an OpenAPI document."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["JSON", "values"]

Schema = dict[str, Any]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
"""Anything."""
LONGEST = 4
"""Items of an array, and letters of a text, unless the schema asks for more."""


def values(schema: Schema, document: Schema) -> st.SearchStrategy[Any]:
    """Return what makes values.

    Args:
        schema: What they are to be.
        document: What references lead into.
    """
    if "$ref" in schema:
        found = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return values(found, document)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([values(each, document) for each in choices])
    match schema.get("type"):
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(values(schema["items"], document), min_size=least, max_size=least + LONGEST)
        case "object":
            return _objects(schema, document)
    return _scalars(schema)


def _scalars(schema: Schema) -> st.SearchStrategy[Any]:  # noqa: PLR0911
    if "const" in schema:
        return st.just(schema["const"])
    match schema.get("type"):
        case None:
            return JSON
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
            return st.floats(lowest, schema.get("maximum"), exclude_min="exclusiveMinimum" in schema)
        case "string":
            return _texts(schema)
    raise AssertionError(f"a schema of a kind that isn't known: {schema}")


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        pattern: str = schema["pattern"]
        most = schema.get("maxLength", LONGEST)
        return st.from_regex(pattern).filter(lambda text: len(text) <= most)
    least = schema.get("minLength", 0)
    excluded = schema.get("not", {}).get("enum", ())
    return st.text(min_size=least, max_size=least + LONGEST).filter(lambda text: text not in excluded)


def _objects(schema: Schema, document: Schema) -> st.SearchStrategy[dict[str, Any]]:
    properties = {name: values(each, document) for name, each in schema.get("properties", {}).items()}
    required = {name: properties[name] for name in schema.get("required", ())}
    optional = {name: each for name, each in properties.items() if name not in required}
    least = schema.get("minProperties", 0)
    return st.fixed_dictionaries(required, optional=optional).filter(lambda value: len(value) >= least)
