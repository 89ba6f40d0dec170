"""Asks the teacher about a deferral, once: a reply with a label or an error that stays, or `TryLater`.

An attempt is one call, and a second one after an answer that is no label. It waits for no slot and repeats
nothing: queues, slots, pauses and the time to give up are those of the role.
"""

import logging
import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply, Teacher, Usage
from streams.errors import TeacherAway, TeacherError, TeacherMisconfigured, UnreadableAnswer
from streams.teacher.address import address_of
from streams.teacher.answer import parse_answer
from streams.teacher.calls import Endpoints, ModelOutput
from streams.teacher.outcome import FailureKind, TryLater
from streams.teacher.prompt import messages, with_reminder
from streams.teacher.prompt_hash import prompt_hash

_log = logging.getLogger(__name__)


class TeacherClient:
    """The built-in teacher of all tasks, on one event loop.

    Args:
        environ: where API keys are looked up.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._endpoints = Endpoints(environ)
        self._misconfigured: dict[str, str] = {}

    async def ask(self, deferral: Deferral, config: TeacherConfig) -> Reply | TryLater:
        """One attempt: the label or the error that stays, with all answers' tokens and the time it took.

        A failure that passes is no reply. Settings that can't be right are logged as an error, once for each
        task until they change.
        """
        cost, task = _CallCost(), deferral.request.task
        try:
            label = await self._label(deferral, config, cost)
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
        return Reply(deferral, label, _teacher(config), cost.usage, cost.milliseconds())

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

    async def _label(self, deferral: Deferral, config: TeacherConfig, cost: "_CallCost") -> str:
        address = address_of(config)
        question = messages(deferral.request.text, config)
        output = cost.add(await self._endpoints.complete(address, question, config))
        try:
            return parse_answer(output, config.labels)
        except UnreadableAnswer:
            again = with_reminder(question, output, config.labels)
        output = cost.add(await self._endpoints.complete(address, again, config))
        return _parse_second_answer(output, config)

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
) -> Reply:
    """The reply that says why there will be no label, e.g. because the request has waited too long."""
    return Reply(deferral, teacher=_teacher(config), usage=usage, latency_ms=latency_ms, error=error)


def _teacher(config: TeacherConfig) -> Teacher | None:
    return Teacher(config.model, prompt_hash(config)) if config.model else None


class _CallCost:
    """Tokens and time that one attempt has cost so far."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._begun = time.perf_counter()

    def add(self, output: ModelOutput) -> str:
        """Add an answer's tokens; its text."""
        if output.usage is not None:
            before = self.usage or Usage()
            self.usage = Usage(
                before.prompt_tokens + output.usage.prompt_tokens,
                before.completion_tokens + output.usage.completion_tokens,
            )
        return output.text

    def milliseconds(self) -> float:
        return (time.perf_counter() - self._begun) * 1000.0


def _parse_second_answer(output: str, config: TeacherConfig) -> str:
    try:
        return parse_answer(output, config.labels)
    except UnreadableAnswer as error:
        raise UnreadableAnswer(
            f"{error}, and that twice: make `teacher.prompt` say more clearly what may be answered, "
            f"complete `teacher.labels`, or use a stronger `teacher.model`"
        ) from error
