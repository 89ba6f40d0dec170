"""Asks the teacher about a deferral, once: a reply with a label or an error that stays, or `TryLater`.

An attempt is one call, and a second one after an answer that is no label. It waits for no slot and repeats
nothing: queues, slots, pauses and the time to give up are those of the role.
"""

import logging
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply, Teacher, Usage
from schemas.secrets import masked
from streams.errors import (
    NothingToAsk,
    TeacherAway,
    TeacherError,
    TeacherMisconfigured,
    TextTooLong,
    UnreadableAnswer,
)
from streams.spending.cost import CallCost
from streams.teacher.address import Address, address_of
from streams.teacher.answer import parse_answer
from streams.teacher.calls import Endpoints
from streams.teacher.chat import ModelOutput
from streams.teacher.confidence import label_confidence
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import FailureKind, TryLater
from streams.teacher.prompt import Messages, messages, with_reminder
from streams.teacher.prompt_hash import prompt_hash

_log = logging.getLogger(__name__)


class TeacherClient:
    """The built-in teacher of all tasks, on one event loop.

    Args:
        keys: where API keys are looked up.
    """

    def __init__(self, keys: KeyVariables) -> None:
        self._endpoints = Endpoints(keys)
        self._misconfigured: dict[str, str] = {}

    async def ask(
        self, deferral: Deferral, config: TeacherConfig, cost: CallCost | None = None
    ) -> Reply | TryLater:
        """One attempt: the label or the error that stays, with all answers' tokens and the time it took.

        A failure that passes is no reply. Settings that can't be right are logged as an error, once for each
        task until they change.

        Args:
            cost: what the attempt costs is added to it.
        """
        cost, task = cost or CallCost(), deferral.request.task
        try:
            answered = await self._ask(deferral, config, cost)
        except TeacherAway as failure:
            kind = FailureKind(failure.kind)
            if kind is FailureKind.MISCONFIGURED:
                self._log_misconfigured(task, str(failure))
            return TryLater(str(failure), kind, failure.retry_after, cost.usage)
        except TeacherMisconfigured as failure:
            self._log_misconfigured(task, str(failure))
            return TryLater(str(failure), FailureKind.MISCONFIGURED, usage=cost.usage)
        except TeacherError as failure:
            return error_reply(deferral, config, str(failure), cost.usage, cost.milliseconds())
        self._misconfigured.pop(task, None)
        return Reply(
            deferral,
            answered.label,
            _teacher(config),
            cost.usage,
            cost.milliseconds(),
            confidence=answered.confidence,
        )

    async def aclose(self) -> None:
        """Close the connections; nothing may be asked any more."""
        await self._endpoints.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _ask(self, deferral: Deferral, config: TeacherConfig, cost: CallCost) -> "_Answered":
        address, text = address_of(config), _text_of(deferral, config)
        if config.api != "chat":
            cost.begin_call()
            choice = await self._endpoints.decide(address, text, config)
            cost.add(choice.usage, len(text))
            return _Answered(parse_answer(choice.label, config.labels), choice.confidence)
        question, unhurried = messages(text, config), deferral.audit or deferral.first is not None
        output = await self._complete(address, question, config, cost, unhurried)
        try:
            return _answered(output, config)
        except UnreadableAnswer as error:
            if output.cut_off:
                raise _cut_off(error) from error
            again = with_reminder(question, output.text, config.labels)
        output = await self._complete(address, again, config, cost, unhurried)
        try:
            return _answered(output, config)
        except UnreadableAnswer as error:
            raise _unreadable_twice(error) from error

    async def _complete(
        self, address: Address, question: Messages, config: TeacherConfig, cost: CallCost, unhurried: bool
    ) -> ModelOutput:
        cost.begin_call()
        output = await self._endpoints.complete(address, question, config, unhurried=unhurried)
        cost.add(output.usage, _length(question) + len(output.text))
        return output

    def _log_misconfigured(self, task: str, why: str) -> None:
        if self._misconfigured.get(task) != why:
            self._misconfigured[task] = why
            _log.error("teacher can't be asked, its requests wait: task=%s: %s", task, why)


def error_reply(
    deferral: Deferral,
    config: TeacherConfig,
    error: str,
    usage: Usage | None = None,
    latency_ms: float | None = None,
    *,
    gave_up: bool = False,
) -> Reply:
    """The reply that says why there will be no label.

    Args:
        error: what an endpoint says may hold half characters, which can't be sent on; they are replaced.
        gave_up: the failure may pass, and the request has waited too long.
    """
    return Reply(
        deferral,
        teacher=_teacher(config),
        usage=usage,
        latency_ms=latency_ms,
        error=masked(error).encode(errors="replace").decode(),
        gave_up=gave_up,
    )


def called_nobody(reply: Reply) -> bool:
    """Whether the request was refused without a call: it tells nothing of the endpoint."""
    return reply.error is not None and reply.latency_ms is None


def _teacher(config: TeacherConfig) -> Teacher | None:
    return Teacher(config.model, prompt_hash(config)) if config.model else None


@dataclass(frozen=True, slots=True)
class _Answered:
    """The teacher's label, and its probability where it is known."""

    label: str
    confidence: float | None


def _text_of(deferral: Deferral, config: TeacherConfig) -> str:
    text = deferral.request.text
    if text is None:
        raise NothingToAsk(
            "the request has no `text`, and the built-in teacher can't be asked about a vector: "
            "send `text` beside `embedding`, or answer this task's deferrals with a teacher of your own"
        )
    if config.max_text is not None and len(text) > config.max_text:
        raise TextTooLong(
            f"the text has {len(text)} characters, and `teacher.max_text` allows {config.max_text}: "
            f"shorten it, or raise `teacher.max_text`"
        )
    return text


def _length(question: Messages) -> int:
    """Characters that the model reads."""
    return sum(len(str(message.get("content", ""))) for message in question)


def _answered(output: ModelOutput, config: TeacherConfig) -> _Answered:
    label = parse_answer(output.text, config.labels)
    return _Answered(label, label_confidence(output.text, label, output.tokens) if output.tokens else None)


def _cut_off(error: UnreadableAnswer) -> UnreadableAnswer:
    return UnreadableAnswer(
        f"{error}: it was cut off at its limit of tokens; raise `teacher.max_output_tokens`, or lower "
        f"`teacher.reasoning_effort`"
    )


def _unreadable_twice(error: UnreadableAnswer) -> UnreadableAnswer:
    return UnreadableAnswer(
        f"{error}, and that twice: make `teacher.prompt` say more clearly what may be answered, "
        f"complete `teacher.labels`, or use a stronger `teacher.model`"
    )
