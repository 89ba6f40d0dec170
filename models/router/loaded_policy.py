"""Decides each query by a policy: answer it, or defer it with a reason. In doubt, defer."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from models.embedders.batch_vectors import BatchVectors
from models.embedders.compatibility import check
from models.embedders.composite import parts_of
from models.embedders.contract import Embedder
from models.embedders.kinds import PRECOMPUTED, is_lazy, needs_text, reads_text, vectors_of
from models.embedders.loader import encoder_for
from models.errors import EmbedderError, PolicyError, TextRefused
from models.features import Features
from models.policy import Policy, Scores
from models.router.prediction import DecisionReason
from models.router.query import Query

log = logging.getLogger(__name__)


class HasPolicy(Protocol):
    """Anything with a policy in it, as what `fit` returns."""

    @property
    def policy(self) -> Policy: ...


PolicySource = str | os.PathLike[str] | Policy | HasPolicy | None


class RowDecision(NamedTuple):
    """What the surrogate does with one query; `guess` and `score` are None where it made no guess."""

    reason: DecisionReason
    guess: str | None = None
    score: float | None = None

    @property
    def accepted(self) -> bool:
        return self.reason == "accepted"


class LoadedPolicy:
    """A policy with the threshold of one target and the encoder that it needs. Any thread may call it.

    Attributes:
        manifest: the policy's own account.
        threshold: lowest score that is answered; None where no threshold passed the gate at the target.
    """

    def __init__(self, policy: Policy, target: float, embedder: Embedder | None) -> None:
        self.manifest = policy.manifest
        self.threshold = policy.manifest.threshold(target)
        self._policy = policy
        self._embedder = embedder
        spec = policy.manifest.embedder
        self._needs_text, self._reads_text, self._lazy = needs_text(spec), reads_text(spec), is_lazy(spec)
        self._brings_vector = vectors_of(spec) == PRECOMPUTED

    def decide(self, queries: Sequence[Query]) -> list[RowDecision]:
        """A decision for each query, in order; none depends on the other queries."""
        decisions = [RowDecision("unscored")] * len(queries)
        places = [place for place, query in enumerate(queries) if self._can_read(query)]
        if len(places) < len(queries):
            log.warning(
                "queries deferred: they lack what the policy reads; count=%d policy=%s reads=%s dimension=%s",
                len(queries) - len(places),
                self.manifest.version,
                self.manifest.embedder,
                self.manifest.dimension,
            )
        for place, decision in zip(places, self._score([queries[place] for place in places]), strict=True):
            decisions[place] = decision
        return decisions

    def _can_read(self, query: Query) -> bool:
        if self._needs_text and query.text is None:
            return False
        if not self._brings_vector:
            return True
        vector = query.vector
        return (
            vector is not None and len(vector) == self.manifest.dimension and bool(np.isfinite(vector).all())
        )

    def _score(self, queries: Sequence[Query]) -> list[RowDecision]:
        if not queries:
            return []
        texts = [query.text or "" for query in queries] if self._needs_text else []
        vectors = BatchVectors(texts, parts_of(self._embedder))
        try:
            return self._decisions(self._scores(queries, vectors))
        except TextRefused as error:
            if len(queries) > 1:
                return [self._score([query])[0] for query in queries]
            log.warning("query deferred: the encoder refused its text; id=%s: %s", queries[0].id, error)
        except (PolicyError, EmbedderError) as error:
            log.error(
                "queries deferred: the policy could not score them; count=%d policy=%s: %s",
                len(queries),
                self.manifest.version,
                error,
            )
            if self._lazy and vectors.failed is not None:
                return self._early(vectors, vectors.failed)
        return [RowDecision("unscored")] * len(queries)

    def _early(self, vectors: BatchVectors, parts: int) -> list[RowDecision]:
        """What the stages before a failed encoder decide, which reads the vectors of the first `parts`."""
        try:
            scores, is_final = self._policy.score_early(Features(vectors.texts), parts, vectors.embed)
        except PolicyError:
            return [RowDecision("unscored")] * len(vectors.texts)
        return [
            decision if final else RowDecision("unscored")
            for decision, final in zip(self._decisions(scores), is_final.tolist(), strict=True)
        ]

    def _scores(self, queries: Sequence[Query], vectors: BatchVectors) -> Scores:
        seen = vectors.texts if self._reads_text else None
        if self._brings_vector:
            brought = np.stack([query.vector for query in queries if query.vector is not None])
            return self._policy.score(Features(seen, brought))
        if self._embedder is None:
            return self._policy.score(Features(seen))
        if self._lazy:
            return self._policy.score(Features(vectors.texts), vectors.embed)
        return self._policy.score(Features(seen, vectors.embed(range(len(queries)))))

    def _decisions(self, scores: Scores) -> list[RowDecision]:
        labels, blocked = self.manifest.labels, self._policy.blocked
        familiar = (scores.novelty <= self.manifest.novelty_limit).tolist()
        return [
            RowDecision(self._reason(known, bool(blocked[code]), score), labels[code], score)
            for code, score, known in zip(scores.label.tolist(), scores.score.tolist(), familiar, strict=True)
        ]

    def _reason(self, familiar: bool, blocked: bool, score: float) -> DecisionReason:
        if self.threshold is None:
            return "uncertified"
        if not familiar:
            return "novel"
        if blocked:
            return "blocked_label"
        return "accepted" if score >= self.threshold else "low_score"


def load_policy(policy: Policy, target: float, prompt: str | None = None) -> LoadedPolicy:
    """Open the encoder that the policy needs, and look up its threshold.

    Raises:
        EmbedderError: the encoder can't be opened.
        PolicyError: it is not the encoder that the policy was fitted with.
    """
    manifest = policy.manifest
    embedder = encoder_for(manifest.embedder, manifest.labels, prompt)
    check(manifest, embedder)
    loaded = LoadedPolicy(policy, target, embedder)
    if loaded.threshold is None:
        passing = [f"{point.target:g}" for point in manifest.frontier]
        log.warning(
            "policy answers nothing, every request is deferred: no threshold passed the gate at this target; "
            "policy=%s target=%g targets that pass=%s",
            manifest.version,
            target,
            ",".join(passing) or "none",
        )
    return loaded


def open_policy(policy: PolicySource) -> Policy | None:
    """The policy itself; None for None.

    Raises:
        PolicyError: there is no usable policy in the directory.
        FitRefused: the fit had no policy.
    """
    if policy is None or isinstance(policy, Policy):
        return policy
    if isinstance(policy, str | os.PathLike):
        return Policy.load(Path(policy))
    return policy.policy
