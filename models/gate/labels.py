"""Label statistics: how often the surrogate answers with each label, and agrees."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models import binomial
from models.study import LabelStats, Study

LEVEL = 0.05


def label_stats(study: Study, threshold: float | None, blocked: Mapping[str, str]) -> tuple[LabelStats, ...]:
    """Statistics of each label, in the order of the study's names, counted on the gate traces.

    Args:
        threshold: lowest score that is answered; None if nothing is answered.
        blocked: the reason of each label that is never answered.
    """
    size = len(study.names)
    least = float("inf") if threshold is None else threshold
    answered = study.gate_rows & study.eligible & (study.scores >= least)
    trials = np.bincount(study.guesses[answered], minlength=size).tolist()
    hits = np.bincount(study.guesses[answered & study.agrees], minlength=size).tolist()
    traces = np.bincount(study.codes, minlength=size).tolist()
    confused = _most_confused(study)
    return tuple(
        LabelStats(
            label=name,
            traces=traces[code],
            answered=trials[code],
            agreements=hits[code],
            low=binomial.lower(hits[code], trials[code], LEVEL / 2),
            high=binomial.upper(hits[code], trials[code], LEVEL / 2),
            blocked=blocked.get(name),
            confused_with=study.names[confused[code]] if confused[code] >= 0 else None,
        )
        for code, name in enumerate(study.names)
    )


def _most_confused(study: Study) -> NDArray[np.int64]:
    """For each guessed label the one that the teacher gives most often instead; -1 where there is none."""
    wrong, size = ~study.agrees, len(study.names)
    pairs = study.guesses[wrong] * size + study.codes[wrong]
    counts = np.bincount(pairs, minlength=size * size).reshape(size, size)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
