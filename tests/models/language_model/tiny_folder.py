"""The tiny checkpoint as a folder of `transformers`: two files of safetensors and their index."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.language_model.checkpoint import Checkpoint
from tests.models.language_model.tiny import HEADS, KEY_HEADS, LAYERS

NAMES = {
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
FILES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def write_folder(path: Path, checkpoint: Checkpoint, **config: Any) -> Path:
    """Write it; the second file holds the last layer and the norm. `config` goes on top of its config."""
    path.mkdir()
    parts: tuple[dict[str, NDArray[Any]], ...] = (
        {"model.embed_tokens.weight": checkpoint.embedding},
        {"model.norm.weight": checkpoint.norm},
    )
    for number, block in enumerate(checkpoint.blocks):
        for ours, theirs in NAMES.items():
            matrix = getattr(block, ours)
            heads = {"query": HEADS, "key": KEY_HEADS}.get(ours)
            whole = matrix if heads is None else _in_halves(matrix, heads)
            parts[number == LAYERS - 1][f"model.layers.{number}.{theirs}.weight"] = whole
    for name, part in zip(FILES, parts, strict=True):
        save_file(part, path / name, {"format": "pt"})
    weight_map = {tensor: name for name, part in zip(FILES, parts, strict=True) for tensor in part}
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    (path / "tokenizer.json").write_text("{}")
    (path / "pytorch_model.bin").write_bytes(b"the same weights again")
    shape = {
        "model_type": "llama",
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "rms_norm_eps": checkpoint.epsilon,
        "rope_theta": checkpoint.rope_base,
        "max_position_embeddings": checkpoint.longest,
    }
    (path / "config.json").write_text(json.dumps(shape | config))
    return path


def _in_halves(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of each head in the order that rotates the first half against the second."""
    pairs = matrix.reshape(heads, -1, 2, matrix.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(matrix.shape))
