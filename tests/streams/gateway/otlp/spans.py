"""Spans of an app's calls of its LLM, in the conventions that instrumentations have."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2

from schemas.messages import Reply
from streams.clock import unix_ms
from streams.gateway.chat_routes import TASK_HEADER
from tests.streams.fakes import TOPICS
from tests.streams.gateway.harness import RunningGateway

LISTED = {"teacher": {"labels": ["yes", "no"], "model": "m"}}
SYSTEM, TEXT = "Is it?", "yes 0.9 0.1"
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.model": "m-2026"}


def parts(text: str) -> list[Any]:
    return [{"type": "text", "content": text}]


def today(said: str = "yes", text: str = TEXT) -> dict[str, Any]:
    return CHAT | {
        "gen_ai.system_instructions": json.dumps(parts(SYSTEM)),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts(text)}]),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": parts(said), "finish_reason": "stop"}]
        ),
    }


YESTERDAY = CHAT | {
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": SYSTEM,
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": TEXT,
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "yes",
    "gen_ai.completion.0.finish_reason": "stop",
}
INFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "m",
    "llm.invocation_parameters": json.dumps({"temperature": 0}),
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": SYSTEM,
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": TEXT,
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "yes",
}
EVENTS = [
    ("gen_ai.system.message", {"content": SYSTEM}),
    ("gen_ai.user.message", {"content": TEXT}),
    ("gen_ai.choice", {"finish_reason": "stop", "message": json.dumps({"content": "yes"})}),
]


async def replies(gateway: RunningGateway, count: int) -> list[Reply]:
    await gateway.produced(TOPICS.replies, count)
    return gateway.broker.replies


def span(attributes: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    found = [{"key": name, "value": {"stringValue": value}} for name, value in attributes.items()]
    at = str(unix_ms() * 1_000_000)
    return {"traceId": "ab" * 16, "spanId": "cd" * 8, "startTimeUnixNano": at, "attributes": found} | fields


def document(*spans: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


async def post(gateway: RunningGateway, content: Any, **headers: str) -> httpx2.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = {"content-type": "application/json", TASK_HEADER: "t"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await gateway.http.post("/v1/traces", content=body, headers=given)
