"""The contract of featurizers: the graph computes the defined features, also of odd texts."""

import numpy as np
import onnxruntime
import pytest
from scipy import sparse

from models.features import Features
from models.featurizers import row_blocks
from models.featurizers.ngrams import encode, window_bytes, windows
from models.featurizers.text import TextFeaturizer
from models.featurizers.unit_vectors import normalise
from models.featurizers.vectors import VectorFeaturizer
from models.graph.building import FLOAT, Graph
from models.graph.linear import Linear

from ..conftest import ODD_TEXTS, VERBS, draw_texts, draw_vectors


def line(width: int) -> Linear:
    generator = np.random.default_rng(0)
    weights = generator.standard_normal((width, len(VERBS)), dtype=np.float32)
    return Linear(weights, generator.standard_normal(len(VERBS), dtype=np.float32))


def run(featurizer: TextFeaturizer | VectorFeaturizer, model: Linear, features: Features) -> list[np.ndarray]:
    graph = Graph()
    graph.output("logits", FLOAT, featurizer.write_linear(graph, model))
    graph.output("novelty", FLOAT, featurizer.write_novelty(graph))
    session = onnxruntime.InferenceSession(graph.serialise())
    feed = (
        {"embedding": features.embeddings}
        if features.texts is None
        else {"windows": window_bytes(encode(features.texts))}
    )
    logits, novelty = session.run(["logits", "novelty"], feed)
    return [logits, novelty[:, 0]]


def test_texts_become_their_tf_idf() -> None:
    """In float64, by sparse products, without the graph's table of sums."""
    featurizer = TextFeaturizer(draw_texts(900, 0)[0].texts or [], 0)
    features = Features(texts=[*(draw_texts(3000, 5)[0].texts or []), *ODD_TEXTS])
    model = line(featurizer.matrix.shape[1])
    logits, novelty = run(featurizer, model, features)
    cells = windows(encode(features.texts or []))
    counts = featurizer.vocabulary.counts(cells).astype(np.float64)
    tfidf = counts @ featurizer.vocabulary.chain() @ sparse.diags(featurizer.vocabulary.idf())
    squares = counts @ (featurizer.vocabulary.chain() @ featurizer.vocabulary.idf() ** 2.0)
    matrix = (tfidf @ featurizer._mixtures @ featurizer._turn) / np.sqrt(np.maximum(squares, 1e-6))[:, None]
    np.testing.assert_allclose(featurizer.transform(features), matrix, atol=1e-4)
    np.testing.assert_allclose(logits, matrix @ model.weights + model.intercept, atol=2e-3)
    longest = featurizer.vocabulary.order[featurizer.vocabulary.rows(cells)]
    known = np.bincount(cells.owner, weights=longest, minlength=len(features))
    there = np.bincount(cells.owner, weights=cells.buckets.any(axis=0), minlength=len(features))
    np.testing.assert_allclose(novelty, 1 - known / (5 * np.maximum(there, 1)), atol=1e-5)


def test_text_novelty_needs_no_text_surrogate() -> None:
    featurizer = TextFeaturizer(draw_texts(300, 0)[0].texts or [], 0)
    features = draw_texts(200, 5)[0]
    beside = run(featurizer, line(featurizer.matrix.shape[1]), features)[1]
    graph = Graph()
    graph.output("novelty", FLOAT, featurizer.write_novelty(graph))
    session = onnxruntime.InferenceSession(graph.serialise())
    (alone,) = session.run(["novelty"], {"windows": window_bytes(encode(features.texts or []))})
    np.testing.assert_array_equal(alone[:, 0], beside)


def test_vectors_become_directions_and_novelty() -> None:
    drawn, labels = draw_vectors(900, 0)
    assert drawn.embeddings is not None
    codes = np.array([sorted(VERBS).index(label) for label in labels])
    featurizer = VectorFeaturizer(drawn.embeddings, codes, len(VERBS), np.arange(900) % 5)
    features = draw_vectors(3000, 5)[0]
    assert features.embeddings is not None
    model = line(featurizer.matrix.shape[1])
    logits, novelty = run(featurizer, model, features)
    unit = normalise(features.embeddings)
    np.testing.assert_allclose(featurizer.transform(features), unit, atol=1e-6)
    np.testing.assert_allclose(logits, unit @ model.weights + model.intercept, atol=1e-4)
    means = [featurizer.matrix[codes == code].mean(axis=0) for code in range(len(VERBS))]
    centroids = normalise(np.array(means))
    np.testing.assert_allclose(novelty, 1 - (unit @ centroids.T).max(axis=1), atol=1e-5)


def test_vectors_of_a_fold_are_far_from_what_only_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """The novelty of a row, from weighted centroids that its fold has no part in; block by block."""
    monkeypatch.setattr(row_blocks, "BLOCK_NUMBERS", 100)
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((90, 8)).astype(np.float32)
    codes, folds, weights = (
        np.arange(90) % 4,
        np.arange(90) % 7,
        generator.integers(0, 4, 90).astype(np.float64),
    )
    codes[folds == 2] = 4
    weights[codes == 3] = 0.0
    found = VectorFeaturizer(vectors, codes, 5, folds, weights)
    unit = normalise(vectors)
    for row in range(90):
        others = folds != folds[row]
        present = [code for code in range(5) if weights[others & (codes == code)].any()]
        assert (4 in present) == (folds[row] != 2)
        assert 3 not in present
        means = [weights[others & (codes == code)] @ unit[others & (codes == code)] for code in present]
        near = normalise(np.array(means, dtype=np.float32)) @ unit[row]
        np.testing.assert_allclose(found.novelty[row], 1 - near.max(), atol=1e-5)
