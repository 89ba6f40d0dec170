"""Fits in processes of their own, each logged as soon as it is done, with the time that is left."""

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

from infra.bench.process import print_progress
from infra.bench.results_log import FitRow, ResultsLog, Task
from infra.errors import RivalUnavailable

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Work = Callable[[Task], FitRow]
"""Fits one task; it can be pickled."""


def run_fits(
    tasks: Sequence[Task], works: Callable[[Task], Work], log: ResultsLog, workers: int, alone: bool = False
) -> tuple[str, ...]:
    """Fit those that the log does not have, and log each as it is done, with its seconds.

    Args:
        works: the work of a task.
        workers: processes at the same time; numeric libraries have one thread in each.
        alone: a fresh process for each fit, so that its peak memory is its own; one at a time, it has as many
            threads as libraries like.

    Returns:
        A sentence for each fit of another library that failed.
    """
    todo = [task for task in tasks if task not in log]
    seconds = SecondsLeft(log.of(tasks))
    print_progress(f"{len(todo):,} of {len(tasks):,} fits to do, {seconds.sentence(todo, workers)}")
    failed: list[str] = []
    with _threads(None if workers == 1 and alone else "1"):
        executor = ProcessPoolExecutor(
            workers, get_context("spawn"), max_tasks_per_child=1 if alone else None
        )
        try:
            waiting = {executor.submit(_timed, works(task), task): task for task in todo}
            for done in as_completed(waiting):
                waiting.pop(done)
                try:
                    row = done.result()
                except RivalUnavailable as problem:
                    failed.append(str(problem))
                    print_progress(str(problem))
                    continue
                log.add(row)
                seconds.add(row)
                left = list(waiting.values())
                print_progress(f"{_name(row)}; {len(left):,} left, {seconds.sentence(left, workers)}")
        finally:
            executor.shutdown(cancel_futures=True)
    return tuple(failed)


class SecondsLeft:
    """Seconds that fits took, by what they depend on, and the time that others will take by them."""

    def __init__(self, rows: Iterable[FitRow]) -> None:
        self._known: dict[tuple[object, ...], list[float]] = {}
        for row in rows:
            self.add(row)

    def add(self, row: FitRow) -> None:
        self._known.setdefault(_kind(row.task), []).append(row.seconds)

    def sentence(self, tasks: Sequence[Task], workers: int) -> str:
        if not tasks:
            return "done"
        if not self._known:
            return "how long that takes is known when the first of each kind are done"
        means = {kind: statistics.fmean(seconds) for kind, seconds in self._known.items()}
        other = statistics.fmean(means.values())
        seconds = sum(means.get(_kind(task), other) for task in tasks) / workers
        unknown = len({_kind(task) for task in tasks} - means.keys())
        guess = f" ({unknown} kinds of fit not measured yet)" if unknown else ""
        return f"about {seconds / 60:,.1f} minutes with --workers {workers}{guess}"


def _kind(task: Task) -> tuple[object, ...]:
    name, cell = task
    return name, cell.corpus, cell.teacher, cell.size, cell.repeated


def _name(row: FitRow) -> str:
    cell = row.cell
    repeats = f", {cell.repeated:.0%} sent twice" if cell.repeated else ""
    return f"{row.contestant}: {cell.size:,} of {cell.corpus}, {cell.teacher}{repeats}, {row.seconds:.1f} s"


def _timed(work: Work, task: Task) -> FitRow:
    started = time.perf_counter()
    row = work(task)
    return FitRow(row.contestant, row.cell, row.trial, row.fresh, time.perf_counter() - started)


@contextmanager
def _threads(count: str | None) -> Iterator[None]:
    """Threads of numeric libraries in processes that start meanwhile; None leaves the environment alone."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update({} if count is None else dict.fromkeys(_THREADS, count))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
