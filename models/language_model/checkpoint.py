"""Checkpoints of LLMs in the GGUF format (its specification: ggml's docs/gguf.md), architecture `llama`.

Weights are read as float32, whatever their quantisation. A checkpoint may have been cut after a layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray

from models.errors import CheckpointUnusable

ARCHITECTURE = "llama"

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Weights of one layer; matrices are [outputs, inputs].

    Attributes:
        attention_norm, feed_norm: [width].
        query, key, value, attention_output: of the attention.
        gate, up, down: of the feed-forward part.
    """

    attention_norm: Weights
    query: Weights
    key: Weights
    value: Weights
    attention_output: Weights
    feed_norm: Weights
    gate: Weights
    up: Weights
    down: Weights


_BLOCK_TENSORS = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "attention_output": "attn_output",
    "feed_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An LLM's weights and shape.

    Attributes:
        heads, key_heads: of the attention; `heads` is a multiple of `key_heads`.
        rope_base: of the rotary position embedding.
        epsilon: of the norms.
        longest: tokens that it was made for, at most.
        embedding: [vocabulary, width], of tokens; also the output layer where there is no other.
        blocks: one a layer.
        norm: [width], after the last layer.
        output: [vocabulary, width].
        tokens: of the vocabulary, as byte-level BPE writes them.
        merges: of byte-level BPE, two parts with a space between.
        special: numbers of tokens that stand for no text.
    """

    heads: int
    key_heads: int
    rope_base: float
    epsilon: float
    longest: int
    embedding: Weights
    blocks: tuple[LayerWeights, ...]
    norm: Weights
    output: Weights
    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    special: frozenset[int]


_CONTROL = 3
"""Type of a token that stands for no text."""


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a GGUF file.

    Raises:
        CheckpointUnusable: the file can't be read, is damaged, of another architecture, or lacks a part.
    """
    try:
        reader = GGUFReader(path)
    except OSError as error:
        raise CheckpointUnusable(f"{path}: can't be read: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise CheckpointUnusable(f"{path} is no GGUF file, or a damaged one: {error}") from error
    fields = {name: field.contents() for name, field in reader.fields.items()}
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    try:
        return _checkpoint(fields, tensors)
    except KeyError as error:
        raise CheckpointUnusable(f"{path} lacks {error.args[0]}") from error
    except ValueError as error:
        raise CheckpointUnusable(f"{path} is damaged: {error}") from error


def _checkpoint(fields: Mapping[str, Any], tensors: Mapping[str, Any]) -> Checkpoint:
    architecture = fields["general.architecture"]
    if architecture != ARCHITECTURE:
        raise ValueError(f"its architecture is {architecture}, and only {ARCHITECTURE} can be read")

    def weights(name: str) -> Weights:
        tensor = tensors[f"{name}.weight"]
        return np.ascontiguousarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)

    embedding = weights("token_embd")
    blocks = tuple(
        LayerWeights(**{ours: weights(f"blk.{number}.{theirs}") for ours, theirs in _BLOCK_TENSORS.items()})
        for number in range(int(fields[f"{ARCHITECTURE}.block_count"]))
    )
    types = fields["tokenizer.ggml.token_type"]
    return Checkpoint(
        heads=int(fields[f"{ARCHITECTURE}.attention.head_count"]),
        key_heads=int(fields[f"{ARCHITECTURE}.attention.head_count_kv"]),
        rope_base=float(fields[f"{ARCHITECTURE}.rope.freq_base"]),
        epsilon=float(fields[f"{ARCHITECTURE}.attention.layer_norm_rms_epsilon"]),
        longest=int(fields[f"{ARCHITECTURE}.context_length"]),
        embedding=embedding,
        blocks=blocks,
        norm=weights("output_norm"),
        output=weights("output") if "output.weight" in tensors else embedding,
        tokens=tuple(fields["tokenizer.ggml.tokens"]),
        merges=tuple(fields["tokenizer.ggml.merges"]),
        special=frozenset(number for number, kind in enumerate(types) if kind == _CONTROL),
    )
