"""Logistic regression and fastText fit side by side, and end together."""

import threading
from typing import Any

import numpy as np
import pytest

from models.featurizers.text import TextFeaturizer
from models.surrogates import fasttext, logistic, text_linear
from models.surrogates.contract import TrainingTargets
from models.surrogates.fit_threads import THREADS

from ..conftest import draw_texts

ROWS, FITS, WAIT = 60, 6, 10.0


def test_once_one_has_failed_no_fit_of_the_other_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for fits whose models are of no use any more."""
    are_handed_over, is_last_gone = threading.Event(), threading.Event()
    begun: list[int] = []

    def fit(number: int) -> None:
        begun.append(number)
        is_last_gone.wait(WAIT)

    def fit_all(_featurizer: Any, _targets: Any, threads: Any, _schedule: Any) -> None:
        fits = [threads.submit(fit, number) for number in range(FITS)]
        fits[-1].add_done_callback(lambda _: is_last_gone.set())
        are_handed_over.set()
        for each in fits:
            each.result()

    def fail(*_: Any) -> None:
        assert are_handed_over.wait(WAIT)
        raise MemoryError("too many labels")

    monkeypatch.setattr(fasttext, "out_of_fold", fit_all)
    monkeypatch.setattr(logistic, "out_of_fold", fail)
    features, _ = draw_texts(ROWS, 0)
    codes, nothing = np.arange(ROWS) % 2, np.zeros(ROWS, dtype=np.bool_)
    targets = TrainingTargets(codes, 2, np.arange(ROWS) % 3, None, nothing, 0)
    with pytest.raises(MemoryError, match="too many labels"):
        text_linear.learn(TextFeaturizer(features.texts or (), 0), targets, fewest=0)
    assert len(begun) <= THREADS
