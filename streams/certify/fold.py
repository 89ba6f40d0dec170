"""Folds audits into the states of a task and its versions, one after the other.

Requests of one id are audited all or none. Counted each time, they would not be the random sample that a
certificate rests on: of one request a version's first answer counts.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from streams.certify.asking_order import with_answered
from streams.certify.observations import AuditFailed, AuditReply, AuditRequested, TraceSeen
from streams.certify.pending_audits import FAILED
from streams.certify.service_state import ServiceState, begin_service
from streams.certify.snapshot import Moment, Snapshot
from streams.certify.task_state import TaskState, teacher_name
from streams.certify.version_state import (
    CertificateCounts,
    EarlyReply,
    VersionState,
    merged,
    was_assumed,
    with_audit_asked,
    with_audit_failed,
    with_outcome,
    with_silence_taken,
)

_MOST_EARLY = 2_000


class AuditFold:
    """The states while audits are folded into them.

    Attributes:
        task_state, version_states: as they are now.
    """

    def __init__(self, task_state: TaskState, snapshot: Snapshot, moment: Moment) -> None:
        service = task_state.service or begin_service(snapshot.task_state.certificates, moment.now)
        self.task_state = replace(task_state, service=service.merged(moment.now, moment.oldest))
        self.version_states = {
            version: merged(state, moment.now, moment.oldest)
            for version, state in snapshot.version_states.items()
        }
        self._snapshot, self._moment = snapshot, moment
        self._noted: dict[tuple[str, str], float] = {}
        self._counted: set[tuple[str, str]] = set()
        if moment.complete:
            self._take_silent_audits()

    def ask(self, audits: Iterable[AuditRequested]) -> None:
        """Note audits that the teacher was asked for; a reply that was read before stops waiting."""
        for audit in audits:
            version, request = audit.version, audit.request
            state = self._state(version)
            if request in state.early:
                self._count_early(version, request, self._moment.now)
            elif not self._is_known(audit, state.horizon):
                self._noted[version, request] = self._moment.now
                self.version_states[version] = with_audit_asked(state, self._moment.now)
                self._set_service(self._service.with_audit_asked(self._moment.now))

    def fail(self, audits: Iterable[AuditFailed]) -> None:
        """Note audits on which the teacher has failed, each once, unless a label has come for it.

        One whose deferral is not read yet stands where its failure is read, and the alarm leaves it out: at a
        start failures may be read before the labels of the same time, and would look like silence.
        """
        now, oldest, passed = self._moment.now, self._moment.oldest, self._moment.passed
        for audit in audits:
            version, request = audit.version, audit.request
            state, noted = self._state(version), self._noted_at(version, request)
            is_new = noted == 0.0 and audit.requested_at > state.horizon
            if not is_new and not 0.0 < noted < FAILED:
                continue
            asked, waited_for = round(noted) or now, noted > 0.0
            self._noted[version, request] = FAILED + asked
            self.version_states[version] = with_audit_failed(
                state,
                asked,
                now,
                oldest,
                waited_for=waited_for,
                for_alarm=waited_for and not audit.gave_up,
                passed=passed,
            )
            self._set_service(self._service.with_audit_failed(asked, now, oldest, waited_for=waited_for))

    def reply(self, traces: Iterable[TraceSeen]) -> None:
        """Count the audits among the traces, each once."""
        for trace in traces:
            audit, version = trace.audit, trace.version
            if audit is None or version is None:
                continue
            noted = self._noted_at(version, audit.request)
            if noted < 0.0 or (version, audit.request) in self._counted:
                continue
            self._counted.add((version, audit.request))
            teacher = teacher_name(trace.teacher)
            if noted == 0.0 and audit.requested_at > self._moment.late:
                self._keep_early(version, EarlyReply(teacher, self._moment.now, audit))
            else:
                failed = noted >= FAILED
                self._count(version, teacher, audit, round(noted - FAILED * failed), failed=failed)

    def count_waiting(self) -> None:
        """Count early replies whose deferral is not to be expected any more."""
        for version, state in list(self.version_states.items()):
            for request, early in state.early.items():
                if early.read_at <= self._moment.late:
                    self._count_early(version, request, 0)

    @property
    def _service(self) -> ServiceState:
        return self.task_state.service or ServiceState()

    def _set_service(self, service: ServiceState) -> None:
        self.task_state = replace(self.task_state, service=service)

    def _state(self, version: str) -> VersionState:
        return self.version_states.get(version, VersionState())

    def _is_known(self, audit: AuditRequested, horizon: int) -> bool:
        before = self._noted_at(audit.version, audit.request) != 0.0
        return before or audit.requested_at <= horizon

    def _noted_at(self, version: str, request: str) -> float:
        """Unix milliseconds; below zero where the audit is answered, 0 where it is not known."""
        known = self._noted.get((version, request))
        return self._snapshot.pending(version).scores.get(request, 0.0) if known is None else known

    def _take_silent_audits(self) -> None:
        moment = self._moment
        for version, state in self.version_states.items():
            pending = self._snapshot.pending(version)
            # Of those that the alarm has taken some may have been given up since.
            assumed = min(state.assumed, pending.pending)
            self.version_states[version] = with_silence_taken(
                replace(state, assumed=assumed), pending.passed_by, moment.passed, moment.now, moment.config
            )

    def _keep_early(self, version: str, early: EarlyReply) -> None:
        state = self._state(version)
        after = {**state.early, early.audit.request: early}
        self.version_states[version] = replace(state, early=after)
        if len(after) > _MOST_EARLY:
            self._count_early(version, next(iter(after)), 0)

    def _count_early(self, version: str, request: str, asked: int) -> None:
        state = self._state(version)
        early = state.early[request]
        left = {name: reply for name, reply in state.early.items() if name != request}
        self.version_states[version] = replace(state, early=left, asked_at=max(state.asked_at, asked))
        self._count(version, early.teacher, early.audit, asked, early=True)

    def _count(
        self,
        version: str,
        teacher: str,
        audit: AuditReply,
        asked: int,
        *,
        early: bool = False,
        failed: bool = False,
    ) -> None:
        """Count one audit for the version's certificate, for the service's, and for the alarm.

        Args:
            asked: Unix milliseconds at which the audit was noted; 0 if it never was.
            early: it has never been among the audits without a reply.
            failed: the teacher had failed on it.
        """
        now, oldest = self._moment.now, self._moment.oldest
        waited_for = asked > 0 and not early and not failed
        state = self._with_certificate(version, teacher)
        taken = failed
        if failed:
            state = replace(state, failed=with_answered(state.failed, asked))
        elif waited_for:
            state = replace(state, waiting=with_answered(state.waiting, asked))
            if was_assumed(state, asked, self._moment.passed):
                taken, state = True, replace(state, assumed=state.assumed - 1)
        counts = state.certificates[teacher].with_reply(audit, asked, now, oldest)
        self.version_states[version] = with_outcome(
            state.with_certificate(teacher, counts),
            audit,
            asked,
            now,
            self._moment.config,
            taken=taken,
            passed=self._moment.passed,
        )
        self._set_service(
            self._service.with_reply(
                teacher, audit.agreed, asked, now, oldest, waited_for=waited_for, had_failed=failed
            )
        )

    def _with_certificate(self, version: str, teacher: str) -> VersionState:
        """The version's state with a certificate of this teacher; a new one gets the task's next number."""
        state = self._state(version)
        if teacher in state.certificates:
            return state
        number = self.task_state.certificates + 1
        self.task_state = replace(self.task_state, certificates=number)
        return state.with_certificate(teacher, CertificateCounts(number))
