"""Spending log of a process: adds up what calls cost and what was answered without one, and tells Redis.

Amounts are kept until Redis has taken them. A process that is killed loses those of its last second.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from mode import Service

from schemas.config import EVERY_TASK
from schemas.events import Event
from schemas.messages import Label, Usage
from streams.budget.events import ReachedLevel, reached_levels, spending_event
from streams.clock import unix_ms
from streams.errors import StateUnavailable
from streams.metrics import catalog
from streams.metrics.label_latency import observe_labels
from streams.metrics.registry import MetricRegistry
from streams.spending.cost import money_of
from streams.state.spending import SpendingStore, Spent
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_EVERY = 1.0


class SpendingLog(Service):
    """Args:
    publish: called with the events about limits.
    metrics: told of the same amounts.
    """

    def __init__(
        self,
        store: SpendingStore,
        tasks: Tasks,
        publish: Callable[[Event], None],
        metrics: MetricRegistry,
    ) -> None:
        super().__init__()
        self._store = store
        self._live_tasks = tasks
        self._publish = publish
        self._metrics = metrics
        self._amounts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._ended: defaultdict[str, list[str]] = defaultdict(list)
        self._urgent = asyncio.Event()
        self._told: set[tuple[str, int, str, float]] = set()

    def add(self, task: str, amounts: Mapping[str, float], ended: Iterable[str] = ()) -> None:
        """Add amounts by name, and calls that have ended, which others wait for."""
        self._amounts[task].update(amounts)
        _show(self._metrics, task, amounts)
        ids = [one for one in ended if one]
        if ids:
            self._ended[task] += ids
            self._urgent.set()

    def count_labels(self, labels: Iterable[Label]) -> None:
        """Labels that are written; for those of the surrogate no call was made."""
        labels = list(labels)
        observe_labels(self._metrics, labels)
        answered = Counter(label.task for label in labels if label.source == "surrogate")
        for task, count in answered.items():
            self.add(task, {"answered": count})

    def add_reply(self, task: str, model: str, *, was_read: bool, usage: Usage | None) -> None:
        """A reply of an LLM to an app. No limit counts its cost: the app would have called all the same.

        Args:
            model: that was asked. Its price is known where it is the teacher's.
            was_read: whether a label could be read out of the reply.
            usage: its tokens, where they are known.
        """
        amounts: dict[str, float] = {"replies_read" if was_read else "replies_unread": 1}
        if usage is not None:
            config = self._live_tasks.task(task).config.teacher
            amounts |= {
                "apps.calls": 1,
                "apps.prompt_tokens": usage.prompt_tokens,
                "apps.cached_tokens": usage.cached_tokens,
                "apps.completion_tokens": usage.completion_tokens,
                "apps.money": money_of(usage, config.price) if model == config.model else 0.0,
            }
        self.add(task, amounts)

    def add_refit(self, task: str, seconds: float) -> None:
        """A refit, and how long it took."""
        self.add(task, {"refits": 1, "refit_seconds": seconds})
        self._metrics.observe(catalog.REFIT_SECONDS, [seconds], task)

    async def on_start(self) -> None:
        self.add_future(self._flush_forever())

    async def on_stop(self) -> None:
        await self.flush()

    async def flush(self) -> None:
        """Tell Redis; what it can't take now is told next time."""
        self._urgent.clear()
        for task in {*self._amounts, *self._ended}:
            amounts, ended = self._amounts.pop(task, Counter()), self._ended.pop(task, [])
            try:
                total, own = await self._store.add(task, amounts, ended)
            except StateUnavailable as error:
                log.debug("spending not told, will retry: %s", error)
                self._amounts[task].update(amounts)
                self._ended[task] += ended
                return
            await self._tell(task, total, own)

    async def _flush_forever(self) -> None:
        while not self.should_stop:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), _EVERY)
            await self.flush()

    async def _tell(self, task: str, total: Spent, own: Spent) -> None:
        config = self._live_tasks.task(task).config.teacher
        for scope, limits, spent in ((EVERY_TASK, config.total_limits, total), (task, config.limits, own)):
            for reached in reached_levels(scope, limits, spent):
                if reached.key not in self._told:
                    await self._tell_once(reached, config.at_ceiling)

    async def _tell_once(self, reached: ReachedLevel, at_ceiling: str) -> None:
        try:
            is_news = await self._store.is_news(reached.scope, reached.day, reached.name)
        except StateUnavailable:
            return
        # Of another day nothing need be remembered.
        self._told = {key for key in self._told if key[1] >= reached.day} | {reached.key}
        if is_news:
            self._publish(spending_event(reached, at_ceiling, unix_ms()))


def _show(metrics: MetricRegistry, task: str, amounts: Mapping[str, float]) -> None:
    failed = amounts.get("failed", 0)
    for metric, amount, labels in (
        (catalog.TEACHER_CALLS, amounts.get("calls", 0) - failed, ("answered",)),
        (catalog.TEACHER_CALLS, failed, ("failed",)),
        (catalog.TEACHER_TOKENS, amounts.get("tokens", 0), ()),
        (catalog.TEACHER_COST, amounts.get("money", 0), ()),
        (catalog.APP_REPLIES, amounts.get("replies_read", 0), ("yes",)),
        (catalog.APP_REPLIES, amounts.get("replies_unread", 0), ("no",)),
    ):
        if amount > 0:  # a counter takes nothing else
            metrics.add(metric, amount, task, *labels)
