"""What a version does with the cases of a battery, and which of them it fails."""

from typing import Any

import pytest

from schemas.battery import BatteryCase
from schemas.config import Config, TeacherConfig
from schemas.messages import Reason
from streams.battery.case_results import case_results, failure_sentence
from tests.streams.fakes import ScriptedPolicy

CONFIG = Config(target_agreement=0.9, paused=True)
SURE, UNSURE, NOVEL = "yes 0.75 0.25", "yes 0.25 0.25", "yes 0.75 9"


def problem(case: BatteryCase, config: Config = CONFIG, blocked: frozenset[str] = frozenset()) -> str | None:
    (result,) = case_results("t", config, ScriptedPolicy(), blocked, [case])
    return result.problem


@pytest.mark.parametrize(
    ("text", "wish", "expected"),
    [
        (SURE, {"label": "yes"}, None),
        (UNSURE, {"label": "no"}, None),
        (SURE, {"label": "no"}, "is 'no', and it answers 'yes'"),
        (SURE, {"label": "yes", "must_answer": True}, None),
        (UNSURE, {"label": "yes", "must_answer": True}, "must be answered 'yes', and it defers (low_score)"),
        (NOVEL, {"must_defer": True}, None),
        (SURE, {"must_defer": True}, "must be deferred, and it answers 'yes'"),
    ],
)
def test_a_case_passes_if_the_version_answers_so_or_defers(
    text: str, wish: dict[str, Any], expected: str | None
) -> None:
    assert problem(BatteryCase("c", text, **wish)) == expected


def test_the_version_is_asked_under_the_task_s_limits_whatever_its_traffic_does() -> None:
    wanted = BatteryCase("c", SURE, label="yes", must_answer=True)
    assert problem(wanted) is None, "a paused task stops no version"
    assert "blocked_label" in (problem(wanted, blocked=frozenset({"yes"})) or "")
    assert "uncertified" in (problem(wanted, Config(target_agreement=0.999)) or "")
    renamed = Config(target_agreement=0.9, teacher=TeacherConfig(labels_renamed={"yes": "ja"}))
    assert problem(wanted, renamed) is None
    assert problem(BatteryCase("c", SURE, label="ja", must_answer=True), renamed) is None


@pytest.mark.parametrize("case", [BatteryCase("c", embedding=[1.0], must_defer=True)])
def test_a_case_that_can_t_be_asked_fails(case: BatteryCase) -> None:
    assert "can't be asked: text: task t" in (problem(case) or "")
    other = Config(target_agreement=0.9, embedder="precomputed")
    assert "does not suit" in (problem(BatteryCase("c", SURE, label="yes"), other) or "")


def test_a_policy_that_fails_is_no_deferral() -> None:
    case = BatteryCase("c", "fail", must_defer=True)
    (result,) = case_results("t", CONFIG, ScriptedPolicy(), frozenset(), [case])
    assert (result.reason, "the version fails on it" in (result.problem or "")) == (None, True)


def test_a_refusal_names_few_cases_and_quotes_no_text() -> None:
    long = SURE + "0" * 200
    cases = [BatteryCase(f"c{number}", long, label="no") for number in range(8)]
    results = case_results("t", CONFIG, ScriptedPolicy(), frozenset(), cases)
    sentence = failure_sentence(results)
    assert sentence is not None
    assert sentence.startswith("it fails 8 cases of the task's battery: c0 is 'no', and it answers 'yes'; c1")
    assert SURE not in sentence
    assert sentence.endswith("; and 3 more")
    assert "c5" not in sentence
    assert len(sentence) < 800
    assert failure_sentence([]) is None
    assert {result.reason for result in results} == {Reason.ACCEPTED}
