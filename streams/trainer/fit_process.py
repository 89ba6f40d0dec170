"""Runs each fit in a child process, so that a fit neither stalls the stream nor keeps its memory.

One child waits; it runs one fit and ends. The next one is started by `prepare`, once the fit's policy is
published. What learns is not loaded here: it takes seconds of CPU. On Linux it is loaded once, in a process
that children are forked from and that has no data; elsewhere each child loads it. A child ends by itself when
its parent has died, for any reason. Its matrix products have one thread each: where the cores are busy, as a
child of low priority finds them, two wait for each other and spin (`models.featurizers.spectrum`).

The fold models of a task's last fit are kept in memory, for its next fit to start from
(`models.training.fold_models`). After a crash, or in another trainer, the next fit does without.
"""

import asyncio
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import NamedTuple

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models.training.request import FitRequest
from models.training.result import FitResult
from streams.errors import RefitFailed, RefitStopped
from streams.trainer.kept_fold_models import KeptFoldModels

log = logging.getLogger(__name__)

_LEARNING = "models.fit"
_POLITE = 5
_LOOK = 1.0
"""Seconds of one wait for what the child says."""

Progress = Callable[[float, str], None]


class _Phase(NamedTuple):
    """What the child says of its fit before the outcome."""

    doing: str


class FitProcess:
    """Keeps one child ready."""

    def __init__(self) -> None:
        self._stopped = False
        self._fold_models = KeptFoldModels()
        self._start()

    def prepare(self) -> None:
        """Have a child ready for the next fit, which tries again where none can be started."""
        try:
            self._make_ready()
        except (EOFError, OSError) as error:  # what was published is published all the same
            log.warning("no process for the next fit, it will try again: %r", error)

    async def fit(
        self, request: FitRequest, budget: float, tell: Callable[[str], None] = lambda _: None
    ) -> FitResult:
        """The result of the fit, which starts from the fold models of the task's last one.

        Args:
            budget: seconds after which the child is stopped.
            tell: told of each phase that begins.

        Raises:
            RefitStopped: `stop` was called meanwhile.
            RefitFailed: it took longer, or the child died.
        """
        try:
            if self._stopped:
                raise _stopped(request.task)
            self._make_ready()
            started = replace(request, fold_models=self._fold_models.take(request.task))
            await asyncio.to_thread(self._pipe.send, started)
            outcome = await self._outcome(request.task, budget, tell)
        except (EOFError, OSError, TypeError) as error:  # TypeError: the pipe was closed by `stop` meanwhile
            if self._stopped:
                raise _stopped(request.task) from error
            raise RefitFailed(
                f"the fit's process died: out of memory? task={request.task} error={error!r}"
            ) from error
        finally:
            self._end()
        if isinstance(outcome, FitResult):
            if outcome.fold_models is not None:
                self._fold_models.keep(request.task, outcome.fold_models)
            return outcome
        raise RefitFailed(str(outcome))

    async def _outcome(self, task: str, budget: float, tell: Callable[[str], None]) -> object:
        """What the child sends at its end. Raises RefitFailed: that takes too long."""
        ends = time.monotonic() + budget
        while (left := ends - time.monotonic()) > 0.0:
            # Briefly: a wait that begins while `stop` closes the pipe may not see its end.
            if not await asyncio.to_thread(self._pipe.poll, min(left, _LOOK)):
                continue
            received = await asyncio.to_thread(self._pipe.recv)
            if not isinstance(received, _Phase):
                return received
            tell(received.doing)
        raise RefitFailed(f"the fit of {task} took over {budget:.0f} s (config `refit.budget`)")

    def stop(self) -> None:
        """End the child, whatever it is doing, and start no more."""
        self._stopped = True
        self._end()
        self._process.join()

    def _make_ready(self) -> None:
        """Raises EOFError or OSError: no child can be started."""
        if self._stopped or self._is_ready:
            return
        self._process.join()  # of the last fit: it was killed, and may have had memory to give back
        self._start()

    def _end(self) -> None:
        self._is_ready = False
        self._process.kill()
        self._pipe.close()

    def _start(self) -> None:
        # A fit's threads would spin while they wait, and where cores are shared, one fit slows the others:
        # three fits at once on two cores took 1.7 times as long. OpenMP reads this as the child starts.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            self._start_in(_context())
        except (EOFError, OSError) as error:  # a fork server needs a socket in a folder for temporary files
            log.warning("can't fork the next fit's process, starting one that loads all by itself: %r", error)
            self._start_in(multiprocessing.get_context("spawn"))

    def _start_in(self, context: ForkServerContext | SpawnContext) -> None:
        """Raises EOFError or OSError: the child can't be started."""
        ours, theirs = context.Pipe()
        process = context.Process(target=_child, args=(theirs,), name="refit", daemon=True)
        with closing(theirs), ExitStack() as undone:
            undone.callback(ours.close)
            process.start()
            undone.pop_all()
        self._pipe, self._process, self._is_ready = ours, process, True


def _context() -> ForkServerContext | SpawnContext:
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_LEARNING])
    return context


def _stopped(task: str) -> RefitStopped:
    return RefitStopped(f"the trainer stopped before the refit had ended: task={task}")


def _child(pipe: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(_POLITE)
    fit_request: Callable[[FitRequest, Progress], FitResult] = import_module(_LEARNING).fit_request
    try:
        request: FitRequest = pipe.recv()
    except EOFError:  # the parent has died while there was nothing to fit
        return
    try:
        with threadpool_limits(1, user_api="blas"):
            outcome: FitResult | str = fit_request(request, lambda _, doing: pipe.send(_Phase(doing)))
    except Exception as error:  # noqa: BLE001 - the process's edge: the parent reports it
        outcome = f"fit failed: {type(error).__name__}: {error}, task={request.task}"
    pipe.send(outcome)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
