"""Result of a fit, and its summary. Who reads them loads nothing that learns."""

from dataclasses import dataclass, field

import msgspec

from models.artifact import Artifact
from models.gate.frontier import Sample
from models.manifest import FrontierPoint, point_for
from models.study import Study
from models.training.fold_models import FoldModels


class FitSummary(msgspec.Struct, frozen=True):
    """What `understudy fit --json` prints.

    Attributes:
        version: name of the policy, refused or not.
        traces, sampled, labels: number of traces, of those in a uniform sample of all traffic, and of labels.
        seconds: that the fit took.
        surrogate, acceptor: in words; `none` if nothing was fitted.
        accuracy: share of all traces on which the surrogate's guess is the teacher's label, out of fold; 0.0
            if nothing was fitted.
        frontier: all targets that passed the gate, lowest first.
        refused: reasons; None if there is a policy.
        repeated: share of the traces that say what an earlier one said, under whatever id.
        drawn_from: how many traces there were, of which `traces` were drawn; None where these were all.
    """

    version: str
    traces: int
    sampled: int
    labels: int
    seconds: float
    surrogate: str
    acceptor: str
    accuracy: float
    frontier: tuple[FrontierPoint, ...]
    refused: tuple[str, ...] | None
    repeated: float = 0.0
    drawn_from: int | None = None

    def coverage(self, target: float) -> float:
        """Share of the requests that it answers at this target; 0.0 if no target at or above it passed."""
        point = point_for(self.frontier, target)
        return point.coverage if point else 0.0


@dataclass(frozen=True, slots=True)
class FitResult:
    """A policy, or the reasons for a refusal.

    Attributes:
        artifact: None if refused.
        refused: reasons; empty if at least one of the requested targets passed the gate.
        summary: figures of the fit, refused or not.
        study: results for each trace; None if nothing was fitted.
        sample: what the gate tested; None if nothing was fitted.
        fold_models: that the task's next fit may start from; None where there are none.
    """

    artifact: Artifact | None
    refused: tuple[str, ...]
    summary: FitSummary
    study: Study | None = field(default=None, compare=False)
    sample: Sample | None = field(default=None, compare=False)
    fold_models: FoldModels | None = field(default=None, compare=False)
