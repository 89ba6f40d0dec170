"""A decoder reads from left to right, a prefix changes nothing, and SmolLM2 goes on as it should."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.harness.language_model import checkpoint_file
from models.errors import CheckpointUnusable, TextRefused
from models.language_model.byte_pairs import BytePairs
from models.language_model.checkpoint import Checkpoint, read_checkpoint
from models.language_model.decoder import Decoder, Matrix, ReadPrefix
from models.language_model.prefix_cache import CachedReader
from tests.models.language_model.tiny import LAYERS, TOKENS, WIDTH, write_tiny

_TEXTS = st.lists(st.integers(0, len(TOKENS) - 1), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return Decoder(read_checkpoint(write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")))


@given(data=st.data(), tokens=_TEXTS)
def test_a_prefix_that_is_kept_changes_no_state(
    data: st.DataObject, decoder: Decoder, tokens: list[int]
) -> None:
    whole, _ = decoder.read(tokens)
    cut = data.draw(st.integers(0, len(tokens) - 1))
    before = decoder.read(tokens[:cut])[1] if cut else None
    rest, prefix = decoder.read(tokens[cut:], before)
    assert whole.shape == (LAYERS + 1, len(tokens), WIDTH)
    assert prefix.count == len(tokens)
    np.testing.assert_allclose(rest, whole[:, cut:], rtol=1e-3, atol=1e-4)


@given(tokens=_TEXTS, later=_TEXTS)
def test_what_comes_later_changes_no_state(decoder: Decoder, tokens: list[int], later: list[int]) -> None:
    alone, _ = decoder.read(tokens)
    followed, _ = decoder.read([*tokens, *later])
    np.testing.assert_allclose(followed[:, : len(tokens)], alone, rtol=1e-3, atol=1e-4)


@given(texts=st.lists(_TEXTS, min_size=1, max_size=8), kept=st.integers(0, 3))
def test_a_reader_that_keeps_texts_reads_each_as_it_is(
    decoder: Decoder, texts: list[list[int]], kept: int
) -> None:
    reader = CachedReader(decoder, kept)
    for tokens in texts:
        np.testing.assert_allclose(
            reader.last_states(tokens), decoder.read(tokens)[0][:, -1], rtol=1e-3, atol=1e-4
        )


class Counted(Decoder):
    """Notes how many tokens it reads each time."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self.read_counts: list[int] = []

    def read(self, tokens: Sequence[int], after: ReadPrefix | None = None) -> tuple[Matrix, ReadPrefix]:
        self.read_counts.append(len(tokens))
        return super().read(tokens, after)


def test_prompts_that_are_read_in_turn_are_read_once(decoder: Decoder) -> None:
    first, second, third = ([start, *range(1, 9)] for start in (10, 11, 12))
    counted = Counted(decoder.checkpoint)
    reader = CachedReader(counted, kept=2)
    for prompt, text in ((first, 20), (second, 21), (first, 22), (second, 23), (third, 24), (first, 25)):
        reader.last_states([*prompt, text])
    assert counted.read_counts == [10, 10, 1, 1, 10, 10], "a third prompt takes the place of the first"
    reader = CachedReader(counted := Counted(decoder.checkpoint), kept=0)
    for text in (20, 21):
        reader.last_states([*first, text])
    assert counted.read_counts == [10, 10]


def test_a_text_that_is_too_long_is_refused_with_both_lengths(decoder: Decoder) -> None:
    with pytest.raises(TextRefused, match="33 tokens, but the model reads 1 to 32"):
        decoder.read([1] * 33)
    with pytest.raises(TextRefused, match="0 tokens"):
        decoder.read([])


def test_a_file_that_is_cut_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    whole = write_tiny(tmp_path / "tiny.gguf").read_bytes()
    damaged = tmp_path / "damaged.gguf"
    for size in (0, 3, 20, len(whole) // 2, len(whole) - 40):
        damaged.write_bytes(whole[:size])
        with pytest.raises(CheckpointUnusable, match=r"damaged\.gguf"):
            read_checkpoint(damaged)
    with pytest.raises(CheckpointUnusable, match="its architecture is gpt2, and only llama"):
        read_checkpoint(write_tiny(tmp_path / "other.gguf", architecture="gpt2"))
    with pytest.raises(CheckpointUnusable, match=r"lacks blk\.1\.ffn_up\.weight"):
        read_checkpoint(write_tiny(tmp_path / "lacks.gguf", without="blk.1.ffn_up"))
    with pytest.raises(CheckpointUnusable, match=r"none\.gguf"):
        read_checkpoint(tmp_path / "none.gguf")


def test_smollm2_goes_on_as_it_should() -> None:
    file = checkpoint_file()
    if file is None:
        pytest.skip("no SmolLM2: `make model` fetches it")
    checkpoint = read_checkpoint(file)
    tokens = BytePairs(checkpoint).tokens("The capital of France is")
    states, _ = (decoder := Decoder(checkpoint)).read(tokens)
    assert checkpoint.tokens[int(decoder.logits(states[-1, -1]).argmax())] == "ĠParis"
