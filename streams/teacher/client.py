"""Asks the teacher about a deferral and always returns a reply, in bounded time.

A failure of the teacher is the reply's `error`. An ask waits for a free slot for at most `PATIENCE`
seconds and then takes at most `DEADLINE`; the consumer of deferrals is given more time than both together
(`streams.kafka.clients`): a batch whose asks start together ends before `max.poll.interval.ms` is over.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply, Teacher, Usage
from streams.errors import TeacherError, UnreadableAnswer
from streams.teacher.address import address_of
from streams.teacher.answer import parse_answer
from streams.teacher.calls import Endpoints, ModelOutput
from streams.teacher.failures import overdue_failure
from streams.teacher.prompt import messages, with_reminder
from streams.teacher.prompt_hash import prompt_hash

DEADLINE = 120.0
PATIENCE = 900.0


class TeacherClient:
    """The built-in teacher of all tasks, on one event loop.

    Args:
        deadline: seconds that one `ask` may take once a slot is free, repetitions included.
        patience: seconds that it waits for the slot.
        environ: where API keys are looked up.
    """

    def __init__(
        self,
        deadline: float = DEADLINE,
        patience: float = PATIENCE,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._deadline = deadline
        self._patience = patience
        self._endpoints = Endpoints(environ)
        self._slots: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = WeakValueDictionary()

    async def ask(self, deferral: Deferral, config: TeacherConfig) -> Reply:
        """The teacher's label or its error, the tokens of all answers, and the time since a slot was free.

        At most `config.concurrency` asks of a task are under way at once; after that setting has changed,
        those already under way come on top. An answer that is no label is asked for once more.
        """
        cost = _CallCost()
        label, error = None, None
        try:
            label = await self._label(deferral, config, cost)
        except TimeoutError:
            asked = cost.milliseconds() is not None
            limit = self._deadline if asked else self._patience
            error = overdue_failure(limit if asked else 0.0, limit, config)
        except TeacherError as failure:
            error = str(failure)
        return Reply(
            deferral=deferral,
            label=label,
            teacher=Teacher(config.model, prompt_hash(config)) if config.model else None,
            usage=cost.usage,
            latency_ms=cost.milliseconds(),
            error=error,
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

    async def _label(self, deferral: Deferral, config: TeacherConfig, cost: "_CallCost") -> str:
        address = address_of(config)
        question = messages(deferral.request.text, config)
        slot = self._slot(deferral.request.task, config.concurrency)
        async with asyncio.timeout(self._patience):
            await slot.acquire()
        try:
            cost.begin()
            async with asyncio.timeout(self._deadline):
                output = cost.add(await self._endpoints.complete(address, question, config))
                try:
                    return parse_answer(output, config.labels)
                except UnreadableAnswer:
                    again = with_reminder(question, output, config.labels)
                output = cost.add(await self._endpoints.complete(address, again, config))
                return _parse_second_answer(output, config)
        finally:
            slot.release()

    def _slot(self, task: str, concurrency: int) -> asyncio.Semaphore:
        """The task's slots, kept as long as anyone asks."""
        key = (task, concurrency)
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = asyncio.Semaphore(concurrency)
        return slots


class _CallCost:
    """Tokens and time that one ask has cost so far."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._begun: float | None = None

    def begin(self) -> None:
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

    def milliseconds(self) -> float | None:
        """Since a slot was free; None if none was."""
        return None if self._begun is None else (time.perf_counter() - self._begun) * 1000.0


def _parse_second_answer(output: str, config: TeacherConfig) -> str:
    try:
        return parse_answer(output, config.labels)
    except UnreadableAnswer as error:
        raise UnreadableAnswer(
            f"{error}, and that twice: make `teacher.prompt` say more clearly what may be answered, "
            f"complete `teacher.labels`, or use a stronger `teacher.model`"
        ) from error
