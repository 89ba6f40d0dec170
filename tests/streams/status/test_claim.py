"""The claim says the worst that holds."""

from dataclasses import replace
from typing import Any

import pytest

from streams.status.claim import ClaimState, claim_of
from tests.streams.status.statuses import STATUS


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, ClaimState.CERTIFIED),
        ({"certified": False}, ClaimState.NOT_YET),
        ({"suspended": "late replies"}, ClaimState.LOST),
        ({"new_labels": ("refund",)}, ClaimState.LOST),
        ({"suspended": "late replies", "complete": False}, ClaimState.STOPPED),
        ({"uncounted": 70.0}, ClaimState.STOPPED),
        ({"unseen": True}, ClaimState.STOPPED),
        ({"breaker": "agreement fell"}, ClaimState.STOPPED),
        ({"unguarded": True}, ClaimState.STOPPED),
        ({"paused": True}, ClaimState.STOPPED),
        ({"threshold": None}, ClaimState.STOPPED),
    ],
)
def test_the_worst_comes_first(changes: dict[str, Any], state: ClaimState) -> None:
    assert claim_of(replace(STATUS, **changes)).state is state
