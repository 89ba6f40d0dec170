"""Queues of questions for the teacher: one for each task, so that no task waits for another's endpoint.

A queue begins a call when one of its slots is free, its endpoint's circuit is closed, or half open and in
want of a probe, and the budget admits it. What fails in a way that passes waits and is asked again, until its
time to give up has come; then it is answered with an error. Where a limit of the day is reached, a question
may be refused, as the config says. All of it is on one event loop.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply
from streams.clock import unix_ms
from streams.spending.admission import Budget, Ceiling
from streams.spending.cost import CallCost, kind_of
from streams.teacher.circuit import pause
from streams.teacher.client import called_nobody, error_reply
from streams.teacher.endpoint_circuits import Call, EndpointCircuits, EndpointIdentity
from streams.teacher.outcome import TryLater
from streams.teacher.queue_depth import QueueDepth

log = logging.getLogger(__name__)

SWEEP = 1.0
"""Seconds between looks for questions whose time is over."""


class Work(Protocol):
    """Work that may be taken back until it has begun (`streams.kafka.open_message`)."""

    @property
    def is_waiting(self) -> bool: ...

    def begin(self) -> bool: ...

    def put_off(self) -> None: ...


@dataclass(eq=False, slots=True, kw_only=True)
class WaitingQuestion:
    """A deferral that waits for its answer.

    Attributes:
        work: on its message.
        give_up_at: Unix milliseconds from which on it is answered with an error.
        answer: called with its reply.
        fail: called where the client fails for a reason of ours.
        refuse: called where a limit of the day is reached and it may not wait; whether it is answered now.
        attempts: that failed so far.
        failure: the newest of them.
    """

    work: Work
    deferral: Deferral
    give_up_at: Callable[[TeacherConfig], int]
    answer: Callable[[Reply], None]
    fail: Callable[[Exception], None]
    refuse: Callable[[Deferral, Ceiling], bool] = lambda _deferral, _ceiling: False
    attempts: int = 0
    failure: TryLater | None = None


Asked = TypeVar("Asked", bound=WaitingQuestion)
Ask = Callable[[Asked, TeacherConfig, CallCost], Awaitable[Reply | TryLater]]


@dataclass(slots=True)
class _Queue(Generic[Asked]):
    """Attributes:
    waiting: in the order in which they are asked.
    pausing: after a failure, with the timer that ends the pause.
    asking: calls under way.
    is_admitting: the budget is being asked for calls.
    ceiling: that holds calls back, as the budget last said.
    timer: of the next look, while the circuit is open or the budget holds calls back.
    """

    waiting: deque[Asked] = field(default_factory=deque)
    pausing: dict[Asked, asyncio.TimerHandle] = field(default_factory=dict)
    asking: int = 0
    is_admitting: bool = False
    ceiling: Ceiling | None = None
    timer: asyncio.TimerHandle | None = None


class QuestionQueues(Generic[Asked]):
    """The queues of one lane.

    Args:
        ask: makes one attempt.
        config: of a task's teacher, as it is now.
        slots: calls that a worker makes at the same time for a task with this config, in this lane.
        budget: admits calls, and counts what they cost.

    Attributes:
        depths: of the tasks that have questions waiting, as the last sweep has seen them. It is replaced as a
            whole, so any thread may read it.
    """

    def __init__(
        self,
        ask: Ask[Asked],
        circuits: EndpointCircuits,
        config: Callable[[str], TeacherConfig],
        slots: Callable[[TeacherConfig], int],
        budget: Budget,
    ) -> None:
        self._ask_once = ask
        self._circuits = circuits
        self._config = config
        self._slots = slots
        self._budget = budget
        self._queues: dict[str, _Queue[Asked]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.depths: Mapping[str, QueueDepth] = {}

    def add(self, questions: Iterable[Asked]) -> None:
        """Put them at the ends of their tasks' queues."""
        tasks = set()
        for question in questions:
            task = question.deferral.request.task
            self._queues.setdefault(task, _Queue()).waiting.append(question)
            tasks.add(task)
        for task in tasks:
            self._pump(task)

    def waiting(self, task: str) -> list[Asked]:
        """Questions of a task that are not being asked."""
        queue = self._queues.get(task)
        return [*queue.waiting, *queue.pausing] if queue else []

    def tasks(self) -> list[str]:
        """Those that have questions."""
        return list(self._queues)

    def held(self, task: str) -> int:
        """Questions of a task that are not answered."""
        queue = self._queues.get(task)
        return len(queue.waiting) + len(queue.pausing) + queue.asking if queue else 0

    async def sweep_forever(self) -> None:
        """Answer what is given up, and let go of what is withdrawn, once a second."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep()

    def sweep(self) -> None:
        now = unix_ms()
        for task, queue in list(self._queues.items()):
            config = self._config(task)
            queue.waiting = deque(one for one in queue.waiting if not self._is_over(one, config, now))
            for question in [one for one in queue.pausing if self._is_over(one, config, now)]:
                queue.pausing.pop(question).cancel()
            if self.held(task) or queue.is_admitting:
                self._pump(task)
            else:
                self._stop_timer(queue)
                del self._queues[task]
                self._circuits.forget(task)
        self.depths = {task: depth for task in self._queues if (depth := self._depth(task)) is not None}

    def _depth(self, task: str) -> QueueDepth | None:
        waiting = self.waiting(task)
        if not waiting:
            return None
        return QueueDepth(len(waiting), min(one.deferral.requested_at for one in waiting))

    def _is_over(self, question: WaitingQuestion, config: TeacherConfig, now: int) -> bool:
        """Whether there is nothing to ask any more; answers what is given up."""
        if not question.work.is_waiting:
            return True
        if now < question.give_up_at(config):
            return False
        if question.work.begin():
            question.answer(error_reply(question.deferral, config, self._why(question, config), gave_up=True))
        return True

    def _why(self, question: WaitingQuestion, config: TeacherConfig) -> str:
        task = question.deferral.request.task
        failure = question.failure or self._circuits.latest_failure(task, EndpointIdentity.of(config))
        attempts = f"given up after {question.attempts} attempts"
        ceiling = self._queues[task].ceiling
        if ceiling is not None and (failure is None or ceiling.is_final):
            return f"{ceiling.sentence} ({attempts})"
        if failure is None:
            return (
                f"no call of the teacher was free in time ({attempts}): raise `teacher.concurrency`, start "
                "more workers with the role teacher, or raise `teacher.give_up_after`"
            )
        return f"{failure.why} ({attempts})"

    def _pump(self, task: str) -> None:
        """Begin as many calls as slots, circuit and budget allow."""
        queue, config = self._queues[task], self._config(task)
        endpoint = EndpointIdentity.of(config)
        self._stop_timer(queue)
        while queue.waiting and queue.asking < self._slots(config) and not queue.is_admitting:
            wait = self._circuits.wait(task, endpoint)
            if wait != 0.0:
                # A probe that is under way pumps all queues when it ends.
                if wait is not None:
                    queue.timer = asyncio.get_running_loop().call_later(wait, self._pump, task)
                return
            if self._budget.is_limited(config):
                free = min(self._slots(config) - queue.asking, len(queue.waiting))
                queue.is_admitting = True
                wanted = free if self._circuits.takes_many(task, endpoint) else 1
                self._start(self._admit(task, config, wanted))
                return
            queue.ceiling = None
            self._begin_next(task, config)

    async def _admit(self, task: str, config: TeacherConfig, wanted: int) -> None:
        """Begin as many calls as the budget admits; look again when it may admit more."""
        queue = self._queues[task]
        try:
            admission = await self._budget.admit(task, config, wanted)
        finally:
            queue.is_admitting = False
        queue.ceiling = admission.ceiling
        for permit in admission.permits:
            if not self._begin_next(task, config, permit):
                self._budget.end(task, permit)
        if admission.ceiling is not None and admission.ceiling.is_final and config.at_ceiling != "wait":
            ceiling = admission.ceiling
            queue.waiting = deque(one for one in queue.waiting if not one.refuse(one.deferral, ceiling))
        if admission.wait:
            queue.timer = asyncio.get_running_loop().call_later(admission.wait, self._pump, task)
        else:
            self._pump(task)

    def _begin_next(self, task: str, config: TeacherConfig, permit: str | None = None) -> bool:
        """Begin the call of the first question that is still to be asked; False where there is none, or the
        circuit has opened.

        Args:
            permit: of the budget, where calls are limited.
        """
        queue, endpoint, now = self._queues[task], EndpointIdentity.of(config), unix_ms()
        while queue.waiting and self._circuits.wait(task, endpoint) == 0.0:
            question = queue.waiting.popleft()
            if not self._is_over(question, config, now) and question.work.begin():
                queue.asking += 1
                self._start(self._ask(question, config, self._circuits.begin(task, endpoint), permit))
                return True
        return False

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        running = asyncio.create_task(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _ask(self, question: Asked, config: TeacherConfig, call: Call, permit: str | None) -> None:
        outcome: Reply | TryLater | None = None
        cost = CallCost()
        try:
            outcome = await self._ask_once(question, config, cost)
        except Exception as error:
            request = question.deferral.request
            log.exception("asking the teacher failed: task=%s request=%s", call.task, request.id)
            question.fail(error)
        finally:
            self._queues[call.task].asking -= 1
            self._budget.record(call.task, config, kind_of(question.deferral), cost)
            if permit is not None:
                self._budget.end(call.task, permit)
            if isinstance(outcome, TryLater):
                self._circuits.on_failure(call, outcome)
                self._put_off(call.task, question, outcome)
            elif outcome is not None:
                (self._circuits.on_cancel if called_nobody(outcome) else self._circuits.on_success)(call)
                question.answer(outcome)
            else:
                self._circuits.on_cancel(call)
        for task in list(self._queues) if call.is_probe else [call.task]:
            self._pump(task)

    def _put_off(self, task: str, question: Asked, failure: TryLater) -> None:
        question.attempts += 1
        question.failure = failure
        question.work.put_off()
        wait = max(failure.retry_after or 0.0, pause(question.attempts, random.random()))
        timer = asyncio.get_running_loop().call_later(wait, self._resume, task, question)
        self._queues[task].pausing[question] = timer

    def _resume(self, task: str, question: Asked) -> None:
        queue = self._queues[task]
        del queue.pausing[question]
        queue.waiting.appendleft(question)
        self._pump(task)

    @staticmethod
    def _stop_timer(queue: _Queue[Asked]) -> None:
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
