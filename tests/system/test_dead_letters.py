"""What a role can't process becomes a dead letter that tells everything, and the partition goes on."""

import base64
import json
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, Message, Producer

from schemas.codec import LABEL
from schemas.messages import Request
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded, everything

TASK = "vectors"
WIDTH = 3
PARTITION = 2
HEADERS: list[tuple[str, str | bytes | None]] = [
    ("ce_type", b"question"),
    ("own", b"\x00\xff"),
    ("_dlq.errors.reason", b"of an earlier failure"),
]
TOO_LARGE_TO_DEFER = 1_031_000  # characters, which fit into a request and its dead letter


def request(**fields: Any) -> bytes:
    """A request of the task, `None` leaving a field out."""
    whole = {"id": "bad", "task": TASK, "embedding": [1.0, 2.0, 3.0]} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


def base64_of(*values: float) -> str:
    return base64.b64encode(np.array(values, "<f4").tobytes()).decode()


BAD = {
    "not JSON": (b"\xff{", "Request: "),
    "no id": (request(id=None), "`id`"),
    "no task": (request(task=None), "`task`"),
    "neither text nor vector": (request(embedding=None), "`embedding`"),
    "a text where the task has vectors": (
        request(embedding=None, text="hello"),
        "vectors that requests bring",
    ),
    "a vector too short": (request(embedding=base64_of(1, 2)), "2 values, but the task needs 3"),
    "not a number in a vector": (request(embedding=base64_of(1, float("nan"), 3)), "value 1 is not a finite"),
    "no value": (None, "no value"),
    "a deferral too large": (
        request(embedding=[1, 2, 3], text="x" * TOO_LARGE_TO_DEFER),
        "`message.max.bytes`",
    ),
    "not JSON, and large": (b"x" * 1_038_000, "Request: "),
}


def test_bad_requests_do_not_stop_good_ones(
    deployment: Deployment,
) -> None:
    """The bad ones are dead letters."""
    good = [
        Request(id=f"good{number}", task=TASK, embedding=[1.0, 2.0, 3.0]) for number in range(len(BAD) + 1)
    ]
    deployment.configure(TASK, embedder="precomputed", dimension=WIDTH)
    deployment.worker("route", "learn")
    sent = sent_between(deployment, good)
    with (
        GoldTeacher(deployment, {one.id: "right" for one in good}),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        labels.wait_for(len(good))
    deployment.stop()
    assert Counter(label.id for label in labels.all) == Counter(one.id for one in good)
    letters = {
        headers(letter)["offset"]: letter for letter in everything(deployment, deployment.topics.dead_letters)
    }
    assert letters.keys() == sent.keys()
    for offset, what in sent.items():
        value, reason = BAD[what]
        letter = letters[offset]
        assert (letter.value(), letter.key()) == (value, what.encode()), what
        assert list(letter.headers())[:2] == HEADERS[:2], what
        assert headers(letter) | {"reason": "", "timestamp": ""} == {
            "topic": deployment.topics.requests,
            "partition": str(PARTITION),
            "offset": offset,
            "stage": "route",
            "reason": "",
            "timestamp": "",
        }
        assert reason in headers(letter)["reason"], what


@pytest.mark.parametrize("bytes_of_header", [0, 30_000])
def test_a_letter_too_large_leaves_its_bytes_out(deployment: Deployment, bytes_of_header: int) -> None:
    deployment.worker("route")
    producer = Producer({"bootstrap.servers": deployment.kafka, "message.max.bytes": 1_100_000})
    own: list[tuple[str, str | bytes | None]] = [("own", b"h" * bytes_of_header)]
    size = 1_047_900 - bytes_of_header
    producer.produce(deployment.topics.requests, b"x" * size, b"large", headers=own, partition=PARTITION)
    producer.produce(deployment.topics.requests, b"small", b"small", partition=PARTITION)
    assert producer.flush(10) == 0
    with Inbox(deployment, deployment.topics.dead_letters, lambda letter: letter) as letters:
        letters.wait_for(2)
    large, small = sorted(letters.all, key=lambda letter: int(headers(letter)["offset"]))
    assert (small.key(), small.value()) == (b"small", b"small")
    assert (large.key(), large.value()) == (b"large", None)
    assert "too large" in headers(large)["reason"]


def sent_between(deployment: Deployment, good: list[Request]) -> dict[str, str]:
    """Send a bad request after each good one, all to one partition; what is bad about each, by its offset."""
    producer = Producer({"bootstrap.servers": deployment.kafka, "message.max.bytes": 1_100_000})
    sent: dict[str, str] = {}

    def note(what: str, _: KafkaError | None, message: Message) -> None:
        sent[str(message.offset())] = what

    for one, (what, (value, _)) in zip(good, BAD.items(), strict=False):
        deployment.produce(producer, one, partition=PARTITION)
        producer.produce(
            deployment.topics.requests,
            value,
            what.encode(),
            partition=PARTITION,
            headers=HEADERS,
            on_delivery=partial(note, what),
        )
    deployment.produce(producer, good[-1], partition=PARTITION)
    assert producer.flush(30) == 0
    return sent


def headers(letter: Message) -> dict[str, str]:
    """What the dead letter says of the failure."""
    prefix = "_dlq.errors."
    return {
        name.removeprefix(prefix): bytes(value).decode()
        for name, value in dict(letter.headers() or []).items()
        if name.startswith(prefix) and isinstance(value, bytes)
    }
