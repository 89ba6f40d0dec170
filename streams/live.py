"""What a process knows right now: each task's config and policies. Readers see one whole state or the next.

A `Task` never changes; `Live` swaps the reference when a config message, a new policy or another breaker
arrives.
"""

from dataclasses import dataclass

from models.manifest import Manifest
from models.policy import Policy
from schemas.config import EVERY_TASK, Config, Override, config_of
from streams.posture import CLOSED, Breaker, Safeguards


@dataclass(frozen=True, slots=True)
class Surrogate:
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
class Trial:
    """A policy that is tried, and the share of the requests that it decides, in [0, 1]."""

    policy: Policy
    share: float


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it stands.

    Attributes:
        live: what may answer for it; None until there is one for the configured embedder.
        candidate: what is on trial beside it.
    """

    name: str
    config: Config
    live: Surrogate | None = None
    candidate: Surrogate | None = None
    breaker: Breaker = CLOSED

    @classmethod
    def of(
        cls,
        name: str,
        config: Config,
        policy: Policy | None,
        trial: Trial | None = None,
        guards: Safeguards | None = None,
    ) -> "Task":
        """The task with those of the policies that suit its config."""
        guards = guards or Safeguards()
        live = _surrogate(policy, 1.0, config, guards)
        candidate = _surrogate(trial.policy, trial.share, config, guards) if trial else None
        if live and candidate and not _read_alike(live, candidate):
            candidate = None
        return cls(name, config, live, candidate, guards.breaker)

    @property
    def policy(self) -> Policy | None:
        return self.live.policy if self.live else None

    @property
    def threshold(self) -> float | None:
        return self.live.threshold if self.live else threshold(None, self.config)

    @property
    def dimension(self) -> int | None:
        """Length of the vectors that requests bring, where it is known."""
        known = self.live or self.candidate
        return self.config.dimension or (known.policy.manifest.dimension if known else None)

    @property
    def answers_nothing(self) -> bool:
        """True while all of the task's traffic goes to the teacher, whatever the request."""
        return self.config.paused or not any(map(self._answers, (self.live, self.candidate)))

    def _answers(self, surrogate: Surrogate | None) -> bool:
        return (
            surrogate is not None
            and surrogate.share > 0.0
            and surrogate.threshold is not None
            and not self.breaker.stops(surrogate.version)
        )


def suits(manifest: Manifest, config: Config) -> bool:
    """Whether the policy was fitted for what the config says that requests bring."""
    return manifest.embedder == config.embedder and (
        config.dimension is None or manifest.dimension in (None, config.dimension)
    )


def threshold(manifest: Manifest | None, config: Config) -> float | None:
    """The operator's threshold, else the one certified for the target at the configured delta or less."""
    if config.threshold is not None:
        return config.threshold
    if manifest is None or manifest.delta > config.delta:
        return None
    return manifest.threshold(config.target_agreement)


class Live:
    """All tasks of a process. Used on the event loop only."""

    def __init__(self) -> None:
        self._overrides: dict[str, Override] = {}
        self._policies: dict[str, Policy] = {}
        self._trials: dict[str, Trial] = {}
        self._safeguards: dict[str, Safeguards] = {}
        self._tasks: dict[str, Task] = {}

    def task(self, name: str) -> Task:
        """The task as it stands; one that nobody has configured has the defaults and no policy.

        Such a task is not remembered: clients may send any name.
        """
        return self._tasks.get(name) or self._made(name)

    def policy(self, name: str) -> Policy | None:
        """The installed policy, whether or not the config lets it answer."""
        return self._policies.get(name)

    def safeguards(self, name: str) -> Safeguards:
        return self._safeguards.get(name, Safeguards())

    def configure(self, key: str, override: Override) -> None:
        """Lay a config message over the defaults, for one task or (`*`) for all."""
        self._overrides[key] = override
        for name in list(self._tasks) if key == EVERY_TASK else [key]:
            self._tasks[name] = self._made(name)

    def install(self, name: str, policy: Policy) -> None:
        self._policies[name] = policy
        self._tasks[name] = self._made(name)

    def guard(self, name: str, safeguards: Safeguards) -> None:
        """Whatever stops answers from now on."""
        self._safeguards[name] = safeguards
        self._tasks[name] = self._made(name)

    def try_out(self, name: str, trial: Trial | None) -> None:
        """Score a policy beside the live one, or no longer."""
        if trial is None:
            self._trials.pop(name, None)
        else:
            self._trials[name] = trial
        self._tasks[name] = self._made(name)

    def _made(self, name: str) -> Task:
        config = config_of(name, self._overrides)
        return Task.of(
            name, config, self._policies.get(name), self._trials.get(name), self._safeguards.get(name)
        )


def _surrogate(policy: Policy | None, share: float, config: Config, guards: Safeguards) -> Surrogate | None:
    if policy is None or not suits(policy.manifest, config):
        return None
    manifest = policy.manifest
    blocked = guards.blocked.get(manifest.version, frozenset())
    return Surrogate(policy, threshold(manifest, config), blocked, share)


def _read_alike(live: Surrogate, candidate: Surrogate) -> bool:
    """Whether both score the same features: vectors of one length, where they read vectors."""
    return live.policy.manifest.dimension == candidate.policy.manifest.dimension
