"""Learning the outsider score: labels weigh its parts where they may choose, and never set its limit."""

import numpy as np
import pytest

from models.novelty.left_out_labels import USUAL_WEIGHTS, learn_outsider_score
from models.novelty.outsiders import OutsiderScore, uncertainty

LABELS, SHARE = 12, 0.01
EVERYBODY, NOBODY = np.ones(4000, dtype=np.bool_), np.zeros(4000, dtype=np.bool_)


def drawn(rows: int, seed: int, outside: bool = False, drift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a label's requests, its own one high; of an outsider's request none is.

    Args:
        drift: deviation of a number that is added to all logits of a row and says nothing.
    """
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, LABELS, rows)
    logits = generator.standard_normal((rows, LABELS))
    logits[np.arange(rows), codes] += 0.0 if outside else 5.0
    logits += drift * generator.standard_normal((rows, 1))
    return logits.astype(np.float32), codes


def learned(drift: float, selection_rows: np.ndarray = EVERYBODY) -> OutsiderScore:
    logits, codes = drawn(4000, 0, drift=drift)
    return learn_outsider_score(logits, codes, EVERYBODY, selection_rows, SHARE)


@pytest.mark.parametrize("selection_rows", [EVERYBODY, NOBODY])
def test_the_share_of_familiar_requests_is_deferred(selection_rows: np.ndarray) -> None:
    score = learned(0.0, selection_rows)
    familiar = score.novelty(drawn(40_000, 1)[0])
    assert abs((familiar > 1.0).mean() - SHARE) < 0.006


def test_outsiders_are_deferred() -> None:
    strange = learned(0.0).novelty(drawn(4000, 2, outside=True)[0])
    assert (strange > 1.0).mean() > 0.7


def test_energy_weighs_little_where_it_says_nothing() -> None:
    weights = [learned(drift).energy_weight for drift in (0.0, 20.0)]
    assert weights[1] < 0.2 * weights[0]
    strange, _ = drawn(4000, 2, outside=True, drift=20.0)
    unlearned = learned(20.0, NOBODY).novelty(strange)
    assert (learned(20.0).novelty(strange) > 1.0).mean() > 10 * (unlearned > 1.0).mean()


def test_without_selection_traces_no_label_counts() -> None:
    logits, codes = drawn(4000, 0)
    first = learn_outsider_score(logits, codes, EVERYBODY, NOBODY, SHARE)
    assert first == learn_outsider_score(logits, (codes + 1) % LABELS, EVERYBODY, NOBODY, SHARE)
    deviations = uncertainty(logits).std(axis=0)
    np.testing.assert_allclose([first.entropy_weight, first.energy_weight], USUAL_WEIGHTS / deviations)


def test_only_sampled_traces_set_the_limit() -> None:
    logits, codes = drawn(4000, 0)
    strange, _ = drawn(4000, 1, outside=True)
    both, labels = np.vstack([logits, strange]), np.append(codes, codes)
    sampled = np.repeat([True, False], 4000)
    score = learn_outsider_score(both, labels, sampled, np.zeros(8000, dtype=np.bool_), SHARE)
    assert (score.novelty(logits) > 1.0).sum() == 40
