"""Reads what other targets would bring to a task: all rows of the slider, which only looks them up.

The rate of requests is that of the labels that this gateway has seen in the last hour.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from models.manifest import Manifest
from streams.dashboard.tasks.label_counts import LabelCounts
from streams.spending.day_spending import day_spending
from streams.state.spending import SpendingStore
from streams.status.status_reader import StatusReader
from streams.status.what_if import WhatIf, what_if_of
from streams.tasks import Tasks

_DAY = 86_400_000
_MINUTE = 60_000
_PER_MILLE = (*range(800, 900, 20), *range(900, 950, 10), *range(950, 990, 5), *range(990, 1000))
TARGETS = tuple(at / 1000 for at in _PER_MILLE)
"""Targets of the slider; the one in force is added."""


@dataclass(frozen=True, slots=True)
class WhatIfView:
    """Attributes:
    missing: what is missing for any estimate, and what to do; empty where there are some.
    """

    missing: str = ""
    found: WhatIf | None = None


class WhatIfReader:
    """Args:
    traffic: the labels of a task in the last hour.
    now: Unix milliseconds.
    """

    def __init__(
        self,
        status_reader: StatusReader,
        spending: SpendingStore,
        tasks: Tasks,
        traffic: Callable[[str], LabelCounts],
        now: Callable[[], int],
    ) -> None:
        self._status_reader = status_reader
        self._spending = spending
        self._tasks = tasks
        self._traffic = traffic
        self._now = now
        self._turn = asyncio.Lock()

    async def read(self, task: str, requests_a_day: float | None, price_a_call: float | None) -> WhatIfView:
        """Args:
            requests_a_day, price_a_call: instead of the measured ones.

        Raises:
            StateUnavailable: Redis is away.
        """
        reader, config = self._status_reader, self._tasks.task(task).config
        status = await reader.status_of(task, config, await reader.guard())
        raw = None if status is None else await reader.registry.manifest(task, status.version)
        if status is None or raw is None:
            return WhatIfView(
                "No version has passed the gate yet: there is nothing to compare until one has."
            )
        requests = requests_a_day or daily_requests(self._traffic(task), self._now())
        if not requests:
            return WhatIfView("No request in the last hour: say below how many come in a day.")
        price = price_a_call
        if price is None:
            spent = day_spending(await self._spending.day(task))
            price = spent.price_a_call(config.teacher.price)
        targets = (*TARGETS, config.target_agreement)
        async with self._turn:  # one thread at a time, beside an event loop on which requests wait
            manifest = await asyncio.to_thread(Manifest.decode, raw)
            found = await asyncio.to_thread(what_if_of, status, manifest, config, targets, requests, price)
        return WhatIfView(found=found)


def daily_requests(counts: LabelCounts, now: int) -> float:
    """At the rate since the first minute with a label in the last hour; 0.0 without any."""
    if not counts.minutes:
        return 0.0
    return counts.labels * _DAY / max(_MINUTE, now - counts.minutes[0].at)
