"""A cut checkpoint computes the states of the whole one's layer, and a bad cut is refused."""

from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from models.errors import CheckpointUnusable
from models.language_model import truncate as truncate_module
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


def damage(file: Path, tensor: str) -> None:
    """Overwrite a number of a tensor's weights by one that is none."""
    (place,) = (one.data_offset for one in GGUFReader(file).tensors if one.name == tensor)
    with file.open("r+b") as opened:
        opened.seek(int(place))
        opened.write(np.float32(np.nan).tobytes())


def test_a_damaged_checkpoint_leaves_no_file(whole: Path, tmp_path: Path) -> None:
    damage(whole, "blk.0.ffn_up.weight")
    with pytest.raises(CheckpointUnusable, match="first 1 layers compute states that are not finite"):
        truncate(whole, tmp_path / "cut.gguf", 1)
    assert list(tmp_path.iterdir()) == [whole]


@pytest.mark.parametrize("how", ["number", "end"])
def test_a_copy_that_is_written_badly_leaves_no_file(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    written = truncate_module._write

    def write_badly(source: Path, target: Path, layer: int, *, keep_norm: bool) -> None:
        written(source, target, layer, keep_norm=keep_norm)
        if how == "number":
            damage(target, "blk.0.ffn_up.weight")
        else:
            target.write_bytes(target.read_bytes()[:-64])

    monkeypatch.setattr(truncate_module, "_write", write_badly)
    with pytest.raises(CheckpointUnusable, match=r"cut\.gguf"):
        truncate(whole, tmp_path / "cut.gguf", 1)
    assert list(tmp_path.iterdir()) == [whole]
