"""The OpenAPI document: every part of it says what it is, and its examples are valid answers."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Installation


@pytest.fixture
def document(devis: Installation) -> Any:
    return json.loads(devis.client().get("/api/v1/openapi.json").data)


def operations(document: Any) -> Iterator[Any]:
    for path in document["paths"].values():
        yield from path.values()


def test_every_operation_and_parameter_says_what_it_is(document: Any) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [item["operationId"] for item in operations(document)]
    assert len(set(names)) == len(names) > 8
    assert all(tag["description"] for tag in document["tags"])
    for item in operations(document):
        assert item["summary"]
        assert item["description"] != item["summary"]
        assert set(item["tags"]) <= tags
        for parameter in item["parameters"]:
            assert parameter["description"].endswith("."), parameter["name"]
            if "example" in parameter:
                Draft202012Validator(parameter["schema"]).validate(parameter["example"])
    info = document["info"]
    assert info["license"]["identifier"]
    assert info["contact"]["url"]
    assert document["servers"][0]["url"]


def test_every_schema_and_field_says_what_it_is(document: Any) -> None:
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, part in schema["properties"].items()
        if not part.get("description")
    ]
    assert silent == []
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_every_operation_has_an_example_that_its_schema_allows(document: Any) -> None:
    for item in operations(document):
        answer = item["responses"]["200"]["content"]["application/json"]
        schema = {**answer["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(answer["example"])
