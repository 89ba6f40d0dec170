"""Asks the user's fallback for labels: many texts in one call, or one text a call.

A fallback is a function, sync or async, that gets a list of texts and returns a label for each, in order. In
the place of a label it may return an exception: then this text alone has failed. `per_text` wraps a function
that takes one text and returns one label.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from models.router.background_loop import BackgroundLoop
from models.router.errors import FallbackError, InvalidAnswer

Ask = Callable[[Any], Any]
Answers = list[str | BaseException]
"""For each text its label, or why there is none."""

_THREADS = 32
_WRAP = (
    "a fallback gets a list of texts and returns a list of labels; if yours takes one text, wrap it: per_text"
)


@dataclass(frozen=True, slots=True)
class PerText:
    """A function that takes one text; see `per_text`."""

    ask: Ask
    concurrency: int


def per_text(ask: Ask, *, concurrency: int = 8) -> PerText:
    """A fallback from a function, sync or async, that takes one text and returns its label.

    Args:
        concurrency: how many texts may be asked about at the same time; sync functions run in threads.

    Raises:
        ValueError: concurrency is below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency: {concurrency} is below 1")
    return PerText(ask, concurrency)


class FallbackCaller:
    """Calls a fallback from sync and from async code. Any thread may call it.

    Raises:
        TypeError: the fallback can't be called.
    """

    def __init__(self, fallback: Ask | PerText) -> None:
        self._ask = fallback.ask if isinstance(fallback, PerText) else fallback
        if not callable(self._ask):
            raise TypeError(f"fallback: {type(self._ask).__name__} can't be called")
        self._at_once = fallback.concurrency if isinstance(fallback, PerText) else None
        self._is_async = _is_async(self._ask)
        self._threads = ThreadPoolExecutor(self._at_once or _THREADS, "understudy-fallback")
        self._loop = BackgroundLoop()

    def ask(self, items: Sequence[Any]) -> Answers:
        """An answer for each item, from code that may wait; an async fallback runs in a thread's loop."""
        if self._is_async:
            return self._loop.run(self.ask_async(items))
        if self._at_once is None:
            return self._ask_together(items)
        if len(items) == 1:
            return [_label(self._call_sync(items[0]))]
        calls = [self._threads.submit(self._call_sync, item) for item in items]
        return [_label(call.result()) for call in calls]

    async def ask_async(self, items: Sequence[Any]) -> Answers:
        """The same from an event loop; a sync fallback runs in a thread."""
        if self._at_once is None:
            return _labels(await self._call(list(items)), len(items))
        slots = asyncio.Semaphore(self._at_once)

        async def call(item: Any) -> str | BaseException:
            async with slots:
                return _label(await self._call(item))

        return await asyncio.gather(*map(call, items))

    def close(self) -> None:
        """End the threads, once calls under way are over."""
        self._threads.shutdown()
        self._loop.close()

    def _ask_together(self, items: Sequence[Any]) -> Answers:
        return _labels(self._call_sync(list(items)), len(items))

    def _call_sync(self, argument: Any) -> Any:
        """What the fallback returns, or the exception that it raises."""
        try:
            answer = self._ask(argument)
            return self._loop.run(_await_answer(answer)) if inspect.isawaitable(answer) else answer
        except StopIteration as error:  # which no future can carry
            return FallbackError(f"the fallback raised StopIteration: {error}")
        except Exception as error:  # noqa: BLE001 - the edge of foreign code: the callers of these texts get it
            return error

    async def _call(self, argument: Any) -> Any:
        if not self._is_async:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._call_sync, argument)
        (answer,) = await asyncio.gather(self._ask(argument), return_exceptions=True)
        if isinstance(answer, asyncio.CancelledError):
            return FallbackError("the fallback was cancelled before it answered")
        return answer


def _is_async(ask: Ask) -> bool:
    return inspect.iscoroutinefunction(ask) or inspect.iscoroutinefunction(getattr(ask, "__call__", None))  # noqa: B004


async def _await_answer(answer: Any) -> Any:
    return await answer


def _labels(answers: Any, count: int) -> Answers:
    """The answers to a call about `count` texts, each checked; what is wrong with all fails each."""
    if isinstance(answers, BaseException):
        return [answers] * count
    if isinstance(answers, str | bytes | Mapping | Set) or not hasattr(answers, "__len__"):
        return [InvalidAnswer(f"the fallback returned {_shown(answers)}; {_WRAP}")] * count
    if len(answers) != count:
        return [InvalidAnswer(f"the fallback returned {len(answers)} labels for {count} texts")] * count
    return [_label(answer) for answer in answers]


def _label(answer: Any) -> str | BaseException:
    """A label as fits and policies have it: a str that is not empty."""
    if isinstance(answer, BaseException):
        return answer
    if isinstance(answer, str) and answer:
        return str(answer)
    return InvalidAnswer(f"the fallback returned {_shown(answer)} for a text; a label is a str, not empty")


def _shown(answer: Any) -> str:
    return f"{type(answer).__name__} {answer!r:.80}"
