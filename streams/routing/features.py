"""Features of requests: their texts, the vectors that they bring, or vectors made of the texts."""

from collections.abc import Sequence

from models.embedders.batch_vectors import BatchVectors
from models.embedders.kinds import PRECOMPUTED, is_lazy, needs_text, reads_text, vectors_of
from models.features import Features
from schemas.errors import InvalidVector
from schemas.messages import Request
from schemas.vectors import Wire, decode_matrix, decode_vector
from streams.tasks import Task


def feature_error(request: Request, task: Task) -> str | None:
    """Why the task's embedder can't use the request; None where it can."""
    spec = task.config.embedder
    if needs_text(spec) and request.text is None:
        return f"text: task {task.name} is classified by its text"
    if vectors_of(spec) != PRECOMPUTED:
        return None
    if request.embedding is None:
        return f"embedding: task {task.name} is classified by vectors that requests bring"
    try:
        decode_vector(request.embedding, task.dimension)
    except InvalidVector as error:
        return str(error)
    return None


def request_features(requests: Sequence[Request], task: Task) -> Features | None:
    """The features that the requests bring, a row a request; None where one of them lacks some.

    Where an encoder makes the vectors, these are the texts that it encodes.
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
    rows = decode_matrix(vectors, task.dimension)
    return None if rows is None else Features(texts, rows)


def encode_features(task: Task, vectors: BatchVectors, rows: Sequence[int]) -> Features:
    """The features of some of the texts; the texts alone where the policy asks for vectors itself.

    Raises:
        EmbedderError: the encoder failed.
    """
    spec = task.config.embedder
    if is_lazy(spec):
        return Features([vectors.texts[row] for row in rows])
    texts = [vectors.texts[row] for row in rows] if reads_text(spec) else None
    return Features(texts, vectors.embed(rows))
