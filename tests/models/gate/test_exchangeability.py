"""Traces in random order pass as they are; order that says something costs traces, or is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.gate.exchangeability import label_dependence
from models.gate.frontier import Sample, frontier_points, refusal_reasons
from models.gate.time_dependence import INDEPENDENT, refuted_lately

KINDS = 30


def drawn(rows: int, seed: int) -> NDArray[np.object_]:
    """Labels in random order; some are frequent, some rare."""
    shares = np.random.default_rng(0).dirichlet(np.ones(KINDS))
    names = np.array([f"label {kind}" for kind in range(KINDS)], dtype=object)
    return names[np.random.default_rng(seed).choice(KINDS, rows, p=shares)]


def in_bursts(rows: int, length: int, seed: int) -> NDArray[np.object_]:
    return np.repeat(drawn(rows // length, seed), length)


def test_random_orders_are_seldom_refused() -> None:
    """At level .001 a few in thousands; 6 or more of 600 have a chance of .0001."""
    found = [label_dependence(drawn(400, seed), seed) for seed in range(600)]
    assert sum(each.found for each in found) < 6
    assert sum(each.newcomers > 0.0 for each in found) < 6
    assert np.mean([each.design_effect for each in found]) == pytest.approx(1.0, abs=0.02)


@given(st.integers(0, 2**32), st.integers(20, 300))
def test_p_values_are_valid_at_each_level(seed: int, rows: int) -> None:
    """Any order of the labels gives a p-value in (0, 1], and thinning keeps what it says it keeps."""
    found = label_dependence(drawn(rows, seed), seed)
    assert 0.0 < found.p_value <= 1.0
    certifying = np.random.default_rng(seed).random(rows) < 0.7
    kept = found.independent(certifying)
    assert not (kept & ~certifying).any()
    assert kept.sum() == found.count_as(int(certifying.sum()))


@pytest.mark.parametrize("length", [5, 20, 50])
def test_bursts_count_about_once_each(length: int) -> None:
    found = [label_dependence(in_bursts(5_000, length, seed), seed) for seed in range(5)]
    assert all(each.found for each in found)
    assert np.mean([each.count_as(5_000) for each in found]) == pytest.approx(5_000 / length, rel=0.25)


def test_a_sorted_file_counts_for_next_to_nothing() -> None:
    found = label_dependence(np.sort(drawn(3_000, 1)), 0)
    assert found.found
    assert found.count_as(3_000) < 2 * KINDS
    assert "count as" in found.sentence(3_000)


def test_new_labels_refuse_strict_targets_only() -> None:
    labels = drawn(2_000, 1)
    labels[-200:][np.random.default_rng(2).random(200) < 0.2] = "brand new"
    share = label_dependence(labels, 0).newcomers
    assert share == pytest.approx(0.1, abs=0.03)
    rows = np.ones(2_000, dtype=np.bool_)
    sample = Sample(np.linspace(0, 1, 2_000, dtype=np.float32), rows, rows, ordered=True, newcomers=share)
    points = frontier_points(sample, (0.80, 0.95), 0.05)
    assert [point.target for point in points] == [0.80]
    (reason,) = refusal_reasons(sample, points, (0.80, 0.95), 0.05)
    assert "labels that were hardly there before" in reason


def test_newest_traces_must_not_refute_a_target() -> None:
    """900 of 1,000 agree; the disagreements come all over the time, or all at the end."""
    everything = np.ones(1_000, dtype=np.bool_)
    scores = np.linspace(0.5, 0.6, 1_000, dtype=np.float32)[np.random.default_rng(0).permutation(1_000)]
    evenly = np.arange(1_000) % 10 > 0
    at_the_end = np.arange(1_000) < 900
    assert not refuted_lately(everything, evenly, 0.9)
    assert refuted_lately(everything, at_the_end, 0.85)
    for agrees, passes in ((evenly, True), (at_the_end, False)):
        points = frontier_points(Sample(scores, agrees, everything, ordered=True), (0.85,), 0.05)
        assert bool(points) is passes
    unordered = Sample(scores, at_the_end, everything)
    assert frontier_points(unordered, (0.85,), 0.05)


@pytest.mark.parametrize("labels", [[], ["a"], ["a"] * 500, ["a", "b"] * 250])
def test_too_few_labels_say_nothing_of_time(labels: list[str]) -> None:
    found = label_dependence(np.array(labels, dtype=object), 0)
    assert (found.found, found.newcomers) == (INDEPENDENT.found, INDEPENDENT.newcomers)
