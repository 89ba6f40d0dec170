"""Routes for apps that call an LLM by OpenAI's API: chat completions, models, and what is only forwarded.

The task of a call is named by `model: "understudy/TASK"`, the header `x-understudy-task`, or the key;
or it is learned (`streams.gateway.learned_tasks`).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from schemas.config import EVERY_TASK
from schemas.messages import TaskName
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.calls import BodyLimit, headers_of_call, is_json, read_body
from streams.gateway.chat.signature import chat_signature
from streams.gateway.chat_service import ChatCall, ChatService
from streams.gateway.learned_tasks import LearnedTasks, Signer
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.gateway_settings import GatewaySettings
from streams.tasks import Tasks

MODEL_PREFIX = "understudy/"
TASK_HEADER = "x-understudy-task"


class _Model(msgspec.Struct):
    """All that is read of a long body."""

    model: Any = None


_fields = msgspec.json.Decoder(dict[str, Any]).decode
_model_field = msgspec.json.Decoder(_Model).decode


class ChatRoutes:
    """What `/v1/chat/completions`, `/v1/responses` and `/v1/models` do."""

    def __init__(
        self,
        settings: GatewaySettings,
        check: CallerCheck,
        tasks: Tasks,
        service: ChatService,
        learned: LearnedTasks,
    ) -> None:
        self._settings = settings
        self._limit = BodyLimit("max_forwarded", settings.max_forwarded, settings.body_timeout)
        self._check = check
        self._tasks = tasks
        self._service = service
        self._learned = learned

    def routes(self) -> list[Route]:
        return [
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
            Route("/v1/responses", self.forward, methods=["POST"]),
            Route("/v1/models", self.models, methods=["GET"]),
            Route("/v1/models/{name:path}", self.model, methods=["GET"]),
        ]

    async def complete(self, call: HttpRequest) -> Response:
        """Answer a chat completion, or forward it."""
        read = await self._read(call, chat_signature)
        if read.task == EVERY_TASK:
            return await self._service.forward_unread(read, "no task knows calls like this one")
        if read.is_long:
            return await self._service.forward_unread(read, "the body is longer than `max_body`")
        return await self._service.complete(read)

    async def forward(self, call: HttpRequest) -> Response:
        """Forward a call of another API as it is."""
        return await self._service.forward_unread(await self._read(call), "this API is only forwarded")

    async def models(self, call: HttpRequest) -> Response:
        caller = self._check.admit(call.headers)
        listed = [_model(name) for name in sorted(self._tasks.names()) if caller.allows(name)]
        return _json({"object": "list", "data": listed})

    async def model(self, call: HttpRequest) -> Response:
        caller, name = self._check.admit(call.headers), str(call.path_params["name"])
        task = name.removeprefix(MODEL_PREFIX)
        if name == task or task not in self._tasks.names() or not caller.allows(task):
            raise HttpProblem(ProblemKind.NOT_FOUND, f"there is no model {name[:100]!r}; see /v1/models")
        return _json(_model(task))

    async def _read(self, call: HttpRequest, signer: Signer | None = None) -> ChatCall:
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        if not is_json(headers):
            raise HttpProblem(ProblemKind.CONTENT_TYPE, "send the header `content-type: application/json`")
        place = place_of(call.scope)
        body = await read_body(call, headers, self._limit, place)
        is_long = len(body) > self._settings.max_body
        fields = _fields_of(body, is_long=is_long)
        model = fields.get("model")
        by_model = isinstance(model, str) and model.startswith(MODEL_PREFIX)
        named = str(model)[len(MODEL_PREFIX) :] if by_model else headers.get(TASK_HEADER)
        task = _task(caller, named)
        return ChatCall(
            path=call.url.path.removeprefix("/v1") + (f"?{call.url.query}" if call.url.query else ""),
            headers=headers,
            raw_headers=call.headers.raw,
            body=body,
            fields=fields,
            task=self._learned.task_of(caller, fields, signer) if task is None else task,
            mode=caller.mode,
            names_model=not by_model,
            receive=call.receive,
            place=place,
            is_long=is_long,
        )


def _fields_of(body: bytes, *, is_long: bool) -> Mapping[str, Any]:
    """The call's fields; none where the body is no JSON object: the upstream says what is wrong with it."""
    try:
        return {"model": _model_field(body).model} if is_long else _fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _task(caller: Caller, named: str | None) -> str | None:
    """The task that the call or its key names; None where neither does."""
    if named is None and caller.only_task is None:
        return None
    try:
        return caller.task(None if named is None else msgspec.convert(named, TaskName))
    except msgspec.ValidationError as error:
        raise HttpProblem(ProblemKind.INVALID, f"the task's name: {error}") from error


def _model(task: str) -> dict[str, Any]:
    return {"id": f"{MODEL_PREFIX}{task}", "object": "model", "created": 0, "owned_by": "understudy"}


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
