"""Labels that change while a version is live: what that does to its claim, its counts and its alarm."""

from typing import Any

import pytest
from msgspec.structs import replace

from models.artifact import Artifact
from models.certificate import Certificate, budget_share
from tests.streams.fakes import manifest
from tests.streams.roles.certifying import Deployment, asked, audit, audits


async def publish(deployment: Deployment, version: int, **given: Any) -> None:
    encoded = manifest(version=f"v{version}", **given).encode()
    artifact = Artifact(encoded, b"graph")
    assert await deployment.registry.publish("t", f"v{version}", version, 0, artifact, version)


async def test_a_new_label_suspends_the_claim(deployment: Deployment) -> None:
    deployment.configure(audit_rate=1.0, teacher={"labels": ["yes", "no"]})
    await publish(deployment, 1, offered=("yes", "no"))
    certify = await deployment.certifier()
    fewest = next(n for n in range(1, 1_000) if Certificate(n, n).certifies(0.95, budget_share(0.05, 1)))
    await certify.fold_traces([deployment.traces.add(one) for one in audits(fewest)])
    certified = await deployment.status()
    assert certified.certified
    assert (await deployment.service_status()).certified
    assert deployment.events() == ["certified"]
    deployment.configure(audit_rate=1.0, teacher={"labels": ["yes", "no", "added"]})
    await certify.look()
    suspended, service = await deployment.status(), await deployment.service_status()
    for status in (suspended, service):
        assert (status.certified, status.new_labels) == (False, ("added",))
    assert suspended.bound == certified.bound, "what is proven of the past stands"
    assert not suspended.is_restorable
    lost, changed = [event for event in deployment.told.events if not event.kind.startswith("service_")]
    assert "`added` can't be known to it until a refit has learned what is new" in lost.message
    assert (changed.kind, changed.details["added"]) == ("labels_changed", ("added",))
    deployment.events()
    deployment.configure(audit_rate=1.0, teacher={"labels": ["yes", "no"]})
    await certify.look()
    assert (await deployment.status()).certified, "the counts stand, and need clear no margin"


async def test_a_refit_that_knows_the_label_ends_it(deployment: Deployment) -> None:
    deployment.configure(audit_rate=1.0, teacher={"labels": ["yes", "no", "added"]})
    await publish(deployment, 1, offered=("yes", "no"))
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(400)])
    assert not (await deployment.service_status()).certified
    await publish(deployment, 2, labels=("added", "no", "yes"), offered=("yes", "no", "added"))
    await certify.fold_traces([deployment.traces.add(one) for one in audits(400, "s", version="v2")])
    assert (await deployment.status("v2")).certified
    assert (await deployment.service_status()).certified
    assert not (await deployment.status("v1")).certified, "it may not be restored"


async def test_a_renamed_label_keeps_the_certificate(deployment: Deployment) -> None:
    deployment.configure(audit_rate=1.0, teacher={"labels": ["yes", "no"]})
    await publish(deployment, 1, offered=("yes", "no"))
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(one) for one in audits(400)])
    deployment.events()
    deployment.configure(audit_rate=1.0, teacher={"labels": ["ja", "no"], "labels_renamed": {"yes": "ja"}})
    # Answered by the old name, and taught by the new one.
    late = [audit(f"late{number}", label="yes") for number in range(20)]
    renamed = [deployment.traces.add(replace(one, label="ja")) for one in late]
    await certify.fold_traces(renamed)
    status = await deployment.status()
    assert (status.certified, status.certificate) == (True, Certificate(420, 420))
    assert status.labels == {"ja": Certificate(420, 420)}
    assert deployment.events() == ["labels_changed"]


@pytest.mark.parametrize(("allowed", "alarms"), [(["yes", "no"], 1), (["yes"], 0)])
async def test_a_removed_label_s_late_replies_are_no_alarm(
    deployment: Deployment, allowed: list[str], alarms: int
) -> None:
    deployment.configure(audit_rate=1.0, label_floor=0.0, teacher={"labels": allowed})
    certify = await deployment.certifier()
    given = audits(30, "bad", range(30), label="no")
    await certify.fold_deferrals([deployment.deferrals.add(asked(one.id)) for one in given])
    await certify.fold_traces([deployment.traces.add(one) for one in given])
    assert min(1, len(deployment.alarms)) == alarms
    assert (await deployment.status()).certificate == Certificate(30, 0), "the certificate counts them"
