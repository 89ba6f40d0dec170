"""Coverage and agreement of an evaluation equal those counted by hand."""

import msgspec
import numpy as np
import pytest

from models.evaluate import evaluate
from models.features import Features
from models.policy import Policy

from .conftest import DRAWS


def test_it_counts_as_by_hand(embedder: str, policy: Policy) -> None:
    features, labels = DRAWS[embedder](500, 11)
    scores = policy.score(features)
    target = policy.manifest.frontier[0].target
    threshold = policy.manifest.threshold(target)
    assert threshold is not None
    answered = (scores.score >= threshold) & (scores.novelty <= policy.manifest.novelty_limit)
    right = np.array([policy.manifest.labels[code] for code in scores.label]) == np.array(labels)
    found = evaluate(policy, features, labels, [target]).targets[0]
    assert found.coverage == answered.mean()
    assert found.agreement == right[answered].mean()
    assert found.low < found.agreement < found.high


def test_a_target_that_did_not_pass_answers_nothing(embedder: str, policy: Policy) -> None:
    features, labels = DRAWS[embedder](50, 11)
    found = evaluate(policy, features, labels, [0.9999]).targets[0]
    assert (found.threshold, found.coverage, found.agreement, found.violation) == (None, 0.0, None, False)


def test_unknown_labels_are_disagreements(embedder: str, policy: Policy) -> None:
    features, _ = DRAWS[embedder](500, 11)
    evaluation = evaluate(policy, features, ["unheard of"] * 500)
    assert evaluation.accuracy == 0.0
    assert all(target.violation for target in evaluation.targets)


def test_an_evaluation_keeps_its_json_keys(embedder: str, policy: Policy) -> None:
    features, labels = DRAWS[embedder](50, 11)
    found = msgspec.json.decode(msgspec.json.encode(evaluate(policy, features, labels)))
    assert set(found) == {"rows", "accuracy", "targets"}
    keys = "target threshold coverage agreement low high violation"
    assert set(found["targets"][0]) == set(keys.split())


def test_unequal_lengths_are_refused(policy: Policy) -> None:
    with pytest.raises(ValueError, match="2 labels"):
        evaluate(policy, Features(texts=["one"]), ["x", "y"])
