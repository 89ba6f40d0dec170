"""The two kinds of policy that are measured: text alone, and vectors that requests bring."""

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.pipeline import Pipeline

from infra.bench import stock
from infra.bench.banking import Split
from models.features import Features


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between them.

    Attributes:
        name: begins the names of its figures.
        embedder: as in a task's config.
        rows: what a policy of this kind reads of a split.
        stock: its scikit-learn counterpart, fitted with so many iterations.
    """

    name: str
    embedder: str
    rows: Callable[[Split], Features]
    stock: Callable[[Split, int], Pipeline]


KINDS = (
    Kind("text", "text", lambda split: split.texts, stock.of_texts),
    Kind("vectors", "precomputed", lambda split: split.vectors, stock.of_vectors),
)
