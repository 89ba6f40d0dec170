"""States of consumer groups: their members, and how far each has read its topic. Calls block.

All is asked for over one connection, and nothing but offsets: no message is read.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams.errors import KafkaFailed
from streams.kafka.backlog import UnreadRange
from streams.kafka.clients import admin_options, open_client
from streams.settings import Settings

_PROMPTLY = 5.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class DescribedMember:
    """Attributes:
    host: as the broker sees it.
    partitions: of the group's topic that it has.
    """

    host: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GroupState:
    """How a role's group reads its topic.

    Attributes:
        partitions: of the topic; 0 where there is no such topic.
        members: None where the broker does not say.
        committed: partitions of which the group has committed an offset.
        unread: of each partition, what is not finished.
    """

    role: str
    topic: str
    partitions: int
    members: tuple[DescribedMember, ...] | None
    committed: int
    unread: Sequence[UnreadRange] = field(default_factory=tuple)


class GroupStates:
    """Args:
    readers: role and topic of each group.
    """

    def __init__(self, settings: Settings, readers: Sequence[tuple[str, str]]) -> None:
        self._settings = settings
        self._readers = readers

    def look(self) -> list[GroupState]:
        """All groups as they are now. Raises KafkaFailed: no broker answers."""
        numbers = self._partitions()
        places = [TopicPartition(topic, at) for topic, found in numbers.items() for at in found]
        try:
            oldest = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
            ends = self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
            committed = self._committed(numbers)
        except KafkaException as error:
            raise KafkaFailed(f"Kafka does not say how far roles have read: {error.args[0].str()}") from error
        members = self._members()
        states = []
        for role, topic in self._readers:
            known = committed.get((role, topic), {})
            unread = [
                UnreadRange(at, max(oldest.get((topic, at), 0), known.get(at, 0)), ends[topic, at])
                for at in numbers.get(topic, ())
                if (topic, at) in ends
            ]
            found = members.get(self._group(role))
            own = None if found is None else tuple(found)
            states.append(GroupState(role, topic, len(numbers.get(topic, ())), own, len(known), unread))
        return states

    @cached_property
    def _admin(self) -> AdminClient:
        return open_client(AdminClient, admin_options(self._settings))

    def _group(self, role: str) -> str:
        return f"{self._settings.prefix}.{role}"

    def _partitions(self) -> dict[str, list[int]]:
        """The partitions of each topic that is there."""
        try:
            topics = self._admin.list_topics(timeout=_PROMPTLY).topics
        except KafkaException as error:
            raise KafkaFailed(f"no broker answers within {_PROMPTLY:g} s: {error.args[0].str()}") from error
        wanted = {topic for _, topic in self._readers}
        return {name: sorted(topics[name].partitions) for name in sorted(wanted) if name in topics}

    def _offsets(self, places: Sequence[TopicPartition], spec: OffsetSpec) -> dict[tuple[str, int], int]:
        if not places:
            return {}
        asked = self._admin.list_offsets(dict.fromkeys(places, spec), request_timeout=_PROMPTLY)
        return {
            (place.topic, place.partition): int(_answer(future).offset) for place, future in asked.items()
        }

    def _committed(self, numbers: Mapping[str, Iterable[int]]) -> dict[tuple[str, str], dict[int, int]]:
        """By role and topic, the offset that its group has committed of each partition."""
        asked: dict[tuple[str, str], Future[Any]] = {}
        for role, topic in self._readers:
            places = [TopicPartition(topic, at) for at in numbers.get(topic, ())]
            if places:
                group = ConsumerGroupTopicPartitions(self._group(role), places)
                [future] = self._admin.list_consumer_group_offsets(
                    [group], request_timeout=_PROMPTLY
                ).values()
                asked[role, topic] = future
        return {
            reader: {
                place.partition: place.offset
                for place in _answer(future).topic_partitions
                if place.offset >= 0
            }
            for reader, future in asked.items()
        }

    def _members(self) -> dict[str, list[DescribedMember]]:
        """The members of each group; without those of which the broker does not say."""
        groups, members = [self._group(role) for role, _ in self._readers], {}
        for group, future in self._admin.describe_consumer_groups(groups, request_timeout=_PROMPTLY).items():
            try:
                members[group] = [_member(one) for one in _answer(future).members]
            except KafkaException:
                continue
        return members


def _answer(future: Future[Any]) -> Any:
    return future.result(_PROMPTLY)


def _member(member: Any) -> DescribedMember:
    assignment = member.assignment
    places = assignment.topic_partitions if assignment is not None else []
    return DescribedMember(str(member.host).lstrip("/"), tuple(sorted(place.partition for place in places)))
