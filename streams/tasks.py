"""What a process knows right now: each task's config and policies. Readers see one whole state or the next.

A `Task` never changes; `Tasks` swaps the reference when a config message, a new policy, another breaker or an
encoder arrives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.embedders.compatibility import mismatch_reason
from models.embedders.contract import Embedder
from models.manifest import Manifest
from models.policy import Policy
from schemas.config import EVERY_TASK, Config, Override, config_of
from streams.encoder_spec import EncoderSpec, encoder_spec
from streams.sampling import audit_rate
from streams.versions.breaker import CLOSED, Breaker, Safeguards


@dataclass(frozen=True, slots=True)
class ServingPolicy:
    """A policy as it may answer.

    Attributes:
        threshold: least score that is answered; None where nothing is certified for the target.
        blocked: labels that it may not answer for what audits proved, beside those that its manifest blocks.
        share: of the requests that it decides, in [0, 1].
    """

    policy: Policy
    threshold: float | None
    blocked: frozenset[str] = frozenset()
    share: float = 1.0

    @property
    def version(self) -> str:
        return self.policy.manifest.version


@dataclass(frozen=True, slots=True)
class CandidatePolicy:
    """A policy that is tried, and the share of the requests that it decides, in [0, 1]."""

    policy: Policy
    share: float


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it stands.

    Attributes:
        live: what may answer for it; None until there is one for the configured embedder.
        candidate: what is on trial beside it.
        embedder: the open encoder that it asks for; None where it asks for none or that is not open.
        certified: the live version is, as far as is known now.
    """

    name: str
    config: Config
    live: ServingPolicy | None = None
    candidate: ServingPolicy | None = None
    breaker: Breaker = CLOSED
    embedder: Embedder | None = None
    certified: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        config: Config,
        policy: Policy | None,
        trial: CandidatePolicy | None = None,
        guards: Safeguards | None = None,
        embedder: Embedder | None = None,
        certified: str | None = None,
    ) -> "Task":
        """The task with those of the policies that suit its config and its encoder."""
        guards = guards or Safeguards()
        live = _surrogate(CandidatePolicy(policy, 1.0), config, guards, embedder) if policy else None
        candidate = _surrogate(trial, config, guards, embedder) if trial else None
        if live and candidate and not _read_alike(live, candidate):
            candidate = None
        proven = live is not None and live.version == certified
        return cls(name, config, live, candidate, guards.breaker, embedder, proven)

    @property
    def policy(self) -> Policy | None:
        return self.live.policy if self.live else None

    @property
    def threshold(self) -> float | None:
        return self.live.threshold if self.live else threshold(None, self.config)

    @property
    def audit_rate(self) -> float:
        """Share of requests that are audited now, in [0, 1]."""
        return audit_rate(self.config, self.certified)

    @property
    def dimension(self) -> int | None:
        """Length of the vectors that requests bring, where it is known."""
        known = self.live or self.candidate
        return self.config.dimension or (known.policy.manifest.dimension if known else None)

    @property
    def answers_nothing(self) -> bool:
        """True while all of the task's traffic goes to the teacher, whatever the request."""
        return self.config.paused or not any(map(self._answers, (self.live, self.candidate)))

    def _answers(self, surrogate: ServingPolicy | None) -> bool:
        return (
            surrogate is not None
            and surrogate.share > 0.0
            and surrogate.threshold is not None
            and not self.breaker.stops(surrogate.version)
        )


def unsuitable_reason(manifest: Manifest, config: Config, embedder: Embedder | None = None) -> str | None:
    """Why the policy can't answer for a task with this config and encoder; None where it can."""
    if manifest.embedder != config.embedder:
        return (
            f"policy {manifest.version} reads `{manifest.embedder}`, and the config says `{config.embedder}`"
        )
    if config.dimension is not None and manifest.dimension not in (None, config.dimension):
        return (
            f"policy {manifest.version} reads vectors of {manifest.dimension} numbers, and the config says "
            f"{config.dimension}"
        )
    return mismatch_reason(manifest, embedder)


def threshold(manifest: Manifest | None, config: Config) -> float | None:
    """The operator's threshold, else the one certified for the aim at the configured delta or less."""
    if config.threshold is not None:
        return config.threshold
    if manifest is None or manifest.delta > config.delta:
        return None
    return manifest.threshold(config.aim)


