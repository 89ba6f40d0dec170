"""Task: its config, policies and breaker as they are at one moment, and what follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.deferrals import shift_at
from models.embedders.compatibility import mismatch_reason, open_parts
from models.embedders.composite import parts_of
from models.embedders.contract import Embedder
from models.embedders.kinds import is_lazy, needs_encoder, parts_read
from models.manifest import Manifest
from models.policy import Policy
from schemas.config import Config
from streams.label_set import LabelSet, known_labels
from streams.sampling import UNKNOWN, SamplingState, audit_rate
from streams.versions.breaker_state import CLOSED, Breaker, Safeguards
from streams.versions.guard_state import GUARDED, Guard


@dataclass(frozen=True, slots=True)
class ServingPolicy:
    """A policy with the threshold and the limits under which it may answer.

    Attributes:
        threshold: least score that is answered; None where no threshold has passed the gate for the target.
        labels: that it answers with, by their names of today, in the order of the graph's label output.
        blocked: labels that audits or an operator have blocked, in addition to those of its manifest.
        share: of the requests that it decides, in [0, 1].
        deferred_shift: of the log-odds of scores under the threshold (`models.deferrals`); None if unknown.
        removed: labels that it may not answer, since the teacher may not give them any more.
        new_labels: labels that the teacher may give and that the policy can't know.
        waits_for_labels: it may answer nothing, because of `new_labels`.
    """

    policy: Policy
    threshold: float | None
    labels: tuple[str, ...]
    blocked: frozenset[str] = frozenset()
    share: float = 1.0
    deferred_shift: float | None = None
    removed: frozenset[str] = frozenset()
    new_labels: tuple[str, ...] = ()
    waits_for_labels: bool = False

    @property
    def version(self) -> str:
        return self.policy.manifest.version


@dataclass(frozen=True, slots=True)
class CandidatePolicy:
    """A policy on trial, and the share of the requests that it decides, in [0, 1]."""

    policy: Policy
    share: float


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it is now.

    Attributes:
        live: the policy that may answer; None until there is one for the configured embedder.
        candidate: the policy on trial.
        embedder: what makes the vectors that the config names, as one encoder; None where it names none, or
            while one of them is not open.
        sampling: what the audit rate depends on, as far as is known now.
        unguarded: nothing may be answered, since nobody has counted audits for so long, or since what Redis
            holds of the task can't be read.
        early: the policy of a cascade whose first stages answer before all vectors are made, from the text
            alone or from the first encoders, whether or not the others are open here; None for all others,
            and while a candidate is on trial.
        parts: the encoder of each source of vectors, in their order; None where it is not open.
    """

    name: str
    config: Config
    live: ServingPolicy | None = None
    candidate: ServingPolicy | None = None
    breaker: Breaker = CLOSED
    embedder: Embedder | None = None
    sampling: SamplingState = UNKNOWN
    unguarded: bool = False
    early: ServingPolicy | None = None
    parts: tuple[Embedder | None, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        config: Config,
        policy: Policy | None,
        tried: CandidatePolicy | None = None,
        safeguards: Safeguards | None = None,
        embedder: Embedder | None = None,
        certified: str | None = None,
        certifying: int | None = None,
        drifting: str | None = None,
        guard: Guard = GUARDED,
        *,
        unreadable: bool = False,
        parts: Sequence[Embedder | None] | None = None,
    ) -> "Task":
        """The task with those of the policies that are suitable for its config and its encoder.

        Args:
            certified: the version that is certified, if one is.
            certifying: sampled traces that the next refit may certify on; None where it is not known.
            drifting: the version whose deferrals ask for more audits, if one does.
            guard: whether audits are counted; where it is stale, nothing is certified.
            unreadable: what Redis holds of the task can't be read.
            parts: the encoder of each source; None for those of `embedder`.
        """
        parts = parts_of(embedder) if parts is None else tuple(parts)
        safeguards = safeguards or Safeguards()
        live = _serving_policy(CandidatePolicy(policy, 1.0), config, safeguards, embedder) if policy else None
        candidate = _serving_policy(tried, config, safeguards, embedder) if tried else None
        if live and candidate and not _same_features(live, candidate):
            candidate = None
        early = _early_policy(policy, config, safeguards, parts) if policy and not tried else None
        answering = live or early
        proven = guard.is_fresh and answering is not None and answering.version == certified
        sampling = SamplingState(
            proven and answering is not None and not answering.new_labels,
            certifying,
            drifting=answering is not None and answering.version == drifting,
            new_labels=answering is not None and bool(answering.new_labels),
        )
        return cls(
            name,
            config,
            live,
            candidate,
            safeguards.breaker,
            embedder,
            sampling,
            unguarded=unreadable or guard.stops(config.guard_staleness),
            early=early,
            parts=parts,
        )

    @property
    def policy(self) -> Policy | None:
        return self.live.policy if self.live else None

    @property
    def threshold(self) -> float | None:
        return self.live.threshold if self.live else threshold(None, self.config)

    @property
    def audit_rate(self) -> float:
        """Share of requests that are audited now, in [0, 1]."""
        return audit_rate(self.config, self.sampling).rate

    @property
    def inclusion(self) -> float:
        """Probability, in (0, 1], that a request becomes a sampled trace: 1 while nothing is answered."""
        return 1.0 if self.answers_nothing else self.audit_rate

    @property
    def dimension(self) -> int | None:
        """Length of the vectors that requests bring, where it is known."""
        known = self.live or self.candidate
        return self.config.dimension or (known.policy.manifest.dimension if known else None)

    @property
    def answers_nothing(self) -> bool:
        """True while all of the task's traffic goes to the teacher, whatever the request."""
        stopped = self.config.paused or self.unguarded
        return stopped or not any(map(self._answers, (self.live, self.candidate, self.early)))

    def _answers(self, policy: ServingPolicy | None) -> bool:
        return (
            policy is not None
            and policy.share > 0.0
            and policy.threshold is not None
            and not policy.waits_for_labels
            and not self.breaker.stops(policy.version)
        )


