"""What every kind of features promises: the graph is the fit, rows are independent, the seed decides all."""

import numpy as np
import onnxruntime
from scipy import sparse

from models.design import Design
from models.evaluate import evaluate
from models.export import export
from models.features import Features
from models.fit import FitResult
from models.learn import Fitted, learn
from models.manifest import Manifest
from models.ngrams import encode, pad, windows
from models.policy import Policy
from models.text import TextDesign
from models.training import TrainingSet
from models.vectors import VectorDesign, normalised

from .conftest import DRAWS, VERBS, WIDTH, centres, learned

ODD_TEXTS = [
    "",
    "\0",
    "\0\0block\0",
    "a",
    "\U0001f600" * 40,
    "BLOCK the CARD",
    "\ud800",
    "x" * 100_000,
    "é" * 1500,
]


def fitted(embedder: str) -> Fitted:
    features, labels = DRAWS[embedder](900, 0)
    training = TrainingSet(features, labels, np.ones(900, dtype=np.bool_))
    return learn(training, tuple(sorted(VERBS)), embedder, None, 0, lambda _share, _doing: None)


def in_python(design: Design, found: Fitted, features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Logits and novelty from the definitions, in float64, without the graph's table of sums."""
    model = found.found.model
    if isinstance(design, TextDesign):
        cells = windows(encode(features.texts or []))
        counts = design.vocabulary.counts(cells).astype(np.float64)
        tfidf = counts @ design.vocabulary.chain() @ sparse.diags(design.vocabulary.idf())
        squares = counts @ (design.vocabulary.chain() @ design.vocabulary.idf() ** 2.0)
        matrix = (tfidf @ design._basis) / np.sqrt(np.maximum(squares, 1e-6))[:, None]
        longest = design.vocabulary.order[design.vocabulary.rows(cells)]
        known = np.bincount(cells.owner, weights=longest, minlength=len(features))
        there = np.bincount(cells.owner, weights=cells.buckets.any(axis=0), minlength=len(features))
        return matrix @ model.weights + model.intercept, 1 - known / (5 * np.maximum(there, 1))
    assert isinstance(design, VectorDesign)
    assert features.embeddings is not None
    unit = normalised(features.embeddings)
    return model.logits(unit), 1 - (unit @ design._centroids.T).max(axis=1)


def test_the_graph_gives_what_the_definitions_give_on_thousands_of_rows(embedder: str) -> None:
    found = fitted(embedder)
    features, _ = DRAWS[embedder](3000, 5)
    if features.texts is not None:
        features = Features(texts=[*features.texts, *ODD_TEXTS])
    logits, novelty = in_python(found.design, found, features)
    session = onnxruntime.InferenceSession(export(found.design, found.found.model, found.acceptor))
    feed = (
        {"embedding": features.embeddings}
        if features.texts is None
        else {"text": pad(encode(features.texts))}
    )
    label, score, unknown = session.run(["label", "score", "novelty"], feed)
    ranked = np.sort(logits, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(label[clear], logits.argmax(axis=1)[clear])
    np.testing.assert_allclose(score, found.acceptor.scores(logits.astype(np.float32)), atol=1e-4)
    np.testing.assert_allclose(unknown, novelty, atol=1e-5)


def test_a_row_does_not_depend_on_the_rows_it_is_scored_with(embedder: str, policy: Policy) -> None:
    features, _ = DRAWS[embedder](700, 6)
    if features.texts is not None:
        features = Features(texts=[*features.texts, *ODD_TEXTS])
    together = policy.score(features)
    order = np.random.default_rng(0).permutation(len(features))
    shuffled = policy.score(features.take(order))
    alone = [policy.score(features.take([row])) for row in range(len(features))]
    np.testing.assert_array_equal(shuffled.label, together.label[order])
    np.testing.assert_array_equal([one.label[0] for one in alone], together.label)
    tolerance = 0.0 if features.texts is not None else 1e-6
    for field in ("score", "novelty"):
        whole = getattr(together, field)
        np.testing.assert_allclose(getattr(shuffled, field), whole[order], rtol=0, atol=tolerance)
        np.testing.assert_allclose([getattr(one, field)[0] for one in alone], whole, rtol=0, atol=tolerance)


def test_the_same_traces_and_seed_give_the_same_graph(embedder: str, result: FitResult) -> None:
    again = learned(embedder)
    other = learned(embedder, seed=1)
    assert result.artifact is not None
    assert again.artifact is not None
    assert other.artifact is not None
    assert again.artifact.graph == result.artifact.graph
    assert again.summary.frontier == result.summary.frontier
    assert other.artifact.graph != result.artifact.graph


def test_a_refit_from_its_parent_is_as_good_and_names_it(embedder: str, result: FitResult) -> None:
    fresh = learned(embedder, rows=1100, version="v2")
    warm = learned(embedder, rows=1100, version="v2", parent=result.artifact)
    assert warm.artifact is not None
    assert Manifest.decode(warm.artifact.manifest).parent == "v1"
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
    strange = (
        Features(texts=["Quoth the raven nevermore", "7 x 6 = 42", "\U0001f600\U0001f603", "", "Zzyzx"])
        if embedder == "text"
        else Features(embeddings=np.vstack([-centres().sum(axis=0), np.zeros(WIDTH)]).astype(np.float32))
    )
    limit = policy.manifest.novelty_limit
    assert (policy.score(familiar).novelty <= limit).mean() > 0.95
    assert (policy.score(strange).novelty > limit).mean() > 0.8
