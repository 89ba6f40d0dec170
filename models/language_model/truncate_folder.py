"""Cuts a folder of safetensors weights after a layer, as `truncate` does with a GGUF file.

Any architecture with one stack of layers, numbered `layers.N`, will do, in as many files as there are. Each
tensor is copied as bytes and compared; where we can compute with the model, the states are compared too.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from models.errors import CheckpointUnusable
from models.language_model.model_folder import CONFIG, INDEX, LAYERS, ModelFolder
from models.language_model.safetensors_file import FLOATS
from models.language_model.truncate import check_layer, check_states

LARGEST_COMPUTED = 2 << 30
"""Bytes of weights up to which states are computed: as float32 they take up to twice as much memory."""

_ADDS_ONE = ("gemma", "gemma2", "gemma3", "gemma3_text")
"""Models whose norms add one to their weights."""

_NORMS = ("model.norm.weight", "norm.weight")
_ONES = {"F32": np.float32(1).tobytes(), "F16": np.float16(1).tobytes(), "BF16": b"\x80\x3f"}
_LAYER = re.compile(r"(?P<stack>(?:.+?\.)?layers)\.(?P<number>\d+)\.")
_BY_LAYER = ("layer_types", "no_rope_layers")
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack")


def truncate_folder(source: Path, target: Path, layer: int, *, keep_norm: bool = True) -> bool:
    """Write the first layers of a model's folder into another folder, and compare both.

    Args:
        layer: how many layers to keep, at least 1 and fewer than there are.
        keep_norm: keep the final norm, which was learned for the last layer's states; else it only scales
            them to one length.

    Returns:
        Whether states were compared, and not bytes alone.

    Raises:
        CheckpointUnusable: the source can't be read, has no such layer, or no stack of layers or several
            that could be cut; or the copy differs.
        OSError: the target can't be written, or is there already.
    """
    whole = ModelFolder.open(source)
    check_layer(source, whole.layers, layer)
    stack = _stack(whole)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as made:
        part = Path(made) / target.name
        part.mkdir()
        _write(whole, part, _Cut(stack, layer), keep_norm=keep_norm)
        is_computed = whole.is_computable and whole.bytes <= LARGEST_COMPUTED
        if is_computed:
            first = whole.checkpoint()
            check_states(
                replace(first, blocks=first.blocks[:layer]), ModelFolder.open(part).checkpoint(), target
            )
        part.rename(target)
    return is_computed


@dataclass(frozen=True, slots=True)
class _Cut:
    """Attributes:
    stack: what the names of its layers begin with, e.g. `model.layers`.
    layer: how many are kept.
    """

    stack: str
    layer: int

    def keeps(self, tensor: str) -> bool:
        found = _LAYER.match(tensor)
        return found is None or found["stack"] != self.stack or int(found["number"]) < self.layer


def _stack(whole: ModelFolder) -> str:
    """The one stack that has all layers; others, of a vision tower for instance, have fewer.

    Raises:
        CheckpointUnusable: there is none, or more than one.
    """
    numbers: dict[str, set[int]] = {}
    for file in whole.files.values():
        for tensor in file.tensors:
            if found := _LAYER.match(tensor.name):
                numbers.setdefault(found["stack"], set()).add(int(found["number"]))
    complete = [stack for stack, found in numbers.items() if found >= set(range(whole.layers))]
    if len(complete) != 1:
        raise CheckpointUnusable(
            f"{whole.path} must have one stack of {whole.layers} layers with names like `layers.0`, and has "
            f"{', '.join(complete) or 'none'}"
        )
    return complete[0]


def _write(whole: ModelFolder, target: Path, cut: _Cut, *, keep_norm: bool) -> None:
    weight_map: dict[str, str] = {}
    size = 0
    replaced = {} if keep_norm else _plain_norm(whole)
    for name, file in whole.files.items():
        if not any(cut.keeps(tensor.name) for tensor in file.tensors):
            continue
        for tensor in file.write_part(target / name, cut.keeps, replaced):
            weight_map[tensor.name] = name
            size += tensor.end - tensor.begin
    if (whole.path / INDEX).exists():
        _write_json(target / INDEX, {"metadata": {"total_size": size}, "weight_map": weight_map})
    _write_json(target / CONFIG, _config(whole.config, cut.layer))
    for other in whole.path.iterdir():
        if other.is_file() and other.name not in (CONFIG, INDEX) and other.suffix not in _WEIGHTS:
            shutil.copy(other, target / other.name)


def _config(config: Mapping[str, Any], layer: int) -> dict[str, Any]:
    by_layer = {name: config[name][:layer] for name in _BY_LAYER if isinstance(config.get(name), list)}
    return {**config, LAYERS: layer, **by_layer}


def _plain_norm(whole: ModelFolder) -> dict[str, bytes]:
    """Bytes of the final norm's weights that change nothing. Raises CheckpointUnusable."""
    for file in whole.files.values():
        for tensor in file.tensors:
            if tensor.name in _NORMS and tensor.dtype in FLOATS:
                one = _ONES[tensor.dtype]
                if whole.config.get("model_type") in _ADDS_ONE:
                    one = bytes(len(one))
                return {tensor.name: one * int(np.prod(tensor.shape))}
    raise CheckpointUnusable(f"{whole.path} has no final norm named {' or '.join(_NORMS)}: keep it as it is")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
