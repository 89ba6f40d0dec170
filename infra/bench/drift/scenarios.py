"""The three kinds of drift. Each makes a stream of the same rows; the seed decides their order.

- `swapped_labels`: the teacher exchanges the labels of 20 intents, in 10 pairs;
  its name and prompt stay the same.
- `new_intents`: 15 intents are kept out before; from then on they come at their natural share.
- `other_model`: another model answers, one with a coarser notion: 12 intents are folded each into a
  sibling, the intent with the nearest centroid of vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from infra.bench.banking import Split
from infra.bench.drift.stream import Stream
from schemas.messages import Teacher

SWAPPED, UNSEEN, FOLDED = 20, 15, 12
GOLD, UPGRADED = Teacher("gold", "v1"), Teacher("gold-2", "v1")

Drift = Callable[[Split, int, int], Stream]
"""Of data, a seed, and the place at which it begins."""


def swapped_labels(data: Split, seed: int, drifted: int) -> Stream:
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(data)).tolist()
    chosen = generator.permutation(sorted(set(data.labels)))[:SWAPPED].tolist()
    pairs = zip(chosen[::2], chosen[1::2], strict=True)
    other = {one: two for pair in pairs for one, two in (pair, pair[::-1])}
    return Stream(tuple(rows), _said(data, rows, drifted, other), drifted, (GOLD, GOLD))


def new_intents(data: Split, seed: int, drifted: int) -> Stream:
    """Of the intents that come later only so many rows are used as their share of all rows asks for."""
    generator = np.random.default_rng(seed)
    unseen = frozenset(generator.permutation(sorted(set(data.labels)))[:UNSEEN].tolist())
    order = generator.permutation(len(data)).tolist()
    known = [row for row in order if data.labels[row] not in unseen]
    fresh = [row for row in order if data.labels[row] in unseen]
    later = known[drifted:]
    later += fresh[: round(len(later) * len(fresh) / len(known))]
    rows = [*known[:drifted], *generator.permutation(later).tolist()]
    return Stream(tuple(rows), _said(data, rows, drifted, {}), drifted, (GOLD, GOLD), unseen)


def other_model(data: Split, seed: int, drifted: int) -> Stream:
    rows = np.random.default_rng(seed).permutation(len(data)).tolist()
    said = _said(data, rows, drifted, folded_intents(data, FOLDED))
    return Stream(tuple(rows), said, drifted, (GOLD, UPGRADED))


DRIFTS: Mapping[str, Drift] = MappingProxyType(
    {"swapped": swapped_labels, "new": new_intents, "model": other_model}
)


def folded_intents(data: Split, count: int) -> dict[str, str]:
    """Which intent is folded into which: the nearest pairs of intents, none of which is in two of them."""
    names, index = np.unique(data.labels, return_inverse=True)
    likeness = np.triu(_likeness(data.rows.embeddings, index, len(names)), k=1)
    likeness[np.tril_indices(len(names))] = -np.inf
    found: dict[str, str] = {}
    for place in np.argsort(-likeness, axis=None, kind="stable"):
        into, folded = (str(names[at]) for at in divmod(int(place), len(names)))
        if not {into, folded} & {*found, *found.values()}:
            found[folded] = into
        if len(found) == count:
            break
    return found


def _likeness(
    vectors: NDArray[np.float32] | None, index: NDArray[np.int64], labels: int
) -> NDArray[np.float64]:
    """Cosines between the labels' centroids."""
    rows = np.zeros((len(index), 1)) if vectors is None else vectors.astype(np.float64)
    centroids = np.array([rows[index == label].mean(axis=0) for label in range(labels)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    likeness: NDArray[np.float64] = centroids @ centroids.T
    return likeness


def _said(data: Split, rows: Sequence[int], drifted: int, after: Mapping[str, str]) -> tuple[str, ...]:
    """The gold labels, from `drifted` on as the map has them."""
    gold = [data.labels[row] for row in rows]
    return (*gold[:drifted], *(after.get(label, label) for label in gold[drifted:]))
