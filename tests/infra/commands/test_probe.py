"""probe: a table of layers, a cut checkpoint, and what each refuses."""

import json
from pathlib import Path

import pytest

from models.language_model.checkpoint import read_checkpoint
from models.language_model.sweep import PromptReader, States
from tests.infra.conftest import Run
from tests.models.language_model.tiny import LAYERS, write_tiny
from tests.models.language_model.tiny_folder import write_folder

PROMPT = "read{text}end"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny.gguf")


def traces(tmp_path: Path, labels: str) -> Path:
    file = tmp_path / "calls.jsonl"
    lines = (json.dumps({"text": 3 * label, "label": label}) for label in labels)
    file.write_text("\n".join(lines))
    return file


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    file = tmp_path / "prompt.txt"
    file.write_text(PROMPT)
    return file


def test_a_sweep_compares_all_layers(understudy: Run, tmp_path: Path, model: Path, prompt: Path) -> None:
    calls = traces(tmp_path, "abc" * 20)
    ended = understudy("probe", "sweep", str(calls), "--model", str(model), "--prompt", str(prompt), "--json")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["texts"] == 60
    assert {(one["pooling"], one["layer"]) for one in told["readings"]} >= {
        (pooling, layer) for pooling in ("last token", "mean of the last 4") for layer in range(1, LAYERS + 1)
    }
    assert told["chosen"] in told["readings"]
    shown = understudy("probe", "sweep", str(calls), "--model", str(model), "--prompt", str(prompt))
    assert "the cheapest within a standard error of the best" in shown.out
    assert "texts read" not in shown.err


def test_a_sweep_that_runs_out_of_time_says_how_far_it_came(
    understudy: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: Path, prompt: Path
) -> None:
    def read_half(reader: PromptReader, texts: list[str], *_: object) -> States:
        return read(reader, texts[:40], 60.0)

    read = PromptReader.read
    monkeypatch.setattr(PromptReader, "read", read_half)
    calls = traces(tmp_path, "abc" * 20)
    ended = understudy("probe", "sweep", str(calls), "--model", str(model), "--prompt", str(prompt))
    assert ended.status == 0, ended.err
    assert "40 of 60 texts read: time was up" in ended.err


def test_too_few_labels_are_refused(understudy: Run, tmp_path: Path, model: Path, prompt: Path) -> None:
    calls = traces(tmp_path, "a" * 60 + "b" * 2)
    ended = understudy("probe", "sweep", str(calls), "--model", str(model), "--prompt", str(prompt))
    assert ended.status == 2
    assert "fewer than two labels have 5" in ended.err


def test_a_checkpoint_is_cut_once(understudy: Run, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "cut.gguf"
    ended = understudy("probe", "truncate", str(model), "--layer", "1", "--out", str(out))
    assert (ended.status, out.exists()) == (0, True), ended.err
    again = understudy("probe", "truncate", str(model), "--layer", "1", "--out", str(out))
    assert again.status == 2
    assert "is there already" in again.err
    deep = understudy("probe", "truncate", str(model), "--layer", "9", "--out", str(tmp_path / "deep.gguf"))
    assert deep.status != 0
    assert "it can be cut after 1 to 1, not after 9" in deep.err


def test_a_missing_checkpoint_is_not_called_damaged(understudy: Run, tmp_path: Path) -> None:
    ended = understudy(
        "probe", "truncate", str(tmp_path / "no.gguf"), "--layer", "1", "--out", str(tmp_path / "cut")
    )
    assert ended.status != 0
    assert "no.gguf: can't be read: No such file" in ended.err


def test_a_damaged_checkpoint_is_named(understudy: Run, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF")
    ended = understudy("probe", "truncate", str(damaged), "--layer", "1", "--out", str(tmp_path / "cut.gguf"))
    assert ended.status != 0
    assert "damaged.gguf is no GGUF file, or a damaged one" in ended.err


def test_a_folder_is_cut_and_says_what_was_compared(understudy: Run, tmp_path: Path, model: Path) -> None:
    checkpoint = read_checkpoint(model)
    for kind, compared in (("llama", "states"), ("qwen3", "weights")):
        whole = write_folder(tmp_path / kind, checkpoint, model_type=kind)
        ended = understudy("probe", "truncate", whole, "--layer", 1, "--out", tmp_path / f"{kind}-1")
        assert ended.status == 0, ended.err
        assert f"{kind}-1: 1 layers, {compared} as in {whole}" in ended.err
