"""The teacher's labels change while a version is live: one is renamed, one removed, one added."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from models.artifact import Artifact
from models.manifest import Manifest
from schemas.codec import LABEL
from schemas.messages import Label, Reason, Request
from streams.certify.status import CertificateStatus
from streams.clock import unix_ms
from streams.state.audits import AuditStore
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.versions import asked, connected, live
from tests.system.wishes import LABELS, TASK, VERSION, answers, policy, wishes

RENAMED = {"refund": "money back"}
TODAY = [RENAMED.get(label, label) for label in LABELS]
REMOVED, ADDED = "address", "complaint"
LOW = 0.25


def test_changed_labels_are_followed_while_live(deployment: Deployment) -> None:
    publish(deployment)
    configure(deployment, list(LABELS), audit_rate=1.0)
    before, after, fewer = wishes(300, "before"), wishes(300, "after"), wishes(300, "fewer")
    probes = [one for one in wishes(600, "probe") if answers([one])[one.id] in (REMOVED, "refund")]
    meant = answers([*before, *after, *fewer, *probes])
    said = meant | {one.id: RENAMED.get(meant[one.id], meant[one.id]) for one in [*after, *fewer, *probes]}
    deployment.worker("route").wait_for_text(f"policy installed: version={VERSION}")
    deployment.worker("learn", "certify")
    with (
        GoldTeacher(deployment, said),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(before)
        wait_until(lambda: status(deployment).certified, 60, "a certificate")

        def newest_probe() -> Label | None:
            """A probe is answered by the labels of the moment."""
            deployment.send([probes.pop()])
            return next((one for one in reversed(labels.collect()) if one.id.startswith("probe")), None)

        configure(deployment, TODAY, audit_rate=1.0, renamed=RENAMED)
        wait_until(lambda: label_of(newest_probe()) == "money back", 60, "the new name")
        deployment.send(after)
        answered = answers_to(after, labels)
        assert {one.label for one in answered if one.source == "surrogate"} == set(TODAY)
        counted = len({one.id for one in labels.all if one.audited})
        wait_until(lambda: status(deployment).audits >= counted, 60, f"{counted} audits")
        renamed = status(deployment)
        assert renamed.certified
        assert renamed.agreements == renamed.audits, "old and new name are one label"
        assert "refund" not in renamed.labels
        assert certificates(deployment) == 1, "no new one has begun"

        configure(deployment, [one for one in TODAY if one != REMOVED], audit_rate=1.0, renamed=RENAMED)
        wait_until(lambda: reason_of(newest_probe()) is Reason.REMOVED_LABEL, 60, "the removed label")
        deployment.send(fewer)
        answered = answers_to(fewer, labels)
    by_surrogate = {one.label for one in answered if one.source == "surrogate"}
    assert by_surrogate == {label for label in TODAY if label != REMOVED}
    assert {one.reason for one in answered if meant[one.id] == REMOVED} == {Reason.REMOVED_LABEL}
    deployment.stop()


def test_a_new_label_suspends_the_claim_until_a_refit(deployment: Deployment) -> None:
    publish(deployment)
    rates: dict[str, Any] = {"audit_rate": LOW, "audit_early": 1.0, "audit_enough": 0}
    never = {"at_least": 100_000, "growth": 0.1, "quiet": 1.0}
    configure(deployment, list(LABELS), refit=never, **rates)
    before = wishes(1_200, "before")
    unsent = with_complaints(6_000)
    meant = answers(before) | {one.id: meaning(one) for one in unsent}
    deployment.worker("route").wait_for_text(f"policy installed: version={VERSION}")
    deployment.worker("learn", "certify", "trainer")
    with (
        GoldTeacher(deployment, meant),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(before)
        wait_until(lambda: status(deployment).certified, 60, "a certificate")
        assert service(deployment).certified
        configure(deployment, [*LABELS, ADDED], refit=never, **rates)
        wait_until(lambda: status(deployment).new_labels == (ADDED,), 60, "a new label")
        assert not status(deployment).certified
        assert not service(deployment).certified
        shown = deployment.run("status").stdout
        assert f"suspended: labels that {VERSION} can't know were added: {ADDED}" in shown
        assert "1 of the requests, until a refit has learned the new labels" in shown

        def everything_is_audited() -> bool:
            sent = [unsent.pop() for _ in range(20)]
            deployment.send(sent)
            answered = [one for one in answers_to(sent, labels) if one.source == "surrogate"]
            return bool(answered) and all(one.audited for one in answered)

        wait_until(everything_is_audited, 60, "the higher rate")

        configure(deployment, [*LABELS, ADDED], refit={**never, "at_least": 200}, **rates)

        def learned() -> bool:
            sent = [unsent.pop() for _ in range(min(100, len(unsent)))]
            deployment.send(sent)
            answers_to(sent, labels)
            return live(deployment) != VERSION

        wait_until(learned, 240, "a refit that has seen the label")
        version = live(deployment)
        assert version is not None
        wait_until(lambda: service(deployment).certified, 60, "the claim of the service")
        assert status(deployment, version).new_labels == ()

        def answers_complaints() -> bool:
            sent = [unsent.pop() for _ in range(50)]
            deployment.send(sent)
            return ADDED in {one.label for one in answers_to(sent, labels) if one.source == "surrogate"}

        wait_until(answers_complaints, 60, "the new label from the surrogate")
    deployment.stop()


def publish(deployment: Deployment) -> None:
    """The policy of the wishes, which knows what the teacher could give."""
    made = policy(TASK)
    manifest = replace(Manifest.decode(made.manifest), offered=LABELS)
    artifact = Artifact(manifest.encode(), made.graph)
    assert asked(deployment, lambda registry: registry.publish(TASK, VERSION, 1, 1, artifact, unix_ms()))


def configure(
    deployment: Deployment, labels: list[str], *, renamed: dict[str, str] | None = None, **fields: Any
) -> None:
    teacher = {"labels": labels, "labels_renamed": renamed or {}}
    deployment.configure(TASK, teacher=teacher, repeat_rate=0.0, **fields)


def with_complaints(count: int) -> list[Request]:
    """Wishes, of which every third is a complaint."""
    return [
        replace(one, text=f"{one.text[:24]} your service is awful") if one.text and number % 3 == 0 else one
        for number, one in enumerate(wishes(count, "later"))
    ]


def meaning(request: Request) -> str:
    return ADDED if "awful" in (request.text or "") else answers([request])[request.id]


def answers_to(requests: Sequence[Request], labels: Inbox[Label]) -> list[Label]:
    """The labels of these requests, once all are there."""
    ids = {one.id for one in requests}
    wait_until(lambda: ids <= {one.id for one in labels.collect()}, 60, "labels")
    return [one for one in labels.all if one.id in ids]


def label_of(label: Label | None) -> str | None:
    return label.label if label else None


def reason_of(label: Label | None) -> Reason | None:
    return label.reason if label else None


def status(deployment: Deployment, version: str = VERSION) -> CertificateStatus:
    return connected(deployment, lambda one: AuditStore(one, deployment.keys).status(TASK, version))


def service(deployment: Deployment) -> CertificateStatus:
    return connected(deployment, lambda one: AuditStore(one, deployment.keys).service_status(TASK))


def certificates(deployment: Deployment) -> int:
    """How many have begun so far."""
    state = connected(deployment, lambda one: AuditStore(one, deployment.keys).task_state(TASK))
    return state.certificates
