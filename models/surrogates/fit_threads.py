"""Threads of a fit: many small products, each by one thread, are faster than one after the other by all.

The limit is that of the whole process, so who opens these hands them on: two limits at once would end in the
wrong order.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

THREADS = 2


@contextmanager
def fit_threads() -> Iterator[Executor]:
    """As many threads as a fit has; a matrix product in them has one thread.

    After an error nothing begins in them that has not begun yet.
    """
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as threads:
        try:
            yield threads
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
