"""Observations of audits: what the topics say of them, by task, each with its position in its topic."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import Message

from schemas.messages import AuditFailure, Deferral, Reason, Teacher, Trace

TRACES = "traces"
DEFERRALS = "deferrals"
AUDITS = "audits"
FAILURES = "audit-failures"

NOBODY = Teacher("")
"""The teacher of a reply that names none."""

_APART = frozenset({Reason.NO_POLICY, Reason.OPERATOR, Reason.UNCERTIFIED, Reason.UNAVAILABLE})
"""Reasons of requests that no version was to answer, whatever they were asked with."""


class LogPosition(NamedTuple):
    """Where a message stood.

    Attributes:
        log: the partition: the log's name and a number, as `traces:3`.
    """

    log: str
    offset: int


class AuditRequested(NamedTuple):
    """An audit that the teacher was asked for."""

    position: LogPosition
    version: str
    request: str
    requested_at: int


class AuditReply(NamedTuple):
    """An audit that the teacher has answered.

    Attributes:
        requested_at, replied_at: Unix milliseconds.
        label: the surrogate's answer.
        agreed: the teacher gave the same label.
    """

    request: str
    requested_at: int
    replied_at: int
    label: str
    agreed: bool


class AuditFailed(NamedTuple):
    """An audit on which the teacher has failed: its reply holds `error` instead of a label.

    Attributes:
        gave_up: the teacher was away too long; that says nothing about this audit.
    """

    position: LogPosition
    version: str
    request: str
    requested_at: int
    error: str
    gave_up: bool = False


class DeferredGuess(NamedTuple):
    """A guess that was deferred for its low score.

    Attributes:
        label, score, novelty: of the guess; equal texts have equal ones.
        expected: probability with which the teacher was expected to agree.
        agreed: the teacher gave the same label.
        replied_at: Unix milliseconds.
    """

    label: str
    score: float
    novelty: float | None
    expected: float
    agreed: bool
    replied_at: int


class TraceSeen(NamedTuple):
    """A trace: which teacher answered, and which version's answer or deferred guess it tests.

    Attributes:
        version: that answered, or guessed; None where the trace is neither an audit nor such a deferral.
        audit: None where the trace is no audit.
        same: whether the teacher gave its first answer again; None where it was asked once only.
        sampled: it is in the sample.
        is_apart: no version was to answer the request, so that its prompt may be anybody's.
    """

    position: LogPosition
    teacher: Teacher
    replied_at: int
    version: str | None
    audit: AuditReply | None
    same: bool | None = None
    deferred: DeferredGuess | None = None
    sampled: bool = False
    is_apart: bool = False


class AlarmAnswered(NamedTuple):
    """Alarms of a version that were answered.

    Attributes:
        alarms: how many, so far.
        blocked: the label that is blocked as the answer to the newest; None where the version is stopped.
    """

    alarms: int
    blocked: str | None


@dataclass(frozen=True, slots=True)
class Observations:
    """What a batch says about one task, in order within each partition; or which alarms were answered.

    Attributes:
        asked: audits that the teacher was asked for.
        answered: traces, audits among them.
        failed: audits on which the teacher has failed.
        alarms_answered: by version.
        deferrals_reported: versions of which was reported that their deferrals agree less than expected.
    """

    asked: Sequence[AuditRequested] = ()
    answered: Sequence[TraceSeen] = ()
    failed: Sequence[AuditFailed] = ()
    alarms_answered: Mapping[str, AlarmAnswered] = field(default_factory=dict)
    deferrals_reported: frozenset[str] = frozenset()

    @property
    def versions(self) -> set[str]:
        """The versions that are named."""
        return set(self.requests)

    @property
    def requests(self) -> dict[str, list[str]]:
        """The audited requests of each version."""
        requests: dict[str, list[str]] = {version: [] for version in self.alarms_answered}
        requests |= {version: [] for version in self.deferrals_reported}
        for audit in self.asked:
            requests.setdefault(audit.version, []).append(audit.request)
        for failure in self.failed:
            requests.setdefault(failure.version, []).append(failure.request)
        for trace in self.answered:
            if trace.version is not None:
                audited = [] if trace.audit is None else [trace.audit.request]
                requests.setdefault(trace.version, []).extend(audited)
        return requests


def observe_traces(traces: Iterable[tuple[Trace, Message]], log: str = TRACES) -> dict[str, Observations]:
    """What traces say, by task. An audit is about a sampled request that the surrogate had answered.

    Seeded traces say nothing: nobody has answered them here, and who labelled them is not who labels now.
    """
    seen: dict[str, list[TraceSeen]] = {}
    for trace, message in traces:
        if trace.reason is Reason.SEEDED:
            continue
        audit = version = None
        if trace.checks_answer and trace.sampled and trace.guess is not None:
            version, label = trace.guess.policy, trace.guess.label
            audit = AuditReply(
                request=trace.id,
                requested_at=trace.requested_at,
                replied_at=trace.replied_at,
                label=label,
                agreed=label == trace.label,
            )
        deferred = _deferred_guess(trace)
        if deferred is not None and trace.guess is not None:
            version = trace.guess.policy
        teacher, position = trace.teacher or NOBODY, _position(log, message)
        answered = TraceSeen(
            position,
            teacher,
            trace.replied_at,
            version,
            audit,
            _same(trace),
            deferred,
            trace.sampled,
            trace.reason in _APART,
        )
        seen.setdefault(trace.task, []).append(answered)
    return {task: Observations(answered=answered) for task, answered in seen.items()}


def observe_deferrals(
    deferrals: Iterable[tuple[Deferral, Message]], log: str = DEFERRALS
) -> dict[str, Observations]:
    """What deferrals say, by task: which audits the teacher was asked for."""
    seen: dict[str, list[AuditRequested]] = {}
    for deferral, message in deferrals:
        if deferral.checks_answer and deferral.sampled and deferral.guess is not None:
            position, version = _position(log, message), deferral.guess.policy
            asked = AuditRequested(position, version, deferral.request.id, deferral.requested_at)
            seen.setdefault(deferral.request.task, []).append(asked)
    return {task: Observations(asked=asked) for task, asked in seen.items()}


def observe_failures(
    failures: Iterable[tuple[AuditFailure, Message]], log: str = FAILURES
) -> dict[str, Observations]:
    """Audits that have failed, by task."""
    seen: dict[str, list[AuditFailed]] = {}
    for failure, message in failures:
        failed = AuditFailed(
            position=_position(log, message),
            version=failure.policy,
            request=failure.id,
            requested_at=failure.requested_at,
            error=failure.error,
            gave_up=failure.gave_up,
        )
        seen.setdefault(failure.task, []).append(failed)
    return {task: Observations(failed=failed) for task, failed in seen.items()}


def end_offsets(log: str, messages: Iterable[Message]) -> dict[str, int]:
    """The next offset to read, for each partition of the messages."""
    ends: dict[str, int] = {}
    for message in messages:
        partition, offset = _position(log, message)
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    return ends


def _same(trace: Trace) -> bool | None:
    """Whether the teacher repeated its first answer; None also where another teacher gave the first one."""
    first = trace.first
    return None if first is None or first.teacher != trace.teacher else first.label == trace.label


def _deferred_guess(trace: Trace) -> DeferredGuess | None:
    guess, expected = trace.guess, trace.expected
    if trace.reason is not Reason.LOW_SCORE or guess is None or expected is None:
        return None
    agreed = guess.label == trace.label
    return DeferredGuess(guess.label, guess.score, guess.novelty, expected, agreed, trace.replied_at)


def _position(log: str, message: Message) -> LogPosition:
    return LogPosition(f"{log}:{message.partition() or 0}", message.offset() or 0)
