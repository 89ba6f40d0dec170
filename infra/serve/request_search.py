"""Searches the newest messages of the topics for one request: its label, its deferral, its trace, its audit.

A bounded look for a person who asks: no topic is read whole, and only what names the request is decoded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec
from confluent_kafka import Message
from msgspec import Struct

from schemas.codec import AUDIT_FAILURE, DEFERRAL, LABEL, TRACE, Codec
from schemas.errors import InvalidMessage
from schemas.messages import AuditFailure, Deferral, Label, Trace
from streams.dead_letters.letters import DeadLetter, letter_of, replayed_by
from streams.kafka.clients import open_reader
from streams.kafka.message import as_bytes
from streams.kafka.newest_messages import newest_messages
from streams.settings import Settings

_MOST = 50_000
_MOST_BYTES = 64_000_000
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FoundRequest:
    """What the topics hold of a request; None where it is not among what was read.

    Attributes:
        label: that the client was given; a label goes before an error.
        deferral: the newest question to the teacher, that of an audit where the surrogate answered.
        trace: with the teacher's first label.
        failure: the audit failed.
        letter: it could not be processed.
        looked_at: how many messages of each topic were read, by its name without prefix.
    """

    label: Label | None = None
    deferral: Deferral | None = None
    trace: Trace | None = None
    failure: AuditFailure | None = None
    letter: DeadLetter | None = None
    looked_at: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        parts = self.label, self.deferral, self.trace, self.failure, self.letter
        return any(part is not None for part in parts)


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def task(self) -> str: ...


_Record = TypeVar("_Record", bound=Struct)
_Own = TypeVar("_Own", bound=_Named)


def search_request(settings: Settings, task: str, request: str) -> FoundRequest:
    """What the newest messages hold of a request. Raises KafkaFailed."""
    topics, looked_at = settings.topics, dict[str, int]()

    def read(topic: str) -> list[Message]:
        found = newest_messages(lambda: open_reader(settings), topic, _MOST, _MOST_BYTES, _SECONDS)
        looked_at[topic.removeprefix(f"{topics.prefix}.")] = len(found)
        return found

    def own(records: Iterator[_Own]) -> list[_Own]:
        return [one for one in records if (one.task, one.id) == (task, request)]

    name = msgspec.json.encode(request)
    labels = own(_records(read(topics.labels), LABEL, name))
    traces = own(_records(read(topics.traces), TRACE, name))
    failures = own(_records(read(topics.audit_failures), AUDIT_FAILURE, name))
    deferrals = [
        deferral
        for topic in dict.fromkeys((topics.deferrals, topics.audits))
        for deferral in _records(read(topic), DEFERRAL, name)
        if (deferral.request.task, deferral.request.id) == (task, request) and deferral.first is None
    ]
    letters = [
        letter
        for message in read(topics.dead_letters)
        if replayed_by(message) is None and (letter := letter_of(message)).request == request
        if letter.task in (task, None)
    ]
    labels.sort(key=lambda label: (label.source != "error", label.labelled_at))
    return FoundRequest(
        label=labels[-1] if labels else None,
        deferral=max(deferrals, key=lambda one: one.requested_at, default=None),
        trace=next((one for one in reversed(traces) if one.first is None), None),
        failure=failures[-1] if failures else None,
        letter=letters[-1] if letters else None,
        looked_at=looked_at,
    )


def _records(messages: list[Message], codec: Codec[_Record], name: bytes) -> Iterator[_Record]:
    """The records that hold the request's id; what can't be decoded is left out."""
    for message in messages:
        value = as_bytes(message.value()) or b""
        if name in value:
            try:
                yield codec.decode(value)
            except InvalidMessage:
                continue
