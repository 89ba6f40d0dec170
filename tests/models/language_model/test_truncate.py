"""A cut checkpoint computes the states of the whole one's layer, and a bad cut is refused."""

from pathlib import Path

import numpy as np
import pytest

from models.errors import CheckpointUnusable
from models.language_model.checkpoint import read_checkpoint
from models.language_model.decoder import Decoder
from models.language_model.truncate import truncate
from tests.models.language_model.tiny import LAYERS, write_tiny

TOKENS = [3, 1, 4, 1, 5]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "whole.gguf")


@pytest.mark.parametrize("keep_norm", [True, False])
def test_its_last_states_are_those_of_the_layer(whole: Path, tmp_path: Path, keep_norm: bool) -> None:
    truncate(whole, cut := tmp_path / "cut.gguf", 1, keep_norm=keep_norm)
    before, after = read_checkpoint(whole), read_checkpoint(cut)
    assert (before.tokens, before.merges, before.special) == (after.tokens, after.merges, after.special)
    states = Decoder(before).read(TOKENS)[0]
    np.testing.assert_allclose(Decoder(after).read(TOKENS)[0], states[:2], rtol=1e-5)
    assert len(after.blocks) == 1
    np.testing.assert_array_equal(after.norm, before.norm if keep_norm else np.ones_like(before.norm))


@pytest.mark.parametrize("layer", [0, LAYERS, LAYERS + 1])
def test_a_layer_that_is_not_inside_is_refused(whole: Path, tmp_path: Path, layer: int) -> None:
    with pytest.raises(CheckpointUnusable, match=f"2 layers: it can be cut after 1 to 1, not after {layer}"):
        truncate(whole, tmp_path / "cut.gguf", layer)
    assert not (tmp_path / "cut.gguf").exists()
