"""Errors of the running system; every message says what failed, where, and what to do.

StreamsError
├── InvalidPattern             a regular expression or a JSON path that can't be used
├── InvalidSettings            settings with problems, every one of them named
├── StateUnavailable           Redis is away, or an agent is stopping: wait and try again
│   └── StateUnreadable        what Redis holds of one task is of another release, or broken: the task waits
├── DeliveryFailed             outputs or offsets did not become durable: abort and try again
│   ├── RecordRefused          the broker refuses a record for its size or form: find its message
│   └── CommitRefused          the consumer group does not know this member: abort and rejoin
│       ├── GenerationChanged  the group is rebalancing: abort, hear what is still owned, commit again
│       └── ProducerLost       the producer can't go on: go on with new clients
│           ├── ProducerBroken      it failed for good, though no other worker has fenced it
│           └── TransactionExpired  the broker ends a transaction that is open too long
├── KafkaFailed                a Kafka client can't recover: this process must end
│   ├── DeliveryFatal          the producer is fenced by a newer worker, or not allowed to write
│   └── TopicReplaced          a topic was deleted and made again while it was read
├── OutputTooLarge             a message that Kafka would not take
├── MaskFailed                 a text that the operator's function did not mask: it is not used
├── HttpProblem                a call of the gateway that ends without an answer (`streams.gateway.problems`)
├── ReplayRefused              a dead letter that must not be replayed, or can't
├── RefitFailed                a refit ended without a result
│   └── RefitStopped           the trainer stopped meanwhile
├── BatteryUnreadable          the cases that a version must pass can't be read: it does not go live
├── BatteryFull                cases that would exceed the bounds of a battery
├── ChangeOutdated             a person's change would do something else by now than was shown
├── TransitionRefused          a policy version may not go to the stage that is asked for
└── TeacherError               the teacher gave no label for a deferral
    ├── TeacherNotSet          the task has no teacher: its URL or model is not set
    ├── TeacherMisconfigured   a setting is missing or can't be right; names it
    ├── NothingToAsk           the deferral has no text to ask about
    ├── TextTooLong            the text is longer than `teacher.max_text`
    ├── UnreadableAnswer       the model spoke, but not one label of the set; quotes it
    ├── TeacherAway            the endpoint failed in a way that passes, or did not answer in time
    └── TeacherFailed          the endpoint refuses this text for good
"""

from collections.abc import Sequence


class StreamsError(Exception):
    """Any error of the running system."""


class InvalidSettings(StreamsError):
    """Settings with problems; `problems` holds a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class InvalidPattern(StreamsError):
    """No regular expression or path, or one that finds no part of what it is applied to."""


class StateUnavailable(StreamsError):
    """What a batch needs is away for now; the batch is read again later."""


class StateUnreadable(StateUnavailable):
    """What Redis holds of one task can't be read; names the task. Other tasks are not concerned."""


class DeliveryFailed(StreamsError):
    """Outputs or offsets did not become durable; nothing of them counts."""


class RecordRefused(DeliveryFailed):
    """The broker refuses a record for what it is, its size or its form; it always will."""


class CommitRefused(DeliveryFailed):
    """The consumer group does not know this member, or not any more: its partitions may have other owners."""


class GenerationChanged(CommitRefused):
    """The group has another generation than this member knows, which may still own its partitions."""


class ProducerLost(CommitRefused):
    """The producer can't go on, and new clients can: they end what it has left open."""


class ProducerBroken(ProducerLost):
    """The producer failed for good, as after a restart of the broker that forgot its transaction."""


class TransactionExpired(ProducerLost):
    """The broker ends a transaction that is open too long, as in an outage, and its producer with it."""


class KafkaFailed(StreamsError):
    """A Kafka client can't recover; only a new process can go on."""


class DeliveryFatal(KafkaFailed):
    """The producer is fenced by a newer worker of the same slot, or broken before it has sent anything."""


class TopicReplaced(KafkaFailed):
    """A topic was deleted and made again: where it was read to says nothing of the new one."""


class OutputTooLarge(StreamsError):
    """A message that is larger than the producer or its topic takes."""


class DecisionFailed(StreamsError):
    """Nobody knows whether a request may be answered, because of a defect. It must not be answered."""


class MaskFailed(StreamsError):
    """The operator's function did not mask a text; the message does not quote it."""


class ReplayRefused(StreamsError):
    """A dead letter that must not be replayed, or can't; says why."""


class RefitFailed(StreamsError):
    """A refit's process ended without a result."""


class RefitStopped(RefitFailed):
    """The trainer stopped before the refit had ended."""


class DryRunFailed(StreamsError):
    """A version could not be asked about a request that nobody has sent; says why."""


class ReportFailed(StreamsError):
    """A report of a version could not be written; says why."""


class ReportBusy(ReportFailed):
    """Another report is being written."""


class BatteryUnreadable(StreamsError):
    """The cases that a version must pass can't be read, or its files are gone: it does not go live."""


class BatteryFull(StreamsError):
    """Cases that would exceed the bounds of a battery; none of them is added."""


class ChangeOutdated(StreamsError):
    """A person's change would change something else by now than what was shown, or nothing."""


class TransitionRefused(StreamsError):
    """A policy version may not go to the stage that is asked for; says its stage now."""


class TeacherError(StreamsError):
    """The teacher gave no label for a deferral."""


class TeacherNotSet(TeacherError):
    """Nobody has named a teacher for the task: there is nothing to wait for."""


class TeacherMisconfigured(TeacherError):
    """A setting is missing or can't be right; names the config field."""


class NothingToAsk(TeacherError):
    """The deferral has no text to ask about."""


class TextTooLong(TeacherError):
    """The text is longer than the built-in teacher may be asked about."""


class UnreadableAnswer(TeacherError):
    """The model's answer is not one label of the set; quotes it."""


class TeacherAway(TeacherError):
    """The endpoint failed in a way that passes, or did not answer in time.

    Attributes:
        kind: of the failure; see `streams.teacher.outcome.FailureKind`.
        retry_after: seconds that the endpoint asks to wait; None where it does not say.
    """

    def __init__(self, message: str, kind: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


class TeacherFailed(TeacherError):
    """The endpoint refuses this text for good."""
