"""Evaluates a policy on labelled rows: coverage and agreement at each target, with exact bounds."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models import binomial
from models.features import Features
from models.policy import Policy

LEVEL = 0.05


class TargetResult(msgspec.Struct, frozen=True):
    """The result at one target.

    Attributes:
        target: agreement that was asked for.
        threshold: that passed the gate for it; None if none did: all rows are deferred.
        coverage: share of the rows that the surrogate answers.
        agreement: share of the answered rows on which it gives the row's label; None if it answers none.
        low, high: exact two-sided 95 % bounds of the agreement.
        violation: the agreement is significantly below target (one-sided exact p < .05).
    """

    target: float
    threshold: float | None
    coverage: float
    agreement: float | None
    low: float
    high: float
    violation: bool


class Evaluation(msgspec.Struct, frozen=True):
    """What `understudy evaluate --json` prints.

    Attributes:
        rows: number of rows.
        accuracy: share of all rows on which the surrogate's guess is the row's label.
    """

    rows: int
    accuracy: float
    targets: tuple[TargetResult, ...]


def evaluate(
    policy: Policy, features: Features, labels: Sequence[str], targets: Sequence[float] | None = None
) -> Evaluation:
    """Score the rows and compare with `labels`; a label that the policy does not know counts as disagreement.

    Args:
        labels: [n], one for each row of features.
        targets: agreements, in (0, 1); None for those of the policy's frontier.

    Raises:
        PolicyError: the features are not those that this policy reads.
        ValueError: labels and features differ in length.
    """
    if len(labels) != len(features):
        raise ValueError(
            f"features and labels must have the same length: {len(features)} rows, {len(labels)} labels"
        )
    manifest = policy.manifest
    scores = policy.score(features)
    agrees = np.array(manifest.labels, dtype=object)[scores.label] == np.array(labels, dtype=object)
    eligible = (scores.novelty <= manifest.novelty_limit) & ~policy.blocked[scores.label]
    requested = [point.target for point in manifest.frontier] if targets is None else targets
    results = []
    for target in requested:
        threshold = manifest.threshold(target)
        answered = eligible & (scores.score >= (2.0 if threshold is None else threshold))
        hits, trials = int(agrees[answered].sum()), int(answered.sum())
        results.append(_result(target, threshold, hits, trials, len(labels)))
    return Evaluation(len(labels), float(agrees.mean()) if len(labels) else 0.0, tuple(results))


def _result(target: float, threshold: float | None, hits: int, trials: int, rows: int) -> TargetResult:
    return TargetResult(
        target=target,
        threshold=threshold,
        coverage=trials / rows if rows else 0.0,
        agreement=hits / trials if trials else None,
        low=binomial.lower(hits, trials, LEVEL / 2),
        high=binomial.upper(hits, trials, LEVEL / 2),
        violation=binomial.shortfall(hits, trials, target) < LEVEL,
    )
