"""Tasks of a process: each one's config, policies and breaker, as they are now.

A `Task` never changes; `Tasks` swaps the reference when a config message, a new policy, another breaker or an
encoder arrives. So readers see one whole state or the next.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from models.embedders.composite import join_parts
from models.embedders.contract import Embedder
from models.policy import Policy
from schemas.config import EVERY_TASK, Override, config_of
from schemas.secrets import remember_config_secrets
from streams.encoder_spec import EncoderSpec, encoder_spec
from streams.task import CandidatePolicy, ServingPolicy, Task, threshold, unsuitable_reason
from streams.versions.breaker_state import Safeguards
from streams.versions.guard_state import GUARDED, Guard

__all__ = ["CandidatePolicy", "ServingPolicy", "Task", "Tasks", "threshold", "unsuitable_reason"]

Known = TypeVar("Known", str, int)


class Tasks:
    """All tasks of a process. Used on the event loop only; other threads may read as well."""

    def __init__(self) -> None:
        self._overrides: dict[str, Override] = {}
        self._policies: dict[str, Policy] = {}
        self._candidates: dict[str, CandidatePolicy] = {}
        self._safeguards: dict[str, Safeguards] = {}
        self._certified: dict[str, str] = {}
        self._certifying: dict[str, int] = {}
        self._drifting: dict[str, str] = {}
        self._guard = GUARDED
        self._unreadable: set[str] = set()
        self._encoders: dict[EncoderSpec, Embedder] = {}
        self._tasks: dict[str, Task] = {}

    @property
    def encoders(self) -> Mapping[EncoderSpec, Embedder]:
        """The encoders that are open."""
        return MappingProxyType(self._encoders)

    def task(self, name: str) -> Task:
        """The task as it is now; one that nobody has configured has the defaults and no policy.

        Such a task is not remembered: clients may send any name.
        """
        return self._tasks.get(name) or self._build_task(name)

    @property
    def guard(self) -> Guard:
        return self._guard

    def all(self) -> list[Task]:
        """The tasks that are configured, or that have a policy, as they are now."""
        return list(self._tasks.values())

    def knows(self, name: str) -> bool:
        """Whether the task is configured, or has a policy."""
        return name in self._tasks

    def names(self) -> set[str]:
        """The tasks that are configured, or that have a policy."""
        return set(self._tasks)

    def with_policy(self) -> set[str]:
        """The tasks that have a policy."""
        return set(self._policies)

    def policy(self, name: str) -> Policy | None:
        """The installed policy, whether or not the config lets it answer."""
        return self._policies.get(name)

    def encoder_specs(self) -> frozenset[EncoderSpec]:
        """The encoders that the configs name, also that of tasks which nobody has configured."""
        configs = [config_of(EVERY_TASK, self._overrides), *(task.config for task in self._tasks.values())]
        specs = map(encoder_spec, configs)
        return frozenset(part for asked in specs if asked is not None for part in asked.parts)

    def longest_wait(self) -> tuple[str, float]:
        """The task that waits longest for a teacher that is away, and its seconds; `*` for all others."""
        waits = {
            name: config_of(name, self._overrides).teacher.give_up_after
            for name in (EVERY_TASK, *self._overrides)
        }
        name = max(waits, key=lambda name: waits[name])
        return name, waits[name]

    def unsuitable(self) -> dict[str, str]:
        """The tasks that can't have an answer because of their config or encoder, and why."""
        found = {}
        for name, task in self._tasks.items():
            wanted, embedder = task.config.dimension, task.embedder
            if embedder is not None and wanted not in (None, embedder.dimension):
                found[name] = (
                    f"the config says `dimension` {wanted}, and {embedder.id} makes {embedder.dimension}"
                )
        for name, policy in self._policies.items():
            task = self.task(name)
            problem = unsuitable_reason(policy.manifest, task.config, task.embedder)
            if problem is not None:
                found[name] = problem
        return found

    def safeguards(self, name: str) -> Safeguards:
        return self._safeguards.get(name, Safeguards())

    @property
    def overrides(self) -> Mapping[str, Override]:
        """What config messages have set, by task or `*`."""
        return MappingProxyType(self._overrides)

    def configure(self, key: str, override: Override) -> None:
        """Lay a config message over the defaults, for one task or (`*`) for all."""
        remember_config_secrets(override)
        self._overrides[key] = override
        for name in list(self._tasks) if key == EVERY_TASK else [key]:
            self._tasks[name] = self._build_task(name)

    def set_policy(self, name: str, policy: Policy) -> None:
        self._policies[name] = policy
        self._tasks[name] = self._build_task(name)

    def set_encoder(self, spec: EncoderSpec, embedder: Embedder | None) -> None:
        """Use an open encoder for the tasks that name it; None: it is not open."""
        if embedder is None:
            self._encoders.pop(spec, None)
        else:
            self._encoders[spec] = embedder
        for name in self._tasks:
            self._tasks[name] = self._build_task(name)

    def drop_encoder(self, embedder: Embedder) -> None:
        """Stop using an encoder that has failed."""
        for spec in [asked for asked, opened in self._encoders.items() if opened is embedder]:
            self.set_encoder(spec, None)

    def set_safeguards(self, name: str, safeguards: Safeguards) -> None:
        """Use these safeguards from now on."""
        self._safeguards[name] = safeguards
        self._tasks[name] = self._build_task(name)

    def set_guard(self, guard: Guard) -> set[str]:
        """Note since when nobody may have counted audits.

        Returns:
            The tasks that answer nothing because of it; not those that can't be read.
        """
        before, self._guard = self._guard, guard
        stopped = {name for name, task in self._tasks.items() if guard.stops(task.config.guard_staleness)}
        for name, task in self._tasks.items():
            stops = name in self._unreadable or name in stopped
            if stops != task.unguarded or guard.is_fresh != before.is_fresh:
                self._tasks[name] = self._build_task(name)
        return stopped

    def set_readable(self, name: str, readable: bool) -> bool:
        """Note whether what Redis holds of the task can be read; if not, it answers nothing.

        Returns:
            Whether that has changed.
        """
        if readable is (name not in self._unreadable):
            return False
        (self._unreadable.discard if readable else self._unreadable.add)(name)
        self._tasks[name] = self._build_task(name)
        return True

    def set_certified(self, name: str, version: str | None) -> None:
        """Note which version of a task is certified, if one is."""
        self._note(self._certified, name, version)

    def set_certifying(self, name: str, traces: int | None) -> None:
        """Note how many sampled traces the task's next refit may certify on; None: not known."""
        self._note(self._certifying, name, traces)

    def set_drifting(self, name: str, version: str | None) -> None:
        """Note which version of a task has deferrals that ask for more audits, if one has."""
        self._note(self._drifting, name, version)

    def _note(self, known: dict[str, Known], name: str, value: Known | None) -> None:
        """Note a value of a task, None for none, and build the task anew if that changes it."""
        if known.get(name) == value:
            return
        known.pop(name, None)
        if value is not None:
            known[name] = value
        self._tasks[name] = self._build_task(name)

    def forget_sampling_states(self) -> None:
        """Take no version for certified and no number of traces for known, since Redis does not say.

        What asks for more audits holds.
        """
        for name in list(self._certified):
            self.set_certified(name, None)
        for name in list(self._certifying):
            self.set_certifying(name, None)

    def set_candidate(self, name: str, tried: CandidatePolicy | None) -> None:
        """Score a policy next to the live one; None: no longer."""
        if tried is None:
            self._candidates.pop(name, None)
        else:
            self._candidates[name] = tried
        self._tasks[name] = self._build_task(name)

    def drop_policies(self, name: str, at: int) -> bool:
        """Drop the task's policies and what stops them, if they were fitted by `at` (Unix milliseconds).

        Returns:
            Whether there was a policy to drop.
        """
        tried, live = self._candidates.get(name), self._policies.get(name)
        if tried is not None and tried.policy.manifest.created_at <= at:
            self.set_candidate(name, None)
        if live is not None and live.manifest.created_at > at:
            return False
        dropped = self._policies.pop(name, None) is not None
        self._certified.pop(name, None)
        self._certifying.pop(name, None)
        self._drifting.pop(name, None)
        # Also where no policy is left to drop: Redis may have given the safeguards back in between.
        if name not in self._candidates:
            self._safeguards.pop(name, None)
        if name in self._tasks:
            self._tasks[name] = self._build_task(name)
        return dropped

    def _build_task(self, name: str) -> Task:
        config = config_of(name, self._overrides)
        spec = encoder_spec(config)
        parts = tuple(self._encoders.get(part) for part in spec.parts) if spec else ()
        return Task.of(
            name,
            config,
            self._policies.get(name),
            self._candidates.get(name),
            self._safeguards.get(name),
            join_parts(parts),
            self._certified.get(name),
            self._certifying.get(name),
            self._drifting.get(name),
            self._guard,
            unreadable=name in self._unreadable,
            parts=parts,
        )
