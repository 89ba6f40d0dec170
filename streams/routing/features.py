"""What a policy scores of a request: its text, the vector that it brings, or one made of the text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.embedders.contract import Embedder
from models.embedders.spec import PRECOMPUTED, is_lazy, needs_text, reads_text, vectors_of
from models.features import Features
from schemas.errors import InvalidVector
from schemas.messages import Request
from schemas.vectors import Wire, matrix, vector
from streams.tasks import Task


def feature_error(request: Request, task: Task) -> str | None:
    """Why the task's embedder can do nothing with the request; None where it can."""
    spec = task.config.embedder
    if needs_text(spec) and request.text is None:
        return f"text: task {task.name} is classified by its text"
    if vectors_of(spec) != PRECOMPUTED:
        return None
    if request.embedding is None:
        return f"embedding: task {task.name} is classified by vectors that requests bring"
    try:
        vector(request.embedding, task.dimension)
    except InvalidVector as error:
        return str(error)
    return None


def request_features(requests: Sequence[Request], task: Task) -> Features | None:
    """What the requests bring of what the policy scores, a row a request; None where one brings too little.

    Where an encoder makes the vectors, these are the texts that it makes them of.
    """
    spec = task.config.embedder
    texts = [request.text for request in requests if request.text is not None] if needs_text(spec) else None
    if texts is not None and len(texts) != len(requests):
        return None
    if vectors_of(spec) != PRECOMPUTED:
        return Features(texts=texts)
    vectors: list[Wire] = [request.embedding for request in requests if request.embedding is not None]
    if task.dimension is None or len(vectors) != len(requests):
        return None
    rows = matrix(vectors, task.dimension)
    return None if rows is None else Features(texts, rows)


class BatchVectors:
    """Those of a batch's texts: each made when it is first asked for, and kept, so that nobody embeds twice.

    Attributes:
        texts: those of the batch, in order.
        encoder: id of what makes the vectors.
    """

    def __init__(self, texts: Sequence[str], embedder: Embedder) -> None:
        self.texts = texts
        self.encoder = embedder.id
        self._embedder = embedder
        self._rows = np.empty((len(texts), embedder.dimension), dtype=np.float32)
        self._made = np.zeros(len(texts), dtype=np.bool_)
        self._refused = np.zeros(len(texts), dtype=np.bool_)

    def embed(self, places: Sequence[int]) -> NDArray[np.float32]:
        """Float32 [places, d]. Raises EmbedderError."""
        chosen = np.asarray(places, dtype=np.int64)
        missing = chosen[~self._made[chosen]]
        if len(missing):
            self._rows[missing] = self._embedder.embed([self.texts[place] for place in missing.tolist()])
            self._made[missing] = True
        return self._rows[chosen]

    def refuse(self, place: int) -> None:
        """The encoder makes none of this text."""
        self._refused[place] = True

    def refused(self, places: range) -> int:
        """Of how many of them the encoder makes none."""
        return int(np.count_nonzero(self._refused[places.start : places.stop]))

    def packed(self, place: int) -> bytes | None:
        """One of them as it travels; None where nobody has asked for it."""
        return self._rows[place].astype("<f4").tobytes() if self._made[place] else None


def encode_features(task: Task, vectors: BatchVectors, places: Sequence[int]) -> Features:
    """What the policy scores of some of the texts; the texts alone where it asks for vectors by itself.

    Raises:
        EmbedderError: the encoder failed.
    """
    spec = task.config.embedder
    texts = [vectors.texts[place] for place in places] if reads_text(spec) else None
    return Features(texts, None if is_lazy(spec) else vectors.embed(places))
