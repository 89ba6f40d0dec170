"""Turns what a caller passes to a router into queries, checked one by one.

A query with a text or vector that can't be scored is refused or marked here, before queries of several
callers are scored together, so that none can harm another.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Query:
    """A request to a router.

    Attributes:
        id: names it in the trace log.
        text: None where only its vector is known.
        vector: float32 [d]; None where the caller gave none.
        selected: it is in the uniform sample of all traffic that audits draw.
    """

    id: str
    text: str | None
    vector: NDArray[np.float32] | None
    selected: bool

    @property
    def item(self) -> Any:
        """What the fallback is asked about: the text, else the vector."""
        return self.vector if self.text is None else self.text


def queries_of(
    texts: Iterable[str] | None,
    embeddings: ArrayLike | None,
    ids: Iterable[str] | None,
    selects: Callable[[], bool],
) -> list[Query]:
    """A query for each text, or for each vector where there are no texts.

    Args:
        embeddings: [n, d], a vector for each query.
        selects: draws whether a query is in the sample.

    Raises:
        TypeError: neither texts nor vectors, or a text or id that is not a str.
        ValueError: texts, vectors and ids differ in number, or vectors are not numbers in n rows.
    """
    if texts is None and embeddings is None:
        raise TypeError("nothing to predict: give texts, embeddings or both")
    rows = None if texts is None else [_str(text, "text") for text in texts]
    vectors = None if embeddings is None else _vectors(embeddings)
    count = len(rows if rows is not None else vectors if vectors is not None else ())
    names = [uuid.uuid4().hex for _ in range(count)] if ids is None else [_str(name, "id") for name in ids]
    for kind, values in (("embeddings", vectors), ("ids", names)):
        if values is not None and len(values) != count:
            raise ValueError(f"{kind}: {len(values)} for {count} requests; there must be one for each")
    return [
        Query(
            names[place],
            None if rows is None else rows[place],
            None if vectors is None else vectors[place],
            selects(),
        )
        for place in range(count)
    ]


def _str(value: Any, kind: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{kind}: {type(value).__name__} given, must be a str")
    return str(value)


def _vectors(embeddings: ArrayLike) -> Sequence[NDArray[np.float32]]:
    with np.errstate(over="ignore"):
        vectors = np.asarray(embeddings, dtype=np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"embeddings: shape {list(vectors.shape)}, must be [requests, length]")
    return list(vectors)
