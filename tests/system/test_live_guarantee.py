"""The guarantee while things change: audits are spent where they are needed, and a label may disappear."""

import itertools
from collections.abc import Collection, Sequence
from functools import partial

from schemas.codec import LABEL, TRACE
from schemas.messages import Label, Reason, Trace
from streams.certify.status import CertificateStatus
from streams.sampling import Sampler
from streams.state.audits import AuditStore
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.versions import asked, connected, serving_state
from tests.system.wishes import LABELS, TASK, VERSION, answers, publish, wishes

LOW, HIGH = 0.25, 1.0
ENOUGH = 300
BEFORE, AFTER = 900, 400
GONE = "refund"


def test_an_automatic_rate_falls_once_certified(
    deployment: Deployment,
) -> None:
    """All audits count, at both rates."""
    publish(deployment)
    deployment.configure(TASK, audit_rate="auto", audit_low=LOW, audit_high=HIGH, repeat_rate=0.0)
    requests = wishes(BEFORE + AFTER, "auto")
    early, late = requests[:BEFORE], requests[BEFORE:]
    deployment.worker("route").wait_for_text(f"policy installed: version={VERSION}")
    deployment.worker("learn", "certify")
    sampler = Sampler(deployment.settings.audit_key.get_secret_value().encode())
    # Requests that are audited at the high rate alone, to see when the router has come down from it.
    probes = [one for one in wishes(400, "probe") if sampler.draw(one.id) >= LOW]
    with (
        GoldTeacher(deployment, answers([*requests, *probes])),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):
        deployment.send(early)
        labels.wait_for(BEFORE)
        wait_until(lambda: status(deployment).certified, 60, "a certificate")

        def came_down() -> bool:
            deployment.send([probes.pop()])
            return any(one.source == "surrogate" and not one.audited for one in labels.collect())

        wait_until(came_down, 60, "the lower rate")
        deployment.send(late)
        wait_until(lambda: {one.id for one in late} <= {one.id for one in labels.collect()}, 60, "labels")
        checked = {one.id for one in labels.all if one.audited or one.source == "teacher"}
        wait_until(lambda: checked <= {one.id for one in traces.collect()}, 60, "the traces of all audits")
    assert audited(labels.all, {one.id for one in early}) == HIGH
    assert LOW - 0.1 < audited(labels.all, {one.id for one in late}) < LOW + 0.1
    assert {one.inclusion for one in traces.all} == {LOW, HIGH}
    assert all(sampler.draw(one.id) < (one.inclusion or 0.0) for one in traces.all if one.audit)
    sample = [one for one in traces.all if one.audit]
    agreed = sum(map(agrees, sample))
    wait_until(lambda: status(deployment).audits == len(sample), 60, f"{len(sample)} audits that count")
    assert (status(deployment).agreements, status(deployment).certified) == (agreed, True)
    deployment.stop()


def test_sampling_falls_once_enough_traces_certify(deployment: Deployment) -> None:
    """Before the trainer has counted any, the configured rate applies."""
    publish(deployment)
    refit = {"at_least": 100_000}
    deployment.configure(
        TASK, audit_rate=LOW, audit_early=HIGH, audit_enough=ENOUGH, repeat_rate=0.0, refit=refit
    )
    requests = wishes(6_000, "need")
    unsent = list(requests)
    deployment.worker("route").wait_for_text(f"policy installed: version={VERSION}")
    deployment.worker("learn", "certify", "trainer")
    with (
        GoldTeacher(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.traces, decoded(TRACE)) as traces,
    ):

        def newest_inclusion() -> float | None:
            deployment.send([unsent.pop() for _ in range(10)])
            newest = max(traces.collect(), key=lambda one: one.requested_at, default=None)
            return newest.inclusion if newest else None

        wait_until(lambda: newest_inclusion() == HIGH, 60, "the early rate")
        wait_until(lambda: newest_inclusion() == LOW, 60, "the configured rate")
        wait_until(lambda: sum(one.sampled for one in traces.collect()) >= ENOUGH, 60, "enough traces")
    deployment.stop()


def test_a_label_given_no_more_is_answered_no_more(
    deployment: Deployment,
) -> None:
    """The other labels go on."""
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0, repeat_rate=0.0)
    drawn = wishes(3_000, "gone")
    meant_by = answers(drawn)
    others = iter([one for one in drawn if meant_by[one.id] != GONE])
    rare = [one for one in drawn if meant_by[one.id] == GONE][:100]
    requests = [one for first in rare for one in (first, *itertools.islice(others, 9))]
    before, after, later = requests[:300], requests[300:700], requests[700:]
    renamed = {one.id: "money back" for one in (*after, *later) if meant_by[one.id] == GONE}
    deployment.worker("route").wait_for_text(f"policy installed: version={VERSION}")
    deployment.worker("learn", "certify")
    with (
        GoldTeacher(deployment, meant_by | renamed),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(before)
        wait_until(lambda: status(deployment).certified, 60, "a certificate")
        for start in range(0, len(after), 10):
            # In turns, as traffic comes.
            deployment.send(after[start : start + 10])
            enough = 0.9 * (len(before) + start)
            wait_until(partial(_has_audits, deployment, enough), 60, f"{enough} audits")
            if any(one.reason is Reason.BLOCKED_LABEL for one in labels.collect()):
                break
        blocked = asked(deployment, lambda registry: registry.blocked_labels(TASK, VERSION))
        assert blocked == {GONE}
        deployment.send(later)
        ids = {one.id for one in later}
        wait_until(lambda: ids <= {one.id for one in labels.collect()}, 60, "labels")
    found = [one for one in labels.all if one.id in ids]
    deferred = {one.reason for one in found if meant_by[one.id] == GONE}
    assert deferred - {Reason.NOVEL} == {Reason.BLOCKED_LABEL}
    assert {one.label for one in found if one.source == "surrogate"} == set(LABELS) - {GONE}
    assert not serving_state(deployment).breaker.open, "one label explains it"
    deployment.stop()


def status(deployment: Deployment) -> CertificateStatus:
    return connected(deployment, lambda one: AuditStore(one, deployment.keys).status(TASK, VERSION))


def audited(labels: Sequence[Label], ids: Collection[str]) -> float:
    """The audited share of the surrogate's answers to these."""
    answered = [one.audited for one in labels if one.id in ids and one.source == "surrogate"]
    return sum(answered) / len(answered)


def agrees(trace: Trace) -> bool:
    return trace.guess is not None and trace.guess.label == trace.label


def _has_audits(deployment: Deployment, enough: float) -> bool:
    return status(deployment).audits >= enough
