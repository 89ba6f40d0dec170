"""Direct teacher: asks a task's LLM from this process, while the way over Kafka or Redis is closed.

So that an outage of ours is none of the client's. What the LLM says is written down as a reply once Kafka is
back, and becomes a trace like any other. Calls are admitted under the limits that hold for all workers.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply
from streams.clock import unix_ms
from streams.gateway.problems import seconds_to_new_day, unavailable
from streams.kafka.message import Headers
from streams.spending.admission import Budget
from streams.spending.cost import CallCost, kind_of
from streams.teacher.client import TeacherClient
from streams.teacher.outcome import TryLater
from streams.tracing.contract import NO_TRACING, Tracing


class DirectTeacher:
    """At most `teacher.concurrency` calls of a task at the same time; further ones wait."""

    def __init__(self, client: TeacherClient, budget: Budget, tracing: Tracing = NO_TRACING) -> None:
        self._tracing = tracing
        self._client = client
        self._budget = budget
        self._users: Counter[str] = Counter()
        self._slots: dict[str, asyncio.Semaphore] = {}

    async def ask(
        self, deferral: Deferral, config: TeacherConfig, seconds: float, why: str, headers: Headers | None
    ) -> tuple[Reply, Headers | None]:
        """The teacher's reply, a label or an error that stays, and the headers that go with it.

        Args:
            seconds: that the client waits.
            why: what is away, for the client.
            headers: that follow from the request.

        Raises:
            HttpProblem: the task has no built-in teacher, or it can't be asked now.
        """
        task, request = deferral.request.task, deferral.request.id
        if not config.url or not config.model:
            raise unavailable(f"{why}, and the task has no `teacher.url` to ask", request=request, task=task)
        try:
            async with asyncio.timeout(seconds), self._slot(task, config):
                outcome, headers = await self._ask(deferral, config, why, headers)
        except TimeoutError:
            late = f"{why}, and the teacher did not answer within {seconds:g} s"
            raise unavailable(late, request=request, task=task) from None
        if isinstance(outcome, TryLater):
            after = outcome.retry_after or 2.0
            raise unavailable(
                f"{why}, and the teacher failed: {outcome.why}", retry_after=after, request=request, task=task
            )
        return outcome, headers

    async def _ask(
        self, deferral: Deferral, config: TeacherConfig, why: str, headers: Headers | None
    ) -> tuple[Reply | TryLater, Headers | None]:
        task = deferral.request.task
        permit, cost = await self._permit(deferral, config, why), CallCost()
        outcome: Reply | TryLater | None = None
        began = unix_ms()
        try:
            outcome = await self._client.ask(deferral, config, cost)
        finally:
            followed = self._tracing.teacher_call(headers, config, began, outcome, cost)
            self._budget.record(task, config, kind_of(deferral), cost)
            if permit is not None:
                self._budget.end(task, permit)
        return outcome, followed

    async def _permit(self, deferral: Deferral, config: TeacherConfig, why: str) -> str | None:
        """The budget's permit; None where calls are not limited."""
        if not self._budget.is_limited(config):
            return None
        task = deferral.request.task
        admission = await self._budget.admit(task, config, 1)
        if admission.permits:
            return admission.permits[0]
        ceiling, wait = admission.ceiling, admission.wait
        limit = ceiling.sentence if ceiling else "a limit of calls is reached"
        if ceiling is not None and ceiling.is_final:
            wait = seconds_to_new_day(unix_ms())
        raise unavailable(f"{why}, and {limit}", retry_after=wait, request=deferral.request.id, task=task)

    @asynccontextmanager
    async def _slot(self, task: str, config: TeacherConfig) -> AsyncIterator[None]:
        self._users[task] += 1
        try:
            async with self._slots.setdefault(task, asyncio.Semaphore(config.concurrency)):
                yield
        finally:
            self._users[task] -= 1
            if not self._users[task]:
                del self._users[task], self._slots[task]
