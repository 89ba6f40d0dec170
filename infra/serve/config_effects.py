"""Effects of a config change: what changes for each task, and which guarantee a setting takes away."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from infra.serve.policy_admin import with_registry
from models.manifest import Manifest
from schemas.config import EVERY_TASK, Config, Override, config_of
from streams.sampling import SamplingState, audit_rate
from streams.settings import Settings
from streams.state.registry import Registry
from streams.status.expected_coverage import expected_coverage


def live_manifests(settings: Settings, task: str) -> dict[str, Manifest]:
    """The manifest of the live version of a task, or of each task for `*`.

    Raises:
        StateUnavailable: Redis is away.
    """

    async def read(registry: Registry) -> dict[str, Manifest]:
        tasks = await registry.tasks()
        manifests = {}
        for name in sorted(tasks if task == EVERY_TASK else tasks & {task}):
            active = await registry.active(name)
            raw = await registry.manifest(name, active.version) if active else None
            if raw is not None:
                manifests[name] = Manifest.decode(raw)
        return manifests

    return with_registry(settings, read)


def changed_fields(before: Config, after: Config) -> list[str]:
    """Sentences `field: before -> after` for all fields that differ; an entry that is not there is null."""
    old, new = (dict(_leaves(msgspec.to_builtins(config), "")) for config in (before, after))
    return [
        f"{name}: {_json(old.get(name))} -> {_json(new.get(name))}"
        for name in dict.fromkeys((*new, *old))
        if old.get(name) != new.get(name)
    ]


def coverage_effects(
    manifests: Mapping[str, Manifest], before: Mapping[str, Override], after: Mapping[str, Override]
) -> Iterator[str]:
    """For each task whose expected coverage changes, a sentence with both."""
    for task, manifest in manifests.items():
        old, new = (expected_coverage(manifest, config_of(task, overrides)) for overrides in (before, after))
        if new is None:
            yield f"{task}: how many requests {manifest.version} answers at this threshold is not known"
        elif old != new:
            was = "" if old is None else f" (before: {old:.0%})"
            yield f"{task}: {manifest.version} should now answer about {new:.0%} of the requests{was}"


def lost_guarantees(config: Config) -> Iterator[str]:
    """A sentence for each guarantee that a setting takes away."""
    uncertified, certified = (audit_rate(config, SamplingState(known)).rate for known in (False, True))
    if max(uncertified, certified) <= 0.0:
        yield "nothing is audited: no version gets a certificate, and no alarm stops one that disagrees"
    elif certified <= 0.0:
        yield "nothing is audited once a version is certified: no alarm stops it when it disagrees later"
    if config.threshold is not None:
        yield (
            "a threshold set by hand has not passed the gate: nothing is known of the agreement until audits "
            "prove it; `threshold=null` puts back the one that passed"
        )
    if config.chat.prompts:
        yield (
            "`chat.prompts`: the surrogate answers prompts that its version may not have learned from: what "
            "the gate has tested need not hold for them until audits prove it"
        )
    if config.label_floor <= 0.0:
        yield "label_floor=0: no label is blocked, however often the teacher disagrees with it"


def _leaves(fields: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
