"""Dry run: what a version would do with a request, decided as the gateway decides, and without a trace of it.

No label is given, no teacher asked, nothing is audited, counted, kept or written.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from msgspec import structs

from models.artifact import Artifact
from models.embedders.contract import Embedder
from models.errors import PolicyError
from models.policy import Policy
from schemas.messages import Embedding, Guess, Reason, Request
from streams.clock import unix_ms
from streams.errors import DecisionFailed, DryRunFailed
from streams.gateway.batcher import RequestBatcher
from streams.routing.encoder_queues import EncoderQueues
from streams.routing.request_router import Refused, RequestRouter
from streams.sampling import Sampler
from streams.tasks import Task, Tasks, unsuitable_reason
from streams.versions.breaker_state import Safeguards

_AT_ONCE = 4
"""Dry runs at the same time; requests of clients come first."""
_LONGEST_INLINE = 4_000
"""Characters that are scored on the event loop."""


@dataclass(frozen=True, slots=True)
class DryRunOutcome:
    """What one version does with a request.

    Attributes:
        task: the state that it was decided on, with this version alone.
        reason: `accepted`, or why it is deferred.
        guess: the label that the version would give; None where it makes none.
        threshold: in force; None where none has passed the gate.
    """

    task: Task
    reason: Reason
    guess: Guess | None
    threshold: float | None


class VersionStore(Protocol):
    """Where versions are kept; both raise StateUnavailable."""

    async def fetch(self, task: str, version: str) -> Artifact | None: ...

    async def blocked_labels(self, task: str, version: str) -> frozenset[str]: ...


class DryRun:
    """Decides requests that nobody has sent.

    Args:
        mask: the request as the gateway would decide it, its text masked.
        open_policy: makes a policy of its manifest and its graph.
    """

    def __init__(
        self,
        tasks: Tasks,
        registry: VersionStore,
        encoders: EncoderQueues,
        mask: Callable[[Request], Request],
        open_policy: Callable[[bytes, bytes], Policy] = Policy.open,
    ) -> None:
        self._tasks = tasks
        self._registry = registry
        self._encoders = encoders
        self._mask = mask
        self._open = open_policy
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def request(self, task: str, text: str | None, embedding: Embedding | None) -> Request:
        """A request with an id of its own, masked. Raises HttpProblem: its text can't be masked."""
        return self._mask(Request(f"try-{secrets.token_hex(8)}", task, text, embedding))

    async def live(self, request: Request) -> DryRunOutcome:
        """What the live version does with it. Raises DryRunFailed."""
        return await self._decide(request, replace(self._tasks.task(request.task), candidate=None))

    async def candidate(self, request: Request) -> DryRunOutcome | None:
        """What the version on trial would do if it decided; None without one. Raises DryRunFailed."""
        task = self._tasks.task(request.task)
        if task.candidate is None:
            return None
        return await self._decide(request, replace(task, live=task.candidate, candidate=None))

    async def version(self, request: Request, version: str) -> DryRunOutcome | None:
        """What a version makes of it, whatever stops the task's answers; None where its files are gone.

        Raises:
            DryRunFailed: it can't be opened, or does not suit the task's config of now.
            StateUnavailable: Redis is away.
        """
        async with self._turn:  # a version has megabytes
            artifact = await self._registry.fetch(request.task, version)
            if artifact is None:
                return None
            blocked = await self._registry.blocked_labels(request.task, version)
            try:
                policy = await asyncio.to_thread(self._open, artifact.manifest, artifact.graph)
            except PolicyError as error:
                raise DryRunFailed(f"{version} can't be opened: {error}") from error
        task = self._tasks.task(request.task)
        unsuitable = unsuitable_reason(policy.manifest, task.config, task.embedder)
        if unsuitable is not None:
            raise DryRunFailed(unsuitable)
        config = structs.replace(task.config, paused=False)
        safeguards = Safeguards(blocked={version: blocked})
        return await self._decide(
            request, Task.of(task.name, config, policy, None, safeguards, task.embedder)
        )

    async def _decide(self, request: Request, task: Task) -> DryRunOutcome:
        view = _OneState(task, self._tasks)
        router = RequestRouter(view, _EveryRequest(b""), lambda *_: None, _LONGEST_INLINE)
        batcher = RequestBatcher(router, 1, self._encoders)
        async with self._turn:
            try:
                result = await batcher.decide(request, unix_ms())
            except DecisionFailed as error:
                raise DryRunFailed("the surrogate failed on this, by a defect") from error
        if isinstance(result, Refused):
            raise DryRunFailed(result.reason)
        _, label, deferral = result
        if deferral is None:
            raise DryRunFailed("the surrogate made no decision")
        reason = deferral.reason if label is None else Reason.ACCEPTED
        return DryRunOutcome(task, reason, deferral.guess, deferral.threshold)


class _OneState:
    """A task in one state; an encoder that fails is dropped as ever."""

    def __init__(self, task: Task, tasks: Tasks) -> None:
        self._task = task
        self._tasks = tasks

    def task(self, name: str) -> Task:  # noqa: ARG002 - there is one
        return self._task

    def drop_encoder(self, embedder: Embedder) -> None:
        self._tasks.drop_encoder(embedder)


class _EveryRequest(Sampler):
    """Has the router say of each answer what the teacher would be asked, with the guess that it rests on."""

    def selects(self, request: str, rate: float) -> bool:  # noqa: ARG002 - all of them
        return True