def unsuitable_reason(manifest: Manifest, config: Config, embedder: Embedder | None = None) -> str | None:
    """Why the policy can't answer for a task with this config and encoder; None where it can."""
    return _config_mismatch(manifest, config) or mismatch_reason(manifest, embedder)


def _config_mismatch(manifest: Manifest, config: Config) -> str | None:
    """Why the policy does not suit this config, whatever encoder is open; None where it does."""
    if manifest.embedder != config.embedder:
        return (
            f"policy {manifest.version} reads `{manifest.embedder}`, and the config says `{config.embedder}`"
        )
    if config.dimension is not None and manifest.dimension not in (None, config.dimension):
        return (
            f"policy {manifest.version} reads vectors of {manifest.dimension} numbers, and the config says "
            f"{config.dimension}"
        )
    return None


def threshold(manifest: Manifest | None, config: Config) -> float | None:
    """The operator's threshold, else the one that passed the gate for the aim, at delta or less."""
    if config.threshold is not None:
        return config.threshold
    if manifest is None or manifest.delta > config.delta:
        return None
    return manifest.threshold(config.aim)


def _serving_policy(
    tried: CandidatePolicy, config: Config, safeguards: Safeguards, embedder: Embedder | None
) -> ServingPolicy | None:
    if unsuitable_reason(tried.policy.manifest, config, embedder) is not None:
        return None
    return _served(tried, config, safeguards)


def _early_policy(
    policy: Policy, config: Config, safeguards: Safeguards, parts: Sequence[Embedder | None]
) -> ServingPolicy | None:
    if _config_mismatch(policy.manifest, config) is not None:
        return None
    if not (needs_encoder(config.embedder) and is_lazy(config.embedder)):
        return None
    least = parts_read(config.embedder)[0]
    if least > 0 and open_parts(policy.manifest, parts) < least:
        return None
    return _served(CandidatePolicy(policy, 1.0), config, safeguards)


def _served(tried: CandidatePolicy, config: Config, safeguards: Safeguards) -> ServingPolicy:
    manifest = tried.policy.manifest
    blocked, label_set = safeguards.blocked.get(manifest.version, frozenset()), LabelSet.of(config.teacher)
    labels, least = tuple(map(label_set.current, manifest.labels)), threshold(manifest, config)
    new_labels = label_set.new_to(known_labels(manifest))
    return ServingPolicy(
        tried.policy,
        least,
        labels,
        blocked=frozenset(map(label_set.current, (*blocked, *config.never_answer))),
        share=tried.share,
        deferred_shift=None if least is None else shift_at(manifest.frontier, least),
        removed=label_set.removed_of(manifest),
        new_labels=new_labels,
        waits_for_labels=bool(new_labels) and config.label_added == "defer",
    )


def _same_features(live: ServingPolicy, candidate: ServingPolicy) -> bool:
    """Whether both read the same features: vectors of one length, where they read vectors."""
    return live.policy.manifest.dimension == candidate.policy.manifest.dimension
