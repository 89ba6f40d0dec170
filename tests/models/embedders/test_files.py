"""Encoders on disk: what they compute, their ids, and the errors of damaged files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import onnx
import pytest
from onnx import helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models.embedders.loader import open_embedder
from models.errors import EmbedderError
from tests.encoders import sentences, static


def test_a_static_vector_is_the_mean_of_its_tokens(tmp_path: Path) -> None:
    folder = static(tmp_path)
    table = load_file(folder / "model.safetensors")["embeddings"]
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    mean = table[[known.token_to_id(word) for word in ("block", "my", "card")]].mean(axis=0)
    (row,) = open_embedder(f"model2vec:{folder}").embed(["block my unheard-of CARD"])
    np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)


def test_token_states_are_averaged_over_the_mask(tmp_path: Path) -> None:
    states, sums = (
        open_embedder(f"onnx:{sentences(tmp_path / str(pooled), pooled=pooled)}") for pooled in (False, True)
    )
    texts = ["find", "block my card please", "no"]
    lengths = np.array([[1], [4], [1]])
    np.testing.assert_allclose(states.embed(texts), sums.embed(texts) / lengths, atol=1e-5)


@pytest.mark.parametrize("make", [static, sentences])
def test_the_id_follows_from_the_files_content(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    kind = "model2vec" if make is static else "onnx"
    first = open_embedder(f"{kind}:{make(tmp_path / 'here')}").id
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    (tmp_path / "there" / "README.md").write_text("moved")
    assert open_embedder(f"{kind}:{tmp_path / 'there'}").id == first
    tokenizer = tmp_path / "there" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"card"', '"cart"'))
    assert open_embedder(f"{kind}:{tmp_path / 'there'}").id != first


def test_the_tokenizer_settings_cut_a_text(tmp_path: Path) -> None:
    folder = sentences(tmp_path)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 2}))
    first, cut = open_embedder(f"onnx:{folder}").embed(["block my", "block my card and all the rest"])
    np.testing.assert_array_equal(first, cut)


def test_a_hub_id_is_read_from_the_hub_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `huggingface_hub` lays it out, so that nothing has to be fetched."""
    revision = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--maker--tiny"
    static(repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    same = open_embedder(f"model2vec:{static(tmp_path / 'same')}")
    for place in ("maker/tiny", f"maker/tiny@{revision}"):
        assert open_embedder(f"model2vec:{place}").id == same.id
    with pytest.raises(
        EmbedderError, match="'maker/other' is not a folder and could not be downloaded from the hub"
    ):
        open_embedder("model2vec:maker/other")


@pytest.mark.parametrize(
    "place", ["/no/such", "./no", "~/no", "a/folder/deep", "a/folder/deep@main", "there/no"]
)
def test_a_path_is_not_looked_for_on_the_hub(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EmbedderError, match=f"{place}: there is no such folder"):
        open_embedder(f"model2vec:{place}")


def test_a_graph_without_vectors_is_refused(tmp_path: Path) -> None:
    folder = sentences(tmp_path)
    graph = onnx.load(folder / "model.onnx")
    graph.graph.node.append(helper.make_node("ReduceSum", ["states", "middle"], ["all"], keepdims=0))
    graph.graph.node.append(helper.make_node("ReduceMax", ["all"], ["most"], keepdims=0))
    graph.graph.output[0].name = "most"
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(EmbedderError, match=r"graph output is \[\] of 1 texts"):
        open_embedder(f"onnx:{folder}")


def _garbled(file: Path) -> None:
    file.write_bytes(b"nonsense" + file.read_bytes()[8:])


@pytest.mark.parametrize(
    ("kind", "make", "spoil", "says"),
    [
        ("model2vec", static, lambda folder: (folder / "model.safetensors").unlink(), "model2vec"),
        (
            "model2vec",
            static,
            lambda folder: _garbled(folder / "model.safetensors"),
            "is complete and of kind",
        ),
        ("model2vec", static, lambda folder: _garbled(folder / "tokenizer.json"), "is complete and of kind"),
        ("onnx", sentences, lambda folder: (folder / "model.onnx").unlink(), "model.onnx or onnx/model.onnx"),
        ("onnx", sentences, lambda folder: (folder / "tokenizer.json").unlink(), "must have tokenizer.json"),
        ("onnx", sentences, lambda folder: _garbled(folder / "model.onnx"), "is complete and of kind"),
        ("onnx", sentences, lambda folder: _garbled(folder / "tokenizer.json"), "is complete and of kind"),
    ],
)
def test_a_damaged_encoder_is_named(
    tmp_path: Path,
    kind: str,
    make: Callable[[Path], Path],
    spoil: Callable[[Path], None],
    says: str,
) -> None:
    spoil(make(tmp_path))
    with pytest.raises(EmbedderError) as failed:
        open_embedder(f"{kind}:{tmp_path}")
    assert str(tmp_path) in str(failed.value)
    assert says in str(failed.value)
