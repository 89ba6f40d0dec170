"""Compares a version that passed the gate with the one that is live, as Redis has it."""

from collections.abc import Iterable

from models.manifest import Manifest
from schemas.config import Config
from schemas.messages import Trace
from streams.label_set import LabelSet, known_labels
from streams.state.registry import Registry
from streams.tasks import threshold, unsuitable_reason
from streams.trainer.champion import Champion, coverage_regression


async def better_live_version(
    registry: Registry,
    task: str,
    config: Config,
    candidate: Manifest,
    coverage: float,
    traces: Iterable[Trace],
    since: int,
) -> str | None:
    """Why the live version stays live instead; None where it does not, or where none is live.

    Args:
        coverage: share of the requests that the candidate would answer.
        traces: of the task.
        since: Unix milliseconds of the reply; older traces say nothing of today.

    Raises:
        StateUnavailable: Redis is not available.
    """
    active = await registry.active(task)
    raw = await registry.manifest(task, active.version) if active else None
    if active is None or raw is None or config.threshold is not None:
        return None
    manifest, labels = Manifest.decode(raw), LabelSet.of(config.teacher)
    new_to_live, new_to_candidate = (labels.new_to(known_labels(one)) for one in (manifest, candidate))
    # A version that knows more labels is worth more, however well the live one does on the others.
    if unsuitable_reason(manifest, config) is not None or set(new_to_live) > set(new_to_candidate):
        return None
    blocked = await registry.blocked_labels(task, active.version)
    live = Champion(
        active.version,
        threshold(manifest, config),
        max(since, active.since),
        config.target_agreement,
        frozenset(map(labels.current, (*blocked, *config.never_answer))) | labels.removed_of(manifest),
    )
    return coverage_regression(coverage, live, traces)
