"""The kinds of policy that are measured: text, vectors that requests bring, both together, or in turn.

What reads texts is compared with a pipeline of scikit-learn on the same texts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sklearn.pipeline import Pipeline

from infra.bench import stock
from infra.bench.banking import Split
from infra.errors import MissingData
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
    Kind("text", "text", attrgetter("texts"), stock.of_texts),
    Kind("vectors", "precomputed", attrgetter("vectors"), stock.of_vectors),
)
RICHER = (
    Kind("text+vectors", "text+precomputed", attrgetter("rows"), stock.of_both),
    Kind("text>vectors", "text>precomputed", attrgetter("rows"), stock.of_both),
)
"""Both at once, and text first, the vector for what it defers."""


def chosen_kinds(names: Sequence[str]) -> tuple[Kind, ...]:
    """Those of the names, all where there is none.

    Raises:
        MissingData: there is no such kind.
    """
    known = {kind.name: kind for kind in (*KINDS, *RICHER)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise MissingData(f"no kind of policy is called {unknown[0]!r}: there are {', '.join(known)}")
    return tuple(kind for kind in known.values() if not names or kind.name in names)
