"""Slow disagreements certify nothing and raise no false alarm, where replies as they come would do both."""

from functools import partial

import numpy as np
import pytest

from infra.bench.guarantee import slow_replies
from infra.bench.guarantee.certificate import NEVER, certificate_rule, fewest_audits
from infra.bench.guarantee.promise import Promise
from infra.bench.guarantee.slow_replies import LATER, Audits, alarm_order, first_certified, stream
from schemas.config import Config
from schemas.messages import Teacher
from streams.certify.observations import AuditReply, AuditRequested, LogPosition, Observations, TraceSeen
from streams.certify.pending_audits import PendingAudits
from streams.certify.snapshot import Snapshot
from streams.certify.step import step

PROMISE = Promise()
FEWEST = fewest_audits(certificate_rule, PROMISE.target, PROMISE.delta, 1_500)
STREAMS = 150


def share(agreement: float, *, in_order: bool) -> float:
    """Share of the streams that are ever certified, one audit a second."""
    generator, asked = np.random.default_rng(7), np.arange(1.0, 1_501)
    first = [
        first_certified(stream(asked, agreement, LATER, generator), FEWEST, in_order) for _ in range(STREAMS)
    ]
    return float(np.mean(np.array(first) != NEVER))


def test_slow_disagreements_certify_falsely_at_most_delta() -> None:
    assert share(0.93, in_order=False) == 1.0, "counting replies as they come"
    assert share(0.93, in_order=True) <= PROMISE.delta
    assert share(0.94, in_order=True) <= PROMISE.delta


def test_slow_disagreements_cost_a_good_version_little() -> None:
    assert share(0.99, in_order=True) == 1.0


@pytest.mark.parametrize(("agreement", "seed"), [(0.93, 0), (0.99, 1), (0.99, 2)])
def test_the_live_certificate_decides_as_simulated(agreement: float, seed: int) -> None:
    """The first version spends half of delta; it is looked at each second, as `certify` does."""
    audits = stream(np.arange(1.0, 251), agreement, 20.0, np.random.default_rng(seed))
    config = Config(delta=2 * PROMISE.delta, audit_overdue=float(slow_replies.OVERDUE))
    expected = first_certified(audits, FEWEST, in_order=True)
    assert expected == pytest.approx(first_certified_live(audits, config), abs=10) or expected == NEVER
    if expected == NEVER:
        assert first_certified_live(audits, config) == NEVER


def first_certified_live(audits: Audits, config: Config) -> int:
    """Second at which the real steps certify the version first."""
    snapshot, scores = Snapshot(), dict[str, float]()
    begin, teacher = 10_000_000_000, Teacher("m", "p")
    for second in range(int(audits.replied.max()) + 2):
        now = begin + 1_000 * second
        at = partial(LogPosition, "deferrals:0")
        asked = np.flatnonzero(np.ceil(audits.asked) == second)
        replied = np.flatnonzero(np.ceil(audits.replied) == second)
        observations = Observations(
            [AuditRequested(at(int(one)), "v1", f"r{one}", now) for one in asked],
            [
                TraceSeen(
                    LogPosition("traces:0", 1_000 * second + place),
                    teacher,
                    now,
                    "v1",
                    AuditReply(f"r{one}", now, now, "yes", bool(audits.agreed[one])),
                )
                for place, one in enumerate(replied)
            ],
        )
        outcome = step("t", snapshot, observations, config, now, complete=True)
        change = outcome.versions.get("v1")
        if change is not None:
            scores |= change.pending_update.scores
            pending = PendingAudits(change.pending_update.after.pending, scores=dict(scores))
            state, status = change.version_state, change.status
            snapshot = Snapshot(outcome.task_state, {"v1": state}, {"v1": status}, {"v1": pending})
            if status.certified:
                return second
    return int(NEVER)


def test_the_alarm_takes_audits_in_the_order_of_asking() -> None:
    replied = np.array([50.0, 2.0, 3.0, 400.0, 5.5])
    audits = Audits(np.arange(1.0, 6.0), replied, np.ones(5, dtype=bool))
    order, taken = alarm_order(audits, 100.0)
    assert order.tolist() == [0, 1, 2, 4, 3], "one that is too late stands where its reply comes"
    assert taken.tolist() == [50.0, 50.0, 50.0, 400.0, 104.0]
    assert alarm_order(audits, 0.0)[0].tolist() == [1, 2, 4, 0, 3]


def test_bursts_with_slow_disagreements_raise_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_replies, "RUN", 20_000)
    runs = [
        slow_replies.false_alarm_run(patience, True, PROMISE, np.random.default_rng(3))
        for patience in (0.0, 180.0)
    ]
    assert runs[0] < 500.0
    assert runs[1] > 10 * runs[0]
