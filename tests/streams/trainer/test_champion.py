"""A candidate that would answer less than a live version that does well is not worth it; any other is."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.messages import Guess, Reason, Trace
from streams.trainer.champion import Champion, coverage_regression
from tests.streams.fakes import trace

LIVE = Champion("v1", 0.7, since=1_000, target=0.9)


def seen(answered: int, deferred: int, disagreements: int = 0, **given: Any) -> list[Trace]:
    """Sampled traces as the live version leaves them."""
    fields: dict[str, Any] = {"guess": Guess("yes", 0.9, 0.1, "v1"), "threshold": 0.7, "replied_at": 2_000}
    fields |= given
    audits = [
        trace(
            f"a{number}", "no" if number < disagreements else "yes", audit=True, reason=Reason.AUDIT, **fields
        )
        for number in range(answered)
    ]
    low = {"reason": Reason.LOW_SCORE, **fields}
    return [*audits, *(trace(f"d{number}", **low) for number in range(deferred))]


@pytest.mark.parametrize(
    ("coverage", "traces", "worth"),
    [
        (0.4, seen(160, 40), False),
        (0.8, seen(160, 40), True),
        (0.76, seen(160, 40), True),
        (0.4, seen(160, 40, disagreements=16), False),
        (0.4, seen(160, 40, disagreements=17), True),
        (0.4, seen(99, 25), True),
        (0.4, seen(160, 40, replied_at=999), True),
        (0.4, seen(160, 40, sampled=False), True),
        (0.4, seen(160, 40, threshold=0.5), True),
        (0.4, seen(160, 40, guess=Guess("yes", 0.9, 0.1, "v0")), True),
        (0.4, [*seen(160, 40), *seen(0, 900, reason=Reason.BREAKER_OPEN)], False),
    ],
    ids=[
        "half as much",
        "as much",
        "no less as far as two hundred traces can tell",
        "half as much as one that just keeps its promise",
        "the live one does not keep its promise",
        "too few audits to tell how the live one does",
        "the traces are of before",
        "no uniform sample",
        "of another threshold",
        "of another version",
        "what the breaker deferred says nothing of the version",
    ],
)
def test_only_a_good_champion_stays_live(coverage: float, traces: list[Trace], worth: bool) -> None:
    assert (coverage_regression(coverage, LIVE, traces) is None) is worth


def test_a_champion_does_not_answer_blocked_labels() -> None:
    without = replace(LIVE, blocked=frozenset({"yes"}))
    assert coverage_regression(0.4, without, seen(160, 40)) is None


def test_the_reason_says_what_was_compared() -> None:
    assert coverage_regression(0.4, LIVE, seen(160, 40, disagreements=2)) == (
        "it would answer 40.0% of the requests, and v1 answers 160 of 200 sampled ones, 158 of them like the "
        "teacher: v1 goes on"
    )
