"""What is committed is what was processed, and what is read again is what was not committed."""

from confluent_kafka import TopicPartition
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from streams.kafka.offsets import OffsetTracker
from tests.streams.fakes import message

PARTITIONS = st.integers(0, 3)


class Reading(RuleBasedStateMachine):
    """A group member against a broker that is two numbers a partition: committed, and read up to."""

    read = Bundle("read")

    @initialize()
    def begin(self) -> None:
        self.offsets = OffsetTracker("x")
        self.owned = set[int]()
        self.committed = dict.fromkeys(range(4), 0)
        self.at = dict.fromkeys(range(4), 0)

    @rule(partitions=st.sets(PARTITIONS))
    def gain(self, partitions: set[int]) -> None:
        new = partitions - self.owned
        self.offsets.add(TopicPartition("x", partition) for partition in new)
        self.at |= {partition: self.committed[partition] for partition in new}
        self.owned |= new

    @rule(partitions=st.sets(PARTITIONS), commits=st.booleans())
    def give_up(self, partitions: set[int], commits: bool) -> None:
        """Revoked, after a commit; or lost, without one."""
        if commits:
            self.commit()
        self.offsets.remove(TopicPartition("x", partition) for partition in partitions)
        self.owned -= partitions

    @rule(counts=st.dictionaries(PARTITIONS, st.integers(1, 5)))
    def process(self, counts: dict[int, int]) -> None:
        """A batch from some partitions, those that are owned no more among them."""
        messages = [
            message(b"", partition=partition, offset=self.at[partition] + place)
            for partition, count in counts.items()
            for place in range(count)
        ]
        owned = self.offsets.only_owned(messages)
        assert [one for one in messages if one.partition() in self.owned] == owned
        self.offsets.mark_processed(owned)
        for partition in counts.keys() & self.owned:
            self.at[partition] += counts[partition]

    @rule()
    def commit(self) -> None:
        for at in self.offsets.to_commit():
            assert at.topic == "x"
            self.committed[at.partition] = at.offset
        self.offsets.mark_committed()
        assert all(self.committed[partition] == self.at[partition] for partition in self.owned)

    @rule()
    def abort(self) -> None:
        """Rewind; whatever the consumer is not told to seek stays where it is."""
        for at in self.offsets.to_rewind():
            self.at[at.partition] = at.offset
        self.offsets.mark_committed()
        assert all(self.committed[partition] == self.at[partition] for partition in self.owned)

    @invariant()
    def nothing_is_pending_for_others(self) -> None:
        pending = {at.partition for at in self.offsets.to_commit()}
        assert pending == {at.partition for at in self.offsets.to_rewind()}
        assert pending == {one for one in self.owned if self.at[one] != self.committed[one]}
        assert self.offsets.pending == bool(pending)


TestReading = Reading.TestCase
