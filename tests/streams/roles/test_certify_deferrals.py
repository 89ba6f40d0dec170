"""Deferred requests that agree less than expected ask for a refit and for audits, once, and stop nothing."""

import asyncio

import msgspec
import pytest

from models.artifact import Artifact
from models.deferrals import RUN_LENGTH
from schemas.events import DriftDetails
from schemas.messages import Guess, Reason, Trace
from streams.certify.deferral_state import DeferralCounts, DeferralState
from streams.errors import StateUnavailable
from streams.state.refit_queue import RefitQueue
from tests.streams.roles.certifying import TEACHER, Deployment, audits

REQUESTS = 60


def deferred(
    number: int, *, agreed: bool = False, version: str = "v1", reason: Reason = Reason.LOW_SCORE
) -> Trace:
    guess = Guess("yes", 0.5 + number * 1e-5, 0.0, version)
    label = "yes" if agreed else "no"
    return Trace(
        f"d{number}",
        "t",
        label,
        reason,
        False,
        False,
        "text",
        5,
        1_000 + number,
        guess=guess,
        teacher=TEACHER,
        expected=0.7 if reason is Reason.LOW_SCORE else None,
    )


async def publish(deployment: Deployment, *versions: str) -> None:
    for number, version in enumerate(versions, 1):
        found = Artifact(b"manifest", b"graph")
        assert await deployment.registry.publish("t", version, number, 0, found, number)


async def refits(deployment: Deployment) -> list[int]:
    requests = await RefitQueue(deployment.connection, deployment.keys).pending(["t"])
    return [request.since for request in requests]


async def test_drift_of_deferrals_is_reported_once(deployment: Deployment) -> None:
    await publish(deployment, "v1")
    certify = await deployment.certifier()
    good = [deferred(number, agreed=True) for number in range(REQUESTS)]
    other = [deferred(number, reason=Reason.NOVEL) for number in range(REQUESTS, 2 * REQUESTS)]
    await certify.fold_traces([deployment.traces.add(one) for one in (*good, *other)])
    assert not (await deployment.registry.sampling_state("t", "v1")).drifting
    bad = [deployment.traces.add(deferred(number)) for number in range(200, 200 + REQUESTS)]
    await certify.fold_traces(bad)
    await certify.fold_traces(bad)
    await (await deployment.certifier()).look()
    (event,) = deployment.told.events
    details = DriftDetails.of(event)
    assert (details.version, details.since, details.refit) == ("v1", 1_200, True)
    assert details.signals["deferrals"] == (REQUESTS + details.requests) / RUN_LENGTH
    assert "the teacher agrees with 0.0% of the guesses, and at least 70.0% were expected" in event.message
    assert await refits(deployment) == [1200]
    assert (await deployment.registry.sampling_state("t", "v1")).drifting
    state = await deployment.registry.serving_state("t")
    assert not state.breaker.open
    assert (await deployment.status()).alarms == 0
    await certify.fold_traces([deployment.traces.add(one) for one in audits(1_000)])
    assert not (await deployment.registry.sampling_state("t", "v1")).drifting, "audits have told by now"


async def test_folds_at_the_same_time_report_once(deployment: Deployment) -> None:
    await publish(deployment, "v1")
    found = DeferralState(begun=DeferralCounts(1_000, 40, 10, 28.0), raised=True)
    await asyncio.gather(*(deployment.on_deferral_drift("t", "v1", found) for _ in range(3)))
    assert len(await refits(deployment)) == len(deployment.told.events) == 1


async def test_a_report_that_failed_is_made_again(deployment: Deployment) -> None:
    await publish(deployment, "v1")
    certify = await deployment.certifier()
    batch = [deployment.traces.add(deferred(number)) for number in range(REQUESTS)]
    deployment.report_failures.append(StateUnavailable("away"))
    with pytest.raises(StateUnavailable):
        await certify.fold_traces(batch)
    assert await refits(deployment) == []
    await certify.fold_traces(batch)
    assert len(await refits(deployment)) == 1


@pytest.mark.parametrize("config", [{"deferral_drift": False}, {"refit": {"on_drift": False}}, {}])
async def test_what_is_off_or_stopped_asks_for_nothing(
    deployment: Deployment, config: dict[str, object]
) -> None:
    """Switched off, without refits on drift, or of a version that no longer answers."""
    await publish(deployment, "v1", *([] if config else ["v2"]))
    deployment.configure(**config)
    certify = await deployment.certifier()
    await certify.fold_traces([deployment.traces.add(deferred(number)) for number in range(REQUESTS)])
    await certify.look()
    assert await refits(deployment) == []
    assert deployment.events() == (["drift"] if "refit" in config else [])
    drifting = (await deployment.registry.sampling_state("t", "v1")).drifting
    assert drifting is ("deferral_drift" not in config)


def test_older_traces_expect_nothing() -> None:
    raw = msgspec.to_builtins(deferred(1))
    del raw["expected"]
    assert msgspec.convert(raw, Trace).expected is None
