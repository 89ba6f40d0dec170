"""Buckets of asking lose no audit, keep prefixes apart, and do not depend on when they were merged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.certificate import Certificate
from streams.certify.asking_order import (
    OLDER,
    Prefix,
    Replied,
    Waiting,
    best_prefix,
    frontier,
    merge_replied,
    merge_waiting,
    prefix_ends,
    prefixes,
    with_answered,
    with_asked,
    with_given_up,
    with_reply_counted,
)

DAY = 24 * 3_600_000
BEGIN = 20_000 * DAY
OVERDUE = st.sampled_from([5_000, 60_000, 3_600_000, 9_000_000, 30 * DAY])
# (milliseconds since the audit before, milliseconds until its reply or None, whether the teacher agreed)
AUDITS = st.lists(
    st.tuples(st.integers(0, 1_000_000), st.none() | st.integers(0, 5_000_000), st.booleans()), max_size=40
)


def folded(
    audits: list[tuple[int, int | None, bool]], overdue: int, merges: set[int]
) -> tuple[Waiting, Replied, Certificate, int]:
    """The state after all audits, merged after those events whose numbers are named, and at the end."""
    asked, at = [], BEGIN
    for gap, _, _ in audits:
        at += gap
        asked.append(at)
    events = [(at, 0, number) for number, at in enumerate(asked)]
    events += [
        (at + late, 1, number)
        for number, (at, (_, late, _)) in enumerate(zip(asked, audits, strict=True))
        if late is not None
    ]
    waiting: Waiting = {}
    replied: Replied = {}
    total, now = Certificate(), at
    for place, (now, is_reply, number) in enumerate(sorted(events)):
        oldest = prefix_ends(now, overdue)[-1]
        if place in merges:
            waiting, replied = merge_waiting(waiting, now, oldest), merge_replied(replied, now, oldest)
        if is_reply:
            agreed = audits[number][2]
            waiting = with_answered(waiting, asked[number])
            replied = with_reply_counted(replied, asked[number], agreed, now, oldest)
            total = Certificate(total.audits + 1, total.agreements + agreed)
        else:
            waiting = with_asked(waiting, now)
    oldest = prefix_ends(now, overdue)[-1]
    return merge_waiting(waiting, now, oldest), merge_replied(replied, now, oldest), total, now


@given(AUDITS, OVERDUE)
def test_prefixes_count_what_was_asked_until_their_end(
    audits: list[tuple[int, int | None, bool]], overdue: int
) -> None:
    every = set(range(2 * len(audits)))
    waiting, replied, total, now = folded(audits, overdue, every)
    ends = prefix_ends(now, overdue)
    at = BEGIN
    asked = [at := at + gap for gap, _, _ in audits]
    for prefix in prefixes(total, replied, waiting, ends, now):
        until = [
            (late, agreed)
            for at, (_, late, agreed) in zip(asked, audits, strict=True)
            if at < prefix.until or prefix.until == now
        ]
        answers = [agreed for late, agreed in until if late is not None]
        assert prefix.replied == Certificate(len(answers), sum(answers))
        assert prefix.unanswered == len(until) - len(answers)


@given(AUDITS, OVERDUE, st.sets(st.integers(0, 80)), st.sets(st.integers(0, 80)))
def test_it_does_not_matter_when_buckets_merge(
    audits: list[tuple[int, int | None, bool]], overdue: int, some: set[int], others: set[int]
) -> None:
    assert folded(audits, overdue, some) == folded(audits, overdue, others)


@given(st.lists(st.integers(0, 3 * DAY), max_size=300))
def test_the_state_is_bounded(ages: list[int]) -> None:
    waiting: Waiting = {}
    for age in ages:
        waiting = with_asked(waiting, BEGIN - age)
    merged = merge_waiting(waiting, BEGIN, prefix_ends(BEGIN, 3_600_000)[-1])
    assert sum(merged.values()) == len(ages)
    assert len(merged) < 110


def test_ends_are_ordered_and_end_where_audits_are_overdue() -> None:
    ends = prefix_ends(BEGIN, 3_600_000)
    assert list(ends) == sorted(ends, reverse=True)
    assert [round((BEGIN - end) / 1000) for end in ends] == [10, 60, 300, 1_800, 3_600]
    assert len(prefix_ends(BEGIN, 5_000)) == 1


def test_the_best_prefix_proves_most() -> None:
    few = Prefix(1, Certificate(100, 100), 0)
    many, missing = Prefix(2, Certificate(300, 299), 0), Prefix(3, Certificate(300, 299), 20)
    found, bound = best_prefix([missing, many, few], 0.05)
    assert found == many
    assert many.counts.certifies(bound - 1e-6, 0.05)
    assert best_prefix([missing, missing._replace(until=1)], 0.05)[0].until == 3


def test_the_oldest_are_given_up_first() -> None:
    assert with_given_up({OLDER: 2, 5_000: 3, 9_000: 1}, 4) == {5_000: 1, 9_000: 1}


@pytest.mark.parametrize(("since", "first"), [(0, 2_000), (2_001, 8_000), (8_001, None)])
def test_the_frontier_is_the_oldest_missing_reply(since: int, first: int | None) -> None:
    assert frontier({2_000: 1, 8_000: 2}, since) == first
