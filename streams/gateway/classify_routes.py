"""Routes that classify: one request, a batch, and a label that came too late for its call."""

import asyncio
import os
import time
from collections.abc import Mapping

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from schemas.codec import LABEL
from schemas.http import BatchItem, BatchResult, BatchResults, Classify, ClassifyBatch
from schemas.messages import Request as Question
from schemas.messages import RequestId, TaskName
from streams.gateway.answer_headers import CONTRACT, answer_headers
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.calls import (
    BodyLimit,
    decoder,
    headers_of_call,
    idempotency_key,
    read_body,
    record_headers,
)
from streams.gateway.classifier import ClassifiedAnswer, Classifier, Client
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.gateway.recent_labels import RecentLabels
from streams.gateway_settings import GatewaySettings

JSON = "application/json"

_classify = decoder(Classify)
_batch = decoder(ClassifyBatch)
_encode = msgspec.json.Encoder().encode
_PENDING = _encode({"status": "pending"})


class ClassifyRoutes:
    """What `/v1/classify`, `/v1/classify/batch` and `/v1/labels` do."""

    def __init__(
        self, settings: GatewaySettings, check: CallerCheck, classifier: Classifier, recent: RecentLabels
    ) -> None:
        self._settings = settings
        self._limit = BodyLimit("max_body", settings.max_body, settings.body_timeout)
        self._check = check
        self._classifier = classifier
        self._recent = recent

    def routes(self) -> list[Route]:
        return [
            Route("/v1/classify", self.classify, methods=["POST"]),
            Route("/v1/classify/batch", self.classify_batch, methods=["POST"]),
            Route("/v1/labels/{id:path}", self.label, methods=["GET"]),
        ]

    async def classify(self, call: HttpRequest) -> Response:
        began, headers = time.perf_counter(), headers_of_call(call)
        caller = self._may_classify(headers)
        body = _classify(headers, await self._body(call, headers))
        item = BatchItem(
            text=body.text,
            embedding=body.embedding,
            id=idempotency_key(headers) or body.id,
            metadata=body.metadata,
        )
        question = _question(caller.task(body.task), item)
        answer = await self._classifier.classify(question, self._client(call, headers, body.timeout))
        return _response(answer, headers, began)

    async def classify_batch(self, call: HttpRequest) -> Response:
        headers = headers_of_call(call)
        caller = self._may_classify(headers)
        body = _batch(headers, await self._body(call, headers))
        task, client = caller.task(body.task), self._client(call, headers, body.timeout)
        results = await asyncio.gather(*(self._result(task, item, client) for item in body.requests))
        content = _encode(BatchResults(list(results)))
        return Response(content, headers={"x-understudy-contract": CONTRACT}, media_type=JSON)

    async def label(self, call: HttpRequest) -> Response:
        """A label that came after its call, or by another way."""
        began = time.perf_counter()
        caller = self._may_classify(call.headers)
        task, number = caller.task(_task_in(call)), _id_in(call)
        found = self._recent.find(task, number)
        if found is None:
            raise HttpProblem(
                ProblemKind.NOT_FOUND,
                f"no label of this id among the newest {self._settings.labels_kept}: it is not there yet, or "
                "too old; the topic of labels has it for 7 days",
                request=number,
                task=task,
            )
        if found.label is None:
            return Response(_PENDING, 202, {"retry-after": "1"}, media_type=JSON)
        return _response(self._classifier.answer(found.label), call.headers, began)

    def _may_classify(self, headers: Mapping[str, str]) -> Caller:
        caller = self._check.admit(headers)
        if caller.mode != "serve":
            raise HttpProblem(
                ProblemKind.FORBIDDEN, f"the key is for the mode {caller.mode}, and this needs `serve`"
            )
        return caller

    async def _body(self, call: HttpRequest, headers: Mapping[str, str]) -> bytes:
        return await read_body(call, headers, self._limit, place_of(call.scope))

    def _client(self, call: HttpRequest, headers: Mapping[str, str], wish: float | None) -> Client:
        async def gone() -> None:
            while (await call.receive())["type"] != "http.disconnect":
                pass

        seconds = min(wish or self._settings.timeout, self._settings.longest_timeout)
        return Client(seconds, place_of(call.scope).waiting, record_headers(headers), gone)

    async def _result(self, task: str, item: BatchItem, client: Client) -> BatchResult:
        try:
            answer = await self._classifier.classify(_question(task, item), client)
        except HttpProblem as problem:
            return BatchResult(status=problem.kind.status, problem=problem.body)
        return BatchResult(status=200, label=answer.label)


def _question(task: str, item: BatchItem) -> Question:
    """Raises HttpProblem: there is nothing to classify."""
    if item.text is None and item.embedding is None:
        raise HttpProblem(ProblemKind.INVALID, "a request needs `text`, `embedding` or both", task=task)
    return Question(item.id or os.urandom(16).hex(), task, item.text, item.embedding, item.metadata)


def _response(answer: ClassifiedAnswer, headers: Mapping[str, str], began: float) -> Response:
    said = answer_headers(answer, headers, (time.perf_counter() - began) * 1000.0)
    return Response(LABEL.encode(answer.label), headers=said, media_type=JSON)


def _task_in(call: HttpRequest) -> str | None:
    named = call.query_params.get("task")
    try:
        return None if named is None else msgspec.convert(named, TaskName)
    except msgspec.ValidationError as error:
        raise HttpProblem(ProblemKind.INVALID, f"`task`: {error}") from error


def _id_in(call: HttpRequest) -> str:
    try:
        return msgspec.convert(call.path_params["id"], RequestId)
    except msgspec.ValidationError as error:
        raise HttpProblem(ProblemKind.INVALID, f"the id in the path: {error}") from error
