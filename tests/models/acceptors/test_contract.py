"""The contract of acceptors: scores are probabilities of agreement, and the graph gives the same scores."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest

from models.acceptors import boosted, choice, logistic, top1
from models.acceptors.contract import Acceptor
from models.acceptors.features import AcceptorFeatureNodes, AcceptorFeatures
from models.graph.building import FLOAT, Graph
from models.surrogates.contract import TrainingTargets
from models.training import folds

LABELS = 5
Made = tuple[Acceptor, np.ndarray]


def drawn(rows: int, seed: int) -> tuple[AcceptorFeatures, np.ndarray]:
    """A pool whose probabilities are too bold by half, and members that each know a part."""
    generator = np.random.default_rng(seed)
    logits = (generator.standard_normal((rows, LABELS)) * 3).astype(np.float32)
    share = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    codes = (share.cumsum(axis=1) > generator.random((rows, 1))).argmax(axis=1)
    members = tuple(
        (logits / 2 + generator.standard_normal(logits.shape)).astype(np.float32) for _ in range(2)
    )
    return AcceptorFeatures(logits, members, generator.uniform(0, 3, rows).astype(np.float32)), codes


def targets_of(codes: np.ndarray, selection_rows: np.ndarray | None = None) -> TrainingTargets:
    nobody = np.zeros(len(codes), dtype=np.bool_)
    return TrainingTargets(
        codes,
        LABELS,
        folds.assign_folds(np.arange(len(codes)), 0),
        None,
        nobody if selection_rows is None else selection_rows,
        0,
    )


def by_top1(
    features: AcceptorFeatures, codes: np.ndarray, targets: TrainingTargets, sampled: np.ndarray
) -> Made:
    made = top1.fit(features.logits, codes, sampled, sampled)
    return made, made.scores(features)


def by(cross_fit: Callable[..., Made]) -> Callable[..., Made]:
    return lambda features, codes, targets, sampled: cross_fit(
        features, features.logits.argmax(axis=1) == codes, sampled, targets
    )


MAKERS = {"top1": by_top1, "learned": by(logistic.cross_fit), "boosted": by(boosted.cross_fit)}


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest) -> Made:
    features, codes = drawn(4000, 0)
    return MAKERS[request.param](features, codes, targets_of(codes), np.ones(4000, dtype=np.bool_))


def test_its_scores_are_the_chances_of_agreement(made: Made) -> None:
    features, codes = drawn(6000, 1)
    scores, agrees = made[0].scores(features), features.logits.argmax(axis=1) == codes
    assert ((scores >= 0) & (scores <= 1)).all()
    for low in np.arange(0.3, 0.9, 0.2):
        inside = (scores >= low) & (scores < low + 0.2)
        assert abs(scores[inside].mean() - agrees[inside].mean()) < 0.06


def test_its_graph_gives_the_same_scores(made: Made) -> None:
    features, _ = drawn(3000, 2)
    graph = Graph()
    shape: list[str | int] = ["n", LABELS]
    members = tuple(graph.input(f"member{i}", FLOAT, shape) for i in range(2))
    nodes = AcceptorFeatureNodes(
        graph.input("logits", FLOAT, shape), members, graph.input("novelty", FLOAT, ["n"])
    )
    graph.output("score", FLOAT, made[0].write(graph, nodes))
    session = onnxruntime.InferenceSession(graph.serialise())
    feed = {"logits": features.logits, "novelty": features.novelty}
    feed |= {f"member{i}": member for i, member in enumerate(features.members)}
    known = {item.name for item in session.get_inputs()}
    (scores,) = session.run(["score"], {name: value for name, value in feed.items() if name in known})
    assert (np.abs(scores - made[0].scores(features)) < 1e-4).mean() > 0.998


def test_top1_keeps_the_order_of_answers() -> None:
    features, codes = drawn(4000, 0)
    made = top1.fit(features.logits, codes, np.ones(4000, dtype=np.bool_), np.ones(4000, dtype=np.bool_))
    scores = made.scores(features)
    top = np.exp(features.logits / made.temperature)
    certain = (top.max(axis=1) / top.sum(axis=1))[np.argsort(scores)]
    assert (np.diff(certain) > -1e-4).all()


def test_top1_without_selection_keeps_temperature_1() -> None:
    features, codes = drawn(2000, 0)
    nobody, everybody = np.zeros(2000, dtype=np.bool_), np.ones(2000, dtype=np.bool_)
    first = top1.fit(features.logits, codes, nobody, everybody)
    other = top1.fit(features.logits, (codes + 1) % LABELS, nobody, everybody)
    assert first.temperature == other.temperature == 1.0


def test_calibration_works_without_disagreements() -> None:
    logits = np.array([[5.0, 0.0], [0.0, 4.0], [3.0, 0.0]], dtype=np.float32)
    everybody = np.ones(3, dtype=np.bool_)
    scores = top1.fit(logits, np.array([0, 1, 0]), everybody, everybody).logit_scores(logits)
    assert ((scores > 0.5) & (scores <= 1.0)).all()


def test_another_acceptor_must_be_clearly_better() -> None:
    """In the second stream the novelty tells who agrees, which top-1 can't see."""
    features, codes = drawn(4000, 0)
    selection_rows = np.arange(4000) % 4 == 0
    everybody = np.ones(4000, dtype=np.bool_)
    targets = targets_of(codes, selection_rows)
    agrees = features.logits.argmax(axis=1) == codes
    plain = choice.best_acceptor(choice.candidates(features, targets, everybody), agrees, selection_rows)
    assert plain.acceptor.name == top1.NAME
    told = np.where(features.novelty < 1.5, features.logits.argmax(axis=1), (codes + 1) % LABELS)
    targets, agrees = targets_of(told, selection_rows), features.logits.argmax(axis=1) == told
    better = choice.best_acceptor(choice.candidates(features, targets, everybody), agrees, selection_rows)
    assert better.acceptor.name != top1.NAME


def test_without_selection_traces_top1_is_deployed() -> None:
    features, codes = drawn(500, 0)
    found = choice.candidates(features, targets_of(codes), np.ones(500, dtype=np.bool_))
    assert [one.acceptor.name for one in found] == [top1.NAME]
