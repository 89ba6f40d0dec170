"""Micro-batches: requests of a task that arrive while others are scored are scored together.

A request that comes alone is scored at once. Nothing waits for a batch to fill, and no row's decision depends
on its neighbours. Each task has its own queue, so that a slow encoder holds up no other task. Within a task
it does: the answers of a batch come together, and the next batch begins after them.
"""

import asyncio
import logging
from typing import Any

from schemas.messages import Request
from streams.clock import unix_ms
from streams.errors import DecisionFailed
from streams.routing.conclusion import Arrival, Routed
from streams.routing.request_router import Refused, RequestRouter

log = logging.getLogger(__name__)

Waiting = asyncio.Future[Any]
Result = Routed[Waiting] | Refused[Waiting]


class RequestBatcher:
    """Decides requests, used on the event loop only.

    Args:
        most: requests that are scored together.
    """

    def __init__(self, router: RequestRouter, most: int) -> None:
        self._router = router
        self._most = most
        self._queues: dict[str, list[Arrival[Waiting]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def decide(self, request: Request, requested_at: int) -> Result:
        """What becomes of the request.

        Args:
            requested_at: Unix milliseconds.

        Raises:
            DecisionFailed: a defect.
        """
        waiting: Waiting = asyncio.get_running_loop().create_future()
        arrival = Arrival(request, requested_at, waiting)
        queue = self._queues.get(request.task)
        if queue is not None:
            queue.append(arrival)
        else:
            self._queues[request.task] = [arrival]
            # It begins once the loop has handed over all requests that have arrived by now.
            runner = asyncio.create_task(self._run(request.task))
            self._tasks.add(runner)
            runner.add_done_callback(self._tasks.discard)
        result: Result = await waiting
        return result

    async def _run(self, task: str) -> None:
        while queue := self._queues[task]:
            batch, self._queues[task] = queue[: self._most], queue[self._most :]
            await self._route(batch)
            if self._queues[task]:
                await asyncio.sleep(0)
        del self._queues[task]

    async def _route(self, batch: list[Arrival[Waiting]]) -> None:
        try:
            decided, refused, _, _, failed = await self._router.route(batch, unix_ms())
        except Exception:
            log.exception("requests could not be decided: requests=%d", len(batch))
            for arrival in batch:
                _fail(arrival.origin)
            return
        for arrival, error in failed:
            log.error("a request could not be decided", exc_info=error)
            _fail(arrival.origin)
        results: list[Result] = [*decided, *refused]
        for result in results:
            waiting = result.arrival.origin
            if not waiting.done():
                waiting.set_result(result)


def _fail(waiting: Waiting) -> None:
    if not waiting.done():
        waiting.set_exception(DecisionFailed("the surrogate failed, see the gateway's log"))
