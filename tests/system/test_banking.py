"""The whole loop on Banking77: every request gets one label, coverage grows, and the promise is kept."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from scipy.stats import binom

from infra.harness.client import Conversation
from schemas.codec import EVENT
from schemas.events import Event, EventKind
from schemas.messages import Label
from tests.system.banking import TASK, Banking, banking
from tests.system.deployment import Deployment, read_all, wait_until
from tests.system.gold import GoldTeacher
from tests.system.versions import asked

TARGET = 0.95
PACE = {"text": 150.0, "precomputed": 200.0}
"""Requests a second: fits on text take longer, and the stream should see several."""
LAST = 2_000
WAIT_AT = 6_000
"""Requests after which the stream waits for a version, for machines on which fits are slow."""
CHANCE = 0.001
"""Of failing a run that keeps the promise. Coverage depends on the machine: it is asked for loosely."""


@pytest.mark.parametrize("embedder", [pytest.param("text", marks=pytest.mark.alone), "precomputed"])
def test_coverage_grows_within_the_promise(deployment: Deployment, data_dir: Path, embedder: str) -> None:
    """And every request gets one label."""
    stream = banking(data_dir, vectors=embedder == "precomputed")
    deployment.configure(TASK, embedder=embedder, target_agreement=TARGET)
    deployment.worker("route", "learn", "certify")
    deployment.worker("trainer")
    conversation = Conversation(deployment)
    with GoldTeacher(deployment, stream.gold):
        for _ in paced(deployment, conversation, stream, PACE[embedder]):
            pass
        finish(conversation, stream)
    deployment.stop()
    figures = measured(deployment, stream, conversation.labels)
    report(f"banking-{embedder}", figures)
    assert_kept(figures)


def test_nothing_is_lost_or_doubled_by_kill_9(deployment: Deployment, data_dir: Path) -> None:
    """A router and the leading trainer are killed."""
    stream = banking(data_dir, vectors=True)
    deployment.configure(TASK, embedder="precomputed", target_agreement=TARGET)
    deployment.worker("learn", "certify")
    routers = [deployment.worker("route"), deployment.worker("route")]
    leader, _standby = deployment.worker("trainer"), deployment.worker("trainer")
    conversation = Conversation(deployment)
    with GoldTeacher(deployment, stream.gold):
        for sent in paced(deployment, conversation, stream, PACE["precomputed"]):
            if sent > 3_000 and leader.process.poll() is None:
                leader.kill()
                routers[0].kill()
                deployment.worker("route")
        finish(conversation, stream)
    deployment.stop()
    figures = measured(deployment, stream, conversation.labels)
    report("banking-killed", figures)
    assert_kept(figures)


def paced(
    deployment: Deployment, conversation: Conversation, stream: Banking, per_second: float
) -> Iterator[int]:
    """Send all requests, the last of them when a version is live; yields how many were sent so far."""
    yield from conversation.send_paced(stream.requests[:WAIT_AT], per_second)

    def is_live() -> bool:
        conversation.collect()
        return asked(deployment, lambda registry: registry.active(TASK)) is not None

    wait_until(is_live, 240, "a version that is live")
    for sent in conversation.send_paced(stream.requests[WAIT_AT:], per_second):
        yield WAIT_AT + sent


def finish(conversation: Conversation, stream: Banking) -> None:
    """Wait for the labels that are still missing, and see that no more come."""
    wait_until(
        lambda: not conversation.collect() and len(conversation.labels) >= len(stream.requests),
        90,
        f"all labels, {len(conversation.labels)} came",
    )
    time.sleep(1.0)
    conversation.collect()
    conversation.close()


def measured(deployment: Deployment, stream: Banking, labels: list[Label]) -> dict[str, float]:
    """What the README says of this run."""
    assert Counter(label.id for label in labels) == Counter(request.id for request in stream.requests)
    answered = [label for label in labels if label.source == "surrogate"]
    agreed = sum(label.label == stream.gold[label.id] for label in answered)
    order = {request.id: place for place, request in enumerate(stream.requests)}
    last = [label for label in labels if order[label.id] >= len(stream.requests) - LAST]
    events = [EVENT.decode(message.value()) for message in read_all(deployment, deployment.topics.events, 1)]
    return {
        "requests": len(stream.requests),
        "labels": len(labels),
        "errors": sum(label.source == "error" for label in labels),
        "answered": len(answered),
        "agreed": agreed,
        "agreement": agreed / max(1, len(answered)),
        "coverage_last": sum(label.source == "surrogate" for label in last) / len(last),
        "promoted": sum(event.kind is EventKind.PROMOTED for event in events),
        "refused": sum(event.kind is EventKind.REFUSED for event in events),
        "to_first_label_s": median_refit_latency(events, answered),
        **refit_stages(events, answered),
    }


def median_refit_latency(events: list[Event], answered: list[Label]) -> float:
    """Seconds from the trace that triggered a refit to the first label by the new version; their median."""
    triggered = {
        event.details["version"]: event.details["newest"] for event in events if event.kind is EventKind.REFIT
    }
    took = sorted(at - triggered[version] for version, at in first_labels(answered).items())
    return took[len(took) // 2] / 1000 if took else float("nan")


def refit_stages(events: list[Event], answered: list[Label]) -> dict[str, float]:
    """Median seconds of each stage of the refits that went live, from the newest trace to the first label."""
    begun = {event.details["version"]: event for event in events if event.kind is EventKind.REFIT}
    live = {event.details["version"]: event for event in events if event.kind is EventKind.PROMOTED}
    first = first_labels(answered)
    versions = [version for version in live if version in first]
    fits = {version: round(1000 * live[version].details["seconds"]) for version in versions}
    stages = {
        "until_refit_s": [begun[version].at - begun[version].details["newest"] for version in versions],
        "fit_s": list(fits.values()),
        "around_fit_s": [live[version].at - begun[version].at - fits[version] for version in versions],
        "until_label_s": [first[version] - live[version].at for version in versions],
    }
    return {name: sorted(each)[len(each) // 2] / 1000 for name, each in stages.items() if each}


def first_labels(answered: list[Label]) -> dict[str, int]:
    """When each version gave its first label, Unix milliseconds."""
    first: dict[str, int] = {}
    for label in answered:
        if label.policy is not None:
            first[label.policy] = min(first.get(label.policy, label.labelled_at), label.labelled_at)
    return first


def assert_kept(figures: dict[str, float]) -> None:
    """The promise: agreement not significantly below the target; and it is worth something."""
    answered, agreed = int(figures["answered"]), int(figures["agreed"])
    assert figures["errors"] == 0
    assert figures["promoted"] >= 1
    assert figures["coverage_last"] > 0.25
    assert binom.cdf(agreed, answered, TARGET) >= CHANCE, f"{agreed} of {answered} agree"


def report(name: str, figures: dict[str, float]) -> None:
    """Leave the figures where they can be read: UNDERSTUDY_TEST_FIGURES names a file, a line a run."""
    if file := os.environ.get("UNDERSTUDY_TEST_FIGURES"):
        with Path(file).open("a") as out:
            out.write(json.dumps({"run": name, **figures}) + "\n")
