"""OpenAPI 3.1 document of the gateway, its schemas generated from the types of bodies and messages."""

from typing import Any, NamedTuple

import msgspec

from schemas.http import (
    BatchResults,
    Classify,
    ClassifyBatch,
    FeedbackBatch,
    FeedbackResults,
    GiveFeedback,
    ProblemBody,
)
from schemas.messages import Feedback, Label

_DEFINITIONS = "#/components/schemas/{name}"
_TYPES = (
    *(Classify, ClassifyBatch, BatchResults, Label),
    *(GiveFeedback, FeedbackBatch, FeedbackResults, Feedback, ProblemBody),
)
_OPENAI_ERROR = "OpenAIError"
_RPC_STATUS = "RpcStatus"
_PROTOBUF_BODY: dict[str, Any] = {
    "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}}
}
_PROBLEMS = {
    400: "The call can't be read.",
    401: "No valid key.",
    403: "The key is not for this task or mode.",
    404: "Not found.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body has to be JSON.",
    422: "The request can't be classified, its id had another content, or the task has no such label.",
    429: "Too many calls at the same time; see `Retry-After`.",
    502: "The teacher gave an error.",
    503: "Nobody can answer now; see `Retry-After`.",
    504: "No label in time; it comes later, and `Location` says where.",
}
_LIMITS = (401, 403, 429, 503)
_BODY = (400, 408, 413, 415, *_LIMITS)
_SAID = {
    "x-understudy-contract": "Version of these headers.",
    "x-understudy-source": "Who answered: `surrogate` or `teacher`.",
    "x-understudy-reason": "Why.",
    "x-understudy-task": "The task.",
    "x-understudy-policy": "Version of the policy that guessed.",
    "x-understudy-certified": "`true` where audits prove the target for the version that answered.",
    "x-understudy-decision-id": "Id of the request, percent-encoded.",
    "x-understudy-replayed": "`true` where the id had this label already.",
    "x-request-id": "What the client calls this call, or the request's id.",
    "server-timing": "Milliseconds in the gateway.",
}


class Operation(NamedTuple):
    """One call.

    Attributes:
        body, answer: names of their schemas; None for any JSON, and for an answer that is no JSON.
        problems: statuses of its problems.
        is_otlp: body, answer and problems are those of OTLP.
        forwards: it may be answered by an app's LLM, whose status and body come back as they are.
    """

    method: str
    path: str
    summary: str
    answer: str | None
    body: str | None = None
    problems: tuple[int, ...] = ()
    parameters: tuple[dict[str, Any], ...] = ()
    forwards: bool = False
    is_open: bool = False
    is_otlp: bool = False


def _parameter(name: str, where: str, description: str, *, required: bool = False) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": where, "description": description, "required": required, "schema": schema}


_IDEMPOTENCY = _parameter("Idempotency-Key", "header", "Id of the request; goes before the body's `id`.")
_DEBUG = _parameter("x-understudy-debug", "header", "Adds score, threshold and audit to the headers.")
_TASK = _parameter("x-understudy-task", "header", "The task, where neither `model` nor the key names it.")
_STORED_ID = _parameter("id", "path", "Id at the LLM's API.", required=True)
_JSON = "application/json"

