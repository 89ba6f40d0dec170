"""Encoders small enough to be made by a test, in the formats of real ones."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

WORDS = "block order activate find card parcel account please the my yes no"
PARCEL_WORDS = "parcel money refund payment moved house address street come sent where"
WIDTH = 16

_UNKNOWN = "[UNK]"


def static(folder: Path, *, seed: int = 0, words: str = WORDS) -> Path:
    """A Model2Vec folder: a random vector a word, means of length one."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(words)
    tokenizer.save(str(folder / "tokenizer.json"))
    vectors = np.random.default_rng(seed).normal(size=(tokenizer.get_vocab_size(), WIDTH)).astype(np.float32)
    save_file({"embeddings": vectors}, folder / "model.safetensors")
    (folder / "config.json").write_bytes(msgspec.json.encode({"model_type": "model2vec", "normalize": True}))
    return folder


def sentences(folder: Path, *, pooled: bool = False, quantised: bool = False) -> Path:
    """An ONNX encoder: a table's rows of the tokens, or their sum; quantised on the scale of its batch."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(WORDS)
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), WIDTH)).astype(np.float32)
    table *= np.geomspace(0.1, 10, len(table), dtype=np.float32)[:, None]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["states"])]
    if quantised:
        nodes += [
            helper.make_node("DynamicQuantizeLinear", ["states"], ["small", "scale", "zero"]),
            helper.make_node("DequantizeLinear", ["small", "scale", "zero"], ["rough"]),
        ]
    made = "rough" if quantised else "states"
    if pooled:
        nodes += [
            helper.make_node("Cast", ["attention_mask"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["floats", "last"], ["mask"]),
            helper.make_node("Mul", [made, "mask"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "middle"], ["sentence_embedding"], keepdims=0),
        ]
        made = "sentence_embedding"
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"]) for name in _INPUTS],
        [helper.make_tensor_value_info(made, TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array([2]), "last"),
            numpy_helper.from_array(np.array([1]), "middle"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, folder / "model.onnx")
    return folder


_INPUTS = ("input_ids", "attention_mask")


def _tokenizer(words: str) -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(("[PAD]", _UNKNOWN, *words.split()))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer
