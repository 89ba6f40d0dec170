import numpy as np

from infra.bench.corpora import Split
from infra.bench.kinds import KINDS
from infra.bench.results_log import CLEAN, DrawCell
from infra.bench.trial import judge, timed_fit
from infra.bench.validity.fits import TARGETS, fit_kind, with_fresh_gate
from models.features import Features
from tests.infra import parcels

_, VECTORS = KINDS


def _pool(count: int, seed: int = 0) -> Split:
    rows = parcels.traces(count, seed)
    vectors = parcels.vectors(rows, seed).astype(np.float32)
    return Split(Features([row["text"] for row in rows], vectors), [row["label"] for row in rows])


def test_a_fresh_gate_tests_the_same_policy() -> None:
    trial, fresh = fit_kind(VECTORS, _pool(700), DrawCell("parcels", CLEAN, 200))
    assert [each.target for each in fresh] == [each.target for each in trial.outcomes] == list(TARGETS)
    assert {each.rows for each in (*fresh, *trial.outcomes)} == {300}
    assert all(each.passed and each.agreed == each.answered for each in fresh)


def test_fresh_rows_that_disagree_pass_nothing() -> None:
    pool = _pool(600)
    artifact = timed_fit(VECTORS, pool).artifact
    assert artifact is not None
    wrong = Split(pool.rows, [f"not {label}" for label in pool.labels])
    refused = with_fresh_gate(artifact, VECTORS, wrong, TARGETS)
    outcomes = judge(refused, VECTORS, pool, TARGETS)
    assert not any(each.passed or each.answered for each in outcomes)
