"""Thinning keeps a uniform sample whatever the labels, and traces of each label that only train."""

import numpy as np

from models.features import Features
from models.training.thinning import SAMPLED_SHARE, thin_out, thinned_set
from models.training_set import TrainingSet

ROWS, MOST = 20_000, 2_000
GENERATOR = np.random.default_rng(0)
SAMPLED = GENERATOR.random(ROWS) < 0.9
LABELS = ["rare" if number < 30 else f"common {number % 3}" for number in GENERATOR.permutation(ROWS)]


def test_few_traces_are_all_kept() -> None:
    assert thin_out(LABELS[:MOST], SAMPLED[:MOST], most=MOST) is None
    training = TrainingSet(Features(texts=LABELS), LABELS, SAMPLED)
    assert thinned_set(training) is training


def test_a_draw_says_of_how_many_it_is() -> None:
    training = thinned_set(TrainingSet(Features(texts=LABELS), LABELS, SAMPLED, ordered=True), most=MOST)
    assert (len(training), training.drawn_from, training.ordered) == (MOST, ROWS, True)
    assert training.features.texts == training.labels
    assert training.sampled.sum() == SAMPLED_SHARE * MOST


def test_the_sample_does_not_depend_on_labels_and_is_even_in_time() -> None:
    thinned = thin_out(LABELS, SAMPLED, most=MOST)
    other = thin_out(LABELS[::-1], SAMPLED, most=MOST)
    assert thinned is not None
    assert other is not None
    tests = thinned.rows[thinned.sampled]
    np.testing.assert_array_equal(tests, other.rows[other.sampled])
    assert SAMPLED[tests].all()
    assert abs(tests.mean() / ROWS - 0.5) < 0.03


def test_labels_of_the_sample_do_not_choose_what_trains() -> None:
    thinned = thin_out(LABELS, SAMPLED, most=MOST)
    assert thinned is not None
    tests = set(thinned.rows[thinned.sampled].tolist())
    changed = ["new" if row in tests else label for row, label in enumerate(LABELS)]
    again = thin_out(changed, SAMPLED, most=MOST)
    assert again is not None
    np.testing.assert_array_equal(thinned.rows, again.rows)


def test_a_rare_label_keeps_its_traces() -> None:
    thinned = thin_out(LABELS, SAMPLED, most=MOST)
    assert thinned is not None
    assert sum(LABELS[row] == "rare" for row in thinned.rows) == LABELS.count("rare")
    assert (np.diff(thinned.rows) > 0).all()


def test_a_small_sample_stays_whole() -> None:
    thinned = thin_out(LABELS, np.arange(ROWS) % 40 == 0, most=MOST)
    assert thinned is not None
    np.testing.assert_array_equal(thinned.rows[thinned.sampled], np.arange(0, ROWS, 40))
    assert len(thinned.rows) == MOST
