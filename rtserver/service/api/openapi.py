"""The OpenAPI document of the API, made from its operations and models."""

from __future__ import annotations

from importlib import metadata
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from rtserver.service.api.answers import ErrorAnswer
from rtserver.service.api.operations import OPERATIONS, Operation

__all__ = ["document"]

_PREFIX: Final = "#/components/schemas/"
_DESCRIPTION: Final = """\
What a backend asks of the service: to send events, to move clients between rooms, to tell who is there.

A request is a JSON object, and so is its answer; an error is `{"code": ..., "message": ...}`. Bytes in the
arguments of events are `{"$bytes": "AQI="}`, in base64."""
_ERRORS: Final = {
    400: "The body isn't a JSON object, or Idempotency-Key is malformed.",
    401: "The API key is missing or unknown.",
    403: "The key isn't for this command, or not for this namespace.",
    408: "The body didn't come in time.",
    413: "The body is too large.",
    415: "The body isn't application/json.",
    422: "The request isn't valid; the message says what is wrong. Nothing was done.",
    429: "Too many commands with this key; Retry-After says when to try again.",
    500: "It failed, or a part of it.",
    503: "Too much is being done; Retry-After says when to try again. Nothing was done.",
    504: "It wasn't done in time, or only a part of it.",
}
_CHANGE_ERRORS: Final = {409: "The request with this Idempotency-Key isn't done yet."}
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_PASSING: Final = frozenset({429, 503})
"""Statuses of requests that can be sent again as they are."""
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Requests with the same one are done once, and have the same answer.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def document(base: str) -> dict[str, Any]:
    """Make the document.

    Args:
        base: The path of the API, with a slash before it.
    """
    paths: dict[str, Any] = {f"{base}/{each.name}": {"post": _operation(each)} for each in OPERATIONS}
    paths[f"{base}/openapi.json"] = {
        "get": {
            "operationId": "openapi",
            "summary": "Return this document.",
            "security": [],
            "responses": {"200": _response("This document.", {"type": "object"})},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rtserver",
            "version": metadata.version("rtserver"),
            "description": _DESCRIPTION,
        },
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key of the config file."}
            },
            "schemas": _schemas(),
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    errors = _ERRORS | (_CHANGE_ERRORS if operation.is_change else {}) | dict(operation.errors)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.request.__doc__,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(operation.request)}},
        },
        "responses": {
            "200": _response(operation.answer.__doc__ or "", _reference(operation.answer)),
            **{
                str(status): _response(meaning, _reference(ErrorAnswer))
                | ({"headers": _RETRY_AFTER} if status in _PASSING else {})
                for status, meaning in sorted(errors.items())
            },
        },
    }
    if operation.is_change:
        described["parameters"] = [_IDEMPOTENCY_KEY]
    return described


def _response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _PREFIX + model.__name__}


def _schemas() -> dict[str, Any]:
    requests: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (each.request, "validation") for each in OPERATIONS
    ]
    kinds: list[type[BaseModel]] = [*dict.fromkeys(each.answer for each in OPERATIONS), ErrorAnswer]
    answers: list[tuple[type[BaseModel], JsonSchemaMode]] = [(each, "serialization") for each in kinds]
    _, schema = models_json_schema([*requests, *answers], ref_template=_PREFIX + "{model}")
    schemas: dict[str, Any] = schema["$defs"]
    return schemas
