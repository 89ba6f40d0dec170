import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.infra import parcels
from tests.infra.conftest import Run

SCRIPT = Path(sys.executable).with_name("understudy")


def test_a_refusal_ends_with_1(tmp_path: Path) -> None:
    few = parcels.write(tmp_path / "few.jsonl", parcels.traces(20))
    script: list[str | Path] = [SCRIPT, "fit", few, "--out", tmp_path / "policy", "--json"]
    ended = subprocess.run(script, capture_output=True, check=False)
    told = tmp_path / "policy" / "report.html"
    assert (ended.returncode, ended.stderr) == (1, f"report of the refusal: {told}\n".encode())
    assert "too few sampled traces: 20" in json.loads(ended.stdout)["refused"][0]
    assert list((tmp_path / "policy").iterdir()) == [told]


def test_fit_writes_a_policy_to_evaluate(understudy: Run, files: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "policy"
    ended = understudy("fit", files / "train.jsonl", "--out", out, "--json")
    assert (ended.status, ended.err) == (0, "")
    made = json.loads(ended.out)
    keys = "version traces drawn_from sampled labels seconds surrogate acceptor accuracy frontier refused"
    assert set(made) == {*keys.split(), "repeated"}
    assert (made["traces"], made["sampled"], made["labels"], made["refused"]) == (500, 500, 3, None)
    assert set(made["frontier"][0]) == {"target", "threshold", "coverage", "low", "deferred_shift"}
    assert {file.name for file in out.iterdir()} == {"policy.onnx", "manifest.json", "report.html"}

    found = json.loads(understudy("evaluate", out, files / "test.jsonl", "--json").out)
    assert set(found) == {"rows", "accuracy", "targets"}
    assert found["rows"] == 200
    target = next(target for target in found["targets"] if target["target"] == 0.95)
    keys = "target threshold coverage agreement low high violation"
    assert set(target) == set(keys.split())
    assert target["coverage"] > 0.5
    assert not target["violation"]


def test_fit_learns_from_vectors(understudy: Run, files: Path, tmp_path: Path) -> None:
    out, train, test = tmp_path / "policy", files / "train.npy", files / "test.npy"
    made = understudy("fit", files / "train.jsonl", "--embeddings", train, "--out", out, "--json")
    assert "logistic regression on vectors" in json.loads(made.out)["surrogate"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["embedder"], manifest["dimension"]) == ("precomputed", parcels.WIDTH)
    judged = understudy("evaluate", out, files / "test.jsonl", "--embeddings", test, "--target", "0.95")
    assert judged.status == 0
    assert judged.out.count("\n") == 3
    told = understudy("predict", out, files / "test.jsonl", "--embeddings", test)
    assert len(told.out.splitlines()) == 200
    without = understudy("predict", out, files / "test.jsonl")
    assert without.status == 2
    assert "precomputed" in without.err
    narrow = tmp_path / "narrow.npy"
    np.save(narrow, np.zeros((200, 3), dtype=np.float32))
    assert understudy("predict", out, files / "test.jsonl", "--embeddings", narrow).status == 2


@pytest.mark.parametrize("given", [["--target", "0.8", "0.875"], ["--target", "0.8", "--target=0.875"]])
def test_several_targets_may_follow(understudy: Run, files: Path, tmp_path: Path, given: list[str]) -> None:
    made = understudy("fit", *given, files / "train.jsonl", "--out", tmp_path / "policy", "--json")
    assert 0.875 in [point["target"] for point in json.loads(made.out)["frontier"]]


def test_a_refusal_leaves_the_old_policy(understudy: Run, own_policy: Path, tmp_path: Path) -> None:
    before = (own_policy / "manifest.json").read_bytes()
    few = parcels.write(tmp_path / "few.jsonl", parcels.traces(20))
    refused = understudy("fit", few, "--out", own_policy)
    assert refused.status == 1
    assert refused.out.count("refused: too few sampled traces: 20") == 1
    assert (own_policy / "manifest.json").read_bytes() == before


def test_only_sampled_traces_test_the_gate(understudy: Run, tmp_path: Path) -> None:
    wrong = [{**row, "label": "track", "sampled": False, "weight": 0} for row in parcels.traces(300, 1)]
    file = parcels.write(tmp_path / "mixed.jsonl", parcels.traces(500) + wrong)
    made = json.loads(understudy("fit", file, "--out", tmp_path / "policy", "--json").out)
    assert (made["traces"], made["sampled"], made["refused"]) == (800, 500, None)
    assert made["frontier"][-1]["coverage"] > 0.9


def test_the_parent_is_named_in_the_child(understudy: Run, files: Path, policy: Path, tmp_path: Path) -> None:
    parent = json.loads((policy / "manifest.json").read_text())["version"]
    made = understudy("fit", files / "train.jsonl", "--out", tmp_path / "child", "--parent", policy)
    assert made.status == 0
    assert json.loads((tmp_path / "child" / "manifest.json").read_text())["parent"] == parent


def test_bad_usage_ends_with_2(understudy: Run, files: Path, own_policy: Path, tmp_path: Path) -> None:
    train, out = files / "train.jsonl", tmp_path / "out"
    for wrong in (
        ["fit", train],
        ["fit", train, "--out", out, "--target", "1"],
        ["fit", train, "--out", out, "--delta", "0"],
        ["fit", train, "--out", out, "--embedder", "precomputed"],
        ["fit", train, "--out", out, "--embedder", "text", "--embeddings", files / "train.npy"],
        ["fit", train, "--out", out, "--task", "*"],
        ["fit", train, "--out", train],
        ["fit", train, "--out", train / "below"],
        ["fit", train, "--out", out, "--parent", files],
        ["fit", tmp_path / "nothing.jsonl", "--out", out],
        ["predict", files],
        ["evaluate", own_policy, files / "nothing.jsonl"],
    ):
        ended = understudy(*wrong)
        assert (ended.status, ended.out) == (2, ""), wrong
        assert ended.err
        assert "Traceback" not in ended.err
    assert not out.exists()
    graph = bytearray((own_policy / "policy.onnx").read_bytes())
    graph[-1] ^= 1
    (own_policy / "policy.onnx").write_bytes(graph)
    ended = understudy("evaluate", own_policy, files / "test.jsonl")
    assert ended.status == 2
    assert "SHA-256" in ended.err


def test_copies_of_a_request_count_once(understudy: Run, tmp_path: Path) -> None:
    """Copies would prove what the surrogate has learned by heart."""
    rows = [{**row, "id": str(number)} for number, row in enumerate(parcels.traces(40))]
    file = parcels.write(tmp_path / "copies.jsonl", rows * 5)
    ended = understudy("fit", file, "--out", tmp_path / "policy", "--json")
    assert ended.status == 1
    assert "160 lines repeat a request" in ended.err
    assert json.loads(ended.out)["refused"][0].startswith("too few sampled traces: 40")
