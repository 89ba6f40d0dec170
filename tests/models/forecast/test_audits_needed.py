import numpy as np
import pytest

from models.certificate import Certificate, budget_share
from models.forecast.audits_needed import audits_ahead, median_audits


@pytest.mark.parametrize(("agreement", "target"), [(0.98, 0.95), (0.95, 0.9), (1.0, 0.99)])
def test_half_of_all_policies_are_certified_by_then(agreement: float, target: float) -> None:
    told = median_audits(agreement, target, 0.05)
    assert told is not None
    agreed = np.cumsum(np.random.default_rng(1).random((400, told)) < agreement, axis=1)
    reached = [
        any(Certificate(n + 1, int(row[n])).certifies(target, budget_share(0.05, 1)) for n in range(told))
        for row in agreed
    ]
    assert 0.4 < np.mean(reached) < 0.6 or agreement == 1.0 == np.mean(reached)


def test_no_agreement_at_the_target_is_certified() -> None:
    assert median_audits(0.95, 0.95, 0.05) is None
    assert median_audits(0.9502, 0.95, 0.05) is None


LEVEL = budget_share(0.05, 1)


def lives(agreement: float, target: float, audits: int, count: int) -> list[tuple[Certificate, float]]:
    """Lives that are not certified after so many audits: their counts then, and audits until they are."""
    generator = np.random.default_rng(5)
    found: list[tuple[Certificate, float]] = []
    while len(found) < count:
        agreed = np.cumsum(generator.random(6_000) < agreement)
        certified = (
            number
            for number in range(1, len(agreed) + 1)
            if Certificate(number, int(agreed[number - 1])).certifies(target, LEVEL)
        )
        first = next(certified, None)
        if first is None or first > audits:
            counts = Certificate(audits, int(agreed[audits - 1]))
            found.append((counts, np.inf if first is None else first - audits))
    return found


@pytest.mark.parametrize(
    ("agreement", "target", "audits"), [(0.98, 0.95, 100), (0.96, 0.9, 60), (0.97, 0.95, 200)]
)
def test_the_interval_ahead_holds_about_as_often_as_it_says(
    agreement: float, target: float, audits: int
) -> None:
    """Four fifths of the lives, whose agreement the forecast doesn't know, are certified within it."""
    inside = before = 0
    for counts, until in lives(agreement, target, audits, 60):
        told = audits_ahead(counts, counts, target, LEVEL)
        assert told is not None
        least, likely, most = (np.inf if one is None else one for one in (told.least, told.likely, told.most))
        inside += least <= until <= most
        before += until <= likely
    assert 0.65 <= inside / 60 <= 0.95
    assert 0.35 <= before / 60 <= 0.85


def test_what_lies_ahead_of_a_certified_or_a_hopeless_version() -> None:
    good, bad = Certificate(400, 398), Certificate(400, 340)
    assert audits_ahead(Certificate(), Certificate(), 0.95, LEVEL) is None
    certified = audits_ahead(good, good, 0.95, LEVEL)
    assert certified is not None
    assert (certified.likely, certified.chance) == (0, 1.0)
    hopeless = audits_ahead(bad, bad, 0.95, LEVEL)
    assert hopeless is not None
    assert (hopeless.likely, hopeless.chance) == (None, 0.0)


def test_audits_without_a_label_take_more_audits() -> None:
    replies = Certificate(100, 99)
    told = audits_ahead(replies, replies, 0.95, LEVEL)
    later = audits_ahead(replies.counting_unanswered(10), replies, 0.95, LEVEL)
    assert told is not None
    assert later is not None
    assert 0 < (told.likely or 0) < (later.likely or 0)
