"""The contract of featurizers: the graph computes the defined features, also of odd texts."""

import numpy as np
import onnxruntime
import pytest
from scipy import sparse

from models.features import Features
from models.featurizers import row_blocks
from models.featurizers.ngram_counts import ngram_chains, ngram_counts
from models.featurizers.ngrams import encode, window_bytes, windows
from models.featurizers.text import TextFeaturizer
from models.featurizers.text_basis import EarlierBasis
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
    counts = ngram_counts(featurizer.vocabulary, cells).astype(np.float64)
    tfidf = counts @ ngram_chains(featurizer.vocabulary) @ sparse.diags(featurizer.vocabulary.idf())
    squares = counts @ (ngram_chains(featurizer.vocabulary) @ featurizer.vocabulary.idf() ** 2.0)
    matrix = (tfidf @ featurizer._mixtures @ featurizer._turn) / np.sqrt(np.maximum(squares, 1e-6))[:, None]
    np.testing.assert_allclose(featurizer.transform(features), matrix, atol=1e-4)
    np.testing.assert_allclose(logits, matrix @ model.weights + model.intercept, atol=2e-3)
    longest = featurizer.vocabulary.order[featurizer.vocabulary.rows(cells)]
    known = np.bincount(cells.owner, weights=longest, minlength=len(features))
    there = np.bincount(cells.owner, weights=cells.buckets.any(axis=0), minlength=len(features))
    np.testing.assert_allclose(novelty, 1 - known / (5 * np.maximum(there, 1)), atol=1e-5)


def test_later_texts_are_read_by_an_earlier_basis() -> None:
    """In any order: those of the basis as before, and others with all their n-grams also when held out."""
    texts = draw_texts(900, 0)[0].texts or []
    before = TextFeaturizer(texts[:600], 0, rank=200)
    order = np.random.default_rng(0).permutation(900)
    place = np.argsort(order)
    earlier = EarlierBasis(before.basis, place[:600])
    after = TextFeaturizer([texts[row] for row in order], 0, rank=200, earlier=earlier)
    assert after.matrix.shape[1] == before.matrix.shape[1]
    np.testing.assert_allclose(after.matrix[place[:600]], before.matrix, atol=1e-5)
    np.testing.assert_allclose(after.held_out[place[:600]], before.held_out, atol=1e-5)
    np.testing.assert_allclose(after.matrix, before.transform(Features(texts)).take(order, axis=0), atol=1e-5)
    new = place[600:]
    np.testing.assert_array_equal(after.held_out[new], after.matrix[new])
    assert (after.held_out != after.matrix).any(axis=1)[place[:600]].any(), "some keep n-grams alive"
    copied = [*texts[:600], *texts[:300]]
    contents = np.append(np.arange(600), np.arange(300))
    copies = TextFeaturizer(copied, 0, contents, rank=200, earlier=EarlierBasis(before.basis, np.arange(600)))
    np.testing.assert_array_equal(copies.held_out[600:], copies.held_out[:300])


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
