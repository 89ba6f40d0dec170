"""Attributes of spans: by OpenTelemetry's names where there are any, else `understudy.*`. Never a text.

Nor what a model was asked or has said; labels are left out as well, since a task without a label set takes
whatever its model says for one.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from confluent_kafka import Message

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Encoding, Label, Reply, Request
from streams.spending.cost import CallCost
from streams.teacher.outcome import TryLater
from streams.tracing.contract import StepOutcome

Value = str | int | float | bool

_DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})
_ANSWER = "x-understudy-"
_SHOWN = ("source", "reason", "task", "policy", "certified", "replayed", "mode")
_SERVER_ERROR = 500


class SpanFacts(NamedTuple):
    """Attributes of a span.

    Attributes:
        error: its `error.type`; None where nothing failed.
    """

    attributes: dict[str, Value]
    error: str | None = None


def step_facts(message: Message, outcome: StepOutcome) -> SpanFacts:
    """What a role has made of a message."""
    found = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": message.topic(),
        "messaging.destination.partition.id": str(message.partition()),
        "messaging.kafka.offset": message.offset(),
    } | dict(_outcome_attributes(outcome))
    failed = isinstance(outcome, Label | Reply) and outcome.error is not None
    return SpanFacts(_given(found), "no_label" if failed else None)


def call_facts(config: TeacherConfig, outcome: Reply | TryLater | None, cost: CallCost) -> SpanFacts:
    """An attempt to ask the LLM, by the conventions for generative AI."""
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": operation(config),
        "gen_ai.provider.name": "openai",  # by its API; whose model it is nobody says
        "gen_ai.request.model": config.model,
        "understudy.teacher.calls": cost.calls,
        **_server(config.url or ""),
    }
    if cost.usage is not None:
        found["gen_ai.usage.input_tokens"] = cost.usage.prompt_tokens
        found["gen_ai.usage.output_tokens"] = cost.usage.completion_tokens
    return SpanFacts(_given(found), _call_error(outcome))


def operation(config: TeacherConfig) -> str:
    """The name of what the LLM is asked for: `chat`, or the other API that the config names."""
    return config.api


def http_facts(method: str, route: str) -> SpanFacts:
    """An HTTP call, as it begins."""
    return SpanFacts({"http.request.method": method, "http.route": route})


def answer_facts(status: int | None, answer: Mapping[str, str]) -> SpanFacts:
    """What an HTTP call was answered."""
    found: dict[str, Value | None] = {f"understudy.{name}": answer.get(_ANSWER + name) for name in _SHOWN}
    if status is None:
        return SpanFacts(_given(found), "no_response")
    found["http.response.status_code"] = status
    return SpanFacts(_given(found), str(status) if status >= _SERVER_ERROR else None)


def _outcome_attributes(outcome: StepOutcome) -> Iterator[tuple[str, Value | None]]:
    if isinstance(outcome, Label):
        yield "understudy.outcome", "label"
        yield "understudy.task", outcome.task
        yield "understudy.request.id", outcome.id
        yield "understudy.source", outcome.source
        yield "understudy.reason", outcome.reason.value
        yield "understudy.policy", outcome.policy
        yield "understudy.score", outcome.score
        yield "understudy.threshold", outcome.threshold
        yield "understudy.audited", outcome.audited
        return
    deferral = _deferral_in(outcome)
    request = _request_in(outcome)
    yield "understudy.outcome", type(outcome).__name__.lower()
    yield "understudy.task", request.task
    yield "understudy.request.id", request.id
    if deferral is not None:
        yield "understudy.reason", deferral.reason.value
        yield "understudy.policy", deferral.guess.policy if deferral.guess else None
        yield "understudy.score", deferral.guess.score if deferral.guess else None
        yield "understudy.threshold", deferral.threshold


def _deferral_in(outcome: Deferral | Encoding | Reply) -> Deferral | None:
    if isinstance(outcome, Deferral):
        return outcome
    return outcome.check if isinstance(outcome, Encoding) else outcome.deferral


def _request_in(outcome: Deferral | Encoding | Reply) -> Request:
    if isinstance(outcome, Encoding) and outcome.request is not None:
        return outcome.request
    deferral = _deferral_in(outcome)
    assert deferral is not None  # noqa: S101 - an encoding has a request or a deferral
    return deferral.request


def _call_error(outcome: Reply | TryLater | None) -> str | None:
    if outcome is None:
        return "cancelled"
    if isinstance(outcome, TryLater):
        return outcome.kind.value
    return None if outcome.error is None else "no_label"


def _server(url: str) -> dict[str, Value | None]:
    """Host and port; never a user or a password that stands before them."""
    try:
        parts = urlsplit(url)
        return {
            "server.address": parts.hostname,
            "server.port": parts.port or _DEFAULT_PORTS.get(parts.scheme),
        }
    except ValueError:
        return {}


def _given(found: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in found.items() if value is not None}
