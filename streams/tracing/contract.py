"""What records spans, and the stand-in that records none.

A message names its parent span in `traceparent`. Each step that is recorded puts itself there, so that the
headers that follow a request to its label carry one trace over all topics.
"""

from collections.abc import Mapping
from typing import Protocol

from confluent_kafka import Message

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Encoding, Label, Reply
from streams.kafka.message import Headers, copied_headers
from streams.spending.cost import CallCost
from streams.teacher.outcome import TryLater

StepOutcome = Label | Deferral | Encoding | Reply
HttpHeaders = list[tuple[bytes, bytes]]


class HttpSpan(Protocol):
    """The span of an HTTP call that is under way.

    Attributes:
        headers: of the call, with the span as the parent of what follows.
    """

    @property
    def headers(self) -> HttpHeaders: ...

    def end(self, status: int | None, answer: Mapping[str, str]) -> None:
        """End it.

        Args:
            status: of the response; None where there was none.
            answer: headers of the response.
        """
        ...


class Tracing(Protocol):
    """Records spans. No method waits for anything or raises."""

    @property
    def is_on(self) -> bool: ...

    def step(self, stage: str, message: Message, began: int, outcome: StepOutcome) -> Headers | None:
        """Record what a role has made of a message; the headers that go on with its outputs.

        Args:
            began: Unix milliseconds; it ends now.
            outcome: the label, or else what says most of the outputs.
        """
        ...

    def teacher_call(
        self,
        headers: Headers | None,
        config: TeacherConfig,
        began: int,
        outcome: Reply | TryLater | None,
        cost: CallCost,
    ) -> Headers | None:
        """Record an attempt to ask the LLM, if it was called; the headers that go on with the reply.

        Args:
            headers: that follow from the request.
            began: Unix milliseconds; it ends now.
            outcome: None where it was broken off.
        """
        ...

    def http_call(self, method: str, route: str, headers: HttpHeaders) -> HttpSpan:
        """Begin the span of an HTTP call.

        Args:
            route: the path as the application declares it, without ids.
        """
        ...


class _NoHttpSpan:
    def __init__(self, headers: HttpHeaders) -> None:
        self.headers = headers

    def end(self, status: int | None, answer: Mapping[str, str]) -> None:
        pass


class NoTracing:
    """Records nothing, and lets headers go on as they came."""

    is_on = False

    def step(self, _stage: str, message: Message, _began: int, _outcome: StepOutcome) -> Headers | None:
        return copied_headers(message)

    def teacher_call(
        self,
        headers: Headers | None,
        _config: TeacherConfig,
        _began: int,
        _outcome: Reply | TryLater | None,
        _cost: CallCost,
    ) -> Headers | None:
        return headers

    def http_call(self, _method: str, _route: str, headers: HttpHeaders) -> HttpSpan:
        return _NoHttpSpan(headers)


NO_TRACING = NoTracing()
