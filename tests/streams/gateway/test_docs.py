"""What the gateway says of itself is what it does, and its page loads nothing."""

import re

import pytest

from schemas.openapi import OPERATIONS, Operation
from streams.gateway.keys import create_key
from tests.streams.fakes import ScriptedPolicy
from tests.streams.gateway.harness import UNSURE, YES, running


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.path)
async def test_a_strange_call_is_answered_as_documented(operation: Operation) -> None:
    path = operation.path.replace("{id}", "unknown")
    bodies = [
        b"",
        b"[]",
        b"{}",
        b'{"task": 5}',
        b'{"task": "t", "text": "\xff"}',
        b'{"requests": []}',
        b"[" * 9_999,
    ]
    async with running(ScriptedPolicy()) as gateway:
        for body in bodies if operation.method == "post" else [b""]:
            headers = {"content-type": "application/json"} if body else {}
            answer = await gateway.http.request(operation.method, path, content=body, headers=headers)
            assert answer.status_code in (200, *operation.problems), answer.text
            if answer.status_code != 200:
                assert answer.json()
        gateway.keys = {create_key("app", ("t",), "serve", 1)[1].id: create_key("app", ("t",), "serve", 1)[1]}
        refused = await gateway.http.request(operation.method, path)
        assert refused.status_code == (200 if operation.is_open else 401)


async def test_documented_headers_are_there() -> None:
    async with running(ScriptedPolicy()) as gateway:
        document = (await gateway.http.get("/openapi.json")).json()
        answer = await gateway.classify(YES)
        late = await gateway.classify(UNSURE, timeout=0.01)
    responses = document["paths"]["/v1/classify"]["post"]["responses"]
    documented = set(responses["200"]["headers"])
    ours = {name for name in answer.headers if name.startswith("x-")} | {"server-timing"}
    assert ours == documented - {"x-understudy-replayed"}
    assert set(late.json()) <= set(document["components"]["schemas"]["ProblemBody"]["properties"])
    assert str(late.status_code) in responses


async def test_the_page_loads_nothing() -> None:
    async with running() as gateway:
        page = await gateway.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", page.text) == ["/openapi.json"]
    assert "<script" not in page.text
    assert all(operation.path in page.text for operation in OPERATIONS)
