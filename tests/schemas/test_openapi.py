"""The OpenAPI document says what the types say, and each of its references resolves."""

from schemas.openapi import OPERATIONS, openapi
from tests.schemas.test_asyncapi import references, resolved


def test_every_reference_resolves() -> None:
    document = openapi("1.2.3")
    found = set(references(document))
    assert {f"#/components/schemas/{name}" for name in ("Classify", "Label", "ProblemBody")} <= found
    assert all(isinstance(resolved(document, reference), dict) for reference in found)


def test_each_call_and_field_is_there() -> None:
    document = openapi("1.2.3")
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == {
        (one.path, one.method) for one in OPERATIONS
    }
    fields = document["components"]["schemas"]["Classify"]["properties"]
    assert set(fields) == {"task", "text", "embedding", "id", "metadata", "timeout"}
    assert document["paths"]["/healthz"]["get"]["security"] == []
