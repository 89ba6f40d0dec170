"""Route of OTLP over HTTP: `POST /v1/traces`, protobuf or JSON, plain or gzip.

Answers and errors are as OTLP has them, in the encoding of the call; 429 and 503 say when to try again. Spans
that are no calls of a model are passed over: an app exports all that it has.
"""

import asyncio
from collections.abc import Mapping

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from schemas.messages import TaskName
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import Caller, CallerCheck
from streams.gateway.calls import BodyLimit, headers_of_call, read_body
from streams.gateway.chat_routes import TASK_HEADER
from streams.gateway.otlp.encoding import (
    JSON,
    PROTOBUF,
    InvalidExport,
    OtlpEncoding,
    TooLargeExport,
    decompressed,
    encodings,
)
from streams.gateway.otlp.span_recorder import SpanRecorder
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.gateway_settings import GatewaySettings
from streams.recorded_calls.rows import LeftOut
from streams.recorded_calls.spans import SpanCall, read_spans

_AT_ONCE = 4
"""Exports that are decoded at the same time; an app sends one at a time."""
_MOST_CALLS = 5_000
_SOON = {"retry-after": "1"}
_CODES = {400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 429: 8, 503: 14}
"""Codes of `google.rpc`, by HTTP status."""
_UNKNOWN = 2


class OtlpRoutes:
    """What `/v1/traces` does. A key of any mode may export spans of its tasks."""

    def __init__(self, settings: GatewaySettings, check: CallerCheck, recorder: SpanRecorder) -> None:
        self._limit = BodyLimit("max_spans", settings.max_spans, settings.body_timeout)
        self._check = check
        self._recorder = recorder
        self._encodings = encodings()
        self._active = 0

    def routes(self) -> list[Route]:
        return [Route("/v1/traces", self.export, methods=["POST"])]

    async def export(self, call: HttpRequest) -> Response:
        """Take spans; the answer says how many were not used, and why."""
        headers = headers_of_call(call)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = self._encodings.get(media_type)
        try:
            return await self._taken(call, headers, encoding, media_type)
        except HttpProblem as problem:
            return _error(encoding or self._encodings[JSON], problem)

    async def _taken(
        self, call: HttpRequest, headers: Mapping[str, str], encoding: OtlpEncoding | None, media_type: str
    ) -> Response:
        """Raises HttpProblem."""
        caller = self._check.admit(headers)
        if encoding is None:
            raise HttpProblem(ProblemKind.CONTENT_TYPE, _expected(media_type))
        task = _task(caller, headers)
        body = await read_body(call, headers, self._limit, place_of(call.scope))
        calls = await self._calls(encoding, body, headers, call)
        report = await self._recorder.record(caller, task, calls)
        content = encoding.write_answer(report.rejected, report.message)
        return Response(content, media_type=encoding.media_type)

    async def _calls(
        self, encoding: OtlpEncoding, body: bytes, headers: Mapping[str, str], call: HttpRequest
    ) -> list[SpanCall | LeftOut]:
        """The calls of models among the spans. Raises HttpProblem: they can't be read, or not now."""
        if self._active >= _AT_ONCE:
            raise HttpProblem(ProblemKind.BUSY, "other spans are being read: try again", headers=_SOON)
        self._active += 1
        coding = headers.get("content-encoding", "").strip().lower()
        try:
            plain = await asyncio.to_thread(decompressed, body, coding, self._limit.most)
            place_of(call.scope).hold(len(plain))
            calls = await asyncio.to_thread(_read_calls, encoding, plain)
        except InvalidExport as error:
            raise HttpProblem(ProblemKind.INVALID, str(error)) from error
        except TooLargeExport:
            detail = f"spans may have {self._limit.most} bytes (the gateway's setting `max_spans`)"
            raise HttpProblem(ProblemKind.TOO_LARGE, detail) from None
        finally:
            self._active -= 1
        if len(calls) > _MOST_CALLS:
            detail = f"an export may have {_MOST_CALLS} calls of models, and this has {len(calls)}"
            raise HttpProblem(ProblemKind.TOO_LARGE, detail)
        return calls


def _expected(media_type: str) -> str:
    if media_type == PROTOBUF:
        return "this gateway reads JSON only: install opentelemetry-proto there, or export as http/json"
    return f"send `content-type: {PROTOBUF}` or `{JSON}`"


def _read_calls(encoding: OtlpEncoding, plain: bytes) -> list[SpanCall | LeftOut]:
    return list(read_spans(encoding.read(plain), "the export", {}))


def _task(caller: Caller, headers: Mapping[str, str]) -> str | None:
    """The task that the header names. Raises HttpProblem: the key is not for it."""
    named = headers.get(TASK_HEADER)
    try:
        return None if named is None else caller.task(msgspec.convert(named, TaskName))
    except msgspec.ValidationError as error:
        raise HttpProblem(ProblemKind.INVALID, f"the header {TASK_HEADER}: {error}") from error


def _error(encoding: OtlpEncoding, problem: HttpProblem) -> Response:
    status = problem.kind.status
    content = encoding.write_error(_CODES.get(status, _UNKNOWN), str(problem))
    return Response(content, status, dict(problem.headers), media_type=encoding.media_type)
