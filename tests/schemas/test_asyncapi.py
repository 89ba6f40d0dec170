"""The documents say what the types say."""

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.asyncapi import asyncapi
from schemas.json_schema import message_schema
from schemas.messages import Request
from schemas.topics import Topics


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def resolved(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_reference_resolves() -> None:
    document = asyncapi(Topics("shop"), "1.2.3")
    found = set(references(document))
    assert found
    assert all(isinstance(resolved(document, reference), dict) for reference in found)


def test_every_topic_is_documented() -> None:
    topics = Topics("shop")
    addresses = {channel["address"] for channel in asyncapi(topics, "1.2.3")["channels"].values()}
    assert addresses == set(topics.all()) - {topics.dead_letters}


def test_a_json_schema_names_every_field() -> None:
    schema = message_schema("request")
    fields = msgspec.structs.fields(Request)
    assert set(schema["properties"]) == {field.encode_name for field in fields}
    assert set(schema["required"]) == {field.encode_name for field in fields if field.required}
    deferral = message_schema("deferral")
    assert all(resolved(deferral, reference) for reference in references(deferral))
