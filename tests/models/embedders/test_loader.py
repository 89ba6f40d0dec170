"""Errors of opening an encoder name the problem and the remedy."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.embedders.composite import EncoderPart, encoder_parts, parts_of, places_of
from models.embedders.loader import CheckedEmbedder, open_embedder
from models.embedders.prompt import Prompt
from models.errors import EmbedderError
from tests.encoders import WIDTH, static


@pytest.mark.parametrize("vectors", ["precomputed", "text", "bert:x"])
def test_a_spec_without_encoder_is_refused(vectors: str) -> None:
    with pytest.raises(EmbedderError, match=f"`{vectors}` is not an encoder"):
        open_embedder(vectors)


def test_a_probe_without_a_prompt_is_refused() -> None:
    with pytest.raises(EmbedderError, match="without a prompt"):
        open_embedder("probe:http://127.0.0.1:1/v1#m")


@pytest.mark.parametrize(
    ("vectors", "module", "package"),
    [("model2vec:x", "model2vec", "model2vec"), ("onnx:x", "onnx", "tokenizers")],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, vectors: str, module: str, package: str
) -> None:
    monkeypatch.delitem(sys.modules, f"models.embedders.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        EmbedderError, match=rf"{package} is not installed: pip install 'understudy\[encoders\]'"
    ):
        open_embedder(vectors)


@pytest.mark.parametrize("template", ["no place", "{text} and {text}"])
def test_a_prompt_has_the_text_once(template: str) -> None:
    with pytest.raises(EmbedderError, match=r"must have \{text\} once"):
        Prompt.of(template, ())


def test_other_braces_of_a_prompt_stay() -> None:
    prompt = Prompt.of("{labels} {x}: {text}", ("a", "b {text}"))
    assert prompt.around("{labels} {text}") == "a\nb {text} {x}: {labels} {text}"


def test_a_template_says_what_labels_mean_where_it_likes() -> None:
    prompt = Prompt.of("{descriptions}|{labels}|{text}", ("a", "b"), {"a": "{labels}"})
    assert prompt.around("t") == "a: {labels}|a\nb|t"
    assert Prompt.of("{descriptions}{text}", ("a",)).around("t") == "t"


def test_other_prompts_have_other_hashes() -> None:
    prompts = [Prompt("a", "b"), Prompt("ab", ""), Prompt("", "ab"), Prompt.from_instruction("a", ())]
    assert len({prompt.hash for prompt in prompts}) == len(prompts)


def test_several_encoders_are_one_whose_id_says_where_each_begins(tmp_path: Path) -> None:
    first, second = static(tmp_path / "a"), static(tmp_path / "b", seed=1)
    parts = [open_embedder(f"model2vec:{folder}") for folder in (first, second)]
    whole = open_embedder(f"model2vec:{first}>model2vec:{second}")
    assert whole.id == f"{parts[0].id}[{WIDTH}]>{parts[1].id}[{WIDTH}]"
    texts = ["block the card", "", "yes"]
    np.testing.assert_array_equal(whole.embed(texts), np.hstack([part.embed(texts) for part in parts]))
    assert parts_of(whole) == whole.parts  # type: ignore[attr-defined]
    named = encoder_parts(whole.id, whole.dimension, 2)
    assert named == tuple(EncoderPart(part.id, WIDTH) for part in parts)
    assert places_of(named) == (slice(0, WIDTH), slice(WIDTH, 2 * WIDTH))


@pytest.mark.parametrize(
    ("encoder", "dimension", "count"),
    [
        (None, 8, 2),
        ("onnx:a", 8, 2),
        ("onnx:a[4]>onnx:b", 8, 2),
        ("onnx:a[4]>onnx:b[5]", 8, 2),
        ("onnx:a[8]>onnx:b[0]", 8, 2),
        ("onnx:a[4]>onnx:b[4]", 8, 3),
        ("onnx:a[4]>onnx:b[4]", None, 2),
    ],
)
def test_an_id_of_other_parts_says_nothing(encoder: str | None, dimension: int | None, count: int) -> None:
    assert encoder_parts(encoder, dimension, count) is None
    assert encoder_parts(encoder, 8, 1) is not None, "any id names the only part"


class Faulty:
    """Does what its arguments say."""

    id, dimension = "faulty:1", 2

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def embed(self, _texts: Sequence[str]) -> Any:
        if isinstance(self._rows, Exception):
            raise self._rows
        return self._rows


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (Exception("no unknown token"), "faulty:1 failed on 1 texts (Exception: no unknown token)"),
        (EmbedderError("its own words"), "its own words"),
        (np.zeros((2, 2)), "shape [2, 2], must be [1, 2]"),
        (np.zeros((1, 3)), "shape [1, 3], must be [1, 2]"),
        (np.zeros(2), "shape [2], must be [1, 2]"),
        (np.array([[0, np.nan]]), "the vector of text 0 is not finite"),
        (np.array([[0, 1e39]]), "the vector of text 0 is not finite"),
    ],
)
def test_wrong_rows_of_an_encoder_are_errors(rows: Any, says: str) -> None:
    with pytest.raises(EmbedderError) as failed:
        CheckedEmbedder(Faulty(rows)).embed(["a"])
    assert says in str(failed.value)