OPERATIONS = (
    Operation(
        *("post", "/v1/classify", "Label of one request", "Label", "Classify"),
        problems=(*_BODY, 422, 502, 504),
        parameters=(_IDEMPOTENCY, _DEBUG),
    ),
    Operation(
        *("post", "/v1/classify/batch", "Labels of requests of one task", "BatchResults", "ClassifyBatch"),
        problems=_BODY,
    ),
    Operation(
        *("get", "/v1/labels/{id}", "Label that came after its call; 202 while it is pending", "Label"),
        problems=(400, *_LIMITS, 404, 502),
        parameters=(
            _parameter("id", "path", "Id of the request.", required=True),
            _parameter("task", "query", "The task, where the key does not name it."),
        ),
    ),
    Operation(
        *("post", "/v1/feedback", "The right label of one request", "Feedback", "GiveFeedback"),
        problems=(*_BODY, 404, 422),
    ),
    Operation(
        *("post", "/v1/feedback/batch", "The right labels of requests of one task"),
        *("FeedbackResults", "FeedbackBatch"),
        problems=_BODY,
    ),
    Operation(
        *("post", "/v1/traces", "Spans of an app's calls of its LLM (OTLP, protobuf or JSON)", None, None),
        problems=_BODY,
        parameters=(_TASK,),
        is_otlp=True,
    ),
    *(
        Operation(
            *("post", path, f"{what}: answered, or forwarded", None, None),
            problems=(*_BODY, 502),
            parameters=(_TASK, _DEBUG),
            forwards=True,
        )
        for path, what in (
            ("/v1/chat/completions", "OpenAI's chat completions"),
            ("/v1/decisions", "OpenAI's decisions"),
            ("/v1/systemone", "System One decisions"),
        )
    ),
    *(
        Operation(
            *("post", f"/v1/{name}", f"OpenAI's {name}: forwarded", None, None),
            problems=(*_BODY, 502),
            parameters=(_TASK,),
            forwards=True,
        )
        for name in ("responses", "completions", "embeddings", "moderations")
    ),
    Operation(
        *("get", "/v1/chat/completions", "Completions that the LLM's API has kept: forwarded", None),
        problems=(400, *_LIMITS, 502),
        parameters=(_TASK,),
        forwards=True,
    ),
    *(
        Operation(
            *(method, path, f"{what}: forwarded, for the app that created it", None, None),
            problems=(*(_BODY if method == "post" else (400, *_LIMITS)), 404, 502),
            parameters=(_STORED_ID, _TASK),
            forwards=True,
        )
        for method, path, what in (
            ("get", "/v1/chat/completions/{id}", "A completion that the LLM's API has kept"),
            ("post", "/v1/chat/completions/{id}", "Change what is kept beside a completion"),
            ("delete", "/v1/chat/completions/{id}", "Forget a completion"),
            ("get", "/v1/chat/completions/{id}/messages", "What a completion was asked"),
            ("get", "/v1/responses/{id}", "A response that the LLM's API has kept"),
            ("delete", "/v1/responses/{id}", "Forget a response"),
            ("post", "/v1/responses/{id}/cancel", "End a response that is being made"),
            ("get", "/v1/responses/{id}/input_items", "What a response was asked"),
        )
    ),
    Operation(
        *("get", "/v1/models", "The tasks, as OpenAI lists models", None), problems=_LIMITS, forwards=True
    ),
    Operation(*("get", "/healthz", "The process runs", None), is_open=True),
)


def openapi(version: str) -> dict[str, Any]:
    """The document.

    Args:
        version: of Understudy.
    """
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template=_DEFINITIONS)
    schemas[_OPENAI_ERROR] = _openai_error()
    schemas[_RPC_STATUS] = _rpc_status()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Understudy's gateway",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-understudy-key"},
            },
        },
        "security": [{"bearer": []}, {"key": []}, {}],
    }


def _described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": operation.summary, "responses": _responses(operation)}
    if operation.parameters:
        found["parameters"] = list(operation.parameters)
    if operation.method == "post":
        schema = _reference(operation.body) if operation.body else {"type": "object"}
        content = {_JSON: {"schema": schema}} | (_PROTOBUF_BODY if operation.is_otlp else {})
        found["requestBody"] = {"required": True, "content": content}
    if operation.is_open:
        found["security"] = []
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        answer["content"] = {_JSON: {"schema": _reference(operation.answer)}}
    if operation.is_otlp:
        answer["content"] = {_JSON: {"schema": {"type": "object"}}} | _PROTOBUF_BODY
    if operation.answer == "Label":
        answer["headers"] = {
            name: {"description": said, "schema": {"type": "string"}} for name, said in _SAID.items()
        }
    responses = {"200": answer}
    if operation.method == "get" and operation.answer == "Label":
        responses["202"] = {"description": "The label is pending; see `Retry-After`."}
    for status in sorted(operation.problems):
        content = _problem_content(operation)
        responses[str(status)] = {"description": _PROBLEMS[status], "content": content}
    if operation.forwards and operation.method == "post":
        responses["default"] = {"description": "What the LLM's API says, as it is."}
    return responses


def _problem_content(operation: Operation) -> dict[str, Any]:
    if operation.forwards:
        return {_JSON: {"schema": _reference(_OPENAI_ERROR)}}
    if operation.is_otlp:
        return {_JSON: {"schema": _reference(_RPC_STATUS)}, **_PROTOBUF_BODY}
    return {"application/problem+json": {"schema": _reference("ProblemBody")}}


def _rpc_status() -> dict[str, Any]:
    """`google.rpc.Status`."""
    properties = {"code": {"type": "integer"}, "message": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": ["code", "message"]}


def _openai_error() -> dict[str, Any]:
    text = {"type": ["string", "null"]}
    error = {
        "type": "object",
        "properties": dict.fromkeys(("message", "type", "param", "code"), text),
        "required": ["message", "type"],
    }
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": _DEFINITIONS.format(name=name)}
