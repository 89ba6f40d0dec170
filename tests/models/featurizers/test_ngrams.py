"""N-grams: case is folded, ends are marked, padding is not counted, chains lead to shorter n-grams."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.featurizers.ngram_counts import ngram_chains
from models.featurizers.ngrams import (
    BUCKETS,
    MAX_BYTES,
    MULTIPLIER,
    POWERS,
    START,
    encode,
    pad,
    window_bytes,
    windows,
)
from models.featurizers.vocabulary import FIRST, LEAST_CONTENTS, UNKNOWN, learn_vocabulary


def by_hand(gram: bytes) -> int:
    bucket = 0
    for byte in gram.lower():
        bucket = (bucket * MULTIPLIER + byte) % BUCKETS
    return bucket


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_buckets_are_those_computed_by_hand(texts: list[bytes]) -> None:
    found = windows(texts)
    for owner, text in enumerate(texts):
        line = bytes([START]) + text + bytes(5)
        mine = found.buckets[:, found.owner == owner]
        wanted = [[by_hand(line[at : at + n]) for at in range(len(text) + 1)] for n in (2, 3, 4, 5)]
        np.testing.assert_array_equal(mine, wanted)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_the_graph_computes_the_same_buckets(texts: list[bytes]) -> None:
    found = windows(texts)
    buckets = (POWERS @ window_bytes(texts).astype(np.int32)) % BUCKETS
    for owner, text in enumerate(texts):
        mine = buckets[owner, :, : len(text) + 1]
        np.testing.assert_array_equal(mine, found.buckets[:, found.owner == owner])
        assert not buckets[owner, :, len(text) + 1 :].any()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_padding_keeps_every_byte(texts: list[str]) -> None:
    encoded = encode(texts)
    padded = pad(encoded)
    assert padded.shape == (len(texts), max(1, *map(len, encoded)))
    assert [row.tobytes().rstrip(b"\0") for row in padded] == [text.rstrip(b"\0") for text in encoded]


def test_long_texts_are_cut() -> None:
    assert encode(["x" * 100_000, "\ud800"]) == [b"x" * MAX_BYTES, b"?"]


def test_only_n_grams_of_enough_texts_are_kept() -> None:
    texts = [b"abc"] * LEAST_CONTENTS + [b"xyz"] * (LEAST_CONTENTS - 1)
    cells = windows(texts)
    voc = learn_vocabulary(cells, np.arange(cells.texts))
    rows = voc.rows(cells)
    assert (rows[cells.owner < LEAST_CONTENTS] >= FIRST).all()
    assert (rows[cells.owner >= LEAST_CONTENTS] == UNKNOWN).all()


def test_a_chain_holds_all_kept_prefixes() -> None:
    cells = windows([b"abcdef"] * LEAST_CONTENTS + [b"abcx"] * LEAST_CONTENTS)
    voc = learn_vocabulary(cells, np.arange(cells.texts))
    chain = ngram_chains(voc).toarray()
    found = voc.table[cells.buckets]
    longest = voc.rows(cells)
    for column in range(len(longest)):
        kept = {int(row) for row in found[:, column] if row >= FIRST}
        wanted = {row for row in kept if voc.order[row] <= voc.order[longest[column]]}
        assert set(np.flatnonzero(chain[longest[column]])) == wanted


def test_nothing_is_kept_of_nothing() -> None:
    voc = learn_vocabulary(windows([b"", b"\0\0"]), np.arange(2))
    assert len(voc) == FIRST
    assert ngram_chains(voc).nnz == 0
