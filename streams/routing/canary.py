"""Which requests a canary decides."""

from collections.abc import Iterable

from streams.sampling import Sampler
from streams.tasks import Task


def canary_mask(sampler: Sampler, task: Task, requests: Iterable[str]) -> list[bool]:
    """For each id whether the canary decides, by another keyed hash than the audits'. Empty without one."""
    canary = task.candidate
    if canary is None or canary.share <= 0.0:
        return []
    salt = f"canary\0{canary.version}\0"
    return [sampler.selects(salt + request, canary.share) for request in requests]
