"""Folders of LLMs as `transformers` writes them: `config.json`, and weights in one or more safetensors files.

The weights of architecture `llama` can be computed with (`checkpoint`). There a head's numbers are rotated in
two halves; the decoder rotates neighbouring pairs, so queries and keys are put into that order.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import CheckpointUnusable
from models.language_model.checkpoint import Checkpoint, LayerWeights, Weights
from models.language_model.safetensors_file import SafetensorsFile, StoredTensor

CONFIG, INDEX, SINGLE = "config.json", "model.safetensors.index.json", "model.safetensors"
LAYERS = "num_hidden_layers"

_BLOCK_TENSORS = {
    "attention_norm": "input_layernorm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "attention_output": "self_attn.o_proj",
    "feed_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Attributes:
    config: of the model.
    files: of its weights, by name.
    """

    path: Path
    config: Mapping[str, Any]
    files: Mapping[str, SafetensorsFile]

    @classmethod
    def open(cls, path: Path) -> "ModelFolder":
        """Raises:
        CheckpointUnusable: a part is missing or damaged.
        """
        config = _json_object(path / CONFIG)
        if not isinstance(config.get(LAYERS), int):
            raise CheckpointUnusable(f"{path / CONFIG} does not say `{LAYERS}`")
        return cls(path, config, {name: SafetensorsFile.open(path / name) for name in _weight_files(path)})

    @property
    def layers(self) -> int:
        return int(self.config[LAYERS])

    @property
    def bytes(self) -> int:
        """Of all weights."""
        return sum(tensor.end - tensor.begin for file in self.files.values() for tensor in file.tensors)

    @property
    def is_computable(self) -> bool:
        """Whether `checkpoint` can give it."""
        scaling = self.config.get("rope_scaling")
        plain = not self.config.get("attention_bias") and not self.config.get("mlp_bias")
        return self.config.get("model_type") == "llama" and scaling is None and plain

    def checkpoint(self) -> Checkpoint:
        """The weights as float32, without a tokenizer, of a model that `is_computable`.

        Raises:
            CheckpointUnusable: a weight or a number is missing, or of a type or shape that can't be read.
        """
        try:
            return self._checkpoint()
        except KeyError as error:
            raise CheckpointUnusable(f"{self.path} lacks {error.args[0]}") from error
        except (TypeError, ValueError, ArithmeticError) as error:
            raise CheckpointUnusable(f"{self.path}: numbers of {CONFIG} do not fit: {error}") from error

    def _checkpoint(self) -> Checkpoint:
        places = {tensor.name: (file, tensor) for file in self.files.values() for tensor in file.tensors}
        config = self.config
        heads = int(config["num_attention_heads"])
        key_heads = int(config.get("num_key_value_heads", heads))

        def weights(name: str) -> Weights:
            return _floats(places, f"{name}.weight")

        def block(number: int) -> LayerWeights:
            of = {ours: weights(f"model.layers.{number}.{theirs}") for ours, theirs in _BLOCK_TENSORS.items()}
            return LayerWeights(
                **of | {"query": _paired(of["query"], heads), "key": _paired(of["key"], key_heads)}
            )

        embedding = weights("model.embed_tokens")
        return Checkpoint(
            heads=heads,
            key_heads=key_heads,
            rope_base=float(config.get("rope_theta", 10_000.0)),
            epsilon=float(config["rms_norm_eps"]),
            longest=int(config["max_position_embeddings"]),
            embedding=embedding,
            blocks=tuple(block(number) for number in range(self.layers)),
            norm=weights("model.norm"),
            output=weights("lm_head") if "lm_head.weight" in places else embedding,
            tokens=(),
            merges=(),
            special=frozenset(),
        )


def _weight_files(path: Path) -> list[str]:
    """Names of the files that hold the weights, all in the folder itself."""
    if not (path / INDEX).exists():
        return [SINGLE]
    weight_map = _json_object(path / INDEX).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise CheckpointUnusable(f"{path / INDEX} is damaged: its `weight_map` must name files of the folder")
    return sorted(set(names))


def _floats(places: Mapping[str, tuple[SafetensorsFile, StoredTensor]], name: str) -> Weights:
    file, tensor = places[name]
    return file.floats(tensor)


def _paired(matrix: Weights, heads: int) -> Weights:
    """Rows of each head in the order that rotates neighbouring pairs."""
    halves = matrix.reshape(heads, 2, -1, matrix.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(matrix.shape))


def _json_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointUnusable(f"{path} is missing, or damaged: {error}") from error
    if not isinstance(found, dict):
        raise CheckpointUnusable(f"{path} is damaged: not a JSON object")
    return found
