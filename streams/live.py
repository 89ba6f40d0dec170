"""What a process knows right now: each task's config and policy. Readers see one whole state or the next.

A `Task` never changes; `Live` swaps the reference when a config message or a new policy arrives.
"""

from dataclasses import dataclass

from models.manifest import Manifest
from models.policy import Policy
from schemas.config import EVERY_TASK, Config, Override, config_of


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it stands.

    Attributes:
        policy: what may answer for it; None until there is one for the configured embedder.
        threshold: least score that is answered; None where nothing is certified for the target.
    """

    name: str
    config: Config
    policy: Policy | None
    threshold: float | None

    @classmethod
    def of(cls, name: str, config: Config, policy: Policy | None) -> "Task":
        if policy is not None and not suits(policy.manifest, config):
            policy = None
        return cls(name, config, policy, threshold(policy.manifest if policy else None, config))

    @property
    def dimension(self) -> int | None:
        """Length of the vectors that requests bring, where it is known."""
        return self.config.dimension or (self.policy.manifest.dimension if self.policy else None)

    @property
    def answers_nothing(self) -> bool:
        """True while all of the task's traffic goes to the teacher, whatever the request."""
        return self.config.paused or self.policy is None or self.threshold is None


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
        self._tasks: dict[str, Task] = {}

    def task(self, name: str) -> Task:
        """The task as it stands; one that nobody has configured has the defaults and no policy.

        Such a task is not remembered: clients may send any name.
        """
        return self._tasks.get(name) or self._made(name)

    def policy(self, name: str) -> Policy | None:
        """The installed policy, whether or not the config lets it answer."""
        return self._policies.get(name)

    def configure(self, key: str, override: Override) -> None:
        """Lay a config message over the defaults, for one task or (`*`) for all."""
        self._overrides[key] = override
        for name in list(self._tasks) if key == EVERY_TASK else [key]:
            self._tasks[name] = self._made(name)

    def install(self, name: str, policy: Policy) -> None:
        self._policies[name] = policy
        self._tasks[name] = self._made(name)

    def _made(self, name: str) -> Task:
        return Task.of(name, config_of(name, self._overrides), self._policies.get(name))
