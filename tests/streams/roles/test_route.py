"""In doubt a request is deferred, in the order of the checks; an audit does not delay the answer."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from models.deferrals import expected_agreement
from models.manifest import FrontierPoint
from schemas.config import parse_override
from schemas.messages import Deferral, Guess, Label, Reason, Request
from streams.kafka.batch import Outgoing
from streams.roles.route import RouteRole
from streams.sampling import Sampler
from streams.tasks import Tasks
from tests.streams.fakes import (
    CARRIED,
    TOPICS,
    ScriptedPolicy,
    deferrals,
    flat,
    labels,
    manifest,
    message,
)

NOW = 2000


def router(policy: ScriptedPolicy | None = None, **config: Any) -> RouteRole:
    """For task `t`; nothing is audited unless the config says so."""
    live = Tasks()
    if policy is not None:
        live.set_policy("t", policy)
    live.configure("t", parse_override(json.dumps({"audit_rate": 0.0} | config).encode()))
    return RouteRole(live, TOPICS, Sampler(b"key"))


def sent(router: RouteRole, *requests: Request) -> list[Outgoing]:
    return flat(asyncio.run(router.route_batch([message(request) for request in requests], NOW)))


def routed(router: RouteRole, *texts: str) -> list[Outgoing]:
    return sent(router, *(Request(f"r{number}", "t", text) for number, text in enumerate(texts)))


def reason(router: RouteRole, text: str) -> Reason:
    """Why the one request was answered or deferred."""
    out = routed(router, text)
    (found,) = {label.reason for label in labels(out)} | {deferral.reason for deferral in deferrals(out)}
    return found


def test_an_accepted_request_gets_a_full_label() -> None:
    request = Request("r", "t", "yes 0.75 0.5", metadata={"a": "b"})
    (out,) = sent(router(ScriptedPolicy()), request)
    assert labels([out]) == [
        Label("r", "t", "yes", "surrogate", Reason.ACCEPTED, 1000, NOW, 0.75, 0.7, "v1", metadata={"a": "b"})
    ]
    assert (out.key, out.headers) == (b"key", CARRIED)


def test_a_deferral_carries_the_guess() -> None:
    request = Request("r", "t", "yes 0.25 0.5", metadata={"a": "b"})
    (out,) = sent(router(ScriptedPolicy(), audit_rate=0.0), request)
    guess = Guess("yes", 0.25, 0.5, "v1")
    (found,) = deferrals([out])
    assert found == Deferral(
        request, Reason.LOW_SCORE, False, False, "text", 1000, guess=guess, threshold=0.7, inclusion=0.0
    )
    assert (out.key, out.headers) == (b"key", CARRIED)


def test_a_low_score_carries_what_the_fit_expects() -> None:
    """Of both thresholds the fit has said something; the one that is in force counts."""
    points = (FrontierPoint(0.9, 0.5, 0.8, 0.91, 0.3), FrontierPoint(0.95, 0.7, 0.6, 0.96, -0.5))
    fitted, old = ScriptedPolicy(frontier=points), ScriptedPolicy()
    texts = ["yes 0.25 0.1", "yes 0.25 0.9", "yes 0.9 0.1"]
    found = deferrals(routed(router(fitted, audit_rate=1.0), *texts))
    assert [each.reason for each in found] == [Reason.LOW_SCORE, Reason.NOVEL, Reason.AUDIT]
    assert [each.expected for each in found] == [expected_agreement(0.25, -0.5), None, None]
    for threshold, shift in ((0.52, 0.3), (0.69, -0.5)):
        (by_hand,) = deferrals(routed(router(fitted, threshold=threshold), texts[0]))
        assert by_hand.expected == expected_agreement(0.25, shift)
    (unknown,) = deferrals(routed(router(old), texts[0]))
    assert unknown.expected is None


def test_the_first_reason_in_order_counts() -> None:
    for paused, uncertified, novel, blocked, low in itertools.product([True, False], repeat=5):
        policy = ScriptedPolicy(blocked=("no",))
        target = 0.99 if uncertified else 0.95
        text = f"{'no' if blocked else 'yes'} {0.1 if low else 0.9} {0.9 if novel else 0.1}"
        argued = {
            Reason.OPERATOR: paused,
            Reason.UNCERTIFIED: uncertified,
            Reason.NOVEL: novel,
            Reason.BLOCKED_LABEL: blocked,
            Reason.LOW_SCORE: low,
            Reason.ACCEPTED: True,
        }
        expected = next(reason for reason, argues in argued.items() if argues)
        assert reason(router(policy, paused=paused, target_agreement=target), text) == expected


def test_limits_are_inclusive() -> None:
    policy = ScriptedPolicy()
    assert reason(router(policy, threshold=0.75), "yes 0.75 0.5") == Reason.ACCEPTED
    assert reason(router(policy, threshold=0.75), "yes 0.7499999 0.5") == Reason.LOW_SCORE
    assert reason(router(policy, threshold=0.75), "yes 0.75 0.5000001") == Reason.NOVEL


@pytest.mark.parametrize("config", [{}, {"threshold": 0.0}])
@pytest.mark.parametrize(
    ("text", "expected"),
    [("yes nan 0.1", Reason.LOW_SCORE), ("yes 0.9 nan", Reason.NOVEL), ("yes 0.9 inf", Reason.NOVEL)],
)
def test_nan_defers_at_any_threshold(text: str, expected: Reason, config: dict[str, Any]) -> None:
    live = router(ScriptedPolicy(), **config)
    (out,) = routed(live, text)
    assert out.topic == TOPICS.deferrals
    assert json.loads(out.value or b"")["reason"] == expected


def test_a_failing_policy_defers_without_a_guess(caplog: pytest.LogCaptureFixture) -> None:
    out = routed(router(ScriptedPolicy(), threshold=0.0), "yes 0.9 0.1", "fail", "yes 0.9 0.1")
    assert [(found.reason, found.guess) for found in deferrals(out)] == [(Reason.UNCERTIFIED, None)] * 3
    assert len(out) == 3
    assert "policy failed, requests deferred: task=t version=v1" in caplog.text


@pytest.mark.parametrize(
    ("policy", "config", "expected"),
    [
        (None, {}, Reason.NO_POLICY),
        (None, {"threshold": 0.0}, Reason.NO_POLICY),
        (None, {"paused": True}, Reason.OPERATOR),
        (ScriptedPolicy(embedder="precomputed", dimension=3), {"threshold": 0.0}, Reason.NO_POLICY),
        (ScriptedPolicy(), {"paused": True, "threshold": 0.0}, Reason.OPERATOR),
        (ScriptedPolicy(), {"delta": 0.01}, Reason.UNCERTIFIED),
    ],
)
def test_all_is_sampled_while_nothing_is_answered(
    policy: ScriptedPolicy | None, config: dict[str, Any], expected: Reason
) -> None:
    found = deferrals(routed(router(policy, **config), "yes 0.9 0.1", "no 0.1 0.9"))
    got = [(one.reason, one.sampled, one.audit, one.inclusion) for one in found]
    assert got == [(expected, True, False, 1.0)] * 2


def test_an_audited_answer_is_also_deferred() -> None:
    out = routed(router(ScriptedPolicy(), audit_rate=1.0), "yes 0.9 0.1")
    (label,), (copy,) = labels(out), deferrals(out)
    assert (label.label, label.audited, label.reason) == ("yes", True, Reason.ACCEPTED)
    assert (copy.audit, copy.sampled, copy.reason) == (True, True, Reason.AUDIT)
    assert copy.guess is not None
    assert (copy.guess.label, copy.guess.policy, copy.threshold) == ("yes", "v1", 0.7)


def test_an_audited_deferral_is_one_sampled_message() -> None:
    (found,) = deferrals(routed(router(ScriptedPolicy(), audit_rate=1.0), "yes 0.1 0.1"))
    assert (found.audit, found.sampled, found.reason) == (False, True, Reason.LOW_SCORE)


def test_the_sample_ignores_the_decision() -> None:
    live = router(ScriptedPolicy(), audit_rate=0.5)
    sure, unsure = (routed(live, *[text] * 200) for text in ("yes 0.9 0.1", "yes 0.1 0.1"))
    audited = {found.request.id for found in deferrals(sure)}
    assert {label.id for label in labels(sure) if label.audited} == audited
    assert {found.request.id for found in deferrals(unsure) if found.sampled} == audited
    assert 0 < len(audited) < 200


def test_a_new_target_needs_no_refit() -> None:
    live = Tasks()
    live.set_policy("t", ScriptedPolicy())
    under_test = RouteRole(live, TOPICS, Sampler(b"key"))
    assert reason(under_test, "yes 0.6 0.1") == Reason.LOW_SCORE
    live.configure("t", {"target_agreement": 0.9})
    assert reason(under_test, "yes 0.6 0.1") == Reason.ACCEPTED
    assert manifest().threshold(0.9) == 0.5
