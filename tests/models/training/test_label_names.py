"""Names of labels train where they speak of their labels, and do no harm where they don't."""

from dataclasses import replace

import numpy as np
import pytest

from models.features import Features
from models.featurizers.text import TextFeaturizer
from models.surrogates.contract import TrainingTargets
from models.training import label_names
from models.training_set import TrainingSet

TOPICS = {
    "card_arrival": "my new card",
    "lostCard": "i lost a card",
    "exchange-rate": "what rate of exchange",
}
NAMES = tuple(sorted(TOPICS))
ENDINGS = ("please", "today", "thanks", "hello", "again", "now")


def traces(count: int) -> TrainingSet:
    drawn = np.random.default_rng(0)
    labels = drawn.choice(np.array(NAMES), count).tolist()
    texts = [f"{TOPICS[label]} {' '.join(drawn.choice(ENDINGS, 3))}" for label in labels]
    return TrainingSet(Features(texts), labels, np.ones(count, dtype=np.bool_))


def targets(training: TrainingSet) -> TrainingTargets:
    codes = np.array([NAMES.index(label) for label in training.labels], dtype=np.int64)
    nobody = np.zeros(len(codes), dtype=np.bool_)
    return TrainingTargets(codes, len(NAMES), np.arange(len(codes)) % 10, training.weights, nobody, 0)


@pytest.mark.parametrize(
    ("name", "words"),
    [("card_arrival", "card arrival"), ("CardArrival", "card arrival"), ("pin2", "pin 2"), ("?", "?")],
)
def test_a_name_is_read_as_words(name: str, words: str) -> None:
    assert label_names.in_words(name) == words


def test_names_train_and_never_certify() -> None:
    training = label_names.with_names(traces(200), NAMES, "text")
    assert (training.features.texts or ())[200:] == ["card arrival", "exchange rate", "lost card"]
    assert training.sampled.sum() == 200
    assert not training.sampled[200:].any()
    weighed = label_names.targets_with_names(
        targets(training), TextFeaturizer(training.features.texts or (), 0), 200
    )
    assert weighed.weights is not None
    assert (weighed.weights[200:] > 0).all()


def test_names_that_say_nothing_have_no_weight() -> None:
    training = label_names.with_names(traces(200), NAMES, "text")
    texts = [*(training.features.texts or ())[:200], "lost card", "card arrival", "exchange rate"]
    weighed = label_names.targets_with_names(targets(training), TextFeaturizer(texts, 0), 200)
    assert weighed.weights is not None
    assert not weighed.weights[200:].any()
    assert (weighed.weights[:200] > 0).all()


def test_many_traces_or_vectors_need_no_names() -> None:
    few, many = traces(200), traces(label_names.ENOUGH_TRACES)
    vectors = replace(few, features=Features(few.features.texts, np.ones((200, 4), dtype=np.float32)))
    assert label_names.with_names(many, NAMES, "text") is many
    assert label_names.with_names(vectors, NAMES, "precomputed") is vectors