class Tasks:
    """All tasks of a process. Used on the event loop only."""

    def __init__(self) -> None:
        self._overrides: dict[str, Override] = {}
        self._policies: dict[str, Policy] = {}
        self._trials: dict[str, CandidatePolicy] = {}
        self._safeguards: dict[str, Safeguards] = {}
        self._certified: dict[str, str] = {}
        self._encoders: dict[EncoderSpec, Embedder] = {}
        self._tasks: dict[str, Task] = {}

    @property
    def encoders(self) -> Mapping[EncoderSpec, Embedder]:
        """Those that are open."""
        return MappingProxyType(self._encoders)

    def task(self, name: str) -> Task:
        """The task as it stands; one that nobody has configured has the defaults and no policy.

        Such a task is not remembered: clients may send any name.
        """
        return self._tasks.get(name) or self._made(name)

    def with_policy(self) -> set[str]:
        """The tasks that have a policy."""
        return set(self._policies)

    def policy(self, name: str) -> Policy | None:
        """The installed policy, whether or not the config lets it answer."""
        return self._policies.get(name)

    def encoder_specs(self) -> frozenset[EncoderSpec]:
        """The encoders that tasks ask for, also tasks that nobody has configured."""
        configs = [config_of(EVERY_TASK, self._overrides), *(task.config for task in self._tasks.values())]
        return frozenset(asked for asked in map(encoder_spec, configs) if asked is not None)

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

    def configure(self, key: str, override: Override) -> None:
        """Lay a config message over the defaults, for one task or (`*`) for all."""
        self._overrides[key] = override
        for name in list(self._tasks) if key == EVERY_TASK else [key]:
            self._tasks[name] = self._made(name)

    def set_policy(self, name: str, policy: Policy) -> None:
        self._policies[name] = policy
        self._tasks[name] = self._made(name)

    def set_encoder(self, encoding: EncoderSpec, embedder: Embedder | None) -> None:
        """Use an encoder for what asks for it, or none."""
        if embedder is None:
            self._encoders.pop(encoding, None)
        else:
            self._encoders[encoding] = embedder
        for name in self._tasks:
            self._tasks[name] = self._made(name)

    def drop_encoder(self, embedder: Embedder) -> None:
        """Stop using an encoder that has failed."""
        for encoding in [asked for asked, opened in self._encoders.items() if opened is embedder]:
            self.set_encoder(encoding, None)

    def set_safeguards(self, name: str, safeguards: Safeguards) -> None:
        """Whatever stops answers from now on."""
        self._safeguards[name] = safeguards
        self._tasks[name] = self._made(name)

    def set_certified(self, name: str, version: str | None) -> None:
        """The version of a task that is certified, if one is known to be."""
        if self._certified.get(name) == version:
            return
        self._certified.pop(name, None)
        if version is not None:
            self._certified[name] = version
        self._tasks[name] = self._made(name)

    def forget_certificates(self) -> None:
        """It can't be told any more what is certified."""
        for name in list(self._certified):
            self.set_certified(name, None)

    def set_candidate(self, name: str, trial: CandidatePolicy | None) -> None:
        """Score a policy beside the live one, or no longer."""
        if trial is None:
            self._trials.pop(name, None)
        else:
            self._trials[name] = trial
        self._tasks[name] = self._made(name)

    def drop_policies(self, name: str, at: int) -> bool:
        """Drop the task's policies and what stops them, if they were fitted by `at` (Unix milliseconds).

        Returns:
            Whether there was a policy to drop.
        """
        trial, live = self._trials.get(name), self._policies.get(name)
        if trial is not None and trial.policy.manifest.created_at <= at:
            self.set_candidate(name, None)
        if live is None or live.manifest.created_at > at:
            return False
        del self._policies[name]
        self._safeguards.pop(name, None)
        self._certified.pop(name, None)
        self._tasks[name] = self._made(name)
        return True

    def _made(self, name: str) -> Task:
        config = config_of(name, self._overrides)
        encoding = encoder_spec(config)
        return Task.of(
            name,
            config,
            self._policies.get(name),
            self._trials.get(name),
            self._safeguards.get(name),
            self._encoders.get(encoding) if encoding else None,
            self._certified.get(name),
        )


def _surrogate(
    trial: CandidatePolicy, config: Config, guards: Safeguards, embedder: Embedder | None
) -> ServingPolicy | None:
    manifest = trial.policy.manifest
    if unsuitable_reason(manifest, config, embedder) is not None:
        return None
    blocked = guards.blocked.get(manifest.version, frozenset())
    return ServingPolicy(trial.policy, threshold(manifest, config), blocked, trial.share)


def _read_alike(live: ServingPolicy, candidate: ServingPolicy) -> bool:
    """Whether both score the same features: vectors of one length, where they read vectors."""
    return live.policy.manifest.dimension == candidate.policy.manifest.dimension
