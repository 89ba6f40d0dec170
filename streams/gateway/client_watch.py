"""Client watch: ends the work for a client that has hung up."""

import asyncio
from types import TracebackType

from starlette.types import Receive

from streams.gateway.problems import ClientGone


class ClientWatch:
    """Cancels what is awaited inside, and raises ClientGone, once the client has hung up.

    Args:
        receive: of a call whose body has been read.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_gone = False

    async def __aenter__(self) -> None:
        worker = asyncio.current_task()
        assert worker is not None  # noqa: S101 - a coroutine runs in a task
        self._worker, self._cancelled_before = worker, worker.cancelling()
        self._watching = asyncio.create_task(self._watch())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self._watching.cancel()
        if self._is_gone:
            others = self._worker.uncancel() > self._cancelled_before
            if kind is asyncio.CancelledError and not others:
                raise ClientGone from error

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self._worker.cancel()
