"""A stream that drifts at a fixed request: which rows are asked about, and what the teacher says to each.

The teacher is the gold label, changed or not. What it says of a request depends on the request's place alone,
so the figures can be checked against it, and both cells of a pair see the same stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.bench.banking import Split
from schemas.messages import Request, Teacher

TASK = "banking"


@dataclass(frozen=True, slots=True)
class Stream:
    """Attributes:
    rows: of the data, in the order of the requests; each at most once.
    said: the teacher's label for each.
    drifted: place of the first request after the drift.
    teachers: who answers before it, and who since.
    unseen: intents that do not come before it.
    """

    rows: tuple[int, ...]
    said: tuple[str, ...]
    drifted: int
    teachers: tuple[Teacher, Teacher]
    unseen: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def teacher(self, place: int) -> Teacher:
        return self.teachers[place >= self.drifted]


def requests(stream: Stream, data: Split) -> Iterator[Request]:
    """Each with its text and its vector.

    Args:
        data: with vectors.
    """
    asked = data.take(stream.rows).rows
    vectors, texts = asked.embeddings, asked.texts or []
    for place, text in enumerate(texts):
        embedding = None if vectors is None else vectors[place].astype("<f4").tobytes()
        yield Request(f"r{place}", TASK, text, embedding)


def place_of(request: str) -> int:
    """Where in the stream the request with this id stands."""
    return int(request.removeprefix("r"))
