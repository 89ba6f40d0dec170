"""Routes for apps that call an LLM by OpenAI's API: chats, decisions, models, and what is only forwarded.

The task of a call is named by `model: "understudy/TASK"`, the header `x-understudy-task`, or the key;
or it is learned (`streams.gateway.learned_tasks`).
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from schemas.config import EVERY_TASK
from schemas.messages import TaskName
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.calls import BodyLimit, headers_of_call, is_json, read_body
from streams.gateway.chat.choice_question import (
    decision_signature,
    read_decision,
    read_systemone,
    systemone_signature,
)
from streams.gateway.chat.question import read_question
from streams.gateway.chat.signature import chat_signature
from streams.gateway.chat_service import ChatCall, ChatService, QuestionReader
from streams.gateway.learned_tasks import LearnedTasks, Signer
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.gateway.stored_objects import ObjectUse, referred_objects
from streams.gateway_settings import GatewaySettings
from streams.tasks import Tasks

MODEL_PREFIX = "understudy/"
TASK_HEADER = "x-understudy-task"


class _QuestionApi(NamedTuple):
    """How a question is read, and what calls of one kind have in common."""

    read: QuestionReader
    sign: Signer


_CHAT = _QuestionApi(read_question, chat_signature)
_ASKED = {
    "/v1/chat/completions": _CHAT,
    "/v1/decisions": _QuestionApi(read_decision, decision_signature),
    "/v1/systemone": _QuestionApi(read_systemone, systemone_signature),
}
"""Paths of calls that may ask for a label."""
_FORWARDED = (
    *("/v1/responses", "/v1/responses/compact", "/v1/responses/input_tokens"),
    *("/v1/completions", "/v1/embeddings", "/v1/moderations"),
)
"""Paths of calls that only the LLM's API answers."""
_CHATS, _RESPONSES = "/v1/chat/completions", "/v1/responses"
_STORED = f"{_RESPONSES}/{{id}}"
_STORED_CHAT = f"{_CHATS}/{{id}}"
_STORED_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")


class _LongBody(msgspec.Struct):
    """All that is read of a long body."""

    model: Any = None
    store: Any = None
    previous_response_id: Any = None
    conversation: Any = None
    input: msgspec.Raw = msgspec.Raw(b"null")


class _Item(msgspec.Struct):
    """What may refer to a stored object, of an item of a response's input."""

    type: Any = None
    id: Any = None


_fields = msgspec.json.Decoder(dict[str, Any]).decode
_long_body = msgspec.json.Decoder(_LongBody).decode
_items = msgspec.json.Decoder(list[_Item]).decode
_TEXT_OR_NULL = (b'"', b"n")
"""First bytes of inputs that hold no items."""


