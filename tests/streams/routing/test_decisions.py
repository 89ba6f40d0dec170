"""The breaker stops versions, audits block labels, and a candidate is scored beside the live policy."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from models.features import Embed, Features
from models.policy import Scores
from schemas.config import Config, TeacherConfig
from schemas.messages import Guess, Reason
from streams.routing.decisions import Decision, decide, withdraw_stale
from streams.tasks import CandidatePolicy, Task
from streams.versions.breaker_state import Breaker, Safeguards
from streams.versions.guard_state import Guard
from tests.streams.fakes import ScriptedPolicy

LIVE, CANDIDATE = (
    ScriptedPolicy(),
    ScriptedPolicy(version="v2", frontier=ScriptedPolicy().manifest.frontier[:1]),
)
YES = Guess("yes", 0.75, 0.25, "v1")
TARGET_9 = Config(target_agreement=0.9)


def task(
    share: float | None = None, breaker: Breaker | None = None, config: Config = TARGET_9, **blocked: str
) -> Task:
    """With a candidate that decides `share` of the requests, where one is given."""
    guards = Safeguards(
        breaker or Breaker(), {version: frozenset({label}) for version, label in blocked.items()}
    )
    return Task.of("t", config, LIVE, None if share is None else CandidatePolicy(CANDIDATE, share), guards)


def judged(task: Task, text: str = "yes 0.75 0.25", *, by_canary: bool = False) -> Decision:
    (verdict,) = decide(task, Features(texts=[text]), 1, [True] if by_canary else [])
    return verdict


@pytest.mark.parametrize(
    ("breaker", "expected"),
    [
        (Breaker(), Reason.ACCEPTED),
        (Breaker(False, ("v0",), 5), Reason.ACCEPTED),
        (Breaker(True, (), 5), Reason.BREAKER_OPEN),
        (Breaker(True, ("v0",), 5), Reason.BREAKER_OPEN),
        (Breaker(False, ("v1",), 5), Reason.BREAKER_OPEN),
    ],
)
def test_a_closed_breaker_still_stops_its_version(breaker: Breaker, expected: Reason) -> None:
    stopped = task(breaker=breaker)
    assert judged(stopped) == Decision(expected, YES, 0.5)
    assert stopped.answers_nothing is (expected is Reason.BREAKER_OPEN)
    assert judged(replace(stopped, config=Config(paused=True))).reason is Reason.OPERATOR
    assert judged(task(breaker=breaker, config=Config(target_agreement=0.99))).reason is (
        Reason.UNCERTIFIED if expected is Reason.ACCEPTED else expected
    )


def test_nothing_is_answered_while_nobody_counts_audits() -> None:
    guarded, unguarded = task(), Task.of("t", TARGET_9, LIVE, guard=Guard(age=600.0))
    assert judged(unguarded) == Decision(Reason.UNGUARDED, YES, 0.5)
    assert unguarded.answers_nothing
    assert unguarded.inclusion == 1.0
    (late,) = withdraw_stale([judged(guarded)], guarded, unguarded)
    assert late.reason is Reason.UNGUARDED
    certified = Task.of("t", TARGET_9, LIVE, certified="v1", guard=Guard(age=59.0))
    assert certified.sampling.certified
    assert not Task.of("t", TARGET_9, LIVE, certified="v1", guard=Guard(age=60.0)).sampling.certified


def test_an_open_breaker_comes_before_no_policy() -> None:
    nothing = Task.of("t", Config(), None, None, Safeguards(Breaker(True, (), 5)))
    assert judged(nothing) == Decision(Reason.BREAKER_OPEN, None, None)


def test_a_label_is_blocked_for_one_version() -> None:
    assert judged(task(v1="yes")).reason is Reason.BLOCKED_LABEL
    assert judged(task(v1="yes"), "no 0.75 0.25").reason is Reason.ACCEPTED
    assert judged(task(v1="no")).reason is Reason.ACCEPTED
    assert judged(task(v2="yes")).reason is Reason.ACCEPTED
    both = task(0.5, v2="yes")
    assert judged(both).shadow is None
    assert judged(both, by_canary=True).reason is Reason.BLOCKED_LABEL


def test_a_label_that_is_switched_off_is_given_by_no_version() -> None:
    off = msgspec.structs.replace(TARGET_9, never_answer=("yes",))
    both = task(0.5, config=off)
    assert judged(both).reason is Reason.BLOCKED_LABEL
    assert judged(both, by_canary=True).reason is Reason.BLOCKED_LABEL
    assert judged(both, "no 0.75 0.25").reason is Reason.ACCEPTED
    (withdrawn,) = withdraw_stale([judged(task())], task(), task(config=off))
    assert withdrawn.reason is not Reason.ACCEPTED
    renamed = msgspec.structs.replace(off, teacher=TeacherConfig(labels_renamed={"yes": "ja"}))
    assert judged(task(config=renamed)).reason is Reason.BLOCKED_LABEL, "under its old name too"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_shadow_guess_goes_with_the_decision(share: float) -> None:
    assert judged(task(share)) == Decision(Reason.ACCEPTED, YES, 0.5, replace_policy(YES))
    assert judged(task(share), "yes 0.25 0.25").shadow is None, "it would have deferred"
    assert judged(task(share), "yes 0.75 0.75").shadow is None
    assert judged(task()).shadow is None


def replace_policy(guess: Guess) -> Guess:
    return Guess(guess.label, guess.score, guess.novelty, "v2")


def test_a_canary_decides_at_its_own_threshold() -> None:
    strict = task(0.5, config=Config(target_agreement=0.95))
    assert judged(strict) == Decision(Reason.ACCEPTED, YES, 0.7)
    assert judged(strict, by_canary=True) == Decision(Reason.UNCERTIFIED, replace_policy(YES), None)
    assert judged(task(0.5), by_canary=True) == Decision(
        Reason.ACCEPTED, replace_policy(YES), 0.5, replace_policy(YES)
    )


def test_a_canary_answers_if_only_live_is_stopped() -> None:
    against = task(0.5, Breaker(False, ("v1",), 5))
    assert judged(against).reason is Reason.BREAKER_OPEN
    assert judged(against, by_canary=True).reason is Reason.ACCEPTED
    assert not against.answers_nothing
    opened = task(0.5, Breaker(True, ("v1",), 5))
    verdict = judged(opened, by_canary=True)
    assert (verdict.reason, verdict.shadow) == (Reason.BREAKER_OPEN, replace_policy(YES)), "its trial goes on"
    assert opened.answers_nothing


def test_a_failing_candidate_defers_only_its_share() -> None:
    alone = Task.of("t", TARGET_9, None, CandidatePolicy(CANDIDATE, 0.0))
    assert judged(alone) == Decision(Reason.NO_POLICY, None, None, replace_policy(YES))
    assert alone.answers_nothing
    failing = replace(task(0.5), candidate=replace(task(0.5).candidate, policy=Failing(version="v2")))
    assert judged(failing) == Decision(Reason.ACCEPTED, YES, 0.5)
    assert judged(failing, by_canary=True).reason is Reason.UNCERTIFIED


class Failing(ScriptedPolicy):
    def score(self, _: Features, __: Embed | None = None) -> Scores:
        return super().score(Features(texts=["fail"]))


def test_a_candidate_of_other_vectors_is_dropped() -> None:
    config = Config(embedder="precomputed")
    three, four = (ScriptedPolicy(embedder="precomputed", dimension=width) for width in (3, 4))
    assert Task.of("t", config, three, CandidatePolicy(four, 1.0)).candidate is None
    assert Task.of("t", config, three, CandidatePolicy(three, 1.0)).candidate is not None


def test_the_newer_breaker_state_holds() -> None:
    known = Safeguards(Breaker(True, ("v1",), 10), {"v1": frozenset({"a"})})
    snapshot, closed = Safeguards(Breaker(False, (), 9)), Safeguards(Breaker(False, (), 10))
    assert snapshot.after(known) == Safeguards(known.breaker)
    assert closed.after(known) == closed


def test_changed_labels_are_followed_at_once() -> None:
    def reason(text: str, **teacher: Any) -> Decision:
        config = Config(target_agreement=0.9, label_added="defer", teacher=TeacherConfig(**teacher))
        return judged(Task.of("t", config, ScriptedPolicy(offered=("no", "yes"))), text)

    yes, no = "yes 0.75 0.25", "no 0.75 0.25"
    assert [reason(text, labels=("yes",)).reason for text in (yes, no)] == [
        Reason.ACCEPTED,
        Reason.REMOVED_LABEL,
    ]
    assert reason(yes, labels=("no", "yes", "added")) == Decision(Reason.NEW_LABEL, YES, 0.5)
    renamed = {"labels": ("ja", "no"), "labels_renamed": {"yes": "ja"}}
    assert reason(yes, **renamed) == Decision(Reason.ACCEPTED, Guess("ja", 0.75, 0.25, "v1"), 0.5)
    assert reason(no, **renamed).reason is Reason.ACCEPTED


def test_a_block_outlives_a_new_name() -> None:
    config = Config(target_agreement=0.9, teacher=TeacherConfig(labels_renamed={"yes": "ja"}))
    assert judged(task(config=config, v1="yes")).reason is Reason.BLOCKED_LABEL
    assert judged(task(config=config, v1="ja")).reason is Reason.BLOCKED_LABEL
