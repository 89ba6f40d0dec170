"""At a ceiling the operator's choice holds, and no guess is given that something speaks against."""

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace

from schemas.config import Config, TeacherConfig
from schemas.messages import Answer, Guess, Reason
from streams.routing.ceiling import answer_at_ceiling
from streams.tasks import Task
from streams.versions.breaker_state import Breaker, Safeguards
from tests.streams.fakes import ScriptedPolicy, deferral

NOW = 99
GUESS = Guess("yes", 0.3, 0.1, "v1")
ASKED = deferral(guess=GUESS, reason=Reason.LOW_SCORE, sampled=False, threshold=0.5, inclusion=0.02)


def task_at(choice: str, safeguards: Safeguards | None = None, **fields: object) -> Task:
    config = Config(target_agreement=0.9, teacher=TeacherConfig(at_ceiling=choice), **fields)  # type: ignore[arg-type]
    return Task.of("t", config, ScriptedPolicy(version="v1"), safeguards=safeguards)


def test_a_guess_answers_outside_the_guarantee() -> None:
    answer = answer_at_ceiling(task_at("answer"), ASKED, "why", NOW)
    assert answer is not None
    label = answer.label
    assert label is not None
    assert (label.label, label.source, label.audited) == ("yes", "surrogate", False)
    assert label.reason is Reason.BUDGET
    assert (label.score, label.threshold, label.policy, label.labelled_at) == (0.3, 0.5, "v1", NOW)
    assert (answer.reply, answer.later) == (None, None)


def test_an_error_says_which_limit_is_reached() -> None:
    answer = answer_at_ceiling(task_at("error"), ASKED, "why", NOW)
    assert answer is not None
    assert answer.reply is not None
    assert (answer.reply.error, answer.reply.gave_up) == ("why", True)
    assert answer.reply.deferral == replace(ASKED, reason=Reason.BUDGET)
    assert (answer.label, answer.later) == (None, None)


@pytest.mark.parametrize("choice", ["answer", "error"])
def test_what_the_audit_drew_is_asked_later_and_checks_no_answer(choice: str) -> None:
    drawn = replace(ASKED, sampled=True)
    answer = answer_at_ceiling(task_at(choice), drawn, "why", NOW)
    assert answer is not None
    assert answer.later is not None
    assert (answer.later.audit, answer.later.sampled, answer.later.reason) == (True, True, Reason.BUDGET)
    assert not answer.later.checks_answer
    assert answer.label is None or answer.label.audited


def test_while_nothing_is_answered_nothing_is_asked_later() -> None:
    answer = answer_at_ceiling(task_at("error"), replace(ASKED, sampled=True, inclusion=1.0), "why", NOW)
    assert answer is not None
    assert answer.later is None


@pytest.mark.parametrize(
    "asked",
    [
        replace(ASKED, guess=None),
        replace(ASKED, reason=Reason.BLOCKED_LABEL),
        replace(ASKED, reason=Reason.BREAKER_OPEN),
        replace(ASKED, reason=Reason.NEW_LABEL),
        replace(ASKED, guess=replace(GUESS, policy="v0")),
        replace(ASKED, guess=replace(GUESS, label="no")),
    ],
)
def test_a_guess_that_something_speaks_against_waits(asked: object) -> None:
    blocked = Safeguards(blocked={"v1": frozenset({"no"})})
    assert answer_at_ceiling(task_at("answer", blocked), asked, "why", NOW) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "task",
    [
        task_at("wait"),
        task_at("answer", paused=True),
        task_at("answer", Safeguards(Breaker().opened("v1", 1, "alarm", "certify"))),
        changed(task_at("answer"), live=None),
    ],
)
def test_a_stopped_task_waits(task: Task) -> None:
    assert answer_at_ceiling(task, ASKED, "why", NOW) is None


@pytest.mark.parametrize("choice", ["answer", "error"])
def test_audits_and_second_questions_wait(choice: str) -> None:
    for asked in (replace(ASKED, audit=True), replace(ASKED, first=Answer("yes"))):
        assert answer_at_ceiling(task_at(choice), asked, "why", NOW) is None
