"""Reasons are worded as the contract words them, and figures never read as if the decision were wrong."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import Reason
from streams.dashboard.requests.opinion_view import OpinionView, difference_sentence
from streams.dashboard.requests.reason_sentences import REASONS, reason_words

CONTRACT = Path(__file__).parents[4] / "schemas" / "README.md"
SHARES = st.floats(0.0, 1.0)


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if reason not in (Reason.AUDIT, Reason.REPEAT, Reason.SEEDED)]
)
def test_a_reason_is_worded_as_in_the_contract(reason: Reason) -> None:
    row = re.search(rf"^\| `{reason}` \| (.*) \|$", CONTRACT.read_text(), re.MULTILINE)
    assert row is not None
    assert row[1].startswith(REASONS[reason])


@given(SHARES, SHARES)
def test_figures_are_in_the_order_that_they_are_in(score: float, threshold: float) -> None:
    reason = Reason.ACCEPTED if score >= threshold else Reason.LOW_SCORE
    words = reason_words(reason, score, threshold)
    shown, than = map(float, re.findall(r"\d+\.\d+", words))
    assert (shown >= than) is (score >= threshold) or abs(score - threshold) < 1e-16


def test_what_has_no_figures_is_said_without() -> None:
    assert reason_words(Reason.NOVEL, 0.5, 0.7) == REASONS[Reason.NOVEL]
    assert reason_words(Reason.LOW_SCORE, 0.5, None) == REASONS[Reason.LOW_SCORE]


def test_a_prompt_that_is_new_is_no_failure_at_the_gate() -> None:
    """A version whose threshold passed the gate is not said to have none."""
    assert "prompt" in reason_words(Reason.UNCERTIFIED, 0.9885, 0.7411)
    assert "gate" not in reason_words(Reason.UNCERTIFIED, 0.9885, 0.7411)
    assert reason_words(Reason.UNCERTIFIED, 0.9885, None) == REASONS[Reason.UNCERTIFIED]


def test_a_pause_is_a_difference_of_the_same_version() -> None:
    then = OpinionView("v1", True, Reason.ACCEPTED, "", "yes", 0.9, 0.7)
    now = OpinionView("v1", False, Reason.OPERATOR, "", "yes", 0.9, 0.7)
    assert difference_sentence(then, now) == (
        "It was answered with 'yes', since the score 0.9000 is at or above the threshold 0.7000; "
        "now it would be deferred, since an operator has paused the task, "
        "or has calls of its apps only recorded (`chat.mode`)."
    )
