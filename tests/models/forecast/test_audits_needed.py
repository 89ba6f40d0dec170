import numpy as np
import pytest

from models.certificate import Certificate, budget_share
from models.forecast.audits_needed import median_audits


@pytest.mark.parametrize(("agreement", "target"), [(0.98, 0.95), (0.95, 0.9), (1.0, 0.99)])
def test_half_of_all_policies_are_certified_by_then(agreement: float, target: float) -> None:
    told = median_audits(agreement, target, 0.05)
    assert told is not None
    agreed = np.cumsum(np.random.default_rng(1).random((400, told)) < agreement, axis=1)
    reached = [
        any(Certificate(n + 1, int(row[n])).certifies(target, budget_share(0.05, 1)) for n in range(told))
        for row in agreed
    ]
    assert 0.4 < np.mean(reached) < 0.6 or agreement == 1.0 == np.mean(reached)


def test_no_agreement_at_the_target_is_certified() -> None:
    assert median_audits(0.95, 0.95, 0.05) is None
    assert median_audits(0.9502, 0.95, 0.05) is None
