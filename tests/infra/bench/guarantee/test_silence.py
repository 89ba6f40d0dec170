"""Through the real steps: an absent teacher stops no version, and failures certify nothing false."""

import numpy as np
import pytest

from infra.bench.guarantee import silence
from infra.bench.guarantee.certificate import NEVER
from infra.bench.guarantee.promise import Promise
from models.certificate import Certificate, budget_share, lower_bound

PROMISE = Promise()
AWAY, SOME, MOST, WRONG = silence.SCENARIOS


def test_an_absent_teacher_suspends_the_claim_and_gives_it_back() -> None:
    life = list(silence.statuses(AWAY, PROMISE, np.random.default_rng(1)))
    returned = AWAY.since + AWAY.away
    assert life[AWAY.since].certified
    assert all(one.alarms == 0 for one in life)
    assert any(one.suspended == "600 audits unanswered for more than 1 h" for one in life)
    assert not life[returned - 1].certified
    assert life[returned + 1].certified
    assert life[-1].audits == silence.AUDITS * (AWAY.periods - 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_few_failures_certify_with_the_bound_of_their_counts(seed: int) -> None:
    life = list(silence.statuses(SOME, PROMISE, np.random.default_rng(seed)))
    last = life[-1]
    assert all(one.alarms == 0 for one in life)
    assert last.certified
    assert 0.03 < last.failed / last.asked < 0.07
    whole = Certificate(last.audits + last.failed, last.agreements)
    assert last.bound == pytest.approx(lower_bound(whole, budget_share(0.05, 1)), abs=0.002)
    assert last.bound <= lower_bound(last.proof.counts, budget_share(0.05, 1)) + 1e-9


def test_mostly_failing_is_an_alarm_soon() -> None:
    told = silence.tell(MOST, 3, PROMISE, np.random.default_rng(2))
    assert max(told.alarmed) < 6, "300 audits"


def test_failing_where_it_is_wrong_certifies_nothing() -> None:
    told = silence.tell(WRONG, 5, PROMISE, np.random.default_rng(3))
    assert min(told.certified) == NEVER
    assert min(told.suspended) > 20, "the labels alone would certify it"
