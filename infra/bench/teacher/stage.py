"""Stage of the scenarios of `bench teacher`: requests, an endpoint over real HTTP, a policy, labels."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Self

import msgspec
import numpy as np

from infra.bench.corpora import Split
from infra.bench.kinds import KINDS
from infra.bench.report import Figure
from infra.bench.trial import policy_of, timed_fit
from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.errors import MissingData
from infra.harness.client import Conversation
from infra.harness.deployment import Deployment
from infra.harness.policies import publish_policy
from infra.harness.waiting import wait_until
from infra.serve.status import task_status
from models.artifact import Artifact
from models.features import Features
from models.policy import Policy
from schemas.config import Config
from schemas.messages import Label, Request
from streams.status.task_status import TaskStatus

TASK = "asked"
LATENCY = 0.3
STEADY = TeacherBehaviour(latency=LATENCY, spread=0.1, wrong=0.0, throttled=0.0, failing=0.0)
AUDITED: Mapping[str, object] = MappingProxyType(
    {
        "target_agreement": 0.9,
        "audit_rate": 0.2,
        "audit_early": 0.0,
        "repeat_rate": 0.0,
        "refit": {"at_least": 1_000_000},
    }
)
"""Config of a task whose policy stays, audited at a constant rate: its bound is that of plain counts."""
_PATIENCE, _PROVEN = 900.0, 300.0
_TRACES = 4_000


class PaidEndpoint:
    """An endpoint that knows the label of each text, and the calls that it has answered, by text."""

    def __init__(self, gold: Mapping[str, str], behaviour: TeacherBehaviour = STEADY) -> None:
        self.calls: Counter[str] = Counter()
        self._gold = gold
        self._behaviour = behaviour

    def __enter__(self) -> Self:
        labels = sorted(set(self._gold.values()))
        self._teacher = SimulatedTeacher(self._answer, labels, self._behaviour)
        return self

    def __exit__(self, *_: object) -> None:
        self._teacher.stop()

    @property
    def refused(self) -> int:
        """Calls beyond its rate."""
        return self._teacher.refused

    def config(self, concurrency: int, **fields: object) -> dict[str, object]:
        """The config of a teacher that asks here."""
        teaching = {"url": self._teacher.url, "model": "gold", "labels": sorted(set(self._gold.values()))}
        return {**teaching, "concurrency": concurrency, **fields}

    def _answer(self, text: str) -> str:
        self.calls[text] += 1
        return self._gold[text]


def requests_of(data: Split, count: int, task: str = TASK, skip: int = 0) -> list[Request]:
    """Of rows in a random order, always the same: a file that is sorted by label would rightly be refused.

    Args:
        skip: rows of that order that are left out, because a policy has learned them.
    """
    texts: Sequence[str] = data.rows.texts or ()
    order = np.random.default_rng(7).permutation(len(texts))[skip : skip + count].tolist()
    return [Request(id=f"{task}-{row}", task=task, text=texts[row]) for row in order]


def gold_labels(data: Split) -> dict[str, str]:
    """The label of each text."""
    return dict(zip(data.rows.texts or (), data.labels, strict=True))


def learned_policy(data: Split) -> tuple[Artifact, int]:
    """A text policy, and how many rows of the random order it has learned."""
    order = np.random.default_rng(7).permutation(len(data))[:_TRACES].tolist()
    return policy_of(timed_fit(KINDS[0], data.take(order))), _TRACES


def policy_labels(artifact: Artifact, data: Split) -> dict[str, str]:
    """What the policy would say of each text: the labels of a teacher that always agrees with it."""
    texts = list(data.rows.texts or ())
    policy = Policy.open(artifact.manifest, artifact.graph)
    names = policy.manifest.labels
    chosen = policy.score(Features(texts=texts)).label.tolist()
    return {text: names[label] for text, label in zip(texts, chosen, strict=True)}


def publish(deployment: Deployment, artifact: Artifact, task: str = TASK) -> None:
    """Make the policy the active one of the task."""
    publish_policy(deployment.settings, task, artifact)


def send(conversation: Conversation, requests: Sequence[Request], pace: float) -> None:
    """Send all of them, `pace` a second."""
    for _ in conversation.send_paced(requests, pace):
        pass


def read_status(deployment: Deployment) -> TaskStatus:
    """What `status` shows of the task. Raises MissingData: there is no policy in Redis."""

    async def read() -> TaskStatus | None:
        config = msgspec.convert(dict(AUDITED), Config)
        async with task_status(deployment.settings, TASK, config) as look:
            return await look()

    found = asyncio.run(read())
    if found is None:
        raise MissingData("nothing to measure: the policy is not in Redis")
    return found


def wait_for_status(deployment: Deployment, what: str, shows: Callable[[TaskStatus], bool]) -> TaskStatus:
    """The first status that shows it. Raises Stalled: none does within five minutes."""
    seen: list[TaskStatus] = []

    def look() -> bool:
        seen[:] = [read_status(deployment)]
        return shows(seen[0])

    wait_until(look, _PROVEN, what)
    return seen[0]


def collected_labels(conversation: Conversation, enough: int, patience: float = _PATIENCE) -> list[Label]:
    """The labels so far, once there are enough. Raises Stalled: there are not, `patience` seconds later."""

    def have_come() -> bool:
        conversation.collect()
        return len(conversation.labels) >= enough

    wait_until(have_come, patience, f"{enough} labels")
    return conversation.labels


def figure_of(
    name: str, value: float, unit: str, reference: str | None = None, reference_value: float | None = None
) -> Figure:
    """A figure of one run."""
    ratio = round(value / reference_value, 3) if reference_value else None
    return Figure(name, round(float(value), 1), unit, reference, reference_value, ratio)
