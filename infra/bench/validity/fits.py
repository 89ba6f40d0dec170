"""One fit of validity: the policy behind its own gate, and behind a gate that tests thresholds on fresh rows.

The second gate is what an ideal one would show in this measure: its rows have taught and chosen nothing, so
its misses are those that delta allows and those that judging on a few thousand rows adds.
"""

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from infra.bench.corpora import Split
from infra.bench.kinds import FeatureKind
from infra.bench.results_log import DrawCell
from infra.bench.trial import DELTA, Contestant, FitTrial, TargetOutcome, judge, timed_fit
from infra.bench.validity.draws import draw
from models.artifact import Artifact
from models.fit import Options
from models.gate.frontier import frontier_points, gate_sample
from models.manifest import grid
from models.policy import Policy

TARGETS = (0.80, 0.85, 0.90, 0.95, 0.98)
FitResults = tuple[FitTrial, tuple[TargetOutcome, ...]]
"""A trial, and the outcomes behind the gate of fresh rows."""


def fit_kind(kind: FeatureKind, pool: Split, cell: DrawCell) -> FitResults:
    """A fit of ours on this draw, for all targets at once, without a learning curve.

    Raises:
        MissingData: the pool has too few rows for the draw.
    """
    rows = draw(cell, pool)
    result = timed_fit(kind, rows.sent, targets=TARGETS, options=Options(curve=0.0))
    outcomes = judge(result.artifact, kind, rows.judged, TARGETS)
    other = None if result.artifact is None else with_fresh_gate(result.artifact, kind, rows.fresh, TARGETS)
    trial = FitTrial(outcomes, result.summary.seconds, len(result.summary.frontier))
    return trial, judge(other, kind, rows.judged, TARGETS)


def fit_rival(contestant: Contestant, pool: Split, cell: DrawCell) -> FitResults:
    """A fit of another library on this draw. Raises MissingData: as `fit_kind`."""
    rows = draw(cell, pool)
    return contestant(rows.sent, rows.judged), ()


def with_fresh_gate(
    artifact: Artifact, kind: FeatureKind, fresh: Split, targets: Sequence[float]
) -> Artifact:
    """The same policy with the frontier that it reaches on these rows."""
    policy = Policy.open(artifact.manifest, artifact.graph)
    scores = policy.score(kind.rows(fresh))
    agrees = np.array(policy.manifest.labels, dtype=object)[scores.label] == np.array(fresh.labels, object)
    eligible = (scores.novelty <= policy.manifest.novelty_limit) & ~policy.blocked[scores.label]
    sample = gate_sample(scores.score, agrees, eligible, np.ones(len(fresh), dtype=np.bool_))
    points = frontier_points(sample, grid(targets), DELTA)
    return Artifact(replace(policy.manifest, frontier=points).encode(), artifact.graph)
