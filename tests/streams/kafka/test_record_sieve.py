"""The sieve finds exactly the messages whose outputs are refused alone, and parts that are accepted."""

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import DeliveryFailed
from streams.kafka.batch import Outgoing
from streams.kafka.record_sieve import Trial, sift
from tests.streams.fakes import error, refusing


def outputs(*counts: int) -> list[list[Outgoing]]:
    return [[Outgoing("x", None, b"%d" % at)] * count for at, count in enumerate(counts)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.data())
def test_each_message_is_accepted_or_refused(counts: list[int], data: st.DataObject) -> None:
    full = [at for at, count in enumerate(counts) if count]
    culprits = data.draw(st.sets(st.sampled_from(full))) if full else set()
    at_once = data.draw(st.integers(3, 50))
    values = {b"%d" % at for at in culprits}
    attempt = refusing(lambda output: output.value in values, at_once)
    messages = outputs(*counts)
    sifted = sift(messages, attempt)
    assert set(sifted.refused) == culprits
    parts = [at for part in sifted.parts for at in part]
    assert sorted([*parts, *culprits]) == list(range(len(counts))), "each once"
    assert [at for at in parts if counts[at]] == sorted(at for at in parts if counts[at]), "in their order"
    assert all(attempt([messages[at] for at in part]).is_accepted for part in sifted.parts)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._FENCED,
    ],
)
def test_other_errors_are_nobody_s_fault(code: int) -> None:
    def attempt(messages: Sequence[Sequence[Outgoing]]) -> Trial:
        trial = Trial([len(one) for one in messages])
        trial.report(0, error(code).args[0])
        return trial

    for count in (1, 5):
        with pytest.raises(DeliveryFailed, match="what the broker said"):
            sift(outputs(*[1] * count), attempt)


def test_silence_is_nobody_s_fault() -> None:
    with pytest.raises(DeliveryFailed, match="no answer in time"):
        sift(outputs(1, 1), lambda messages: Trial([1] * len(messages)))
