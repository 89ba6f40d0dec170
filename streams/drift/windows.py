"""What requests look like beside the traces that the live version was certified on, window by window.

Counted as they are judged, in this process, from all traffic and without a teacher. Counting changes no
answer, and what is counted twice (a batch that is routed again) or lost (a restart) does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.histograms import Reference, ScoreHistograms
from models.manifest import Manifest
from schemas.messages import Guess
from streams.routing.decisions import Decision
from streams.tasks import Task

WINDOW = 2_000
OF_A_BATCH = 200
"""Requests of a batch that are counted: their places in it say nothing of them; counting takes time."""


@dataclass(frozen=True, slots=True)
class ScoreWindow:
    """Attributes:
    version: that scored the requests.
    reference: what its traces looked like.
    since: Unix milliseconds of the first request.
    counts: of the requests.
    """

    version: str
    reference: Reference
    since: int
    counts: ScoreHistograms

    @property
    def full(self) -> bool:
        return self.counts.rows >= WINDOW


class ScoreWindows:
    """The windows of a process. Used on the event loop only."""

    def __init__(self) -> None:
        self._windows: dict[str, ScoreWindow] = {}

    def count(self, task: Task, judged: Sequence[Decision], now: int) -> None:
        """Put what the live version has scored into the task's window, unless that waits to be looked at.

        Args:
            now: Unix milliseconds.
        """
        manifest = task.policy.manifest if task.policy else None
        if manifest is None or manifest.reference is None:
            return
        window = self._windows.get(task.name)
        # Not the version's name: a registry that was lost may give it to another policy.
        if window is not None and window.reference is not manifest.reference:
            window = None
        if window is not None and window.full:
            return
        counts = _counted(manifest, manifest.reference, judged[:OF_A_BATCH])
        if counts.rows:
            since = window.since if window else now
            counts = window.counts.plus(counts) if window else counts
            self._windows[task.name] = ScoreWindow(manifest.version, manifest.reference, since, counts)

    def full(self) -> dict[str, ScoreWindow]:
        """The windows that are full, by task; each begins anew."""
        found = {name: window for name, window in self._windows.items() if window.full}
        for name in found:
            del self._windows[name]
        return found


def _counted(manifest: Manifest, reference: Reference, judged: Sequence[Decision]) -> ScoreHistograms:
    """Those that this version has scored."""
    guesses = [each.guess for each in judged if each.guess and each.guess.policy == manifest.version]
    places = {label: place for place, label in enumerate(manifest.labels)}
    return reference.counted(
        np.array([guess.score for guess in guesses], dtype=np.float32),
        np.array([_novel(guess, manifest.novelty_limit) for guess in guesses], dtype=np.bool_),
        np.array([places[guess.label] for guess in guesses], dtype=np.int64),
    )


def _novel(guess: Guess, limit: float) -> bool:
    """As the verdict has it: what is not a number within the limit is beyond it."""
    return guess.novelty is None or not guess.novelty <= limit
