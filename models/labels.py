"""How the surrogate does label by label, where it would answer."""

import numpy as np
from numpy.typing import NDArray

from models import exact
from models.learn import Fitted
from models.study import LabelAccount

LEVEL = 0.05


def accounts(fitted: Fitted, names: tuple[str, ...], threshold: float) -> tuple[LabelAccount, ...]:
    """One for each label, counted on the certifying traces that score at least `threshold`."""
    lesson, joint, size = fitted.lesson, fitted.joint, len(names)
    answered = fitted.certifying & fitted.eligible & (joint.scores >= threshold)
    trials = np.bincount(joint.guesses[answered], minlength=size)
    hits = np.bincount(joint.guesses[answered & fitted.agrees], minlength=size)
    traces = np.bincount(lesson.codes, minlength=size)
    instead = _instead(joint.guesses, lesson.codes, size)
    return tuple(
        LabelAccount(
            label=name,
            traces=int(traces[code]),
            answered=int(trials[code]),
            agreements=int(hits[code]),
            low=exact.lower(int(hits[code]), int(trials[code]), LEVEL / 2),
            high=exact.upper(int(hits[code]), int(trials[code]), LEVEL / 2),
            blocked=_why(fitted, code),
            confused_with=names[instead[code]] if instead[code] >= 0 else None,
        )
        for code, name in enumerate(names)
    )


def _instead(guesses: NDArray[np.int64], codes: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """For each guessed label the one that the teacher gives most often instead; -1 where it never does."""
    wrong = guesses != codes
    counts = np.bincount(guesses[wrong] * size + codes[wrong], minlength=size * size).reshape(size, size)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


def _why(fitted: Fitted, code: int) -> str | None:
    if fitted.few[code]:
        return "too few traces"
    return "agrees too seldom" if fitted.poor[code] else None
