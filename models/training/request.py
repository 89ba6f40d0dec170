"""A fit's request: the traces, the targets, and what the policy is to be called and to read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from models.acceptors import top1
from models.artifact import Artifact
from models.manifest import LabelSource, Manifest
from models.study import RepeatCounts
from models.surrogates import linear
from models.surrogates.zoo import ALWAYS
from models.training.options import Options
from models.training.sweep import Recipe
from models.training_set import TrainingSet, check_traces

OUTGROWN = 2.0


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What one fit needs to know. It may be sent to another process as it is.

    Attributes:
        training: the traces.
        task, version: for the manifest.
        embedder: what the policy reads, in the grammar of `models.embedders.spec`.
        targets: agreements wanted, in (0, 1); the policy is refused if none of them passes the gate.
        delta: chance of passing a target that is not met, in (0, 1).
        parent: a policy to start from: what it has chosen is taken over, but for a residual stage,
            and nothing is searched again until the traces have doubled.
        teachers: who gave the labels.
        encoder: id of the encoder that made the vectors, where one did; the policy answers for no other.
        repeats: how often the teacher said the same when asked twice, where that was tried.
        options: how far to search, and what is never answered.
        seed: of folds, draws and sketches; the same traces and seed give the same policy, as long
            as the budget decides nothing.
    """

    training: TrainingSet
    task: str
    version: str
    embedder: str = "text"
    targets: Sequence[float] = (0.95,)
    delta: float = 0.05
    parent: Artifact | None = None
    teachers: Sequence[LabelSource] = ()
    encoder: str | None = None
    repeats: RepeatCounts = field(default_factory=RepeatCounts)
    options: Options = field(default_factory=Options)
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(sorted({round(target, 6) for target in self.targets})))
        object.__setattr__(self, "teachers", tuple(self.teachers))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The teacher's labels, sorted."""
        return tuple(sorted({str(label) for label in self.training.labels}))

    @cached_property
    def parent_manifest(self) -> Manifest | None:
        """Raises PolicyError: the parent's manifest can't be read."""
        return None if self.parent is None else Manifest.decode(self.parent.manifest)

    def check(self) -> None:
        """Refuse what can't be fitted.

        Raises:
            TrainingError: see `models.training_set.check_traces`.
            InvalidSpec: `embedder` is not of the grammar.
            ValueError: a target or delta outside (0, 1), or no target.
        """
        if not self.targets:
            raise ValueError("targets: at least one is needed")
        for name, value in [("delta", self.delta), *(("target", target) for target in self.targets)]:
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name}: {value} is not between 0 and 1")
        check_traces(self.training, self.embedder)


def recipe(request: FitRequest) -> Recipe | None:
    """What the parent has chosen, if it read the same features and has not been outgrown since."""
    parent = request.parent_manifest
    if parent is None or parent.embedder != request.embedder:
        return None
    if len(request.training) > OUTGROWN * parent.searched:
        return None
    strengths = {one.reads: one.strength for one in reversed(parent.members) if one.kind == linear.KIND}
    extras = frozenset(one.kind for one in parent.members) - set(ALWAYS)
    return Recipe(strengths, extras, parent.acceptor == top1.NAME)
