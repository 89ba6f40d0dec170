"""Micro-batches: requests of a task that arrive while others are scored are scored together.

A request that comes alone is scored at once. Nothing waits for a batch to fill, and no row's decision depends
on its neighbours. Each task has its own queue.

What a cascade answers from the text alone is given at once. A text that needs an encoder waits for it by
itself: it holds up neither its batch nor the next one. An audited answer waits as well, for the vector of its
check, since both are written down together, before the answer is given.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from schemas.messages import Request
from streams.clock import unix_ms
from streams.errors import DecisionFailed
from streams.routing.conclusion import Arrival, Routed
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.request_router import Refused, RequestRouter

log = logging.getLogger(__name__)

Waiting = asyncio.Future[Any]
Result = Routed[Waiting] | Refused[Waiting]


class RequestBatcher:
    """Decides requests, used on the event loop only.

    Args:
        router: whose checks do not follow, since a call has one answer.
        most: requests that are scored together.
        encoders: of this process.
    """

    def __init__(self, router: RequestRouter, most: int, encoders: EncoderQueues) -> None:
        self._router = router
        self._most = most
        self._encoders = encoders
        self._encoded = router.encoded_requests(_give, _fail)
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
            try:
                await self._route(task, batch)
            except Exception as error:
                log.exception("requests could not be decided: requests=%d", len(batch))
                for arrival in batch:
                    _end(arrival, error)
            if self._queues[task]:
                await asyncio.sleep(0)
        del self._queues[task]

    async def _route(self, task: str, batch: list[Arrival[Waiting]]) -> None:
        """Give what is decided, and have decided what waits for an encoder."""
        routed, refused, unencoded, failed = await self._router.route(batch, unix_ms())
        _give([*routed, *refused])
        for arrival, error in failed:
            _fail(arrival, error)
        if unencoded:
            self._encoders.add(self._encoded, task, [one.waiting_text() for one in unencoded])


def _give(results: Sequence[Result]) -> None:
    for result in results:
        waiting = result.arrival.origin
        if not waiting.done():
            waiting.set_result(result)


def _fail(arrival: Arrival[Waiting], error: Exception) -> None:
    log.error("a request could not be decided", exc_info=error)
    _end(arrival, error)


def _end(arrival: Arrival[Waiting], error: Exception) -> None:
    if not arrival.origin.done():
        failure = DecisionFailed("the surrogate failed, see the gateway's log")
        failure.__cause__ = error
        arrival.origin.set_exception(failure)
