"""Streams that drift at a fixed request, in three ways: which rows are asked, and the teacher's answers.

- `swapped_labels`: the teacher exchanges the labels of 20 intents, in 10 pairs;
  its name and prompt stay the same.
- `new_intents`: 15 intents are kept out before; from then on they come at their natural share.
- `other_model`: another model answers, one with a coarser notion: 12 intents are folded each into a
  sibling, the intent with the nearest centroid of vectors.

The teacher is the gold label, changed or not. Its answer depends on the request's place alone, so figures can
be checked against it, and both runs of a pair see the same stream. The seed decides the order of the rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from infra.bench.corpora import Split
from schemas.messages import Request, Teacher

TASK = "banking"


@dataclass(frozen=True, slots=True)
class Stream:
    """Attributes:
    rows: of the data, in the order of the requests; each at most once.
    answers: the teacher's label for each.
    drifted: place of the first request after the drift.
    teachers: who answers before the drift, and who from then on.
    unseen: intents that do not come before the drift.
    """

    rows: tuple[int, ...]
    answers: tuple[str, ...]
    drifted: int
    teachers: tuple[Teacher, Teacher]
    unseen: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def teacher(self, place: int) -> Teacher:
        return self.teachers[place >= self.drifted]


def stream_requests(stream: Stream, data: Split) -> Iterator[Request]:
    """Each with its text and its vector.

    Args:
        data: with vectors.
    """
    rows = data.take(stream.rows).rows
    vectors, texts = rows.embeddings, rows.texts or []
    for place, text in enumerate(texts):
        embedding = None if vectors is None else vectors[place].astype("<f4").tobytes()
        yield Request(f"r{place}", TASK, text, embedding)


def place_of(request_id: str) -> int:
    """Place in the stream of the request with this id."""
    return int(request_id.removeprefix("r"))


SWAPPED, UNSEEN, FOLDED = 20, 15, 12
GOLD, UPGRADED = Teacher("gold", "v1"), Teacher("gold-2", "v1")

DriftScenario = Callable[[Split, int, int], Stream]
"""Makes a stream of data, a seed, and the place at which the drift begins."""


def swapped_labels(data: Split, seed: int, drifted: int) -> Stream:
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(data)).tolist()
    chosen = generator.permutation(sorted(set(data.labels)))[:SWAPPED].tolist()
    pairs = zip(chosen[::2], chosen[1::2], strict=True)
    partner = {one: two for pair in pairs for one, two in (pair, pair[::-1])}
    return Stream(tuple(rows), _answers(data, rows, drifted, partner), drifted, (GOLD, GOLD))


def new_intents(data: Split, seed: int, drifted: int) -> Stream:
    """Of the new intents as many rows are used as keep their share of all rows."""
    generator = np.random.default_rng(seed)
    unseen = frozenset(generator.permutation(sorted(set(data.labels)))[:UNSEEN].tolist())
    order = generator.permutation(len(data)).tolist()
    known = [row for row in order if data.labels[row] not in unseen]
    fresh = [row for row in order if data.labels[row] in unseen]
    later = known[drifted:]
    later += fresh[: round(len(later) * len(fresh) / len(known))]
    rows = [*known[:drifted], *generator.permutation(later).tolist()]
    return Stream(tuple(rows), _answers(data, rows, drifted, {}), drifted, (GOLD, GOLD), unseen)


def other_model(data: Split, seed: int, drifted: int) -> Stream:
    rows = np.random.default_rng(seed).permutation(len(data)).tolist()
    answers = _answers(data, rows, drifted, folded_intents(data, FOLDED))
    return Stream(tuple(rows), answers, drifted, (GOLD, UPGRADED))


DRIFTS: Mapping[str, DriftScenario] = MappingProxyType(
    {"swapped": swapped_labels, "new": new_intents, "model": other_model}
)


def folded_intents(data: Split, count: int) -> dict[str, str]:
    """Folded intent -> sibling: the `count` nearest pairs of intents, no intent in two pairs."""
    names, index = np.unique(data.labels, return_inverse=True)
    similarity = np.triu(_similarity(data.rows.embeddings, index, len(names)), k=1)
    similarity[np.tril_indices(len(names))] = -np.inf
    siblings: dict[str, str] = {}
    for place in np.argsort(-similarity, axis=None, kind="stable"):
        into, folded = (str(names[at]) for at in divmod(int(place), len(names)))
        if not {into, folded} & {*siblings, *siblings.values()}:
            siblings[folded] = into
        if len(siblings) == count:
            break
    return siblings


def _similarity(
    vectors: NDArray[np.float32] | None, index: NDArray[np.int64], labels: int
) -> NDArray[np.float64]:
    """Cosines between the labels' centroids."""
    rows = np.zeros((len(index), 1)) if vectors is None else vectors.astype(np.float64)
    centroids = np.array([rows[index == label].mean(axis=0) for label in range(labels)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    similarity: NDArray[np.float64] = centroids @ centroids.T
    return similarity


def _answers(data: Split, rows: Sequence[int], drifted: int, after: Mapping[str, str]) -> tuple[str, ...]:
    """The gold labels, from `drifted` on replaced as `after` says."""
    gold = [data.labels[row] for row in rows]
    return (*gold[:drifted], *(after.get(label, label) for label in gold[drifted:]))
