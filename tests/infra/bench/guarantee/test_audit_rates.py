"""A certificate counts all audits at all rates, and errs at most delta about the rate-weighted average."""

import numpy as np
import pytest

from infra.bench.guarantee.audit_rates import RATES, simulate
from infra.bench.guarantee.promise import Promise

PROMISE = Promise(delta=0.2)
STREAMS = 300


@pytest.mark.parametrize("name", RATES)
def test_changed_rates_keep_delta(name: str) -> None:
    result = simulate(name, PROMISE.target, STREAMS, PROMISE, np.random.default_rng(5))
    assert result.wrong.mean() <= PROMISE.delta


@pytest.mark.parametrize("name", RATES)
def test_all_audits_certify_no_later_than_a_thinned_sample(name: str) -> None:
    result = simulate(name, 0.98, STREAMS, PROMISE, np.random.default_rng(6))
    assert np.median(result.requests) <= np.median(result.thinned)
