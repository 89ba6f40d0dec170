"""Rows that say the same are one content; rows that don't are not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.features import Features
from models.training.contents import content_of_rows, later_copies

TEXTS = [
    "Where is my parcel? It should have come on Monday already",
    "where is my parcel?  it should have come on monday already!",
    "Where is my parcel? It should have come on Monday alreadi",
    "I would like to close my account and get the rest of my money",
    "Order 4711 has not arrived",
    "Order 1234 has not arrived",
]


def test_case_digits_and_typing_errors_make_no_content() -> None:
    contents = content_of_rows(Features(texts=TEXTS))
    assert contents[0] == contents[1] == contents[2]
    assert contents[4] == contents[5]
    assert len(set(contents)) == 3
    assert later_copies(contents).mean() == 0.5


def test_near_vectors_are_one_content_and_others_not() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((400, 64)).astype(np.float32)
    moved = vectors + 0.005 * generator.standard_normal(vectors.shape).astype(np.float32)
    contents = content_of_rows(Features(embeddings=np.concatenate([vectors, moved])))
    np.testing.assert_array_equal(contents[:400], contents[400:])
    assert len(set(contents)) == 400


@given(st.lists(st.text(max_size=12), min_size=1, max_size=20))
def test_a_text_sent_twice_is_always_found(texts: list[str]) -> None:
    contents = content_of_rows(Features(texts=[*texts, *texts]))
    np.testing.assert_array_equal(contents[: len(texts)], contents[len(texts) :])


def test_rows_without_features_are_alone() -> None:
    assert content_of_rows(Features(texts=["", "", "?"])).tolist() == [0, 0, 1]


def test_a_title_that_all_share_is_no_content_of_vectors() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    titled = Features(["a form"] * 100, np.concatenate([vectors, vectors]))
    assert not content_of_rows(titled).any()
    contents = content_of_rows(titled, text_is_read=False)
    np.testing.assert_array_equal(contents[:50], contents[50:])
    assert len(set(contents)) > 40
