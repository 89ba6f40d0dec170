"""The request of a fit: traces, targets, the policy's name and the features that it reads.

Who asks for a fit loads nothing that learns: a trainer asks a process of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from models.artifact import Artifact
from models.embedders.composite import EncoderPart, encoder_parts
from models.embedders.kinds import sources
from models.manifest import LabelSource, Manifest
from models.study import RepeatCounts
from models.training.fold_models import FoldModels
from models.training.options import Options
from models.training_set import TrainingSet, check_traces


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """All arguments of one fit. It can be sent to another process as it is.

    Attributes:
        training: the traces.
        task, version: for the manifest.
        embedder: features that the policy reads, in the grammar of `models.embedders.kinds`.
        targets: agreements, in (0, 1); the policy is refused if none of them passes the gate.
        delta: chance that a target passes though it does not hold, in (0, 1).
        parent: a policy to start from: its choices, except a residual stage, are taken over, and nothing is
            searched again until the traces have doubled.
        fold_models: of an earlier fit of the task, to start from where they may be.
        teachers: that gave the labels.
        encoder: id of the encoder that made the vectors; None without one. The policy works with no other. Of
            several sources it says how long each one's vector is (`models.embedders.composite`).
        offered: labels that the teacher could give to the traces; None where that is not known.
        repeats: counts of requests that the teacher was asked twice on purpose.
        options: how far to search, and which labels to block.
        seed: of folds, draws and sketches; the same traces, fold models and seed give the same policy, as
            long as the budget cuts nothing off.
    """

    training: TrainingSet
    task: str
    version: str
    embedder: str = "text"
    targets: Sequence[float] = (0.95,)
    delta: float = 0.05
    parent: Artifact | None = None
    fold_models: FoldModels | None = None
    teachers: Sequence[LabelSource] = ()
    encoder: str | None = None
    offered: tuple[str, ...] | None = None
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
    def parts(self) -> tuple[EncoderPart, ...]:
        """Of the vectors, one for each source; empty where none is read, or the encoder's id names others."""
        vectors, count = self.training.features.embeddings, len(sources(self.embedder))
        if vectors is None or count == 0:
            return ()
        return encoder_parts(self.encoder, vectors.shape[1], count) or ()

    @cached_property
    def parent_manifest(self) -> Manifest | None:
        """Raises PolicyError: the parent's manifest can't be read."""
        return None if self.parent is None else Manifest.decode(self.parent.manifest)

    def check(self) -> None:
        """Refuse arguments that can't be used.

        Raises:
            TrainingError: see `models.training_set.check_traces`.
            InvalidSpec: `embedder` is not of the grammar.
            ValueError: a target or delta outside (0, 1), or no target.
        """
        if not self.targets:
            raise ValueError("targets: must have at least one")
        for name, value in [("delta", self.delta), *(("target", target) for target in self.targets)]:
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name}: must be between 0 and 1, not {value}")
        check_traces(self.training, self.embedder, self.encoder)