class ChatRoutes:
    """What the paths of OpenAI's API do."""

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
            Route(_CHATS, self.complete_or_list, methods=["GET", "POST"]),
            *(Route(path, self.complete, methods=["POST"]) for path in _ASKED if path != _CHATS),
            *(Route(path, self.forward, methods=["POST"]) for path in _FORWARDED),
            Route(_STORED, self.forward_stored, methods=["GET", "DELETE"]),
            Route(f"{_STORED}/cancel", self.forward_stored, methods=["POST"]),
            Route(f"{_STORED}/input_items", self.forward_stored, methods=["GET"]),
            Route(_STORED_CHAT, self.forward_stored, methods=["GET", "POST", "DELETE"]),
            Route(f"{_STORED_CHAT}/messages", self.forward_stored, methods=["GET"]),
            Route("/v1/models", self.models, methods=["GET"]),
            Route("/v1/models/{name:path}", self.model, methods=["GET"]),
        ]

    async def complete_or_list(self, call: HttpRequest) -> Response:
        """Answer or forward a chat completion, or forward the question which ones the LLM's API has kept."""
        return await (self.complete(call) if call.method == "POST" else self.forward(call))

    async def complete(self, call: HttpRequest) -> Response:
        """Answer a call that asks for a label, or forward it."""
        read = await self._read(call, _ASKED[call.scope["path"]])
        if read.task == EVERY_TASK:
            return await self._service.forward_unread(read, "no task knows calls like this one")
        if read.is_long:
            return await self._service.forward_unread(read, "the body is longer than `max_body`")
        return await self._service.complete(read)

    async def forward(self, call: HttpRequest) -> Response:
        """Forward a call of another API as it is."""
        return await self._service.forward_unread(await self._read(call), "this API is only forwarded")

    async def forward_stored(self, call: HttpRequest) -> Response:
        """Forward a call about a response or a completion that the LLM's API has kept."""
        if not _STORED_ID.fullmatch(str(call.path_params["id"])):
            raise HttpProblem(ProblemKind.NOT_FOUND, "nothing is kept under this id")
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

    async def _read(self, call: HttpRequest, api: _QuestionApi | None = None) -> ChatCall:
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        if call.method == "POST" and not is_json(headers) and "id" not in call.path_params:
            raise HttpProblem(ProblemKind.CONTENT_TYPE, "send the header `content-type: application/json`")
        place = place_of(call.scope)
        body = await read_body(call, headers, self._limit, place)
        is_long = len(body) > self._settings.max_body
        read = _fields_of(body, is_long=is_long)
        fields = read or {}
        model = fields.get("model")
        by_model = isinstance(model, str) and model.startswith(MODEL_PREFIX)
        named = str(model)[len(MODEL_PREFIX) :] if by_model else headers.get(TASK_HEADER)
        task = _task(caller, named)
        if task is None and read is None and not self._tasks.task(EVERY_TASK).config.teacher.url:
            raise HttpProblem(
                ProblemKind.INVALID, "the body can't be read as a JSON object: it names no task"
            )
        return ChatCall(
            method=call.method,
            reader=(api or _CHAT).read,
            path=_path_of(call.scope),
            headers=headers,
            raw_headers=call.headers.raw,
            body=body,
            fields=fields,
            task=self._learned.task_of(caller, fields, api.sign if api else None) if task is None else task,
            mode=caller.mode,
            names_model=not by_model,
            receive=call.receive,
            place=place,
            is_long=is_long,
            key=caller.key,
            use=_object_use(call, read),
        )


def _path_of(scope: Scope) -> str:
    """Below the API's base URL, with its query. Starlette's URL of a call takes as long as a decision."""
    path, query = str(scope["path"]).removeprefix("/v1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _fields_of(body: bytes, *, is_long: bool) -> Mapping[str, Any] | None:
    """The call's fields; None where the body is no JSON object: the upstream says what is wrong with it."""
    try:
        return _fields_of_long(body) if is_long else _fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _fields_of_long(body: bytes) -> Mapping[str, Any]:
    """Those fields that say which task a call is for, and which stored objects it goes on from.

    `input` is unset where it is a list that holds anything but objects.
    """
    found = _long_body(body)
    fields = msgspec.structs.asdict(found)
    try:
        fields["input"] = list(map(msgspec.structs.asdict, _items(found.input)))
    except msgspec.DecodeError:
        fields["input"] = None if memoryview(found.input)[:1] in _TEXT_OR_NULL else msgspec.UNSET
    return fields


def _object_use(call: HttpRequest, read: Mapping[str, Any] | None) -> ObjectUse:
    """What a call does with objects that the LLM's API keeps.

    Args:
        read: fields of its body; None where that can't be read.
    """
    name, path = call.path_params.get("id"), call.url.path
    if name is not None:
        return ObjectUse((str(name),))
    if call.method == "GET":
        return ObjectUse(lists=True)
    if path.startswith(_RESPONSES):
        is_unknown = read is None or read.get("input") is msgspec.UNSET
        return ObjectUse(referred_objects(read or {}), creates=path == _RESPONSES, is_unknown=is_unknown)
    return ObjectUse(creates=path == _CHATS and (read or {}).get("store") not in (None, False))


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
