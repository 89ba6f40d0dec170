"""Direct teacher: asks a task's LLM from this process, while the way over Kafka or Redis is closed.

So that an outage of ours is none of the client's. What the LLM says is written down as a reply once Kafka is
back, and becomes a trace like any other. Calls are admitted under the limits that hold for all workers.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.spending.admission import Budget
from streams.spending.cost import CallCost, kind_of
from streams.teacher.client import TeacherClient
from streams.teacher.outcome import TryLater


class DirectTeacher:
    """At most `teacher.concurrency` calls of a task at the same time."""

    def __init__(self, client: TeacherClient, budget: Budget) -> None:
        self._client = client
        self._budget = budget
        self._calls: Counter[str] = Counter()

    async def ask(self, deferral: Deferral, config: TeacherConfig, seconds: float, why: str) -> Reply:
        """The teacher's reply: a label, or an error that stays.

        Args:
            seconds: that the client waits.
            why: what is away, for the client.

        Raises:
            HttpProblem: the task has no built-in teacher, or it can't be asked now.
        """
        task, request = deferral.request.task, deferral.request.id
        if not config.url or not config.model:
            raise unavailable(f"{why}, and the task has no `teacher.url` to ask", request=request, task=task)
        with self._slot(deferral, config, why):
            outcome = await self._ask(deferral, config, seconds, why)
        if isinstance(outcome, TryLater):
            after = outcome.retry_after or 2.0
            raise unavailable(
                f"{why}, and the teacher failed: {outcome.why}", retry_after=after, request=request, task=task
            )
        return outcome

    async def _ask(
        self, deferral: Deferral, config: TeacherConfig, seconds: float, why: str
    ) -> Reply | TryLater:
        task, request = deferral.request.task, deferral.request.id
        permit, cost = await self._permit(deferral, config, why), CallCost()
        try:
            return await asyncio.wait_for(self._client.ask(deferral, config, cost), seconds)
        except TimeoutError:
            late = f"{why}, and the teacher did not answer within {seconds:.0f} s"
            raise unavailable(late, request=request, task=task) from None
        finally:
            self._budget.record(task, config, kind_of(deferral), cost)
            if permit is not None:
                self._budget.end(task, permit)

    async def _permit(self, deferral: Deferral, config: TeacherConfig, why: str) -> str | None:
        """The budget's permit; None where calls are not limited."""
        if not self._budget.is_limited(config):
            return None
        task = deferral.request.task
        admission = await self._budget.admit(task, config, 1)
        if admission.permits:
            return admission.permits[0]
        limit = admission.ceiling.sentence if admission.ceiling else "a limit of calls is reached"
        raise unavailable(
            f"{why}, and {limit}", retry_after=admission.wait, request=deferral.request.id, task=task
        )

    @contextmanager
    def _slot(self, deferral: Deferral, config: TeacherConfig, why: str) -> Iterator[None]:
        task = deferral.request.task
        if self._calls[task] >= config.concurrency:
            busy = f"{why}, and {config.concurrency} calls of the teacher are under way already"
            wait = {"retry-after": "1"}
            raise HttpProblem(ProblemKind.BUSY, busy, request=deferral.request.id, task=task, headers=wait)
        self._calls[task] += 1
        try:
            yield
        finally:
            self._calls[task] -= 1
            if not self._calls[task]:
                del self._calls[task]
