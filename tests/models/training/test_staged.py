"""Cascades of any length: a row is decided by the first stage that is sure of it, whatever comes after."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.embedders.composite import encoder_parts
from models.errors import PolicyError
from models.features import Features
from models.featurizers.ngrams import encode, window_bytes
from models.fit import FitResult, TrainingSet
from models.graph.session import single_threaded
from models.policy import Policy
from models.stage_runner import StageRunner
from models.training import cascade, fit_stages
from models.training.cascade import Ensemble
from models.training.export import export
from models.training.options import Options
from tests.models.conftest import ODD_TEXTS, TIERS, TIERS_ENCODER, VERBS, WIDTH, draw_tiers
from tests.models.report.subjects import manifest

RESULTS = ("label", "score", "novelty")


@st.composite
def stages(draw: st.DrawFn) -> tuple[list[Any], list[float]]:
    """Out-of-fold results of two to four stages on some rows, and hand-overs; ties are frequent."""
    rows, count = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    level = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
    column = st.lists(level, min_size=rows, max_size=rows).map(lambda values: np.array(values, np.float32))
    logits = st.lists(st.permutations([0.0, 1.0, 2.0]), min_size=rows, max_size=rows).map(
        lambda values: np.array(values, np.float32)
    )
    drawn = [
        SimpleNamespace(scores=draw(column), novelty=draw(column) * np.float32(1.5), logits=draw(logits))
        for _ in range(count)
    ]
    return drawn, [draw(level) for _ in range(count - 1)]


@given(stages())
@settings(deadline=None)
def test_a_cascade_decides_as_its_stages_one_after_another(drawn: tuple[list[Any], list[float]]) -> None:
    """Against the definition, row by row: the first stage that is sure and knows the row, else the last."""
    each, handovers = drawn
    joined = cascade.single_stage(each[-1])
    for stage, handover in zip(reversed(each[:-1]), reversed(handovers), strict=True):
        joined = cascade.join_stages(stage, joined, handover, lazy=True)
    for row in range(len(each[0].scores)):
        place = 0
        while place < len(each) - 1 and not (
            each[place].scores[row] >= handovers[place] and each[place].novelty[row] <= 1.0
        ):
            place += 1
        by = each[place]
        ranked = by.logits[row].argsort()
        assert joined.decided_by[row] == place
        assert (joined.guesses[row], joined.runners_up[row]) == (ranked[-1], ranked[-2])
        assert (joined.scores[row], joined.novelty[row]) == (by.scores[row], by.novelty[row])
    assert joined.handovers == tuple(handovers)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    """Three tiers: the text, a vague vector and a clear one."""
    features, labels = draw_tiers(900, 0)
    parts = encoder_parts(TIERS_ENCODER, 2 * WIDTH, 2)
    assert parts is not None
    training = TrainingSet(features, labels, np.ones(900, dtype=np.bool_))
    options = Options(surrogates=(), curve=0.0)
    return fit_stages.learn_stages(
        training, tuple(sorted(VERBS)), TIERS, (0.9,), options, parts=parts
    ).ensemble


def alone(ensemble: Ensemble, features: Features) -> list[dict[str, NDArray[Any]]]:
    """What each stage says of each row, by a graph of its own."""
    texts, vectors = features.texts, features.embeddings
    assert texts is not None
    assert vectors is not None
    inputs = {"windows": texts, "embedding": vectors[:, :WIDTH], "embedding2": vectors[:, WIDTH:]}
    found = []
    for stage in ensemble.stages:
        session = single_threaded(export(cascade.single_stage(stage)))
        (read,) = [item.name for item in session.get_inputs()]
        rows = []
        for value in inputs[read]:
            row = window_bytes(encode([value])) if isinstance(value, str) else value[None]
            rows.append([column[0] for column in session.run(RESULTS, {read: row})])
        columns = zip(*rows, strict=True)
        found.append({name: np.array(column) for name, column in zip(RESULTS, columns, strict=True)})
    return found


def test_one_graph_decides_as_the_graphs_of_its_stages(ensemble: Ensemble) -> None:
    drawn, _ = draw_tiers(400, 9)
    assert drawn.texts is not None
    assert drawn.embeddings is not None
    odd = [*ODD_TEXTS, "quoth the raven", "block or order?"]
    features = Features(
        [*drawn.texts, *odd], np.vstack([drawn.embeddings, drawn.embeddings[: len(odd)][::-1]])
    )
    each = alone(ensemble, features)
    session = single_threaded(export(ensemble, staged=True))
    runner = StageRunner(
        manifest(embedder=TIERS, dimension=2 * WIDTH, encoder=TIERS_ENCODER),
        session.run,
    )
    results = {name: np.full(len(features), -1.0, dtype=np.float64) for name in RESULTS}

    def put(rows: NDArray[np.int64], values: Any) -> None:
        for name, column in zip(RESULTS, values, strict=True):
            results[name][rows] = column

    decided_by = runner.score(features, None, put, None)
    for row in range(len(features)):
        place = next(
            (
                place
                for place, handover in enumerate(ensemble.handovers)
                if each[place]["score"][row] >= handover and each[place]["novelty"][row] <= 1.0
            ),
            len(each) - 1,
        )
        assert decided_by[row] == place
        for name in RESULTS:
            assert abs(results[name][row] - each[place][name][row]) <= 2e-6
    assert set(decided_by.tolist()) == {0, 1, 2}


def test_stages_that_may_not_decide_leave_all_rows_to_the_last(ensemble: Ensemble) -> None:
    handovers = (cascade.NEVER, cascade.NEVER)
    session = single_threaded(export(replace(ensemble, handovers=handovers), staged=True))
    runner = StageRunner(manifest(embedder=TIERS, dimension=2 * WIDTH, encoder=TIERS_ENCODER), session.run)
    decided_by = runner.score(draw_tiers(100, 9)[0], None, lambda *_: None, None)
    assert set(decided_by.tolist()) == {2}


@pytest.fixture
def tiered(results: dict[str, FitResult]) -> Policy:
    artifact = results[TIERS].artifact
    assert artifact is not None
    return Policy.open(artifact.manifest, artifact.graph)


def test_each_vector_is_made_only_for_what_is_left_open(tiered: Policy) -> None:
    features, _ = draw_tiers(600, 11)
    vectors, asked = features.embeddings, []
    assert vectors is not None

    def embed(rows: NDArray[np.int64], part: int) -> NDArray[np.float32]:
        asked.append((part, rows))
        return np.split(vectors[rows], 2, axis=1)[part]

    found, whole = tiered.score(Features(features.texts), embed), tiered.score(features)
    for name in RESULTS:
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    (first, second), (third, last) = asked
    assert (first, third) == (0, 1)
    assert 0 < len(last) < len(second) < 600
    assert set(last.tolist()) < set(second.tolist())
    decided_by = tiered.decided_by(features)
    assert decided_by is not None
    np.testing.assert_array_equal(np.flatnonzero(decided_by > 0), second)
    np.testing.assert_array_equal(np.flatnonzero(decided_by > 1), last)


def test_the_first_stages_decide_without_the_last_vectors(tiered: Policy) -> None:
    features, _ = draw_tiers(400, 12)
    vectors = features.embeddings
    assert vectors is not None

    def embed(rows: NDArray[np.int64], part: int) -> NDArray[np.float32]:
        assert part == 0, "nobody has the second vectors"
        return vectors[rows, :WIDTH]

    whole, decided_by = tiered.score(features), tiered.decided_by(features)
    assert decided_by is not None
    for parts in (0, 1):
        scores, is_final = tiered.score_early(Features(features.texts), parts, embed)
        np.testing.assert_array_equal(is_final, decided_by <= parts)
        np.testing.assert_array_equal(scores.score[is_final], whole.score[is_final])


def test_vectors_of_one_part_are_no_vectors_of_both(tiered: Policy) -> None:
    features, _ = draw_tiers(5, 1)
    assert features.embeddings is not None
    with pytest.raises(PolicyError, match="wrong shape"):
        tiered.score(Features(["?"] * 5, features.embeddings[:, :WIDTH]))


def test_one_vector_is_not_taken_for_those_of_many_rows(tiered: Policy) -> None:
    features, _ = draw_tiers(400, 3)
    with pytest.raises(PolicyError, match="1 vectors for"):
        tiered.score(Features(features.texts), lambda _rows, _part: np.zeros((1, WIDTH), np.float32))
