"""Score windows: histograms of the requests that the live version has scored, to compare with its training.

They count decisions in this process, from all traffic and without a teacher. Counting changes no answer, and
a request that is counted twice (a batch that is routed again) or lost (a restart) does no harm.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.histograms import Reference, ScoreHistograms
from schemas.messages import Guess, Reason
from streams.routing.decisions import COUNTED, Decision
from streams.tasks import ServingPolicy, Task

WINDOW = 2_000
_TOGETHER = 256
"""Decisions that are counted together."""

_ITS_OWN = (Reason.ACCEPTED, Reason.LOW_SCORE, Reason.NOVEL, Reason.BLOCKED_LABEL)
"""Why a request was answered or deferred, where that was for the version to say."""


class _UncountedDecisions(NamedTuple):
    """Decisions of one version under one threshold that no window counts yet.

    Attributes:
        since: Unix milliseconds of the first.
    """

    live: ServingPolicy
    reference: Reference
    threshold: float | None
    since: int
    decisions: list[Decision]


@dataclass(frozen=True, slots=True)
class ScoreWindow:
    """The requests of one window.

    Attributes:
        version: that scored the requests.
        reference: histograms of its training traces.
        since: Unix milliseconds of the first request.
        counts: histograms of the requests.
        threshold: in force when they were decided.
        decided, answered: of the requests, those that were for the version to decide, and that it answered.
    """

    version: str
    reference: Reference
    since: int
    counts: ScoreHistograms
    threshold: float | None = None
    decided: int = 0
    answered: int = 0

    @property
    def full(self) -> bool:
        return self.counts.rows >= WINDOW


class ScoreWindows:
    """The windows of a process. Used on the event loop only.

    Decisions wait until there are enough of them, or until somebody asks for full windows: counting each one
    alone would cost a call of the gateway half as much again as scoring it.
    """

    def __init__(self) -> None:
        self._windows: dict[str, ScoreWindow] = {}
        self._waiting: dict[str, _UncountedDecisions] = {}

    def count(self, task: Task, decisions: Sequence[Decision], now: int) -> None:
        """Count what the live version has scored in the task's window, unless the window is full.

        Args:
            now: Unix milliseconds.
        """
        live = task.live
        if live is None or live.policy.manifest.reference is None:
            return
        waiting = self._waiting.get(task.name)
        # Not the version's name: a registry that was lost may give the name to another policy. Another
        # threshold answers another share. Either begins another window, so what waits is of no use.
        reference = live.policy.manifest.reference
        if waiting is None or waiting.reference is not reference or waiting.threshold != task.threshold:
            waiting = self._waiting[task.name] = _UncountedDecisions(live, reference, task.threshold, now, [])
        waiting.decisions.extend(decisions[:COUNTED])
        if len(waiting.decisions) >= _TOGETHER:
            self._fold(task.name, self._waiting.pop(task.name))

    def _fold(self, name: str, waiting: "_UncountedDecisions") -> None:
        window = self._windows.get(name)
        if window is not None and (
            window.reference is not waiting.reference or window.threshold != waiting.threshold
        ):
            window = None
        if window is not None and window.full:
            return
        counts = _histograms(waiting.live, waiting.reference, waiting.decisions)
        if not counts.rows:
            return
        decided = [each for each in waiting.decisions if each.threshold == waiting.threshold]
        reasons = Counter(each.reason for each in decided)
        self._windows[name] = ScoreWindow(
            waiting.live.policy.manifest.version,
            waiting.reference,
            window.since if window else waiting.since,
            window.counts.plus(counts) if window else counts,
            waiting.threshold,
            sum(reasons[reason] for reason in _ITS_OWN) + (window.decided if window else 0),
            reasons[Reason.ACCEPTED] + (window.answered if window else 0),
        )

    def full(self) -> dict[str, ScoreWindow]:
        """Take the windows that are full, by task; a new one begins for each."""
        waiting, self._waiting = self._waiting, {}
        for name, each in waiting.items():
            self._fold(name, each)
        full = {name: window for name, window in self._windows.items() if window.full}
        for name in full:
            del self._windows[name]
        return full


def _histograms(live: ServingPolicy, reference: Reference, decisions: Sequence[Decision]) -> ScoreHistograms:
    """Histograms of the decisions that this version has scored."""
    manifest = live.policy.manifest
    guesses = [each.guess for each in decisions if each.guess and each.guess.policy == manifest.version]
    places = {label: place for place, label in enumerate(live.labels)}
    return reference.count(
        np.array([guess.score for guess in guesses], dtype=np.float32),
        np.array([_is_novel(guess, manifest.novelty_limit) for guess in guesses], dtype=np.bool_),
        np.array([places[guess.label] for guess in guesses], dtype=np.int64),
    )


def _is_novel(guess: Guess, limit: float) -> bool:
    """As routing decides: whatever is not a number within the limit is beyond it."""
    return guess.novelty is None or not guess.novelty <= limit
