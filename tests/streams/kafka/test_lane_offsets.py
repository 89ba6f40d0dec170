"""What a commit says is answered is answered, whatever the order, over any number of restarts."""

import pytest
from confluent_kafka import Message, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.lane_offsets import MOST_METADATA, LaneOffsets, read_metadata, write_metadata
from tests.streams.fakes import message

TOPIC = "t"


@given(st.integers(0, 1 << 2_000))
def test_metadata_hold_what_is_answered(answered: int) -> None:
    assert read_metadata(write_metadata(answered)) == answered


def test_metadata_too_long_hold_the_oldest() -> None:
    answered = sum(1 << 7 * one + one % 5 for one in range(1, 20_000))
    text = write_metadata(answered)
    kept = read_metadata(text)
    assert len(text) <= MOST_METADATA
    assert kept
    assert kept == answered & (1 << kept.bit_length()) - 1


@given(st.text(max_size=40))
def test_other_metadata_say_nothing(text: str) -> None:
    assert read_metadata(f"x{text}") == 0
    assert read_metadata(f"1:{text}") >= 0


@given(st.data())
def test_nothing_is_skipped_and_little_is_repeated(data: st.DataObject) -> None:
    """Each round reads on, answers some in any order, commits, and then another owner takes over."""
    total, answered, committed = 30, set[int](), TopicPartition(TOPIC, 0, 0)
    for _ in range(4):
        offsets = LaneOffsets(TOPIC)
        offsets.add([committed])
        begin = max(committed.offset, 0)
        end = data.draw(st.integers(begin, total))
        given_out = [one.offset() for one in offsets.only_owned(read(begin, end))]
        assert set(given_out) == set(range(begin, end)) - answered
        for offset in data.draw(st.lists(st.sampled_from(given_out), unique=True)) if given_out else []:
            offsets.mark_answered(message(b"", partition=0, offset=offset))
            answered.add(offset)
        if offsets.pending:
            (committed,) = offsets.to_commit()
        assert set(range(committed.offset)) <= answered


def test_a_message_is_given_out_once() -> None:
    offsets = LaneOffsets(TOPIC)
    offsets.add([TopicPartition(TOPIC, 0, 0)])
    assert len(offsets.only_owned(read(0, 3))) == 3
    assert offsets.only_owned(read(0, 3)) == []
    offsets.remove([TopicPartition(TOPIC, 0)])
    assert offsets.only_owned(read(3, 4)) == []


def test_a_commit_forgets_nothing_yet_to_be_read() -> None:
    offsets = LaneOffsets(TOPIC)
    offsets.add([TopicPartition(TOPIC, 0, 0, metadata=write_metadata(0b110))])
    (first,) = offsets.only_owned(read(0, 1))
    offsets.mark_answered(first)
    for _ in range(2):
        offsets.mark_answered(first)
        assert [one.offset for one in offsets.to_commit()] == [3]
    assert offsets.only_owned(read(1, 3)) == []


@pytest.mark.parametrize("begun", [3, 10**9])
def test_a_log_begun_anew_is_read_anew(begun: int) -> None:
    """Its offsets say nothing about those of before; nor do those before a gap in the log."""
    offsets = LaneOffsets(TOPIC)
    offsets.add([TopicPartition(TOPIC, 0, 10, metadata=write_metadata(0b110))])
    assert len(offsets.only_owned(read(10, 14))) == 2
    again = offsets.only_owned(read(begun, begun + 2))
    assert len(again) == 2
    offsets.mark_answered(again[0])
    assert [one.offset for one in offsets.to_commit()] == [begun + 1]


def read(begin: int, end: int) -> list[Message]:
    return [message(b"", partition=0, offset=offset) for offset in range(begin, end)]
