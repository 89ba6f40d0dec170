"""fit, predict and evaluate make vectors with the encoder that is named, and refuse another one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.embeddings import Answer, EmbeddingServer
from tests.encoders import PARCEL_WORDS, static
from tests.infra.conftest import Run


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return static(tmp_path_factory.mktemp("encoder") / "static", words=PARCEL_WORDS)


def test_an_encoder_makes_the_vectors(understudy: Run, files: Path, encoder: Path, tmp_path: Path) -> None:
    out, test = tmp_path / "policy", files / "test.jsonl"
    made = understudy(
        *(
            "fit",
            files / "train.jsonl",
            "--out",
            out,
            "--embedder",
            f"model2vec:{encoder}",
            "--target",
            "0.8",
        ),
        "--json",
    )
    assert (made.status, json.loads(made.out)["refused"]) == (0, None)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["embedder"], manifest["dimension"]) == (f"model2vec:{encoder}", 16)
    assert manifest["encoder"].startswith("model2vec:")
    assert understudy("evaluate", out, test, "--target", "0.8").status == 0

    moved = shutil.move(encoder, tmp_path / "moved")
    gone = understudy("predict", out, test)
    assert (gone.status, gone.out) == (2, "")
    assert str(encoder) in gone.err
    told = understudy("predict", out, test, "--embedder", f"model2vec:{moved}")
    assert (told.status, len(told.out.splitlines())) == (0, 200)
    other = static(tmp_path / "other", seed=1, words=PARCEL_WORDS)
    refused = understudy("predict", out, test, "--embedder", f"model2vec:{other}")
    assert refused.status == 2
    assert manifest["encoder"] in refused.err


def test_a_cascade_of_three_tiers_is_fitted_read_and_reported(
    understudy: Run, files: Path, tmp_path: Path
) -> None:
    first = static(tmp_path / "first", words=" ".join(PARCEL_WORDS.split()[:4]))
    second = static(tmp_path / "second", words=PARCEL_WORDS)
    out, test = tmp_path / "policy", files / "test.jsonl"
    spec = f"text>model2vec:{first}>text+model2vec:{second}"
    made = understudy(
        "fit", files / "train.jsonl", "--out", out, "--embedder", spec, "--target", "0.8", "--json"
    )
    fitted = json.loads(made.out)
    assert (made.status, fitted["refused"]) == (0, None)
    assert {len(point["tiers"]) for point in fitted["frontier"]} == {3}
    assert 'id="tiers"' in (out / "report.html").read_text()
    assert understudy("evaluate", out, test, "--target", "0.8").status == 0
    told = understudy("predict", out, test)
    assert (told.status, len(told.out.splitlines())) == (0, 200)
    assert understudy("report", out, "--traces", test, "--target", "0.8").status == 0
    assert 'id="tiers"' in (out / "report.html").read_text()
    static(second, seed=1, words=PARCEL_WORDS)
    refused = understudy("predict", out, test)
    assert refused.status == 2
    assert "use that encoder, or fit the policy again" in refused.err


def word_vectors(body: dict[str, Any]) -> Answer:
    """An answer with a vector for each text: which of the words are in it."""
    texts = [text.partition(": ")[2] for text in body["input"]]
    rows = [[0.1, *(float(word in text) for word in PARCEL_WORDS.split())] for text in texts]
    return 200, {"data": [{"index": at, "embedding": row} for at, row in enumerate(rows)]}


def test_a_probe_uses_the_prompt_it_was_given(understudy: Run, files: Path, tmp_path: Path) -> None:
    prompt, out, test = tmp_path / "prompt.txt", tmp_path / "policy", files / "test.jsonl"
    prompt.write_text("One of {labels}: {text} ->")
    with EmbeddingServer() as server:
        server.answer = word_vectors
        given = ["--embedder", f"probe:{server.url}#llm", "--target", "0.8"]
        assert understudy("fit", files / "train.jsonl", "--out", out, "--prompt", prompt, *given).status == 0
        asked = server.calls[-1]["input"][-1]
        assert asked.startswith("One of address\nrefund\ntrack: ")
        assert asked.endswith(" ->")
        assert understudy("predict", out, test, "--prompt", prompt).status == 0
        assert understudy("predict", out, test).status == 2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--embedder", "bert>onnx:"], "`bert` is none of"),
        (["--embedder", "text+precomputed"], "reads vectors from a file"),
        (["--embedder", "onnx:nowhere"], "tokenizer.json"),
        (["--embedder", "text", "--embeddings", "train.npy"], "reads no vectors"),
        (["--embedder", "onnx:x", "--embeddings", "train.npy"], "makes its vectors itself"),
        (["--embedder", "probe:http://127.0.0.1:1/v1#m", "--prompt", "train.npy"], "not UTF-8"),
        (["--embedder", "probe:http://127.0.0.1:1/v1#m", "--prompt", "train.jsonl"], "must have {text} once"),
    ],
)
def test_options_that_clash_are_named(
    understudy: Run, files: Path, tmp_path: Path, given: list[str], says: str
) -> None:
    words = [files / word if word.startswith("train.") else word for word in given]
    ended = understudy("fit", files / "train.jsonl", "--out", tmp_path / "out", *words)
    assert (ended.status, ended.out) == (2, "")
    assert says in " ".join(ended.err.replace("│", " ").split())


def test_a_text_policy_takes_no_encoder(understudy: Run, files: Path, policy: Path) -> None:
    ended = understudy("predict", policy, files / "test.jsonl", "--embedder", "onnx:x")
    assert ended.status == 2
    assert "the policy reads `text`" in ended.err
