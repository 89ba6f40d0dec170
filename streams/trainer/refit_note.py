"""Note of the refit that runs: kept in Redis for as long as it does, and gone soon after its trainer is."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from msgspec.structs import replace

from streams.errors import StateUnavailable
from streams.state.running_refits import RunningRefit, RunningRefits

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Told of each phase that begins."""


class RefitNote:
    """A note that can't be given holds up no refit.

    Args:
        refits: where it is kept; None: nowhere.
        seconds: how long a note holds; it is renewed three times in that.
    """

    def __init__(self, refits: RunningRefits | None, seconds: float) -> None:
        self._refits = refits
        self._seconds = seconds

    @asynccontextmanager
    async def kept(self, task: str, refit: RunningRefit) -> AsyncIterator[Tell]:
        """Keep the note up to date until the context ends."""
        if self._refits is None:
            yield _tell_nobody
            return
        newest, changed = refit, asyncio.Event()

        def tell(doing: str) -> None:
            nonlocal newest
            if doing != newest.doing:
                newest = replace(newest, doing=doing)
                changed.set()

        async def renew(refits: RunningRefits) -> None:
            while True:
                changed.clear()
                await _attempt(refits.note(task, newest, self._seconds))
                try:
                    await asyncio.wait_for(changed.wait(), self._seconds / 3)
                except TimeoutError:
                    continue

        renewing = asyncio.create_task(renew(self._refits))
        try:
            yield tell
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            await _attempt(self._refits.end(task))


async def _attempt(call: Coroutine[None, None, None]) -> None:
    try:
        await call
    except StateUnavailable as error:
        log.debug("note of a running refit not written, will retry: %s", error)


def _tell_nobody(_: str) -> None:
    return
