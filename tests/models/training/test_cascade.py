"""Cascades: two stages answer as one, and the second gets only the rows that the first leaves."""

from dataclasses import replace

import numpy as np
import pytest

from models.features import Features
from models.fit import FitResult, TrainingSet
from models.graph.session import single_threaded
from models.policy import Policy
from models.training import cascade, fit_stages
from models.training.export import export
from models.training.fitted_stages import FittedStages
from models.training.options import Options
from tests.models.conftest import VERBS, draw_both, draw_vectors


@pytest.fixture
def lazy(results: dict[str, FitResult]) -> Policy:
    artifact = results["text>precomputed"].artifact
    assert artifact is not None
    return Policy.open(artifact.manifest, artifact.graph)


def test_vectors_are_made_for_the_second_stage_only(lazy: Policy) -> None:
    features, _ = draw_both(600, 11)
    vectors, asked = features.embeddings, []
    assert vectors is not None

    def embed(rows: np.ndarray, part: int) -> np.ndarray:
        assert part == 0
        asked.append(rows)
        return vectors[rows]

    found = lazy.score(Features(features.texts), embed)
    (rest,) = asked
    assert 0 < len(rest) < 600
    whole = lazy.score(features)
    for field in ("label", "score", "novelty"):
        np.testing.assert_array_equal(getattr(found, field), getattr(whole, field))
    other = np.array(vectors)
    other[np.setdiff1d(np.arange(600), rest)] = 7.0
    np.testing.assert_array_equal(lazy.score(Features(features.texts, other)).score, whole.score)


def test_the_second_stage_answers_mute_texts(lazy: Policy) -> None:
    """The text says nothing here, and the vector all."""
    features, labels = draw_both(300, 12)
    mute = Features(["?"] * 300, features.embeddings)
    scores = lazy.score(mute)
    said = np.array(lazy.manifest.labels)[scores.label]
    threshold = lazy.manifest.threshold(0.9)
    assert threshold is not None
    answered = (scores.score >= threshold) & (scores.novelty <= lazy.manifest.novelty_limit)
    assert answered.mean() > 0.3
    assert (said == np.array(labels))[answered].mean() > 0.85


def learned(residual: bool) -> FittedStages:
    """From clusters that overlap a good deal, so that much is left to a second stage."""
    drawn, labels = draw_vectors(5200, 3)
    assert drawn.embeddings is not None
    noise = np.random.default_rng(4).standard_normal(drawn.embeddings.shape, dtype=np.float32)
    features = Features(embeddings=drawn.embeddings + 1.5 * noise)
    training = TrainingSet(features, labels, np.ones(5200, dtype=np.bool_))
    options = Options(surrogates=(), residual=residual)
    return fit_stages.learn_stages(training, tuple(sorted(VERBS)), "precomputed", (0.95,), options)


def test_a_residual_stage_must_gain_coverage() -> None:
    fitted = learned(residual=True)
    (trial,) = [trial for trial in fitted.candidates if trial.family == "residual"]
    assert (trial.outcome == "chosen") == (len(fitted.ensemble.stages) == 2)
    assert not [trial for trial in learned(residual=False).candidates if trial.family == "residual"]


def test_two_stages_become_one_graph() -> None:
    """A copy of the stage with other scores stands in for the residual one."""
    fitted = learned(residual=False)
    (first,) = fitted.ensemble.stages
    weaker = tuple(weight / 3 for weight in first.weights)
    second = replace(first, outsiders=None, weights=weaker, scores=first.scores / np.float32(2))
    ensemble = cascade.join_stages(first, cascade.single_stage(second), 0.9, lazy=False)
    of_first = ensemble.decided_by == 0
    assert 0.1 < of_first.mean() < 1
    np.testing.assert_array_equal(ensemble.scores[of_first], first.scores[of_first])
    np.testing.assert_array_equal(ensemble.scores[~of_first], second.scores[~of_first])
    joined, alone = (single_threaded(export(one)) for one in (ensemble, cascade.single_stage(first)))
    assert [item.name for item in joined.get_outputs()] == ["label", "score", "novelty"]
    feed = {"embedding": draw_vectors(500, 5)[0].embeddings}
    (novelty,) = alone.run(["novelty"], feed)
    np.testing.assert_array_equal(joined.run(["novelty"], feed)[0], novelty)
