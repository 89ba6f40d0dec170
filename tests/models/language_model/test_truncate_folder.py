"""A cut folder holds the first layers bit for bit, computes their states, and a bad one is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from models.errors import CheckpointUnusable
from models.language_model.checkpoint import Checkpoint, read_checkpoint
from models.language_model.decoder import Decoder
from models.language_model.model_folder import CONFIG, INDEX, ModelFolder
from models.language_model.safetensors_file import SafetensorsFile
from models.language_model.truncate_folder import truncate_folder
from tests.models.language_model.tiny import LAYERS, write_tiny
from tests.models.language_model.tiny_folder import FILES, write_folder

TOKENS = [3, 1, 4, 1, 5]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return read_checkpoint(write_tiny(tmp_path / "tiny.gguf"))


@pytest.fixture
def whole(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    return write_folder(tmp_path / "whole", checkpoint)


def tensors(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "np") as opened:
            found |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    return found


def test_a_folder_computes_what_the_same_weights_in_gguf_compute(whole: Path, checkpoint: Checkpoint) -> None:
    states = Decoder(ModelFolder.open(whole).checkpoint()).read(TOKENS)[0]
    np.testing.assert_allclose(states, Decoder(checkpoint).read(TOKENS)[0], rtol=1e-4, atol=1e-5)


def test_a_cut_folder_computes_the_states_of_its_last_layer(
    whole: Path, tmp_path: Path, checkpoint: Checkpoint
) -> None:
    cut = tmp_path / "out" / "cut"
    assert truncate_folder(whole, cut, 1) is True
    states = Decoder(ModelFolder.open(cut).checkpoint()).read(TOKENS)[0]
    np.testing.assert_allclose(states, Decoder(checkpoint).read(TOKENS)[0][:2], rtol=1e-4, atol=1e-5)
    before, after = tensors(whole), tensors(cut)
    assert set(after) == {name for name in before if "layers.1" not in name}
    for name, tensor in after.items():
        np.testing.assert_array_equal(tensor, before[name])
    index = json.loads((cut / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(after)
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in after.values())
    assert json.loads((cut / "config.json").read_text())["num_hidden_layers"] == 1
    assert {file.name for file in cut.iterdir()} == {
        *FILES,
        "model.safetensors.index.json",
        "config.json",
        "tokenizer.json",
    }


@pytest.mark.parametrize(("model_type", "weight"), [("qwen3", 1.0), ("gemma3_text", 0.0)])
def test_another_architecture_is_cut_by_its_weights(
    tmp_path: Path, checkpoint: Checkpoint, model_type: str, weight: float
) -> None:
    kinds = ["full_attention", "sliding_attention"]
    whole = write_folder(tmp_path / "whole", checkpoint, model_type=model_type, layer_types=kinds)
    cut = tmp_path / "cut"
    assert truncate_folder(whole, cut, 1, keep_norm=False) is False
    assert (tensors(cut)["model.norm.weight"] == weight).all()
    assert json.loads((cut / "config.json").read_text())["layer_types"] == kinds[:1]


def test_weights_of_two_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    file = tmp_path / "a.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f\x00\xc0")
    opened = SafetensorsFile.open(file)
    np.testing.assert_array_equal(opened.floats(opened.tensors[0]), [1.0, -2.0])


@pytest.mark.parametrize("layer", [0, LAYERS, LAYERS + 1])
def test_a_layer_that_is_not_inside_is_refused(whole: Path, tmp_path: Path, layer: int) -> None:
    with pytest.raises(CheckpointUnusable, match=f"2 layers: it can be cut after 1 to 1, not after {layer}"):
        truncate_folder(whole, tmp_path / "cut", layer)


DAMAGES = {
    "half a file": (FILES[1], lambda content: content[:-40]),
    "no header": (FILES[1], lambda _: b"\xff" * 64),
    "no config": (CONFIG, lambda _: b""),
    "a list as config": (CONFIG, lambda _: b"[]"),
    "a file elsewhere": (INDEX, lambda _: b'{"weight_map": {"a": "../tiny.gguf"}}'),
    "no map of weights": (INDEX, lambda _: b"{}"),
    "a list as a file": (INDEX, lambda _: b'{"weight_map": {"a": ["b"]}}'),
    "brackets without end": (CONFIG, lambda _: b"[" * 200_000),
    "heads that do not divide": (CONFIG, lambda found: found.replace(b'heads": ', b'heads": 7')),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_and_leaves_nothing(whole: Path, tmp_path: Path, damage: str) -> None:
    name, change = DAMAGES[damage]
    (whole / name).write_bytes(change((whole / name).read_bytes()))
    with pytest.raises(CheckpointUnusable, match=name):
        truncate_folder(whole, tmp_path / "cut", 1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["tiny.gguf", "whole"]


def test_a_missing_file_of_weights_is_named(whole: Path, tmp_path: Path) -> None:
    (whole / FILES[1]).unlink()
    with pytest.raises(CheckpointUnusable, match=FILES[1]):
        truncate_folder(whole, tmp_path / "cut", 1)


def stacks(path: Path, *names: str) -> Path:
    """A folder of four layers, with tensors of these names."""
    path.mkdir()
    save_file({name: np.ones(1, np.float32) for name in names}, path / "model.safetensors")
    (path / CONFIG).write_text(json.dumps({"model_type": "new", "num_hidden_layers": 4}))
    return path


def test_only_the_stack_of_all_layers_is_cut(tmp_path: Path) -> None:
    layers = [f"model.layers.{number}.mlp.layers.0.w" for number in range(4)]
    others = ["lm_head.weight", "mtp.layers.0.w", *(f"vision.layers.{number}.w" for number in range(3))]
    whole = stacks(tmp_path / "whole", *layers, *others)
    assert truncate_folder(whole, tmp_path / "cut", 2) is False
    assert set(tensors(tmp_path / "cut")) == {*layers[:2], *others}


@pytest.mark.parametrize(
    ("stack_names", "found"),
    [(("transformer.h",), "none"), (("encoder.layers", "decoder.layers"), "decoder.layers, encoder.layers")],
)
def test_a_model_without_one_stack_of_layers_is_refused(
    tmp_path: Path, stack_names: tuple[str, ...], found: str
) -> None:
    """Its copy would hold all layers, or lack some of another stack."""
    layers = (f"{stack}.{number}.w" for stack in stack_names for number in range(4))
    whole = stacks(tmp_path / "whole", *layers)
    with pytest.raises(CheckpointUnusable, match=f"names like `layers.0`, and has {found}"):
        truncate_folder(whole, tmp_path / "cut", 2)
    assert not (tmp_path / "cut").exists()


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    opened = SafetensorsFile.open(stacks(tmp_path / "whole", "a") / "model.safetensors")
    opened.path.write_bytes(opened.path.read_bytes()[:-2])
    with pytest.raises(CheckpointUnusable, match="shorter"):
        opened.floats(opened.tensors[0])
