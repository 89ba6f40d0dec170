"""Limits: an endpoint that refuses calls beyond its rate, and a ceiling of calls a day."""

import time
from collections import Counter
from contextlib import closing
from dataclasses import replace

import numpy as np

from infra.bench.corpora import Split
from infra.bench.report import Figure
from infra.bench.servers import deployed
from infra.bench.teacher.stage import (
    STEADY,
    TASK,
    PaidEndpoint,
    collected_labels,
    figure_of,
    gold_labels,
    learned_policy,
    publish,
    requests_of,
)
from infra.harness.client import Conversation
from models.artifact import Artifact
from schemas.messages import Label
from streams.settings import Settings

RATE = 20.0
PACE, SECONDS = 100.0, 50
TARGET = 0.98
"""So high that the surrogate leaves more to the teacher than the endpoint allows."""
CEILING, ASKED = 1_000, 3_000


def storm(servers: Settings, data: Split) -> list[Figure]:
    """An endpoint that allows 20 calls a second, where more are needed; without and with a limit of ours."""
    policy, learned = learned_policy(data)
    figures: list[Figure] = []
    calm = _storm(servers, data, (policy, learned), rate=None, limits={})
    for name, limits in (("no limit set", {}), ("20 calls a second set", {"calls_per_second": RATE})):
        seen = _storm(servers, data, (policy, learned), rate=RATE, limits=limits)
        figures += [
            figure_of(f"429 storm, {name}: error labels", seen.errors, "labels"),
            figure_of(f"429 storm, {name}: answered calls", seen.calls, "calls/s", "allowed", RATE),
            figure_of(f"429 storm, {name}: refused calls", seen.refused, "calls/s"),
            figure_of(
                f"429 storm, {name}: p99 of the surrogate",
                seen.p99,
                "ms",
                "without a rate",
                round(calm.p99, 1),
            ),
        ]
    return figures


def ceiling(servers: Settings, data: Split) -> list[Figure]:
    """1,000 calls a day, two workers, 3,000 requests that the surrogate leaves to the teacher."""
    policy, learned = learned_policy(data)
    figures: list[Figure] = []
    for choice in ("wait", "error", "answer"):
        paid, labels = _at_ceiling(servers, data, (policy, learned), choice)
        figures.append(figure_of(f"ceiling, {choice}: calls", paid, "calls", "ceiling", CEILING))
        counts = Counter(f"{label.source}, {label.reason}" for label in labels)
        figures += [
            figure_of(f"ceiling, {choice}: labels by {name}", count, "labels")
            for name, count in sorted(counts.items())
        ]
    return figures


class _Storm:
    """What was seen while requests came.

    Attributes:
        errors: error labels, also of those that waited until the end.
        calls, refused: a second.
        p99: of the surrogate's answers, milliseconds.
    """

    def __init__(self, labels: list[Label], calls: int, refused: int, seconds: float) -> None:
        latencies = [one.labelled_at - one.requested_at for one in labels if one.source == "surrogate"]
        self.errors = sum(label.source == "error" for label in labels)
        self.calls, self.refused = calls / seconds, refused / seconds
        self.p99 = float(np.percentile(latencies, 99))


def _storm(
    servers: Settings, data: Split, policy: tuple[Artifact, int], rate: float | None, limits: dict[str, float]
) -> _Storm:
    artifact, learned = policy
    requests = requests_of(data, int(PACE * SECONDS), skip=learned)
    behaviour = replace(STEADY, per_second=rate)
    with deployed(servers, "teacher") as deployment, PaidEndpoint(gold_labels(data), behaviour) as paid:
        deployment.configure(
            TASK,
            teacher=paid.config(64, limits=limits),
            target_agreement=TARGET,
            audit_early=0.0,
            refit={"at_least": 1_000_000},
        )
        publish(deployment, artifact)
        deployment.worker("route", "teacher", "learn")
        with closing(Conversation(deployment)) as conversation:
            began = time.monotonic()
            for _ in conversation.send_paced(requests, PACE):
                pass
            seconds, calls, refused = time.monotonic() - began, paid.calls.total(), paid.refused
            labels = collected_labels(conversation, len(requests))
        return _Storm(labels, calls, refused, seconds)


def _at_ceiling(
    servers: Settings, data: Split, policy: tuple[Artifact, int], choice: str
) -> tuple[int, list[Label]]:
    """Paid calls and labels; where requests wait, those until nothing more came for ten seconds."""
    artifact, learned = policy
    requests = requests_of(data, ASKED, skip=learned)
    with deployed(servers, "teacher") as deployment, PaidEndpoint(gold_labels(data)) as paid:
        teaching = paid.config(64, limits={"calls_per_day": CEILING}, at_ceiling=choice)
        # Set by hand, so that all are deferred.
        deployment.configure(
            TASK, teacher=teaching, threshold=1.0, audit_rate=0.0, audit_early=0.0, repeat_rate=0.0
        )
        publish(deployment, artifact)
        for slot in ("a", "b"):
            deployment.worker("route", "teacher", "learn", UNDERSTUDY_SLOT=slot)
        with closing(Conversation(deployment)) as conversation:
            for _ in conversation.send_paced(requests, 20_000.0):
                pass
            collected_labels(conversation, CEILING if choice == "wait" else len(requests))
            quiet = time.monotonic()
            while time.monotonic() - quiet < 10.0:
                if conversation.collect():
                    quiet = time.monotonic()
            return paid.calls.total(), conversation.labels
