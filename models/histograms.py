"""Histograms of what a policy scores: cheap enough to keep of all traffic, and without a teacher.

A manifest keeps those of the traces that the policy was certified on; `models.drift` compares.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class ScoreHistograms(Struct, frozen=True):
    """What a version has scored in a while.

    Attributes:
        scores: requests with a score in each bin.
        novel: requests beyond the novelty limit.
        guesses: requests for each label of the policy that was the surrogate's guess, in the policy's order.
    """

    scores: tuple[int, ...]
    novel: int
    guesses: tuple[int, ...]

    @property
    def rows(self) -> int:
        return sum(self.scores)

    def plus(self, other: "ScoreHistograms") -> "ScoreHistograms":
        """Both together; they are of one reference."""
        return ScoreHistograms(
            tuple(one + two for one, two in zip(self.scores, other.scores, strict=True)),
            self.novel + other.novel,
            tuple(one + two for one, two in zip(self.guesses, other.guesses, strict=True)),
        )


class Reference(Struct, frozen=True):
    """What the sampled traces of a fit looked like, scored out of fold.

    Attributes:
        edges: scores between the bins, ascending, in [0, 1]; one less than there are bins.
        counts: of the sampled traces.

    Raises:
        ValueError: not as many bins as the edges make.
    """

    edges: tuple[float, ...]
    counts: ScoreHistograms

    def __post_init__(self) -> None:
        if len(self.counts.scores) != len(self.edges) + 1:
            raise ValueError(f"reference: {len(self.counts.scores)} bins between {len(self.edges)} edges")

    def counted(
        self, scores: NDArray[np.float32], novel: NDArray[np.bool_], guesses: NDArray[np.int64]
    ) -> ScoreHistograms:
        """The histograms of m scored requests, all [m]; `guesses` index into the policy's labels."""
        return count_scores(np.array(self.edges), len(self.counts.guesses), scores, novel, guesses)


def count_scores(
    edges: NDArray[np.float64],
    labels: int,
    scores: NDArray[np.float32],
    novel: NDArray[np.bool_],
    guesses: NDArray[np.int64],
) -> ScoreHistograms:
    """Args:
    edges: between the bins of the scores, ascending.
    labels: how many there are.
    scores, novel, guesses: [m].
    """
    bins = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
    return ScoreHistograms(
        tuple(bins.tolist()),
        int(np.count_nonzero(novel)),
        tuple(np.bincount(guesses, minlength=labels).tolist()),
    )
