"""The contract of encoders, for every kind."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.embedders.contract import Embedder
from models.embedders.kinds import split_spec
from models.embedders.loader import open_embedder

from .conftest import PROMPT

TOLERANCE = 1e-5
ODD = ("", " ", "\0\0\0", "\U0001f600\U0001f4a5" * 50, "lone \ud800", "find the card " * 7200, "x" * 100_000)

_words = st.lists(st.sampled_from(["block", "my", "card", "no", "unheard-of", "!"]), max_size=12).map(
    " ".join
)
_texts = st.lists(_words | st.sampled_from(ODD[:5]) | st.text(max_size=30), max_size=40)


def together(embedder: Embedder, texts: list[str]) -> np.ndarray:
    rows = embedder.embed(texts)
    assert (rows.shape, rows.dtype) == ((len(texts), embedder.dimension), np.float32)
    assert np.isfinite(rows).all()
    return rows


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    length = np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-6)
    assert np.all(np.abs(found - expected) <= TOLERANCE * length)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=_texts)
def test_a_row_depends_on_its_text_alone(embedder: Embedder, texts: list[str]) -> None:
    rows = together(embedder, texts)
    for text, row in zip(texts, rows, strict=True):
        assert_same(together(embedder, [text]), row[None])
    assert_same(together(embedder, texts[::-1])[::-1], rows)


def test_any_text_has_a_vector(embedder: Embedder) -> None:
    texts = [*ODD, "block my card"] * 3
    rows = together(embedder, texts)
    assert_same(rows[: len(ODD) + 1], rows[len(ODD) + 1 : 2 * (len(ODD) + 1)])
    assert np.any(rows[-1] != 0)
    assert together(embedder, []).shape[0] == 0


def test_opening_twice_gives_the_same_encoder(embedder: Embedder, vectors: str) -> None:
    again = open_embedder(vectors, PROMPT)
    texts = ["block my card", "find the parcel, please", ""]
    assert (again.id, again.dimension) == (embedder.id, embedder.dimension)
    np.testing.assert_array_equal(together(again, texts), together(embedder, texts))


def test_the_id_says_what_it_is_and_not_where(embedder: Embedder, vectors: str) -> None:
    kind, place = split_spec(vectors)
    assert embedder.id.startswith(f"{kind}:")
    assert place.partition("#")[0] not in embedder.id


def test_another_word_changes_the_vector(embedder: Embedder) -> None:
    one, other = together(embedder, ["block my card", "block my account"])
    assert np.linalg.norm(one - other) > 1e-3
