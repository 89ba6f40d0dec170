"""Budget of calls: admits them under the limits that all workers share, and counts what they cost.

While Redis is away, a worker uses its own share of what was left (`streams.spending.local_share`).
"""

import time
from collections import Counter
from collections.abc import Callable

from schemas.call_limits import CallLimits
from schemas.config import EVERY_TASK, TeacherConfig
from streams.budget.spending_log import SpendingLog
from streams.errors import StateUnavailable
from streams.spending.admission import Admission, Ceiling
from streams.spending.cost import CallCost, CallKind, money_of
from streams.spending.local_share import LocalShare
from streams.spending.usage import HeldBack, reached_ceiling
from streams.state.spending import SpendingStore

_NO_PRICE = "money can't be counted without `teacher.price`, so nothing is asked: set it"
_REDIS_AWAY = "Redis is away, and this worker's share of what was left is used"
_LATER = 5.0
_SOON = 0.25
_MARGIN = 30.0
_TRIES = 2
"""Calls that one attempt may make."""


class CallBudget:
    """Args:
    worker: name of this process, unique.
    clock: seconds, never going back.
    """

    def __init__(
        self,
        store: SpendingStore,
        spending: SpendingLog,
        worker: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._spending = spending
        self._worker = worker
        self._clock = clock
        self._next = 0
        self._unasked: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._local = LocalShare()

    def is_limited(self, config: TeacherConfig) -> bool:
        """Whether calls have to be admitted."""
        return config.limits.is_limited or config.total_limits.is_limited

    async def admit(self, task: str, config: TeacherConfig, wanted: int) -> Admission:
        """Admit as many of the calls as the limits allow, or as this worker's share allows without Redis."""
        limits = ((EVERY_TASK, config.total_limits), (task, config.limits))
        unpriced = _unpriced(config, limits)
        if unpriced is not None:
            return Admission((), _LATER, unpriced)
        try:
            admission = await self._admit(task, config, wanted)
        except StateUnavailable:
            admission = self._admit_locally(limits, wanted)
        for scope, _ in limits:
            self._in_flight[scope] += len(admission.permits)
        return admission

    def end(self, task: str, permit: str) -> None:
        """The call of a permit has ended, or was not made."""
        for scope in (EVERY_TASK, task):
            self._in_flight[scope] -= 1
        self._spending.add(task, {}, [permit])

    def record(self, task: str, config: TeacherConfig, kind: CallKind, cost: CallCost) -> None:
        """Count what a call has cost. Further calls of the same attempt are paced with those that come."""
        if not cost.calls:
            return
        tokens, money = cost.counted, money_of(cost.counted, config.price)
        milliseconds = cost.milliseconds()
        self._spending.add(
            task,
            {
                "calls": cost.calls,
                "failed": cost.failed,
                "tokens": tokens.prompt_tokens + tokens.completion_tokens,
                "money": money,
                f"{kind}.calls": cost.calls,
                f"{kind}.prompt_tokens": tokens.prompt_tokens,
                f"{kind}.cached_tokens": tokens.cached_tokens,
                f"{kind}.completion_tokens": tokens.completion_tokens,
                f"{kind}.money": money,
                f"{kind}.timed": 0 if milliseconds is None else cost.calls,
                f"{kind}.seconds": (milliseconds or 0.0) / 1000.0,
            },
        )
        if cost.calls > 1 and self.is_limited(config):
            self._unasked[task] += cost.calls - 1

    async def _admit(self, task: str, config: TeacherConfig, wanted: int) -> Admission:
        longest = max(config.timeout, config.audit_timeout if config.audit_tier else 0.0)
        first, lease = self._next, _TRIES * longest + _MARGIN
        limits = (config.total_limits, config.limits)
        # An id is used once: a call that Redis has counted without our hearing of it ends with its lease.
        self._next += wanted
        # Taken out before the wait: meanwhile another lane may ask, and further calls may be made.
        unasked = self._unasked.pop(task, 0)
        try:
            admitted = await self._store.admit(self._worker, task, wanted, first, lease, unasked, limits)
        except StateUnavailable:
            self._unasked[task] += unasked
            raise
        held: list[HeldBack] = []
        for scope, its_limits, usage in zip((EVERY_TASK, task), limits, admitted[2:], strict=True):
            after = usage._replace(in_flight=usage.in_flight + admitted.calls)
            self._local.note(scope, after, admitted.workers)
            reached = reached_ceiling(scope, its_limits, after)
            held += [reached] if reached is not None else []
        permits = [f"{self._worker}:{number}" for number in range(first, first + admitted.calls)]
        if admitted.calls == wanted or not held:
            return Admission(permits, 0.0 if admitted.calls == wanted else _SOON)
        worst = max(held, key=lambda one: one.wait)
        return Admission(permits, worst.wait, worst.ceiling)

    def _admit_locally(self, limits: tuple[tuple[str, CallLimits], ...], wanted: int) -> Admission:
        now, allowed = self._clock(), wanted
        for scope, its_limits in limits:
            allowed = self._local.calls_allowed(scope, its_limits, self._in_flight[scope], allowed, now)
        for scope, its_limits in limits:
            self._local.begin(scope, its_limits, allowed, now)
        if allowed == wanted:
            return Admission([""] * allowed)
        scope, its_limits = next(one for one in limits if one[1].is_limited)
        name = next(name for name in its_limits.__struct_fields__ if getattr(its_limits, name) is not None)
        ceiling = Ceiling(scope, name, getattr(its_limits, name), why=_REDIS_AWAY)
        return Admission([""] * allowed, _SOON, ceiling)


def _unpriced(config: TeacherConfig, limits: tuple[tuple[str, CallLimits], ...]) -> Ceiling | None:
    """The limit on money that can't be kept, because the price is not known."""
    if config.price.is_known:
        return None
    for scope, its_limits in limits:
        if its_limits.money_per_day is not None:
            return Ceiling(scope, "money_per_day", its_limits.money_per_day, why=_NO_PRICE)
    return None
