"""What an async context gives, for a test that is not async: in a thread with an event loop of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

Given = TypeVar("Given")

_SECONDS = 20.0


@contextmanager
def in_thread(context: AbstractAsyncContextManager[Given]) -> Iterator[Given]:
    given: list[Given] = []
    is_up, is_over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with context as one:
            given.append(one)
            is_up.set()
            await asyncio.to_thread(is_over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert is_up.wait(_SECONDS)
        yield given[0]
    finally:
        is_over.set()
        thread.join()
