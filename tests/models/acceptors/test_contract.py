"""What every acceptor promises: probabilities that are true, and a graph that says the same."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest

from models.acceptors import boosted, choice, logistic, top1
from models.acceptors.contract import Acceptor
from models.acceptors.evidence import AcceptorFeatureNodes, AcceptorFeatures
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


def lesson_of(codes: np.ndarray, choosers: np.ndarray | None = None) -> TrainingTargets:
    nobody = np.zeros(len(codes), dtype=np.bool_)
    return TrainingTargets(
        codes, LABELS, folds.assign_folds(codes, 0), None, nobody if choosers is None else choosers, 0
    )


def by_top1(
    evidence: AcceptorFeatures, codes: np.ndarray, lesson: TrainingTargets, sampled: np.ndarray
) -> Made:
    made = top1.fit(evidence.logits, codes, sampled, sampled)
    return made, made.scores(evidence)


def by(cross_fit: Callable[..., Made]) -> Callable[..., Made]:
    return lambda evidence, codes, lesson, sampled: cross_fit(
        evidence, evidence.logits.argmax(axis=1) == codes, sampled, lesson
    )


MAKERS = {"top1": by_top1, "learned": by(logistic.cross_fit), "boosted": by(boosted.cross_fit)}


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest) -> Made:
    evidence, codes = drawn(4000, 0)
    return MAKERS[request.param](evidence, codes, lesson_of(codes), np.ones(4000, dtype=np.bool_))


def test_its_scores_are_the_chances_of_agreement(made: Made) -> None:
    evidence, codes = drawn(6000, 1)
    scores, agrees = made[0].scores(evidence), evidence.logits.argmax(axis=1) == codes
    assert ((scores >= 0) & (scores <= 1)).all()
    for low in np.arange(0.3, 0.9, 0.2):
        inside = (scores >= low) & (scores < low + 0.2)
        assert abs(scores[inside].mean() - agrees[inside].mean()) < 0.06


def test_its_graph_says_what_it_says(made: Made) -> None:
    evidence, _ = drawn(3000, 2)
    graph = Graph()
    shape: list[str | int] = ["n", LABELS]
    members = tuple(graph.input(f"member{i}", FLOAT, shape) for i in range(2))
    nodes = AcceptorFeatureNodes(
        graph.input("logits", FLOAT, shape), members, graph.input("novelty", FLOAT, ["n"])
    )
    graph.output("score", FLOAT, made[0].write(graph, nodes))
    session = onnxruntime.InferenceSession(graph.serialise())
    feed = {"logits": evidence.logits, "novelty": evidence.novelty}
    feed |= {f"member{i}": member for i, member in enumerate(evidence.members)}
    known = {item.name for item in session.get_inputs()}
    (scores,) = session.run(["score"], {name: value for name, value in feed.items() if name in known})
    assert (np.abs(scores - made[0].scores(evidence)) < 1e-4).mean() > 0.998


def test_top1_never_changes_which_answer_comes_first() -> None:
    evidence, codes = drawn(4000, 0)
    made = top1.fit(evidence.logits, codes, np.ones(4000, dtype=np.bool_), np.ones(4000, dtype=np.bool_))
    scores = made.scores(evidence)
    top = np.exp(evidence.logits / made.temperature)
    certain = (top.max(axis=1) / top.sum(axis=1))[np.argsort(scores)]
    assert (np.diff(certain) > -1e-4).all()


def test_top1_without_choosers_leaves_the_order_to_no_label() -> None:
    evidence, codes = drawn(2000, 0)
    nobody, everybody = np.zeros(2000, dtype=np.bool_), np.ones(2000, dtype=np.bool_)
    first = top1.fit(evidence.logits, codes, nobody, everybody)
    other = top1.fit(evidence.logits, (codes + 1) % LABELS, nobody, everybody)
    assert first.temperature == other.temperature == 1.0


def test_calibration_survives_a_sample_without_disagreement() -> None:
    logits = np.array([[5.0, 0.0], [0.0, 4.0], [3.0, 0.0]], dtype=np.float32)
    everybody = np.ones(3, dtype=np.bool_)
    scores = top1.fit(logits, np.array([0, 1, 0]), everybody, everybody).of_logits(logits)
    assert ((scores > 0.5) & (scores <= 1.0)).all()


def test_another_acceptor_is_chosen_only_where_it_is_clearly_better() -> None:
    """In the second stream the novelty tells who agrees, which top-1 can't see."""
    evidence, codes = drawn(4000, 0)
    choosers = np.arange(4000) % 4 == 0
    everybody = np.ones(4000, dtype=np.bool_)
    lesson = lesson_of(codes, choosers)
    agrees = evidence.logits.argmax(axis=1) == codes
    plain = choice.best_acceptor(choice.candidates(evidence, lesson, everybody), agrees, choosers)
    assert plain.acceptor.name == top1.NAME
    told = np.where(evidence.novelty < 1.5, evidence.logits.argmax(axis=1), (codes + 1) % LABELS)
    lesson, agrees = lesson_of(told, choosers), evidence.logits.argmax(axis=1) == told
    better = choice.best_acceptor(choice.candidates(evidence, lesson, everybody), agrees, choosers)
    assert better.acceptor.name != top1.NAME


def test_without_choosers_nothing_is_chosen() -> None:
    evidence, codes = drawn(500, 0)
    found = choice.candidates(evidence, lesson_of(codes), np.ones(500, dtype=np.bool_))
    assert [one.acceptor.name for one in found] == [top1.NAME]
