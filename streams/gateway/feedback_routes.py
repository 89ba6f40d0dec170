"""Routes that take feedback: what is true of one request, or of several of one task."""

from urllib.parse import unquote

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from schemas.codec import FEEDBACK
from schemas.http import FeedbackBatch, FeedbackItem, FeedbackResult, FeedbackResults, GiveFeedback
from schemas.messages import Feedback, RequestId
from streams.gateway.call_limits import place_of
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import BodyLimit, decoder, headers_of_call, read_body
from streams.gateway.feedback_recorder import FeedbackRecorder, Truth
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.gateway_settings import GatewaySettings

_JSON = "application/json"

_one = decoder(GiveFeedback)
_several = decoder(FeedbackBatch)


class FeedbackRoutes:
    """What `/v1/feedback` and `/v1/feedback/batch` do. A key of any mode may give feedback on its tasks."""

    def __init__(self, settings: GatewaySettings, check: CallerCheck, recorder: FeedbackRecorder) -> None:
        self._limit = BodyLimit("max_body", settings.max_body, settings.body_timeout)
        self._check = check
        self._recorder = recorder

    def routes(self) -> list[Route]:
        return [
            Route("/v1/feedback", self.give, methods=["POST"]),
            Route("/v1/feedback/batch", self.give_batch, methods=["POST"]),
        ]

    async def give(self, call: HttpRequest) -> Response:
        """What is true of one request; the answer is the record."""
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        body = _one(headers, await read_body(call, headers, self._limit, place_of(call.scope)))
        [result] = await self._recorder.record(caller.task(body.task), [_truth(body)])
        if isinstance(result, HttpProblem):
            raise result
        return Response(FEEDBACK.encode(result), media_type=_JSON)

    async def give_batch(self, call: HttpRequest) -> Response:
        """What is true of several requests; each has a status of its own."""
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        body = _several(headers, await read_body(call, headers, self._limit, place_of(call.scope)))
        truths = [_truth(item) for item in body.feedback]
        results = await self._recorder.record(caller.task(body.task), truths)
        content = msgspec.json.encode(FeedbackResults([_result(one) for one in results]))
        return Response(content, media_type=_JSON)


def _truth(item: FeedbackItem) -> Truth:
    """Raises HttpProblem: the item names no request, or two."""
    if (item.id is None) == (item.decision_id is None):
        raise HttpProblem(ProblemKind.INVALID, "feedback needs `id` or `decision_id`, one of them")
    try:
        request = item.id or msgspec.convert(unquote(item.decision_id or ""), RequestId)
    except msgspec.ValidationError as error:
        raise HttpProblem(ProblemKind.INVALID, f"`decision_id`: {error}") from error
    return Truth(request, item.label, item.new_label)


def _result(one: Feedback | HttpProblem) -> FeedbackResult:
    if isinstance(one, HttpProblem):
        return FeedbackResult(status=one.kind.status, problem=one.body)
    return FeedbackResult(status=200, feedback=one)
