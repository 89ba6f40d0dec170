"""An account of each label at one threshold, for studies that bring none."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from models import exact
from models.report.decisions import decide
from models.study import LabelAccount, Study

LEVEL = 0.05
BLOCKED = "the policy never answers it"


def accounts(study: Study, threshold: float | None, blocked: Collection[str]) -> tuple[LabelAccount, ...]:
    """One for each label, in the order of the study's names; `threshold` None answers nothing."""
    size, wrong = len(study.names), ~study.agrees
    answered = decide(study, threshold).answered & study.certifying
    counts = [
        np.bincount(codes, minlength=size).tolist()
        for codes in (study.codes, study.guesses[answered], study.guesses[answered & ~wrong])
    ]
    instead = _instead(study.guesses[wrong], study.codes[wrong])
    return tuple(
        LabelAccount(
            label=name,
            traces=traces,
            answered=trials,
            agreements=hits,
            low=exact.lower(hits, trials, LEVEL / 2),
            high=exact.upper(hits, trials, LEVEL / 2),
            blocked=BLOCKED if name in blocked else None,
            confused_with=study.names[instead[place]] if place in instead else None,
        )
        for place, (name, traces, trials, hits) in enumerate(zip(study.names, *counts, strict=True))
    )


def _instead(guesses: NDArray[np.int64], codes: NDArray[np.int64]) -> dict[int, int]:
    """By guess, the label that the teacher gives most often instead; of equals the first."""
    pairs, counts = np.unique(np.stack([guesses, codes]), axis=1, return_counts=True)
    ranked = np.lexsort((-pairs[1], counts))
    return dict(zip(pairs[0, ranked].tolist(), pairs[1, ranked].tolist(), strict=True))
