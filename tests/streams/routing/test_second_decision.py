"""What waits is decided again by what is live, and the sample stays a sample of all requests."""

import numpy as np
import pytest
from msgspec.structs import replace

from schemas.config import Config
from schemas.messages import Answer, Deferral, Guess, Reason, Request
from streams.routing.second_decision import SecondDecision, decide_again, decider_of
from streams.sampling import Sampler
from streams.tasks import Task
from tests.streams.fakes import ScriptedPolicy

SAMPLER = Sampler(b"key")
CONFIG = Config(target_agreement=0.9, reserve=0.0, audit_rate=0.2, audit_enough=0)
NOW = 99
SURE, UNSURE = "yes 0.9 0.1", "yes 0.1 0.1"


def task_of(version: str = "v1", config: Config = CONFIG) -> Task:
    return Task.of("t", config, ScriptedPolicy(version=version))


def deferred(name: str, text: str, **fields: object) -> Deferral:
    first = Deferral(Request(name, "t", text), Reason.NO_POLICY, False, True, "text", 7, inclusion=1.0)
    return replace(first, **fields)


def test_a_policy_that_came_answers_what_waited() -> None:
    (name,) = [f"r{number}" for number in range(9) if not SAMPLER.selects(f"r{number}", 0.2)][:1]
    (decision,) = decide_again(task_of(), [deferred(name, SURE)], SAMPLER, NOW)
    label = decision.label
    assert label is not None
    assert (label.id, label.source, label.reason, label.policy) == (name, "surrogate", Reason.ACCEPTED, "v1")
    assert (label.requested_at, label.labelled_at, label.audited) == (7, NOW, False)
    assert decision.deferral is None


def test_a_drawn_answer_is_checked_by_the_teacher() -> None:
    (name,) = [f"r{number}" for number in range(99) if SAMPLER.selects(f"r{number}", 0.2)][:1]
    ((label, check),) = decide_again(task_of(), [deferred(name, SURE)], SAMPLER, NOW)
    assert label is not None
    assert label.audited
    assert check is not None
    assert (check.reason, check.audit, check.sampled, check.inclusion) == (Reason.AUDIT, True, True, 0.2)


def test_what_is_still_asked_is_sampled_only_if_drawn() -> None:
    asked = [deferred(f"r{number}", UNSURE) for number in range(200)]
    decisions = decide_again(task_of(), asked, SAMPLER, NOW)
    assert all(decision.label is None for decision in decisions)
    for before, (_, after) in zip(asked, decisions, strict=True):
        assert after is not None
        assert after.request == before.request
        assert after.reason is Reason.LOW_SCORE
        assert after.sampled == SAMPLER.selects(before.request.id, 0.2)
        assert after.inclusion == 0.2


def test_the_sample_shows_the_share_of_hard_requests() -> None:
    """Of a backlog that a policy meets half way: kept as they were sampled, three quarters would be hard."""
    hard = np.random.default_rng(0).random(8_000) < 0.5
    backlog = [deferred(f"r{row}", UNSURE if one else SURE) for row, one in enumerate(hard)]
    asked_before, waiting = backlog[:2_000], backlog[2_000:]
    sampled = [deferral for deferral in asked_before if deferral.sampled]
    kept = list(sampled)
    for (label, asked), before in zip(decide_again(task_of(), waiting, SAMPLER, NOW), waiting, strict=True):
        sampled += [asked] if asked is not None and asked.sampled else []
        kept += [before] if label is None else []
    weights = np.array([1.0 / (one.inclusion or 1.0) for one in sampled])
    is_hard = np.array([one.request.text == UNSURE for one in sampled])
    assert np.average(is_hard, weights=weights) == pytest.approx(0.5, abs=0.03)
    assert np.mean([one.request.text == UNSURE for one in kept]) > 0.7, "the bias that this is about"


@pytest.mark.parametrize(
    "fields",
    [
        {"audit": True, "reason": Reason.AUDIT},
        {"first": Answer("yes")},
        {"embedder": "precomputed"},
        {"guess": Guess("yes", 0.1, 0.1, "v1"), "threshold": 0.5, "reason": Reason.LOW_SCORE},
    ],
)
def test_nothing_else_is_decided_again(fields: dict[str, object]) -> None:
    """Checks and second questions; what another embedder read; what the same policy has decided."""
    asked = deferred("r", SURE, **fields)
    assert decide_again(task_of(), [asked], SAMPLER, NOW) == [SecondDecision(None, asked)]


def test_another_version_or_threshold_decides_again() -> None:
    by_v0 = deferred("r", SURE, guess=Guess("yes", 0.1, 0.1, "v0"), threshold=0.5)
    lower = deferred("r", SURE, guess=Guess("yes", 0.1, 0.1, "v1"), threshold=0.9)
    for decision in decide_again(task_of(), [by_v0, lower], SAMPLER, NOW):
        assert decision.label is not None


@pytest.mark.parametrize("reason", [Reason.BREAKER_OPEN, Reason.OPERATOR, Reason.NEW_LABEL])
def test_a_version_that_was_stopped_decides_again(reason: Reason) -> None:
    stopped = deferred("r", SURE, guess=Guess("yes", 0.9, 0.1, "v1"), threshold=0.5, reason=reason)
    ((label, _),) = decide_again(task_of(), [stopped], SAMPLER, NOW)
    assert label is not None


def test_while_nothing_is_answered_all_is_left_as_it_is() -> None:
    asked = [deferred("r", SURE)]
    for task in (Task.of("t", CONFIG, None), task_of(config=replace(CONFIG, paused=True))):
        assert decider_of(task) is None
        assert decide_again(task, asked, SAMPLER, NOW) == [SecondDecision(None, asked[0])]
