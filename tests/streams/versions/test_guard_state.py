"""The older the last heartbeat of certify, the less is relied on."""

import pytest

from streams.versions.guard_state import FRESH, NEVER, Guard


def test_a_certificate_holds_under_a_fresh_guard_alone() -> None:
    assert Guard(FRESH - 1).is_fresh
    assert not Guard(FRESH).is_fresh
    assert not Guard(0.0, rebuilding=True).is_fresh


@pytest.mark.parametrize(
    ("age", "staleness", "stops"),
    [(599.0, 600.0, False), (600.0, 600.0, True), (5.0, 5.0, True), (float("inf"), NEVER, False)],
)
def test_answers_end_when_nobody_has_counted_for_long(age: float, staleness: float, stops: bool) -> None:
    assert Guard(age).stops(staleness) is stops
    assert Guard(age, rebuilding=True).stops(staleness) is stops
