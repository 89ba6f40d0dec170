"""Fits in a process of their own, so that a fit neither stalls the stream nor keeps its memory.

One child waits with everything imported; it makes one fit and ends, and the next one starts. A child ends by
itself when its parent has died, however that happened.
"""

import asyncio
import multiprocessing
import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from models.fit import Artifact, FitResult, Options, TrainingSet, fit
from models.manifest import LabelSource
from models.study import RepeatCounts
from streams.errors import RefitFailed

_SPAWN = multiprocessing.get_context("spawn")
_POLITE = 5


@dataclass(frozen=True, slots=True)
class Job:
    """What one fit is told; see `models.fit.fit`."""

    training: TrainingSet
    task: str
    version: str
    embedder: str
    targets: tuple[float, ...]
    delta: float
    parent: Artifact | None
    teachers: tuple[LabelSource, ...]
    encoder: str | None
    twice: RepeatCounts
    options: Options


class FitProcess:
    """Keeps one child ready."""

    def __init__(self) -> None:
        self._stopped = False
        self._start()

    async def fitted(self, job: Job, budget: float) -> FitResult:
        """The result of the fit.

        Args:
            budget: seconds after which the child is stopped.

        Raises:
            RefitFailed: it took longer, or the child died.
        """
        try:
            await asyncio.to_thread(self._pipe.send, job)
            if not await asyncio.to_thread(self._pipe.poll, budget):
                raise RefitFailed(f"the fit of {job.task} took over {budget:.0f} s (config `refit.budget`)")
            outcome = await asyncio.to_thread(self._pipe.recv)
        except (EOFError, OSError) as error:
            raise RefitFailed(
                f"the process that fitted {job.task} died ({error!r}): out of memory?"
            ) from error
        finally:
            self._end()
            if not self._stopped:
                self._start()
        if isinstance(outcome, FitResult):
            return outcome
        raise RefitFailed(str(outcome))

    def stop(self) -> None:
        """End the child, whatever it is doing, and start no more."""
        self._stopped = True
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _start(self) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_child, args=(theirs,), name="refit", daemon=True)
        self._process.start()
        theirs.close()


def _child(pipe: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(_POLITE)
    try:
        job: Job = pipe.recv()
    except EOFError:  # the parent has died while there was nothing to fit
        return
    try:
        outcome: FitResult | str = _made(job)
    except Exception as error:  # noqa: BLE001 - the process's edge: the parent reports it
        outcome = f"the fit of {job.task} failed: {type(error).__name__}: {error}"
    pipe.send(outcome)


def _made(job: Job) -> FitResult:
    return fit(
        job.training,
        task=job.task,
        version=job.version,
        embedder=job.embedder,
        targets=job.targets,
        delta=job.delta,
        parent=job.parent,
        teachers=job.teachers,
        encoder=job.encoder,
        twice=job.twice,
        options=job.options,
    )


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
