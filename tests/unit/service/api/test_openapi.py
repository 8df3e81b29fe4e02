from __future__ import annotations

from rtserver.service.api.openapi import document
from rtserver.service.api.operations import OPERATIONS


def test_every_operation_is_described() -> None:
    paths = document("/v1/api")["paths"]
    assert set(paths) == {f"/v1/api/{each.name}" for each in OPERATIONS} | {"/v1/api/openapi.json"}
    for operation in OPERATIONS:
        described = paths[f"/v1/api/{operation.name}"]["post"]
        assert described["summary"]
        assert ("parameters" in described) is operation.is_change
        assert ("409" in described["responses"]) is operation.is_change
        waits = {status for status, response in described["responses"].items() if "headers" in response}
        assert waits == {"429", "503"}


def test_every_field_is_described() -> None:
    for name, schema in document("/api")["components"]["schemas"].items():
        for field, described in schema["properties"].items():
            if field != "command" and "$ref" not in described:  # what is referred to describes itself
                assert described["description"].endswith("."), f"{name}.{field}"
