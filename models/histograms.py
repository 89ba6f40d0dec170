"""Score histograms of a policy, cheap enough to keep for all traffic; they need no teacher.

A manifest keeps the histograms of the policy's sampled training traces; `models.drift` compares with them.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class ScoreHistograms(Struct, frozen=True):
    """Histograms of the requests that a version has scored in one period.

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
        """The sum of both; both must have the bins of the same reference."""
        return ScoreHistograms(
            tuple(one + two for one, two in zip(self.scores, other.scores, strict=True)),
            self.novel + other.novel,
            tuple(one + two for one, two in zip(self.guesses, other.guesses, strict=True)),
        )


class Reference(Struct, frozen=True):
    """Histograms of the sampled traces of a fit, scored out of fold.

    Attributes:
        edges: scores between two bins, ascending, in [0, 1]; one fewer than there are bins.
        counts: the histograms.

    Raises:
        ValueError: the number of bins does not fit the number of edges.
    """

    edges: tuple[float, ...]
    counts: ScoreHistograms

    def __post_init__(self) -> None:
        if len(self.counts.scores) != len(self.edges) + 1:
            raise ValueError(
                f"reference: expected one more bin than edges, got {len(self.counts.scores)} bins "
                f"for {len(self.edges)} edges"
            )

    def count(
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
    """The histograms of m scored requests.

    Args:
        edges: scores between two bins, ascending.
        labels: number of labels of the policy.
        scores, novel, guesses: all [m]; `guesses` index into the policy's labels.
    """
    bins = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
    return ScoreHistograms(
        tuple(bins.tolist()),
        int(np.count_nonzero(novel)),
        tuple(np.bincount(guesses, minlength=labels).tolist()),
    )
