"""What requests look like beside the traces that the live version was certified on, window by window.

Counted as they are judged, in this process, from all traffic and without a teacher. Counting changes no
answer, and what is counted twice (a batch that is routed again) or lost (a restart) does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.histograms import Counts
from schemas.messages import Guess
from streams.live import Task
from streams.verdicts import Verdict

WINDOW = 2_000
OF_A_BATCH = 200
"""Requests of a batch that are counted: their places in it say nothing of them; counting takes time."""


@dataclass(frozen=True, slots=True)
class Window:
    """Attributes:
    version: that scored the requests.
    since: Unix milliseconds of the first of them.
    """

    version: str
    since: int
    counts: Counts

    @property
    def full(self) -> bool:
        return self.counts.rows >= WINDOW


class Traffic:
    """The windows of a process. Used on the event loop only."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    def count(self, task: Task, judged: Sequence[Verdict], now: int) -> None:
        """Put what the live version has scored into the task's window, unless that waits to be looked at.

        Args:
            now: Unix milliseconds.
        """
        if task.live is None:
            return
        version, window = task.live.version, self._windows.get(task.name)
        if window is not None and window.version == version and window.full:
            return
        some = judged[:OF_A_BATCH]
        guesses = [each.guess for each in some if each.guess is not None and each.guess.policy == version]
        counts = _counted(task, guesses)
        if counts is None:
            return
        if window is None or window.version != version:
            self._windows[task.name] = Window(version, now, counts)
        else:
            self._windows[task.name] = Window(version, window.since, window.counts.plus(counts))

    def full(self) -> dict[str, Window]:
        """The windows that are full, by task; each begins anew."""
        found = {name: window for name, window in self._windows.items() if window.full}
        for name in found:
            del self._windows[name]
        return found


def _counted(task: Task, guesses: Sequence[Guess]) -> Counts | None:
    """None where there are none, or the policy does not say what its traces looked like."""
    manifest = task.live.policy.manifest if task.live else None
    if manifest is None or manifest.reference is None or not guesses:
        return None
    places = {label: place for place, label in enumerate(manifest.labels)}
    return manifest.reference.counted(
        np.array([guess.score for guess in guesses], dtype=np.float32),
        np.array([_novel(guess, manifest.novelty_limit) for guess in guesses], dtype=np.bool_),
        np.array([places[guess.label] for guess in guesses], dtype=np.int64),
    )


def _novel(guess: Guess, limit: float) -> bool:
    """As the verdict has it: what is not a number within the limit is beyond it."""
    return guess.novelty is None or not guess.novelty <= limit
