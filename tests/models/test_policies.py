"""Policies on all features: rows are independent, the seed decides the graph, targets hold."""

import numpy as np

from models.evaluate import evaluate
from models.features import Features
from models.fit import FitResult
from models.manifest import Manifest
from models.policy import Policy

from .conftest import DRAWS, ODD_TEXTS, TIERS, WIDTH, centres, learned


def oddly(features: Features) -> Features:
    """With odd texts added; where there are vectors too, those of the first rows go with them."""
    if features.texts is None:
        return features
    vectors = features.embeddings
    if vectors is not None:
        vectors = np.vstack([vectors, vectors[: len(ODD_TEXTS)]])
    return Features([*features.texts, *ODD_TEXTS], vectors)


def test_a_row_does_not_depend_on_its_batch(embedder: str, policy: Policy) -> None:
    features = oddly(DRAWS[embedder](700, 6)[0])
    together = policy.score(features)
    order = np.random.default_rng(0).permutation(len(features))
    shuffled = policy.score(features.take(order))
    alone = [policy.score(features.take([row])) for row in range(len(features))]
    np.testing.assert_array_equal(shuffled.label, together.label[order])
    np.testing.assert_array_equal([one.label[0] for one in alone], together.label)
    tolerance = 0.0 if features.embeddings is None else 2e-6
    for field in ("score", "novelty"):
        whole = getattr(together, field)
        np.testing.assert_allclose(getattr(shuffled, field), whole[order], rtol=0, atol=tolerance)
        np.testing.assert_allclose([getattr(one, field)[0] for one in alone], whole, rtol=0, atol=tolerance)


def test_the_seed_decides_the_graph(embedder: str, result: FitResult) -> None:
    again = learned(embedder)
    other = learned(embedder, seed=1)
    assert result.artifact is not None
    assert again.artifact is not None
    assert other.artifact is not None
    assert again.artifact.graph == result.artifact.graph
    assert again.summary.frontier == result.summary.frontier
    assert other.artifact.graph != result.artifact.graph


def test_a_refit_is_as_good_as_its_parent(embedder: str, result: FitResult) -> None:
    fresh = learned(embedder, rows=1100, version="v2")
    warm = learned(embedder, rows=1100, version="v2", parent=result.artifact)
    assert warm.artifact is not None
    manifest = Manifest.decode(warm.artifact.manifest)
    assert manifest.parent == "v1"
    assert manifest.lineage == ("v1",)
    assert abs(warm.summary.accuracy - fresh.summary.accuracy) < 0.005


def test_what_is_certified_holds_on_fresh_rows(embedder: str, policy: Policy) -> None:
    features, labels = DRAWS[embedder](4000, 7)
    evaluation = evaluate(policy, features, labels)
    assert evaluation.accuracy > 0.8
    assert len(evaluation.targets) > 5
    assert not any(target.violation for target in evaluation.targets if target.target <= 0.95)
    assert max(target.coverage for target in evaluation.targets) > 0.5


def test_novel_rows_are_told_from_familiar_ones(embedder: str, policy: Policy) -> None:
    familiar, _ = DRAWS[embedder](1000, 8)
    texts = ["Quoth the raven nevermore", "7 x 6 = 42", "\U0001f600\U0001f603", "", "Zzyzx"]
    vectors = np.vstack([-centres().sum(axis=0), *np.zeros((4, WIDTH))]).astype(np.float32)
    if familiar.embeddings is not None:
        vectors = np.tile(vectors, familiar.embeddings.shape[1] // WIDTH)
    strange = Features(
        None if familiar.texts is None else texts, None if familiar.embeddings is None else vectors
    )
    limit = policy.manifest.novelty_limit
    assert (policy.score(familiar).novelty <= limit).mean() > 0.95
    assert (policy.score(strange).novelty > limit).mean() > 0.7


def test_the_manifest_lists_candidates(embedder: str, result: FitResult, policy: Policy) -> None:
    manifest = policy.manifest
    assert result.study is not None
    assert manifest.certifying == result.study.gate_rows.sum() > 800
    assert {trial.outcome for trial in manifest.trials} >= {"learned", "chosen"}
    assert [account.label for account in manifest.accounts] == list(manifest.labels)
    assert sum(account.traces for account in manifest.accounts) == 900
    kinds = {"text": "text", "vectors": "precomputed"}
    if embedder == TIERS:
        kinds |= {"vectors": "onnx:", "vectors2": "endpoint:"}
    assert {member.reads for member in manifest.members} == {
        kind for kind, named in kinds.items() if named in embedder
    }
